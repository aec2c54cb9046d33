"""`jobsite remote`: ask a site elsewhere for jobs, list, follow and cancel them, with the JSON of the commands of an instance."""

import functools
import os
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from jobsite.core.commands import as_json, print_json, refusals_as_sentences
from jobsite.core.wording import counted
from jobsite.jobs.printing import ENDED_WELL, show_request
from jobsite.jobs.rules import REQUEST_ACTIVE
from jobsite.sync.remote import NoUse, Site, segment

PAUSE = 3.0
"""Seconds between two looks at a request that is followed."""
PATIENCE = 20
"""So many looks one after the other may fail before following ends: the site may be restarted meanwhile."""

TOKEN = "JOBSITE_REMOTE_TOKEN"  # noqa: S105  the name of where it is
"""Not an option: other people of a machine see the words of a command."""

REQUEST = ("id", "identifier", "status", "status_message", "jobs", "plan")
JOB = ("identifier", "action", "status", "status_message", "request", "workspace")
CANCELLED = ("id", "identifier", "cancelled", "jobs")

waits_too = click.option(
    "--wait", "waits", is_flag=True, help="Return when it has ended; exit 0 only if it succeeded."
)


def remote_command(*options: Any, name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command that gets the `Site` as its first argument. A refusal ends with its sentence and exit status 1."""

    def make(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(url: str, **values: Any) -> None:
            with refusals_as_sentences():
                function(Site(url, os.environ.get(TOKEN, "")), **values)

        shared = (
            click.option(
                "--url", envvar="JOBSITE_REMOTE_URL", required=True, metavar="ADDRESS", show_envvar=True,
                help="The address of the site.",
            ),
            click.option("--instance", metavar="DIR", expose_value=False, hidden=True),
        )  # fmt: skip
        for option in reversed((*options, *shared)):
            run = option(run)
        return click.command(name)(run)

    return make


@remote_command(
    click.argument("workspace"),
    click.argument("actions", nargs=-1, required=True, metavar="ACTION…"),
    click.option(
        "--backend",
        "slug",
        default="",
        metavar="SLUG",
        help="Where to run; not needed when there is only one.",
    ),
    click.option("--force-run-dependencies", "force", is_flag=True, help="Run every needed action again."),
    click.option(
        "--ref", default="", metavar="REF", help="A commit or tag instead of the workspace's branch."
    ),
    click.option("--dry-run", is_flag=True, help="Only say what would run, be reused or wait, and why."),
    waits_too,
    as_json,
    name="request",
)
def request(
    site: Site,
    workspace: str,
    actions: tuple[str, ...],
    slug: str,
    force: bool,
    ref: str,
    dry_run: bool,
    waits: bool,
    json_wanted: bool,
) -> None:
    """Ask for ACTION… (or run_all) to be run in WORKSPACE."""
    order = {
        "requested_actions": list(actions), "backend": slug, "ref": ref, "force_run_dependencies": force,
        "dry_run": dry_run, "key": secrets.token_urlsafe(16),
    }  # fmt: skip
    made = site.post(f"workspaces/{segment(workspace)}/requests/", order, keys=REQUEST)
    if waits and not dry_run:
        ended = _ended(site, made["identifier"], quiet=True)
        made = {**ended, "plan": made["plan"]}
    print_json(made) if json_wanted else show_request(made)
    sys.exit(1 if waits and not dry_run and made["status"] not in ENDED_WELL else 0)


@remote_command(
    as_json,
    click.option("--active", is_flag=True, help="Only jobs that run or wait."),
    click.option("--workspace", default="", metavar="NAME", help="Only jobs of this workspace."),
    name="jobs",
)
def jobs(site: Site, json_wanted: bool, active: bool, workspace: str) -> None:
    """List the newest jobs: at most 1000, newest first."""
    asked = {"active": "true"} if active else {}
    found = site.get("newest-jobs/", {**asked, **({"workspace": workspace} if workspace else {})}, keys=JOB)
    if json_wanted:
        return print_json(found)
    for job in found:
        where = f"{job['workspace']}/{job['request']}"
        click.echo(
            f"{job['identifier']}  {job['status']:<9}  {where:<24} {job['action']}: {job['status_message']}"
        )


@remote_command(as_json, click.argument("request"), name="follow")
def follow(site: Site, json_wanted: bool, request: str) -> None:
    """Tell how the jobs of REQUEST (number or identifier) go on until it has ended; exit 0 only if it succeeded."""
    ended = _ended(site, request, quiet=json_wanted)
    print_json(ended) if json_wanted else click.echo(f"Request {ended['id']}: {ended['status']}")
    sys.exit(0 if ended["status"] in ENDED_WELL else 1)


@remote_command(
    as_json, click.argument("request"), click.argument("jobs", nargs=-1, metavar="[JOB]…"), name="cancel"
)
def cancel(site: Site, json_wanted: bool, request: str, jobs: tuple[str, ...]) -> None:
    """Cancel a job request (number or identifier), or only the JOBs named by action or identifier."""
    done = site.post(f"requests/{segment(request)}/cancel", {"jobs": list(jobs)}, keys=CANCELLED)
    if json_wanted:
        return print_json(done)
    click.echo(f"{counted(done['cancelled'], 'job')} of request {done['id']} cancelled, or being cancelled.")


def _ended(site: Site, request: str, *, quiet: bool) -> dict[str, Any]:
    """The request once it has ended; meanwhile each change of a job is printed unless `quiet`."""
    told: set[str] = set()
    while True:
        found = _looked_at(site, request)
        lines = [
            f"{job['identifier']}  {job['status']:<9} {job['action']}: {job['status_message']}"
            for job in found["jobs"]
        ]
        for line in lines if not quiet else ():
            if line not in told:
                click.echo(line)
        told = set(lines)
        if found["status"] not in REQUEST_ACTIVE:
            return found
        time.sleep(PAUSE)


def _looked_at(site: Site, request: str) -> dict[str, Any]:
    for _ in range(PATIENCE):
        try:
            return dict(site.get(f"requests/{segment(request)}/", keys=REQUEST))
        except NoUse:
            time.sleep(PAUSE)
    return dict(site.get(f"requests/{segment(request)}/", keys=REQUEST))


remote = click.Group(
    "remote",
    help="Work on a site elsewhere with a personal token, in JOBSITE_REMOTE_TOKEN; no instance is needed.",
    commands=[request, jobs, follow, cancel],
)

COMMANDS = (remote,)
