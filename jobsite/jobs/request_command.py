"""`jobsite request`: a job request from the command line, by the same verbs as the run-jobs page."""

import sys

import click

from jobsite.accounts.queries import user_or_stop
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.jobs.asking import Order, ask, wish_of
from jobsite.jobs.documents import request_json
from jobsite.jobs.printing import ENDED_WELL, show_request
from jobsite.jobs.waiting import wait_for
from jobsite.projects.queries import workspace_named
from jobsite.settings import Settings


@instance_command(
    click.argument("workspace"),
    click.argument("actions", nargs=-1, required=True, metavar="ACTION…"),
    click.option("--by", "username", required=True, metavar="USERNAME", help="Who asks."),
    click.option(
        "--backend", "slug", metavar="SLUG", help="Where to run; not needed when there is only one."
    ),
    click.option("--force-run-dependencies", "force", is_flag=True, help="Run every needed action again."),
    click.option("--ref", metavar="REF", help="A commit or tag instead of the workspace's branch."),
    click.option("--dry-run", is_flag=True, help="Only say what would run, be reused or wait, and why."),
    click.option(
        "--wait", "waits", is_flag=True, help="Return when it has ended; exit 0 only if it succeeded."
    ),
    as_json,
    name="request",
    side="public",
)
def request(
    settings: Settings,
    workspace: str,
    actions: tuple[str, ...],
    username: str,
    slug: str | None,
    force: bool,
    ref: str | None,
    dry_run: bool,
    waits: bool,
    json_wanted: bool,
) -> None:
    """Ask for ACTION… (or run_all) to be run in WORKSPACE."""
    by = user_or_stop(username)
    order = Order(actions, backend=slug or "", ref=ref or "", force=force)
    made, plan = ask(by, wish_of(by, workspace_named(workspace), order), dry_run=dry_run)
    if made and waits:
        made = wait_for(made)
    document = request_json(made, plan.decisions, plan.nothing_to_do)
    print_json(document) if json_wanted else show_request(document)
    sys.exit(1 if made and waits and made.status not in ENDED_WELL else 0)


COMMANDS = (request,)
