"""A search through the whole of a log: how many lines have it, which one is looked at, which lie around it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jobsite.jobs.log_rows import Marker, literal, unmarked
from jobsite.jobs.log_wanted import Wanted
from jobsite.jobs.logs.ansi import plain
from jobsite.jobs.logs.patterns import PatternRefused, PatternSearch
from jobsite.jobs.logs.reader import LogReader

LISTED = 20
EXCERPT = 160
_STRIDE = 500
_NEAR = 5_000
_MOST_FAR = 100_000


@dataclass(frozen=True)
class Search:
    """What a search found. `here` is the hit that is looked at, `place` which of `total` it is (from 1; else 0).

    `listed` are some hits from there on, as (line number, excerpt). `refusal`: why there was no search.
    """

    total: int = 0
    place: int = 0
    here: int | None = None
    previous: int | None = None
    next: int | None = None
    listed: tuple[tuple[int, str], ...] = ()
    refusal: str = ""


class Found(NamedTuple):
    """The search of a page, None without one, and how its rows are marked."""

    search: Search | None
    marker: Marker


class _Hits(NamedTuple):
    lines: tuple[int, ...]
    previous: int | None
    before: int
    total: int


@contextmanager
def searching(reader: LogReader, path: Path, wanted: Wanted) -> Iterator[Found]:
    """The search that is wanted, whose rows can be marked within the block.

    A page that follows a log does not search again; it marks plain text, but no pattern, which may take long.
    """
    if not wanted.q or (wanted.pattern and wanted.follow):
        yield Found(None, unmarked)
    elif not wanted.pattern:
        search = None if wanted.follow else _search(reader, wanted, _literal_hits(reader, wanted))
        yield Found(search, literal(wanted.q, wanted.case))
    else:
        with _by_pattern(reader, path, wanted) as found:
            yield found


@contextmanager
def _by_pattern(reader: LogReader, path: Path, wanted: Wanted) -> Iterator[Found]:
    found = PatternSearch(path, wanted.q, case=wanted.case)
    entered = False
    try:
        with found:
            hits = _Hits(*found.search(_start(wanted), LISTED + 1))
            entered = True
            yield Found(_search(reader, wanted, hits), found.spans)
    except PatternRefused as refused:
        if entered:
            raise
        yield Found(Search(refusal=str(refused)), unmarked)


def _start(wanted: Wanted) -> int:
    return max(1, wanted.line or wanted.start or 1)


def _search(reader: LogReader, wanted: Wanted, found: _Hits) -> Search:
    hits = found.lines
    at_first = (wanted.line, wanted.start) == (None, None)
    here = hits[0] if hits and (at_first or hits[0] == wanted.line) else None
    following = hits[1:] if here else hits
    return Search(
        total=found.total,
        place=found.before + 1 if here else 0,
        here=here,
        previous=found.previous,
        next=following[0] if following else None,
        listed=tuple((number, _excerpt(reader, number)) for number in hits[:LISTED]),
    )


def _literal_hits(reader: LogReader, wanted: Wanted) -> _Hits:
    start = _start(wanted)
    found = reader.search(wanted.q, start, LISTED + 1, wanted.case)
    previous = _hit_before(reader, wanted, start, found.before) if found.before else None
    return _Hits(found.lines, previous, found.before, found.total)


def _hit_before(reader: LogReader, wanted: Wanted, line: int, before: int) -> int | None:
    """The last hit before a line. A text that is common stands near by; of a rare one all hits are looked at."""
    marker, at = literal(wanted.q, wanted.case), line
    while at > max(1, line - _NEAR):
        start = max(1, at - _STRIDE)
        window = reader.window(start, at - start)
        if window.next_line != at:
            break
        marked = marker([one.text for one in window.lines])
        hits = [one.number for one, spans in zip(window.lines, marked, strict=True) if spans]
        if hits:
            return hits[-1]
        at = start
    return reader.search(wanted.q, 1, before, wanted.case).lines[-1] if before <= _MOST_FAR else None


def _excerpt(reader: LogReader, number: int) -> str:
    lines = reader.window(number, 1).lines
    return plain(lines[0].text[: 4 * EXCERPT])[:EXCERPT] if lines else ""
