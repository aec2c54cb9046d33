"""Rules on hidden cells and the totals that give them away (S1 to S5). Pure."""

from collections.abc import Iterator, Sequence

from jobsite.checks.counting import rounding_kind
from jobsite.checks.findings import FIX, LOOK
from jobsite.checks.policy import Counts
from jobsite.checks.ruling import Clock, Remark
from jobsite.checks.survival import survival_columns
from jobsite.checks.tables import Table
from jobsite.checks.totals import At, Sum, cell_at, printed_sum, sums_of
from jobsite.checks.values import HIDDEN, NUMBER, Span, span_of

MOST_ROUNDS = 50


def hiding(table: Table, counts: Counts, clock: Clock) -> Iterator[Remark]:
    """S1 to S5 on a table."""
    sums = sums_of(table, counts)
    for one in sums:
        clock.check()
        yield from _on_one_sum(table, one, counts)
    yield from _narrowed(table, sums, counts, clock)
    yield from _survival(table)


def _on_one_sum(table: Table, one: Sum, counts: Counts) -> Iterator[Remark]:
    """S1, S2 and S4. A total that equals its printed parts was computed after hiding and tells nothing."""
    total, hidden = cell_at(table, one.total), _hidden(table, one.parts)
    if total.kind != NUMBER or (table.zero_may_hide and _has_zero(table, one)):
        return
    rest = total.value - printed_sum(table, one.parts)
    place, name = table.cell(one.total.row, table.columns[one.total.column]), _name(table, one)
    if rest and not hidden:
        parts = f"{total.value - rest:,}"
        yield Remark("S1", place, f"{name} is {total.value:,}, its parts give {parts}.")
    if rest > 0 and len(hidden) == 1:
        at = hidden[0]
        cell = table.cell(at.row, table.columns[at.column])
        yield Remark("S2", cell, f"The hidden cell in row {cell.row} '{cell.header}' follows from its total.")
    if hidden and 1 <= rest <= counts.threshold:
        few = f"{counts.threshold} or fewer"
        yield Remark("S4", place, f"The hidden cells of {name} add up to {few}: hide the next smallest too.")


def _hidden(table: Table, parts: Sequence[At]) -> list[At]:
    return [at for at in parts if cell_at(table, at).kind == HIDDEN]


def _has_zero(table: Table, one: Sum) -> bool:
    return any(cell_at(table, at).value == 0 for at in one.parts)


def _name(table: Table, one: Sum) -> str:
    column = table.columns[one.total.column]
    row = table.row_number(one.total.row)
    if one.across:
        return f"'{column.header}' in row {row}"
    label = next((text for text in (c.texts[one.total.row].strip() for c in table.labels) if text), "")
    return f"Row '{label}' of '{column.header}'" if label else f"Row {row} of '{column.header}'"


def _narrowed(table: Table, sums: Sequence[Sum], counts: Counts, clock: Clock) -> Iterator[Remark]:
    """S3: what totals leave for hidden cells; first from 0 on, then from 1 to the threshold."""
    telling = [one for one in sums if _tells(table, one)]
    if not telling:
        return
    reported: set[At] = set()
    for severity, largest in ((FIX, None), (LOOK, counts.threshold)):
        spans = _propagated(table, telling, counts, largest, clock)
        for at, span in spans.items():
            left = int(span.high - span.low) + 1
            if at in reported or not 0 < left < counts.protect_width or span.high == 0:
                continue
            reported.add(at)
            cell = table.cell(at.row, table.columns[at.column])
            values = " or ".join(f"{int(span.low) + more}" for more in range(left))
            yield Remark(
                "S3",
                cell,
                f"The hidden cell in row {cell.row} '{cell.header}' can only be {values}.",
                severity,
            )


def _tells(table: Table, one: Sum) -> bool:
    total = cell_at(table, one.total)
    hidden = _hidden(table, one.parts)
    return bool(hidden) and not (total.kind == NUMBER and total.value == printed_sum(table, one.parts))


def _propagated(
    table: Table, sums: Sequence[Sum], counts: Counts, largest: int | None, clock: Clock
) -> dict[At, Span]:
    """The spans of the hidden parts after at most 50 rounds. A cell that no value fits is left out."""
    roundings = [rounding_kind(column, counts) for column in table.columns]
    spans = {
        at: _printed_span(table, at, roundings[at.column], counts)
        for one in sums
        for at in (one.total, *one.parts)
    }
    hidden = {at for one in sums for at in _hidden(table, one.parts)}
    used = list(sums)
    for at in (at for at in spans if cell_at(table, at).kind == HIDDEN):
        spans[at] = Span(0, float("inf")) if largest is None else Span(1, largest)
    if largest is None:
        for one in sums:
            for at in _hidden(table, one.parts):
                spans[at] = Span(0, min(spans[at].high, spans[one.total].high))
    else:
        used = [one for one in sums if not _exceeds(table, one, spans, largest)]
    empty: set[At] = set()
    for _ in range(MOST_ROUNDS):
        clock.check()
        changed = [_tighten(one, spans, empty) for one in used]
        if not any(changed):
            break
    return {at: spans[at] for at in hidden if at not in empty and spans[at].high < float("inf")}


def _exceeds(table: Table, one: Sum, spans: dict[At, Span], largest: int) -> bool:
    """Whether the hidden cells of a line have to be larger than small counts."""
    hidden = _hidden(table, one.parts)
    printed = sum(spans[at].high for at in one.parts if at not in hidden)
    return spans[one.total].low - printed > largest * len(hidden)


def _tighten(one: Sum, spans: dict[At, Span], empty: set[At]) -> bool:
    """Narrows every cell of a sum by all others; whether anything changed."""
    low = sum(spans[at].low for at in one.parts)
    high = sum(spans[at].high for at in one.parts)
    total = spans[one.total]
    changed = _narrow(one.total, Span(max(total.low, low), min(total.high, high)), spans, empty)
    total = spans[one.total]
    for at in one.parts:
        span = spans[at]
        others_low, others_high = low - span.low, high - span.high
        if high == float("inf"):
            others_high = sum(spans[other].high for other in one.parts if other != at)
        new = Span(max(span.low, total.low - others_high), min(span.high, total.high - others_low))
        changed = _narrow(at, new, spans, empty) or changed
    return changed


def _narrow(at: At, new: Span, spans: dict[At, Span], empty: set[At]) -> bool:
    if new.low > new.high:
        empty.add(at)
        return False
    if new == spans[at] or at in empty:
        return False
    spans[at] = new
    return True


def _printed_span(table: Table, at: At, rounding: str, counts: Counts) -> Span:
    """What a printed count may have been; exactly itself where its column is not rounded."""
    value = cell_at(table, at).value
    if table.zero_may_hide and value == 0:
        return Span(0, counts.threshold)
    return span_of(value, rounding, counts)


def _survival(table: Table) -> Iterator[Remark]:
    """S5: in a survival table one hidden cell follows from the others of its row and the rows beside it."""
    columns = survival_columns(table)
    for row in range(table.height) if columns else ():
        kinds = [column.cells[row].kind for column in columns]
        if kinds.count(HIDDEN) == 1 and NUMBER in kinds:
            column = columns[kinds.index(HIDDEN)]
            yield Remark("S5", table.cell(row, column), "Hide the whole row: its cells give each other away.")
