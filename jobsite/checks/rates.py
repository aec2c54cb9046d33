"""Rules on rates and the counts they come from (C5, C6, C8). Pure."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from jobsite.checks import roles
from jobsite.checks.counting import is_named_derived, is_named_midpoint, rounding_of
from jobsite.checks.policy import Counts
from jobsite.checks.roles import RATE, TIME, TOTAL_WORDS
from jobsite.checks.ruling import Remark
from jobsite.checks.survival import survival_columns
from jobsite.checks.tables import Column, Table
from jobsite.checks.values import NUMBER, Cell, is_midpoint

SAMPLE = 200  # rows
SCALES = (1, 100, 1_000, 10_000, 100_000)
_PER = re.compile(r"(?:per_?|_)(\d+)(k?)$|per_(thousand|million)")


class Parts(NamedTuple):
    """The counts beside a rate; `numerator` is None where it is not printed. `scale` is what the quotient is multiplied by."""

    rate: Column
    numerator: Column | None
    denominator: Column
    scale: int


def rating(table: Table, counts: Counts) -> Iterator[Remark]:
    """C5, C6 and C8 on every rate of a table, and C8 on counts beside their denominators."""
    told: set[int] = set()
    quiet = table.zero_may_hide or bool(survival_columns(table))  # before the first event there is none
    for rate in table.columns:
        if rate.role != RATE:
            continue
        parts = parts_of(table, rate)
        if parts is not None:
            yield from _computed(table, parts) if parts.numerator else _implied(table, parts, counts)
        if not quiet:
            yield from _nobody_or_everybody(table, rate, parts, told)
    if not quiet:
        yield from _counts_alone(table, told)


def parts_of(table: Table, rate: Column) -> Parts | None:
    """The counts a rate was made from, as their names and the numbers say; None where it cannot be told."""
    counts = [column for column in table.counts() if not column.guessed and _is_beside(column, rate)]
    times = [column for column in table.columns if column.role == TIME]
    named = [column for column in counts if roles.is_denominator_name(column.header)]
    pairs = [
        (numerator, denominator)
        for numerator in counts
        for denominator in (times or named or counts)
        if numerator is not denominator and _may_be(numerator, denominator)
    ]
    if pairs:
        return _best_pair(rate, pairs, len(counts) == 2 or bool(times))
    denominator = _lone_denominator(counts, rate)
    return Parts(rate, None, denominator, scale_of(rate)) if denominator else None


def _is_beside(column: Column, rate: Column) -> bool:
    """Whether the names of a count and a rate do not speak of different things."""
    ours, theirs = roles.stem(column.header), roles.stem(rate.header)
    return not theirs or not ours or bool(ours & theirs) or roles.is_denominator_name(column.header)


def _may_be(numerator: Column, denominator: Column) -> bool:
    if denominator.role == TIME:
        return not roles.is_denominator_name(numerator.header)
    if roles.is_denominator_name(numerator.header) and not roles.is_denominator_name(denominator.header):
        return False
    if roles.is_numerator_name(denominator.header) and not roles.is_numerator_name(numerator.header):
        return False
    pairs = _sample(numerator, denominator)
    return 2 * sum(above.value <= below.value for _, above, below in pairs) > len(pairs)


def _best_pair(rate: Column, pairs: Sequence[tuple[Column, Column]], sure: bool) -> Parts | None:
    """The pair that gives most of the rates; one that gives few only where the names leave no choice."""
    rated = [
        (_fitting(rate, above, below), _named_well(rate, above, below), above, below)
        for above, below in pairs
    ]
    (fits, scale), named, above, below = max(rated, key=lambda one: (one[0][0], one[1]))
    rows = len([row for row, *_ in _sample(above, below) if rate.cells[row].kind == NUMBER])
    best_named = max(one[1] for one in rated)
    if 2 * fits < rows and (sure or best_named > 1):
        (fits, scale), named, above, below = max(rated, key=lambda one: (one[1], one[0][0]))
        return Parts(rate, above, below, scale)
    return Parts(rate, above, below, scale) if 2 * fits >= rows or named > 1 else None


def _named_well(rate: Column, above: Column, below: Column) -> int:
    return (
        roles.is_numerator_name(above.header)
        + roles.is_denominator_name(below.header)
        + bool(roles.stem(rate.header) & roles.stem(above.header))
    )


def _fitting(rate: Column, above: Column, below: Column) -> tuple[int, int]:
    """How many rates the best scale gives, and that scale; the smaller one on a tie."""
    rows = [
        (rate.cells[row], up, down)
        for row, up, down in _sample(above, below)
        if rate.cells[row].kind == NUMBER
    ]
    scored = [(sum(_agrees(cell, up, down, scale) for cell, up, down in rows), scale) for scale in SCALES]
    most = max(number for number, _ in scored)
    if not most and any(cell.percent for cell, _, _ in rows):
        return 0, 100
    return next((number, scale) for number, scale in scored if number == most)


def _agrees(rate: Cell, above: Cell, below: Cell, scale: int) -> bool:
    """Whether a rate is the quotient within its printed digits."""
    if not below.value:
        return True
    half = 0.5 * 10.0**-rate.decimals
    return abs(scale * above.value / below.value - rate.value) <= half * (1 + 1e-6)


def _rows(above: Column, below: Column) -> Iterator[tuple[int, Cell, Cell]]:
    for row, (up, down) in enumerate(zip(above.cells, below.cells, strict=True)):
        if up.kind == NUMBER and down.kind == NUMBER:
            yield row, up, down


def _sample(above: Column, below: Column) -> list[tuple[int, Cell, Cell]]:
    """The first rows in which both are printed: enough to see what belongs together."""
    return list(islice(_rows(above, below), SAMPLE))


def _computed(table: Table, parts: Parts) -> Iterator[Remark]:
    """C5: a rate is not the quotient of the counts printed beside it."""
    rate, above, below, scale = parts
    if above is None:
        return
    names = f"'{above.header}' and '{below.header}'"
    for row, up, down in _rows(above, below):
        cell = rate.cells[row]
        if cell.kind == NUMBER and not _agrees(cell, up, down, scale):
            where = f"'{rate.header}' in row {table.row_number(row)}"
            yield Remark(
                "C5", table.cell(row, rate), f"{where} was not computed from the rounded counts {names}."
            )


def scale_of(rate: Column) -> int:
    """What a rate without numerator is most likely multiplied by: as its name or % signs say, else by its size."""
    if match := _PER.search(rate.name):
        if match[3]:
            return 1_000 if match[3] == "thousand" else 1_000_000
        number = int(match[1][:9]) * (1_000 if match[2] else 1)
        if number in SCALES[1:]:
            return number
    values = [cell.value for cell in rate.cells if cell.kind == NUMBER]
    words = set(rate.name.split("_"))
    if any(cell.percent for cell in rate.cells) or words & {"pct", "percent", "percentage", "perc"}:
        return 100
    return 1 if max(values, default=0) <= 1 else 100


def _lone_denominator(counts: list[Column], rate: Column) -> Column | None:
    """The one count beside a rate if it is its denominator: by its name, or since the rates are no shares of a whole."""
    named = [column for column in counts if roles.is_denominator_name(column.header)]
    if named:
        return named[0]
    plain = [column for column in counts if not roles.is_numerator_name(column.header)]
    if len(plain) != 1 or len(counts) != 1 or is_share(plain[0], rate):
        return None
    return plain[0]


def is_share(count: Column, rate: Column) -> bool:
    """Whether a percentage says which part of all rows together a row is."""
    whole = scale_of(rate)
    rows = [(up.value, down.value) for _, up, down in _rows(count, rate)]
    everything = sum(value for value, _ in rows)
    sums = sum(part for _, part in rows)
    if not rows or everything <= 0:
        return False
    if any(math.isclose(sums, times * whole, rel_tol=0.02) for times in (1, 2)):
        return True
    totals = (everything, max(value for value, _ in rows))
    return any(
        2 * sum(abs(whole * value / total - part) <= 0.02 * whole for value, part in rows) > len(rows)
        for total in totals
    )


def _implied(table: Table, parts: Parts, counts: Counts) -> Iterator[Remark]:
    """C6: the rate and its denominator leave only small numerators, or none that rounding gives."""
    rate, below, scale = parts.rate, parts.denominator, parts.scale
    if below.role == TIME:
        return
    midpoint = _is_midpoint_column(table, below, counts)
    for row, cell, down in _rows(rate, below):
        if cell.value <= 0 or down.value <= 0:
            continue
        low, high = _numerators(cell, down, scale)
        is_small = 1 <= low <= high <= counts.threshold
        possible = low <= high and _rounded_between(low, high, counts, midpoint)
        if not possible or (is_small and not midpoint):
            printed = f"{cell.value:g}{' %' if scale == 100 else ''} of {down.value:,}"
            said = _implied_people(low, high) if is_small else "cannot come from a rounded count"
            yield Remark("C6", table.cell(row, rate), f"Row {table.row_number(row)}: {printed} {said}.")


def _numerators(rate: Cell, below: Cell, scale: int) -> tuple[int, int]:
    """The smallest and largest whole numerators that give a rate within its printed digits."""
    half = 0.5 * 10.0**-rate.decimals
    low = math.ceil((rate.value - half) * below.value / scale - 1e-9)
    return low, math.floor((rate.value + half) * below.value / scale + 1e-9)


def _implied_people(low: int, high: int) -> str:
    if low == high:
        return f"implies {low} {'person' if low == 1 else 'people'}"
    return f"implies {low} to {high} people"


def _is_midpoint_column(table: Table, column: Column, counts: Counts) -> bool:
    if not counts.midpoint_allowed:
        return False
    named = is_named_midpoint(column, counts) or is_named_derived(column, counts)
    return named or rounding_of(table, column, counts) == 0


def _rounded_between(low: int, high: int, counts: Counts, midpoint: bool) -> bool:
    """Whether a rounded count lies between two numbers."""
    if high - low > max(counts.base, counts.midpoint):
        return True
    numbers = range(max(0, low), high + 1)
    if midpoint:
        return any(is_midpoint(number, counts) for number in numbers)
    return any(number % counts.base == 0 for number in numbers)


def _nobody_or_everybody(table: Table, rate: Column, parts: Parts | None, told: set[int]) -> Iterator[Remark]:
    """C8 on a rate: 0, or the column's whole. Rows whose counts say the same are told there."""
    whole = parts.scale if parts else scale_of(rate)
    for row, cell in enumerate(rate.cells):
        if cell.kind != NUMBER or row in told or _is_total_row(table, row):
            continue
        down = parts.denominator.cells[row] if parts else None
        if down is not None and down.kind == NUMBER and not down.value:
            continue
        if cell.value == 0 or (whole in (1, 100) and cell.value == whole):
            above = parts.numerator if parts else None
            column = above if above and above.cells[row].kind == NUMBER else rate
            told.add(row)
            yield _judge(table, row, column, down, cell.value == 0)


