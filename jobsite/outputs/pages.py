"""The tables inside a page of HTML, as text. Pure: nothing of the page is rendered or kept but its words."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

MOST_TABLES = 100
MOST_CELLS = 200_000
MOST_SPAN = 100


@dataclass
class PageTable:
    """A table of a page: its caption and its rows, the first of which is its header."""

    caption: str = ""
    rows: list[list[str]] = field(default_factory=list)


def tables_in(text: str) -> list[PageTable]:
    """The tables of a page in their order, at most 100; cells that span columns are repeated empty."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return [table for table in reader.tables if table.rows]


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
