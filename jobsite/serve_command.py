"""`jobsite serve`."""

import logging
import os

import click

from jobsite.core.commands import instance_command
from jobsite.serve import serve as serve_until_stopped
from jobsite.settings import Settings


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
        serve_until_stopped(settings, host=host, port=port, say=click.echo)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}."
        ) from None


COMMANDS = (serve,)
