"""Which files of an attempt's working directory are its outputs: created or written by the job, matched by a pattern,
reached without links. Nothing is copied here."""

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from jobsite.core.files import UnsafePath, components, directory_beneath, open_beneath, sha256_of
from jobsite.store.matching import HIGHLY, LEVELS, Patterns, most_private, nearest
from jobsite.store.roots import METADATA

DEEPEST = 100  # levels of directories that are looked into
NAMED = 1000  # files that a report names of each sort


class Input(NamedTuple):
    """A file that was copied in before the job ran: its privacy level and SHA-256 in hex."""

    level: str
    sha256: str


@dataclass(frozen=True)
class CollectedFile:
    """One output where the job left it; size in bytes, time in nanoseconds since 1970."""

    path: str
    level: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Collected:
    """What a job left behind.

    `outputs` by path; `unmatched_patterns` in the order of the project file; `unmatched_outputs`: new files that no
    pattern matched, those nearest to an unmatched pattern first; `refused`: {path: why it can be no output} for links,
    special files, hard links to files outside and names that cannot be stored; `raised`: a sentence for each output
    whose level became more private.
    """

    outputs: Mapping[str, CollectedFile]
    unmatched_patterns: tuple[str, ...] = ()
    unmatched_outputs: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    raised: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every pattern has a file: only then outputs are published."""
        return not self.unmatched_patterns


class _Found(NamedTuple):
    path: str
    status: os.stat_result


def collect(
    work_dir: Path,
    prepared: Mapping[str, list],
    outputs: Mapping[str, Mapping[str, str]],
    inputs: Mapping[str, Input],
) -> Collected:
    """The outputs of a job that has ended.

    `prepared`: the listing from before it ran, {path: [size, mtime_ns, inode, sha256 or null]}; `outputs`: {level:
    {label: pattern}} of its action; `inputs`: the files copied in from other jobs. An output with the bytes of a more
    private input takes the input's level (B20). Every output is read once, for its hash.
    Raises OSError when the directory cannot be read.
    """
    patterns = Patterns(outputs)
    refused: dict[str, str] = {}
    raised: list[str] = []
    collected: dict[str, CollectedFile] = {}
    used: set[str] = set()
    new = []
    private = _most_private_inputs(inputs)
    for path in sorted(_candidates(work_dir, prepared, refused)):
        if not (matched := patterns.of(path)):
            new.append(path)
        elif file := _measured(work_dir, path, refused):
            level = _level_by_patterns(path, matched, patterns, raised)
            collected[path] = replace(file, level=_level_by_content(file, level, private, raised))
            used.update(matched)
    unmatched = tuple(pattern for pattern in patterns.levels if pattern not in used)
    return Collected(
        outputs=collected,
        unmatched_patterns=unmatched,
        unmatched_outputs=tuple(nearest(unmatched, new)[:NAMED]),
        refused=dict(sorted(refused.items())[:NAMED]),
        raised=tuple(raised),
    )


def _candidates(work_dir: Path, prepared: Mapping[str, list], refused: dict[str, str]) -> list[str]:
    """Files the job created or wrote; what looks like one and may not be an output goes to `refused`."""
    names_seen: Counter[tuple[int, int]] = Counter()
    written = []
    for path, status in _walk(work_dir, refused):
        if status.st_nlink > 1:
            names_seen[status.st_dev, status.st_ino] += 1
        if _unchanged(status, prepared.get(path)):
            continue
        if reason := _why_no_output(path, status):
            refused[printable(path)] = reason
        else:
            written.append((path, status))
    candidates = []
    for path, status in written:
        # With a name outside of the directory, it may be a file that the job could not read, but we can.
        if status.st_nlink > max(1, names_seen[status.st_dev, status.st_ino]):
            refused[printable(path)] = "is a hard link to a file outside of the job's directory"
        else:
            candidates.append(path)
    return candidates


def _unchanged(status: os.stat_result, before: list | None) -> bool:
    if before is None:
        return False
    return (
        not stat.S_ISREG(status.st_mode) or [status.st_size, status.st_mtime_ns, status.st_ino] == before[:3]
    )


def _why_no_output(path: str, status: os.stat_result) -> str | None:
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if path.startswith(f"{METADATA}/"):
        return f"lies in {METADATA}/, which is kept for logs"
    try:
        components(path)
    except UnsafePath:
        return "has a name that cannot be stored"
    return None


def _walk(work_dir: Path, refused: dict[str, str]) -> Iterator[_Found]:
    """Everything in the directory that is no directory. No link is followed; one listing is held at a time."""
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        names = waiting.pop()
        try:
            listed = _listing(work_dir, names)
        except (UnsafePath, PermissionError, FileNotFoundError):
            if not names:
                raise
            refused[printable("/".join(names))] = "is a directory that cannot be read"
            continue
        for name, status in listed:
            if not stat.S_ISDIR(status.st_mode):
                yield _Found("/".join((*names, name)), status)
            elif len(names) < DEEPEST:
                waiting.append((*names, name))
            else:
                refused[printable("/".join((*names, name)))] = f"is nested more than {DEEPEST} levels deep"


def _listing(work_dir: Path, names: tuple[str, ...]) -> list[_Found]:
    with directory_beneath(work_dir, names) as directory, os.scandir(directory) as entries:
        return sorted(_Found(entry.name, entry.stat(follow_symlinks=False)) for entry in entries)


def printable(path: str) -> str:
    """A name as it can be written to a log: what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _level_by_patterns(path: str, matched: list[str], patterns: Patterns, raised: list[str]) -> str:
    levels = {level for pattern in matched for level in patterns.levels[pattern]}
    level = most_private(levels)
    if len(levels) > 1:
        raised.append(f"{path} matches output patterns of {len(levels)} levels: it is kept as {level}.")
    return level


