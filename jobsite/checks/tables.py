"""A table by columns, with the role of each column (specification 5.5). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest

from jobsite.checks import roles
from jobsite.checks.findings import Place
from jobsite.checks.roles import COUNT, LABEL, OTHER, normalised
from jobsite.checks.values import HIDDEN, MISSING, NUMBER, TEXT, Cell, Reader, count_with_share

MOST_PEOPLE = 10**9  # a larger number is no count of people unless its head says so
MOST_HEAD_ROWS = 3  # below the first
LONGEST_HEAD = 200  # characters of a header that are kept

_MEASURES = frozenset({"measure", "interval_start", "numerator", "denominator", "ratio"})


@dataclass(eq=False, slots=True)
class Column:
    """A column: `index` counts from 1, `name` is the normalised header; `guessed` says that only its values give the role."""

    header: str
    name: str
    index: int
    texts: Sequence[str]
    cells: Sequence[Cell]
    role: str = OTHER
    guessed: bool = False

    @property
    def is_count(self) -> bool:
        """Whether its numbers are counts, named or guessed."""
        return self.role == COUNT


@dataclass(eq=False, slots=True)
class Series:
    """Numbers of one meaning: a whole column, or those rows of it whose label names them. Rows count from 0."""

    header: str
    column: Column
    rows: Sequence[int]
    role: str
    guessed: bool

    def numbers(self) -> Iterator[tuple[int, Cell]]:
        """The rows that hold a number, with it."""
        cells = self.column.cells
        return ((row, cells[row]) for row in self.rows if cells[row].kind == NUMBER)


@dataclass(eq=False)
class Table:
    """Rows and columns as read. `first_row` is the number of its first row in the file, from 1; `whole` says that it is not a
    part of a larger table; `number` counts the tables of an HTML page."""

    columns: list[Column]
    height: int
    first_row: int = 1
    whole: bool = True
    number: int | None = None
    first_line: int | None = None
    zero_may_hide: bool = False

    @cached_property
    def series(self) -> list[Series]:
        """The columns that are no labels, long ones split by what their row labels say."""
        split = self._measure_labels
        found: list[Series] = []
        for column in self.columns:
            if column.role == LABEL:
                continue
            named = roles.named_role(column.header) is not None
            if split is None or named or split is column:
                found.append(Series(column.header, column, range(self.height), column.role, column.guessed))
            else:
                found += _split(column, split)
        return found

    @property
    def labels(self) -> list[Column]:
        """The columns that say what a row is about."""
        return [column for column in self.columns if column.role == LABEL]

    def counts(self) -> list[Column]:
        """The columns whose numbers are counts, named or guessed."""
        return [column for column in self.columns if column.is_count]

    def row_number(self, row: int) -> int:
        """The number in the file of a row counted from 0 here."""
        return self.first_row + row

    def cell(self, row: int, column: Column) -> Place:
        """The place of a cell; rows count from 0 here, -1 is the header."""
        number = 0 if row < 0 else self.row_number(row)
        return Place("cell", row=number, col=column.index, header=column.header, table=self.number)

    def whole_column(self, column: Column) -> Place:
        """The place of a column."""
        return Place("column", col=column.index, header=column.header, table=self.number)

    @cached_property
    def _measure_labels(self) -> Column | None:
        heads = (column for column in self.columns if column.role == LABEL)
        return next(
            (
                column
                for column in heads
                if column.name in roles.MEASURE_LABELS and any(map(roles.named_role, set(column.texts)))
            ),
            None,
        )


def _split(column: Column, labels: Column) -> list[Series]:
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(labels.texts):
        groups.setdefault(text.strip(), []).append(row)
    found = []
    for label, rows in groups.items():
        role = roles.named_role(label)
        found.append(Series(label, column, rows, role or column.role, role is None and column.guessed))
    return found


def table_from(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    reader: Reader,
    dictionary: Mapping[str, str] | None = None,
) -> Table:
    """A table of these rows; ragged ones are filled up, so that every cell is tested. Columns without head have "" as header."""
    width = max(len(header), max(map(len, rows), default=0))
    by_column = list(zip_longest(*rows, fillvalue="")) if rows else [()] * width
    by_column += [("",) * len(rows)] * (width - len(by_column))
    heads = [*header, *[""] * (width - len(header))]
    columns = [
        Column(
            head.strip()[:LONGEST_HEAD],
            normalised(head[:LONGEST_HEAD]),
            place,
            texts,
            _cells(head, texts, reader),
        )
        for place, (head, texts) in enumerate(zip(heads, by_column, strict=True), 1)
    ]
    given = {normalised(head): role for head, role in (dictionary or {}).items()}
    lead = _head_rows(columns)
    for column in columns:
        _give_role(column, given, lead)
    _settle_guesses(columns)
    measures = _MEASURES <= {column.name for column in columns}
    return Table(columns, len(rows), zero_may_hide=measures and reader.zero_may_hide)


def _cells(head: str, texts: Sequence[str], reader: Reader) -> list[Cell]:
    """The cells of a column; "12 (34%)" is the count 12 where most cells are written so."""
    cells = [reader.read(text) for text in texts]
    if sum("(" in text for text in texts) * 2 <= len(texts):
        return cells
    shared = [count_with_share(text, "%" in head) for text in texts]
    return [found or cell for found, cell in zip(shared, cells, strict=True)]


def _head_rows(columns: Sequence[Column]) -> int:
    """How many rows at the top go on with the header, as data frames print theirs: no number in any column, text in most.
    Their texts keep no column from being read as counts."""
    for row in range(min(MOST_HEAD_ROWS + 1, len(columns[0].cells)) if len(columns) > 2 else 0):
        kinds = [column.cells[row].kind for column in columns[1:]]
        if not set(kinds) <= {TEXT, MISSING} or columns[0].cells[row].kind != TEXT and TEXT not in kinds:
            return row
    return 0


def _give_role(column: Column, given: Mapping[str, str], lead: int) -> None:
    kinds = {cell.kind for cell in column.cells}
    if column.name in given and given[column.name] in roles.DICTIONARY_ROLES:
        column.role = given[column.name]
    elif NUMBER not in kinds and not (HIDDEN in kinds and roles.named_role(column.header)):
        column.role = LABEL
    elif role := roles.named_role(column.header):
        column.role = _role_that_fits(column, role)
    elif _is_guessed_count(column, lead):
        column.role, column.guessed = COUNT, True
    elif any(cell.percent for cell in column.cells) and all(cell.value >= 0 for cell in column.cells):
        column.role = roles.RATE
    elif _is_label(column):
        column.role = LABEL


def _role_that_fits(column: Column, role: str) -> str:
    """A column named as a count with fractions or % signs in most cells is none."""
    numbers = [cell for cell in column.cells if cell.kind == NUMBER]
    if role != COUNT or not numbers:
        return role
    if 2 * sum(cell.percent for cell in numbers) > len(numbers):
        return roles.RATE
    if 2 * sum(not cell.is_whole for cell in numbers) > len(numbers):
        return roles.RATE if "%" in column.header else OTHER
    return COUNT


def _is_guessed_count(column: Column, lead: int) -> bool:
    """Whether all below the header are whole numbers from 0 and no other reading fits (specification 5.8)."""
    numbers = 0
    for cell in column.cells[lead:]:
        if cell.kind == NUMBER and cell.is_whole and 0 <= cell.value <= MOST_PEOPLE and not cell.percent:
            numbers += 1
        elif cell.kind in (NUMBER, TEXT):
            return False
    return numbers > 0 and not _is_label(column)


def _is_label(column: Column) -> bool:
    if roles.is_label_name(column.name):
        return True
    cells = [
        (cell, text) for cell, text in zip(column.cells, column.texts, strict=True) if cell.kind != MISSING
    ]
    if 2 * sum(cell.kind == TEXT for cell, _ in cells) > len(cells):
        return True
    texts = [text.strip() for cell, text in cells if cell.kind == NUMBER]
    numbers = [cell.value for cell, _ in cells if cell.kind == NUMBER]
    if any(len(text) > 1 and text[0] == "0" and text.isdecimal() for text in texts):
        return True
    return all(1900 <= number <= 2100 for number in numbers) or _is_running(numbers, column.index == 1)


def _is_running(numbers: list[float], leads: bool) -> bool:
    """Whether they are 1, 2, 3 … (or 0, 1, 2 …) in order; two of them only in the first column."""
    if len(numbers) < (2 if leads else 3) or numbers[0] not in (0, 1):
        return False
    return all(number == numbers[0] + place for place, number in enumerate(numbers))


def _settle_guesses(columns: list[Column]) -> None:
    """Before the first column that is named a count, codes and keys stand: repeated small numbers, or a first column of
    different ones."""
    first = next((column.index for column in columns if column.is_count and not column.guessed), None)
    for column in columns:
        if not column.guessed:
            continue
        numbers = [cell.value for cell in column.cells if cell.kind == NUMBER]
        different = set(numbers)
        codes = 2 * len(different) <= len(numbers) and max(different) < 100
        key = column.index == 1 and len(different) == len(numbers)
        if (
            first is not None
            and column.index < first
            and (codes or key)
            or key
            and len(columns) > 1
            and _has_equal_steps(numbers)
        ):
            column.role, column.guessed = LABEL, False


def _has_equal_steps(numbers: list[float]) -> bool:
    steps = {after - before for before, after in pairwise(numbers)}
    return len(numbers) > 2 and len(steps) == 1
