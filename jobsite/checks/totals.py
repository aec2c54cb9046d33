"""Which cells of a table are totals, and of which others (specification 5.8). Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jobsite.checks.policy import Counts
from jobsite.checks.roles import TOTAL_WORDS
from jobsite.checks.tables import Table
from jobsite.checks.values import HIDDEN, NUMBER, Cell

MOST_ROWS = 2_000  # with a label that says total; a table with more is no table of totals
MOST_LABELS = 20  # columns
_FEWEST_FITTING = 3  # rows that make a column a total of the others without its head saying so


class At(NamedTuple):
    """A cell: row from 0, column by its place in the table's list."""

    row: int
    column: int


class Sum(NamedTuple):
    """A cell that is the total of others. `across` says that it adds up along its row."""

    total: At
    parts: tuple[At, ...]
    across: bool = False


def sums_of(table: Table, counts: Counts) -> list[Sum]:
    """All totals of a table whose cells are numbers or hidden, with their parts; two of them at the least."""
    found = [*_down(table, counts), *_across(table, counts)]
    return [one for one in found if len(one.parts) > 1 and _is_complete(table, one)]


def cell_at(table: Table, at: At) -> Cell:
    """The cell at a place."""
    return table.columns[at.column].cells[at.row]


def printed_sum(table: Table, parts: Sequence[At]) -> float:
    """The sum of the parts that are printed."""
    return sum(cell.value for at in parts if (cell := cell_at(table, at)).kind == NUMBER)


def _is_complete(table: Table, one: Sum) -> bool:
    return all(cell_at(table, at).kind in (NUMBER, HIDDEN) for at in (one.total, *one.parts))


def _down(table: Table, counts: Counts) -> Iterator[Sum]:
    """Total rows: the sums of each count column over the rows of their block."""
    columns = [place for place, column in enumerate(table.columns) if column.is_count]
    if not columns:
        return
    for row, groups in _total_rows(table, counts, columns):
        for rows in groups:
            for column in columns:
                yield Sum(At(row, column), tuple(At(part, column) for part in rows))


def _total_rows(table: Table, counts: Counts, columns: list[int]) -> Iterator[tuple[int, list[list[int]]]]:
    labels = _Labels(table, counts, columns)
    for place in range(len(labels.texts)):
        totals = labels.totals(place)
        keys = labels.rows_by_others(place)
        for row in totals if len(totals) < min(table.height, MOST_ROWS) else ():
            yield row, labels.blocks(place, totals, keys, row)
    if not labels.any_total and (silent := _silent_total(table, columns)) is not None:
        yield silent, [[other for other in range(table.height) if other != silent]]


class _Labels:
    """What the label columns say of each row, and which rows a total row adds up."""

    def __init__(self, table: Table, counts: Counts, columns: list[int]) -> None:
        self.texts = [
            [text.strip().casefold() for text in column.texts] for column in table.labels[:MOST_LABELS]
        ]
        self.any_total = {
            row for texts in self.texts for row, text in enumerate(texts) if text in TOTAL_WORDS
        }
        self._table, self._counts, self._columns = table, counts, columns

    def totals(self, place: int) -> list[int]:
        """The rows whose label in this column is a word for a total."""
        return [row for row, text in enumerate(self.texts[place]) if text in TOTAL_WORDS]

    def rows_by_others(self, place: int) -> dict[tuple[str, ...], list[int]]:
        """The rows that are no totals in this column, by the labels in all others."""
        others = self.texts[:place] + self.texts[place + 1 :]
        found: dict[tuple[str, ...], list[int]] = {}
        for row, text in enumerate(self.texts[place]):
            if text not in TOTAL_WORDS:
                found.setdefault(tuple(texts[row] for texts in others), []).append(row)
        return found

    def blocks(
        self, place: int, totals: list[int], keys: dict[tuple[str, ...], list[int]], row: int
    ) -> list[list[int]]:
        """The groups of rows of which a row is the total; each of them adds up to it."""
        others = tuple(texts[row] for texts in self.texts[:place] + self.texts[place + 1 :])
        alike = keys.get(others, [])
        if len(self.texts) > 1 and len(alike) > 1:
            return [alike]
        if place:
            first = self.texts[0]
            return [self._plain(one for one in range(self._table.height) if first[one] == first[row])]
        since = _since_last_total(self._table.height, totals, row)
        if len(self.texts) == 1:
            return [since]
        return self._by_first_label(row, self._plain(since))

    def _plain(self, rows: Iterable[int]) -> list[int]:
        return [row for row in rows if row not in self.any_total]

    def _by_first_label(self, row: int, rows: list[int]) -> list[list[int]]:
        """Under several variables each adds up to the total; in a crossed table all rows do. The numbers decide."""
        groups: dict[str, list[int]] = {}
        for one in rows:
            groups.setdefault(self.texts[0][one], []).append(one)
        several = [group for group in groups.values() if len(group) > 1]
        if any(self._adds_up(row, group) for group in several):
            return several
        second = [{self.texts[1][one] for one in group} for group in groups.values()]
        crossed = len(second) > 1 and bool(set.intersection(*second))
        return [rows] if crossed or self._adds_up(row, rows) else []

    def _adds_up(self, row: int, rows: list[int]) -> bool:
        """Whether some column has this total, give or take the rounding of each part."""
        slack = self._counts.base // 2 * (len(rows) + 1)
        for column in self._columns:
            cells = self._table.columns[column].cells
            kinds = {cells[one].kind for one in (row, *rows)}
            if kinds == {NUMBER} and abs(cells[row].value - sum(cells[one].value for one in rows)) <= slack:
                return True
        return False


