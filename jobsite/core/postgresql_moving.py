"""From SQLite to PostgreSQL: all rows of a file, taken over by a database that has the same tables and no rows."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from jobsite.core.db import database
from jobsite.core.errors import Conflict

KEPT = "schema_migration"
"""What both have: the names of the migrations."""

LEADS_TO = """
    SELECT t.relname, f.relname FROM pg_constraint AS c
      JOIN pg_class AS t ON t.oid = c.conrelid JOIN pg_class AS f ON f.oid = c.confrelid
     WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND t.oid <> f.oid
"""
COUNT_ON = """
    SELECT setval(pg_get_serial_sequence(quote_ident(?), 'id'), MAX(id)) FROM "{table}" HAVING MAX(id) IS NOT NULL
"""


def take_over(source: Path) -> int:
    """Copy every row of the SQLite file into the PostgreSQL database that is open, in one transaction; how many there are.

    Both have every migration and the tables of one side. Nobody has the file open. Raises `Conflict` where the database was
    in use already, or has other tables than the file; then nothing has been stored.
    """
    tables = _in_their_order()
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as file, database.atomic():
        there = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if other := {name for name in there ^ {*tables, KEPT} if not name.startswith("sqlite_")}:
            raise Conflict(
                f"{source.name} and the database have not the same tables: {', '.join(sorted(other))}."
            )
        if database.execute_sql('SELECT 1 FROM "user" UNION SELECT 1 FROM event').fetchone():
            raise Conflict("The database of DATABASE_URL holds something already: take an empty one.")
        for table in reversed(tables):  # migrations put a row here and there
            database.execute_sql(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own tables
        count = sum(_copy(file, table) for table in tables)
        database.execute_sql("ANALYZE")
        return count


def _in_their_order() -> Sequence[str]:
    """The tables of the database, each after those that its keys lead to."""
    order = TopologicalSorter({name: set[str]() for name in database.get_tables() if name != KEPT})
    for table, other in database.execute_sql(LEADS_TO).fetchall():
        order.add(table, other)
    return [*order.static_order()]


def _copy(file: sqlite3.Connection, table: str) -> int:
    """Copy the rows of a table, which what it does by itself when rows come is not to do once more; how many there are."""
    columns = database.get_columns(table)
    named, count = ", ".join(f'"{column.name}"' for column in columns), 0
    database.execute_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
    rows = file.execute(f'SELECT {named} FROM "{table}"')  # noqa: S608 - names of our own tables
    with database.cursor().copy(f'COPY "{table}" ({named}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row([_as_text(value) for value in row])
            count += 1
    database.execute_sql(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
    if any((column.name, column.data_type) == ("id", "bigint") for column in columns):
        database.execute_sql(COUNT_ON.format(table=table), (table,))
    return count


def _as_text(value: Any) -> Any:
    """A value as SQLite has it. Yes and no are 1 and 0 there, which PostgreSQL reads as such."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
