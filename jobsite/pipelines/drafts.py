"""One action of a project file: its name, its keys and the kinds of their values (specification 1.4)."""

import re
from collections.abc import Mapping as Map

from jobsite.pipelines.database import check_database_command
from jobsite.pipelines.findings import Draft, Findings
from jobsite.pipelines.needs import read_needs
from jobsite.pipelines.nodes import Mapping, Node, Scalar, Sequence, is_broken, kind_of, text_of
from jobsite.pipelines.outputs import read_outputs
from jobsite.pipelines.report import LATEST_VERSION
from jobsite.pipelines.runs import read_run
from jobsite.pipelines.wording import Nearest, join, nearest, quote

ACTION_KEYS = ("run", "needs", "outputs", "config", "dummy_data_file")
FOREIGN_KEYS = {
    "command": "run",
    "cmd": "run",
    "script": "run",
    "depends_on": "needs",
    "dependencies": "needs",
    "requires": "needs",
    "inputs": "needs",
    "jobs": "actions",
    "steps": "actions",
    "tasks": "actions",
    "pipeline": "actions",
    "stages": "actions",
}
"""What other pipeline tools call the same thing."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_KINDS = {
    "run": (Scalar, "a string"),
    "dummy_data_file": (Scalar, "a string"),
    "needs": (Sequence, "a list"),
    "outputs": (Mapping, "a dictionary of key/value pairs"),
    "config": (Mapping, "a dictionary of key/value pairs"),
}
_MAY_BE_EMPTY = ("needs", "config", "dummy_data_file")


def is_safe_name(name: str) -> bool:
    """Whether `name` may be an action's: it becomes part of paths (B5)."""
    return _SAFE_NAME.fullmatch(name) is not None and name not in (".", "..")


def open_action(key: Node, value: Node, version: float | None, found: Findings) -> Draft | None:
    """The draft of one entry of `actions`, with name and keys checked; None if its key is no name at all."""
    name = key.text if isinstance(key, Scalar) else ""
    if not is_safe_name(name):
        _unsafe_name(name, key, found)
        if not isinstance(key, Scalar):
            return None
    if name == "run_all" and version is not None:
        if version >= 5:
            message = f"`run_all` is a reserved action name from version {LATEST_VERSION} on."
            hint = "Give the action another name; `run_all` always means every action of the file."
            found.add("name-reserved", key, message, action=name, hint=hint)
        else:
            message = (
                "The action `run_all` is ignored when all actions are run, because the name means just that."
            )
            found.add("name-run-all", key, message, action=name, hint="Give the action another name.")
    draft = Draft(name, key)
    if isinstance(value, Mapping):
        draft.fields = value.fields()
        _check_action_keys(draft, value, version, found)
    elif not is_broken(value):
        _not_an_action(draft, value, found)
    return draft


def _unsafe_name(name: str, key: Node, found: Findings) -> None:
    safe = re.sub("[^A-Za-z0-9_.-]+", "_", name).strip("_")
    shown = f"`{quote(name)}`" if name else kind_of(key) if not isinstance(key, Scalar) else "empty"
    found.add(
        "name-unsafe",
        key,
        f"An action's name becomes part of file names, but this one is {shown}. "
        "Use letters, digits, `_`, `-` and `.` only.",
        action=name or None,
        hint=f"Write `{quote(safe)}`."
        if is_safe_name(safe)
        else "Give it a plain name such as `make_tables`.",
    )


def _not_an_action(draft: Draft, value: Node, found: Findings) -> None:
    empty = isinstance(value, Scalar) and value.is_null
    hint = "Below the name, indented, write `run:` and `outputs:`."
    if draft.name in ACTION_KEYS:
        hint = "This is a key of an action; indent it deeper than the action's name."
    elif isinstance(value, Sequence):
        hint = "Write `run:` and `outputs:` without a dash before them."
    elif empty:
        hint = "If `run` and `outputs` follow, indent them deeper than the name of the action."
    message = f"Configuration for action {quote(draft.name)} must be a dictionary of key/value pairs, "
    place = draft.key if empty else value
    found.add(
        "action-not-mapping", place, message + f"but it is {kind_of(value)}.", action=draft.name, hint=hint
    )


