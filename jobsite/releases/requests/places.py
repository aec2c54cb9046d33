"""Places in a file, as findings, remarks and comments name them (specification 5.6). Pure."""

from collections.abc import Mapping
from typing import Any

PLACES = ("file", "column", "cell", "line", "region")
LARGEST_NUMBER = 10**9
LONGEST_HEADER = 200
_NUMBERS = ("row", "col", "line", "last_line", "table")


def place_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """A place with only what a place may have; {} for what is none."""
    numbers = {name: given[name] for name in _NUMBERS if given.get(name) is not None}
    sound = all(type(value) is int and 0 <= value <= LARGEST_NUMBER for value in numbers.values())
    header = given.get("header")
    if given.get("kind") not in PLACES or not sound or not isinstance(header, str | None):
        return {}
    return {"kind": given["kind"], **numbers, **({"header": header[:LONGEST_HEADER]} if header else {})}
