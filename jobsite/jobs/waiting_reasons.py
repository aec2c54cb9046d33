"""Why a job is not running: its place in the queue of its pool, what is before it, when it starts, how long it runs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from jobsite.accounts.queries import runs_here
from jobsite.core.clock import now
from jobsite.jobs.active import capacity, suppliers_of
from jobsite.jobs.forecast import Work, starts
from jobsite.jobs.history import Key, RunTime, run_times, stretch
from jobsite.jobs.maintenance_windows import warning
from jobsite.jobs.models import Job
from jobsite.jobs.queries import Queued, queued_jobs
from jobsite.jobs.scheduler import Candidate, queue_order
from jobsite.jobs.weights import weights_of
from jobsite.settings import current

ROOM_CODES = ("waiting_on_workers", "waiting_on_db_workers")
MOST_NAMED = 3
MOST_HISTORIES = 300
"""Where more kinds of actions run and wait, nobody is told when something starts: reading it all would take too long."""


class Expected(NamedTuple):
    """In how many seconds a job starts, at best and at worst; infinity where nobody knows."""

    best: float
    worst: float

    @property
    def words(self) -> str:
        """It as a sentence."""
        if math.isinf(self.worst):
            return (
                "When it starts is not known: what is before it has not run so far, or runs longer than ever."
            )
        return f"It usually starts in {stretch(self.best, self.worst)}."


@dataclass(frozen=True)
class Why:
    """Why a job waits. `place` counts from 1 in the queue of its pool, 0 where it waits for something else.

    `before` starts before it, `running` takes up its pool; `waits_for` are the jobs that have to end first. `used` of
    `total` weight run in its pool; its own is `weight`. `warning` says that it would not end before a maintenance.
    """

    job: Job
    place: int
    before: tuple[Queued, ...]
    running: tuple[Queued, ...]
    project: int
    used: float
    total: float
    weight: float
    at: datetime
    suppliers: tuple[Job, ...] = ()
    run_time: RunTime | None = None
    expected: Expected | None = None
    warning: str = ""

    @property
    def sentence(self) -> str:
        """What it waits for."""
        return self.job.status_message

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The actions that have to end first."""
        return tuple(one.action for one in self.suppliers)

    @property
    def ahead(self) -> tuple[str, ...]:
        """The actions of its own project that start before it."""
        return tuple(one.action for one in self.before if one.project == self.project)

    @property
    def others(self) -> int:
        """How many jobs of other projects start before it."""
        return len(self.before) - len(self.ahead)

    @property
    def words(self) -> str:
        """Its place in the queue as sentences; "" where it has none."""
        return place_words(self.place, self.room)

    @property
    def room(self) -> str:
        """How full its pool is."""
        return room_words(self.used, self.total, self.weight)

    @property
    def ahead_words(self) -> str:
        """What is before it, names of its own project only; "" for nothing."""
        named = list(self.ahead[:MOST_NAMED])
        more = len(self.ahead) - len(named)
        rest = [f"{more} more of this project"] if more else []
        rest += [f"{self.others} of other projects"] if self.others else []
        return ", ".join([*named, *rest])

    @property
    def waited(self) -> float:
        """Seconds since it was asked for."""
        return max(0.0, (self.at - self.job.created_at).total_seconds())


@dataclass(frozen=True)
class Queue:
    """What runs on one backend, and which jobs wait only for room there, in the order in which they will start.

    `history` has the run times of their actions as far as they were read.
    """

    running: tuple[Queued, ...]
    waiting: tuple[Queued, ...]
    weights: Mapping[int, float]
    at: datetime
    history: Mapping[Key, RunTime] = field(default_factory=dict)

    @cached_property
    def _places(self) -> Mapping[int, int]:
        """The place of each waiting job in its own pool, from 1."""
        return {job.id: place for pool in (True, False) for place, job in enumerate(self.pool(pool), 1)}

    @cached_property
    def _expected(self) -> Mapping[int, Expected]:
        """When each waiting job starts."""
        found: dict[int, Expected] = {}
        for pool in (True, False):
            waiting = self.pool(pool)
            running = [self._left(job) for job in self.running if job.is_database_action == pool]
            times = starts(running, [self._whole(job) for job in waiting], capacity().of(pool))
            found |= {job.id: Expected(*both) for job, both in zip(waiting, times, strict=True)}
        return found

    def pool(self, is_database_action: bool) -> list[Queued]:
        """The jobs that wait for room in one of its two pools, in the order in which they start."""
        return [one for one in self.waiting if one.is_database_action == is_database_action]

    def used(self, is_database_action: bool) -> float:
        """The weight that runs in a pool."""
        return sum(
            self.weights[one.id] for one in self.running if one.is_database_action == is_database_action
        )

    def _whole(self, job: Queued) -> Work:
        known = self.history.get(job.key)
        return Work(self.weights[job.id], known.fast if known else None, known.slow if known else None)

    def _left(self, job: Queued) -> Work:
        """What is left of a running job; nobody knows for one that runs longer than it ever did."""
        known, runs = self.history.get(job.key), job.seconds(self.at)
        late = known is None or runs > known.slow
        best = max(0.0, known.fast - runs) if known else None
        return Work(self.weights[job.id], best, None if late or known is None else known.slow - runs)

    def before(self, job: Job | Queued) -> list[Queued]:
        """The jobs that start before this one in the same pool."""
        place = self._places.get(job.id, 0)
        return self.pool(job.is_database_action)[: place - 1] if place else []

    def place(self, job: Job) -> str:
        """Where in the queue a job stands and when it starts, as sentences; "" for one that waits for something else."""
        if job.id not in self._places:
            return ""
        expected = f" {self._expected[job.id].words}" if self.history else ""
        return place_words(self._places[job.id], self._room(job)) + expected

    def _room(self, job: Job) -> str:
        used, total = self.used(job.is_database_action), capacity().of(job.is_database_action)
        return room_words(used, total, self.weights.get(job.id, 1.0))

    def why(self, job: Job, suppliers: Sequence[Job] = (), known: RunTime | None = None) -> Why:
        """Why this job of the backend waits. No query."""
        project = next((one.project for one in self.waiting if one.id == job.id), 0)
        running = tuple(one for one in self.running if one.is_database_action == job.is_database_action)
        expected = self._expected.get(job.id) if self.history else None
        wait = expected.best if expected else 0.0
        return Why(
            job=job,
            place=self._places.get(job.id, 0),
            before=tuple(self.before(job)),
            running=running,
            project=project,
            used=self.used(job.is_database_action),
            total=capacity().of(job.is_database_action),
            weight=self.weights.get(job.id, 1.0),
            at=self.at,
            suppliers=tuple(suppliers),
            run_time=known,
            expected=expected,
            warning=warning(job.backend, known, self.at, wait=wait) if job.is_database_action else "",
        )


