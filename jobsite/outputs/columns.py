"""What a column of a table holds, in figures: worked out over its numbers, whatever else stands in it."""

import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, BinaryIO

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
TOGETHER = 20_000
"""Values that are gathered before they are read, so that equal ones are read once."""


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

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file beside."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "ColumnCard":
        """The card that was kept. Raises TypeError, ValueError or KeyError for anything else."""
        pairs = {name: tuple((what, much) for what, much in kept[name]) for name in ("facts", "common")}
        return cls(**{**kept, **pairs})


def policy_by_settings() -> Policy:
    """The policy that the settings of the opened instance give."""
    return default_policy(current().disclosure_threshold, current().rounding_base)


def column_card(
    file: BinaryIO, index: Index, position: int, policy: Policy, most_work: float = MOST_WORK
) -> ColumnCard:
    """The card of the column at `position`, from 1, by the tokens, base and midpoint of a policy.

    After `most_work` seconds of work it is of the rows so far.
    """
    tally = _Tally(Reader(policy), policy.counts.base, policy.counts.midpoint, policy.counts.threshold)
    values = (row[position - 1] if position <= len(row) else "" for row in rows_from(file, index, 1))
    until, rows = time.thread_time() + most_work, 0
    while batch := Counter(islice(values, TOGETHER)):
        for text, times in batch.items():
            tally.take(text, times)
        rows += batch.total()
        if time.thread_time() > until:
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

    def take(self, text: str, times: int) -> None:
        """Count a value that was met so many times."""
        read = self.reader.read(text)
        if len(self.values) < MOST_DIFFERENT or text in self.values:
            self.values[text] += times
        if read.kind == NUMBER:
            self._number(read.value, times)
        elif read.kind == HIDDEN:
            self.hidden += times
            self.tokens[text.strip()] += times
        elif read.kind == MISSING:
            self.missing += times
        else:
            self.words += times

    def _number(self, value: float, times: int) -> None:
        self.numbers += times
        self.sum += value * times
        self.least = value if self.least is None else min(self.least, value)
        self.most = value if self.most is None else max(self.most, value)
        if value > 0:
            self.least_above = value if self.least_above is None else min(self.least_above, value)
        if value == int(value):
            self.whole += times
            self.small += times * (1 <= value <= self.threshold)
            self.of_base += times * (value % self.base == 0)
            self.of_midpoint += times * (value % self.midpoint == 0)
            self.midpoints += times * (value == 0 or value % self.midpoint == self.midpoint // 2)

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
