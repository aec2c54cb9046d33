"""Lists in the order of any of their columns, as the links in their heads ask for it."""

from collections.abc import Mapping
from typing import Any

from peewee import ModelSelect


def ordered(rows: ModelSelect, columns: Mapping[str, Any], asked: str, first: str) -> tuple[ModelSelect, str]:
    """The rows in the order `asked`, and the order that holds: a key of `columns`, downwards with a minus before it.

    Anything else is the order `first`. Rows without a value stand last, equal ones in the order they were made.
    """
    held = asked if asked.removeprefix("-") in columns else first
    column = columns[held.removeprefix("-")]
    how = column.desc(nulls="last") if held.startswith("-") else column.asc(nulls="last")
    return rows.order_by(how, rows.model._meta.primary_key), held