def place_words(place: int, room: str) -> str:
    """A place in a queue, from 1, as sentences that end with `room`; "" for 0, which is none."""
    before = place - 1
    if before <= 0:
        return "" if before else f"It is the next to start. {room}"
    return f"{before:,} job{'s' if before > 1 else ''} before it. {room}"


def room_words(used: float, total: float, weight: float) -> str:
    """How full a pool is, for a job of that weight, as a sentence."""
    heavy = f"; it takes {weight:g}" if weight != 1 else ""
    return f"{used:g} of {total:g} workers are taken{heavy}."


def queues_of(jobs: Iterable[Queued], at: datetime) -> Mapping[int, Queue]:
    """The queue of each backend, by its id, made of all active jobs. No query."""
    by_backend: dict[int, list[Queued]] = {}
    for job in jobs:
        by_backend.setdefault(job.backend, []).append(job)
    return {key: _queue(here, at) for key, here in by_backend.items()}


def with_history(queues: Mapping[int, Queue]) -> Mapping[int, Queue]:
    """The same queues with the run times of their actions, unless these are too many. One query."""
    everything = [
        job for queue in queues.values() if queue.waiting for job in (*queue.running, *queue.waiting)
    ]
    keys = {job.key for job in everything}
    known = run_times(keys) if len(keys) <= MOST_HISTORIES else {}
    return {key: _with(queue, known) for key, queue in queues.items()}


def why(job: Job, queue: Queue | None = None) -> Why | None:
    """Why a job waits, in the queue of its backend if that is known; None for one that does not wait, or waits elsewhere.

    At most three queries, however many jobs there are.
    """
    if job.state != "pending" or not runs_here(job.backend):
        return None
    found = queue or queues_of(queued_jobs(job.backend_id), now()).get(job.backend_id)
    if found is None:
        return None
    own = (job.workspace_id, job.backend_id, job.action)
    pool = [
        one
        for one in (*found.running, *found.before(job))
        if one.is_database_action == job.is_database_action
    ]
    keys = {own, *(one.key for one in pool)}
    known = run_times(keys if len(keys) <= MOST_HISTORIES else [own])
    suppliers = suppliers_of([job])
    found_in_order = [suppliers[key] for key in job.needs.values() if key in suppliers]
    needed = [one for one in found_in_order if one.state in ("pending", "running")]
    return _with(found, known).why(job, needed, known.get(own))


def _with(queue: Queue, known: Mapping[Key, RunTime]) -> Queue:
    return Queue(queue.running, queue.waiting, queue.weights, queue.at, known)


def _queue(jobs: list[Queued], at: datetime) -> Queue:
    running = tuple(job for job in jobs if job.state == "running")
    ready = {job.id: job for job in jobs if job.state == "pending" and job.status_code in ROOM_CODES}
    counted = (*running, *ready.values())
    rules = weights_of(current().instance, jobs[0].backend_slug)
    weights = {job.id: rules.weight(job.workspace_name, job.action, job.run_command) for job in counted}
    order = queue_order([_candidate(job, weights[job.id]) for job in counted], at)
    return Queue(running, tuple(ready[key] for key in order), weights, at)


def _candidate(job: Queued, weight: float) -> Candidate:
    return Candidate(
        id=job.id,
        project=job.project,
        workspace=job.workspace,
        is_database_action=job.is_database_action,
        created_at=job.created_at,
        running=job.state == "running",
        ready=job.state != "running",
        weight=weight,
        ready_at=job.ready_at,
    )