def _since_last_total(height: int, totals: list[int], row: int) -> list[int]:
    """The rows between the last total and this one; where totals stand first, those up to the next; else the totals before."""
    place = totals.index(row)
    if totals[0] == 0 and (len(totals) == 1 or totals[-1] < height - 1):
        end = totals[place + 1] if place + 1 < len(totals) else height
        return list(range(row + 1, end))
    start = totals[place - 1] + 1 if place else 0
    return list(range(start, row)) or totals[:place]


def _silent_total(table: Table, columns: list[int]) -> int | None:
    """A last or first row that is the exact sum of all others in two columns and more, and nowhere else than that."""
    for row in (table.height - 1, 0) if table.height > 3 and len(columns) > 1 else ():
        fits = 0
        for column in columns:
            cells = table.columns[column].cells
            if any(cell.kind != NUMBER for cell in cells):
                continue
            if not cells[row].value or 2 * cells[row].value != sum(cell.value for cell in cells):
                break
            fits += 1
        else:
            if fits > 1:
                return row
    return None


def _across(table: Table, counts: Counts) -> Iterator[Sum]:
    """Total columns: headed as such, or the exact sum of all other counts in most rows; never a denominator."""
    columns = [place for place, column in enumerate(table.columns) if column.is_count]
    named = [place for place in columns if table.columns[place].name in TOTAL_WORDS]
    headed = named or [
        place for place in columns if not TOTAL_WORDS.isdisjoint(table.columns[place].name.split("_"))
    ]
    for total in headed[:1] if headed else [*columns[-1:], *columns[:1]]:
        parts = [place for place in columns if place != total and place not in headed]
        slack = counts.base // 2 * (len(parts) + 1) if headed else 0
        if len(parts) > 1 and _is_total_column(table, total, parts, slack, bool(named)):
            for row in range(table.height):
                yield Sum(At(row, total), tuple(At(row, part) for part in parts), True)
            return


def _is_total_column(table: Table, total: int, parts: list[int], slack: float, is_named: bool) -> bool:
    whole = fits = holding = 0
    for row in range(table.height):
        sum_cell = table.columns[total].cells[row]
        cells = [table.columns[part].cells[row] for part in parts]
        if sum_cell.kind != NUMBER or any(cell.kind not in (NUMBER, HIDDEN) for cell in cells):
            continue
        printed = sum(cell.value for cell in cells if cell.kind == NUMBER)
        if any(cell.kind == HIDDEN for cell in cells):
            holding += printed <= sum_cell.value + slack
            continue
        whole += 1
        fits += abs(sum_cell.value - printed) <= slack and (is_named or sum_cell.value > 0)
    if not whole:
        return is_named and holding > 0
    return 2 * fits > whole and (slack > 0 or fits >= _FEWEST_FITTING)
