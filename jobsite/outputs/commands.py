"""`jobsite policy …`: by what the outputs are checked, and who brings a new version into force."""

import json
from pathlib import Path

import click

from jobsite.accounts.queries import user_or_stop
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Refused
from jobsite.outputs import policies
from jobsite.projects.queries import project_named
from jobsite.settings import Settings

LARGEST = 1024 * 1024

_by = click.option("--by", required=True, help="The username of who does it.")


@click.group()
def policy() -> None:
    """Policies, by which outputs are checked."""


@instance_command(as_json, name="list")
def list_policies(settings: Settings, json_wanted: bool) -> None:
    """List every version of every policy and whether it is in force."""
    rows = [
        {
            "policy": one.policy,
            "version": one.version,
            "effective_from": one.effective_from,
            "author": one.author,
            "approver": one.approver,
            "sha256": one.sha256,
        }
        for one in policies.versions()
    ]
    if json_wanted:
        print_json(rows)
        return
    for row in rows:
        approved = f"approved by {row['approver']}" if row["approver"] else "not approved yet"
        click.echo(f"{row['policy']}, version {row['version']}, from {row['effective_from']}, {approved}")


@instance_command(click.argument("name"), click.argument("version", type=int), name="show")
def show_policy(settings: Settings, name: str, version: int) -> None:
    """Print one version as JSON, as `policy propose` takes it."""
    print_json(policies.version_of(name, version).document)


@instance_command(
    click.argument("file", type=click.Path(path_type=Path, dir_okay=False)),
    _by,
    click.option("--note", default="", help="Why it changes, in a sentence."),
    name="propose",
    side="secure",
)
def propose_policy(settings: Settings, file: Path, by: str, note: str) -> None:
    """Give a new version of a policy, the JSON document FILE; somebody else approves it."""
    made = policies.propose(by=user_or_stop(by), document=_document(file), note=note)
    click.echo(f"{made.policy}, version {made.version}, waits for somebody else's approval.")


@instance_command(
    click.argument("name"), click.argument("version", type=int), _by, name="approve", side="secure"
)
def approve_policy(settings: Settings, name: str, version: int, by: str) -> None:
    """Bring a version into force from its day on."""
    policies.approve(by=user_or_stop(by), policy=name, version=version)
    click.echo(f"{name}, version {version}, is approved.")


@instance_command(click.argument("project"), click.argument("name"), _by, name="choose", side="secure")
def choose_policy(settings: Settings, project: str, name: str, by: str) -> None:
    """Have the outputs of a project checked by the policy NAME from now on."""
    policies.choose(by=user_or_stop(by), project=project_named(project), policy=name)
    click.echo(f"The outputs of {project} are checked by {name}.")


def _document(file: Path) -> object:
    with file.open("rb") as opened:
        data = opened.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Refused(f"{file.name} is larger than 1 MiB.")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Refused(f"{file.name} is not JSON in UTF-8.") from None


for _command in (list_policies, show_policy, propose_policy, approve_policy, choose_policy):
    policy.add_command(_command)

COMMANDS = (policy,)
