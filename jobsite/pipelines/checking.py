"""The rules of a whole project file: version, top level, expectations (specification 1.3, 1.4, 1.8)."""

import math

from jobsite.pipelines.drafts import ACTION_KEYS, FOREIGN_KEYS, open_action, read_action
from jobsite.pipelines.findings import Draft, Findings
from jobsite.pipelines.needs import check_circles
from jobsite.pipelines.nodes import Mapping, Node, Scalar, Sequence, is_broken, kind_of
from jobsite.pipelines.outputs import check_unique
from jobsite.pipelines.overlaps import warn_of_overlaps
from jobsite.pipelines.report import LATEST_VERSION, LEVELS
from jobsite.pipelines.runs import check_repeated_runs
from jobsite.pipelines.wording import Nearest, join, nearest, quote

TOP_KEYS = ("version", "actions", "expectations")


def check_version(root: Mapping, found: Findings) -> float | None:
    """The version of the file as a finite number, None if it says none (specification 1.3)."""
    key, node = root.fields().get("version", (root, None))
    if node is None or (isinstance(node, Scalar) and node.is_null):
        found.add(
            "version-missing",
            key,
            f"The project file must have a `version` attribute; the latest version is {LATEST_VERSION}.",
            hint=f'Write `version: "{LATEST_VERSION}.0"` as the first line.',
        )
        return None
    number = _as_number(node)
    said = quote(node.text) if isinstance(node, Scalar) else kind_of(node)
    between = f"`version` must be a number between 1 and {LATEST_VERSION}, but it is {said}"
    if number is None:
        if not is_broken(node):
            found.add(
                "version-not-number", node, f"{between}.", hint=f'Write `version: "{LATEST_VERSION}.0"`.'
            )
        return None
    if 1 <= number <= LATEST_VERSION:
        if number != LATEST_VERSION:
            _warn_of_old_version(node, said, found)
    else:
        code = "version-too-old" if number < 1 else "version-too-new"
        hint = f'Write `version: "{LATEST_VERSION}.0"`.'
        found.add(code, node, f"{between}; the latest version is {LATEST_VERSION}.", hint=hint)
    return int(number) if math.isfinite(number) and number == int(number) else number


def _as_number(node: Node) -> float | None:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:
        number = math.inf if int(value) > 0 else -math.inf
    return None if math.isnan(number) else number


def _warn_of_old_version(node: Node, said: str, found: Findings) -> None:
    found.add(
        "version-old",
        node,
        f"The file has format version {said}; the latest version is {LATEST_VERSION}.",
        hint="Older versions still run. The newest has the fewest surprises; see the notes on versions.",
    )


def check_top_keys(root: Mapping, found: Findings) -> None:
    """Notes every key of the top level that means nothing."""
    missing = [name for name in TOP_KEYS if name not in root.fields()]
    for key, value in root.pairs:
        if isinstance(key, Scalar) and key.is_text and key.text in TOP_KEYS:
            continue
        name = key.text if isinstance(key, Scalar) else kind_of(key)
        known = nearest(name, missing or TOP_KEYS) or FOREIGN_KEYS.get(name.lower())
        hint = f"Did you mean `{known}`?" if known else "Delete it."
        if isinstance(value, Mapping) and {"run", "outputs"} & value.fields().keys():
            hint = "This looks like an action: indent it, so that it stands below `actions:`."
        elif name in ACTION_KEYS:
            hint = "This belongs to an action: indent it deeper than the name of that action."
        message = f"Unexpected parameters ({quote(name)}) in project: only {join(TOP_KEYS)} may stand at the top level."
        found.add("top-unknown-key", key, message, hint=hint)


def check_expectations(root: Mapping, version: float | None, found: Findings) -> int:
    """The size of the invented population, 1000 where the version ignores the section (specification 1.8)."""
    key, node = root.fields().get("expectations", (root, None))
    if isinstance(node, Scalar) and node.is_null:
        node = None
    if version is not None and version >= 4 and node is not None:
        found.add(
            "expectations-not-allowed",
            key,
            f"Project includes `expectations` section, which version {quote(str(version))} does not use; "
            "you can safely remove it.",
            hint="Delete `expectations` and the lines below it.",
        )
    if version != 3:
        return 1000
    if node is None:
        found.add(
            "expectations-missing",
            key,
            "A project file of version 3 must include `expectations` section.",
            hint="Add two lines: `expectations:` and, indented below it, `population_size: 1000`.",
        )
    elif isinstance(node, Mapping):
        return _check_population(key, node, found)
    elif not is_broken(node):
        found.add(
            "expectations-not-mapping",
            node,
            f"`expectations` must be a dictionary with the key `population_size`, but it is {kind_of(node)}.",
            hint="Write `population_size: 1000` on a line of its own below it, indented.",
        )
    return 1000