def _check_action_keys(draft: Draft, value: Mapping, version: float | None, found: Findings) -> None:
    absent = [wanted for wanted in ACTION_KEYS if wanted not in draft.fields]
    meant: dict[str, tuple[Node, Node]] = {}
    for key, content in value.pairs:
        if isinstance(key, Scalar) and key.is_text and key.text in ACTION_KEYS:
            continue
        word = key.text if isinstance(key, Scalar) else kind_of(key)
        known = nearest(word, absent) or FOREIGN_KEYS.get(word.lower())
        if known in absent:
            meant.setdefault(known, (key, content))
        found.add(
            "action-unknown-key",
            key,
            f"Unexpected parameters ({quote(word)}) in action {quote(draft.name)}: "
            f"its keys are {join(ACTION_KEYS)}.",
            action=draft.name,
            hint=_key_hint(word, content, known, absent),
        )
    for wanted in ("run", "outputs"):
        if wanted in absent:
            _missing_key(draft, wanted, meant.get(wanted), found)
    draft.fields |= meant
    if version is not None and version >= 4 and "dummy_data_file" in draft.fields:
        message = f"Action {quote(draft.name)} has a `dummy_data_file`, which nothing uses from version 4 on."
        place = draft.fields["dummy_data_file"][0]
        found.add("unused-key", place, message, action=draft.name, hint="Delete the line.")


def _key_hint(word: str, content: Node, known: str | None, absent: list[str]) -> str:
    if known in absent:
        return f"Did you mean `{known}`?"
    if word.endswith("_sensitive") or word in ("high", "moderate", "highly", "moderately"):
        return "A privacy level belongs below `outputs:`; indent it deeper."
    if isinstance(content, Mapping) and {"run", "outputs"} & content.fields().keys():
        return "This looks like an action of its own: indent it like the other actions."
    return "Delete it. Settings for a reusable action go below `config:`."


def _missing_key(draft: Draft, wanted: str, meant: tuple[Node, Node] | None, found: Findings) -> None:
    hint = {
        "run": "Add a line such as `run: python:v2 analysis/script.py`.",
        "outputs": "Add `outputs:`, below it a level such as `highly_sensitive:`, and below that `label: path`.",
    }[wanted]
    if meant:
        hint = f"Line {meant[0].line} was probably meant to be it."
    message = f"Action {quote(draft.name)} must contain a configuration for '{wanted}'."
    found.add(f"action-{wanted}-missing", draft.key, message, action=draft.name, hint=hint)


def read_action(
    draft: Draft, version: float | None, names: Map[str, Draft], find: Nearest, found: Findings
) -> None:
    """Checks the values of one action, after the names of all actions (`names`, `find`) are known."""
    for wanted, (kind, words) in _KINDS.items():
        if wanted in draft.fields:
            key, value = draft.fields[wanted]
            if not _is_kind(value, wanted, kind):
                _wrong_type(draft, wanted, words, key, value, found)
    run = _value(draft, "run")
    if isinstance(run, Scalar) and run.is_text:
        draft.run = run
        draft.command = read_run(draft, run, version, found)
    if needs := _value(draft, "needs"):
        read_needs(draft, needs, names, find, found)
    if outputs := _value(draft, "outputs"):
        read_outputs(draft, outputs, found)
    check_database_command(draft, found)


def _is_kind(value: Node, wanted: str, kind: type) -> bool:
    if is_broken(value):
        return True
    if isinstance(value, Scalar) and value.is_null:
        return wanted in _MAY_BE_EMPTY
    return isinstance(value, kind) and (kind is not Scalar or text_of(value) is not None)


def _value(draft: Draft, wanted: str) -> Node | None:
    return draft.fields[wanted][1] if wanted in draft.fields else None


def _wrong_type(draft: Draft, wanted: str, words: str, key: Node, value: Node, found: Findings) -> None:
    empty = isinstance(value, Scalar) and value.is_null
    hint = "Write one path in quotes."
    if wanted == "needs" and isinstance(value, Scalar):
        hint = (
            "Write a blank after each dash: `- name`."
            if value.text.startswith("-")
            else f"Write `needs: [{quote(', '.join(value.text.replace(',', ' ').split()))}]`."
        )
    elif wanted == "needs":
        hint = "Write one line `- name` for each action that must run before, without a colon."
    elif wanted == "run":
        hint = "Write one command on the line, for example `run: python:v2 analysis/script.py`."
    elif wanted == "config":
        hint = "Write each setting on a line of its own, `name: value`, indented below `config:`."
    elif wanted == "outputs":
        hint = "Below `outputs:` write a level, and below it a line `label: path/to/file.csv`, each indented deeper."
    message = (
        f"`{wanted}` section for action {quote(draft.name)} must be {words}, but it is {kind_of(value)}."
    )
    found.add("action-wrong-type", key if empty else value, message, action=draft.name, hint=hint)
