"""The database: one SQLite file with write-ahead log, one way to write, numbered migrations at start."""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

import peewee
from playhouse.migrations import Runner

from jobsite.core.errors import Conflict
from jobsite.core.sides import WrongSide, settle_tables
from jobsite.core.turns import Turns

MIGRATIONS = Path(__file__).parent / "migrations"
PRAGMAS: dict[str, Any] = {
    "journal_mode": "wal",
    "synchronous": "full",
    "busy_timeout": 5000,
    "foreign_keys": 1,
    "cache_size": -8000,
}

SPARE = 16
"""So many connections at most are kept open for whoever needs one next: one for each thread of the web server."""

MOST_WORDS = 10
"""So many words of a search count; the others are left out."""

LARGEST_ID = 2**53
"""No row has a larger number, and SQLite cannot compare with one of thousands of digits."""

database = peewee.DatabaseProxy()
_turns = Turns()


class DatabaseTooNew(Exception):
    """The database was written by a later version of the program than this one."""


class Select(peewee.ModelSelect):
    """Rows of tables, as Peewee has them. The names of whole tables' columns are written in one go.

    Peewee writes each by itself through half a dozen calls, which is most of what a query costs here. And it writes what
    stands behind an IN once more beforehand, to see whether that is empty: twice, four times, eight times where one stands
    within the other.
    """

    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        """Write the query; to an expression that asks alone whether it is empty, that it is not."""
        is_asked = ctx.state.in_expr and not ctx.stack
        return ctx.literal("SELECT") if is_asked else super().__sql__(ctx)

    def __sql_selection__(self, ctx: peewee.Context, is_subquery: bool = False) -> peewee.Context:
        """Write what is selected."""
        if is_subquery:
            return super().__sql_selection__(ctx, is_subquery)
        table, prefix = None, ""
        for number, node in enumerate(self._returning):
            ctx.literal(", " if number else "")
            if type(node).__sql__ is peewee.Field.__sql__:  # neither of an alias of a table nor an expression
                if node.model._meta.table is not table:
                    table = node.model._meta.table
                    prefix = f'"{ctx.alias_manager[table]}"."'
                ctx.literal(f'{prefix}{node.column_name}"')
            else:
                ctx.sql(node)
        return ctx


