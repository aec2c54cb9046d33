"""`jobsite export` and `jobsite import`."""

from pathlib import Path

import click

from jobsite.accounts.commands import acting, operator
from jobsite.accounts.models import username_of
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.settings import Settings
from jobsite.transfer.exporting import export as write
from jobsite.transfer.importing import take_over


@instance_command(
    click.argument("target", type=click.Path(path_type=Path), metavar="DIR"),
    operator,
    as_json,
    name="export",
    side="public",
)
def export(settings: Settings, target: Path, by_name: str | None, json_wanted: bool) -> None:
    """Write what another jobsite can take over into the new folder DIR: people, projects, jobs, releases with their files.

    Without tokens, keys, logs and anything of Level 4.
    """
    counts = write(target, by=username_of(acting(by_name)))
    if json_wanted:
        return print_json({"folder": str(target), "lines": counts})
    click.echo(f"{target}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))


@instance_command(
    click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR"),
    click.option("--dry-run", is_flag=True, help="Judge all of it and only say what would be done."),
    operator,
    as_json,
    name="import",
    side="public",
)
def import_(settings: Settings, source: Path, dry_run: bool, by_name: str | None, json_wanted: bool) -> None:
    """Take over what an export in the folder DIR holds. May be repeated, also after it was stopped."""
    counts = take_over(source, by=username_of(acting(by_name)), dry_run=dry_run)
    if json_wanted:
        return print_json({"dry_run": dry_run, "kinds": counts})
    for kind, count in counts.items():
        verb = "would be" if dry_run else "are"
        click.echo(
            f"{kind}: {count['new']} {verb} new, {count['changed']} {verb} brought up to date, {count['same']} are here"
        )


COMMANDS = (export, import_)
