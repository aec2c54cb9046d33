"""The tables inside a page of HTML, as text. Pure: nothing of the page is rendered or kept but its words."""

import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

MOST_WORK = 1.5
"""Seconds; then the tables are those of the beginning of the page."""
MOST_TABLES = 100
MOST_CELLS = 200_000
MOST_SPAN = 100


@dataclass
class PageTable:
    """A table of a page: its caption and its rows, the first of which is its header."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


class TablesFound(NamedTuple):
    """The tables of a page in their order; `is_cut` says that the page was too long to be looked through."""

    tables: list[PageTable]
    is_cut: bool


def has_tables(text: str) -> bool:
    """Whether a page may hold tables."""
    return _BEGINS.search(text) is not None


def tables_in(text: str) -> TablesFound:
    """The tables of a page, at most 100; cells that span columns are repeated empty.

    Raises AssertionError for broken pages: the reader of the standard library asserts what they do not hold.
    """
    reader, until, start = _Reader(), time.thread_time() + MOST_WORK, 0
    while start < len(text) and reader.cells <= MOST_CELLS and time.thread_time() <= until:
        reader.feed(text[start : start + _PIECE])
        start += _PIECE
    is_cut = start < len(text) or len(reader.rawdata) > _PIECE
    if not is_cut:  # for much that never ended the reader would take minutes
        reader.close()
    return TablesFound([table for table in reader.tables if table.rows], is_cut)


_BEGINS = re.compile(r"<table[\s>]", re.IGNORECASE)
_PIECE = 64 * 1024


class _Reader(HTMLParser):
    """Collects the words of cells; a table within a table is a table of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[PageTable] = []
        self.open: list[PageTable] = []
        self.words: list[str] | None = None
        self.span = 1
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A table, row, cell or caption begins, which ends the cell before it."""
        if tag == "table" and len(self.tables) < MOST_TABLES:
            self._end_cell()
            self.open.append(PageTable())
            self.tables.append(self.open[-1])
        elif not self.open:
            return
        elif tag == "tr":
            self._end_cell()
            self.open[-1].rows.append([])
        elif tag in ("td", "th", "caption"):
            self._end_cell()
            self.words = []
            span = next((value or "" for name, value in attrs if name == "colspan"), "1")
            self.span = 0 if tag == "caption" else min(int(span), MOST_SPAN) if span.isdecimal() else 1

    def handle_endtag(self, tag: str) -> None:
        """A cell or a table ends."""
        if tag in ("td", "th", "tr", "caption", "table"):
            self._end_cell()
        if tag == "table" and self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Some words."""
        if self.words is not None:
            self.words.append(data)

    def _end_cell(self) -> None:
        if self.words is None or not self.open:
            return
        text, table = " ".join("".join(self.words).split()), self.open[-1]
        self.words = None
        if not self.span:
            table.caption = text
            return
        if not table.rows:
            table.rows.append([])
        self.cells += self.span
        if self.cells <= MOST_CELLS:
            table.rows[-1] += [text, *[""] * (self.span - 1)]
