"""One alert a backend for all that fails there and is not the fault of users, instead of one for each job (B63).

Failures are counted in the transaction in which a job moves. Few that pass by themselves are only counted; an alert
is raised at the third, and at once for a job that had to be given up. It ends when things work again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import SQL, Update

from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.db import database, writing
from jobsite.core.events import record
from jobsite.core.prepared import Prepared, place
from jobsite.core.wording import counted
from jobsite.jobs.faults import DATABASE_PROBLEMS, REPORT_PROBLEMS, RETRIES
from jobsite.jobs.models import Attempt, BackendAlert, Job
from jobsite.settings import current

JOBS, DATABASE, DATA = "jobs", "database", "data"
RAISED_AT = 3
QUIET = timedelta(minutes=15)
RAN = ("succeeded", "nonzero_exit", "unmatched_patterns")
_MARKED = ("internal_error", "waiting_on_new_task", *RAN)

log = logging.getLogger("jobsite.alerts")


@dataclass(frozen=True)
class Alert:
    """An alert for people who look after a backend: which one, since when, how often it failed, and what."""

    backend: Backend
    kind: str
    since: datetime
    last_at: datetime
    failures: int
    sentence: str


def note_move(job: Job, code: str) -> None:
    """Count what a job's step to `code` says of its backend; in the transaction of that step.

    A job that was given up is told of at once. One that ran, well or not, shows that the backend works.
    """
    if code not in _MARKED:
        return
    attempt = _NEWEST_ATTEMPT.run(job=job.id).fetchone()
    fault, begun = attempt or ("", None)
    if code == "internal_error":
        count_failure(job.backend_id, JOBS, fault or "platform", at_once=True)
    elif fault:
        count_failure(job.backend_id, JOBS, fault, at_once=code != "waiting_on_new_task")
    elif code in RAN and begun:
        note_success(job.backend_id, JOBS, begun)


_NEWEST_ATTEMPT = Prepared(
    lambda: (
        Attempt.select(Attempt.fault, Attempt.created_at)
        .where(Attempt.job == place("job"))
        .order_by(Attempt.number.desc())
    )
)


def count_failure(backend_id: int, kind: str, failure: str, *, at_once: bool) -> None:
    """Count one failure, and raise the alert when it is time. Call it in a transaction."""
    at = now()
    alert = BackendAlert.get_or_none(_open(backend_id, kind))
    if alert is None:
        about = {"backend": backend_id, "kind": kind, "first_at": at, "last_at": at}
        alert = BackendAlert.create(**about, failures={})
    alert.failures = {**alert.failures, failure: alert.failures.get(failure, 0) + 1}
    alert.last_at, alert.worked_at = max(at, alert.last_at), None
    raised = alert.raised_at is None and (at_once or sum(alert.failures.values()) >= RAISED_AT)
    if raised:
        alert.raised_at = at
    alert.save()
    if raised:
        _tell("alert", alert)


def note_success(backend_id: int, kind: str, begun: datetime | str) -> None:
    """Something that began at `begun` (also as the database holds it) went well there: that counts when nothing failed
    since. In a transaction."""
    _WORKS.run(backend=backend_id, kind=kind, begun=begun, at=now())


def _works() -> Update:
    open_alert = _open(place("backend"), place("kind")) & (BackendAlert.last_at < place("begun"))
    return BackendAlert.update(worked_at=place("at")).where(open_alert & BackendAlert.worked_at.is_null())


_WORKS = Prepared(_works)


def clear_quiet_alerts(quiet: timedelta = QUIET) -> None:
    """End the alerts on backends where something went well since the last failure, and that is so long ago."""
    due = BackendAlert.cleared_at.is_null() & BackendAlert.worked_at.is_null(False)
    alerts = BackendAlert.select().where(due & (BackendAlert.last_at <= now() - quiet))
    for alert in alerts.order_by(BackendAlert.id):
        with writing():
            same = (BackendAlert.id == alert.id) & due & (BackendAlert.last_at == alert.last_at)
            cleared = BackendAlert.update(cleared_at=now()).where(same).execute()
            if cleared and alert.raised_at is not None:
                _tell("alert-cleared", alert)


def open_alerts() -> Sequence[Alert]:
    """The alerts that stand, oldest first; none on a public side, where no job runs. One query."""
    if not current().secure:
        return []
    stands = BackendAlert.cleared_at.is_null() & BackendAlert.raised_at.is_null(False)
    rows = BackendAlert.select(BackendAlert, Backend).join(Backend).where(stands).order_by(BackendAlert.id)
    return [
        Alert(
            backend=row.backend,
            kind=row.kind,
            since=row.first_at,
            last_at=row.last_at,
            failures=sum(row.failures.values()),
            sentence=sentence(row.failures),
        )
        for row in rows
    ]


def sentence(failures: dict[str, int]) -> str:
    """What failed and how often, the most frequent first; never a name, a value or a line of a log."""
    often = sorted(failures.items(), key=lambda one: (-one[1], one[0]))
    return "; ".join(f"{_words(kind)} ({counted(count, 'time')})" for kind, count in often)


def _words(failure: str) -> str:
    elsewhere = {**DATABASE_PROBLEMS, **REPORT_PROBLEMS}
    if failure in elsewhere:
        return elsewhere[failure]
    return RETRIES[failure].sentence if failure in RETRIES else RETRIES["platform"].sentence


def _open(backend_id: int | SQL, kind: str | SQL) -> Any:
    mine = (BackendAlert.backend == backend_id) & (BackendAlert.kind == kind)
    return mine & BackendAlert.cleared_at.is_null()


def _tell(what: str, alert: BackendAlert) -> None:
    slug, words = alert.backend.slug, sentence(alert.failures)
    facts = {"kind": alert.kind, "failures": alert.failures, "sentence": words}
    record(f"backend:{what}", by="system", subject=f"backend:{slug}", **facts)
    level = logging.ERROR if what == "alert" else logging.INFO
    text = f"backend {slug} fails" if what == "alert" else f"backend {slug} works again"
    database.after_commit(lambda: log.log(level, "%s: %s", text, words))
