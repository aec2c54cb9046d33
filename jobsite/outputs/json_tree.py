"""JSON as a tree that folds, and its lists of like records as a table. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LARGEST = 2**20
"""Bytes of a text that is shown as a tree."""
MOST_NODES = 3_000
DEEPEST = 40
MOST_COLUMNS = 200
LONGEST_VALUE = 2_000


@dataclass(frozen=True)
class Node:
    """A value: `name` is its key or place, `kind` object, list, text, number or word; `text` what it says."""

    name: str
    kind: str
    text: str
    inner: tuple["Node", ...] = ()
    left_out: int = 0


class NoTree(Exception):
    """The text cannot be shown as a tree; the text is a sentence."""


def value_in(text: str) -> Any:
    """The value that a JSON text holds. Raises NoTree."""
    if len(text) > LARGEST:
        raise NoTree("This file is larger than 1 MiB, so that it is shown as text.")
    try:
        return json.loads(text, parse_int=_Printed, parse_float=_Printed, parse_constant=_Printed)
    except (ValueError, RecursionError):
        raise NoTree("This file is not valid JSON, so that it is shown as text.") from None


class _Printed(str):
    """A number as it is printed."""


def tree(value: Any) -> Node:
    """The value as nodes, at most 3,000 and 40 deep; what is left out is counted."""
    return _node("", value, iter(range(MOST_NODES)), DEEPEST)


def _node(name: str, value: Any, room: Iterator[int], depth: int) -> Node:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else ((str(at), one) for at, one in enumerate(value))
        kind = "object" if isinstance(value, dict) else "list"
        inner = []
        for key, one in pairs if depth else ():
            if next(room, None) is None:
                break
            inner.append(_node(key, one, room, depth - 1))
        return Node(name, kind, f"{len(value):,}", tuple(inner), len(value) - len(inner))
    if isinstance(value, _Printed):
        return Node(name, "number", str(value)[:LONGEST_VALUE])
    if isinstance(value, str):
        return Node(name, "text", value[:LONGEST_VALUE])
    return Node(name, "word", {None: "null", True: "true", False: "false"}[value])


def records(value: Any) -> list[list[str]] | None:
    """A list of flat objects as rows with a header; None for anything else."""
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        return None
    header = list(dict.fromkeys(key for one in value for key in one))
    if (
        not header
        or len(header) > MOST_COLUMNS
        or any(_is_nested(inner) for one in value for inner in one.values())
    ):
        return None
    return [header, *([_word(one, key) for key in header] for one in value)]


def tables(value: Any) -> Mapping[str, list[list[str]]]:
    """The lists of records that a value is or holds right below it, by their names."""
    found = {"": records(value)}
    if isinstance(value, dict):
        found |= {key: records(inner) for key, inner in value.items()}
    return {name: rows for name, rows in found.items() if rows}


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)


def _word(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return "" if value is None else value if isinstance(value, str) else str(value).lower()
