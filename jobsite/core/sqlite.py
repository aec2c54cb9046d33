"""SQLite: one file with a write-ahead log, and everything that is so with this product alone."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, cast
from weakref import WeakSet

import peewee

PRAGMAS: dict[str, Any] = {
    "journal_mode": "wal",
    "synchronous": "full",
    "busy_timeout": 5000,
    "foreign_keys": 1,
    "cache_size": -8000,
}

SPARE = 16
"""So many connections at most are kept open for whoever needs one next: one for each thread of the web server."""


class Cursor(sqlite3.Cursor):
    """Where one statement of a connection is. An error of the database is noted on the connection."""

    def execute(self, *statement: Any) -> "Cursor":
        """Carry a statement out."""
        try:
            return super().execute(*statement)
        except sqlite3.OperationalError:
            cast(Connection, self.connection).has_failed = True
            raise


class Connection(sqlite3.Connection):
    """A connection that can be handed on: nothing of one use of it reaches into the next."""

    has_failed = False

    def __init__(self, *how: Any, **others: Any) -> None:
        super().__init__(*how, **others)
        self._cursors: WeakSet[Cursor] = WeakSet()

    def cursor(self, factory: Any = Cursor) -> Any:
        """A place to carry out a statement."""
        cursor = super().cursor(factory)
        self._cursors.add(cursor)
        return cursor

    def end(self) -> bool:
        """End what is still being read: its rows would hold on to how the database was. Gives whether nothing is left
        of its use that the next would notice."""
        for cursor in list(self._cursors):
            cursor.close()
        return not (self.in_transaction or self.has_failed)


class Database(peewee.SqliteDatabase):
    """SQLite whose first error is the one that is raised, and whose connections are used again.

    A full or failing disk makes SQLite end the transaction by itself: there is nothing left to roll back. To open a
    connection and prepare its statements anew would take a third of the time of a page; the one used last is used
    first, so that there are few. After an error all are opened anew: the file may be another, or not be writable yet.
    Every transaction is BEGIN IMMEDIATE, so a write never fails halfway for want of the lock.
    """

    NEW_TYPES: ClassVar[dict[str, str]] = {}
    """What a database made anew calls the types of columns that it calls otherwise than Peewee does for SQLite."""
    COPY = "jobsite.db"
    """What a copy of the database is called in a backup."""
    LOOKED_AT = "The database is sound."
    """What is known when `why_damaged` finds nothing."""

    def __init__(self, path: Path) -> None:
        make_private(path)
        super().__init__(
            path, pragmas=PRAGMAS, lock_type="IMMEDIATE", check_same_thread=False, factory=Connection
        )
        self.nulls_ordering = False  # nothing comes before everything else by itself
        self.path = path
        self._spare: list[Connection] = []

    @property
    def shown(self) -> str:
        """How people call it."""
        return f"database {self.path.name}"

    def _connect(self) -> Connection:
        return self._spare.pop() if self._spare else super()._connect()

    def _close(self, connection: Connection) -> None:
        if connection.end() and len(self._spare) < SPARE:
            self._spare.append(connection)
            return
        if connection.has_failed:
            self.close_spare()
        super()._close(connection)

    def close_spare(self) -> None:
        """Close the connections that nobody uses."""
        while self._spare:
            super()._close(self._spare.pop())

    def rollback(self) -> None:
        """Roll back, if there still is a transaction."""
        if self.connection().in_transaction:
            super().rollback()

    def added(self, statement: str, values: Any) -> int:
        """Carry an INSERT of one row out; the number of the row."""
        return int(self.execute_sql(statement, values).lastrowid)

    def go_on_counting(self, table: type[peewee.Model]) -> None:
        """Rows of a table came with numbers of their own: the next number follows the highest, as it does by itself."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block no other process or thread migrates this database: two may open a new one at once."""
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def prepare(self) -> None:
        """Nothing has to be there before the tables."""

    def remove_tables(self, names: Sequence[str]) -> None:
        """Remove tables with all that belongs to them."""
        for name in names:
            self.execute_sql(f'DROP TABLE "{name}"')

    def why_damaged(self) -> str | None:
        """What the database says when it looks through itself, or None where it finds nothing."""
        said = self.execute_sql("PRAGMA quick_check(1)").fetchone()[0]
        return None if said == "ok" else str(said)

    def snapshot(self, target: Path) -> None:
        """Copy the database as it is at this moment into the new file `target`, while others write. Raises sqlite3.Error.

        All pages in one go: in portions it would begin anew at each write of somebody else, and never end.
        """
        make_private(target)
        copy = sqlite3.connect(target)
        try:
            self.connection().backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = delete")
        finally:
            copy.close()


def migrations_in(copy: Path) -> list[str] | None:
    """The names of the migrations that the file of a database has; None where it is damaged. Raises
    `peewee.DatabaseError` where it is none."""
    found = peewee.SqliteDatabase(f"file:{copy}?mode=ro", uri=True)
    try:
        if found.execute_sql("PRAGMA quick_check(1)").fetchone() != ("ok",):
            return None
        if "schema_migration" not in found.get_tables():
            return []
        return [name for (name,) in found.execute_sql("SELECT name FROM schema_migration")]
    finally:
        found.close()


def make_private(path: Path) -> None:
    """Make the file `path`, closed to others, if it is not there; SQLite gives its companions the same rights.

    A file that is there is not opened: closing it again would drop the locks that SQLite holds in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
