"""What a column of a table holds, in figures: worked out over its numbers, whatever else stands in it."""

import time
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from jobsite.checks import Policy, default_policy
from jobsite.checks.roles import named_role
from jobsite.checks.values import HIDDEN, MISSING, NUMBER, Reader
from jobsite.outputs.numbers import printed
from jobsite.settings import current
from jobsite.store.windows import Index, rows_from

MOST_WORK = 2.0
"""Seconds; then the card says how far it came."""
MOST_DIFFERENT = 10_000
"""Different values that are counted."""


@dataclass(frozen=True)
class ColumnCard:
    """A column in figures (output checking, section 4). `facts` are (what, how much) in words; `rows` is how many rows
    they come from, less than `total` where the time was up; `common` are the values met most often."""

    position: int
    header: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    common: tuple[tuple[str, int], ...]
    rows: int
    total: int


def column_card(file: BinaryIO, index: Index, position: int, policy: Policy | None = None) -> ColumnCard:
    """The card of the column at `position`, from 1, by the tokens, base and midpoint of a policy."""
    by = policy or default_policy(current().disclosure_threshold, current().rounding_base)
    tally = _Tally(Reader(by), by.counts.base, by.counts.midpoint, by.counts.threshold)
    until, rows = time.thread_time() + MOST_WORK, 0
    for row in islice(rows_from(file, index, 1), index.total):
        tally.take(row[position - 1] if position <= len(row) else "")
        rows += 1
        if rows % 1000 == 0 and time.thread_time() > until:
            break
    header = index.header[position - 1]
    role = named_role(header)
    facts = (("Kind", tally.kind), ("Role by its name", role or "none"), *tally.facts())
    return ColumnCard(position, header, tally.kind, facts, tally.common(), rows, index.total)


class _Tally:
    """Figures of a column, value by value; nothing of its size is held."""

    def __init__(self, reader: Reader, base: int, midpoint: int, threshold: int) -> None:
        self.reader, self.base, self.midpoint, self.threshold = reader, base, midpoint, threshold
        self.numbers = self.hidden = self.missing = self.words = self.whole = 0
        self.of_base = self.of_midpoint = self.midpoints = self.small = 0
        self.least: float | None = None
        self.least_above: float | None = None
        self.most: float | None = None
        self.sum = 0.0
        self.tokens: Counter[str] = Counter()
        self.values: Counter[str] = Counter()

    def take(self, text: str) -> None:
        """Count one value."""
        read = self.reader.read(text)
        if len(self.values) < MOST_DIFFERENT or text in self.values:
            self.values[text] += 1
        if read.kind == NUMBER:
            self._number(read.value)
        elif read.kind == HIDDEN:
            self.hidden += 1
            self.tokens[text.strip()] += 1
        elif read.kind == MISSING:
            self.missing += 1
        else:
            self.words += 1

    def _number(self, value: float) -> None:
        self.numbers += 1
        self.sum += value
        self.least = value if self.least is None else min(self.least, value)
        self.most = value if self.most is None else max(self.most, value)
        if value > 0:
            self.least_above = value if self.least_above is None else min(self.least_above, value)
        if value == int(value):
            self.whole += 1
            self.small += 1 <= value <= self.threshold
            self.of_base += value % self.base == 0
            self.of_midpoint += value % self.midpoint == 0
            self.midpoints += value == 0 or value % self.midpoint == self.midpoint // 2

    @property
    def kind(self) -> str:
        """What most of its values are."""
        if not self.numbers:
            return "text" if self.words else "empty"
        if self.words > self.numbers:
            return "text"
        return "whole numbers" if self.whole == self.numbers else "numbers"

    def facts(self) -> list[tuple[str, str]]:
        """The figures in words, those that say something."""
        facts = [("Missing", f"{self.missing:,}")]
        if self.hidden:
            tokens = ", ".join(f"{token} ({count:,})" for token, count in self.tokens.most_common(5))
            facts.append(("Hidden", f"{self.hidden:,}: {tokens}"))
        if self.words:
            facts.append(("Text", f"{self.words:,}"))
        if not self.numbers:
            return facts
        facts += [("Numbers", f"{self.numbers:,}"), ("Smallest", printed(self.least or 0))]
        if self.least_above is not None and self.least_above != self.least:
            facts.append(("Smallest above 0", printed(self.least_above)))
        facts += [("Largest", printed(self.most or 0)), ("Sum", printed(round(self.sum, 6)))]
        if self.whole:
            facts += [
                (f"1 to {self.threshold}", f"{self.small:,} of {self.numbers:,}"),
                (f"Multiples of {self.base}", f"{self.of_base:,} of {self.numbers:,}"),
                (f"Multiples of {self.midpoint}", f"{self.of_midpoint:,} of {self.numbers:,}"),
                (f"Midpoint {self.midpoint}", f"{self.midpoints:,} of {self.numbers:,}"),
            ]
        return facts

    def common(self) -> tuple[tuple[str, int], ...]:
        """The values met most often; none where all differ."""
        return tuple((text[:60], count) for text, count in self.values.most_common(5) if count > 1)
