"""The `run` of actions: a command with an image and a version, no two alike (specification 1.5)."""

from collections.abc import Iterable

from jobsite.pipelines.command import Command, UnclosedQuote, parse_command
from jobsite.pipelines.findings import Draft, Findings
from jobsite.pipelines.nodes import Node, Scalar
from jobsite.pipelines.wording import join, nearest, quote

RUNTIMES = ("ehrql", "cohortextractor", "databuilder", "sqlrunner", "python", "r", "stata-mp", "jupyter")
"""Names of the usual images; an installation may have others."""

_SCRIPTS = {"py": "python", "r": "r", "do": "stata-mp", "ipynb": "jupyter"}
_PROGRAMS = {"rscript": "r", "python3": "python", "stata": "stata-mp", "jupyter-lab": "jupyter"}


def read_run(draft: Draft, run: Scalar, version: float | None, found: Findings) -> Command | None:
    """The split command of an action, None where it cannot be split or is empty. Notes what is wrong with it."""
    name = quote(draft.name)
    try:
        command = parse_command(run.text)
    except UnclosedQuote as error:
        _unclosed(draft, run, str(error), found)
        return None
    if not command.words:
        message = f"Action {name}: run must have a value, but it is empty."
        hint = "Write a command, for example `python:v2 analysis/script.py`."
        found.add("run-empty", run, message, action=draft.name, hint=hint)
        return None
    if not command.has_tag:
        word = quote(command.words[0])
        message = (
            f"Action {name}: `{word}` must have a version specified in the form :vN, for example `python:v2`."
        )
        found.add("run-version", run, message, action=draft.name, hint=_version_hint(command))
    if version is None:
        return command
    if version >= 5 and command.tag == "latest":
        message = f"Action {name}: the tag `latest` is not allowed. Provide a version e.g. `:v2` instead."
        hint = f"`latest` has always meant `v1`: write `{quote(command.image)}:v1`, or a newer version."
        found.add("run-latest", run, message, action=draft.name, hint=hint)
    if version >= 4 and command.image.startswith("cohortextractor"):
        message = f"Action {name} uses cohortextractor actions, which are not supported in this version."
        hint = "Rewrite the study definition for `ehrql`, or keep the file at version 3."
        found.add("run-cohortextractor", run, message, action=draft.name, hint=hint)
    return command


def _unclosed(draft: Draft, run: Scalar, mark: str, found: Findings) -> None:
    if mark == "\\":
        why, hint = (
            "a backslash at the end keeps the next letter, and there is none",
            "Delete the last backslash.",
        )
    else:
        why = f"the quote {mark} is opened and never closed"
        hint = "Close the quote. An apostrophe inside a command goes into double quotes."
    message = f"Action {quote(draft.name)}: No closing quotation in run: {why}."
    found.add("run-quotes", run, message, action=draft.name, hint=hint)


def _version_hint(command: Command) -> str:
    image = command.image.lower()
    known = _PROGRAMS.get(image) or nearest(image, RUNTIMES) or command.image or "python"
    tag = command.tag
    if tag and tag[0].isdigit():
        return f"Write `{quote(command.image)}:v{quote(tag)}`."
    if not tag and ":" in command.words[0] and len(command.words) > 1:
        return f"Delete the blank after the colon: `{quote(command.words[0])}{quote(command.words[1])}`."
    if tag and nearest(tag, ["latest", "dev"]):
        return f"Did you mean `{quote(command.image)}:{nearest(tag, ['latest', 'dev'])}`?"
    if tag:
        return f"`{quote(tag)}` is no version; versions look like `v1`, `v2` or `v1.2`."
    if "/" in command.words[0] or "." in command.words[0]:
        language = _SCRIPTS.get(command.words[0].rpartition(".")[2].lower(), "python")
        return f"Begin with the image that runs the script: `{language}:v2 {quote(command.words[0])}`."
    return f"Write `{quote(known)}:v2`, or another version of it."


def check_repeated_runs(drafts: Iterable[Draft], found: Findings) -> None:
    """Notes a command that an earlier action has too, and warns of one that differs in blanks or quotes only."""
    texts: dict[str, list[str]] = {}
    words: dict[tuple[str, ...], Draft] = {}
    for draft in drafts:
        if draft.run is None or not draft.run.text.strip():
            continue
        earlier = texts.setdefault(draft.run.text, [])
        if earlier:
            message = (
                f"Action {quote(draft.name)} has the same 'run' command as other actions: {join(earlier)}."
            )
            hint = "Give each action its own command, or delete the repeated one and need the first."
            found.add("run-duplicate", _own_place(draft), message, action=draft.name, hint=hint)
        elif draft.command is not None:
            other = words.setdefault(draft.command.words, draft)
            if other is not draft:
                _similar(draft, other, found)
        if len(earlier) < 8:
            earlier.append(draft.name)


def _own_place(draft: Draft) -> Node:
    """The place of the command, or of the action's name if a merge key has brought the command from elsewhere."""
    return draft.run if draft.run and draft.run.line >= draft.key.line else draft.key


def _similar(draft: Draft, other: Draft, found: Findings) -> None:
    message = (
        f"Action {quote(draft.name)} runs the same command as action {quote(other.name)}; "
        "only blanks or quotes differ."
    )
    found.add(
        "run-similar",
        _own_place(draft),
        message,
        action=draft.name,
        hint="Delete one of them if it was copied.",
    )
