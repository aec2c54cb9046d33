"""JSON: its keys with all their values, judged as columns by the rules on identifiers. Pure."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from jobsite.checks.areas import areas, organisations
from jobsite.checks.findings import Place
from jobsite.checks.identifiers import (
    MANY_ROWS,
    dates,
    free_text,
    identifying_values,
    keys,
    one_row_each,
    person_column,
)
from jobsite.checks.policy import Policy
from jobsite.checks.reading import NotReadable
from jobsite.checks.ruling import Remark
from jobsite.checks.tables import Column, Table, table_from
from jobsite.checks.values import Reader

MOST_VALUES = 1_000_000  # of a document; more take more memory and time than a rule may


def parsed(text: str) -> Any:
    """The value of a JSON text. Raises ValueError or RecursionError; NotReadable where it has too many values."""
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise NotReadable(f"it has more than {MOST_VALUES:,} values")
    return json.loads(text, parse_int=_whole)


def _whole(digits: str) -> Any:
    """Numbers too long to be reckoned with stay text."""
    return int(digits) if len(digits) <= 40 else digits


def json_remarks(value: Any, reader: Reader, policy: Policy) -> Iterator[Remark]:
    """The I rules on every key, with all values that stand under it anywhere in the document."""
    for name, texts in values_by_key(value).items():
        place = Place("column", header=name)
        yield from person_column(name, place)
        yield from identifying_values(name, texts, place, partial(_nth, name))
        yield from dates(name, texts, place)
        yield from keys(name, texts, place)
        column = _column(name, texts, reader)
        yield from free_text(column, place)
        yield from organisations(column, place)
        yield from areas(column, place, policy.areas_allowed)
    for table in _tables(value, reader):
        for remark in one_row_each(table, policy):
            yield remark._replace(place=Place("column", header=remark.place.header))


def _tables(value: Any, reader: Reader) -> Iterator[Table]:
    """The lists of many objects, at the top or under a key of the document."""
    lists = [value, *value.values()] if isinstance(value, dict) else [value]
    for rows in lists:
        if isinstance(rows, list) and len(rows) >= MANY_ROWS and all(isinstance(row, dict) for row in rows):
            names = list(dict.fromkeys(name for row in rows[:MANY_ROWS] for name in row))
            yield table_from(names, [[_text(row.get(name)) for name in names] for row in rows], reader)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else repr(value)


def _nth(name: str, row: int) -> Place:
    return Place("cell", row=row + 1, header=name)


def values_by_key(value: Any) -> dict[str, list[str]]:
    """The single values under each key, in the order of the document; those in bare lists go under the key of the list."""
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, dict):
            for key in item:
                found.setdefault(key, [])
            waiting.extend(reversed(item.items()))
        elif isinstance(item, list):
            waiting.extend((name, one) for one in reversed(item))
        elif item is not None and not isinstance(item, bool):
            found.setdefault(name, []).append(item if isinstance(item, str) else repr(item))
    return found


def _column(name: str, texts: list[str], reader: Reader) -> Column:
    return table_from([name], [[text] for text in texts], reader).columns[0]
