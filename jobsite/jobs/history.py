"""How long actions ran so far, and how a stretch of time is said: as a range, for no run is like the other."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from peewee import fn

from jobsite.jobs.models import Job

MOST_RUNS = 50
Key = tuple[int, int, str]
"""Whose history: the ids of workspace and backend, and the action."""


@dataclass(frozen=True)
class RunTime:
    """How long an action ran: how many of its last runs succeeded, and of these, in seconds, the time that one in ten
    stayed below, the median, and the time that nine in ten stayed below."""

    runs: int
    median: float
    slow: float
    fast: float = 0.0

    @property
    def words(self) -> str:
        """It as a sentence."""
        times = f"the last {self.runs} times" if self.runs > 1 else "the one time so far"
        return f"It ran {stretch(self.fast, self.slow)} {times}."


def run_time(job: Job) -> RunTime | None:
    """How long the last runs of this action that succeeded there took; None without history. One query."""
    key = (job.workspace_id, job.backend_id, job.action)
    return run_times([key]).get(key)


def run_times(keys: Collection[Key]) -> Mapping[Key, RunTime]:
    """The same for many actions at once, those without history left out. One query."""
    if not keys:
        return {}
    newest = fn.ROW_NUMBER().over(
        partition_by=[Job.workspace, Job.backend, Job.action], order_by=[Job.id.desc()]
    )
    wanted = Job.workspace.in_({key[0] for key in keys}) & Job.backend.in_({key[1] for key in keys})
    wanted &= Job.action.in_({key[2] for key in keys})
    ended = wanted & (Job.state == "succeeded") & Job.started_at.is_null(False)
    columns = (Job.workspace, Job.backend, Job.action, Job.started_at, Job.completed_at)
    inner = Job.select(*columns, newest.alias("newest")).where(ended)
    rows = Job.select(*(getattr(inner.c, column.column_name) for column in columns)).from_(inner)
    found: dict[Key, list[float]] = defaultdict(list)
    for workspace, backend, action, started, ended_at in rows.where(inner.c.newest <= MOST_RUNS).tuples():
        seconds = (
            Job.completed_at.python_value(ended_at) - Job.started_at.python_value(started)
        ).total_seconds()
        found[workspace, backend, action].append(seconds)
    return {key: known for key in set(keys) if (known := spread(found.get(key, ())))}


def spread(seconds: Sequence[float]) -> RunTime | None:
    """The 10th percentile, median and 90th (each a value that occurred) of run times; None for none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return RunTime(
        len(ordered), _percentile(ordered, 0.5), _percentile(ordered, 0.9), _percentile(ordered, 0.1)
    )


_UNITS = ((90, 1, "s"), (90 * 60, 60, "min"), (48 * 3600, 3600, "h"), (math.inf, 86_400, "days"))


def stretch(low: float, high: float) -> str:
    """A range of seconds in the unit that fits its end: "3 to 5 min", "about 2 h", "up to 20 s"."""
    size, unit = next((size, unit) for limit, size, unit in _UNITS if high < limit)
    first, last = math.floor(low / size), max(1, math.ceil(high / size))
    if first <= 0:
        return f"up to {last} {unit}" if last > 1 or unit == "s" else f"less than a {_ONE[unit]}"
    near = first == last or (last - first == 1 and last > 10)
    return f"about {last} {unit}" if near else f"{first} to {last} {unit}"


_ONE = {"min": "minute", "h": "hour", "days": "day"}


def _percentile(ordered: Sequence[float], part: float) -> float:
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
