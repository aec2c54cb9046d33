"""`jobsite init` and `jobsite settings`."""

import click

from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.setting_origins import origins
from jobsite.settings import Settings


@instance_command(name="init")
def init(settings: Settings) -> None:
    """Make the instance: folder, database, secret key. What is there already stays."""
    click.echo(f"The instance is ready in {settings.instance}")


@instance_command(as_json, name="settings", opens=False)
def settings_command(settings: Settings, json_wanted: bool) -> None:
    """Show every setting: its value, where it came from, its help."""
    entries = origins(settings.instance)
    if json_wanted:
        return print_json([vars(entry) for entry in entries])
    for entry in entries:
        click.secho(f"{entry.name} = {entry.value}", bold=True, nl=False)
        click.echo(f"  [{entry.source}]\n    {entry.help}")


COMMANDS = (init, settings_command)
