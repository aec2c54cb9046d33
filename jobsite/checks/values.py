"""How the text of a cell is read, and what a printed count stands for (specification 5.5). Pure."""

import math
import re
from typing import NamedTuple

from jobsite.checks.policy import Counts, Policy

NUMBER, HIDDEN, MISSING, TEXT = "number", "hidden", "missing", "text"

_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:[, ]\d{3})+|\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?( ?%)?")
_SPACES = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " "})
_WITH_SHARE = re.compile(r"(\d[\d,]*) ?\( ?\d+(?:\.\d+)? ?(%?) ?\)")
_BELOW = re.compile(r"(<=|<|≤)(\d{1,9})")
_LONGEST = 40  # characters of a number: a longer run of digits is no count


class Cell(NamedTuple):
    """A cell as read: `kind` is number, hidden, missing or text. `value` is an int where the number is whole; `decimals` are
    those printed; `percent` says that a % sign followed."""

    kind: str
    value: float = 0
    decimals: int = 0
    percent: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number."""
        return self.kind == NUMBER and isinstance(self.value, int)


class Reader:
    """Reads cells by the tokens of a policy; remembers what it has read, since tables repeat themselves."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: dict[str, Cell] = {}

    @property
    def zero_may_hide(self) -> bool:
        """Whether the policy reads a nought in tables of ehrQL measures as "0 or hidden"."""
        return "ehrql-measures" in self._policy.zero_may_hide

    def read(self, text: str) -> Cell:
        """What a cell says."""
        found = self._known.get(text)
        if found is None:
            found = self._read(text)
            if len(text) <= _LONGEST and len(self._known) < 100_000:
                self._known[text] = found
        return found

    def _read(self, text: str) -> Cell:
        if len(text) > 200:
            return Cell(TEXT)
        plain = text.translate(_SPACES).strip()
        token = "".join(plain.split()).casefold()
        if token in self._policy.hidden or self._is_below(token):
            return Cell(HIDDEN)
        if token in self._policy.missing or token in ("na", "n/a"):
            return Cell(MISSING)
        return number_in(plain) or Cell(TEXT)

    def _is_below(self, token: str) -> bool:
        """Whether it says no more than that the number is small: `<5`, `≤7`."""
        match = _BELOW.fullmatch(token)
        return match is not None and int(match[2]) <= self._policy.counts.threshold + (match[1] == "<")


def number_in(plain: str) -> Cell | None:
    """The number that a text without outer blanks is, None where it is none."""
    match = _NUMBER.fullmatch(plain)
    if match is None or len(plain) > _LONGEST:
        return None
    sign, whole, fraction, exponent, percent = match.groups()
    if not whole and not fraction:
        return None
    digits = re.sub("[, ]", "", whole) or "0"
    value: float
    if fraction or exponent:
        value = float(f"{sign}{digits}.{fraction or 0}e{exponent or 0}")
        if not math.isfinite(value):
            return None
        value = int(value) if value.is_integer() and abs(value) < 1e15 else value
    else:
        value = int(sign + digits)
    decimals = max(0, len(fraction or "") - int(exponent or 0))
    return Cell(NUMBER, value, decimals, percent is not None)


def count_with_share(text: str, percent_said: bool) -> Cell | None:
    """The count in a cell such as "12 (34%)", None where it is none; a head with % makes the sign in the cell unnecessary."""
    match = _WITH_SHARE.fullmatch(text.translate(_SPACES).strip()) if len(text) <= _LONGEST else None
    if match is None or not (match[2] or percent_said):
        return None
    return number_in(match[1])


class Span(NamedTuple):
    """What a printed or hidden count may be in truth: from `low` to `high`, both included."""

    low: float
    high: float


def is_midpoint(value: float, counts: Counts) -> bool:
    """Whether midpoint rounding can give this count: 0, or half of `midpoint` above a multiple of it."""
    return value == 0 or value % counts.midpoint == counts.midpoint // 2


def is_small(value: float, counts: Counts) -> bool:
    """Whether it is a count from 1 to the threshold."""
    return isinstance(value, int) and 1 <= value <= counts.threshold


EXACT, NEAREST, MIDPOINT = "exact", "nearest", "midpoint"


def span_of(value: float, rounding: str, counts: Counts) -> Span:
    """What a printed count may have been before it was rounded: nearest, half a base to either side; midpoint, 0 for 0,
    else from 2 below to 3 above (for midpoint 6)."""
    if rounding == EXACT or (rounding == MIDPOINT and value == 0):
        return Span(value, value)
    if rounding == NEAREST:
        half = counts.base // 2
        return Span(max(0, value - half), value + half)
    half = counts.midpoint // 2
    return Span(max(1, value - half + 1), value + counts.midpoint - half)
