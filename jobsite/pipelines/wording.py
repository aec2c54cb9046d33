"""Words for messages: quoting what a file says, and finding the name that was probably meant."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from jobsite.core.wording import joined

_LONGEST_QUOTE = 200
_CONTROL = re.compile(
    "[\0-\x1f\x7f-\xa0\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_BETWEEN_WORDS = re.compile("[^a-z0-9]+")


def quote(text: str) -> str:
    """`text` as a message may show it: at most 200 characters, control characters escaped (B4)."""
    if len(text) > _LONGEST_QUOTE:
        text = text[: _LONGEST_QUOTE - 1] + "…"
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda found: _escaped(found[0]), text)
    return text


def _escaped(letter: str) -> str:
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}.get(letter)
    return short or (f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}")


def letter_name(letter: str) -> str:
    """A character by its code point and, if it has one, its name."""
    name = unicodedata.name(letter, "")
    return f"U+{ord(letter):04X}" + (f" ({name.lower()})" if name else "")


def join(names: Sequence[str], last: str = "and", most: int = 8) -> str:
    """`a`, `a and b`, `a, b and c`; beyond `most` names the rest is counted."""
    names = [quote(name) for name in names]
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return joined(names, last)


class Nearest:
    """Finds the name out of `names` that was probably meant by a wrong one.

    Bounded: `effort` comparisons in all, so that a file with thousands of wrong names stays quick.
    """

    def __init__(self, names: Iterable[str], effort: int = 60_000) -> None:
        self.names = list(dict.fromkeys(names))
        self._effort = effort
        self._plain: dict[str, str] = {}
        for name in self.names:
            if _plain(name):
                self._plain.setdefault(_plain(name), name)
        self._answers: dict[str, str | None] = {}

    def __call__(self, wrong: str) -> str | None:
        """The nearest name, or None if none is near enough to be of help."""
        if wrong not in self._answers:
            self._answers[wrong] = self._plain.get(_plain(wrong)) or self._by_distance(wrong)
        return self._answers[wrong]

    def _by_distance(self, wrong: str) -> str | None:
        plain = wrong.lower()[:100]
        best, best_distance = None, min(4, max(len(plain) // 3, len(plain) > 2)) + 1
        for name in self.names:
            if abs(len(name) - len(plain)) >= best_distance:
                continue
            if self._effort <= 0:
                break
            self._effort -= 1
            distance = _distance(plain, name.lower(), best_distance)
            if distance < best_distance:
                best, best_distance = name, distance
        return best or self._by_part(plain)

    def _by_part(self, plain: str) -> str | None:
        self._effort -= len(self.names) // 4
        if len(plain) < 4 or self._effort <= 0:
            return None
        parts = [
            n
            for n in self.names
            if len(n) >= 4 and (n.lower().startswith(plain) or plain.startswith(n.lower()))
        ]
        return parts[0] if len(parts) == 1 else None


def nearest(wrong: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant by `wrong`, or None."""
    return Nearest(names)(wrong)


def _plain(name: str) -> str:
    return _BETWEEN_WORDS.sub("", name.lower()).rstrip("s")


def _distance(left: str, right: str, bound: int) -> int:
    """Letters to change, add, leave out or swap with their neighbour to get from `left` to `right`; `bound` if more."""
    if left == right:
        return 0
    start = 0
    shorter = min(len(left), len(right))
    while start < shorter and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if (
        abs(len(left) - len(right)) >= bound
        or min(len(set(left) - set(right)), len(set(right) - set(left))) >= bound
    ):
        return bound
    return min(_swaps_and_edits(left, right, bound), bound)


def _swaps_and_edits(left: str, right: str, bound: int) -> int:
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        row = [i]
        for j, other in enumerate(right, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        if min(row) >= bound:
            return bound
        before_last, last = last, row
    return last[-1]
