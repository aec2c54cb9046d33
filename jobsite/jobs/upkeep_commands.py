"""Commands of those who look after what jobs leave: sweep, the manifests of workspaces, their archive."""

from collections.abc import Callable
from pathlib import Path

import click

from jobsite.accounts.commands import acting, operator
from jobsite.accounts.models import username_of
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, Refused
from jobsite.core.events import record
from jobsite.core.files import UnsafePath
from jobsite.core.wording import counted
from jobsite.jobs import proving
from jobsite.jobs.execution import executor
from jobsite.jobs.models import Job
from jobsite.jobs.sweeping import ACTIVE
from jobsite.jobs.sweeping import sweep as sweep_now
from jobsite.projects.commands import workspace as workspace_group
from jobsite.projects.commands import workspace_json
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspace_named
from jobsite.projects.workspaces import set_archived
from jobsite.settings import Settings
from jobsite.store.archive import BadArchive, pack, unpack
from jobsite.store.roots import Busy, Roots

_name = click.argument("name")


class SweepFailed(Refused):
    """Something that nobody needs could not be taken away."""


@instance_command(
    as_json,
    click.option("--dry-run", is_flag=True, help="Only say what would go."),
    operator,
    name="sweep",
    side="secure",
)
def sweep(settings: Settings, json_wanted: bool, dry_run: bool, by_name: str | None) -> None:
    """Take away now what ended attempts left behind: directories, processes, containers. Done hourly anyway."""
    by = username_of(acting(by_name))
    swept = sweep_now(executor(), dry_run=dry_run)
    if swept.removed and not dry_run:
        with writing():
            record("instance:swept", by=by, subject="instance", removed=list(swept.removed))
    if json_wanted:
        print_json({"dry_run": dry_run, "removed": swept.removed, "failed": dict(swept.failed)})
    else:
        verb = "would go" if dry_run else "removed"
        for name in swept.removed:
            click.echo(f"{name}  {verb}")
        if not swept.removed and not swept.failed:
            click.echo("Nothing is left behind.")
    if swept.failed:
        raise SweepFailed("\n".join(f"{name} stays: {why}" for name, why in swept.failed))


@instance_command(_name, as_json, name="check", side="secure")
def check_manifest(settings: Settings, name: str, json_wanted: bool) -> None:
    """Compare the manifest of the workspace NAME with its files and the records of its jobs; exit 1 if they differ."""
    verdict = proving.examine(workspace_named(name))
    if not verdict.sound:
        _tell(name, verdict, json_wanted)
        raise Conflict(
            f"The manifest of {name} is not sound; `jobsite manifest repair {name}` writes what records prove."
        )
    _tell(name, verdict, json_wanted)


@instance_command(_name, as_json, operator, name="repair", side="secure")
def repair_manifest(settings: Settings, name: str, json_wanted: bool, by_name: str | None) -> None:
    """Write the manifest of the workspace NAME as the records of its jobs prove it; files stay as they are."""
    verdict = proving.repair(by=username_of(acting(by_name)), workspace=workspace_named(name))
    _tell(name, verdict, json_wanted, mended=True)
    if verdict.files or verdict.lost_records:
        raise Conflict(
            "Not everything could be mended: run the actions of missing files again, and take away what lies "
            "at Level 4 without right."
        )


def _tell(name: str, verdict: proving.Verdict, json_wanted: bool, *, mended: bool = False) -> None:
    if json_wanted:
        facts = {"sound": verdict.sound, "mended": mended and bool(verdict.entries)}
        return print_json(
            {**facts, "manifest": verdict.entries, "files": verdict.files, "lost": verdict.lost_records}
        )
    for sentence in verdict.entries:
        click.echo(f"{'Mended: ' if mended else ''}{sentence}")
    for sentence in verdict.files:
        click.echo(sentence)
    for job in verdict.lost_records:
        click.echo(f"The record of job {job} is lost; its entries stay as they are.")
    if verdict.sound:
        click.echo(f"The manifest of {name}, its files and the records of its jobs say the same.")


@instance_command(_name, as_json, operator, name="archive", side="secure")
def archive(settings: Settings, name: str, json_wanted: bool, by_name: str | None) -> None:
    """Archive the workspace NAME: no jobs run in it, its files go into one file. Refused while jobs are active."""
    found, target = workspace_named(name), _archive_of(settings, name)
    _refuse_active(found)
    if not found.is_archived:
        set_archived(by=acting(by_name), workspace=found, is_archived=True)
        _refuse_active(found)  # one that was asked for in between: it ends, then this is typed again
    roots = Roots.of(settings.instance)
    files = _moved(lambda: pack(roots, name, target)) if name in roots.workspaces() else 0
    if json_wanted:
        return print_json({**workspace_json(workspace_named(name)), "files": files, "archive": _said(target)})
    click.echo(f"{name} is archived: no jobs run in it.")
    if files:
        click.echo(f"Its {counted(files, 'file')} are in {_said(target)} of the instance.")


@instance_command(_name, as_json, operator, name="restore", side="secure")
def restore(settings: Settings, name: str, json_wanted: bool, by_name: str | None) -> None:
    """Bring the archived workspace NAME back, with its files."""
    found, source = workspace_named(name), _archive_of(settings, name)
    by = acting(by_name)
    files = _moved(lambda: unpack(Roots.of(settings.instance), name, source)) if source.exists() else 0
    source.unlink(missing_ok=True)
    if found.is_archived:
        set_archived(by=by, workspace=found, is_archived=False)
    if json_wanted:
        return print_json({**workspace_json(workspace_named(name)), "files": files})
    click.echo(f"{name} is active{' again' if found.is_archived else ''}.")
    if files:
        click.echo(f"Its {counted(files, 'file')} are back.")


def _refuse_active(found: Workspace) -> None:
    if active := Job.select().where((Job.workspace == found) & Job.state.in_(ACTIVE)).count():
        raise Conflict(f"{found.name} has {counted(active, 'active job')}: wait, or cancel first.")


def _archive_of(settings: Settings, name: str) -> Path:
    return settings.instance / "archives" / f"{name}.tar"


def _said(target: Path) -> str:
    return f"archives/{target.name}" if target.exists() else ""


def _moved(move: Callable[[], int]) -> int:
    """How many files were moved. Raises `Conflict` with the sentence of what stands in the way."""
    try:
        return move()
    except (BadArchive, Busy, UnsafePath) as reason:
        raise Conflict(str(reason)) from None
    except OSError as reason:
        raise Conflict(
            f"The files could not be moved: {reason.strerror}. Nothing is lost; type it again."
        ) from None


manifest = click.Group(
    "manifest",
    help="Check and repair the lists of outputs of workspaces.",
    commands=[check_manifest, repair_manifest],
)
for command in (archive, restore):
    workspace_group.add_command(command)

COMMANDS = (sweep, manifest, workspace_group)
