"""A window of a log as rows for a page, and a search through the whole of it.

Everything is asked for by line number, so an answer carries the position of the next: pages that follow a
growing log lose, repeat and reorder nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jobsite.jobs.logs.ansi import plain, show
from jobsite.jobs.logs.reader import Line, LogReader

WINDOW = 500
BEFORE = 50
"""Lines shown before the one that was asked for."""
CUT = 2000
"""Characters of a line that are shown at first; the whole record is one link away."""
LISTED = 20
EXCERPT = 160
_NEAR = 5_000
_MOST_FAR = 100_000


@dataclass(frozen=True)
class Wanted:
    """What of a log is asked for. `line`: show it with lines around it. `start`: begin there. Neither: the end.

    `q`: find this text, `case`: only with the same capitals. `full`: the line to show whole. `follow`: go on
    asking for what comes after.
    """

    line: int | None = None
    start: int | None = None
    q: str = ""
    case: bool = False
    full: int | None = None
    follow: bool = False


@dataclass(frozen=True)
class Piece:
    """A stretch of text of one look; `hit`: it is what was searched for."""

    classes: str
    text: str
    hit: bool


@dataclass(frozen=True)
class Row:
    """A line as the page shows it. `clock` is its time of day in UTC, `moment` the whole time for machines."""

    number: int
    clock: str
    moment: str
    stream: str
    continued: bool
    pieces: tuple[Piece, ...]
    cut: bool
    here: bool


@dataclass(frozen=True)
class Search:
    """What a search found. `here` is the hit that is looked at, `place` which of `total` it is (from 1; else 0).

    `listed` are some hits from there on, as (line number, excerpt).
    """

    total: int
    place: int
    here: int | None
    previous: int | None
    next: int | None
    listed: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class LogPage:
    """Rows in order without a hole, from line `first`; `next_line` is the position to ask for next."""

    rows: tuple[Row, ...] = ()
    first: int = 1
    next_line: int = 1
    total: int = 0
    search: Search | None = None

    @property
    def at_end(self) -> bool:
        """Whether nothing was there behind these rows when they were read."""
        return self.next_line > self.total

    @property
    def earlier(self) -> int:
        """Where the window before this one begins."""
        return max(1, self.first - WINDOW)


def log_page(path: Path, wanted: Wanted) -> LogPage:
    """The window of the log at `path` that is wanted; an empty one as long as there is no log."""
    try:
        with LogReader(path) as reader:
            return _read(reader, wanted)
    except FileNotFoundError:
        return LogPage()


def _read(reader: LogReader, wanted: Wanted) -> LogPage:
    search = _search(reader, wanted) if wanted.q and not wanted.follow else None
    here = search.here if search and wanted.start is None else None
    line = wanted.line or here
    if wanted.start is not None:
        window = reader.window(wanted.start, WINDOW)
    elif line is not None:
        window = reader.window(line - BEFORE, WINDOW)
    else:
        window = reader.tail(WINDOW)
    needle = _needle(wanted)
    rows = tuple(
        _row(one, needle, here=one.number == line, whole=one.number == wanted.full) for one in window.lines
    )
    return LogPage(rows, window.next_line - len(rows), window.next_line, window.total_lines_known, search)


def _row(line: Line, needle: re.Pattern[str] | None, *, here: bool, whole: bool) -> Row:
    shown = show(line.text, max(len(line.text), 1)) if whole else show(line.text, CUT)
    moment = datetime.fromtimestamp(line.time / 1e6, UTC)
    return Row(
        number=line.number,
        clock=moment.strftime("%H:%M:%S"),
        moment=moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        stream=line.stream,
        continued=line.continued,
        pieces=tuple(pieces(shown.spans, needle)),
        cut=shown.cut,
        here=here,
    )


def pieces(spans: Sequence[tuple[Sequence[str], str]], needle: re.Pattern[str] | None) -> Iterable[Piece]:
    """The spans of a line, cut at the edges of what was searched for, in one pass."""
    text = "".join(part for _, part in spans)
    hits = [match.span() for match in needle.finditer(text)] if needle else []
    at, hit = 0, 0
    for classes, part in spans:
        end = at + len(part)
        while at < end:
            while hit < len(hits) and hits[hit][1] <= at:
                hit += 1
            inside = hit < len(hits) and hits[hit][0] <= at
            edge = end if hit == len(hits) else min(end, hits[hit][1] if inside else hits[hit][0])
            yield Piece(" ".join(classes), text[at:edge], inside)
            at = edge


def _needle(wanted: Wanted) -> re.Pattern[str] | None:
    if not wanted.q:
        return None
    return re.compile(re.escape(wanted.q), 0 if wanted.case else re.IGNORECASE)


def _search(reader: LogReader, wanted: Wanted) -> Search:
    start = max(1, wanted.line or wanted.start or 1)
    found = reader.search(wanted.q, start, LISTED + 1, wanted.case)
    hits = found.lines
    here = (
        hits[0] if hits and (hits[0] == wanted.line or (wanted.line, wanted.start) == (None, None)) else None
    )
    following = hits[1:] if here else hits
    return Search(
        total=found.total,
        place=found.before + 1 if here else 0,
        here=here,
        previous=_hit_before(reader, wanted, start, found.before) if found.before else None,
        next=following[0] if following else None,
        listed=tuple((number, _excerpt(reader, number)) for number in hits[:LISTED]),
    )


def _hit_before(reader: LogReader, wanted: Wanted, line: int, before: int) -> int | None:
    """The last hit before a line. A text that is common stands near by; of a rare one all hits are looked at."""
    needle, at = _needle(wanted), line
    while needle and at > max(1, line - _NEAR):
        start = max(1, at - WINDOW)
        window = reader.window(start, at - start)
        if window.next_line != at:
            break
        hits = [one.number for one in window.lines if needle.search(one.text)]
        if hits:
            return hits[-1]
        at = start
    return reader.search(wanted.q, 1, before, wanted.case).lines[-1] if before <= _MOST_FAR else None


def _excerpt(reader: LogReader, number: int) -> str:
    lines = reader.window(number, 1).lines
    return plain(lines[0].text[: 4 * EXCERPT])[:EXCERPT] if lines else ""
