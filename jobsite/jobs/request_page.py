"""The page of a job request: its jobs, how far it is, why something waits, and what to say when a state changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.accounts.queries import runs_here
from jobsite.core.clock import now
from jobsite.jobs.code_compare import Comparison, comparisons
from jobsite.jobs.graphs import Graph, graph_of
from jobsite.jobs.job_rows import JobRow, job_row, silent_for
from jobsite.jobs.maintenance_windows import late_actions
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.queries import (
    UNLUCKY,
    found_jobs,
    jobs_and_last_good,
    may_cancel,
    may_read_log,
    queued_jobs,
)
from jobsite.jobs.rules import why_not_cancel
from jobsite.jobs.waiting_reasons import ROOM_CODES, Queue, Why, queues_of, why
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.planning import RUN_ALL
from jobsite.pipelines.report import Report
from jobsite.projects.models import Workspace

LONGEST_FILE = 10_000
"""Characters of a project.yaml that are shown on the page; a longer one is a link (specification 7.6)."""
MOST_TOLD = 3
_LETTERS = {"pending": "p", "running": "r", "succeeded": "s", "failed": "f", "cancelled": "c"}


@dataclass(frozen=True)
class Count:
    """How many jobs are in a state, and where their piece of the progress bar begins, in hundredths."""

    state: str
    jobs: int
    start: float
    width: float


@dataclass(frozen=True)
class RequestPage:
    """What the page shows, as of `at`. `queue` is that of the backend when a job waits for room there.

    `found` are the jobs of earlier requests that a request found when it had nothing to run.
    """

    request: JobRequest
    rows: tuple[JobRow, ...]
    at: datetime
    may_cancel: bool
    may_read_log: bool
    queue: Queue | None = None
    found: tuple[JobRow, ...] = ()

    @property
    def shown(self) -> tuple[JobRow, ...]:
        """The jobs that tell how what was asked for stands: its own, else those that it found."""
        return self.rows or self.found

    @property
    def is_live(self) -> bool:
        """Whether anything on the page may still change by itself."""
        return self.request.is_active or any(row.job.is_active for row in self.found)

    @property
    def silent_for(self) -> float | None:
        """Seconds without a report from the backend, where that is too long; else None."""
        asked_at = self.request.created_at if self.is_awaited else None
        return silent_for((row.job for row in self.rows), self.request.backend, self.at, asked_at=asked_at)

    @property
    def is_elsewhere(self) -> bool:
        """Whether its jobs run elsewhere, so that they are known by reports alone."""
        return not runs_here(self.request.backend)

    @property
    def is_awaited(self) -> bool:
        """Whether the backend is elsewhere and has not told of any job yet: it fetches the request first."""
        return self.request.is_active and not self.rows and self.is_elsewhere

    @property
    def reported_at(self) -> datetime | None:
        """When a backend elsewhere was last heard of, while anything may change; None for jobs that run here."""
        if not (self.request.is_active and self.is_elsewhere):
            return None
        return self.request.backend.last_seen_at

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Its code beside that of earlier requests; worked out where it is shown, so not for a page that polls."""
        return comparisons(self.request)

    @property
    def pill(self) -> tuple[str, str]:
        """The state for the request's pill, and its words."""
        return self.request.words([row.job.state for row in self.rows])

    @property
    def counts(self) -> tuple[Count, ...]:
        """The jobs by state, in the order of the progress bar: what is done first, what waits last."""
        found, start = [], 0.0
        for state in ("succeeded", "failed", "cancelled", "running", "pending"):
            jobs = sum(row.job.state == state for row in self.shown)
            width = 100 * jobs / len(self.shown) if self.shown else 0.0
            found.append(Count(state, jobs, round(start, 3), round(width, 3)))
            start += width
        return tuple(found)

    @property
    def complete(self) -> int:
        """How many jobs have ended."""
        return sum(not row.job.is_active for row in self.shown)

    @property
    def seconds_of_jobs(self) -> float:
        """The run times of all jobs together."""
        return sum(row.seconds or 0.0 for row in self.rows)

    @property
    def seconds_by_clock(self) -> float | None:
        """From the first start to the end, or to now; None before anything started."""
        if self.request.started_at is None:
            return None
        return max(0.0, ((self.request.completed_at or self.at) - self.request.started_at).total_seconds())

    @property
    def seconds_queued(self) -> float | None:
        """From asking to the first start; None before anything started."""
        if self.request.started_at is None:
            return None
        return max(0.0, (self.request.started_at - self.request.created_at).total_seconds())

    @property
    def why_not_cancel(self) -> str | None:
        """Why the whole request cannot be cancelled by this person now."""
        if self.is_awaited:
            asked = bool(self.request.cancelled_actions)
            return why_not_cancel(active=True, already_asked=asked, may_cancel=self.may_cancel)
        active = [row.job for row in self.rows if row.job.is_active]
        asked = bool(active) and all(job.cancelling for job in active)
        return why_not_cancel(active=bool(active), already_asked=asked, may_cancel=self.may_cancel)

    @property
    def waiting(self) -> JobRow | None:
        """The job whose place in the queue is explained: the first that waits only for room."""
        return next((row for row in self.rows if row.place), None)

    @cached_property
    def why(self) -> Why | None:
        """Why that job waits, what is before it and when it starts; worked out where it is shown. One query."""
        return why(self.waiting.job, self.queue) if self.waiting and self.queue else None

    @cached_property
    def late(self) -> Sequence[str]:
        """The actions whose jobs wait and would not end before the planned maintenance. At most one query."""
        waiting = [row.job for row in self.rows if row.job.state == "pending" and row.job.is_database_action]
        names = [job.action for job in waiting]
        return late_actions(self.request.workspace, self.request.backend, names, self.at) if names else ()

    @property
    def cancelling(self) -> tuple[str, ...]:
        """The actions that run on until their cancellation is confirmed."""
        return tuple(row.job.action for row in self.rows if row.job.cancelling)

    @property
    def cancelled_unfetched(self) -> bool:
        """Whether everything was cancelled before the backend told of any job."""
        return self.is_awaited and bool(self.request.cancelled_actions)

    @property
    def is_file_long(self) -> bool:
        """Whether project.yaml is too long to stand on the page."""
        return len(self.request.project_file.text) > LONGEST_FILE

    @property
    def graph(self) -> Graph | None:
        """The pipeline at this commit with the states of the jobs of this request."""
        report = _report(self.request.project_file.text)
        if report.pipeline is None:
            return None
        address = f"/{self.request.workspace.name}/"
        untold = "Not reported yet" if self.is_awaited else "Not in this request"
        states = {name: ("", untold, "") for name in report.pipeline.actions}
        states |= {
            row.job.action: (*row.pill, f"{address}{row.job.job_request_id}/{row.job.identifier}/")
            for row in self.shown
        }
        return graph_of(report.pipeline, states)

    @property
    def seen(self) -> str:
        """The states of the jobs, a letter each: what a page that updates itself has shown."""
        return "".join(_LETTERS.get(row.job.state, "u") for row in self.shown)

    def news(self, seen: str) -> str:
        """What has changed for somebody who saw the states `seen`, as a sentence; "" for nothing."""
        if len(seen) != len(self.shown) or seen == self.seen:
            return ""
        changed = [row for row, old, new in zip(self.shown, seen, self.seen, strict=True) if old != new]
        told = [f"{row.job.action}: {row.pill[1]}." for row in changed[:MOST_TOLD]]
        more = [f"{len(changed) - MOST_TOLD} more jobs changed."] if len(changed) > MOST_TOLD else []
        return " ".join([*told, *more, f"{self.complete} of {len(self.shown)} complete."])


