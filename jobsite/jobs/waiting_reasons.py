"""Why a job is not running: its place in the queue of its pool, what is before it, and how long such a job runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from jobsite.core.clock import now
from jobsite.jobs.active import active_jobs, candidates, capacity, pending_facts
from jobsite.jobs.holding import hold
from jobsite.jobs.job_rows import JobRow
from jobsite.jobs.models import Job
from jobsite.jobs.scheduler import queue_order
from jobsite.jobs.specs import weights_by_job

ROOM_CODES = ("waiting_on_workers", "waiting_on_db_workers")
MOST_RUNS = 50
MOST_NAMED = 3


@dataclass(frozen=True)
class RunTime:
    """How long an action has run so far: how many runs succeeded, and their median and 90th percentile in seconds."""

    runs: int
    median: float
    slow: float


@dataclass(frozen=True)
class Why:
    """Why a job waits. `place` counts from 1 in the queue of its pool, 0 where it waits for something else.

    `ahead` names the jobs before it that are of its own project, `others` counts the rest; `waits_for` names the
    actions that have to end first. `used` of `total` weight run in its pool; its own is `weight`.
    """

    job: Job
    sentence: str
    place: int
    ahead: tuple[str, ...]
    others: int
    used: float
    total: float
    weight: float
    waits_for: tuple[str, ...] = ()
    run_time: RunTime | None = None

    @property
    def words(self) -> str:
        """Its place in the queue as sentences; "" where it has none."""
        if not self.place:
            return ""
        before = self.place - 1
        if not before:
            return f"It is the next to start. {self.room}"
        return f"{before} job{'s' if before > 1 else ''} before it. {self.room}"

    @property
    def room(self) -> str:
        """How full its pool is."""
        heavy = f"; it takes {self.weight:g}" if self.weight != 1 else ""
        return f"{self.used:g} of {self.total:g} workers are taken{heavy}."

    @property
    def ahead_words(self) -> str:
        """What is before it, names of its own project only; "" for nothing."""
        named = list(self.ahead[:MOST_NAMED])
        more = len(self.ahead) - len(named)
        rest = [f"{more} more of this project"] if more else []
        rest += [f"{self.others} of other projects"] if self.others else []
        return ", ".join([*named, *rest])


@dataclass(frozen=True)
class Queue:
    """What runs on one backend, and which jobs wait only for room there, in the order in which they will start."""

    running: tuple[JobRow, ...]
    waiting: tuple[Job, ...]
    weights: Mapping[int, float]

    @cached_property
    def _places(self) -> Mapping[int, int]:
        """The place of each waiting job in its own pool, from 1."""
        found: dict[int, int] = {}
        counts = {True: 0, False: 0}
        for job in self.waiting:
            counts[job.is_database_action] += 1
            found[job.id] = counts[job.is_database_action]
        return found

    def before(self, job: Job) -> list[Job]:
        """The jobs that start before this one in the same pool."""
        place = self._places.get(job.id, 0)
        pool = [one for one in self.waiting if one.is_database_action == job.is_database_action]
        return pool[: place - 1] if place else []

    def place(self, job: Job) -> str:
        """Where in the queue a job stands, as sentences; "" for a job that waits for something else."""
        return self.why(job).words if job.id in self._places else ""

    def why(self, job: Job, waits_for: tuple[str, ...] = (), run_time: RunTime | None = None) -> Why:
        """Why this job of the backend waits. No query."""
        project = {one.id: one.workspace.project_id for one in self.waiting}
        before = self.before(job)
        own = tuple(one.action for one in before if project[one.id] == project.get(job.id))
        used = sum(
            self.weights[row.job.id]
            for row in self.running
            if row.job.is_database_action == job.is_database_action
        )
        return Why(
            job=job,
            sentence=job.status_message,
            place=self._places.get(job.id, 0),
            ahead=own,
            others=len(before) - len(own),
            used=used,
            total=capacity().of(job.is_database_action),
            weight=self.weights.get(job.id, 1.0),
            waits_for=waits_for,
            run_time=run_time,
        )


def queues_of(jobs: Sequence[Job], at: datetime) -> Mapping[int, Queue]:
    """The queue of each backend, by its id, made of active jobs with their workspaces and backends. No query."""
    by_backend: dict[int, list[Job]] = {}
    for job in jobs:
        by_backend.setdefault(job.backend_id, []).append(job)
    return {key: _queue(here, at) for key, here in by_backend.items()}


def why(job: Job) -> Why | None:
    """Why a job waits; None for one that does not. At most five queries, however many jobs there are."""
    jobs = active_jobs()
    found = next((one for one in jobs if one.id == job.id and one.state == "pending"), None)
    if found is None:
        return None
    held = hold(pending_facts(jobs, None)(found), now())
    waits_for = held.names if held else ()
    return queues_of(jobs, now())[found.backend_id].why(found, waits_for, run_time(found))


def run_time(job: Job) -> RunTime | None:
    """How long the last runs of this action that succeeded there took; None without history. One query."""
    same = (Job.workspace == job.workspace_id) & (Job.backend == job.backend_id) & (Job.action == job.action)
    ended = same & (Job.state == "succeeded") & Job.started_at.is_null(False)
    rows = Job.select(Job.started_at, Job.completed_at).where(ended).order_by(Job.id.desc()).limit(MOST_RUNS)
    return spread([(row.completed_at - row.started_at).total_seconds() for row in rows])


def spread(seconds: Sequence[float]) -> RunTime | None:
    """Median and 90th percentile (each a value that occurred) of run times; None for none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return RunTime(len(ordered), _percentile(ordered, 0.5), _percentile(ordered, 0.9))


def _percentile(ordered: Sequence[float], part: float) -> float:
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _queue(jobs: list[Job], at: datetime) -> Queue:
    running = tuple(JobRow(job, at) for job in jobs if job.state == "running")
    ready = {job.id: job for job in jobs if job.state == "pending" and job.status_code in ROOM_CODES}
    weights = weights_by_job(job for job in jobs if job.id in ready or job.state == "running")
    order = queue_order(candidates(jobs, ready.values(), weights), at)
    return Queue(running, tuple(ready[key] for key in order), weights)
