"""A job as people read it: its state in words, what its code means and what to do, how long it has run."""

from dataclasses import dataclass
from datetime import datetime

from jobsite.jobs.models import Job
from jobsite.jobs.rules import CODES, Code, why_not_cancel


@dataclass(frozen=True)
class JobRow:
    """One job, seen at the moment `at`. `place` is a sentence on its place in the queue, "" where it has none."""

    job: Job
    at: datetime
    why_not_cancel: str | None = None
    place: str = ""

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


def job_row(job: Job, at: datetime, *, may_cancel: bool, place: str = "") -> JobRow:
    """The row of a job for somebody who may or may not cancel it."""
    why_not = why_not_cancel(active=job.is_active, already_asked=job.cancelling, may_cancel=may_cancel)
    return JobRow(job, at, why_not, place)
