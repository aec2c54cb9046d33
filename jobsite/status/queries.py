"""How the backends are: seen when, paused or in maintenance, how many jobs run and wait there, and the queue."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import fn

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import executes_here, runs_here
from jobsite.core.clock import now, wire
from jobsite.core.errors import NotFound
from jobsite.jobs.job_rows import JobRow
from jobsite.jobs.models import Job
from jobsite.jobs.queries import Queued, jobs_with_surroundings, queued_jobs
from jobsite.jobs.waiting_reasons import Queue, queues_of, with_history

MOST_ROWS = 50


@dataclass(frozen=True)
class BackendCard:
    """One backend as of `at`, with its numbers of jobs."""

    backend: Backend
    at: datetime
    running: int
    pending: int

    @property
    def seen_at(self) -> datetime | None:
        """The last contact; None when there never was one. Jobs that run in this very program are always in sight."""
        return self.at if executes_here(self.backend) else self.backend.last_seen_at

    @property
    def is_missing(self) -> bool:
        """Whether it has not been heard of for longer than its threshold; one never heard of is not missing."""
        return self.seen_at is not None and self.at - self.seen_at > timedelta(
            seconds=self.backend.alert_timeout
        )

    @property
    def state(self) -> tuple[str, str]:
        """The state for its pill, and its words: the worst of what holds."""
        if self.is_missing:
            return "missing", "Missing"
        if self.backend.is_paused:
            return "paused", "Paused"
        if self.backend.is_in_maintenance_mode:
            return "maintenance", "Database maintenance"
        if not self.backend.accepts_jobs:
            return "archived", "Takes no new requests"
        return "active", "Active"


@dataclass(frozen=True)
class Listed:
    """A page of jobs: its rows, its number from 1, and how many jobs there are in all."""

    rows: tuple[JobRow, ...]
    number: int
    total: int

    @property
    def first(self) -> int:
        """The place of its first row among all."""
        return (self.number - 1) * MOST_ROWS + 1

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // MOST_ROWS))


@dataclass(frozen=True)
class StatusPage:
    """The cards of the active backends, and the queue: what runs, then what waits, with reasons and places."""

    cards: tuple[BackendCard, ...]
    running: Listed
    pending: Listed

    @property
    def is_live(self) -> bool:
        """Whether anything may change soon by itself."""
        return bool(self.running.total or self.pending.total)


def status_page(running: int = 1, waiting: int = 1) -> StatusPage:
    """Everything the status page shows, in four queries: these pages of the jobs that run and of those that wait.

    Those that wait for room come first, in the order in which they start; then the others, the oldest first.
    """
    at = now()
    jobs = queued_jobs()
    queues = queues_of(jobs, at)
    runs = [job for job in jobs if job.state == "running"]
    waits = _in_order(jobs, queues)
    first, second = _window(len(runs), running), _window(len(waits), waiting)
    shown = jobs_with_surroundings([job.id for job in (*runs[first], *waits[second])])
    queues = with_history(queues) if waits[second] else queues
    return StatusPage(
        cards=_cards(jobs, at),
        running=_listed(runs, first, shown, queues, at),
        pending=_listed(waits, second, shown, queues, at),
    )


def _in_order(jobs: Sequence[Queued], queues: Mapping[int, Queue]) -> list[Queued]:
    for_room = [job for queue in queues.values() for job in queue.waiting]
    known = {job.id for job in for_room}
    return for_room + [job for job in jobs if job.state == "pending" and job.id not in known]


def _window(total: int, number: int) -> slice:
    """The rows of a page; the last page where there are not so many (any more)."""
    number = max(1, min(number, -(-total // MOST_ROWS)))
    return slice((number - 1) * MOST_ROWS, number * MOST_ROWS)


def _listed(
    jobs: Sequence[Queued], window: slice, shown: Mapping[int, Job], queues: Mapping[int, Queue], at: datetime
) -> Listed:
    found = [shown[one.id] for one in jobs[window] if one.id in shown]
    # What is before a job elsewhere, and how much room there is, only its runner knows.
    rows = tuple(
        JobRow(job, at, place=queues[job.backend_id].place(job) if runs_here(job.backend) else "")
        for job in found
    )
    return Listed(rows, window.start // MOST_ROWS + 1, len(jobs))


def _cards(jobs: Sequence[Queued], at: datetime) -> tuple[BackendCard, ...]:
    counts = Counter((job.backend, job.state) for job in jobs)
    backends = list(Backend.select().where(Backend.is_active).order_by(fn.LOWER(Backend.name), Backend.slug))
    return tuple(
        BackendCard(one, at, counts[one.id, "running"], counts[one.id, "pending"]) for one in backends
    )


def backend_card(slug: str) -> BackendCard:
    """One active backend, without its numbers. Raises `NotFound`."""
    found = Backend.get_or_none((Backend.slug == slug) & Backend.is_active)
    if found is None:
        raise NotFound(f"There is no backend {slug}.")
    return BackendCard(found, now(), 0, 0)


def last_contact(card: BackendCard) -> tuple[str, int]:
    """What a monitor is told: the time of the last contact, and 200, or 503 when the backend is missing.

    One that was never heard of gives now and 200 (specification 7.2): it is not set up yet.
    """
    return wire(card.seen_at or card.at) or "", 503 if card.is_missing else 200


def database_availability(backend: Backend) -> str:
    """The sentence on the database of a backend that other programs read (specification 7.2), to the letter."""
    known = backend.is_in_maintenance_mode or backend.maintenance_since is not None
    if not known and not runs_here(backend):
        return f"DB maintenance mode not implemented in {backend.name}"
    since = f"(since {wire(backend.maintenance_since)}) " if backend.maintenance_since else ""
    return f"DB maintenance mode {'on' if backend.is_in_maintenance_mode else 'off'} {since}"
