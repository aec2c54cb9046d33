"""Rules on counts: small ones, rounding, midpoint rounding, mixed rounding (C1 to C4). Pure."""

from collections.abc import Iterator, Sequence

from jobsite.checks.findings import FIX, LOOK, NOTE
from jobsite.checks.policy import Counts
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Column, Series, Table
from jobsite.checks.values import EXACT, MIDPOINT, NEAREST, NUMBER, is_midpoint, is_small
from jobsite.core.wording import counted

ENOUGH = 10  # values, half of them different, that show a coarser rounding than the policy asks for
_SHOWN = 5


def counting(table: Table, counts: Counts) -> Iterator[Remark]:
    """C1, C2 and C3 on every column of counts, and C4 on the table."""
    for series in table.series:
        if series.role == "count":
            yield from small(table, series, counts)
            yield from unrounded(table, series, counts)
    yield from mixed(table, counts)


def small(table: Table, series: Series, counts: Counts) -> Iterator[Remark]:
    """C1: counts from 1 to the threshold. In midpoint-rounded columns only those that no midpoint can give."""
    midpoint = follows_midpoint(table, series, counts)
    for row, cell in series.numbers():
        if not is_small(cell.value, counts) or (midpoint and _midpoint_gives(series, cell.value, counts)):
            continue
        number = table.row_number(row)
        yield Remark(
            "C1",
            table.cell(row, series.column),
            f"Row {number} '{series.header}': {cell.value} is a count of 1 to {counts.threshold}. Hide it before rounding.",
            LOOK if series.guessed else FIX,
        )


def unrounded(table: Table, series: Series, counts: Counts) -> Iterator[Remark]:
    """C2, and for columns named for midpoint rounding C3: the whole column is one finding."""
    cells = list(series.numbers())
    place, name = table.whole_column(series.column), series.header
    if counts.midpoint_allowed and is_named_midpoint(series, counts):
        wrong = [cell.value for _, cell in cells if not is_midpoint(cell.value, counts)]
        if wrong:
            yield Remark(
                "C3", place, f"Column '{name}' holds {_listed(wrong)}, which midpoint rounding never gives."
            )
        return
    if counts.midpoint_allowed and is_named_derived(series, counts):
        return
    wrong_rows = [
        row for row, cell in cells if not (counts.nearest_allowed and _fits(cell.value, counts.base))
    ]
    if not wrong_rows:
        return
    if follows_midpoint(table, series, counts):
        advice = f"Column '{name}' looks midpoint-rounded; let its name end in _midpoint{counts.midpoint}."
        yield Remark("C3", place, advice, NOTE)
        return
    where = ", ".join(str(table.row_number(row)) for row in wrong_rows[:_SHOWN])
    rows = (
        f"rows {where}{' …' if len(wrong_rows) > _SHOWN else ''}" if len(wrong_rows) > 1 else f"row {where}"
    )
    yield Remark(
        "C2",
        place,
        f"{len(wrong_rows):,} of {counted(len(cells), 'value')} in '{name}' {_not_rounded(len(wrong_rows), counts)} ({rows}).",
        LOOK if series.guessed else FIX,
    )


def mixed(table: Table, counts: Counts) -> Iterator[Remark]:
    """C4: columns of one table that follow different bases."""
    columns = [column for column in table.counts() if not column.guessed]
    bases = [(column, base) for column in columns if (base := rounding_of(table, column, counts)) is not None]
    for place, (column, base) in enumerate(bases):
        for other, its in bases[:place]:
            if differ(other, its, column, base, counts):
                sentence = (
                    f"'{other.header}' is {_named(its, counts)}, '{column.header}' {_named(base, counts)}."
                )
                yield Remark("C4", table.whole_column(column), sentence)
                break


