"""Which job requests are to be sent to the controller, cancelled there and asked about: all of it is found in the tables.

A request needs no word to be sent: that it is active and its backend's requests are pushed is enough. So what was asked for
before a kill, or by a command beside the server, is found like any other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.rules import PUSH
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.jobs.models import JobRequest
from jobsite.jobs.rules import REQUEST_ACTIVE
from jobsite.projects.models import Project, Repo, Workspace
from jobsite.sync.pushing.models import SentRequest

AT_ONCE = 100
"""So many requests are written into the journal, or sent, in one go."""


MAY_BE_THERE = SentRequest.answered_at.is_null(False) | (SentRequest.unanswered > 0)
"""Whether the controller has the request, or may have it."""


def note_new() -> None:
    """Write the active requests that are not in the journal into it. One query when there are none."""
    known = SentRequest.select(SentRequest.id).where(SentRequest.job_request == JobRequest.id)
    rows = JobRequest.select(JobRequest.id).join(Backend).where(_pushed(), ~fn.EXISTS(known))
    new = [number for (number,) in rows.order_by(JobRequest.id).tuples()]
    for start in range(0, len(new), AT_ONCE):
        values: list[dict[str, Any]] = [
            {"job_request": number, "not_before": now()} for number in new[start : start + AT_ONCE]
        ]
        with writing():
            SentRequest.insert_many(values).on_conflict_ignore().as_rowcount().execute()


def to_send() -> list[SentRequest]:
    """The rows whose requests are due to be sent, the one that is due longest first. One query."""
    due = SentRequest.answered_at.is_null() & (SentRequest.not_before <= now())
    return list(_rows().where(due).order_by(SentRequest.not_before, SentRequest.id).limit(AT_ONCE))


def still_open(row: SentRequest) -> SentRequest | None:
    """The row as it stands now; None where its request was answered, is over, or goes another way. One query."""
    its = (SentRequest.id == row.id) & SentRequest.answered_at.is_null()
    found: SentRequest | None = _rows().where(its).first()
    return found


def to_cancel() -> list[SentRequest]:
    """The rows of which the controller does not know yet that actions were cancelled, oldest first. One query."""
    some = JobRequest.cancelled_actions.cast("text") != "[]"
    rows = _rows().where(SentRequest.answered_at.is_null(False), some).order_by(SentRequest.id)
    return [row for row in rows if not_told(row)]


def not_told(row: SentRequest) -> list[str]:
    """The actions of a request that were cancelled here, of which the controller has not heard."""
    return sorted(set(row.job_request.cancelled_actions) - set(row.cancelled))


def to_ask(before: datetime) -> list[SentRequest]:
    """The rows of requests that the controller may know, and was last asked for before that moment. One query."""
    long_ago = SentRequest.asked_at.is_null() | (SentRequest.asked_at <= before)
    return list(_rows().where(MAY_BE_THERE & long_ago).order_by(SentRequest.id))


def change(row: SentRequest, **values: Any) -> None:
    """Store these columns of a row, in a transaction of the caller or one of its own."""
    with writing():
        SentRequest.update(values).where(SentRequest.id == row.id).execute()
    for name, value in values.items():
        setattr(row, name, value)


def change_all(rows: Sequence[SentRequest], **values: Any) -> None:
    """The same for several rows."""
    with writing():
        SentRequest.update(values).where(SentRequest.id.in_([row.id for row in rows])).execute()


def _pushed() -> Any:
    return (Backend.dispatch == PUSH) & JobRequest.status.in_(REQUEST_ACTIVE)


def _rows() -> Any:
    """Rows of active requests of pushed backends, each with its request and all that is said of that."""
    return (
        SentRequest.select(SentRequest, JobRequest, Workspace, Repo, Project, Backend, User)
        .join(JobRequest)
        .join_from(JobRequest, Workspace)
        .join_from(Workspace, Repo)
        .join_from(Workspace, Project)
        .join_from(JobRequest, Backend)
        .join_from(JobRequest, User)
        .where(_pushed())
    )