def _counts_alone(table: Table, told: set[int]) -> Iterator[Remark]:
    """C8 on counts beside a column that is named as their denominator."""
    named = [column for column in table.counts() if not column.guessed]
    below = [column for column in named if roles.is_denominator_name(column.header)]
    above = [column for column in named if column not in below]
    if len(below) != 1 or len(above) != 1:
        return
    for row, up, down in _rows(above[0], below[0]):
        if (
            down.value > 0
            and up.value in (0, down.value)
            and row not in told
            and not _is_total_row(table, row)
        ):
            told.add(row)
            yield _judge(table, row, above[0], down, up.value == 0)


def _judge(table: Table, row: int, column: Column, down: Cell | None, nobody: bool) -> Remark:
    of = f" {down.value:,}" if down is not None and down.kind == NUMBER else ""
    who = f"None of the{of} people" if nobody else f"All{of} people"
    number = table.row_number(row)
    return Remark(
        "C8", table.cell(row, column), f"{who} in row {number} have the outcome: judge group disclosure."
    )


def _is_total_row(table: Table, row: int) -> bool:
    return any(column.texts[row].strip().casefold() in TOTAL_WORDS for column in table.labels)


def has_parts(table: Table, rate: Column) -> bool:
    """Whether the counts a rate comes from are printed beside it, or it is a share of all rows."""
    parts = parts_of(table, rate)
    if parts is not None:
        return parts.numerator is not None
    return any(is_share(column, rate) for column in table.counts())


def prints_parts(table: Table) -> bool:
    """Whether a table prints numerators and denominators."""
    headers = [column.header for column in table.counts() if not column.guessed]
    return any(map(roles.is_numerator_name, headers)) and any(map(roles.is_denominator_name, headers))
