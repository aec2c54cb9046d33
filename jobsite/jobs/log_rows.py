"""Lines of a log as rows for a page: their look, the time that is shown, and the groups they fold into."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jobsite.jobs.log_wanted import Wanted
from jobsite.jobs.logs.ansi import plain, show
from jobsite.jobs.logs.format import SYSTEM
from jobsite.jobs.logs.landmarks import Landmarks, ends_group, group_title
from jobsite.jobs.logs.reader import Line

CUT = 2000
"""Characters of a line that are shown at first; the whole record is one link away."""

Spans = Sequence[tuple[int, int]]
Marker = Callable[[Sequence[str]], Sequence[Spans]]
"""Gives for each of some texts where in it what was searched for stands."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text of one look; `hit`: it is what was searched for."""

    classes: str
    text: str
    hit: bool


@dataclass(frozen=True)
class Row:
    """A line as the page shows it. `clock` is its time of day in UTC or its time since the first line, `moment` the
    whole time for machines."""

    number: int
    clock: str
    moment: str
    stream: str
    continued: bool
    pieces: tuple[Piece, ...]
    cut: bool
    here: bool


@dataclass(frozen=True)
class Fold:
    """The rows of this window that lie in one group, which begins with line `number`, maybe before the window.

    `seconds` is how long the group took, None as long as it has not ended. `open`: the rows are shown at first.
    """

    number: int
    title: str
    seconds: float | None
    rows: tuple[Row, ...]
    begins_here: bool
    open: bool


@dataclass
class _Group:
    """A group while its lines are collected."""

    number: int
    title: str
    began: int
    begins_here: bool
    rows: list[Row]
    ended: int | None = None


def rows_of(lines: Sequence[Line], wanted: Wanted, marker: Marker, began: int) -> tuple[Row, ...]:
    """The lines as rows. `began` is the time of the first line of the log, in microseconds since 1970."""
    shown = [show(one.text, max(len(one.text), 1) if one.number == wanted.full else CUT) for one in lines]
    hits = marker(["".join(text for _, text in one.spans) for one in shown])
    return tuple(
        _row(line, pieces(look.spans, found), look.cut, wanted, began)
        for line, look, found in zip(lines, shown, hits, strict=True)
    )


def _row(line: Line, parts: Iterable[Piece], cut: bool, wanted: Wanted, began: int) -> Row:
    moment = datetime.fromtimestamp(line.time / 1e6, UTC)
    return Row(
        number=line.number,
        clock=since(line.time - began) if wanted.since else moment.strftime("%H:%M:%S"),
        moment=moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        stream=line.stream,
        continued=line.continued,
        pieces=tuple(parts),
        cut=cut,
        here=wanted.has(line.number),
    )


def since(microseconds: int) -> str:
    """A stretch of time as `+H:MM:SS`."""
    minutes, seconds = divmod(max(0, microseconds) // 1_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02}:{seconds:02}"


def pieces(spans: Sequence[tuple[Sequence[str], str]], hits: Spans) -> Iterable[Piece]:
    """The spans of a line, cut at the edges of what was searched for, in one pass."""
    at, hit = 0, 0
    for classes, part in spans:
        start, end = at, at + len(part)
        while at < end:
            while hit < len(hits) and hits[hit][1] <= at:
                hit += 1
            inside = hit < len(hits) and hits[hit][0] <= at
            edge = end if hit == len(hits) else min(end, hits[hit][1] if inside else hits[hit][0])
            yield Piece(" ".join(classes), part[at - start : edge - start], inside)
            at = edge


def literal(q: str, case: bool) -> Marker:
    """Marks a text as it stands."""
    needle = re.compile(re.escape(q), 0 if case else re.IGNORECASE)
    return lambda texts: [[match.span() for match in needle.finditer(text)] for text in texts]


def unmarked(texts: Sequence[str]) -> Sequence[Spans]:
    """Marks nothing."""
    return [() for _ in texts]


def folded(
    lines: Sequence[Line], rows: Sequence[Row], landmarks: Landmarks, error: int | None, unfold: bool
) -> tuple[Row | Fold, ...]:
    """The rows with those of each group together, as `::group::` and `::endgroup::` mark them; groups do not nest.

    Open are the groups that have not ended, that go on from the window before, and that hold the line asked for
    or the first error: what one came for is never hidden.
    """
    parts: list[Row | _Group] = []
    group = _begun_before(lines, landmarks)
    parts += [group] if group else []
    for line, row in zip(lines, rows, strict=True):
        title = group_title(line.text) if line.stream != SYSTEM else None
        if title is not None:
            if group:
                group.ended = line.time
            group = _Group(line.number, plain(title), line.time, True, [])
            parts.append(group)
            continue
        (group.rows if group else parts).append(row)
        if group and ends_group(line.text):
            group.ended, group = line.time, None
    if group and (edge := landmarks.next_edge(lines[-1].number + 1)):
        group.ended = edge.time
    here = {row.number for row in rows if row.here} | {error or 0}
    return tuple(_fold(one, here, unfold) if isinstance(one, _Group) else one for one in parts)


def _begun_before(lines: Sequence[Line], landmarks: Landmarks) -> _Group | None:
    begun = landmarks.group_at(lines[0].number) if lines else None
    if begun is None:
        return None
    return _Group(begun.number, plain(group_title(begun.text) or ""), begun.time, False, [])


def _fold(group: _Group, here: set[int], unfold: bool) -> Fold:
    seconds = None if group.ended is None else (group.ended - group.began) / 1e6
    opened = unfold or seconds is None or not group.begins_here
    opened = opened or group.number in here or any(row.number in here for row in group.rows)
    return Fold(group.number, group.title, seconds, tuple(group.rows), group.begins_here, opened)