def _check_population(section: Node, node: Mapping, found: Findings) -> int:
    for key, _ in node.pairs:
        if not (isinstance(key, Scalar) and key.is_text and key.text == "population_size"):
            name = key.text if isinstance(key, Scalar) else kind_of(key)
            known = nearest(name, ["population_size"])
            message = f"Unexpected parameters ({quote(name)}) in project `expectations` section."
            hint = f"Did you mean `{known}`?" if known else "Delete it."
            found.add("expectations-unknown-key", key, message, hint=hint)
    place, value = node.fields().get("population_size", (section, None))
    if value is None:
        message = "Project `expectations` section must include `population_size` section."
        found.add("expectations-population-missing", section, message, hint="Write `population_size: 1000`.")
        return 1000
    size = _as_whole(value)
    if size is None and not is_broken(value):
        said = quote(value.text) if isinstance(value, Scalar) and value.text else kind_of(value)
        message = f"Project expectations population size must be a number, but it is {said}."
        if not (isinstance(value, Scalar) and value.is_null):
            place = value
        found.add("expectations-population-not-number", place, message, hint="Write `population_size: 1000`.")
    return 1000 if size is None else size


def _as_whole(node: Node) -> int | None:
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, str | int | float):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def read_actions(root: Mapping, version: float | None, found: Findings) -> list[Draft] | None:
    """Drafts of all actions in file order with every rule checked, None if there is no readable `actions` section."""
    key, node = root.fields().get("actions", (root, None))
    if not isinstance(node, Mapping):
        if node is not None and is_broken(node):
            return None
        node = _no_actions_section(root, key, node, found)
        if node is None:
            return None
    pairs = _without_stray_keys(node.pairs)
    drafts = [draft for pair in pairs if (draft := open_action(*pair, version, found))]
    if not node.pairs:
        found.add(
            "no-actions", node, "The file has no actions, so there is nothing to run.", hint="Add an action."
        )
    names: dict[str, Draft] = {}
    for draft in drafts:
        first = names.setdefault(draft.name, draft)
        if first is not draft:
            duplicate_key(found, draft.key, draft.name, first.key.line, first.name)
    find = Nearest(name for name in names if name != "run_all")
    for draft in drafts:
        read_action(draft, version, names, find, found)
    check_repeated_runs(drafts, found)
    if version is not None and version >= 2:
        check_unique(drafts, found)
    check_circles(names, found)
    warn_of_overlaps(drafts, found)
    return drafts


def _without_stray_keys(pairs: list[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
    """The pairs but for `run`, `outputs` and the like that follow an action without any: its own, not indented."""
    kept: list[tuple[Node, Node]] = []
    for key, value in pairs:
        above = kept[-1][1] if kept else None
        is_stray = isinstance(key, Scalar) and key.text in ACTION_KEYS
        if not (is_stray and isinstance(above, Scalar) and above.is_null):
            kept.append((key, value))
    return kept


def _no_actions_section(root: Mapping, key: Node, node: Node | None, found: Findings) -> Mapping | None:
    """Notes that the section is missing or of the wrong kind. Gives the one that was probably meant."""
    place = key if node is None or (isinstance(node, Scalar) and node.is_null) else node
    said = "it is missing" if node is None else f"it is {kind_of(node)}"
    meant = _meant_actions(root) if node is None else None
    hint = (
        "Write `actions:` on a line of its own, and below it, indented, the name of each action and a colon."
    )
    if isinstance(node, Sequence):
        hint = "Write each action as `name:` instead of `- name`, with its keys indented below it."
    outside = None if node is None else _outside(root)
    if outside:
        hint = f"From line {outside.line} on there are actions at the left edge: indent them."
    if meant:
        hint = f"Line {meant[0].line} was probably meant to be it."
    message = f"The `actions` section must be a dictionary of key/value pairs, but {said}."
    found.add("actions-not-mapping", place, message, hint=hint)
    return meant[1] if meant else None


def _outside(root: Mapping) -> Node | None:
    """The first key at the top level that looks like an action."""
    for key, value in root.pairs:
        if isinstance(value, Mapping) and {"run", "outputs"} & value.fields().keys():
            return key
    return None


def _meant_actions(root: Mapping) -> tuple[Node, Mapping] | None:
    for key, value in root.pairs:
        if not isinstance(key, Scalar) or not isinstance(value, Mapping) or key.text in TOP_KEYS:
            continue
        if nearest(key.text, ["actions"]) or FOREIGN_KEYS.get(key.text.lower()) == "actions":
            return key, value
    return None


def duplicate_key(found: Findings, node: Node, text: str, first_line: int, first_text: str) -> None:
    """Notes a key that stands a second time in its mapping."""
    as_written = "" if text == first_text else f", there written `{quote(first_text)}`"
    found.add(
        "yaml-duplicate-key",
        node,
        f"There is a duplicate key: `{quote(text)}` stands on line {first_line}{as_written} "
        f"and again on line {node.line}.",
        hint="Move what stands below it up to the first, and delete this one."
        if text in (*ACTION_KEYS, *TOP_KEYS, *LEVELS)
        else "Rename one of the two, or delete it.",
    )
