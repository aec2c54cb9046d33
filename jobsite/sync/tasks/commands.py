"""`jobsite agent-token …`, and of `jobsite backend …` what concerns agents."""

import click

from jobsite.accounts.commands import acting, operator, repeatable
from jobsite.accounts.commands import backend as backend_group
from jobsite.accounts.queries import backend_or_stop
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.wording import counted
from jobsite.settings import Settings
from jobsite.sync.own_backend import own_backend
from jobsite.sync.tasks.actions import carried_out, declare_lost, set_agent
from jobsite.sync.tasks.tokens import add_agent_token, agent_tokens, revoke_agent_token

_slug, _name = click.argument("slug"), click.argument("name")


@instance_command(_slug, _name, name="add", side="secure")
def add(settings: Settings, slug: str, name: str) -> None:
    """Make the token NAME of the agent of a backend and print it, this once. Others of the backend go on working."""
    own_backend()  # makes the row of a backend that the settings alone name
    click.echo(add_agent_token(by=SYSTEM, backend=backend_or_stop(slug), name=name))


@instance_command(as_json, name="list", side="secure")
def list_tokens(settings: Settings, json_wanted: bool) -> None:
    """List the tokens of agents."""
    found = agent_tokens()
    if json_wanted:
        facts = (
            {"backend": one.backend.slug, "name": one.name, "created_at": wire(one.created_at)}
            for one in found
        )
        return print_json(list(facts))
    for one in found:
        click.echo(f"{one.backend.slug}  {one.name}")


@instance_command(_slug, _name, name="revoke", side="secure")
def revoke(settings: Settings, slug: str, name: str) -> None:
    """End a token at once."""
    revoke_agent_token(by=SYSTEM, backend=backend_or_stop(slug), name=name)
    click.echo(f"The token {name} of the agent of {slug} has ended.")


agent_token = click.Group(
    "agent-token",
    help="Tokens of agents that carry out the jobs of a backend.",
    commands=[add, list_tokens, revoke],
)


@instance_command(
    _slug, click.argument("turn", type=click.Choice(["on", "off"])), operator, name="agent", side="secure"
)
def agent(settings: Settings, slug: str, turn: str, by_name: str | None) -> None:
    """Have an agent carry out the jobs of a backend from now on, or this server."""
    own_backend()
    there, to = backend_or_stop(slug), turn == "on"
    repeatable(lambda: set_agent(by=acting(by_name), backend=there, to=to))
    who = "an agent, which fetches them here" if to else "this server"
    click.echo(f"The jobs of {slug} are carried out by {who}.")
    if not to and (left := len(carried_out(there))):
        said = f"{counted(left, 'job')} {'is' if left == 1 else 'are'} with its agent, and {'ends' if left == 1 else 'end'} there."
        click.echo(f"{said} If that is gone: `jobsite backend agent-lost {slug}`.")


@instance_command(_slug, operator, name="agent-lost", side="secure")
def agent_lost(settings: Settings, slug: str, by_name: str | None) -> None:
    """Give up what the agent of a backend was carrying out, since its machine is gone: the jobs are tried again."""
    lost = declare_lost(by=acting(by_name), backend=backend_or_stop(slug))
    click.echo(
        f"{counted(lost, 'job')} of {slug} {'was' if lost == 1 else 'were'} with its agent."
        if lost
        else f"No job of {slug} was with its agent."
    )


for command in (agent, agent_lost):
    backend_group.add_command(command)

COMMANDS = (agent_token, backend_group)