def rounding_of(table: Table, column: Column, counts: Counts) -> int | None:
    """The base a column of counts follows, 0 for midpoint rounding; None where it follows none of the policy's."""
    values = [cell.value for cell in column.cells if cell.kind == NUMBER]
    if not any(values):
        return None
    if all(_fits(value, counts.base) for value in set(values)):
        if len(values) < ENOUGH or 2 * len(set(values)) < ENOUGH:
            return counts.base
        coarser = (counts.base * factor for factor in (200, 100, 40, 20, 10, 4, 2))
        different = set(values)
        return next((base for base in coarser if all(_fits(value, base) for value in different)), counts.base)
    is_few = any(is_small(value, counts) for value in values) and not is_named_midpoint(column, counts)
    if not all(is_midpoint(value, counts) for value in values) or (
        is_few and _has_others(table, column, counts)
    ):
        return None
    return 0


def differ(one: Column, base: int, other: Column, its: int, counts: Counts) -> bool:
    """Whether two columns of these bases cannot follow the same rounding."""
    if base == its:
        return False
    if not base or not its:
        multiples = one if base else other
        return any(cell.kind == NUMBER and not is_midpoint(cell.value, counts) for cell in multiples.cells)
    coarse, fine = (base, other) if base > its else (its, one)
    return not _multiples(fine, coarse)


def follows_midpoint(table: Table, series: Series, counts: Counts) -> bool:
    """Whether a series is midpoint-rounded: by its name, or since all values are and one is above the threshold. One with
    small values is not where another column of the table shows that the table is not."""
    if not counts.midpoint_allowed:
        return False
    if is_named_midpoint(series, counts) or is_named_derived(series, counts):
        return True
    values = [cell.value for _, cell in series.numbers()]
    if not all(is_midpoint(value, counts) for value in values) or max(values, default=0) <= counts.threshold:
        return False
    return not any(is_small(value, counts) for value in values) or not _has_others(
        table, series.column, counts
    )


def _has_others(table: Table, column: Column, counts: Counts) -> bool:
    """Whether another column of counts holds what no midpoint can give."""
    return any(
        cell.kind == NUMBER and not is_midpoint(cell.value, counts)
        for other in table.counts()
        if other is not column and not is_named_derived(other, counts)
        for cell in other.cells
    )


def is_named_midpoint(series: Series | Column, counts: Counts) -> bool:
    """Whether the header ends as midpoint-rounded columns do."""
    return _name(series).endswith(f"midpoint{counts.midpoint}")


def is_named_derived(series: Series | Column, counts: Counts) -> bool:
    """Whether the header says that it was computed from midpoint-rounded columns."""
    return _name(series).endswith(f"midpoint{counts.midpoint}_derived")


def rounding_kind(column: Column, counts: Counts) -> str:
    """Which rounding of the policy all printed numbers of a column follow: nearest, midpoint, or exact for none."""
    values = {cell.value for cell in column.cells if cell.kind == NUMBER}
    if counts.nearest_allowed and all(_fits(value, counts.base) for value in values):
        return NEAREST
    return (
        MIDPOINT if counts.midpoint_allowed and all(is_midpoint(value, counts) for value in values) else EXACT
    )


def _name(series: Series | Column) -> str:
    return series.name if isinstance(series, Column) else series.header.casefold()


def _midpoint_gives(series: Series, value: float, counts: Counts) -> bool:
    """Differences of midpoints are multiples of half the base."""
    if is_named_derived(series, counts):
        return value % (counts.midpoint // 2 or 1) == 0
    return is_midpoint(value, counts)


def _fits(value: float, base: int) -> bool:
    return value % base == 0


def _multiples(column: Column, base: int) -> bool:
    return all(_fits(cell.value, base) for cell in column.cells if cell.kind == NUMBER)


def _not_rounded(number: int, counts: Counts) -> str:
    one = number == 1
    if counts.nearest_allowed:
        return f"{'is not a multiple' if one else 'are not multiples'} of {counts.base}"
    return f"{'is' if one else 'are'} not midpoint-{counts.midpoint} rounded"


def _named(base: int, counts: Counts) -> str:
    return f"rounded to {base}" if base else f"midpoint-{counts.midpoint} rounded"


def _listed(values: Sequence[float]) -> str:
    different = list(dict.fromkeys(values))
    more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
    return (
        ", ".join(f"{value:g}" if isinstance(value, float) else f"{value}" for value in different[:_SHOWN])
        + more
    )
