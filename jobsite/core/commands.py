"""What all commands share: `--instance`, one JSON document with `--json`, refusals as a sentence and exit 1."""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from jobsite.core.db import DatabaseTooNew
from jobsite.core.errors import Refused
from jobsite.instance import close_instance, open_instance
from jobsite.settings import SettingsError, load

as_json = click.option(
    "--json", "json_wanted", is_flag=True, help="Print one JSON document and nothing else."
)


def instance_command(
    *options: Any, name: str | None = None, opens: bool = True
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a click command that takes `--instance DIR` and, unless `opens` is False, opens it first.

    The function gets `settings` as its first argument. A refusal ends with its sentence on standard error
    and exit status 1.
    """

    def make(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(instance: Path | None, **values: Any) -> None:
            with refusals_as_sentences():
                settings = load(instance)
                if opens:
                    open_instance(settings)
                try:
                    function(settings, **values)
                finally:
                    close_instance()

        folder = click.option(
            "--instance", type=click.Path(path_type=Path), metavar="DIR", help="The instance folder."
        )
        for option in reversed((*options, folder)):
            run = option(run)
        return click.command(name)(run)

    return make


class refusals_as_sentences:
    """A block in which a refusal ends the program with its sentence and exit status 1."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Refused | SettingsError | DatabaseTooNew):
            click.echo(str(error), err=True)
            sys.exit(1)


def print_json(document: Any) -> None:
    """Print one JSON document, readable."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
