"""Putting a backup back, so that the instance is the old one or the restored one whenever the machine stops.

The backup is unpacked beside what is there, into `.restoring/new`, and compared byte by byte. Then `.restoring/moves.json`
says what moves where; from then on the restored instance counts: the moves are taken up again by whatever opens the
instance next. What was there before is moved aside, never deleted. A PostgreSQL database is replaced in one transaction by
the copy that comes with the backup, after a copy of what it held.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobsite.backup import (
    BEFORE,
    DATABASE,
    RESTORING,
    BadBackup,
    Compared,
    Facts,
    belongs,
    facts_of,
    members,
)
from jobsite.core import postgresql
from jobsite.core.clock import now
from jobsite.core.db import why_unusable
from jobsite.core.errors import Conflict
from jobsite.core.files import PIECE, atomic_write, components, make_directories, remove_tree, safe_join
from jobsite.core.postgresql_copies import dump, holds_tables, load
from jobsite.jobs.executors import processes, records
from jobsite.settings import Settings
from jobsite.store.journal import fail_point

COPY = postgresql.Database.COPY
MOVES = "moves.json"
NEW = "new"
GONE_WITH_IT = (DATABASE, "huey.db")
"""The files of SQLite and of the queue move aside with the database, and none of them comes with a backup."""
FAIL_POINTS = ("restore.unpacked", "restore.certain", "restore.moved")
"""Where `JOBSITE_FAIL_AT` can make the process die, in the order in which they are passed."""


@dataclass(frozen=True)
class Restored:
    """What was put back, and where that lies which was there before; None when the instance was empty."""

    facts: Facts
    aside: Path | None


def restore(settings: Settings, source: Path, *, force: bool) -> Restored:
    """Put the backup `source` into the instance folder of these settings, where no server may run.

    What is there is moved into a folder beside it with `force`. Raises Conflict without it, and where the backup does not
    fit; BadBackup for a damaged one; OSError. Then the instance is as it was.
    """
    instance = settings.instance
    complete(settings)
    facts = facts_of(source)
    held = _held(instance)
    in_use = bool(held) or (settings.is_on_postgresql and holds_tables(settings.database_url))
    _refuse(settings, facts, held, in_use and not force)
    remove_tree(instance / RESTORING)
    new = make_directories(instance, f"{RESTORING}/{NEW}")
    for member, file in members(source):
        _unpack(new, member.name, member.mode, member.mtime, file)
    _refuse_database(settings, source, new)
    if settings.is_on_postgresql and in_use:
        dump(settings.database_url, instance / RESTORING / COPY)
    os.sync()
    fail_point("restore.unpacked")
    aside = f"{BEFORE}{now():%Y%m%dT%H%M%S}" if in_use else ""
    atomic_write(instance / RESTORING / MOVES, json.dumps({"aside": aside, "old": held}))
    fail_point("restore.certain")
    complete(settings)
    return Restored(facts, instance / aside if aside else None)


def complete(settings: Settings) -> None:
    """Finish a restore that was stopped after it had become certain; nothing else is touched. Raises OSError,
    `peewee.OperationalError`."""
    place = settings.instance / RESTORING
    with suppress(FileNotFoundError), open(place / MOVES, "rb") as moves:
        fcntl.flock(moves, fcntl.LOCK_EX)
        if os.path.lexists(place / MOVES):  # nobody else has finished it while we waited
            _move(settings, place, json.loads(moves.read()))


def _move(settings: Settings, place: Path, told: dict[str, Any]) -> None:
    """Every step may have been made already."""
    instance = settings.instance
    if told["aside"]:
        aside = make_directories(instance, told["aside"])
        for name in told["old"]:
            if not os.path.lexists(aside / name):
                with suppress(FileNotFoundError):
                    os.rename(instance / name, aside / name)
            fail_point("restore.moved")
        with suppress(FileNotFoundError):
            os.rename(place / COPY, aside / COPY)
    if (place / NEW / COPY).exists():
        load(settings.database_url, place / NEW / COPY)
        (place / NEW / COPY).unlink()
    for name in sorted(os.listdir(place / NEW)):
        os.rename(place / NEW / name, instance / name)
    os.sync()
    (place / MOVES).unlink()
    remove_tree(place)


def _held(instance: Path) -> list[str]:
    """The names in the folder that a restored instance replaces."""
    with suppress(FileNotFoundError):
        return sorted(n for n in os.listdir(instance) if belongs(n) or n.startswith(GONE_WITH_IT))
    return []


def _refuse(settings: Settings, facts: Facts, held: list[str], is_in_the_way: bool) -> None:
    if is_in_the_way:
        raise Conflict(
            f"There is an instance in {settings.instance} already. Take an empty folder, or say --force: what is there "
            "is moved aside then."
            if held
            else "The database of DATABASE_URL is in use. Take an empty one, or say --force: it is copied, then replaced."
        )
    if facts.side != settings.side:
        raise Conflict(
            f"The backup is of an instance with SIDE={facts.side}, and this is SIDE={settings.side}."
        )
    if not settings.is_on_postgresql and settings.database_path != settings.instance / DATABASE:
        raise Conflict(
            "A backup is restored into the instance folder: DATABASE_URL has to be empty for that."
        )
    if any(_run_on(settings.instance)):
        raise Conflict(
            "Jobs of the instance that is there still run. Wait for them, or stop them: jobsite backend "
            "prepare-for-reboot, with the server running."
        )
    other = [
        name
        for name in held
        if os.lstat(settings.instance / name).st_dev != os.stat(settings.instance).st_dev
    ]
    if other:
        raise Conflict(f"{other[0]} in {settings.instance} is on another disk and cannot be moved aside.")


def _refuse_database(settings: Settings, source: Path, new: Path) -> None:
    """The backup's database must be one of this program, and of the product that is used here."""
    if settings.is_on_postgresql != (new / COPY).exists():
        said = (
            "set DATABASE_URL to a PostgreSQL database"
            if (new / COPY).exists()
            else "leave DATABASE_URL empty"
        )
        raise Conflict(f"{source.name} comes from another kind of database: {said} to restore it.")
    if why_not := why_unusable(new / (COPY if settings.is_on_postgresql else DATABASE)):
        raise BadBackup(f"{source.name} cannot be restored: {why_not}.")


def _run_on(instance: Path) -> Iterator[bool]:
    """Of each attempt that is known there whether its supervisor is alive."""
    for record in instance.glob(f"jobs/*/*/{records.SUPERVISOR}"):
        yield processes.is_alive(records.read(record.parent, records.SUPERVISOR))


def _unpack(new: Path, name: str, mode: int, mtime: float, file: Compared) -> None:
    *folders, last = components(name)
    place = make_directories(new, "/".join(folders)) if folders else new
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(safe_join(place, last), flags, 0o600), "wb") as out:
        while piece := file.read(PIECE):
            out.write(piece)
        out.flush()
        os.fchmod(out.fileno(), mode & 0o750)
        os.utime(out.fileno(), (mtime, mtime))
