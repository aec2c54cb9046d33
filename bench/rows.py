"""Many rows at once."""

from collections.abc import Iterable
from typing import Any

from peewee import chunked

from jobsite.core.db import Model, writing


def insert(table: type[Model], rows: Iterable[dict[str, Any]]) -> None:
    """Store all rows, in statements of a few hundred."""
    for batch in chunked(rows, 500):
        with writing():
            table.insert_many(batch).execute()
