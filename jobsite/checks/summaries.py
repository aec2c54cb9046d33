"""Rules on statistics: extremes, statistics of a few people, degrees of freedom (C9, C10, C12). Pure."""

from collections.abc import Iterator

from jobsite.checks.findings import FIX, LOOK
from jobsite.checks.policy import Counts, Policy
from jobsite.checks.roles import COUNT, DOF, EDGE, EXTREME, STATISTIC, is_range
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Column, Series, Table
from jobsite.checks.values import HIDDEN, NUMBER, is_small


def summing_up(table: Table, policy: Policy) -> Iterator[Remark]:
    """C9, C10 and C12 on a table."""
    for series in table.series:
        if series.role in (EXTREME, EDGE):
            yield from _extreme(table, series, policy.counts)
        elif series.role == DOF:
            yield from _few_degrees(table, series, policy.min_dof)
    yield from _of_a_few(table, policy.counts)


def _extreme(table: Table, series: Series, counts: Counts) -> Iterator[Remark]:
    """C9. The first and last percentile stand for several people where there are 100 for each of threshold + 1."""
    rows = [row for row, _ in series.numbers()]
    if not rows or (series.role == EDGE and _smallest_group(table, rows) >= 100 * (counts.threshold + 1)):
        return
    whole = len(series.rows) == table.height
    place = table.whole_column(series.column) if whole else table.cell(rows[0], series.column)
    few = "one person's value" if series.role == EXTREME else "the value of a few people"
    severity = FIX if series.role == EXTREME and not is_range(series.header) else LOOK
    yield Remark("C9", place, f"'{series.header}' may be {few}.", severity)


def _smallest_group(table: Table, rows: list[int]) -> float:
    """The smallest count beside these rows; 0 where there is none."""
    cells = (column.cells[row] for column in _named_counts(table) for row in rows)
    return min((cell.value for cell in cells if cell.kind == NUMBER), default=0)


def _of_a_few(table: Table, counts: Counts) -> Iterator[Remark]:
    """C10: a statistic whose row has a count of 1 to the threshold, or a hidden one."""
    sizes = _named_counts(table)
    for series in table.series:
        if series.role != STATISTIC or not sizes:
            continue
        for row, _ in series.numbers():
            if any(
                column.cells[row].kind == HIDDEN or is_small(column.cells[row].value, counts)
                for column in sizes
            ):
                number = table.row_number(row)
                yield Remark(
                    "C10",
                    table.cell(row, series.column),
                    f"'{series.header}' in row {number} describes {counts.threshold} or fewer people.",
                )


def _named_counts(table: Table) -> list[Column]:
    return [column for column in table.columns if column.role == COUNT and not column.guessed]


def _few_degrees(table: Table, series: Series, least: int) -> Iterator[Remark]:
    for row, cell in series.numbers():
        if cell.value < least:
            yield Remark(
                "C12", table.cell(row, series.column), f"{cell.value:g} degrees of freedom; {least} needed."
            )
