"""Which rows of a table fit a search and conditions, and in which order they stand. Pure.

Numbers are compared as numbers wherever both sides print one, else as text; in order, numbers stand before text and
empty values last.
"""

import re
from collections.abc import Callable, Sequence

from jobsite.outputs.asked import Condition
from jobsite.outputs.numbers import number_in

LONGEST_FITTED = 1_000
"""Characters of a value that are compared with a pattern."""

Row = Sequence[str]
Fits = Callable[[Row], bool]


def fits(q: str, conditions: Sequence[Condition]) -> Fits:
    """What says of a row whether some value holds the text `q`, in any case, and all conditions hold."""
    needle = q.casefold()
    tests = [_test(one) for one in conditions]

    def holds(row: Row) -> bool:
        if needle and not (needle in "\n".join(row).casefold() and any(needle in v.casefold() for v in row)):
            return False
        return all(test(row) for test in tests)

    return holds


def _test(condition: Condition) -> Fits:
    at = condition.column - 1
    says = _SAYS[condition.operator](condition.value)
    return lambda row: says(row[at] if at < len(row) else "")


def _compares(holds: Callable[[int], bool]) -> Callable[[str], Callable[[str], bool]]:
    """A comparison by number where both are numbers; a text is never smaller or larger than a number."""

    def with_value(value: str) -> Callable[[str], bool]:
        wanted, folded = number_in(value), value.casefold()

        def says(text: str) -> bool:
            found = number_in(text)
            if wanted is not None and found is not None:
                return holds((found > wanted) - (found < wanted))
            if wanted is not None or found is not None or not text.strip():
                return False
            words = text.strip().casefold()
            return holds((words > folded) - (words < folded))

        return says

    return with_value


def _equal(value: str) -> Callable[[str], bool]:
    wanted, folded = number_in(value), value.strip().casefold()
    if wanted is None:
        return lambda text: text.strip().casefold() == folded
    return lambda text: number_in(text) == wanted


def _pattern(value: str) -> Callable[[str], bool]:
    """`*` is any text and `?` one character; the time is that of one search for each piece between the stars."""
    first, *rest = map(_piece, value.split("*"))
    if not rest:
        return lambda text: first.fullmatch(text.strip()[:LONGEST_FITTED]) is not None
    *middle, last = rest
    width = len(value.rpartition("*")[2])

    def says(text: str) -> bool:
        text = text.strip()[:LONGEST_FITTED]
        found, end = first.match(text), len(text) - width
        for piece in middle:
            found = piece.search(text, found.end(), max(end, found.end())) if found else None
        return found is not None and found.end() <= end and last.fullmatch(text, end) is not None

    return says


def _piece(text: str) -> re.Pattern[str]:
    signs = ("." if sign == "?" else re.escape(sign) for sign in text)
    return re.compile("".join(signs), re.IGNORECASE | re.DOTALL)


_SAYS: dict[str, Callable[[str], Callable[[str], bool]]] = {
    "eq": _equal,
    "ne": lambda value: lambda text: not _equal(value)(text),
    "lt": _compares(lambda order: order < 0),
    "le": _compares(lambda order: order <= 0),
    "gt": _compares(lambda order: order > 0),
    "ge": _compares(lambda order: order >= 0),
    "has": lambda value: lambda text: value.casefold() in text.casefold(),
    "like": _pattern,
    "empty": lambda value: lambda text: not text.strip(),
    "filled": lambda value: lambda text: bool(text.strip()),
}


def order_key(text: str) -> tuple[int, float, str]:
    """By this values stand in order: numbers, then text, then empty ones."""
    found = number_in(text)
    if found is not None:
        return 0, found, ""
    return (1, 0.0, text.casefold()) if text.strip() else (2, 0.0, "")


def in_order(keys: Sequence[tuple[tuple[int, float, str], int]], *, falling: bool) -> list[int]:
    """Row numbers by their keys, equal ones as in the file; empty values stay last when it is turned round."""
    if not falling:
        return [number for _, number in sorted(keys)]
    filled = sorted((one for one in keys if one[0][0] != 2), key=lambda one: one[0], reverse=True)
    return [number for _, number in filled] + [number for key, number in keys if key[0] == 2]


def hits_in(text: str, q: str) -> list[tuple[str, bool]]:
    """A value in pieces, each with whether it is what was searched for; a case that changes lengths marks the whole."""
    if not q or q.casefold() not in text.casefold():
        return [(text, False)]
    pieces = re.split(f"({re.escape(q)})", text, flags=re.IGNORECASE)
    if len(pieces) == 1:
        return [(text, True)]
    return [(piece, at % 2 == 1) for at, piece in enumerate(pieces) if piece]
