"""`jobsite request`: a job request from the command line, by the same verbs as the run-jobs page."""

import sys
from typing import Any

import click

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_of, runs_here, user_or_stop
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Invalid, NotFound, require
from jobsite.jobs.actions import Wish, refuse_unusable, require_codelists, submit
from jobsite.jobs.codelist_checks import check_online
from jobsite.jobs.codelists import codelists_at
from jobsite.jobs.definitions import Definition, newest_definition
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.planning import plan_request
from jobsite.jobs.reusable import resolved
from jobsite.jobs.rules import wire_state
from jobsite.jobs.waiting import wait_for
from jobsite.pipelines.planning import Plan
from jobsite.projects.models import Workspace
from jobsite.projects.queries import permissions_in, workspace_named
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
    by, where = user_or_stop(username), workspace_named(workspace)
    require(_why_not(by, where))
    definition = newest_definition(where, ref)
    backend = _backend(by, slug)
    check_online(where.repo, definition.commit)
    if dry_run:
        code = resolved(_sound(definition), actions, asks=True)
        plan = plan_request(where, backend, code.definition, actions, force=force)
        refuse_unusable(code, plan, here=runs_here(backend))
        require_codelists(codelists_at(where.repo.url, definition.commit), definition, plan)
        return _show(None, plan, json_wanted)
    made, plan = submit(by=by, wish=Wish(where, backend, definition, actions, force))
    if waits:
        made = wait_for(made)
    _show(made, plan, json_wanted)
    sys.exit(1 if waits and made.status not in ("succeeded", "nothing_to_do") else 0)


def request_json(made: JobRequest | None, plan: Plan) -> dict[str, Any]:
    """The document of `request --json`; without a request (a dry run) its fields are null and it has no jobs."""
    jobs = list(Job.select().where(Job.job_request == made).order_by(Job.position)) if made else []
    return {
        "id": made.id if made else None,
        "identifier": made.identifier if made else None,
        "status": made.status if made else None,
        "status_message": made.status_message if made else plan.nothing_to_do or "",
        "jobs": [job_json(job) for job in jobs],
        "plan": [
            {"action": one.action, "verdict": one.verdict, "reason": one.reason} for one in plan.decisions
        ],
    }


def job_json(job: Job) -> dict[str, Any]:
    """A job as other programs read it."""
    return {
        "identifier": job.identifier,
        "action": job.action,
        "status": wire_state(job.state),
        "status_code": job.status_code,
        "status_message": job.status_message,
    }


def _why_not(by: User, workspace: Workspace) -> str | None:
    if not by.is_active:
        return f"{by.username} is not active."
    if "job_run" not in permissions_in(by, workspace.project):
        return f"{by.username} does not have permission to run jobs on this workspace"
    return None


def _backend(by: User, slug: str | None) -> Backend:
    there = {backend.slug: backend for backend in backends_of(by)}
    if slug and slug in there:
        return there[slug]
    if slug or not there:
        raise NotFound(
            f"There is no backend {slug} that {by.username} may use." if slug else "There is no backend yet."
        )
    if len(there) > 1:
        raise Invalid({"backend": f"Choose a backend with --backend: {', '.join(there)}."})
    return next(iter(there.values()))


def _sound(definition: Definition) -> Definition:
    problems = definition.report.problems
    if problems:
        raise Invalid(
            {"project": "\n".join(f"project.yaml, line {one.line}: {one.message}" for one in problems)}
        )
    return definition


def _show(made: JobRequest | None, plan: Plan, json_wanted: bool) -> None:
    document = request_json(made, plan)
    if json_wanted:
        return print_json(document)
    click.echo(
        f"Request {made.id} ({made.identifier}): {made.status}"
        if made
        else "Nothing was asked for (dry run)."
    )
    for one in plan.decisions:
        click.echo(f"  {one.verdict:<6} {one.action}: {one.reason}")
    for job in document["jobs"]:
        click.echo(f"  {job['identifier']}  {job['status']:<9} {job['action']}: {job['status_message']}")
    if document["status_message"]:
        click.echo(document["status_message"])


COMMANDS = (request,)
