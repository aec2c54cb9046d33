"""PostgreSQL: the same tables and statements, in its words, and everything that is so with this product alone.

Statements are written once, as SQLite understands them, and Peewee writes most of them. Here the rest is put into
PostgreSQL's words: places for values, names of functions, types of columns, indexes and triggers. What a statement finds is
the same, in the same order: text is compared by its bytes, nothing comes before everything else, and a column of JSON holds
its text.
"""

import json
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import peewee
from peewee import SqliteJSONMethods, __exception_wrapper__, fn

from jobsite.core import hub
from jobsite.core.postgresql_copies import dump
from jobsite.core.postgresql_words import FUNCTIONS, in_its_words

try:
    import psycopg
    from psycopg.adapt import Loader
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import TransactionStatus
    from psycopg.types.string import TextLoader
except ImportError:  # it is an extra
    psycopg = None  # type: ignore[assignment]
    Loader = object  # type: ignore[assignment,misc]

SPARE = 16
"""So many connections at most are kept open for whoever needs one next: one for each thread of the web server."""

CHANNEL = "jobsite"
"""Whoever listens here hears of every change that others may wait for, when it is stored, and of which process it came."""

HOW: dict[str, Any] = {"connect_timeout": 5, "tcp_user_timeout": 20_000, "application_name": "jobsite"}
"""Of a connection, unless its address says otherwise: seconds to wait for it, milliseconds for an answer of its host."""

FIRST = """
SET TIME ZONE 'UTC'; SET default_transaction_isolation = 'read committed'; SET lock_timeout = 5000;
SET idle_in_transaction_session_timeout = '10min';
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3
"""
"""Said on each new connection. The milliseconds are those for which a writer waits for the one before it; whoever has died
with their machine in the middle of a transaction is noticed after a minute."""

WRITER, MIGRATOR, LEADER = 1, 2, 3
"""Locks of this database: of whoever writes, of whoever makes its tables, and of the server that leads (`core/leader.py`)."""

BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({WRITER})"
LOOK = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITES = ("INSERT", "UPDATE", "DELETE")

OLDEST = 14
"""The first version with functions over arrays of any kind."""

NO_DRIVER = (
    "DATABASE_URL names PostgreSQL, but the package psycopg is not installed: install jobsite[postgresql]"
)


class Number(Loader):
    """Sums and means as Python has them: whole numbers as int, others as float."""

    def load(self, data: Any) -> int | float:
        """The number that stands in `data`."""
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class Json(SqliteJSONMethods):
    """Columns of JSON hold its text, as short as it can be, as with SQLite."""

    def make_value_wrapper(self, dumps: Callable[[Any], str]) -> Callable[[Any], str]:
        """What writes a value."""
        return lambda value: as_short_json(dumps(value))


