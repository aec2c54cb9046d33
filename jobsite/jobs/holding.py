"""What keeps a pending job from starting, in the order in which it is asked; pure (specification §3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from jobsite.jobs.faults import RETRIES
from jobsite.pipelines.overlaps import can_meet

Patterns = tuple[str, ...]
LONGEST_PAUSE = max(pause for retry in RETRIES.values() for pause in retry.pauses)
"""A job that would be tried again later than that waits for nothing: the clock was set back."""


@dataclass(frozen=True, slots=True)
class Supplier:
    """A job that another needs: its action and state."""

    action: str
    state: str


@dataclass(slots=True)
class Facts:
    """A pending job and its surroundings. `writers` are the actions that run in its workspace and can write the
    same paths; `refusal` says why no job at all can run on this server.

    Not frozen: that takes several times as long to make, and every turn makes one for each waiting job.
    """

    code: str
    is_database_action: bool
    is_paused: bool
    is_in_maintenance: bool
    retry_at: datetime | None
    suppliers: Sequence[Supplier] = ()
    writers: Sequence[str] = ()
    refusal: str | None = None


@dataclass(frozen=True)
class Hold:
    """The code that a job gets because it cannot start, with its message ("" for the code's own sentence).

    `keeps`: it stays as it is. `names` are the actions that it waits for.
    """

    code: str
    message: str = ""
    keeps: bool = False
    names: tuple[str, ...] = ()


def hold(job: Facts, at: datetime) -> Hold | None:
    """What keeps the job from starting at the moment `at`; None when nothing but room can."""
    if job.retry_at is not None and at < job.retry_at <= at + LONGEST_PAUSE:
        return Hold(job.code, keeps=True)
    if job.is_paused:
        return Hold("paused", keeps=job.code == "waiting_on_reboot")
    if job.is_in_maintenance and job.is_database_action:
        return Hold("waiting_db_maintenance")
    return _held_by_others(job)


def _held_by_others(job: Facts) -> Hold | None:
    for one in job.suppliers:
        if one.state in ("failed", "cancelled"):
            how = "was cancelled" if one.state == "cancelled" else "failed"
            message = f"Not starting as dependency failed: {one.action} ({how})"
            return Hold("dependency_failed", message, names=(one.action,))
    waited = tuple(one.action for one in job.suppliers if one.state in ("pending", "running"))
    if waited:
        return Hold("waiting_on_dependencies", f"Waiting on dependencies: {', '.join(waited)}", names=waited)
    if job.writers:
        names = ", ".join(job.writers)
        message = f"Waiting on dependencies: {names} (running, and can write the same files)"
        return Hold("waiting_on_dependencies", message, names=tuple(job.writers))
    return Hold("waiting_on_workers", job.refusal) if job.refusal else None


def room_code(is_database_action: bool, weight: float) -> tuple[str, str]:
    """Code and sentence of a job that waits only for room."""
    kind = "database workers" if is_database_action else "workers"
    heavy = " for resource intensive job" if weight > 1 else ""
    code = "waiting_on_db_workers" if is_database_action else "waiting_on_workers"
    return code, f"Waiting on available {kind}{heavy}"


def patterns_of(outputs: dict[str, dict[str, str]]) -> Patterns:
    """All patterns that an action may write, whatever their level."""
    return tuple(sorted({str(pattern) for labels in outputs.values() for pattern in labels.values()}))


@lru_cache(maxsize=10_000)
def can_write_the_same(left: Patterns, right: Patterns) -> bool:
    """Whether some file matches a pattern of each (B25). Asked every turn, so remembered."""
    return any(can_meet(one, other) for one in left for other in right)
