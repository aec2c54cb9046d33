"""Commands of those who run a backend: stop a job, prepare a restart, read and set flags, check the weights."""

from typing import Any

import click

from jobsite.accounts import backends
from jobsite.accounts.commands import acting, backend_json, operator, repeatable
from jobsite.accounts.commands import backend as backend_group
from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backend_or_stop
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.core.errors import Invalid
from jobsite.jobs.maintenance_windows import plan_maintenance
from jobsite.jobs.queries import whole_job
from jobsite.jobs.stopping import kill as kill_job
from jobsite.jobs.stopping import left_to_stop
from jobsite.jobs.weights import read_weights, weights_path
from jobsite.settings import Settings

_slug = click.argument("slug")
_TIME = click.DateTime(
    ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
)
FLAGS = {
    "paused": ("is_paused", "paused_since"),
    "mode": ("is_in_maintenance_mode", "maintenance_since"),
    "manual-db-maintenance": ("is_maintenance_manual", "maintenance_manual_since"),
    "db-maintenance-checks-disabled": ("are_checks_disabled", "checks_disabled_since"),
    "rebooting": ("is_rebooting", "rebooting_since"),
}
_TURNS = {
    ("paused", True): backends.pause,
    ("paused", False): backends.resume,
    ("manual-db-maintenance", True): backends.start_maintenance,
    ("manual-db-maintenance", False): backends.end_maintenance,
}


@instance_command(
    as_json,
    click.argument("jobs", nargs=-1, required=True, metavar="JOB…"),
    click.option("--reason", required=True, help="Why; the author of the job reads it."),
    click.option("--retry", is_flag=True, help="A new attempt instead of the end."),
    operator,
    name="kill",
)
def kill(
    settings: Settings,
    json_wanted: bool,
    jobs: tuple[str, ...],
    reason: str,
    retry: bool,
    by_name: str | None,
) -> None:
    """Stop jobs, by identifier or its beginning: for good, or for a new attempt."""
    by, found = acting(by_name), [whole_job(name) for name in jobs]
    for job in found:
        kill_job(by=by, job=job, reason=reason, retry=retry)
    if json_wanted:
        return print_json(
            [{"job": job.identifier, "state": job.state, "stop": job.stop_code} for job in found]
        )
    for job in found:
        ends = "is being stopped" if job.state == "running" else "is stopped"
        click.echo(f"{job.identifier} ({job.action}) {ends}.")


@instance_command(
    as_json,
    _slug,
    operator,
    click.argument("to", type=click.Choice(["on", "off"]), required=False),
    click.option("--disable-checks", is_flag=True, help="Checks of the database change nothing from now on."),
    click.option(
        "--from", "start", type=_TIME, metavar="TIME", help="Plan the next one: when it begins (UTC)."
    ),
    click.option("--until", type=_TIME, metavar="TIME", help="When that one ends (UTC)."),
    click.option("--no-plan", is_flag=True, help="Take the plan back."),
    name="maintenance",
)
def maintenance(
    settings: Settings, json_wanted: bool, slug: str, to: str | None, by_name: str | None, **options: Any
) -> None:
    """Turn database maintenance on or off: database jobs are stopped and wait meanwhile, the others go on.

    With --from and --until nothing is stopped yet: people are told of it, and which jobs would not end before it.
    """
    by, there, start, until = acting(by_name), backend_or_stop(slug), options["start"], options["until"]
    told = []
    if plans := bool(start or until or options["no_plan"]):
        plan_maintenance(by=by, backend=there, start=start, until=until)
        told.append(f"planned from {wire(start)} until {wire(until)}" if start else "not planned any more")
    if to or not plans:
        turn = backends.end_maintenance if to == "off" else backends.start_maintenance
        repeatable(lambda: turn(by=by, backend=there))
        if options["disable_checks"]:
            backends.set_checks(by=by, backend=there, disabled=True)
        told.append(to or "on")
    if json_wanted:
        return print_json(backend_json(there))
    for words in told:
        click.echo(f"Database maintenance of {slug} is {words}.")