def _most_private_inputs(inputs: Mapping[str, Input]) -> dict[str, tuple[str, str]]:
    """{hash: (path, level)} of the inputs; of equal ones the most private."""
    ordered = sorted(inputs.items(), key=lambda item: (LEVELS.index(item[1].level), item[0]), reverse=True)
    return {given.sha256: (path, given.level) for path, given in ordered}


def _measured(work_dir: Path, path: str, refused: dict[str, str]) -> CollectedFile | None:
    """Size, time and hash of what is at `path`, taken from the opened file; its level is still to be decided."""
    try:
        with open_beneath(work_dir, path) as file:
            status = os.fstat(file.fileno())
            return CollectedFile(path, HIGHLY, status.st_size, status.st_mtime_ns, sha256_of(file))
    except (UnsafePath, PermissionError):
        refused[path] = "cannot be read"
        return None


def _level_by_content(
    file: CollectedFile, level: str, inputs: Mapping[str, tuple[str, str]], raised: list[str]
) -> str:
    same, its_level = inputs.get(file.sha256, ("", level))
    if not file.size or most_private((level, its_level)) == level:
        return level
    raised.append(f"{file.path} has the same content as the input {same}: it is kept as {its_level}.")
    return its_level


def unmatched_message(collected: Collected) -> str:
    """The list of patterns without a file, for the log and the page on the secure side; empty if there are none."""
    return _list("No outputs found matching patterns:", collected.unmatched_patterns)


def unmatched_hint(collected: Collected, most: int = 20) -> str:
    """What the patterns may have been meant for, nearest first; empty if nothing new was left over."""
    if not collected.unmatched_patterns:
        return ""
    question = "Did you mean to match one of these files instead?"
    return _list(question, collected.unmatched_outputs[:most])


def _list(head: str, items: tuple[str, ...]) -> str:
    return "\n".join([head, *(f" - {printable(item)}" for item in items)]) if items else ""
