"""How long actions ran so far, and how a stretch of time is said: as a range, for no run is like the other."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from jobsite.core.db import database
from jobsite.jobs.models import Job

MOST_RUNS = 50
Key = tuple[int, int, str]
"""Whose history: the ids of workspace and backend, and the action."""

_AT_ONCE = 1000
_NEWEST = """
WITH wanted (workspace, backend, action) AS (VALUES {values})
SELECT wanted.workspace, wanted.backend, wanted.action, (
    SELECT json_group_array((julianday(completed_at) - julianday(started_at)) * 86400) FROM (
        SELECT completed_at, started_at FROM job
        WHERE workspace_id = wanted.workspace AND backend_id = wanted.backend AND job.action = wanted.action
          AND state = 'succeeded' AND started_at IS NOT NULL
        ORDER BY id DESC LIMIT ?) AS newest)
FROM wanted
"""


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
    """The same for many actions at once, those without history left out. One query for each thousand.

    Each history is looked up by the index of the latest jobs: how many other jobs there are does not matter. SQLite's
    days of a time are exact to a millisecond, and so is this.
    """
    wanted = list(dict.fromkeys(keys))
    found: dict[Key, list[float]] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        sql = _NEWEST.format(values=", ".join(["(?, ?, ?)"] * len(some)))
        values = [*(part for key in some for part in key), MOST_RUNS]
        for workspace, backend, action, times in database.execute_sql(sql, values):
            found[workspace, backend, action] = [max(0.0, round(one, 3)) for one in json.loads(times)]
    return {key: known for key, times in found.items() if (known := spread(times))}


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
