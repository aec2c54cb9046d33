"""Rows of tables as rows of an export, and back; and what is said of each kind."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from jobsite.accounts.models import User
from jobsite.core.clock import wire
from jobsite.core.db import Model
from jobsite.transfer.schema import Entry, Row, moment

Key = Any
Rows = Iterator[Row]


@dataclass(frozen=True)
class Kind:
    """How one kind is read and stored.

    `key` is what tells a row from others. `rows` gives those there are, all or those of these keys, in an order that does
    not change. `insert` stores new ones, in a transaction of the caller. `refers` are the kinds a row names, with their
    keys. `change` brings rows up to date that are here already and are not over; without it, none ever changes.
    """

    name: str
    key: Callable[[Row], Key]
    rows: Callable[[Collection[Key] | None], Rows]
    insert: Callable[[list[Row]], None]
    refers: Callable[[Row], Iterable[tuple[str, Key]]] = lambda row: ()
    change: Callable[[list[Row]], None] | None = None
    is_over: Callable[[Row], bool] = lambda row: True


def _out(value: Any) -> Any:
    return wire(value) if isinstance(value, datetime) else value


def plain(model: Any, entries: Iterable[Entry], row: Any = None, **others: Any) -> Row:
    """The row of an export that tells of this row of a table: each entry is a column of its name, or is given."""
    return {e.name: others[e.name] if e.name in others else _out(getattr(model, e.name)) for e in entries}


def columns(row: Row, entries: Iterable[Entry], *left_out: str, **others: Any) -> dict[str, Any]:
    """The columns of a table for a row of an export: times are times again."""
    kept = {e.name: _in(e, row[e.name]) for e in entries if e.name not in left_out}
    return {**kept, **others}


def _in(entry: Entry, value: Any) -> Any:
    return moment(value) if entry.type[0] == "time" and value is not None else value


def store(model: type[Model], rows: Iterable[dict[str, Any]]) -> None:
    """Store new rows of a table, many at once."""
    found = list(rows)
    for start in range(0, len(found), 100):  # SQLite takes so many values in one statement
        model.insert_many(found[start : start + 100]).execute()


def among(query: Any, column: Any, keys: Collection[Key] | None) -> Any:
    """The query, for these keys alone; for all where there are none."""
    return query if keys is None else query.where(column.in_(list(keys)))


def ids_of(model: Any, column: Any, names: Iterable[Key], *, lowered: bool = False) -> dict[Key, int]:
    """The numbers of the rows of these names; `lowered`: whatever their case."""
    wanted = {name.lower() if lowered else name for name in names}
    found = fn.LOWER(column) if lowered else column
    query = model.select(found.alias("known"), model.id).where(found.in_(list(wanted)))
    return dict(query.tuples())


def users_of(names: Iterable[str]) -> dict[str, int]:
    """The numbers of people by their username in small letters."""
    return ids_of(User, User.username, names, lowered=True)
