"""When waiting jobs will start, if the jobs before them run as long as they used to: pure arithmetic."""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A job of a pool: how many workers it takes, and how long it runs at best and at worst, in seconds.

    None means nobody knows: at best it ends at once, at worst never. For a running job it is what is left of it.
    """

    weight: float
    best: float | None
    worst: float | None


def starts(running: Iterable[Work], waiting: Sequence[Work], room: float) -> list[tuple[float, float]]:
    """In how many seconds each waiting job starts, at best and at worst (infinity where nobody knows).

    `waiting` is in the order in which they start; `room` is the weight that the pool holds.
    """
    run = list(running)
    best = _starts(
        [(one.weight, one.best or 0.0) for one in run],
        [(one.weight, one.best or 0.0) for one in waiting],
        room,
    )
    worst = _starts([_worst(one) for one in run], [_worst(one) for one in waiting], room)
    return list(zip(best, worst, strict=True))


def _worst(one: Work) -> tuple[float, float]:
    return one.weight, math.inf if one.worst is None else one.worst


def _starts(
    running: list[tuple[float, float]], waiting: list[tuple[float, float]], room: float
) -> list[float]:
    """One after the other in their order, each as soon as it fits, or alone when it is heavier than the pool."""
    ends = [(left, weight) for weight, left in running]
    heapq.heapify(ends)
    used = sum(weight for _, weight in ends)
    moment, found = 0.0, []
    for weight, seconds in waiting:
        while ends and used + weight > room:
            ended, freed = heapq.heappop(ends)
            moment, used = max(moment, ended), used - freed
        found.append(moment)
        heapq.heappush(ends, (moment + seconds, weight))
        used += weight
    return found