@instance_command(
    as_json,
    _slug,
    click.option("--status", is_flag=True, help="Only say how far it is."),
    operator,
    name="prepare-for-reboot",
)
def prepare_for_reboot(
    settings: Settings, json_wanted: bool, slug: str, status: bool, by_name: str | None
) -> None:
    """Stop all jobs for a restart of the server; `resume` starts them again. Repeat it until it is safe."""
    backend = backend_or_stop(slug)
    if not status:
        backends.prepare_for_reboot(by=acting(by_name), backend=backend)
    left = left_to_stop(backend.id)
    safe = backend.is_rebooting and not left
    if json_wanted:
        return print_json({"safe_to_reboot": safe, "running": [job.identifier for job in left]})
    if safe:
        click.echo("Safe to reboot: no job process is left.")
    elif not backend.is_rebooting:
        click.echo(f"Not prepared: {slug} starts jobs. Run it without --status first.")
    else:
        names = ", ".join(f"{job.identifier} ({job.action})" for job in left[:20])
        click.echo(f"Not safe yet: {len(left)} still to stop: {names}. The server does it while it runs.")


@instance_command(
    as_json, _slug, click.argument("changes", nargs=-1, metavar="[FLAG=VALUE]…"), operator, name="flags"
)
def flags(
    settings: Settings, json_wanted: bool, slug: str, changes: tuple[str, ...], by_name: str | None
) -> None:
    """Show the flags of a backend, or set them: on or off; `mode` takes what a check of the database says."""
    by, backend = acting(by_name), backend_or_stop(slug)
    for change in changes:
        name, _, value = change.partition("=")
        _set_flag(by, backend, name, value)
    shown = {name: (getattr(backend, flag), getattr(backend, since)) for name, (flag, since) in FLAGS.items()}
    if json_wanted:
        rows = {name: {"on": on, "since": wire(since)} for name, (on, since) in shown.items()}
        return print_json(rows | {"last-seen-at": {"on": None, "since": wire(backend.last_seen_at)}})
    for name, (on, since) in shown.items():
        click.echo(f"{name}  {'on' if on else 'off'}  {wire(since) or 'never changed'}")
    click.echo(f"last-seen-at  {wire(backend.last_seen_at) or 'never'}")


@instance_command(_slug, name="weights")
def weights(settings: Settings, slug: str) -> None:
    """Show the rules of a backend's weights file, or what is wrong in it (exit 1)."""
    found = read_weights(weights_path(settings.instance, backend_or_stop(slug).slug))
    if found.problems:
        raise Invalid({problem: problem for problem in found.problems})
    for section, rules in found.sections.items():
        for rule in rules:
            limits = "".join(f"  {name}={value}" for name, value in rule.limits.items())
            click.echo(f"[{section}]  {rule.pattern.pattern}  {rule.weight:g}{limits}")
    if not found.sections:
        click.echo(f"{slug} has no weights: every job counts 1.")


def _set_flag(by: User | str, backend: Backend, name: str, value: str) -> None:
    if name == "mode":
        click.echo(backends.report_database(by=by, backend=backend, answer=value), err=True)
        return
    if name not in FLAGS or name == "rebooting" or value not in ("on", "off"):
        known = "paused, mode, manual-db-maintenance, db-maintenance-checks-disabled"
        raise Invalid({"flag": f"{name}={value} is not a flag with on or off. Flags: {known}."})
    wanted = value == "on"
    if name == "db-maintenance-checks-disabled":
        backends.set_checks(by=by, backend=backend, disabled=wanted)
    elif getattr(backend, FLAGS[name][0]) != wanted:
        _TURNS[name, wanted](by=by, backend=backend)


for command in (maintenance, prepare_for_reboot, flags, weights):
    backend_group.add_command(command)

COMMANDS = (backend_group,)
