"""Reusable actions: what the `action.yaml` of one says, and the action of a study that calls it (specification 2.6)."""

from collections.abc import Collection
from dataclasses import replace

import yaml

from jobsite.pipelines.command import Command, UnclosedQuote, parse_command
from jobsite.pipelines.report import Action, job_command


class NotAnAction(ValueError):
    """What is wrong with an `action.yaml`; the text goes on a sentence."""


def words_of(data: bytes, runtimes: Collection[str]) -> tuple[str, ...]:
    """The words of `run` in an `action.yaml`, of which the first names a runtime image with its tag.

    `runtimes` are the names of runtime images. Raises NotAnAction.
    """
    try:
        said = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError):
        raise NotAnAction("doesn't look like a valid action: its action.yaml cannot be read") from None
    if not isinstance(said, dict):
        raise NotAnAction("doesn't look like a valid action: its action.yaml is no mapping")
    run = said.get("run")
    if not isinstance(run, str) or not run.strip():
        raise NotAnAction("doesn't look like a valid action: Missing `run` in action.yaml")
    try:
        command = parse_command(run)
    except UnclosedQuote:
        raise NotAnAction("doesn't look like a valid action: No closing quotation in its `run`") from None
    if command.image not in runtimes or not command.has_tag:
        raise NotAnAction(f"doesn't look like a valid action: Unrecognised runtime: {command.words[0][:100]}")
    if command.is_database_action:
        raise NotAnAction("cannot run commands which access the database")
    return command.words


def calling(action: Action, words: tuple[str, ...]) -> Action:
    """The action with the reusable one's words in place of its first: what a job of it runs.

    Raises NotAnAction where both together would read the database.
    """
    both = (*words, *action.words[1:])
    image, _, tag = words[0].partition(":")
    if Command(both, image, tag).is_database_action:
        raise NotAnAction("cannot run commands which access the database")
    return replace(action, words=both, image=image, tag=tag, run_command=job_command(both, action.config))
