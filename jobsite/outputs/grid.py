"""A table as its page shows it: two hundred rows, with the findings on the very cells (output checking, section 4).

Without search and order a page is read by its position, however large the file is. A search goes through the rows as they
come and stops after two seconds of work; rows are put in order only where there are not too many.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import BinaryIO, NamedTuple

from jobsite.checks import SEVERITIES, Finding, Policy
from jobsite.checks.roles import named_role
from jobsite.outputs.asked import OPERATORS, Asked
from jobsite.outputs.columns import ColumnCard, column_card, policy_by_settings
from jobsite.outputs.numbers import is_number
from jobsite.outputs.reading_through import Reading, known_card, read_through
from jobsite.outputs.sifting import fits, hits_in, in_order, order_key
from jobsite.outputs.table_index import index_of, known_index
from jobsite.store.windows import Index, csv_beginning, rows_from

ROWS = 200
"""Rows of a page."""
MOST_ORDERED = 200_000
"""Rows that are put in order, and that a search goes through at once."""
MOST_CELLS = 8_000_000
"""Values of such a table; a condition costs as much as ten of a row. More would take longer than a page may."""
MOST_WORK = 2.0
"""Seconds for a search; then the page says how far it came."""
LARGE = 16 * 2**20
"""Bytes of a file that is read through beside the request: its first page is shown at once."""
MOST_COLUMNS = 500
LONGEST_VALUE = 2_000
"""Characters of a value that are shown."""

Place = tuple[int, int]


class Cell(NamedTuple):
    """A value: its pieces (text, whether it is what was searched for), where it stands, and what was found there."""

    pieces: Sequence[tuple[str, bool]]
    position: int
    is_number: bool
    finding: Finding | None
    is_here: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is only a value."""
        return self.finding is None and not self.is_here and len(self.pieces) == 1 and not self.pieces[0][1]


class GridRow(NamedTuple):
    """A row with its number in the file, from 1, and what was found in it as a whole."""

    number: int
    cells: Sequence[Cell]
    finding: Finding | None


class Head(NamedTuple):
    """A column: its header, its position from 1, what its name says it holds, and what was found in it."""

    text: str
    position: int
    role: str
    finding: Finding | None


@dataclass(frozen=True)
class Grid:
    """A page of a table. `total` is None while it is not known how many rows there are; `found` is how many fit a search,
    None without one or when it was cut. `first` and `last` are places among the rows that fit, from 1.

    `earlier` and `later` are values of `row` for the pages around; `refusal` says why rows are not in the order asked for.
    `waits` is what is still being read: without it the page would say more.
    """

    heads: Sequence[Head]
    hidden: Sequence[Head]
    rows: Sequence[GridRow]
    total: int | None
    found: int | None
    first: int
    last: int
    earlier: int | None
    later: int | None
    notices: Sequence[str]
    refusal: str = ""
    column: ColumnCard | None = None
    waits: Reading | None = None
    columns: int = 0
    asked: Asked = field(default_factory=Asked)

    @property
    def is_empty(self) -> bool:
        """Whether the file has no header, so nothing at all."""
        return not self.columns

    @property
    def operators(self) -> Mapping[str, str]:
        """What a condition on a column may say."""
        return OPERATORS

    def header_of(self, position: int) -> str:
        """What a column is called."""
        return (
            next((one.text for one in (*self.heads, *self.hidden) if one.position == position), "")
            or f"column {position}"
        )

    @property
    def findings_here(self) -> Sequence[tuple[int, int]]:
        """Row and column of the cells of this page with a finding, in reading order."""
        return [(row.number, cell.position) for row in self.rows for cell in row.cells if cell.finding]


@dataclass(frozen=True)
class _Page:
    """Rows with their numbers, and how things stand around them."""

    rows: Sequence[tuple[int, Sequence[str]]]
    first: int
    found: int | None = None
    later: int | None = None
    notices: tuple[str, ...] = ()
    refusal: str = ""


