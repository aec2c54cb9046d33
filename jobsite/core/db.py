"""The database: SQLite or PostgreSQL, one way to write, numbered migrations at start."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee
from playhouse.migrations import Runner

from jobsite.core import postgresql, sqlite
from jobsite.core.errors import Conflict
from jobsite.core.postgresql_copies import migrations_in
from jobsite.core.sides import WrongSide, settle_tables
from jobsite.core.sqlite import PRAGMAS
from jobsite.core.turns import Turns

MIGRATIONS = Path(__file__).parent / "migrations"
MOST_WORDS = 10
"""So many words of a search count; the others are left out."""

PORTION = 2000
"""So many rows of a whole table are read at a time."""

LARGEST_ID = 2**53
"""No row has a larger number, and SQLite cannot compare with one of thousands of digits."""

AnyDatabase = sqlite.Database | postgresql.Database
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

    def union(self, other: peewee.Node) -> "Union":
        """The rows of either query, each once."""
        return Union(self.model, self, "UNION", other)

    __or__ = union

    def __iter__(self) -> Iterator[Any]:
        """The rows, all of which have been read by then: whoever writes while a query is half read is told that the database is
        locked, if somebody else has written since it began (SQLite's BUSY_SNAPSHOT). For many rows there is
        `in_portions`."""
        self._ensure_execution()
        self._cursor_wrapper.fill_cache()
        return iter(self._cursor_wrapper)

    def _apply_ordering(self, ctx: peewee.Context) -> peewee.Context:
        """Write the order. Nothing comes before everything else: with SQLite by itself, with PostgreSQL by saying so."""
        mine: Any = self
        said = mine._order_by
        if not (ctx.state.nulls_ordering and said):
            return super()._apply_ordering(ctx)
        mine._order_by = [_nothing_first(one) for one in said]
        try:
            return super()._apply_ordering(ctx)
        finally:
            mine._order_by = said

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


class Union(peewee.ModelCompoundSelectQuery):
    """The rows of two queries, each once; written no more often than they."""

    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        """Write both; to an expression that asks alone whether they are empty, that they are not."""
        is_asked = ctx.state.in_expr and not ctx.stack
        return ctx.literal("SELECT") if is_asked else super().__sql__(ctx)


class Model(peewee.Model):
    """A table of jobsite's database."""

    class Meta:
        database = database
        legacy_table_names = False

    @classmethod
    def select(cls, *fields: Any) -> Select:
        """The rows of this table with these fields, all of its own when none are named."""
        return Select(cls, fields or cls._meta.sorted_fields, is_default=not fields)


def open_database(where: Path | str, side: str = "both") -> None:
    """Use this database from now on, the SQLite file of a path or the PostgreSQL database of an address, with every
    migration applied and the tables of its side (`core/sides.py`). A file is made if it is not there.

    Raises `DatabaseTooNew` with a sentence when it has migrations this program does not know, `WrongSide` when it holds
    what this side has no table for, and `peewee.OperationalError` where it cannot be reached.
    """
    close_connections()
    opened = product_of(where)
    database.initialize(opened)
    with opened.alone():
        applied, known = _applied(opened), _known()
        unknown = sorted(applied - known)
        if not unknown:
            opened.prepare()
            _migrate(opened, sorted(known - applied))
            _settle(opened, side)
    if unknown:
        opened.close()
        raise DatabaseTooNew(
            f"The {opened.shown} was written by a newer version of jobsite (it has {unknown[-1]}, "
            "which this version does not know). Install that version again, or restore an older backup."
        )


def product_of(where: Path | str) -> AnyDatabase:
    """The database of a path or an address, not opened yet."""
    return postgresql.Database(where) if isinstance(where, str) else sqlite.Database(where)


def _applied(opened: AnyDatabase) -> set[str]:
    """The names of the migrations that a database has. playhouse would make a table's class for it at each start."""
    if "schema_migration" not in opened.get_tables():
        return set()
    return {name for (name,) in opened.execute_sql("SELECT name FROM schema_migration")}


def _known() -> set[str]:
    return {file.stem for file in MIGRATIONS.glob("[0-9]*.py")}


def _migrate(opened: AnyDatabase, pending: Sequence[str]) -> None:
    """Apply what is pending. A migration finds the tables of both sides: those that are not there are made for it, as they
    were before it, and go again."""
    if pending and opened.get_tables():
        settle_tables(opened, "both", lambda: _statements(opened.NEW_TYPES, without=pending))
    if pending:
        Runner(opened, directory=str(MIGRATIONS)).up()


def _settle(opened: AnyDatabase, side: str) -> None:
    try:
        settle_tables(opened, side, lambda: _statements(opened.NEW_TYPES))
    except WrongSide:
        opened.close()
        raise


def _statements(types: dict[str, str], without: Sequence[str] = ()) -> list[tuple[str, str]]:
    """What makes a database of both sides: every statement with its table, as the migrations leave them, or all of them
    but some. Each is as SQLite has it, with the names of `types` for types of columns."""
    blank = peewee.SqliteDatabase(":memory:", field_types=types)
    runner = Runner(blank, directory=str(MIGRATIONS))
    runner.History.create_table()
    for name in without:
        runner.History.create(name=name)
    runner.up()
    found = blank.execute_sql("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    rows: list[tuple[str, str]] = found.fetchall()
    blank.close()
    return rows


def why_unusable(copy: Path) -> str | None:
    """Why a copy of a database cannot be that of this program: damaged, none of ours, or too new; else None."""
    try:
        names = migrations_in(copy) if copy.name == postgresql.Database.COPY else sqlite.migrations_in(copy)
    except peewee.DatabaseError as error:
        return f"its database cannot be read ({error})"
    if names is None:
        return "its database is damaged"
    if not names:
        return "its database is none of jobsite"
    unknown = sorted(set(names) - _known())
    return f"it was made by a newer version of jobsite (it has {unknown[-1]})" if unknown else None


def snapshot(folder: Path) -> None:
    """Copy the database as it is at this moment into a new file of the folder, while others write. Raises
    `sqlite3.Error` or `peewee.OperationalError`."""
    database.snapshot(folder / database.COPY)


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
    """One write transaction: all of the block is stored, or none of it. Nobody else writes meanwhile.

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


class _Unindexed(peewee.WrappedNode):
    """A column as an expression, so that SQLite takes no index of it."""

    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        """Write it. PostgreSQL weighs indexes by what they hold, and has no sign before text."""
        return ctx.literal("" if ctx.state.nulls_ordering else "+").sql(self.node)


def unindexed(column: peewee.Field) -> peewee.WrappedNode:
    """The same column, by an index of which SQLite is not to look rows up: another finds fewer."""
    return _Unindexed(column)


def _nothing_first(node: Any) -> Any:
    """What rows are ordered by, with nothing first when it goes up and last when it goes down."""
    if isinstance(node, peewee.SQL):
        return node
    order = node if isinstance(node, peewee.Ordering) else peewee.Asc(node)
    if order.nulls or (isinstance(order.node, peewee.Field) and order.node.primary_key):
        return node
    nulls = "first" if order.direction == "ASC" else "last"
    return peewee.Ordering(order.node, order.direction, order.collation, nulls)


def any_of(conditions: Iterable[peewee.Expression]) -> peewee.Expression:
    """The condition that at least one of them holds. There has to be one."""
    first, *others = conditions
    for other in others:
        first |= other
    return first


def in_portions(rows: peewee.ModelSelect, key: peewee.Field, size: int = PORTION) -> Iterator[Any]:
    """The rows by ascending key, which tells them apart. They are read so many at a time, so that however many there are do
    not stand in memory together."""
    left = rows.order_by(key).limit(size)
    while portion := list(left):
        yield from portion
        left = rows.where(key > getattr(portion[-1], key.name)).order_by(key).limit(size)


def with_words(rows: peewee.ModelSelect, text: str, *columns: peewee.Node) -> peewee.ModelSelect:
    """The rows in which each word of `text` stands somewhere in one of the columns, ignoring case."""
    for word in text.split()[:MOST_WORDS]:
        rows = rows.where(any_of(column.contains(word) for column in columns))
    return rows
