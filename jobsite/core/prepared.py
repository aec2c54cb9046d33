"""Statements that are carried out many times: their text is built once.

To write one takes Peewee several times as long as SQLite takes to carry it out.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from peewee import SQL

from jobsite.core.db import Model, database

Row = TypeVar("Row", bound=Model)


def place(name: str) -> SQL:
    """Stands in a prepared statement where the value of this name is to be given."""
    return SQL(f":{name}")


class Prepared:
    """A statement with places for its values. `build` makes it when it is first needed."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._texts: dict[type, str] = {}

    @property
    def text(self) -> str:
        """The statement as SQL of the product that is used. Raises ValueError for one that has values of its own."""
        product = type(database.obj)
        return self._texts.get(product) or self._built(product)

    def _built(self, product: type) -> str:
        text, values = self._build().sql()
        if values:
            raise ValueError(f"values stand in a prepared statement: {text}")
        return self._texts.setdefault(product, text)

    def run(self, **values: Any) -> Any:
        """Carry it out with the values of its places, as the database holds them; the cursor."""
        return database.execute_sql(self.text, values)

    def add(self, **values: Any) -> int:
        """Carry an INSERT of one row out with the values of its places; the number of the row."""
        number: int = database.added(self.text, values)
        return number

    def one(self, table: type[Row], **values: Any) -> Row | None:
        """The first row as an object of `table`, whose columns the statement selects, all in their order; None where
        there is no row."""
        row = self.run(**values).fetchone()
        return None if row is None else stored(table, row)

    def all(self, table: type[Row], **values: Any) -> list[Row]:
        """All rows as objects of `table`, whose columns the statement selects, all in their order."""
        return [stored(table, row) for row in self.run(**values)]


def stored(table: type[Row], values: Sequence[Any]) -> Row:
    """What the database holds in all columns of `table`, in their order, as an object of it."""
    fields = table._meta.sorted_fields
    read = {field.name: field.python_value(value) for field, value in zip(fields, values, strict=True)}
    row = table(__no_default__=1, **read)
    row._dirty.clear()  # nothing of it has been changed
    return row
