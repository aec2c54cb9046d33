"""How the installation is: its disk, its files, its backends. What it reads it only looks at."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from peewee import fn

from jobsite import settings
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.jobs.models import Job
from jobsite.status.queries import BackendCard

ALMOST_FULL = 0.9


@dataclass(frozen=True)
class Disk:
    """The file system the instance lies on, and the sizes of its two database files, in bytes."""

    total: int
    free: int
    database: int
    queue: int

    @property
    def used(self) -> float:
        """How much of it is taken, from 0 to 1."""
        return 1 - self.free / self.total if self.total else 1.0

    @property
    def is_short(self) -> bool:
        """Whether it will be full soon."""
        return self.used >= ALMOST_FULL


def disk() -> Disk:
    """The disk of this instance as it is now. No query."""
    current = settings.current()
    space = shutil.disk_usage(current.instance)
    sizes = [
        sum(path.stat().st_size for path in (file, file.with_name(file.name + "-wal")) if path.exists())
        for file in (current.database_path, current.queue_path)
    ]
    return Disk(space.total, space.free, *sizes)


def cards(backends: list[Backend]) -> list[BackendCard]:
    """These backends with what runs and waits there. One query."""
    at, counts = now(), _counts()
    return [
        BackendCard(one, at, counts.get((one.id, "running"), 0), counts.get((one.id, "pending"), 0))
        for one in backends
    ]


def _counts() -> Mapping[tuple[int, str], int]:
    rows = Job.select(Job.backend, Job.state, fn.COUNT(Job.id)).where(Job.state.in_(("running", "pending")))
    grouped = rows.group_by(Job.backend, Job.state).tuples()
    return {(backend, state): count for backend, state, count in grouped}
