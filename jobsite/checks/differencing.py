"""Tables against each other: the same cell twice, a table and its subset, now and an earlier release (D1 to D3). Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from jobsite.checks.counting import rounding_kind
from jobsite.checks.findings import FIX, NOTE, Place
from jobsite.checks.policy import Counts
from jobsite.checks.roles import TOTAL_WORDS
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Column, Table
from jobsite.checks.values import EXACT, HIDDEN, NUMBER, Span, span_of

Key = tuple[str, ...]


class Difference(NamedTuple):
    """Two printed values that differ: `rule` is D1 or D2, `row` counts from 0 in the first table, `severity` fix or note; `parts_here` says that the first table holds the parts of D2."""

    rule: str
    row: int
    column: Column
    amount: float
    severity: str
    where: str
    parts_here: bool = False


@dataclass(eq=False)
class Keyed:
    """A table by the values of its label columns, trimmed and in lower case; constant ones name the subset."""

    table: Table
    counts: Counts

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        return {
            column.name: [" ".join(text.split()).casefold() for text in column.texts]
            for column in self.table.labels
            if column.name
        }

    @cached_property
    def constants(self) -> dict[str, str]:
        """Label columns with one value only, and that value."""
        return {name: texts[0] for name, texts in self._labels.items() if texts and len(set(texts)) == 1}

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The other label columns, by name."""
        return tuple(sorted(set(self._labels) - set(self.constants)))

    @cached_property
    def measures(self) -> dict[str, Column]:
        """The columns of counts by name."""
        return {column.name: column for column in self.table.counts() if column.name}

    @cached_property
    def rows(self) -> dict[Key, int] | None:
        """Rows by key; None where a key comes twice, so that nothing can be compared."""
        keys = list(zip(*(self._labels[name] for name in self.dimensions), strict=True))
        keys = keys or [()] * self.table.height
        found = {key: row for row, key in enumerate(keys)}
        return found if len(found) == len(keys) else None

    @cached_property
    def roundings(self) -> dict[str, str]:
        """How the columns of counts are rounded, by name."""
        return {name: rounding_kind(column, self.counts) for name, column in self.measures.items()}

    def span(self, name: str, row: int) -> Span:
        """What the printed count may be in truth."""
        return span_of(self.measures[name].cells[row].value, self.roundings[name], self.counts)


def differences(one: Keyed, other: Keyed) -> Iterator[Difference]:
    """Every cell of the first table whose value and its counterpart in the second differ by what may be a few people."""
    if not one.measures.keys() & other.measures.keys() or one.rows is None or other.rows is None:
        return
    shared = one.constants.keys() & other.constants.keys()
    unlike = [values for name in shared if len(values := {one.constants[name], other.constants[name]}) > 1]
    if any(values.isdisjoint(TOTAL_WORDS) for values in unlike):
        return
    ours, theirs = set(one.dimensions), set(other.dimensions)
    if ours == theirs:
        rule = "D2" if unlike or one.constants.keys() != other.constants.keys() else "D1"
        yield from _same_cells(one, other, rule)
    elif len(theirs - ours) == 1 and ours < theirs:
        yield from _finer(one, other, *(theirs - ours))
    elif len(ours - theirs) == 1 and theirs < ours:
        yield from _coarser(one, other, *(ours - theirs))


def _same_cells(one: Keyed, other: Keyed, rule: str) -> Iterator[Difference]:
    """D1; or D2 where one of them is a part of the other, as a constant column says."""
    reach = _reach(one.counts, 1)
    for name in one.measures.keys() & other.measures.keys():
        ours, theirs = one.measures[name].cells, other.measures[name].cells
        for key, row in (one.rows or {}).items():
            counterpart = (other.rows or {}).get(key)
            if counterpart is not None and 0 < abs(ours[row].value - theirs[counterpart].value) <= reach:
                yield from _judged(one, row, other, name, [counterpart], rule)


def _reach(counts: Counts, parts: int) -> int:
    """The largest difference of a cell and the sum of so many others that may be a few people, however they are rounded."""
    return counts.threshold + (parts + 1) * max(counts.base, counts.midpoint)


def _finer(one: Keyed, other: Keyed, dimension: str) -> Iterator[Difference]:
    """D2: the other table has a dimension more. Its levels are added up; its own total level is the same cell."""
    place = other.dimensions.index(dimension)
    levels: dict[Key, list[int]] = {}
    totals: dict[Key, int] = {}
    for key, row in (other.rows or {}).items():
        rest = key[:place] + key[place + 1 :]
        if key[place] in TOTAL_WORDS:
            totals[rest] = row
        else:
            levels.setdefault(rest, []).append(row)
    constant = one.constants.get(dimension)
    for name in one.measures.keys() & other.measures.keys():
        for key, row in (one.rows or {}).items():
            if constant is not None:
                same = (other.rows or {}).get((*key[:place], constant, *key[place:]))
                yield from _judged(one, row, other, name, [same] if same is not None else [], "D1")
                continue
            yield from _judged(one, row, other, name, [totals[key]] if key in totals else [], "D1")
            yield from _judged(one, row, other, name, levels.get(key, []), "D2")


