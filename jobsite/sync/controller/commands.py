"""`jobsite controller-token`: which sites elsewhere may have jobs run here."""

import click

from jobsite.accounts.queries import backend_or_stop
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.settings import Settings
from jobsite.sync.controller.tokens import add_controller_token, controller_tokens, revoke_controller_token
from jobsite.sync.own_backend import own_backend

_name = click.argument("name")


@instance_command(
    _name,
    click.option(
        "--backend", "slugs", multiple=True, metavar="SLUG",
        help="A backend that the token is for; may be repeated. Without: the one of this side.",
    ),
    name="add",
    side="secure",
)  # fmt: skip
def add(settings: Settings, name: str, slugs: tuple[str, ...]) -> None:
    """Make the token of the site NAME, with which it has jobs run here, and print it, this once."""
    own = own_backend()  # also makes the row of a backend that the settings alone name
    backends = [backend_or_stop(slug) for slug in slugs] or ([own] if own else [])
    click.echo(add_controller_token(by=SYSTEM, name=name, backends=backends))


@instance_command(as_json, name="list", side="secure")
def list_tokens(settings: Settings, json_wanted: bool) -> None:
    """List the sites that may have jobs run here, with their backends."""
    found = controller_tokens()
    if json_wanted:
        return print_json(
            [
                {"name": one.name, "backends": one.backends, "created_at": wire(one.created_at)}
                for one in found
            ]
        )
    for one in found:
        click.echo(f"{one.name}  {', '.join(one.backends)}")


@instance_command(_name, name="revoke", side="secure")
def revoke(settings: Settings, name: str) -> None:
    """End the token of the site NAME at once."""
    revoke_controller_token(by=SYSTEM, name=name)
    click.echo(f"The token of {name} has ended.")


controller_token = click.Group(
    "controller-token",
    help="Tokens of sites elsewhere that have jobs run here.",
    commands=[add, list_tokens, revoke],
)

COMMANDS = (controller_token,)
