"""How long requests wait from hand to hand, and how many pass the first time: the outcome figures (specification 13)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobsite.core.db import database
from jobsite.core.events import Event
from jobsite.core.wording import counted

STAGES: Mapping[str, str] = {
    "draft": "From the first file to the submission",
    "review": "From a submission to the last review that is needed",
    "decision": "From the last review to a return, approval or rejection",
    "answer": "From a return to the next submission",
    "upload": "From the approval until everything is released",
    "whole": "From the first submission to the release",
}
"""The stretches of a request's way that are measured, with their names for people."""

_BEGINS = {
    "created": ("draft",), "submitted": ("review", "whole"), "resubmitted": ("review",), "reviewed": ("decision",),
    "returned": ("answer",), "approved": ("upload",), "stopped": ("decision",),
}  # fmt: skip
_ENDS = {
    "submitted": ("draft",), "resubmitted": ("answer",), "reviewed": ("review",), "returned": ("review", "decision"),
    "approved": ("decision",), "rejected": ("decision",), "released": ("upload", "whole"),
}  # fmt: skip
_VOIDS = {"stopped": ("upload",)}
_STEPS = """
    SELECT event.subject, substr(event.type, 9), event.at FROM release_request
      JOIN event ON event.subject = 'release-request:' || release_request.id
     WHERE release_request.created_at >= ? AND event.type IN (
           'release:created', 'release:submitted', 'release:resubmitted', 'release:reviewed', 'release:returned',
           'release:approved', 'release:stopped', 'release:rejected', 'release:released')
     ORDER BY event.id
"""

Step = tuple[str, datetime]


@dataclass(frozen=True)
class Stretch:
    """How often a stage was gone through, and how long it took: half of the times at most `median`, nine in ten `most`."""

    name: str
    times: int
    median: str
    most: str


@dataclass(frozen=True)
class Turnaround:
    """The requests that were submitted: how many were decided at all, passed without ever being returned, were returned
    at least once, were rejected, were released; and the stages that anybody went through."""

    submitted: int
    decided: int
    passed_first: int
    returned: int
    rejected: int
    released: int
    stages: tuple[Stretch, ...]

    @property
    def share_passed_first(self) -> int | None:
        """Of the decided requests, so many in a hundred passed the first time; None where none was decided."""
        return round(100 * self.passed_first / self.decided) if self.decided else None


def turnaround(since: datetime) -> Turnaround:
    """What became of the requests that were begun since then. One query."""
    lives: dict[str, list[Step]] = {}
    for subject, happened, moment in database.execute_sql(_STEPS, (since,)).fetchall():
        lives.setdefault(subject, []).append((happened, Event.at.python_value(moment)))
    return summed_up(lives.values())


def summed_up(lives: Iterable[Sequence[Step]]) -> Turnaround:
    """The figures of these requests, each given by its steps with the earliest first. Pure."""
    taken: dict[str, list[timedelta]] = {stage: [] for stage in STAGES}
    were: list[set[str]] = []
    for life in lives:
        were.append({happened for happened, _ in life})
        for stage, time in stages_of(life):
            taken[stage].append(time)
    asked = [one for one in were if "submitted" in one]
    decided = [one for one in asked if one & {"returned", "approved", "rejected"}]
    return Turnaround(
        submitted=len(asked),
        decided=len(decided),
        passed_first=sum("approved" in one and not one & {"returned", "rejected"} for one in decided),
        returned=sum("returned" in one for one in decided),
        rejected=sum("rejected" in one for one in decided),
        released=sum("released" in one for one in decided),
        stages=tuple(_stretch(stage, times) for stage, times in taken.items() if times),
    )


def stages_of(life: Iterable[Step]) -> Iterator[tuple[str, timedelta]]:
    """The stages that a request went through, with what each took; one that has not ended is none. Pure."""
    begun: dict[str, datetime] = {}
    for happened, moment in life:
        for stage in _ENDS.get(happened, ()):
            if stage in begun:
                yield stage, moment - begun.pop(stage)
        for stage in _VOIDS.get(happened, ()):
            begun.pop(stage, None)
        begun |= dict.fromkeys(_BEGINS.get(happened, ()), moment)


def _stretch(stage: str, times: list[timedelta]) -> Stretch:
    times.sort()
    return Stretch(STAGES[stage], len(times), in_words(_rank(times, 50)), in_words(_rank(times, 90)))


def _rank(times: Sequence[timedelta], percent: int) -> timedelta:
    """The smallest that so many in a hundred do not exceed."""
    return times[-(-len(times) * percent // 100) - 1]


def in_words(time: timedelta) -> str:
    """A time as people say it: "3 days 4 hours", "5 hours 20 minutes", "12 minutes", "under a minute"."""
    minutes = int(time.total_seconds()) // 60
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [(days, "day"), (hours, "hour"), (0 if days else minutes % 60, "minute")]
    return " ".join(counted(number, noun) for number, noun in parts if number) or "under a minute"
