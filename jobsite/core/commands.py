"""What all commands share: `--instance`, one JSON document with `--json`, refusals as a sentence and exit 1."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import peewee

from jobsite.core.db import DatabaseTooNew
from jobsite.core.errors import Refused, require
from jobsite.core.sides import why_not_here
from jobsite.instance import close_instance, open_instance
from jobsite.settings import SettingsError, load

as_json = click.option(
    "--json", "json_wanted", is_flag=True, help="Print one JSON document and nothing else."
)


class InstanceCommand(click.Command):
    """A command of an instance, with the side on which it exists (`sides.SIDES`)."""

    side = "any"


def instance_command(
    *options: Any, name: str | None = None, opens: bool = True, side: str = "any"
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a click command that takes `--instance DIR` and, unless `opens` is False, opens it first.

    On a side on which it does not exist (`sides.SIDES`) it is refused. The function gets `settings` as its first argument. A refusal ends with its sentence on standard error
    and exit status 1.
    """

    def make(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(instance: Path | None, **values: Any) -> None:
            _refuse_broken_text(values)
            with refusals_as_sentences():
                settings = load(instance)
                require(why_not_here(side, settings.side))
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
        made = click.command(name, cls=InstanceCommand)(run)
        made.side = side
        return made

    return make


def _refuse_broken_text(values: dict[str, Any]) -> None:
    """Words that are not UTF-8 reach Python as text that neither a database nor a terminal takes."""
    words = [word for value in values.values() for word in (value if isinstance(value, tuple) else (value,))]
    for word in words:
        if isinstance(word, str) and word.encode("utf-8", "replace").decode() != word:
            raise click.UsageError(f"{word.encode('utf-8', 'replace').decode()!r} is not text in UTF-8.")


def _sentence(error: Exception) -> str | None:
    """What to say instead of a traceback, or None for a mistake of the program."""
    if isinstance(error, Refused | SettingsError | DatabaseTooNew):
        return str(error)
    # Exactly these: their subclasses are what a mistake of the program raises.
    if type(error) in (peewee.OperationalError, peewee.DatabaseError):
        return f"The database of this instance cannot be used: {error}."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}."
    return None


@contextmanager
def refusals_as_sentences() -> Iterator[None]:
    """Within the block a refusal, or a disk or database that fails, ends the program with a sentence and status 1."""
    try:
        yield
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        click.echo(sentence, err=True)
        sys.exit(1)


def print_json(document: Any) -> None:
    """Print one JSON document, readable."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
