"""`jobsite doctor`."""

import sys

import click

from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.settings import Settings
from jobsite.status.doctor import examination


@instance_command(as_json, name="doctor")
def doctor(settings: Settings, json_wanted: bool) -> None:
    """Look at what jobs need here: server, database, disk, clock, executor, runtimes, backends; exit 1 if something is wrong."""
    found = list(examination(settings))
    if json_wanted:
        print_json([one._asdict() for one in found])
    else:
        for one in found:
            click.echo(f"{'good' if one.ok else 'BAD ':<4}  {one.name}: {one.sentence}")
    if not all(one.ok for one in found):
        sys.exit(1)


COMMANDS = (doctor,)