def _coarser(one: Keyed, other: Keyed, dimension: str) -> Iterator[Difference]:
    """The same seen from the finer table; what is found stands on the first of its levels."""
    columns = {name: one.measures[name] for name in one.measures.keys() & other.measures.keys()}
    place = one.dimensions.index(dimension)
    rest = {key[:place] + key[place + 1 :]: row for key, row in reversed((one.rows or {}).items())}
    for found in _finer(other, one, dimension):
        key = next((key for key, row in (other.rows or {}).items() if row == found.row), None)
        if key in rest and found.column.name in columns:
            column = columns[found.column.name]
            yield found._replace(row=rest[key], column=column, parts_here=not found.parts_here)


def _judged(
    one: Keyed, row: int, other: Keyed, name: str, rows: Sequence[int], rule: str
) -> Iterator[Difference]:
    """The difference of a cell and the sum of others, if both are printed, not equal, and it may be a few people."""
    ours, theirs = one.measures[name], other.measures[name]
    if not rows or ours.cells[row].kind != NUMBER:
        return
    kinds = {theirs.cells[counterpart].kind for counterpart in rows}
    if not kinds <= {NUMBER, HIDDEN} or NUMBER not in kinds:
        return
    printed = [counterpart for counterpart in rows if theirs.cells[counterpart].kind == NUMBER]
    amount = ours.cells[row].value - sum(theirs.cells[counterpart].value for counterpart in printed)
    if not amount or abs(amount) > _reach(one.counts, len(rows)) or (HIDDEN in kinds and amount < 0):
        return
    spans = [other.span(name, counterpart) for counterpart in printed]
    mine = one.span(name, row)
    low, high = mine.low - sum(span.high for span in spans), mine.high - sum(span.low for span in spans)
    if amount < 0:
        low, high = -high, -low
    unrounded = EXACT in (one.roundings[name], other.roundings[name])
    severity = _severity(abs(amount), low, high, unrounded, one.counts.threshold)
    if severity:
        yield Difference(rule, row, ours, abs(amount), severity, _where(one, row), amount < 0)


def _severity(amount: float, low: float, high: float, unrounded: bool, threshold: int) -> str | None:
    """Where both sides are rounded, nothing is certain: a note. Else what is, or is printed as, 1 to the threshold."""
    if high < 1 or low > threshold:
        return None
    if unrounded and (1 <= amount <= threshold or (low >= 1 and high <= threshold)):
        return FIX
    return NOTE


def _where(one: Keyed, row: int) -> str:
    names = [column for column in one.table.labels if column.name in one.dimensions]
    said = ", ".join(f"{column.header} {column.texts[row].strip()}" for column in names)
    return f" for '{said}'" if said else ""


def within_request(one: Keyed, other: Keyed, other_name: str) -> Iterator[Remark]:
    """D1 and D2 as remarks on the first table."""
    for found in differences(one, other):
        cell = one.table.cell(found.row, found.column)
        place = Place(
            "pair", row=cell.row, col=cell.col, header=cell.header, table=cell.table, other=other_name
        )
        if found.rule == "D1":
            sentence = f"'{cell.header}' differs from {other_name} by {found.amount:,}{found.where}."
        elif found.parts_here:
            sentence = (
                f"'{cell.header}' of {other_name} less its parts here leaves {found.amount:,}{found.where}."
            )
        else:
            sentence = f"'{cell.header}' less its parts in {other_name} leaves {found.amount:,}{found.where}."
        yield Remark(found.rule, place, sentence, found.severity)


def since_release(one: Keyed, other: Keyed, other_name: str, when: str, threshold: int) -> Iterator[Remark]:
    """D3: one remark for all cells of a table that changed a little since an earlier one, on the first of them."""
    found = sorted(differences(one, other), key=lambda each: (each.row, each.column.index))
    for severity in (FIX, NOTE):
        alike = [each for each in found if each.severity == severity]
        if alike:
            cell = one.table.cell(alike[0].row, alike[0].column)
            place = Place(
                "pair", row=cell.row, col=cell.col, header=cell.header, table=cell.table, other=other_name
            )
            cells = f"{len(alike):,} cells" if len(alike) > 1 else "1 cell"
            may = "" if severity == FIX else "may have "
            sentence = f"{cells} {may}changed by 1 to {threshold} since {other_name} was released {when}."
            yield Remark("D3", place, sentence, severity)
