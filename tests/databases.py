"""The databases of the tests: files with SQLite, or, with `DATABASE=postgresql`, databases of a server of the tests' own.

With PostgreSQL each instance folder has a database, taken from a pool of this process and cleared for the next test:
to make one takes longer than most tests. `Settings` without an address get it by themselves.
"""

import hashlib
import os
import pickle
import shutil
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from jobsite.core.db import close_connections, database, open_database
from jobsite.core.postgresql_copies import EMPTIED
from jobsite.core.postgresql_words import in_its_words
from jobsite.settings import Settings

IS_POSTGRESQL = os.environ.get("DATABASE") == "postgresql"
SERVER = "TESTS_POSTGRESQL"
"""The variable with the address of the server, without the name of a database, for the processes of one session."""

LOOK = """
SELECT coalesce(string_agg(name, ',' ORDER BY name), '') FROM (
    SELECT 'r' || relname || relnatts AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
    UNION ALL SELECT 't' || tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'm' || name FROM schema_migration
) AS names
"""
FULL = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
   AND relname <> 'schema_migration'
   AND (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM (SELECT 1 FROM %I LIMIT 1) AS one_row', relname),
        false, true, '')))[1]::text = '1'
"""
MADE = """
SELECT relname, string_agg(concat_ws(' ', column_name, data_type, collation_name, is_nullable, column_default, is_identity), ', '
                           ORDER BY column_name)
  FROM pg_class JOIN information_schema.columns ON table_name = relname AND table_schema = 'public'
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY relname
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'rule ' || conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
"""
IS_MADE = "SELECT 1 FROM pg_class WHERE relname = 'schema_migration'"
FREE = "SET session_replication_role = replica"
"""Rows come and go in any order, whatever triggers say."""


Kept = tuple[dict[str, bytes], list[tuple[str, int]]]
"""The rows of each table, and how far each count has come."""


class Pool:
    """Databases on the server for the instances of this process."""

    def __init__(self) -> None:
        self._of: dict[Path, str] = {}
        self._free: dict[str, list[str]] = {}
        self._looks: dict[str, str] = {}
        self._firsts: dict[str, Kept] = {}
        self._made = 0
        self._me = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"

    def address(self, instance: Path, side: str) -> str:
        """The address of the database of an instance: at first an empty one, with the tables of this side."""
        place = instance.resolve()
        if place not in self._of:
            self._of[place] = self._taken(side)
        return f"{os.environ[SERVER]}/{self._of[place]}"

    def is_mine(self, address: str) -> bool:
        """Whether an address is one of the pool's."""
        return address.startswith(os.environ[SERVER])

    def release(self, folder: Path) -> None:
        """The instances below this folder are gone: clear their databases for others."""
        top = folder.resolve()
        for place in [place for place in self._of if place.is_relative_to(top)]:
            name = self._of.pop(place)
            with self._connected(name) as connection:
                if not connection.execute(IS_MADE).fetchone():
                    continue  # emptied out by its test: not worth making again
                look = self._look(connection)
                _fill(connection, self._firsts.get(look, ({}, [])))
            self._free.setdefault(look, []).append(name)

    def _taken(self, side: str) -> str:
        if side not in self._looks:
            self._make_first(side)
        free = self._free.get(self._looks[side])
        return free.pop() if free else self._new(f"empty_{side}_{self._me}")

    def _make_first(self, side: str) -> None:
        name = f"empty_{side}_{self._me}"
        self._said(f'CREATE DATABASE "{name}"')
        held = database.obj
        open_database(f"{os.environ[SERVER]}/{name}", side)
        close_connections()
        if held is not None:
            database.initialize(held)
        with self._connected(name) as connection:
            self._looks[side] = look = self._look(connection)
            self._firsts[look] = _all_of(connection)  # what migrations put in

    def _new(self, like: str) -> str:
        self._made += 1
        name = f"{self._me}_{self._made}"
        self._said(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return name

    def _said(self, statement: str) -> None:
        with self._connected("postgres") as server:
            server.execute(statement)

    def _connected(self, name: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(f"{os.environ[SERVER]}/{name}", autocommit=True)

    def _look(self, connection: "psycopg.Connection[Any]") -> str:
        row = connection.execute(LOOK).fetchone()
        return hashlib.sha256(row[0].encode()).hexdigest() if row else ""


pool = Pool()


def database_environ(instance: Path) -> dict[str, str]:
    """What a process on an instance is told of its database, beside the folder."""
    return {"JOBSITE_DATABASE_URL": pool.address(instance, "both")} if IS_POSTGRESQL else {}


def rows(instance: Path, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a statement with places `?` finds in the database of an instance, read beside whoever has it open."""
    names, found = _found(instance, statement, values)
    return [dict(zip(names, row, strict=True)) for row in found]


def tuples(instance: Path, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The same, each row without the names of its columns."""
    return _found(instance, statement, values)[1]


def _found(instance: Path, statement: str, values: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    if IS_POSTGRESQL:
        with psycopg.connect(pool.address(instance, "both")) as connection:
            cursor: Any = connection.execute(in_its_words(statement), values)
            return [column[0] for column in cursor.description], cursor.fetchall()
    with closing(sqlite3.connect(f"file:{instance}/jobsite.db?mode=ro", uri=True)) as opened:
        cursor = opened.execute(statement, values)
        return [column[0] for column in cursor.description], cursor.fetchall()


def schema(settings: Settings) -> dict[str, str]:
    """Everything that a database is made of, by name: its statement."""
    if not IS_POSTGRESQL:
        made = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        with closing(sqlite3.connect(settings.database_path)) as opened:
            return dict(opened.execute(made))
    with psycopg.connect(settings.database_url) as connection:
        return dict(connection.execute(MADE).fetchall())


def everything(instance: Path) -> bytes:
    """All that the database of an instance holds, to search for what must not be there."""
    if not IS_POSTGRESQL:
        return b"".join(file.read_bytes() for file in instance.glob("jobsite.db*"))
    with psycopg.connect(pool.address(instance, "both"), autocommit=True) as connection:
        return b"".join(_copied(connection).values())


def keep(settings: Settings, file: Path) -> None:
    """Keep the database of an instance as it is now in a file; its connections are closed."""
    if not IS_POSTGRESQL:
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        close_connections()
        shutil.copy(settings.database_path, file)
        return
    close_connections()
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        file.write_bytes(pickle.dumps(_all_of(connection)))


def put(file: Path, settings: Settings, without: Collection[str] = ()) -> None:
    """Make the database of an instance what was kept in a file, without the rows of some tables; nothing has it open.

    What it has no table for is left out.
    """
    if not IS_POSTGRESQL:
        for end in ("-wal", "-shm"):
            settings.database_path.with_name(settings.database_path.name + end).unlink(missing_ok=True)
        shutil.copy(file, settings.database_path)
        if without:
            _empty(settings.database_path, without)
        return
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        _fill(connection, pickle.loads(file.read_bytes()), without)  # noqa: S301 - our own


def copied_instance(instance: Path, there: Path) -> Path:
    """A copy of a closed instance, folder and database, in the new folder `there`."""
    shutil.copytree(instance, there)
    if IS_POSTGRESQL:
        with psycopg.connect(pool.address(instance, "both"), autocommit=True) as connection:
            whole = _all_of(connection)
        with psycopg.connect(pool.address(there, "both"), autocommit=True) as connection:
            _fill(connection, whole)
    return there


def _all_of(connection: "psycopg.Connection[Any]") -> Kept:
    numbers = connection.execute(
        "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
    ).fetchall()
    return _copied(connection), numbers


def _fill(connection: "psycopg.Connection[Any]", whole: Kept, without: Collection[str] = ()) -> None:
    kept, numbers = whole
    clear(connection)
    there = {
        name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'S')")
    }
    for table in (kept.keys() & there) - set(without):
        with connection.cursor().copy(f'COPY "{table}" FROM STDIN') as rows:
            rows.write(kept[table])
    for name, number in numbers:
        if name in there:
            connection.execute("SELECT setval(quote_ident(%s)::regclass, %s)", (name, number))


def _copied(connection: "psycopg.Connection[Any]") -> dict[str, bytes]:
    """The rows of each table that has any."""
    found = {}
    for (table,) in connection.execute(FULL).fetchall():
        with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as parts:
            found[table] = b"".join(bytes(part) for part in parts)
    return found


def empty_out(settings: Settings) -> None:
    """Leave a database of an instance as before its first use. With SQLite there is no file yet."""
    if IS_POSTGRESQL:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute(EMPTIED)


def _empty(file: Path, tables: Collection[str]) -> None:
    with closing(sqlite3.connect(file)) as copied:
        kept = copied.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for trigger in (name for name, table in kept if table in tables):
            copied.execute(f'DROP TRIGGER "{trigger}"')
        for table in tables:
            copied.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own tables
        copied.commit()


def clear(connection: "psycopg.Connection[Any]") -> None:
    """Leave no rows but those of the migrations, and count anew."""
    connection.execute(FREE)
    for (table,) in connection.execute(FULL).fetchall():
        connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own tables
    connection.execute(
        "SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences WHERE last_value IS NOT NULL"
        " AND sequencename <> 'schema_migration_id_seq'"
    )


def use_postgresql() -> None:
    """From now on the settings of this process that name no database name one of the pool."""
    plain = Settings.__init__

    def with_database(self: Settings, **given: Any) -> None:
        address = given.get("database_url", "")
        if not address or pool.is_mine(address):
            side = given.get("side", "both")
            given["database_url"] = pool.address(Path(given.get("instance", "instance")), side)
        plain(self, **given)

    Settings.__init__ = with_database  # type: ignore[method-assign]
    os.register_at_fork(after_in_child=_forget)


_not_ours: list[Any] = []


def _forget() -> None:
    """The connections of a process are not those of its fork, which would end them for both."""
    opened = database.obj
    if opened is not None:
        _not_ours.extend([*opened._spare, opened._state.conn])
        opened._spare.clear()
        opened.dispose()
