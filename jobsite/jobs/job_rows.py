"""A job as people read it: its state in words, what its code means and what to do, how long it has run."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import executes_here
from jobsite.jobs.models import Job
from jobsite.jobs.rules import CODES, Code, why_not_cancel

LONGEST_SILENCE = 30 * 60
"""Seconds without a report after which a page says so (specification 7.6)."""


@dataclass(frozen=True)
class JobRow:
    """One job, seen at the moment `at`. `place` is a sentence on its place in the queue, "" where it has none.

    `good` is the newest job of the same action that succeeded, beside one that did not.
    """

    job: Job
    at: datetime
    why_not_cancel: str | None = None
    place: str = ""
    good: Job | None = None

    @property
    def pill(self) -> tuple[str, str]:
        """The state for the pill, and its word."""
        return self.job.words

    @property
    def code(self) -> Code:
        """What the status code means; a code from a newer backend stands for itself."""
        return CODES.get(self.job.status_code) or Code(self.job.state, self.job.status_code.replace("_", " "))

    @property
    def sentence(self) -> str:
        """What happened, or what it waits for."""
        return self.job.status_message or self.code.sentence

    @property
    def advice(self) -> str:
        """What the person can do next, "" for nothing."""
        return self.code.advice

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has been running so far; None before it ran."""
        if self.job.started_at is None:
            return None
        return max(0.0, ((self.ended_at or self.at) - self.job.started_at).total_seconds())

    @property
    def waited(self) -> float:
        """Seconds in the queue: until it started, ended without starting, or now."""
        until = self.job.started_at or self.ended_at or self.at
        return max(0.0, (until - self.job.created_at).total_seconds())

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; a backend that gives no time for a cancelled job means its last report."""
        if self.job.is_active:
            return None
        return self.job.completed_at or self.job.updated_at

    @property
    def good_words(self) -> str:
        """What became of the action's good outputs, as the beginning of a sentence that ends with their request."""
        if self.good is None:
            return ""
        if self.good.id > self.job.id:
            return "It has succeeded since, in request"
        return "The outputs of its last success stay as they were: request"


def job_row(job: Job, at: datetime, *, may_cancel: bool, place: str = "", good: Job | None = None) -> JobRow:
    """The row of a job for somebody who may or may not cancel it."""
    why_not = why_not_cancel(active=job.is_active, already_asked=job.cancelling, may_cancel=may_cancel)
    return JobRow(job, at, why_not, place, good)


def silent_for(
    jobs: Iterable[Job], backend: Backend, at: datetime, *, asked_at: datetime | None = None
) -> float | None:
    """Seconds since a backend elsewhere last told of these jobs, where that is too long; else None.

    Jobs that run in this very program are always in sight, and jobs that have ended have nothing to tell. `asked_at` is
    when a request was made that the backend has not fetched so far.
    """
    reports = [job.updated_at for job in jobs if job.is_active] + ([asked_at] if asked_at else [])
    if executes_here(backend) or not reports:
        return None
    silent = (at - max([*reports, *([backend.last_seen_at] if backend.last_seen_at else [])])).total_seconds()
    return silent if silent > LONGEST_SILENCE else None
