"""How long the engine's turns take, counted since the start of this process: for those who watch the server."""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

LIMITS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds: the upper ends of the classes in which turns are counted; longer ones are in a last class."""


@dataclass(frozen=True)
class Turns:
    """How many turns took up to each of `LIMITS` or longer (not added up), and how many seconds they took in all."""

    counts: Sequence[int]
    seconds: float


_door = threading.Lock()
_counts = [0] * (len(LIMITS) + 1)
_seconds = 0.0


def note_turn(seconds: float) -> None:
    """Count one turn."""
    global _seconds
    with _door:
        _counts[bisect_left(LIMITS, seconds)] += 1
        _seconds += seconds


def turns() -> Turns:
    """What was counted so far."""
    with _door:
        return Turns(tuple(_counts), _seconds)
