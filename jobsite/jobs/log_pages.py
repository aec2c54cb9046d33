"""A window of a log for a page.

Everything is asked for by line number, so an answer carries the position of the next: pages that follow a
growing log lose, repeat and reorder nothing.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from jobsite.jobs.log_rows import Fold, Row, folded, rows_of, unmarked
from jobsite.jobs.log_search import Found, Search, searching
from jobsite.jobs.log_wanted import Wanted
from jobsite.jobs.logs.landmarks import Landmarks
from jobsite.jobs.logs.patterns import PatternRefused
from jobsite.jobs.logs.reader import LogReader, Window

WINDOW = 500
BEFORE = 50
"""Lines shown before the one that was asked for."""


@dataclass(frozen=True)
class LogPage:
    """Lines in order without a hole, from line `first`; `next_line` is the position to ask for next.

    `parts` are rows and groups of rows. `first_error` is the line that looks like the first error; it is not looked
    up for a page that only follows.
    """

    parts: tuple[Row | Fold, ...] = ()
    first: int = 1
    next_line: int = 1
    total: int = 0
    search: Search | None = None
    first_error: int | None = None

    @property
    def at_end(self) -> bool:
        """Whether nothing was there behind these lines when they were read."""
        return self.next_line > self.total

    @property
    def size(self) -> int:
        """How many lines these are."""
        return self.next_line - self.first

    @property
    def earlier(self) -> int:
        """Where the window before this one begins."""
        return max(1, self.first - WINDOW)

    @property
    def folds(self) -> bool:
        """Whether there are groups in this window."""
        return any(isinstance(part, Fold) for part in self.parts)


def log_page(path: Path, wanted: Wanted) -> LogPage:
    """The window of the log at `path` that is wanted; an empty one as long as there is no log."""
    try:
        with (
            LogReader(path) as reader,
            Landmarks(path) as landmarks,
            searching(reader, path, wanted) as found,
        ):
            return _read(reader, landmarks, wanted, found)
    except FileNotFoundError:
        return LogPage()


def _read(reader: LogReader, landmarks: Landmarks, wanted: Wanted, found: Found) -> LogPage:
    if found.search and wanted.start is None and wanted.line is None:
        wanted = replace(wanted, line=found.search.here)
    window, search = _window(reader, wanted), found.search
    error = None if wanted.follow else landmarks.first_error()
    began = reader.window(1, 1).lines[0].time if wanted.since and window.total_lines_known else 0
    try:
        rows = rows_of(window.lines, wanted, found.marker, began)
    except PatternRefused as refused:
        rows, search = rows_of(window.lines, wanted, unmarked, began), Search(refusal=str(refused))
    return LogPage(
        parts=folded(window.lines, rows, landmarks, error, wanted.unfold),
        first=window.next_line - len(rows),
        next_line=window.next_line,
        total=window.total_lines_known,
        search=search,
        first_error=error,
    )


def _window(reader: LogReader, wanted: Wanted) -> Window:
    if wanted.start is not None:
        return reader.window(wanted.start, WINDOW)
    if wanted.line is not None:
        return reader.window(wanted.line - BEFORE, WINDOW)
    return reader.tail(WINDOW)
