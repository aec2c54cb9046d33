"""Numbers as tables print them: with thousands commas, blanks, a Unicode minus or a percent sign (section 5.5)."""

import math
import re

_PRINTED = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][+-]?\d{1,3})?")


def number_in(text: str) -> float | None:
    """The number that a cell prints, None where it prints none."""
    bare = text.strip()
    if bare.isascii() and bare.isdecimal() and len(bare) < 16:
        return float(bare)
    if not bare or len(bare) > 60:
        return None
    bare = bare.replace("\u2212", "-").replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    bare = bare.removesuffix("%")
    if not _PRINTED.fullmatch(bare):
        return None
    try:
        found = float(bare.replace(",", ""))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def is_number(text: str) -> bool:
    """Whether a value of a table is shown as a number."""
    return number_in(text) is not None


def printed(number: float) -> str:
    """A number for people: whole ones with thousands commas, others with at most six digits behind the point."""
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:,.6f}".rstrip("0").rstrip(".")