class Database(peewee.PostgresqlDatabase):
    """PostgreSQL with one writer at a time, whose connections are used again.

    Much here reads, decides and writes in one transaction. So each transaction waits for the one before it, as with SQLite;
    those who only read wait for nobody. A connection that failed is thrown away with all that wait for use: the server may
    have been started anew.
    """

    field_types: ClassVar[dict[str, str]] = {
        "AUTO": "INTEGER",
        "BIGAUTO": "INTEGER",
        "BOOL": "BOOLEAN",
        "DATETIME": "DATETIME",
        "DOUBLE": "REAL",
        "FLOAT": "REAL",
        "JSON": "TEXT",
    }
    NEW_TYPES: ClassVar[dict[str, str]] = {"BOOL": "BOOLEAN"}
    COPY = "jobsite.sql"
    LOOKED_AT = "The database answers. Whether its files are sound PostgreSQL's own programs tell."
    json_methods = Json

    def __init__(self, address: str) -> None:
        if psycopg is None:
            raise peewee.OperationalError(NO_DRIVER)
        super().__init__(address, prefer_psycopg3=True)
        self._spare: list[Any] = []

    @property
    def shown(self) -> str:
        """How people call it: without its password."""
        return shown(self.database)

    def _connect(self) -> Any:
        while self._spare:
            connection = self._spare.pop()
            if not _has_ended(connection):
                return connection
            connection.close()
        how = {**HOW, **conninfo_to_dict(self.database)}
        connection = psycopg.connect(**how, autocommit=True, cursor_factory=psycopg.ClientCursor)
        connection.adapters.register_loader("numeric", Number)
        connection.adapters.register_loader("json", TextLoader)
        connection.execute(FIRST)
        return connection

    def _close(self, connection: Any) -> None:
        if connection.closed:
            self.close_spare()
        elif connection.info.transaction_status == TransactionStatus.IDLE and len(self._spare) < SPARE:
            self._spare.append(connection)
            return
        connection.close()

    def close_spare(self) -> None:
        """Close the connections that nobody uses."""
        while self._spare:
            self._spare.pop().close()

    def begin(self, kind: str = "") -> None:
        """Begin to write, when all who came before have ended; or, with "DEFERRED", only to read how things are now."""
        try:
            with __exception_wrapper__:
                self.cursor().execute(LOOK if kind == "DEFERRED" else BEGIN)
        except peewee.OperationalError:  # somebody writes for long: what was begun does not stay behind
            self.rollback()
            raise

    def commit(self) -> None:
        """Store it all, and tell other processes where it is news."""
        with __exception_wrapper__:
            self.cursor().execute(
                f"NOTIFY {CHANNEL}, '{hub.name()}'; COMMIT" if self._state.commit_callbacks else "COMMIT"
            )

    def rollback(self) -> None:
        """Roll back, if there still is a transaction."""
        if not self.connection().closed:
            super().rollback()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Carry out a statement, which may be written as for SQLite. A single write waits for its turn as any other."""
        words = sql if sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")) else in_its_words(sql)
        if words.startswith(WRITES) and not self.in_transaction():
            with self.atomic():
                return self._carried_out(words, params)
        return self._carried_out(words, params)

    def _carried_out(self, words: str, params: Any) -> Any:
        try:
            return self._execute_cursor(words, params)
        except peewee.DataError:  # PostgreSQL has no text with a NUL; nothing was sent yet
            clean = _without_nul(params)
            if clean == params:
                raise
            return self._execute_cursor(words, clean)
        except peewee.InternalError as error:
            if isinstance(error.orig, psycopg.errors.ReadOnlySqlTransaction):
                raise peewee.OperationalError(
                    *error.args
                ) from None  # as SQLite when its file cannot be written
            raise

    def added(self, statement: str, values: Any) -> int:
        """Carry an INSERT of one row out, which Peewee ends with RETURNING here; the number of the row."""
        return int(self.execute_sql(statement, values).fetchone()[0])

    def go_on_counting(self, table: type[peewee.Model]) -> None:
        """Rows of a table came with numbers of their own: let the next number follow the highest. PostgreSQL counts apart
        from the rows, and would give their numbers once more."""
        count = fn.pg_get_serial_sequence(table._meta.table_name, "id")
        table.select(fn.setval(count, fn.MAX(table._meta.primary_key))).execute()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block no other process or thread migrates this database."""
        self.execute_sql(
            f"SET lock_timeout = 0; SELECT pg_advisory_lock({MIGRATOR}); SET lock_timeout = 5000"
        )
        try:
            yield
        finally:
            if not self.connection().closed:
                self.execute_sql(f"SELECT pg_advisory_unlock({MIGRATOR})")

    def prepare(self) -> None:
        """Make the functions that statements use and PostgreSQL does not have. Raises `peewee.OperationalError` where the
        database cannot be that of this program."""
        encoding = self.execute_sql("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            raise peewee.OperationalError(f"its encoding is {encoding}, and has to be UTF8")
        if self.server_version < OLDEST * 10_000:
            raise peewee.OperationalError(f"it is older than version {OLDEST}")
        self.execute_sql(";".join(FUNCTIONS))

    def remove_tables(self, names: Sequence[str]) -> None:
        """Remove tables with all that belongs to them."""
        if names:
            self.execute_sql(f"DROP TABLE {', '.join(names)}")

    def why_damaged(self) -> str | None:
        """What the database says when it looks through itself: it has no such look."""
        return None

    def snapshot(self, target: Path) -> None:
        """Copy the database as it is at this moment into the new file `target`, while others write."""
        dump(self.database, target)


def shown(address: str) -> str:
    """How people call the database of an address: without its password."""
    parts = urlsplit(address)
    return (
        f"PostgreSQL database {parts.path.strip('/') or '(none named)'} at {parts.hostname or 'this machine'}"
    )


def why_unusable(error: Exception) -> str:
    """The first line of an error of the database, as the end of a sentence."""
    return str(error).strip().splitlines()[0].rstrip(".")


def as_short_json(text: str) -> str:
    """JSON without blanks between its parts, as SQLite stores it."""
    return json.dumps(json.loads(text), separators=(",", ":"))


def _has_ended(connection: Any) -> bool:
    """Whether the server has closed a connection that nobody used meanwhile: only then is there something to read."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


def _without_nul(params: Any) -> Any:
    """The same values, NUL replaced in each: such text is found nowhere, and shown as what it is."""
    if isinstance(params, dict):
        return {name: _one_without_nul(value) for name, value in params.items()}
    return [_one_without_nul(value) for value in params or ()]


def _one_without_nul(value: Any) -> Any:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
