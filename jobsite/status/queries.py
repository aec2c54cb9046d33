"""How the backends are: seen when, paused or in maintenance, how many jobs run and wait there, and the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import fn

from jobsite import settings
from jobsite.accounts.models import Backend
from jobsite.core.clock import now, wire
from jobsite.core.errors import NotFound
from jobsite.jobs.job_rows import JobRow
from jobsite.jobs.models import Job
from jobsite.jobs.queries import active_jobs
from jobsite.jobs.waiting_reasons import queues_of

MOST_ROWS = 100


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
        return self.at if settings.current().secure else self.backend.last_seen_at

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
class StatusPage:
    """The cards of the active backends, and the queue: what runs, then what waits, with reasons and places."""

    cards: tuple[BackendCard, ...]
    running: tuple[JobRow, ...]
    pending: tuple[JobRow, ...]
    running_total: int
    pending_total: int

    @property
    def is_live(self) -> bool:
        """Whether anything may change soon by itself."""
        return bool(self.running_total or self.pending_total)


def status_page() -> StatusPage:
    """Everything the status page shows, in three queries."""
    at = now()
    backends = list(Backend.select().where(Backend.is_active).order_by(fn.LOWER(Backend.name), Backend.slug))
    counts = _counts()
    cards = [
        BackendCard(one, at, counts.get((one.id, "running"), 0), counts.get((one.id, "pending"), 0))
        for one in backends
    ]
    jobs = active_jobs()
    queues = queues_of(jobs, at)
    rows = [JobRow(job, at, place=queues[job.backend_id].place(job)) for job in jobs]
    running = tuple(row for row in rows if row.job.state == "running")
    pending = tuple(row for row in rows if row.job.state == "pending")
    return StatusPage(
        cards=tuple(cards),
        running=running[:MOST_ROWS],
        pending=pending[:MOST_ROWS],
        running_total=sum(count for (_, state), count in counts.items() if state == "running"),
        pending_total=sum(count for (_, state), count in counts.items() if state == "pending"),
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
    if not known and not settings.current().secure:
        return f"DB maintenance mode not implemented in {backend.name}"
    since = f"(since {wire(backend.maintenance_since)}) " if backend.maintenance_since else ""
    return f"DB maintenance mode {'on' if backend.is_in_maintenance_mode else 'off'} {since}"


def _counts() -> Mapping[tuple[int, str], int]:
    rows = Job.select(Job.backend, Job.state, fn.COUNT(Job.id)).where(Job.state.in_(("running", "pending")))
    return {
        (backend, state): count for backend, state, count in rows.group_by(Job.backend, Job.state).tuples()
    }
