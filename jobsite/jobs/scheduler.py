"""Which pending jobs start now, and in which order the others will: pure decisions over plain facts.

Order: who has waited for a day first, then least running weight in the same project, then in the same workspace,
then database jobs, then the oldest; recomputed after each start. Two pools per backend: database jobs and all
others. A job that does not fit may be overtaken for half an hour; then its pool waits for it. So nobody starves:
after a day a job stands before all that are younger, and its pool fills with nothing else.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

MAY_BE_OVERTAKEN = timedelta(minutes=30)
GOES_FIRST = timedelta(hours=24)
ROUNDING = 1e-9

Rank = tuple[int, float, float, bool, datetime, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job as the decision sees it. `ready`: nothing but room keeps it from starting, since `ready_at`
    (None: only just)."""

    id: int
    project: int
    workspace: int
    is_database_action: bool
    created_at: datetime
    running: bool
    ready: bool = False
    weight: float = 1.0
    ready_at: datetime | None = None


@dataclass(frozen=True)
class Capacity:
    """How much weight each pool of a backend may run at once."""

    workers: float
    database_workers: float

    def of(self, is_database_action: bool) -> float:
        """The size of a pool."""
        return self.database_workers if is_database_action else self.workers


def choose(jobs: Iterable[Candidate], capacity: Capacity, at: datetime) -> list[int]:
    """The ids of the jobs of one backend to start at the moment `at`, in order.

    No pool gets more weight than it holds, except one job that is heavier than its whole pool, alone.
    """
    return [job.id for job in _Board(list(jobs), capacity, at).starts()]


def queue_order(jobs: Iterable[Candidate], at: datetime) -> list[int]:
    """The ids of all ready jobs of one backend in the order in which they start if nothing else comes."""
    everything = list(jobs)
    room = sum(job.weight for job in everything) + 1
    return choose(everything, Capacity(room, room), at)


class _Board:
    """Ready jobs of one decision in groups of equal rank but for their age, each pool's groups in a heap.

    A start changes the ranks of its own project only: its groups are entered anew, older entries are void. Who has
    waited for a day keeps its rank whatever starts.
    """

    def __init__(self, jobs: list[Candidate], capacity: Capacity, at: datetime) -> None:
        self._at = at
        self._capacity = capacity
        self._pools: defaultdict[bool, float] = defaultdict(float)
        self._projects: defaultdict[int, float] = defaultdict(float)
        self._workspaces: defaultdict[int, float] = defaultdict(float)
        self._heaps: dict[bool, list[tuple[Rank, int, _Group]]] = {True: [], False: []}
        self._of_project: defaultdict[int, list[_Group]] = defaultdict(list)
        for job in jobs:
            if job.running:
                self._add_weight(job)
        for group in _groups(jobs, at):
            self._of_project[group.head.project].append(group)
            entry = (self._rank(group), 0, group)
            self._heaps[group.head.is_database_action].append(entry)
        for heap in self._heaps.values():
            heapq.heapify(heap)

    def starts(self) -> Iterator[Candidate]:
        """The jobs that start, one after the other."""
        while found := [best for pool in (True, False) if (best := self._best(pool))]:
            group = min(found, key=lambda entry: entry[0])[2]
            job = group.take()
            self._add_weight(job)
            self._enter(group)
            for each in self._of_project[job.project]:
                if not each.first and each is not group:
                    self._enter(each)
            yield job

    def _best(self, pool: bool) -> tuple[Rank, int, "_Group"] | None:
        """The first entry of a pool that fits. What does not fit leaves: in this decision room only shrinks."""
        heap = self._heaps[pool]
        while heap:
            entry = heap[0]
            _, version, group = entry
            if version != group.version:
                heapq.heappop(heap)
            elif self._fits(group.head):
                return entry
            elif self._at - (group.head.ready_at or self._at) >= MAY_BE_OVERTAKEN:
                heap.clear()
                self._capacity = _closed(self._capacity, pool)
            else:
                heapq.heappop(heap)
                group.left = True
        return None

    def _fits(self, job: Candidate) -> bool:
        used = self._pools[job.is_database_action]
        limit = self._capacity.of(job.is_database_action)
        return used + job.weight <= limit + ROUNDING or (limit > 0 and used == 0)

    def _enter(self, group: "_Group") -> None:
        if not group.jobs or group.left or self._capacity.of(group.head.is_database_action) <= 0:
            return
        group.version += 1
        entry = (self._rank(group), group.version, group)
        heapq.heappush(self._heaps[group.head.is_database_action], entry)

    def _rank(self, group: "_Group") -> Rank:
        job = group.head
        if group.first:
            return 0, 0, 0, False, job.ready_at or self._at, job.id
        projects, workspaces = self._projects[job.project], self._workspaces[job.workspace]
        return 1, projects, workspaces, not job.is_database_action, job.created_at, job.id

    def _add_weight(self, job: Candidate) -> None:
        self._pools[job.is_database_action] += job.weight
        self._projects[job.project] += job.weight
        self._workspaces[job.workspace] += job.weight


class _Group:
    """Ready jobs of one workspace, pool and weight. `first`: they have waited for a day.

    Only a group that starts something is put in order, so that a decision over many jobs stays quick.
    """

    __slots__ = ("_ordered", "first", "head", "jobs", "left", "version")

    def __init__(self, job: Candidate, first: bool) -> None:
        self.jobs = [job]
        self.head = job
        self.first = first
        self.version = 0
        self.left = False
        self._ordered = False

    def add(self, job: Candidate) -> None:
        """One job more."""
        self.jobs.append(job)
        if self._age(job) < self._age(self.head):
            self.head = job

    def take(self) -> Candidate:
        """Take the oldest away."""
        if not self._ordered:
            self.jobs.sort(key=self._age, reverse=True)
            self._ordered = True
        self.version += 1
        oldest = self.jobs.pop()
        if self.jobs:
            self.head = self.jobs[-1]
        return oldest

    def _age(self, job: Candidate) -> tuple[datetime, int]:
        return (job.ready_at or job.created_at) if self.first else job.created_at, job.id


def _groups(jobs: list[Candidate], at: datetime) -> Iterable[_Group]:
    found: dict[tuple[bool, int, int, bool, float], _Group] = {}
    day_ago = at - GOES_FIRST
    for job in jobs:
        if job.ready and not job.running:
            first = job.ready_at is not None and job.ready_at <= day_ago
            key = (first, job.project, job.workspace, job.is_database_action, job.weight)
            group = found.get(key)
            if group is None:
                found[key] = _Group(job, first)
            else:
                group.add(job)
    return found.values()


def _closed(capacity: Capacity, pool: bool) -> Capacity:
    return Capacity(capacity.workers, 0) if pool else Capacity(0, capacity.database_workers)
