"""`jobsite backup` and `jobsite restore`."""

from dataclasses import asdict
from pathlib import Path

import click

from jobsite.accounts.commands import acting, operator
from jobsite.accounts.models import username_of
from jobsite.accounts.rules import SYSTEM
from jobsite.backup import Facts, make
from jobsite.core.clock import now
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.db import writing
from jobsite.core.errors import Conflict
from jobsite.core.events import record
from jobsite.core.wording import counted
from jobsite.instance import open_instance
from jobsite.jobs.lock import InstanceLock
from jobsite.restoring import restore as put_back
from jobsite.settings import Settings, load

PATTERN = "jobsite-*.tar"


@instance_command(
    click.argument("target", type=click.Path(path_type=Path), metavar="FILE"),
    click.option(
        "--keep",
        type=click.IntRange(1),
        metavar="N",
        help="Where FILE is a folder: keep the newest N backups in it, and remove older ones.",
    ),
    operator,
    as_json,
    name="backup",
)
def backup(
    settings: Settings, target: Path, keep: int | None, by_name: str | None, json_wanted: bool
) -> None:
    """Copy the instance into one file, while it runs. FILE may be a folder: then the file is named after the time.

    The file holds everything: keys, logs and files of Level 4. Guard it as you guard the instance.
    """
    by = username_of(acting(by_name))
    folder = target if target.is_dir() else None
    if keep and folder is None:
        raise Conflict(f"--keep is for a folder of backups, and there is no folder {target}.")
    file = folder / f"jobsite-{now():%Y%m%dT%H%M%S}.tar" if folder else target
    facts = make(settings, file)
    with writing():
        record("instance:backed-up", by=by, subject="instance", **_counts(facts))
    removed = sorted(folder.glob(PATTERN), reverse=True)[keep:] if folder and keep else []
    for old in removed:
        old.unlink()
    if json_wanted:
        return print_json({"file": str(file), **asdict(facts), "removed": [str(old) for old in removed]})
    click.echo(f"{file}: {counted(facts.files, 'file')}, {facts.bytes:,} bytes, read back and compared.")
    for old in removed:
        click.echo(f"{old}  removed")


@instance_command(
    click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE"),
    click.option("--force", is_flag=True, help="Move aside what is in the instance folder."),
    operator,
    as_json,
    name="restore",
    opens=False,
)
def restore(settings: Settings, source: Path, force: bool, by_name: str | None, json_wanted: bool) -> None:
    """Put a backup back into the instance folder, which is empty or moved aside. No server may run there."""
    settings.instance.mkdir(parents=True, exist_ok=True)
    with InstanceLock(settings.instance):
        restored = put_back(settings, source, force=force)
        open_instance(load(settings.instance))
        with writing():
            by = username_of(acting(by_name)) if by_name else SYSTEM
            record("instance:restored", by=by, subject="instance", made_at=restored.facts.made_at)
    aside = str(restored.aside) if restored.aside else None
    if json_wanted:
        return print_json({**asdict(restored.facts), "aside": aside})
    click.echo(f"Restored {counted(restored.facts.files, 'file')} as of {restored.facts.made_at}.")
    if aside:
        click.echo(f"What was there before is in {aside}: remove it when you need it no more.")


def _counts(facts: Facts) -> dict[str, int]:
    return {"files": facts.files, "bytes": facts.bytes}


COMMANDS = (backup, restore)
