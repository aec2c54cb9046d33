"""The `jobsite` command: what it says of itself, and where its parts are."""

import logging
from importlib import import_module

import click

MODULES = {
    "jobsite.instance_commands": "init settings",
    "jobsite.serve_command": "serve",
    "jobsite.backup_commands": "backup restore",
    "jobsite.moving_commands": "move-to-postgresql",
    "jobsite.accounts.commands": "user backend",
    "jobsite.projects.commands": "org project member workspace",
    "jobsite.pipelines.commands": "check",
    "jobsite.checks.commands": "disclosure",
    "jobsite.jobs.commands": "jobs cancel log events verify-log",
    "jobsite.jobs.request_command": "request",
    "jobsite.jobs.operator_commands": "backend",
    "jobsite.jobs.upkeep_commands": "sweep manifest workspace",
    "jobsite.outputs.commands": "policy",
    "jobsite.releases.commands": "verify signing-key uploads retry-upload",
    "jobsite.releases.requests.commands": "requests",
    "jobsite.notifications.commands": "mail",
    "jobsite.status.commands": "doctor",
    "jobsite.sync.remote_commands": "remote",
    "jobsite.sync.controller.commands": "controller-token",
    "jobsite.sync.tasks.commands": "agent-token backend",
    "jobsite.sync.pushing.commands": "backend controller",
    "jobsite.transfer.commands": "export import",
    "jobsite.demo.commands": "demo",
}
"""Where each command is, in the `COMMANDS` of its module. A group that is named twice has more commands from the second."""


class Parts(click.Group):
    """Commands whose module is loaded when one is asked for: a short one does not wait for the parts of the server."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({name for names in MODULES.values() for name in names.split()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        modules = [import_module(module) for module, names in MODULES.items() if cmd_name in names.split()]
        commands = (command for module in modules for command in module.COMMANDS)
        return next((command for command in commands if command.name == cmd_name), None)


@click.group(cls=Parts, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobsite", message="%(version)s")
def main() -> None:
    """Run research code on data that nobody may see, and release what is safe."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
