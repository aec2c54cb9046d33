"""What an attempt used over time: its samples, thinned to what a small chart can show, and the chart's lines."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import Refused, Sample, read_exit, read_samples, read_spec

WIDTH, HEIGHT = 600.0, 96.0
MOST_POINTS = 240
SHORT = 32_000
"""Bytes of a file of samples that is read whole; of a longer one so many places are read."""
_A_ROW = 256


@dataclass(frozen=True)
class Curve:
    """A line of the chart: `d` is its path in a box of WIDTH by HEIGHT, `top` the value at the upper edge."""

    d: str
    top: float


@dataclass(frozen=True)
class Usage:
    """What an attempt used. Memory in bytes, CPU in CPUs, `seconds` from the first sample to the last.

    `memory_limit` and `cpu_limit` are those it was started with, None where that is not known any more.
    """

    memory: Curve
    cpu: Curve
    memory_peak: int
    memory_mean: float
    cpu_peak: float
    cpu_mean: float
    seconds: float
    memory_limit: int | None
    cpu_limit: float | None

    @property
    def share(self) -> float | None:
        """The peak of memory as a part of its limit, in hundredths."""
        return 100 * self.memory_peak / self.memory_limit if self.memory_limit else None


def usage(attempt_dir: Path) -> Usage | None:
    """What the attempt used, from its first sample to its last; None before there are two."""
    found = thinned(attempt_dir)
    if len(found) < 2 or found[-1].time <= found[0].time:
        return None
    times = [(one.time - found[0].time) / 1e6 for one in found]
    cpu = _rates(times, [one.cpu_seconds for one in found])
    memory = [float(one.memory_bytes) for one in found]
    end = read_exit(attempt_dir)
    peak = max(int(max(memory)), end.peak_memory_bytes if end else 0)
    memory_limit, cpu_limit = _limits(attempt_dir)
    return Usage(
        memory=_curve(times, memory, _top(peak, memory_limit)),
        cpu=_curve(times, cpu, _top(max(cpu), cpu_limit)),
        memory_peak=peak,
        memory_mean=sum(memory) / len(memory),
        cpu_peak=max(cpu),
        cpu_mean=max(0.0, found[-1].cpu_seconds - found[0].cpu_seconds) / times[-1],
        seconds=times[-1],
        memory_limit=memory_limit,
        cpu_limit=cpu_limit,
    )


def thinned(attempt_dir: Path) -> list[Sample]:
    """Samples from the first to the last, oldest first; of a long file about MOST_POINTS, evenly spread."""
    path = attempt_dir / records.SAMPLES
    try:
        size = path.stat().st_size
        if size <= SHORT:
            return read_samples(attempt_dir, SHORT)
        with path.open("rb") as file:
            rows = [_row_at(file.fileno(), place * size // MOST_POINTS) for place in range(MOST_POINTS)]
    except OSError:
        return []
    found = [row for row in rows if row is not None] + read_samples(attempt_dir, 1)
    return sorted({one.time: one for one in found}.values(), key=lambda one: one.time)


def _row_at(descriptor: int, offset: int) -> Sample | None:
    """The first whole row from `offset` on; None for one that cannot be read."""
    lines = os.pread(descriptor, _A_ROW, offset).split(b"\n")
    try:
        row = json.loads(lines[1 if offset else 0])
        return Sample(*row) if isinstance(row, list) else None
    except (ValueError, IndexError, TypeError):
        return None


def _limits(attempt_dir: Path) -> tuple[int | None, float | None]:
    try:
        limits = read_spec(attempt_dir).limits
    except Refused:
        return None, None
    return limits.memory_bytes, limits.cpus


def _rates(times: Sequence[float], totals: Sequence[float]) -> list[float]:
    """How fast a total grew until each time; a clock that was set back counts as no growth."""
    rates = [
        max(0.0, after - before) / (late - early) if late > early else 0.0
        for early, late, before, after in zip(times, times[1:], totals, totals[1:], strict=False)
    ]
    return [rates[0], *rates]


def _top(peak: float, limit: float | None) -> float:
    """The value at the upper edge: the limit when the peak comes near it, so that one sees how near."""
    return limit if limit and limit / 2 < peak <= limit else max(peak * 1.1, 1e-9)


def _curve(times: Sequence[float], values: Sequence[float], top: float) -> Curve:
    points = (
        f"{WIDTH * min(max(at / times[-1], 0.0), 1.0):.1f} {HEIGHT * (1 - min(value / top, 1.0)):.1f}"
        for at, value in zip(times, values, strict=True)
    )
    return Curve("M" + "L".join(points), top)
