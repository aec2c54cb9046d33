"""Two versions of a table, cell by cell. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from jobsite.outputs.numbers import number_in, printed
from jobsite.outputs.reading import Table

ROWS = 200
"""Rows of a page."""
MOST_CELLS = 100_000
MOST_CHANGES = 500
"""Changed cells that are kept of tables with more than MOST_CELLS cells."""
MOST_SUMMED = 1_000_000
"""Values of both tables that are added up: more would take longer than a page may."""
LABELLED = 0.5
"""A column is a label when more than this part of its first LOOKED_AT values print no number."""
LOOKED_AT = 500
LABEL_WORDS = frozenset(
    [
        "year",
        "month",
        "week",
        "day",
        "date",
        "time",
        "age",
        "id",
        "index",
        "rank",
        "decile",
        "quintile",
        "quartile",
        "imd",
        "stage",
        "order",
        "group",
    ]
)
"""Columns of numbers that name rows (section 5.8 of output checking)."""


@dataclass(frozen=True)
class CellChange:
    """A cell that both versions have, with other values. Rows count from 1, in the old and the new version.

    `difference` is in words: a signed number, "shown" for a value that was hidden or missing, "hidden" for the reverse.
    """

    label: str
    column: str
    old_row: int
    new_row: int
    position: int
    old: str
    new: str
    difference: str


@dataclass(frozen=True)
class RowChange:
    """A row of one version alone: `kind` is added or removed, `row` its number in that version, with its values."""

    kind: str
    row: int
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """The sum of a column of numbers in both versions, where it changed."""

    column: str
    old: str
    new: str
    difference: str


class ChangedPage(NamedTuple):
    """Rows of the new version of a table: number, whether the old one lacks it, and each value with what changed in it.

    `earlier` and `later` are the first rows of the pages around.
    """

    first: int
    rows: Sequence[tuple[int, bool, Sequence[tuple[str, CellChange | None]]]]
    earlier: int | None
    later: int | None


@dataclass(frozen=True)
class TableChanges:
    """What changed in a table. `matched_by` are the columns by which rows were matched, none: by their number.

    `changed_cells`, `added` and `removed` count everything; `cells` and `rows` are what is kept of it, all unless `cut`.
    `not_summed` is how many columns of large tables were not added up.
    """

    matched_by: tuple[str, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    changed_cells: int
    added: int
    removed: int
    same: int
    cells: tuple[CellChange, ...]
    rows: tuple[RowChange, ...]
    totals: tuple[Totals, ...]
    cut: bool
    moved: int = 0
    not_summed: int = 0
    header: tuple[str, ...] = ()
    values: Sequence[Sequence[str]] = field(default=(), repr=False)

    @cached_property
    def sentence(self) -> str:
        """What came out, in words."""
        parts = [_counted(self.changed_cells, "cell") + " changed"] if self.changed_cells else []
        parts += [_counted(self.added, "row") + " added"] if self.added else []
        parts += [_counted(self.removed, "row") + " removed"] if self.removed else []
        parts += ["columns added: " + ", ".join(self.columns_added)] if self.columns_added else []
        parts += ["columns removed: " + ", ".join(self.columns_removed)] if self.columns_removed else []
        parts += [_counted(self.moved, "row") + " moved"] if self.moved and not parts else []
        return (
            "; ".join(parts) + "."
            if parts
            else "The values are the same; only their form in the file differs."
        )

    @cached_property
    def by_place(self) -> dict[tuple[int, int], CellChange]:
        """The changed cells by row and column of the new version, both from 1."""
        return {(change.new_row, change.position): change for change in self.cells}

    def page(self, first: int) -> "ChangedPage":
        """Two hundred rows of the new version from `first` on, with what changed in place."""
        first = max(1, min(first, len(self.values)))
        rows = self.values[first - 1 : first - 1 + ROWS]
        later = first + ROWS if first + ROWS <= len(self.values) else None
        return ChangedPage(
            first,
            [
                (
                    number,
                    number in self.new_rows,
                    [(value, self.by_place.get((number, at))) for at, value in enumerate(row, 1)],
                )
                for number, row in enumerate(rows, first)
            ],
            max(1, first - ROWS) if first > 1 else None,
            later,
        )

    @cached_property
    def new_rows(self) -> frozenset[int]:
        """The rows of the new version that the old one does not have."""
        return frozenset(row.row for row in self.rows if row.kind == "added")


def table_changes(old: Table, new: Table) -> TableChanges:
    """What changed from one table to another."""
    shared = [name for name in _named(new.header) if name in set(_named(old.header))]
    old_at = {name: at for at, name in enumerate(_named(old.header))}
    new_at = {name: at for at, name in enumerate(_named(new.header))}
    labels = [
        name
        for name in shared
        if _is_label(name, old.rows, old_at[name]) and _is_label(name, new.rows, new_at[name])
    ]
    before = _keyed(old.rows, [old_at[name] for name in labels])
    after = _keyed(new.rows, [new_at[name] for name in labels])
    pairs = [(before[key], at) for key, at in after.items() if key in before]
    places = [(name, old_at[name], new_at[name]) for name in shared if name not in labels]
    changes = list(_cells(old.rows, new.rows, pairs, places, [new_at[name] for name in labels]))
    alone = list(_alone(old.rows, new.rows, before, after, old_at, new_at, labels))
    large = max(_cells_of(old), _cells_of(new)) > MOST_CELLS
    to_sum = places if alone else _touched(places, changes)
    summed = to_sum[: MOST_SUMMED // max(1, len(old.rows) + len(new.rows))]
    return TableChanges(
        matched_by=tuple(_shown(name) for name in labels),
        columns_added=tuple(_shown(name) for name in _named(new.header) if name not in old_at),
        columns_removed=tuple(_shown(name) for name in _named(old.header) if name not in new_at),
        changed_cells=len(changes),
        added=sum(row.kind == "added" for row in alone),
        removed=sum(row.kind == "removed" for row in alone),
        same=len(pairs) - len({change.new_row for change in changes}),
        cells=tuple(changes[:MOST_CHANGES] if large else changes),
        rows=tuple(alone[:MOST_CHANGES] if large else alone),
        totals=tuple(_totals(old.rows, new.rows, summed)),
        cut=large and max(len(changes), len(alone)) > MOST_CHANGES,
        moved=sum(one != other for one, other in pairs),
        not_summed=len(to_sum) - len(summed),
        header=tuple(new.header),
        values=new.rows,
    )


Name = tuple[str, int]
"""A column: its header and which of the columns of that header it is."""


def _named(header: Sequence[str]) -> list[Name]:
    met: Counter[str] = Counter()
    named = []
    for name in header:
        named.append((name, met[name]))
        met[name] += 1
    return named


def _shown(name: Name) -> str:
    return name[0] or "(no name)"


def _is_label(name: Name, rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether a column names rows: mostly words, or numbers of a kind that names (a year, an age)."""
    if any(word in LABEL_WORDS for word in name[0].casefold().replace("_", " ").split()):
        return True
    values = list(islice((row[at] for row in rows if at < len(row) and row[at].strip()), LOOKED_AT))
    words = sum(1 for value in values if number_in(value) is None and any(map(str.isalpha, value)))
    return bool(values) and words > LABELLED * len(values) and not _is_mostly_hidden(values)