class Model(peewee.Model):
    """A table of jobsite's database."""

    class Meta:
        database = database
        legacy_table_names = False

    @classmethod
    def select(cls, *fields: Any) -> Select:
        """The rows of this table with these fields, all of its own when none are named."""
        return Select(cls, fields or cls._meta.sorted_fields, is_default=not fields)


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
    """

    def __init__(self, path: Path, **others: Any) -> None:
        super().__init__(path, check_same_thread=False, factory=Connection, **others)
        self._spare: list[Connection] = []

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


def open_database(path: Path, side: str = "both") -> None:
    """Use the SQLite file `path` from now on, made if it is not there, with every migration applied and the tables of
    its side (`core/sides.py`).

    Raises `DatabaseTooNew` with a sentence when the file has migrations this program does not know, and `WrongSide` when
    it holds what this side has no table for.
    Every transaction is BEGIN IMMEDIATE, so a write never fails halfway for want of the lock.
    """
    make_private(path)
    close_connections()
    opened = Database(path, pragmas=PRAGMAS, lock_type="IMMEDIATE")
    database.initialize(opened)
    with _alone(path):
        runner = Runner(opened, directory=str(MIGRATIONS))
        steps = runner.status()
        unknown = [step.name for step in steps if step.path is None]
        if not unknown:
            _migrate(opened, runner, [step.name for step in steps if not step.applied])
            _settle(opened, side)
    if unknown:
        opened.close()
        raise DatabaseTooNew(
            f"The database {path.name} was written by a newer version of jobsite (it has {unknown[-1]}, "
            "which this version does not know). Install that version again, or restore an older backup."
        )


def _migrate(opened: Database, runner: Runner, pending: Sequence[str]) -> None:
    """Apply what is pending. A migration finds the tables of both sides: those that are not there are made for it, as they
    were before it, and go again."""
    if pending and opened.get_tables():
        settle_tables(opened, "both", lambda: _statements(without=pending))
    if pending:
        runner.up()


def _settle(opened: Database, side: str) -> None:
    try:
        settle_tables(opened, side, _statements)
    except WrongSide:
        opened.close()
        raise


def _statements(without: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What makes a database of both sides: every statement with its table, as the migrations leave them, or all of them
    but some."""
    blank = peewee.SqliteDatabase(":memory:")
    runner = Runner(blank, directory=str(MIGRATIONS))
    runner.History.create_table()
    for name in without:
        runner.History.create(name=name)
    runner.up()
    found = blank.execute_sql("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    rows: list[tuple[str, str]] = found.fetchall()
    blank.close()
    return rows


def snapshot(target: Path) -> None:
    """Copy the database as it is at this moment into the new file `target`, while others write. Raises sqlite3.Error.

    All pages in one go: in portions it would begin anew at each write of somebody else, and never end.
    """
    make_private(target)
    copy = sqlite3.connect(target)
    try:
        database.connection().backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = delete")
    finally:
        copy.close()


def why_unusable(path: Path) -> str | None:
    """Why the SQLite file `path` cannot be the database of this program: damaged, none of ours, or too new; else None."""
    found = peewee.SqliteDatabase(f"file:{path}?mode=ro", uri=True)
    try:
        if found.execute_sql("PRAGMA quick_check(1)").fetchone() != ("ok",):
            return "its database is damaged"
        steps = Runner(found, directory=str(MIGRATIONS)).status()
    except peewee.DatabaseError as error:
        return f"its database cannot be read ({error})"
    finally:
        found.close()
    if not any(step.applied for step in steps):
        return "its database is none of jobsite"
    unknown = [step.name for step in steps if step.path is None]
    return f"it was made by a newer version of jobsite (it has {unknown[-1]})" if unknown else None


def make_private(path: Path) -> None:
    """Make the file `path`, closed to others, if it is not there; SQLite gives its companions the same rights.

    A file that is there is not opened: closing it again would drop the locks that SQLite holds in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Within the block no other process or thread migrates this database: two may open a new one at once."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def close_database() -> None:
    """Close this thread's connection, if it is open."""
    if database.obj is not None and not database.is_closed():
        database.close()


def close_connections() -> None:
    """Close this thread's connection and those that no thread uses: with the last one SQLite tidies up its files."""
    close_database()
    if database.obj is not None:
        database.close_spare()


@contextmanager
def writing() -> Iterator[None]:
    """One write transaction: all of the block is stored, or none of it.

    The threads of this process write in the order in which they come. SQLite by itself lets those that wait try again after
    pauses, in no order: of twenty writers at once some wait for seconds and fail, while others write again and again.
    """
    with _turns.turn(PRAGMAS["busy_timeout"] / 1000), database.atomic():
        yield


def changed_one(query: peewee.Update | peewee.Delete, otherwise: str) -> None:
    """Run a conditional write that must hit exactly one row; raise `Conflict(otherwise)` when it hits none."""
    changed = query.execute()
    if changed == 0:
        raise Conflict(otherwise)
    if changed != 1:
        raise RuntimeError(f"{changed} rows changed where one was meant")


def any_of(conditions: Iterable[peewee.Expression]) -> peewee.Expression:
    """The condition that at least one of them holds. There has to be one."""
    first, *others = conditions
    for other in others:
        first |= other
    return first


def with_words(rows: peewee.ModelSelect, text: str, *columns: peewee.Node) -> peewee.ModelSelect:
    """The rows in which each word of `text` stands somewhere in one of the columns, ignoring case."""
    for word in text.split()[:MOST_WORDS]:
        rows = rows.where(any_of(column.contains(word) for column in columns))
    return rows
