"""A public side beside an instance of both sides, for tests of what it shows."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

from jobsite.core.db import database
from jobsite.core.sides import SECURE_ONLY
from jobsite.instance import close_instance
from jobsite.settings import Settings


def public_side_of(settings: Settings) -> Settings:
    """The settings of a public side that knows of the same people, requests and jobs as the instance that is open.

    It has nothing that only a secure side has. The instance is closed; the other is opened by whoever uses it.
    """
    there = replace(settings, instance=settings.instance.with_name("public"), side="public")
    there.instance.mkdir()
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    close_instance()
    shutil.copy(settings.instance / "secret.key", there.instance)
    shutil.copy(settings.database_path, there.database_path)
    with closing(sqlite3.connect(there.database_path)) as copied:
        kept = copied.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for trigger in (name for name, table in kept if table in SECURE_ONLY):
            copied.execute(f'DROP TRIGGER "{trigger}"')
        for table in SECURE_ONLY:
            copied.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of our own tables
        copied.commit()
    return there
