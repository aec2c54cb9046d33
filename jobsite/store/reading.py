"""What people may see of a workspace at level 4: its list of files, and their bytes.

Both go by the manifest and never by what lies in a directory. A file is only given out with the content that the manifest
says, so that a reader has the old set of outputs or the new one, whatever is being published meanwhile.
"""

import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from jobsite.core.files import UnsafePath, components, directory_beneath, open_beneath
from jobsite.store import manifest as manifests
from jobsite.store.collecting import printable
from jobsite.store.identities import identity_of, remembered_hash
from jobsite.store.kinds import Kind, kind_of
from jobsite.store.manifest import DamagedManifest, is_sha256
from jobsite.store.matching import LEVELS, MODERATELY, fits
from jobsite.store.roots import CONTENT, MANIFEST, METADATA, Roots, log_path


@dataclass(frozen=True)
class Entry:
    """A moderately sensitive output as the manifest has it.

    `size` in bytes, `timestamp` in seconds since 1970, both of the copy in the high-privacy store; `message` says why
    an `excluded` file was held back. `kind` is how it is shown.
    """

    path: str
    action: str
    job: str
    request: str
    user: str
    repo: str
    commit: str
    size: int
    timestamp: float
    content_hash: str
    excluded: bool
    message: str | None
    row_count: int | None
    col_count: int | None
    out_of_date_action: bool
    out_of_date_output: bool
    kind: Kind

    @property
    def current(self) -> bool:
        """Whether its action still exists and its last run produced it."""
        return not (self.out_of_date_action or self.out_of_date_output)


@dataclass(frozen=True)
class LogEntry:
    """The log of an action at level 4: size in bytes, time of its copy in seconds since 1970."""

    action: str
    path: str
    size: int
    timestamp: float


@dataclass(frozen=True)
class Listing:
    """What the list page shows: `entries` by path, `logs` by action, and `problems`, a sentence for what could not be
    read. `version` changes whenever the manifest does; it is empty where there is none.
    """

    entries: tuple[Entry, ...]
    logs: tuple[LogEntry, ...]
    problems: tuple[str, ...]
    version: str


class NotAtLevel4(Exception):
    """There is no such file for people to see; the text is a sentence."""


class Level4File(NamedTuple):
    """An output that is open for reading, at its start, with its entry."""

    entry: Entry
    file: BinaryIO


class _Parsed(NamedTuple):
    entries: dict[str, Entry]
    problems: tuple[str, ...]
    version: str


def listing(roots: Roots, workspace: str, q: str = "") -> Listing:
    """The level-4 files of a workspace that match a search.

    Every word of `q` must occur in path or action, in any order and case; a word with `*` must fit the whole path or
    its last name. Outputs out of date and those held back are listed and marked. A damaged manifest gives an empty list
    with a sentence. Raises UnsafePath for what is no workspace name.
    """
    level4 = roots.level4_of(workspace)
    parsed = _parsed(level4, workspace)
    words = q.casefold().split()
    everything = parsed.entries.values()
    entries = tuple(e for e in everything if _found(words, e.path, e.action)) if words else tuple(everything)
    logs = tuple(log for log in _logs(level4) if _found(words, log.path, log.action))
    return Listing(entries, logs, parsed.problems, parsed.version)


def _found(words: list[str], path: str, action: str) -> bool:
    path = path.casefold()
    name = path.rpartition("/")[2]
    text = f"{path}\n{action.casefold()}"
    return all(fits(word, path) or fits(word, name) if "*" in word else word in text for word in words)


def entry_of(roots: Roots, workspace: str, path: str) -> Entry:
    """The entry of one level-4 output, held back or not. Raises NotAtLevel4, UnsafePath for no workspace name."""
    entry = _parsed(roots.level4_of(workspace), workspace).entries.get(path)
    if entry is None:
        raise NotAtLevel4("There is no level 4 output of this name in this workspace.")
    return entry


def open_level4(roots: Roots, workspace: str, path: str) -> Level4File:
    """An output open for reading, with exactly the content that the manifest says.

    No link is followed. Raises NotAtLevel4 when it is not in the manifest, held back, gone, or not as it was produced;
    UnsafePath for what is no workspace name.
    """
    level4 = roots.level4_of(workspace)
    entry, looked_for = entry_of(roots, workspace, path), None
    while entry.content_hash != looked_for:  # a second time only when it was replaced while we looked
        if entry.excluded:
            raise NotAtLevel4(f"This file was held back from level 4: {entry.message}.")
        for place in (path, f"{CONTENT}/{entry.content_hash}"):
            if file := _opened(level4, place, entry.content_hash):
                return Level4File(entry, file)
        entry, looked_for = entry_of(roots, workspace, path), entry.content_hash
    raise NotAtLevel4("This file is no longer at level 4 as it was produced. Run its action again.")


