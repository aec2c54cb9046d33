"""Copies of a PostgreSQL database as SQL, by PostgreSQL's own programs, and putting one back in one transaction."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import peewee

try:
    from psycopg.pq import Conninfo
except ImportError:  # it is an extra
    Conninfo = None  # type: ignore[assignment]

HEAD = b"COPY public.schema_migration ("
LAST = b"PostgreSQL database dump complete"
EMPTIED = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT c.oid::regclass AS name FROM pg_class AS c
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('DROP TABLE %s CASCADE', one.name);
    END LOOP;
    FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc AS p
         WHERE pronamespace = 'public'::regnamespace AND prokind = 'a' LOOP
        EXECUTE format('DROP AGGREGATE %s CASCADE', one.name);
    END LOOP;
    FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc AS p
         WHERE pronamespace = 'public'::regnamespace LOOP
        EXECUTE format('DROP ROUTINE %s CASCADE', one.name);
    END LOOP;
END $$
"""
"""Takes away what a database of jobsite holds."""


def dump(address: str, target: Path) -> None:
    """Write the database as it is at this moment into the new file `target`, while others write. Raises
    `peewee.OperationalError` where PostgreSQL's program is not there or refuses."""
    plain = ("--no-owner", "--no-privileges", "--no-comments", "--extension=plpgsql", "--encoding=UTF8")
    _run("pg_dump", [*plain, f"--file={target}"], address)
    target.chmod(0o640)


def load(address: str, source: Path) -> None:
    """Replace all that the database holds by the copy `source`, in one transaction: all of it or nothing.

    Raises `peewee.OperationalError` where that is not possible; then the database is as it was.
    """
    how = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
    quiet = "SET client_min_messages = warning"
    said = (quiet, EMPTIED)
    _run(
        "psql",
        [*how, *(f"--command={one}" for one in said), f"--file={source}", "--command=ANALYZE"],
        address,
    )


def holds_tables(address: str) -> bool:
    """Whether the database is one that was in use. Raises `peewee.OperationalError` where it cannot be reached."""
    asked = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    said = _run(
        "psql", ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", f"--command={asked}"], address
    )
    return said.strip() != "0"


def migrations_in(source: Path) -> list[str] | None:
    """The names of the migrations that a copy of a database has; None where the file is no whole copy of one."""
    names: list[str] = []
    inside = whole = False
    with source.open("rb") as lines:
        for line in lines:
            if line.startswith(HEAD):
                inside = True
            elif inside and line.startswith(b"\\."):
                inside = False
            elif inside:
                names.append(line.split(b"\t")[1].decode())
            whole = whole or LAST in line
    return names if whole else None


def _run(program: str, words: Sequence[str], address: str) -> str:
    try:
        done = subprocess.run(
            [program, *words],
            env=_environ(address),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise peewee.OperationalError(
            f"{program} is not installed here (Debian: postgresql-client), and without it there are no copies"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"{program} failed"]
        raise peewee.OperationalError(said[0])
    return done.stdout.decode()


def _environ(address: str) -> Mapping[str, str]:
    """What the programs are told: not as words, which everybody on the machine can read."""
    parts = {one.envvar: one.val for one in Conninfo.parse(address.encode()) if one.val and one.envvar}
    return {**os.environ, **{name.decode(): value.decode() for name, value in parts.items()}}
