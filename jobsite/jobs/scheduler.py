"""Which pending jobs start now: a pure decision over plain facts.

Order: least running in the same project, then in the same workspace, then database jobs, then the oldest;
recomputed after each start. Two pools per backend: database jobs and all others.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Candidate:
    """A job as the decision sees it. `ready`: nothing but room keeps it from starting."""

    id: int
    project: int
    workspace: int
    is_database_action: bool
    created_at: datetime
    running: bool
    ready: bool = False


@dataclass(frozen=True)
class Capacity:
    """How many jobs each pool of a backend may run at once."""

    workers: int
    database_workers: int

    def of(self, candidate: Candidate) -> int:
        """The size of the candidate's pool."""
        return self.database_workers if candidate.is_database_action else self.workers


def choose(jobs: Iterable[Candidate], capacity: Capacity) -> list[int]:
    """The ids of the jobs of one backend to start now, in order. Never more than the pools hold."""
    everything = list(jobs)
    running = [job for job in everything if job.running]
    waiting = [job for job in everything if job.ready and not job.running]
    pools = Counter(job.is_database_action for job in running)
    projects = Counter(job.project for job in running)
    workspaces = Counter(job.workspace for job in running)
    chosen: list[int] = []
    while fitting := [job for job in waiting if pools[job.is_database_action] < capacity.of(job)]:
        job = min(fitting, key=lambda one: _rank(one, projects, workspaces))
        chosen.append(job.id)
        waiting.remove(job)
        pools[job.is_database_action] += 1
        projects[job.project] += 1
        workspaces[job.workspace] += 1
    return chosen


def _rank(
    job: Candidate, projects: Counter[int], workspaces: Counter[int]
) -> tuple[int, int, bool, datetime, int]:
    return (
        projects[job.project],
        workspaces[job.workspace],
        not job.is_database_action,
        job.created_at,
        job.id,
    )