def request_page(request: JobRequest, workspace: Workspace, person: User | AnonymousPerson) -> RequestPage:
    """The page of a request for a person, for whom the workspace was loaded. At most two queries."""
    at = now()
    jobs, good = jobs_and_last_good(request)
    allowed = may_cancel(request, workspace, person)
    queue = _queue(jobs, request, at)
    rows = tuple(
        job_row(
            job,
            at,
            may_cancel=allowed,
            place=queue.place(job) if queue else "",
            good=good.get(job.action) if job.state in UNLUCKY else None,
        )
        for job in jobs
    )
    found = () if rows else _found(request, at)
    return RequestPage(request, rows, at, allowed, may_read_log(workspace), queue, found)


def _found(request: JobRequest, at: datetime) -> tuple[JobRow, ...]:
    """The jobs that a request with nothing to run found, in the order of the actions that were asked for."""
    if request.status != "nothing_to_do":
        return ()
    wanted = list(request.requested_actions)
    pipeline = _report(request.project_file.text).pipeline
    if RUN_ALL in wanted and pipeline is not None:
        wanted = [name for name in pipeline.actions if name != RUN_ALL]
    found = {job.action: job for job in found_jobs(request)}
    return tuple(JobRow(found[name], at) for name in wanted if name in found)


@lru_cache(maxsize=64)
def _report(text: str) -> Report:
    """The verdict on a project.yaml; the page asks each second."""
    return parse(text.encode())


def _queue(jobs: Sequence[Job], request: JobRequest, at: datetime) -> Queue | None:
    if not runs_here(request.backend):
        return None
    if not any(job.state == "pending" and job.status_code in ROOM_CODES for job in jobs):
        return None
    return queues_of(queued_jobs(request.backend_id), at).get(request.backend_id)
