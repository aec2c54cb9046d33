"""The `jobsite` command: what it says of itself, and where its parts are."""

import logging
import os

import click

from jobsite import settings as all_settings
from jobsite.accounts.commands import COMMANDS as ACCOUNTS
from jobsite.checks.commands import COMMANDS as CHECKS
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.demo.commands import COMMANDS as DEMO
from jobsite.jobs.commands import COMMANDS as JOBS
from jobsite.jobs.request_command import request
from jobsite.jobs.upkeep_commands import COMMANDS as UPKEEP
from jobsite.notifications.commands import COMMANDS as NOTIFICATIONS
from jobsite.pipelines.commands import COMMANDS as PIPELINES
from jobsite.projects.commands import COMMANDS as PROJECTS
from jobsite.releases.commands import COMMANDS as RELEASES
from jobsite.releases.requests.commands import COMMANDS as RELEASE_REQUESTS
from jobsite.serve import serve as serve_until_stopped
from jobsite.settings import Settings
from jobsite.status.commands import COMMANDS as STATUS


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobsite", message="%(version)s")
def main() -> None:
    """Run research code on data that nobody may see, and release what is safe."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")


@instance_command(
    click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
    click.option(
        "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one."
    ),
    name="serve",
)
def serve(settings: Settings, host: str, port: int) -> None:
    """Serve pages and run jobs until stopped (SIGTERM, Ctrl-C); jobs under way go on."""
    logging.getLogger("jobsite").setLevel(logging.INFO)
    try:
        serve_until_stopped(settings, host=host, port=port, say=_say)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}."
        ) from None


@instance_command(name="init")
def init(settings: Settings) -> None:
    """Make the instance: folder, database, secret key. What is there already stays."""
    click.echo(f"The instance is ready in {settings.instance}")


@instance_command(as_json, name="settings", opens=False)
def settings_command(settings: Settings, json_wanted: bool) -> None:
    """Show every setting: its value, where it came from, its help."""
    entries = all_settings.origins(settings.instance)
    if json_wanted:
        return print_json([vars(entry) for entry in entries])
    for entry in entries:
        click.secho(f"{entry.name} = {entry.value}", bold=True, nl=False)
        click.echo(f"  [{entry.source}]\n    {entry.help}")


def _say(line: str) -> None:
    click.echo(line)


for command in (
    serve,
    init,
    settings_command,
    request,
    *ACCOUNTS,
    *PROJECTS,
    *PIPELINES,
    *CHECKS,
    *JOBS,
    *UPKEEP,
    *RELEASES,
    *RELEASE_REQUESTS,
    *NOTIFICATIONS,
    *STATUS,
    *DEMO,
):
    main.add_command(command)
