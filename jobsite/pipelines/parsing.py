"""`parse`: the bytes of a project file to a report. The one door; the form, the command line and the API use it."""

import math

from jobsite.pipelines import encoding, syntax
from jobsite.pipelines.checking import (
    check_expectations,
    check_top_keys,
    check_version,
    duplicate_key,
    read_actions,
)
from jobsite.pipelines.command import Command
from jobsite.pipelines.composing import Composer
from jobsite.pipelines.findings import Draft, Findings
from jobsite.pipelines.limits import Limits
from jobsite.pipelines.nodes import Mapping, Node, Scalar, Sequence, Unreadable, kind_of, text_of
from jobsite.pipelines.planning import creation_order
from jobsite.pipelines.reading import Undecodable, decode, exact_events, fast_events
from jobsite.pipelines.report import Action, Pipeline, Report, job_command
from jobsite.pipelines.wording import quote

LIMITS = Limits()


def parse(data: bytes | str, limits: Limits = LIMITS) -> Report:
    """The verdict on a project file: all problems and warnings in file order, or the pipeline.

    Whatever `data` is, the answer is a report and never an exception; time and memory stay within `limits`.
    """
    found = Findings(limits)
    try:
        text = _text(data, limits, found)
        root = _tree(text, limits, found) if text is not None else None
    except Unreadable as error:
        _note(found, error)
        text, root = _shown_text(data), None
    if root is None:
        return Report(None, found.problems, found.warnings, None, found.omitted, text or _shown_text(data))
    version = check_version(root, found)
    check_top_keys(root, found)
    population = check_expectations(root, version, found)
    drafts = _drafts(root, version, limits, found)
    problems, pipeline = found.problems, None
    if not problems and drafts is not None and version is not None:
        pipeline = _pipeline(drafts, version, population)
    shown = version if version is not None and math.isfinite(version) else None
    return Report(shown, problems, found.warnings, pipeline, found.omitted, text or "")


def _note(found: Findings, error: Unreadable) -> None:
    found.add_at(error.code, error.line, error.column, error.message, hint=error.hint)


def _shown_text(data: bytes | str) -> str:
    """What an excerpt of an unreadable file is taken from: its beginning, however broken."""
    start = data[:200_000]
    if isinstance(start, str):
        return start.removeprefix("\ufeff")
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return start.decode(encoding, errors="replace")


def _text(data: bytes | str, limits: Limits, found: Findings) -> str | None:
    if len(data) > limits.size:
        size = f"{len(data) / 1_000_000:.1f} MB"
        message = f"The file is too large: it has {size}, and {limits.size // 1_000_000} MB is the limit."
        raise Unreadable("yaml-nesting", 1, 1, message, "Check that this is a project file and no data.")
    try:
        text = decode(data)
    except Undecodable as error:
        raise encoding.undecodable(error) from None
    for answer in encoding.unacceptable(text):
        _note(found, answer)
    if found.problems:
        return None
    return text


def _tree(text: str, limits: Limits, found: Findings) -> Mapping | None:
    """The top level of the file, None if it is none; its problems are noted. Raises Unreadable."""
    composer, root = _compose(text, limits)
    for code, node, values in composer.problems:
        if code == "yaml-alias":
            _undefined_alias(found, node, *values)
        else:
            duplicate_key(found, node, *values)
    if root is None or (isinstance(root, Scalar) and root.is_null):
        message = (
            "The project file is empty."
            if not text.strip()
            else "The project file is empty; comments alone do not count."
        )
        hint = 'A project file starts with `version: "5.0"` and `actions:`.'
        found.add_at("file-empty", 1, 1, message, hint=hint)
        return None
    if not isinstance(root, Mapping):
        _not_mapping(found, root)
        return None
    return root


def _compose(text: str, limits: Limits) -> tuple[Composer, Node | None]:
    fast = fast_events(text)
    if fast is not None:
        composer = Composer(text, limits)
        try:
            return composer, composer.compose(fast)
        except syntax.FAILURES:
            pass  # the exact parser decides, and says where
    composer = Composer(text, limits)
    try:
        return composer, composer.compose(exact_events(text))
    except syntax.FAILURES as error:
        raise syntax.diagnose(error, text) from None


def _undefined_alias(found: Findings, node: Node, name: str) -> None:
    found.add(
        "yaml-alias",
        node,
        f"`*{quote(name)}` is an undefined alias: it refers to an anchor `&{quote(name)}`, and there is none before it.",
        hint=f'A value that starts with `*` must be in quotes: "*{quote(name)}".',
    )


def _not_mapping(found: Findings, root: Node) -> None:
    hint = 'It starts with `version: "5.0"`, and on a line of its own `actions:`.'
    if isinstance(root, Sequence):
        hint = "Write the keys without `-` before them: " + hint
    if isinstance(root, Scalar) and root.text.lstrip().startswith("<"):
        hint = "This looks like a web page, not like the file itself; download the raw file."
    message = f"A project file must be a dictionary of key/value pairs, but this is {kind_of(root)}."
    found.add("file-not-mapping", root, message, hint=hint)


def _drafts(root: Mapping, version: float | None, limits: Limits, found: Findings) -> list[Draft] | None:
    actions = root.fields().get("actions", (None, None))[1]
    if isinstance(actions, Mapping) and len(actions.pairs) > limits.actions:
        message = f"The file is too large: it has {len(actions.pairs):,} actions, and {limits.actions:,} is the limit."
        found.add("yaml-nesting", actions.pairs[limits.actions][0], message, hint="Split the study.")
        return None
    return read_actions(root, version, found)


def _pipeline(drafts: list[Draft], version: float, population: int) -> Pipeline:
    actions = {draft.name: _action(draft, draft.command) for draft in drafts if draft.command}
    wanted = [name for name in actions if name != "run_all"]
    return Pipeline(version, actions, tuple(creation_order(actions, wanted)), population)


def _action(draft: Draft, command: Command) -> Action:
    """The action of a draft without problems."""
    config = _plain(draft.fields["config"][1]) if "config" in draft.fields else None
    settings = config if isinstance(config, dict) else {}
    dummy = draft.fields.get("dummy_data_file", (None, None))[1]
    outputs: dict[str, dict[str, str]] = {level: {} for level in draft.levels}
    for pattern in draft.patterns:
        outputs[pattern.level][_label(pattern.label, outputs[pattern.level])] = pattern.text
    return Action(
        name=draft.name,
        run=text_of(draft.run) or "",
        words=command.words,
        image=command.image,
        tag=command.tag,
        run_command=job_command(command.words, settings),
        needs=tuple(need.text for need in draft.needs),
        outputs=outputs,
        config=settings,
        is_database_action=command.is_database_action,
        line=draft.key.line,
        dummy_data_file=text_of(dummy),
    )


def _label(label: str, taken: dict[str, str]) -> str:
    """A label that is free: `1` and `"1"` are two keys for YAML, but one label for us."""
    while label in taken:
        label += "'"
    return label


def _plain(node: Node) -> object:
    """The value of a node as Python data that JSON can show; dates become ISO text (specification 1.9)."""
    if isinstance(node, Mapping):
        return {_key_text(key): _plain(value) for key, value in node.pairs}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    if not isinstance(node, Scalar):
        return None
    if hasattr(node.value, "isoformat"):
        return node.value.isoformat()
    return node.text if isinstance(node.value, tuple) else node.value


def _key_text(key: Node) -> object:
    if isinstance(key, Scalar):
        value = _plain(key)
        return value if isinstance(value, str | int | float | bool | None) else key.text
    return kind_of(key)
