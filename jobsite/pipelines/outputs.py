"""The outputs of actions: privacy levels, patterns of paths, and patterns that can meet (specification 1.6, 1.10)."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from jobsite.pipelines.findings import Draft, Findings, Pattern
from jobsite.pipelines.nodes import Mapping, Node, Scalar, is_broken, kind_of, text_of
from jobsite.pipelines.report import LEVELS
from jobsite.pipelines.wording import nearest, quote

LEVEL4_TYPES = (".csv", ".jpg", ".jpeg", ".png", ".svg", ".svgz", ".html", ".txt", ".log", ".json", ".md")
"""Types of files that may be looked at on the Level 4 server."""

_OTHER_TYPES_TEXT = """
.arrow .feather .parquet .rds .rda .RData .Rdata .Rds .dta .sas7bdat .sav .fst .qs .duckdb .sqlite .db .sql
.gz .zip .bz2 .xz .zst .tar .pkl .pickle .joblib .model .npy .npz .h5 .hdf5 .bin .dat .tmp
.jsonl .ndjson .geojson .xml .yaml .yml .toml .ini .cfg .tsv .htm .css .js
.pdf .tex .doc .docx .xls .xlsx .pptx .rtf .eps .ps .tif .tiff .gif .bmp .webp .gph .smcl .ster
.do .py .R .r .Rmd .qmd .ipynb .out .err
"""
_OTHER_TYPES = frozenset(_OTHER_TYPES_TEXT.split())
_PRIVATE_TYPES = re.compile(
    r"\.(?:rds|rda|rdata|feather|arrow|parquet|dta|gz|zip|pkl|pickle|sav|sas7bdat|h5)", re.IGNORECASE
)
_SLIPS_OF_TYPE = {
    ".cvs": ".csv",
    ".scv": ".csv",
    ".jpe": ".jpeg",
    ".htm": ".html",
    ".text": ".txt",
    ".tsv": ".csv",
}
_WINDOWS_ROOT = re.compile("[A-Za-z]:/")


def read_outputs(draft: Draft, node: Node, found: Findings) -> None:
    """Fills `draft.levels` and `draft.patterns` from the value of `outputs`, and notes what is wrong with it."""
    name = quote(draft.name)
    if not isinstance(node, Mapping):
        return
    draft.outputs_are_sound = True
    for key, value in node.pairs:
        level = key.text if isinstance(key, Scalar) else kind_of(key)
        if text_of(key) not in LEVELS:
            _unknown_level(draft, level, key, value, found)
        elif isinstance(value, Mapping):
            draft.levels[level] = key
            _read_level(draft, level, value, found)
        elif not (isinstance(value, Scalar) and value.is_null):
            draft.outputs_are_sound = False
            _wrong_level(draft, level, value, found)
    if not draft.levels and draft.outputs_are_sound:
        draft.outputs_are_sound = False
        found.add(
            "outputs-none",
            draft.fields["outputs"][0],
            f"Action {name} must specify at least one output of: {', '.join(LEVELS)}.",
            action=draft.name,
            hint="Below `outputs:` write a level, and below it a line `label: path/to/file.csv`, each indented deeper.",
        )


def _unknown_level(draft: Draft, level: str, key: Node, value: Node, found: Findings) -> None:
    """Notes a key that is no level. What stands below it is checked as what was probably meant."""
    draft.outputs_are_sound = False
    known = nearest(level, LEVELS)
    found.add(
        "outputs-unknown-level",
        key,
        f"Unexpected parameters ({quote(level)}) in `outputs` section for action {quote(draft.name)}: "
        f"the levels are {', '.join(LEVELS)}.",
        action=draft.name,
        hint=f"Did you mean `{known}`?" if known else _level_hint(value),
    )
    if known and isinstance(value, Mapping):
        draft.levels.setdefault(known, key)
        _read_level(draft, known, value, found)


def _level_hint(value: Node) -> str | None:
    if isinstance(value, Scalar) and value.is_text:
        return (
            "Put it below a level, for example `moderately_sensitive:`, and indent it deeper than the level."
        )
    return None


def _wrong_level(draft: Draft, level: str, value: Node, found: Findings) -> None:
    if is_broken(value):
        return
    example = quote(value.text) if isinstance(value, Scalar) and value.is_text else "output/table.csv"
    found.add(
        "outputs-level-wrong-type",
        value,
        f"`{level}` section for action {quote(draft.name)} must be a dictionary of key/value pairs, "
        f"but it is {kind_of(value)}.",
        action=draft.name,
        hint=f"Give each output a label of its own: `table: {example}`.",
    )


def _read_level(draft: Draft, level: str, node: Mapping, found: Findings) -> None:
    for key, value in node.pairs:
        label = key.text if isinstance(key, Scalar) else "?"
        if not isinstance(value, Scalar) or not value.is_text:
            draft.outputs_are_sound = False
            if not is_broken(value):
                _pattern_not_text(draft, label, key, value, found)
            continue
        pattern = Pattern(draft.name, level, label, value.text, value, value.line, value.column)
        draft.patterns.append(pattern)
        _check_path(pattern, found)


def _pattern_not_text(draft: Draft, label: str, key: Node, value: Node, found: Findings) -> None:
    empty = isinstance(value, Scalar) and value.is_null
    hint = "Write one path after each label; for several files use one label each, or a `*` in the path."
    if isinstance(value, Scalar) and not empty:
        hint = f'If it is the name of a file, put it in quotes and give it an extension: "{quote(value.text)}.csv".'
    found.add(
        "outputs-pattern-not-text",
        key if empty else value,
        f"`{quote(label)}` output for action {quote(draft.name)} must be a string, but it is {kind_of(value)}.",
        action=draft.name,
        hint=hint,
    )


def _check_path(pattern: Pattern, found: Findings) -> None:
    fault = path_fault(pattern.text, pattern.level)
    if fault is None:
        _warn_of_type(pattern, found)
        return
    code, why, hint = fault
    pattern.is_sound = False
    found.add(
        code,
        pattern.node,
        f"Output path {quote(pattern.text)} is invalid: {why}.",
        action=pattern.action,
        hint=_content_hint(pattern.text) or hint,
    )


def path_fault(path: str, level: str) -> tuple[str, str, str] | None:
    """Code, reason and hint of the first rule of specification 1.6 that the pattern `path` breaks, or None."""
    if "\\" in path:
        return "path-backslash", "use forward slashes only", _slash_hint(path.replace("\\", "/"))
    if "**" in path or "?" in path or "[" in path:
        return "path-wildcard", "only the * wildcard character is supported", _wildcard_hint(path)
    suffix = suffix_of(path)
    if not suffix or suffix.endswith("*"):
        return "path-extension", "it must have a file type extension at the end", _extension_hint(path)
    if level == "moderately_sensitive" and suffix not in LEVEL4_TYPES:
        why = f"{quote(suffix)} is not an allowed file type for moderately_sensitive outputs"
        return "path-level4-type", why, _type_hint(suffix)
    return _place_fault(path)


def _place_fault(path: str) -> tuple[str, str, str] | None:
    parts = path.split("/")
    if "//" in path or path.endswith("/") or "." in parts or ".." in parts:
        why = "it is not in standard form (contains double slashes or '..' elements)"
        if "." in parts and ".." not in parts and "//" not in path:
            why += ": leave out the `.` between slashes"
        tidy = "/".join(part for part in parts if part not in ("", ".", ".."))
        return "path-not-standard", why, f"Outputs stay inside the workspace: write `{quote(tidy)}`."
    if parts[0] == "metadata":
        why = "it should not include the metadata directory"
        return (
            "path-metadata",
            why,
            "That folder belongs to the platform; use another, for example `output/`.",
        )
    if path.startswith("/") or _WINDOWS_ROOT.match(path):
        why = "it is an absolute path"
        relative = _WINDOWS_ROOT.sub("", path).lstrip("/").removeprefix("workspace/")
        return "path-absolute", why, f"Paths begin at the root of the repository: write `{quote(relative)}`."
    return None


def suffix_of(path: str) -> str:
    """The extension of the last component with its dot, "" if it has none. Slashes at the end do not count.

    A dot that is the first or the last character of the component makes no extension.
    """
    name = path.rstrip("/").rpartition("/")[2]
    if name == ".":
        name = PurePosixPath(path).name
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _content_hint(path: str) -> str | None:
    if "://" in path:
        return "This is a web address. An output is a file that the action writes, for example `output/table.csv`."
    if re.match(r"<{7}|={7}|>{7}", path):
        return "This is the mark of a git merge conflict; keep one of the two versions and delete the marks."
    if any(mark in path for mark in "'\"`“”‘’"):
        clean = re.sub("['\"`“”‘’]", "", path)
        return f"There is a quote inside the path; write `{quote(clean)}`."
    if path != path.strip():
        return f"There is a blank at the start or end; write `{quote(path.strip())}`."
    return None


def _slash_hint(path: str) -> str:
    if _WINDOWS_ROOT.match(path) or path.startswith("/"):
        name = path.rpartition("/")[2]
        return f"Paths begin at the root of the repository: write `{quote('output/' + name)}`, for example."
    return f"Write `{quote(path)}`."


def _wildcard_hint(path: str) -> str:
    if "**" in path:
        return f"One `*` matches inside one folder: write `{quote(re.sub(r'[*]{2,}', '*', path))}`, one line per folder."
    return "List the files one by one, or use `*` for any letters inside one folder."


def _extension_hint(path: str) -> str:
    name = path.rstrip("/").rpartition("/")[2]
    if path.endswith("/") or name == "*":
        folder = path.rstrip("/*")
        return f"An output names files, not a folder: write `{quote(folder + '/' if folder else '')}*.csv`, for example."
    if name.endswith((".*", "*")):
        return "Write the file type out, one line for each type: `*.csv`, `*.png`."
    return f"Write the file with its type: `{quote(path.rstrip('.'))}.csv`, for example."


def _type_hint(suffix: str) -> str:
    lower = suffix.lower()
    slip = _SLIPS_OF_TYPE.get(lower)
    if lower in LEVEL4_TYPES:
        return f"The file type is written in small letters: `{lower}`. Let the code write that name too."
    if slip:
        return f"Did you mean `{slip}`?"
    if _PRIVATE_TYPES.fullmatch(suffix):
        return "Mark it highly_sensitive, or write a .csv with the numbers that are to be checked."
    if lower == ".pdf":
        return "Mark it highly_sensitive, or write figures as .png or .svg and tables as .csv."
    near = nearest(lower, LEVEL4_TYPES)
    allowed = ", ".join(LEVEL4_TYPES)
    if near and len(lower) > 3:
        return f"Did you mean `{near}`? Allowed are {allowed}."
    return f"Mark it highly_sensitive, or write one of {allowed}."


def _warn_of_type(pattern: Pattern, found: Findings) -> None:
    suffix = suffix_of(pattern.text)
    if suffix in LEVEL4_TYPES or suffix in _OTHER_TYPES or "*" in suffix:
        return
    lower = suffix.lower()
    meant = lower if lower in LEVEL4_TYPES or lower in _OTHER_TYPES else _SLIPS_OF_TYPE.get(lower)
    meant = meant or nearest(suffix, LEVEL4_TYPES)
    found.add(
        "output-type",
        pattern.node,
        f"The file type {quote(suffix)} of output {quote(pattern.text)} is unusual.",
        action=pattern.action,
        hint=f"Did you mean `{meant}`?" if meant else "Check that the file really ends like this.",
    )


def check_unique(drafts: Iterable[Draft], found: Findings) -> None:
    """Notes every output text that stands a second time in the file (from version 2)."""
    first: dict[str, Pattern] = {}
    for draft in drafts:
        for pattern in draft.patterns:
            if not pattern.is_sound:
                continue
            other = first.setdefault(pattern.text, pattern)
            if other is pattern:
                continue
            pattern.is_sound = False
            same = (
                "twice in this action"
                if other.action == pattern.action
                else f"in action {quote(other.action)} too"
            )
            node = _shown_place(draft, pattern, other)
            found.add(
                "path-duplicate",
                node,
                f"Output path {quote(pattern.text)} is invalid: it is not unique, it stands {same} (line {other.line}).",
                action=draft.name,
                hint="Two outputs of one name would overwrite each other; give each a name of its own.",
            )


def _shown_place(draft: Draft, pattern: Pattern, other: Pattern) -> Node:
    """Where to show a repeated pattern: where it is written, or where the alias stands that repeats it."""
    if (pattern.line, pattern.column) != (other.line, other.column):
        return pattern.node
    outer = [draft.levels[pattern.level], draft.fields["outputs"][1], draft.key]
    return next((node for node in outer if node.line > other.line), draft.key)
