"""Commands on jobs: list them, cancel, read a log, read and check the event log."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from jobsite.accounts.queries import user_or_stop
from jobsite.core import events as event_log
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Conflict, Denied, NotFound
from jobsite.core.wording import counted
from jobsite.jobs.actions import cancel as cancel_request
from jobsite.jobs.documents import cancelled_json, listed_json, newest_jobs
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors.records import LOG
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.operator_commands import kill
from jobsite.jobs.queries import job_named, whole_job, whole_request
from jobsite.projects.queries import permissions_in
from jobsite.settings import Settings

LARGEST_CURSOR = 2**63 - 1
PAUSE = 0.3


@instance_command(
    as_json,
    click.option("--active", is_flag=True, help="Only jobs that run or wait."),
    name="jobs",
)
def list_jobs(settings: Settings, json_wanted: bool, active: bool) -> None:
    """List the newest jobs: at most 1000, newest first."""
    found = newest_jobs(active=active)
    if json_wanted:
        return print_json([listed_json(job) for job in found])
    for job in found:
        where = f"{job.job_request.workspace.name}/{job.job_request_id}"
        click.echo(f"{job.identifier}  {job.state:<9}  {where:<24} {job.action}: {job.status_message}")


@instance_command(
    as_json,
    click.argument("request"),
    click.argument("jobs", nargs=-1, metavar="[JOB]…"),
    click.option("--by", "username", required=True, metavar="USERNAME", help="Who asks."),
    name="cancel",
)
def cancel(settings: Settings, json_wanted: bool, request: str, jobs: tuple[str, ...], username: str) -> None:
    """Cancel a job request (number or identifier), or only the JOBs named by action or identifier."""
    by, found = user_or_stop(username), whole_request(request)
    allowed = by.id == found.created_by_id or "job_cancel" in permissions_in(by, found.workspace.project_id)
    if not by.is_active:
        raise Denied(f"{by.username} is not active.")
    chosen = [job_named(found, name) for name in jobs] if jobs else None
    count = cancel_request(by=by, request=found, jobs=chosen, may_cancel=allowed)
    if json_wanted:
        return print_json(cancelled_json(found, count))
    click.echo(f"{counted(count, 'job')} of request {found.id} cancelled, or being cancelled.")


@instance_command(
    click.argument("job"),
    click.option("--follow", is_flag=True, help="Go on until the job has ended."),
    name="log",
    side="secure",
)
def log(settings: Settings, job: str, follow: bool) -> None:
    """Print what a job wrote. Not on the public side: logs stay on the secure server."""
    found = whole_job(job)
    printed = _print_log(found, 0)
    while follow and (found := Job.get_by_id(found.id)).is_active:
        time.sleep(PAUSE)
        printed = _print_log(found, printed)
    printed = _print_log(found, printed)
    if not printed and not _log_path(found):
        raise NotFound(f"{found.action} has no log yet: {found.status_message}.")


@instance_command(
    as_json,
    click.option(
        "--since",
        type=click.IntRange(0, LARGEST_CURSOR),
        default=0,
        metavar="CURSOR",
        help="Only events after this.",
    ),
    name="events",
)
def events(settings: Settings, json_wanted: bool, since: int) -> None:
    """Print the event log, oldest first. `--since` takes the cursor of the last event known."""
    found = []
    while page := event_log.since(since):
        since = page[-1].id
        if json_wanted:
            found += [event.as_json() for event in page]
            continue
        for event in page:
            click.echo(
                f"{event.id}  {wire(event.at)}  {event.by:<12} {event.type:<24} {event.subject}  {event.data}"
            )
    if json_wanted:
        print_json(found)


@instance_command(name="verify-log")
def verify_log(settings: Settings) -> None:
    """Check the hash chain of the event log; exit 1 and the first bad row if it was changed."""
    sound, bad = event_log.verify()
    if bad is not None:
        raise Conflict(
            f"The event log was changed: row {bad.id} ({bad.type}, {bad.subject}, {wire(bad.at)}) does not follow "
            f"from the rows before it. {sound} rows before it are sound."
        )
    click.echo(f"The event log is sound: {sound} rows.")


def _log_path(job: Job) -> Path | None:
    attempt = Attempt.select().where(Attempt.job == job).order_by(Attempt.number.desc()).first()
    path = attempt_dir(job, attempt) / LOG if attempt else None
    return path if path and path.exists() else None


def _print_log(job: Job, start: int) -> int:
    """Print the bytes of the log from `start` on; gives where it ends now."""
    path = _log_path(job)
    if path is None:
        return start
    with LogReader(path) as reader:
        for part in reader.raw(start):
            sys.stdout.buffer.write(part)
            start += len(part)
    sys.stdout.buffer.flush()
    return start


@click.pass_context
def _list_or_go_on(context: click.Context, **values: Any) -> None:
    if context.invoked_subcommand is None:
        context.invoke(list_jobs, **values)


jobs = click.Group(
    "jobs",
    params=list_jobs.params,
    callback=_list_or_go_on,
    help=list_jobs.help,
    invoke_without_command=True,
    commands=[kill],
)

COMMANDS = (jobs, cancel, log, events, verify_log)
