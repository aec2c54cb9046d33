"""`jobsite backend dispatch …` and `jobsite controller …`."""

import click

from jobsite.accounts.commands import acting, backend_json, operator
from jobsite.accounts.commands import backend as backend_group
from jobsite.accounts.queries import backend_or_stop, backends
from jobsite.accounts.rules import DISPATCHES
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Conflict
from jobsite.settings import Settings
from jobsite.sync.pushing.client import current_controller
from jobsite.sync.pushing.following import Pushing
from jobsite.sync.pushing.state import drive
from jobsite.sync.pushing.switching import NO_CONTROLLER, set_dispatch

NOBODY = "No backend's job requests are sent to a controller (`jobsite backend dispatch SLUG push`)."


@instance_command(
    as_json,
    click.argument("slug"),
    click.argument("to", type=click.Choice(list(DISPATCHES))),
    operator,
    name="dispatch",
    side="public",
)
def dispatch(settings: Settings, json_wanted: bool, slug: str, to: str, by_name: str | None) -> None:
    """Have job requests fetched by the program that runs them (poll), or sent to the controller (push)."""
    there = backend_or_stop(slug)
    if there.dispatch == to:
        click.echo(f"{slug} is {to} already.", err=True)
    else:
        set_dispatch(by=acting(by_name), backend=there, to=to)
    if json_wanted:
        return print_json(backend_json(there))
    click.echo(f"Job requests of {slug}: {DISPATCHES[to][0].lower()}{DISPATCHES[to][1:]}.")


@instance_command(as_json, name="status", side="public")
def status(settings: Settings, json_wanted: bool) -> None:
    """Say how it stands with the controller, as it was written down: nobody is asked."""
    found = drive(backends())
    if found is None:
        raise Conflict(NOBODY)
    if json_wanted:
        times = {"succeeded_at": wire(found.succeeded_at), "failing_since": wire(found.failing_since)}
        facts = {"url": found.url, "backends": found.backends, "is_well": found.is_well}
        return print_json({**facts, **times, "problem": found.problem, "waiting": found.waiting})
    click.echo(f"{found.url}: {found.sentence}")
    click.echo(f"Job requests that wait for an answer: {found.waiting}.")


@instance_command(name="poll", side="public")
def poll(settings: Settings) -> None:
    """Send what is due and ask how everything stands, now. A server does that by itself."""
    controller = current_controller()
    if controller is None:
        raise Conflict(NO_CONTROLLER)
    Pushing(controller).round()
    click.echo("The controller has been asked.")


backend_group.add_command(dispatch)
controller = click.Group(
    "controller",
    help="The controller elsewhere that job requests are sent to.",
    commands=[status, poll],
)

COMMANDS = (controller, backend_group)
