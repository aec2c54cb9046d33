"""`jobsite move-to-postgresql`."""

from pathlib import Path

import click

from jobsite.accounts.commands import acting, operator
from jobsite.accounts.models import username_of
from jobsite.accounts.rules import SYSTEM
from jobsite.core.commands import instance_command
from jobsite.core.db import close_connections, open_database, writing
from jobsite.core.errors import Conflict
from jobsite.core.events import record, verify
from jobsite.core.postgresql_moving import take_over
from jobsite.core.wording import counted
from jobsite.instance import open_instance
from jobsite.jobs.lock import InstanceLock
from jobsite.settings import Settings

FILE = "jobsite.db"
MOVED = "jobsite.db.moved"


@instance_command(operator, name="move-to-postgresql", opens=False)
def move_to_postgresql(settings: Settings, by_name: str | None) -> None:
    """Move the tables of the instance from jobsite.db into the PostgreSQL database of DATABASE_URL, which is empty.

    No server may run. The file is kept as jobsite.db.moved.
    """
    if not settings.is_on_postgresql:
        raise Conflict("Set DATABASE_URL to an empty PostgreSQL database first (docs: postgresql).")
    file = settings.instance / FILE
    if not file.is_file():
        raise Conflict(f"There is no {FILE} in {settings.instance} to move.")
    with InstanceLock(settings.instance):
        rows = _moved(settings, file)
        with writing():
            by = username_of(acting(by_name)) if by_name else SYSTEM
            record("instance:moved", by=by, subject="instance", rows=rows)
    click.echo(
        f"{counted(rows, 'row')} moved. The file is kept as {MOVED}: remove it when you need it no more."
    )


def _moved(settings: Settings, file: Path) -> int:
    """Bring the file up to date, take its rows over, and look whether the event log is whole; how many rows there are."""
    open_database(file, settings.side)
    close_connections()
    open_instance(settings)
    rows = take_over(file)
    if broken := verify()[1]:
        raise Conflict(
            f"The event log is not whole at event {broken.id}. Start again with an empty database."
        )
    for end in ("-wal", "-shm"):
        file.with_name(FILE + end).unlink(missing_ok=True)
    file.rename(file.with_name(MOVED))
    return rows


COMMANDS = (move_to_postgresql,)