def _is_mostly_hidden(values: Sequence[str]) -> bool:
    """Whether the words of a column are one token again and again, as where most numbers are hidden."""
    common = Counter(value for value in values if number_in(value) is None).most_common(1)
    return (
        len(values) > 3
        and bool(common)
        and common[0][1] < len(values)
        and common[0][1] > LABELLED * len(values)
    )


def _keyed(rows: Sequence[Sequence[str]], labels: Sequence[int]) -> dict[tuple[object, ...], int]:
    """The rows by their labels, equal ones told apart by their order; by number where there are no labels."""
    if not labels:
        return {(number,): number for number in range(len(rows))}
    met: Counter[tuple[str, ...]] = Counter()
    keyed: dict[tuple[object, ...], int] = {}
    for number, row in enumerate(rows):
        key = tuple(row[at].strip().casefold() if at < len(row) else "" for at in labels)
        keyed[(*key, met[key])] = number
        met[key] += 1
    return keyed


def _cells(
    old: Sequence[Sequence[str]],
    new: Sequence[Sequence[str]],
    pairs: Iterable[tuple[int, int]],
    places: Sequence[tuple[Name, int, int]],
    labels: Sequence[int],
) -> Iterator[CellChange]:
    straight = all(one == other for _, one, other in places)
    for one, other in pairs:
        before, after = old[one], new[other]
        if straight and before == after:
            continue
        for name, was, at in places:
            value, now = before[was] if was < len(before) else "", after[at] if at < len(after) else ""
            if value != now:
                label = _label(after, labels) or f"Row {other + 1}"
                yield CellChange(
                    label, _shown(name), one + 1, other + 1, at + 1, value, now, difference(value, now)
                )


def _label(row: Sequence[str], labels: Sequence[int]) -> str:
    return ", ".join(row[at] for at in labels if at < len(row) and row[at])


def difference(old: str, new: str) -> str:
    """What changed from one value to another, in words; "" where that says nothing more."""
    was, now = number_in(old), number_in(new)
    if was is not None and now is not None:
        change = round(now - was, 9)
        return ("+" if change > 0 else "\u2212" if change < 0 else "") + printed(abs(change))
    if now is not None:
        return "shown"
    return "hidden" if was is not None else ""


def _alone(
    old: Sequence[Sequence[str]],
    new: Sequence[Sequence[str]],
    before: dict[tuple[object, ...], int],
    after: dict[tuple[object, ...], int],
    old_at: dict[Name, int],
    new_at: dict[Name, int],
    labels: Sequence[Name],
) -> Iterator[RowChange]:
    for kind, rows, here, there, places in (
        ("removed", old, before, after, old_at),
        ("added", new, after, before, new_at),
    ):
        for key, at in here.items():
            if key not in there:
                label = _label(rows[at], [places[name] for name in labels]) or f"Row {at + 1}"
                yield RowChange(kind, at + 1, label, tuple(rows[at]))


def _touched(
    places: Sequence[tuple[Name, int, int]], changes: Sequence[CellChange]
) -> Sequence[tuple[Name, int, int]]:
    """The columns in which a cell changed."""
    positions = {change.position for change in changes}
    return [place for place in places if place[2] + 1 in positions]


def _totals(
    old: Sequence[Sequence[str]], new: Sequence[Sequence[str]], places: Sequence[tuple[Name, int, int]]
) -> Iterator[Totals]:
    for name, was, at in places:
        before, after = _sum(old, was), _sum(new, at)
        if before is not None and after is not None and before != after:
            sums = printed(before), printed(after)
            yield Totals(_shown(name), *sums, difference(*sums))


def _sum(rows: Sequence[Sequence[str]], at: int) -> float | None:
    numbers = [found for row in rows if at < len(row) and (found := number_in(row[at])) is not None]
    return round(sum(numbers), 9) if numbers else None


def _cells_of(table: Table) -> int:
    return sum(map(len, table.rows))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
