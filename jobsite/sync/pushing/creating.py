"""Job requests are sent to the controller, which makes jobs of them, once for each identifier (specification 10.1).

Before each call it is written down that it may have arrived. So whatever is killed or cut off in the middle of it, it is known
afterwards that the controller may have the request: sent again it changes nothing there.
"""

import time
from collections.abc import Sequence
from typing import Any

from jobsite.accounts.rules import SYSTEM
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import database, writing
from jobsite.core.events import record
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.reported import NO_ACTION, Report, report_jobs
from jobsite.jobs.rules import CODES
from jobsite.pipelines.planning import job_identifier
from jobsite.store.journal import fail_point
from jobsite.sync.client import Unreachable
from jobsite.sync.pushing.bodies import creation
from jobsite.sync.pushing.client import Controller, HandedOn, Unanswered
from jobsite.sync.pushing.contact import note_success
from jobsite.sync.pushing.journal import change, still_open, to_send
from jobsite.sync.pushing.models import SentRequest
from jobsite.sync.pushing.rules import (
    MADE,
    MOST_UNANSWERED,
    NOTHING,
    REFUSED,
    UNCLEAR,
    Outcome,
    is_unwanted,
    outcome_of,
    wait_after,
)

UNCERTAIN = "unknown_error_creating_jobs"
AT_MOST = 30.0
"""Seconds for which requests are sent before it is asked how others stand: a controller may take long for each."""
NEW = ("unknown", UNCERTAIN, "pending")
SENT, UNANSWERED, NOTHING_TO_DO = "request:sent", "request:unanswered", "request:nothing-to-do"


def send_due(controller: Controller) -> None:
    """Send the requests that are due, for half a minute at most, and note what became of each.

    Raises `Unreachable` at the first to which there is no answer: the others wait, as that one does.
    """
    until = time.monotonic() + AT_MOST
    for row in to_send():
        if time.monotonic() >= until:
            return hub.ring()
        if _begin(row):
            _send(controller, row)


def found_there(row: SentRequest) -> None:
    """The controller knows a request of which it was uncertain whether it arrived. In a transaction of its own."""
    with writing():
        change(row, answered_at=now(), not_before=None, unanswered=0, problem="")
        if _become(row.job_request, "pending", ""):
            record(SENT, by=SYSTEM, subject=f"request:{row.job_request_id}")


def refuse(request: JobRequest, details: str, *, code: str = "job_error") -> None:
    """End a request of which the controller made no jobs, with the reason that people read."""
    said = {"status": "failed", "status_code": code, "status_message": details}
    _report(request, [_instead(request, job_identifier(request.identifier, NO_ACTION), NO_ACTION, **said)])


def end_cancelled(request: JobRequest) -> None:
    """End a request that was cancelled, and that no controller has: its active jobs are cancelled, or where none is known,
    a job for each action that it could have started."""
    jobs = [job for job in Job.select().where(Job.job_request == request) if job.is_active]
    names = {job.identifier: job.action for job in jobs}
    names = names or {job_identifier(request.identifier, one): one for one in request.cancelled_actions}
    code = "cancelled_by_user"
    said = {"status": "failed", "status_code": code, "status_message": CODES[code].sentence}
    _report(request, [_instead(request, name, action, **said) for name, action in names.items()])


def _begin(row: SentRequest) -> bool:
    """Note that a call is made; not for a request that was answered or has gone another way since, nor for one that nobody
    wants any more and that cannot have arrived: it ends here."""
    with writing():
        there = still_open(row)
        if there is None:
            return False
        row.job_request.cancelled_actions = there.job_request.cancelled_actions
        unwanted = is_unwanted(row.job_request.requested_actions, row.job_request.cancelled_actions)
        if unwanted and not there.unanswered:
            change(row, answered_at=now(), not_before=None)
            end_cancelled(row.job_request)
            return False
        change(row, tries=there.tries + 1, unanswered=there.unanswered + 1)
        return True


def _send(controller: Controller, row: SentRequest) -> None:
    fail_point("pushing.begun")
    try:
        answer = controller.post("rap/create/", creation(row.job_request))
    except Unanswered as cause:
        _unanswered(row, str(cause))
        raise
    except Unreachable as cause:
        may_be_there = isinstance(cause, HandedOn)
        _uncertain(row, str(cause), unanswered=max(row.unanswered - 1, int(may_be_there)))
        raise
    fail_point("pushing.answered")
    outcome = outcome_of(answer.status, answer.data, row.job_request.identifier)
    if outcome.kind != UNCLEAR and answer.status < 500:
        note_success()
    _settle(row, outcome)


def _settle(row: SentRequest, outcome: Outcome) -> None:
    if outcome.kind == MADE:
        _made(row, outcome.count)
    elif outcome.kind == NOTHING:
        _nothing(row, outcome.details)
    elif outcome.kind == REFUSED:
        with writing():
            change(row, answered_at=now(), not_before=None, problem=outcome.details)
            refuse(row.job_request, outcome.details)
    else:
        _uncertain(row, f"{outcome.details}.", not_before=None, asked_at=now())


def _made(row: SentRequest, count: int) -> None:
    """The controller has made so many jobs: they are asked for at once."""
    with writing():
        known = {"answered_at": now(), "not_before": None, "unanswered": 0, "problem": ""}
        change(row, asked_at=None, **known)
        if _become(row.job_request, "pending", ""):
            record(SENT, by=SYSTEM, subject=f"request:{row.job_request_id}", jobs=count)


def _nothing(row: SentRequest, details: str) -> None:
    with writing():
        change(row, answered_at=now(), not_before=None, unanswered=0, problem="")
        if _become(row.job_request, "nothing_to_do", details, is_over=True):
            record(NOTHING_TO_DO, by=SYSTEM, subject=f"request:{row.job_request_id}")


def _unanswered(row: SentRequest, problem: str) -> None:
    """Send it again a few times; after that the next question how its jobs stand says what became of it."""
    if row.unanswered < MOST_UNANSWERED:
        _uncertain(row, problem, not_before=now() + wait_after(row.unanswered))
    else:
        _uncertain(row, problem, not_before=None, asked_at=now())


def _uncertain(row: SentRequest, problem: str, **known: object) -> None:
    """Note that nobody knows whether there are jobs, and say so on the page of the request; an event the first time."""
    with writing():
        change(row, problem=problem, **known)
        if _become(row.job_request, UNCERTAIN, problem) and row.job_request.status != UNCERTAIN:
            record(UNANSWERED, by=SYSTEM, subject=f"request:{row.job_request_id}")


def _become(request: JobRequest, status: str, message: str, *, is_over: bool = False) -> bool:
    """Give a request of which no job is known yet another status. Gives whether that was possible. In a transaction."""
    values = {"status": status, "status_message": message} | ({"completed_at": now()} if is_over else {})
    new = (JobRequest.id == request.id) & JobRequest.status.in_(NEW) & (JobRequest.jobs_total == 0)
    database.after_commit(hub.ring)
    return bool(JobRequest.update(values).where(new).execute())


def _instead(request: JobRequest, name: str, action: str, **said: Any) -> Report:
    """What the controller would have reported of a job, had it any."""
    at = now()
    return Report(request.identifier, name, action, "", created_at=at, updated_at=at, completed_at=at, **said)


def _report(request: JobRequest, reports: Sequence[Report]) -> None:
    report_jobs(by=request.backend, reports=reports, whole=False)