def grid(
    file: BinaryIO,
    sha256: str,
    size: int,
    asked: Asked,
    findings: Sequence[Finding] = (),
    policy: Policy | None = None,
) -> Grid:
    """A page of the table in an open file of `size` bytes. Never raises for what is in it.

    The figures of a column go by the policy, that of the settings where none is given.
    """
    by = policy or policy_by_settings()
    is_large = size >= LARGE
    index = known_index(sha256, size) if is_large else index_of(file, sha256, size)
    if index is None:
        waits = read_through(file, sha256, size, asked.column, by)
        return _before_the_index(file, asked, waits).with_findings(replace(asked, row=1), findings)
    wanted = _moved(asked, index.total)
    shown = _Shown(index.header, _page(file, index, wanted), index.total, tuple(index.notices))
    if 0 < asked.column <= len(index.header):
        card = (
            known_card(sha256, asked.column, by) if is_large else column_card(file, index, asked.column, by)
        )
        later = None if card else read_through(file, sha256, size, asked.column, by)
        shown = replace(shown, card=card, waits=later)
    return shown.with_findings(wanted, findings)


def _moved(asked: Asked, total: int) -> Asked:
    """The window moved to the cell that is asked for, where rows stand as in the file."""
    if asked.cell is None or asked.narrows or asked.sort or not 0 < asked.cell[0] <= total:
        return asked
    return replace(asked, row=(asked.cell[0] - 1) // ROWS * ROWS + 1)


@dataclass(frozen=True)
class _Shown:
    header: Sequence[str]
    page: _Page
    total: int | None
    notices: tuple[str, ...]
    card: ColumnCard | None = None
    waits: Reading | None = None

    def with_findings(self, asked: Asked, findings: Sequence[Finding]) -> Grid:
        """The page with findings, searched text and the cell asked for marked."""
        cells, columns, rows = _by_place(findings)
        heads = [
            Head(text[:LONGEST_VALUE], at, named_role(text) or "", columns.get(at) or cells.get((0, at)))
            for at, text in enumerate(self.header[:MOST_COLUMNS], 1)
        ]
        page, wide = self.page, len(self.header) > MOST_COLUMNS
        notices = (*asked.ignored, *self.notices, *page.notices)
        if wide:
            notices += (f"Only the first {MOST_COLUMNS} of {len(self.header):,} columns are shown.",)
        shown = [GridRow(n, _cells(n, row, asked, cells, len(heads)), rows.get(n)) for n, row in page.rows]
        last = page.first + len(page.rows) - 1
        return Grid(
            heads=[head for head in heads if head.position not in asked.hidden],
            hidden=[head for head in heads if head.position in asked.hidden],
            rows=shown,
            total=self.total,
            found=page.found,
            first=page.first,
            last=last,
            earlier=max(1, page.first - ROWS) if page.first > 1 else None,
            later=page.later,
            notices=notices,
            refusal=page.refusal,
            column=self.card,
            waits=self.waits,
            columns=len(self.header),
            asked=asked,
        )


def _before_the_index(file: BinaryIO, asked: Asked, waits: Reading) -> _Shown:
    """The first page of a large file that has not been read through yet, without rows where something else is asked for."""
    elsewhere = asked.row > 1 or asked.cell or asked.narrows or asked.sort
    read = csv_beginning(file, 0 if elsewhere else ROWS)
    if read is None:
        return _Shown((), _Page((), 1), None, (), waits=waits)
    numbered = list(enumerate(read.rows, 1))
    later = ROWS + 1 if len(numbered) == ROWS else None
    return _Shown(read.header, _Page(numbered, 1, later=later), None, read.notices, waits=waits)


def _page(file: BinaryIO, index: Index, asked: Asked) -> _Page:
    if asked.sort and not _goes_at_once(index, asked):
        limit = f"Rows are put in order in tables of up to {MOST_ORDERED:,} rows and {MOST_CELLS:,} values."
        limit += " Search or set a condition instead."
        return replace(_page(file, index, replace(asked, sort=0)), refusal=limit)
    if asked.sort and abs(asked.sort) <= len(index.header):
        return _ordered(file, index, asked)
    if not asked.narrows:
        rows = list(enumerate(islice(rows_from(file, index, asked.row), ROWS), asked.row))
        later = asked.row + len(rows)
        return _Page(rows, asked.row, later=later if rows and later <= index.total else None)
    if _goes_at_once(index, asked):
        return _sifted(file, index, asked)
    return _searched(file, index, asked)


def _goes_at_once(index: Index, asked: Asked) -> bool:
    """Whether all rows can be gone through within the two seconds that a page has: the same answer on any machine."""
    values = index.total * (len(index.header) + 10 * len(asked.conditions))
    return index.total <= MOST_ORDERED and values <= MOST_CELLS


def _ordered(file: BinaryIO, index: Index, asked: Asked) -> _Page:
    """The rows that fit in the order of a column; only keys are held, and the rows of the page are read again."""
    holds, at = fits(asked.q, asked.conditions), abs(asked.sort) - 1
    keys = [
        (order_key(row[at] if at < len(row) else ""), number)
        for number, row in enumerate(rows_from(file, index, 1), 1)
        if holds(row)
    ]
    numbers = in_order(keys, falling=asked.sort < 0)
    return _chosen(file, index, asked, numbers)


def _sifted(file: BinaryIO, index: Index, asked: Asked) -> _Page:
    holds = fits(asked.q, asked.conditions)
    numbers = [number for number, row in enumerate(rows_from(file, index, 1), 1) if holds(row)]
    return _chosen(file, index, asked, numbers)


def _chosen(file: BinaryIO, index: Index, asked: Asked, numbers: Sequence[int]) -> _Page:
    """The page of those rows that begins with the place asked for, or that holds the cell that is asked for."""
    start = min(asked.row, max(1, len(numbers))) - 1
    if asked.cell and asked.row == 1 and asked.cell[0] in numbers:
        start = numbers.index(asked.cell[0]) // ROWS * ROWS
    wanted = numbers[start : start + ROWS]
    there = _rows_numbered(file, index, wanted)
    later = start + 1 + len(wanted)
    return _Page(
        [(number, there[number]) for number in wanted],
        start + 1,
        found=len(numbers),
        later=later if later <= len(numbers) else None,
    )


def _rows_numbered(file: BinaryIO, index: Index, numbers: Sequence[int]) -> Mapping[int, Sequence[str]]:
    if not numbers:
        return {}
    wanted, first, last = frozenset(numbers), min(numbers), max(numbers)
    read = enumerate(islice(rows_from(file, index, first), last - first + 1), first)
    return {number: row for number, row in read if number in wanted}


def _searched(file: BinaryIO, index: Index, asked: Asked) -> _Page:
    """The first rows that fit from row `row` on, as far as two seconds of work reach. `later` is where to go on."""
    holds, until = fits(asked.q, asked.conditions), time.thread_time() + MOST_WORK
    rows: list[tuple[int, Sequence[str]]] = []
    number = asked.row - 1
    for number, row in enumerate(rows_from(file, index, asked.row), asked.row):
        if holds(row):
            rows.append((number, row))
        if len(rows) == ROWS or (number % 1000 == 0 and time.thread_time() > until):
            break
    said = f"Rows {asked.row:,} to {number:,} of {index.total:,} were searched, which held {len(rows):,} of these rows."
    return _Page(rows, 1, later=number + 1 if number < index.total else None, notices=(said,))


def _by_place(
    findings: Iterable[Finding],
) -> tuple[Mapping[Place, Finding], Mapping[int, Finding], Mapping[int, Finding]]:
    """The gravest finding of each cell, of each column, and of each row."""
    cells: dict[Place, Finding] = {}
    columns: dict[int, Finding] = {}
    rows: dict[int, Finding] = {}
    for one in sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)):
        place = one.place
        if place.table not in (None, 1):
            continue
        if place.row is not None and place.col is not None:
            cells.setdefault((place.row, place.col), one)
        elif place.col is not None:
            columns.setdefault(place.col, one)
        elif place.row is not None:
            rows.setdefault(place.row, one)
    return cells, columns, rows


def _cells(
    number: int, row: Sequence[str], asked: Asked, found: Mapping[Place, Finding], wide: int
) -> list[Cell]:
    shown = row[: max(wide, min(len(row), MOST_COLUMNS))]
    padded = [*shown, *[""] * (wide - len(shown))]
    return [
        Cell(
            hits_in(value[:LONGEST_VALUE], asked.q),
            at,
            is_number(value),
            found.get((number, at)),
            (number, at) == asked.cell,
        )
        for at, value in enumerate(padded, 1)
        if at not in asked.hidden
    ]