def open_log(roots: Roots, workspace: str, action: str) -> BinaryIO:
    """The level-4 log of an action, open at its start. Raises NotAtLevel4; UnsafePath for names no action can have."""
    level4, path = roots.level4_of(workspace), log_path(action)
    try:
        return open_beneath(level4, path)
    except (OSError, UnsafePath):
        raise NotAtLevel4(f"There is no log of the action {action} at level 4.") from None


def _opened(level4: Path, place: str, content_hash: str) -> BinaryIO | None:
    with suppress(OSError, UnsafePath):
        file = open_beneath(level4, place)
        with ExitStack() as unless_given_out:
            unless_given_out.push(file)
            if remembered_hash(file) == content_hash:
                unless_given_out.pop_all()
                return file
    return None


def _logs(level4: Path) -> Iterator[LogEntry]:
    """`metadata/<action>.log`, by action; nothing else in that directory is looked at."""
    with suppress(OSError, UnsafePath), directory_beneath(level4, (METADATA,)) as directory:
        for name in sorted(os.listdir(directory)):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if name.endswith(".log") and not name.startswith(".") and stat.S_ISREG(status.st_mode):
                action = name.removesuffix(".log")
                yield LogEntry(action, f"{METADATA}/{name}", status.st_size, status.st_mtime_ns / 1e9)


_MOST_PARSED = 64
_parsed_manifests: OrderedDict[tuple[object, ...], _Parsed] = OrderedDict()
_parsing = threading.Lock()


def _parsed(level4: Path, workspace: str) -> _Parsed:
    """The manifest as entries, parsed once for each of its versions."""
    version = ""
    with suppress(OSError, UnsafePath), open_beneath(level4, MANIFEST) as file:
        version = "-".join(map(str, identity_of(file)))
    key = (level4, version)
    with _parsing:
        if version and key in _parsed_manifests:
            return _parsed_manifests[key]
    try:
        parsed = _from_manifest(manifests.read(level4, workspace), version)
    except DamagedManifest as damaged:
        return _Parsed({}, (str(damaged),), version)
    with _parsing:
        _parsed_manifests[key] = parsed
        while len(_parsed_manifests) > _MOST_PARSED:
            _parsed_manifests.popitem(last=False)
    return parsed


def _from_manifest(manifest: dict[str, Any], version: str) -> _Parsed:
    entries, problems = {}, []
    for path, raw in sorted(manifest["outputs"].items()):
        try:
            if isinstance(raw, dict) and raw["level"] != MODERATELY and raw["level"] in LEVELS:
                continue
            if not _is_hidden(components(path)):
                entries[path] = _entry(path, raw)
        except (UnsafePath, KeyError, TypeError, ValueError, OverflowError):
            problems.append(f"The manifest's entry for {printable(path)[:200]} is damaged and is not shown.")
    return _Parsed(entries, tuple(problems), version)


def _is_hidden(names: tuple[str, ...]) -> bool:
    return any(name.startswith(".") for name in names) or names[0] in (METADATA, "releases")


def _entry(path: str, raw: dict[str, Any]) -> Entry:
    """Raises KeyError, TypeError, ValueError or OverflowError where what everything depends on is missing or wrong."""
    if raw["level"] != MODERATELY:
        raise ValueError("unknown level")
    return Entry(
        path=path,
        action=_text(raw.get("action")),
        job=_text(raw.get("job_id")),
        request=_text(raw.get("job_request")),
        user=_text(raw.get("user")),
        repo=_text(raw.get("repo")),
        commit=_text(raw.get("commit")),
        size=int(raw["size"]),
        timestamp=float(raw.get("timestamp") or 0),
        content_hash=_hash(raw["content_hash"]),
        excluded=bool(raw.get("excluded")),
        message=_text(raw.get("message")) or None,
        row_count=_count(raw.get("row_count")),
        col_count=_count(raw.get("col_count")),
        out_of_date_action=bool(raw.get("out_of_date_action")),
        out_of_date_output=bool(raw.get("out_of_date_output")),
        kind=kind_of(path),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _hash(value: Any) -> str:
    if not is_sha256(value):
        raise ValueError("no SHA-256")
    return value
