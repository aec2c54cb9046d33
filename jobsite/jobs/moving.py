"""`move`: the one door through which a job changes. One conditional update, the request's status beside it, one
event, one transaction."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from peewee import fn

from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import database, writing
from jobsite.core.errors import Conflict
from jobsite.core.events import record
from jobsite.core.prepared import Prepared, place
from jobsite.core.states import ImpossibleStep
from jobsite.jobs.backend_alerts import note_move
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.rules import CODES, JOB, REQUEST_ACTIVE, only_cancelled, request_status, why_not_step


def move(job: Job, code: str, message: str = "", *, by: str = "system", **changes: Any) -> None:
    """Take the job to the status `code`; `changes` are further columns.

    Raises `Conflict` when it is no longer where this object saw it, and `ImpossibleStep` for a step that is not in
    the table. Times never go backwards, also when the clock does.
    """
    if why_not := why_not_step(job.status_code, code):
        raise ImpossibleStep(why_not)
    target = CODES[code].state
    if target != job.state:
        JOB.step(job.state, target)
    moment = max(now(), job.updated_at)
    changes |= {"state": target, "status_code": code, "status_message": message or CODES[code].sentence}
    changes |= {"updated_at": moment, "status_code_updated_at": moment, **_times(job, target, moment)}
    with writing():
        _change(job, changes)
        record(f"job:{code}", by=by, subject=f"job:{job.identifier}", action=job.action)
        note_move(job, code)
        if target != job.state:
            _follow(job.job_request_id)
        database.after_commit(hub.ring)
    for name, value in changes.items():
        setattr(job, name, value)


def _change(job: Job, changes: dict[str, Any]) -> None:
    """Store the changes where the job is as this object saw it, else raise `Conflict`."""
    names = tuple(sorted(changes))
    values = {name: Job._meta.fields[name].db_value(changes[name]) for name in names}
    seen = {"its_id": job.id, "its_state": job.state, "its_code": job.status_code}
    if _update(names).run(**values, **seen).rowcount != 1:
        raise Conflict(f"Job {job.identifier} has moved on.")


@lru_cache
def _update(names: tuple[str, ...]) -> Prepared:
    """The update of these columns of the job that has an id, a state and a code."""
    seen = (
        (Job.id == place("its_id"))
        & (Job.state == place("its_state"))
        & (Job.status_code == place("its_code"))
    )
    return Prepared(lambda: Job.update({getattr(Job, name): place(name) for name in names}).where(seen))


def _times(job: Job, target: str, moment: datetime) -> dict[str, Any]:
    if target == "running":
        return {"started_at": job.started_at or moment}
    if target == "pending":
        return {"started_at": None}
    return {"completed_at": moment}


def _follow(request_id: int) -> None:
    """Derive the request's status, counts and times from its jobs, in the transaction of their change."""
    before, message, begun = _REQUEST.run(request=request_id).fetchone()
    rows = _COUNTS.run(request=request_id).fetchall()
    states = [state for state, *_ in rows]
    status = request_status(before, states)
    # The times stay as the database holds them, moments or texts: both sort alike.
    starts = [started for _, _, started, _ in rows if started]
    ends = [completed for *_, completed in rows if completed]
    _FOLLOW.run(
        status=status,
        only_cancelled=only_cancelled(status, states),
        message="Failed due to job failure" if status == "failed" else message,
        succeeded=sum(count for state, count, *_ in rows if state == "succeeded"),
        started=begun or min(starts, default=None),
        completed=None if status in REQUEST_ACTIVE else max(ends, default=None),
        request=request_id,
    )


_REQUEST = Prepared(
    lambda: JobRequest.select(JobRequest.status, JobRequest.status_message, JobRequest.started_at).where(
        JobRequest.id == place("request")
    )
)
_COUNTS = Prepared(
    lambda: (
        Job.select(Job.state, fn.COUNT(Job.id), fn.MIN(Job.started_at), fn.MAX(Job.completed_at))
        .where(Job.job_request == place("request"))
        .group_by(Job.state)
    )
)
_FOLLOW = Prepared(
    lambda: JobRequest.update(
        status=place("status"),
        only_cancelled=place("only_cancelled"),
        status_message=place("message"),
        jobs_succeeded=place("succeeded"),
        started_at=place("started"),
        completed_at=place("completed"),
    ).where(JobRequest.id == place("request"))
)
