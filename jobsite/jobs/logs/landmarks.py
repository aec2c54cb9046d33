"""The landmarks of a log (docs/log-format.md): where groups begin and end, and where it first looks like an error.

The writer notes them as it goes, so that a window anywhere in a long log knows the group it lies in. An entry is
written before its record and believed only if the record is there; without the file the log itself is read.
"""

import os
import re
import struct
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from jobsite.jobs.logs import format as form

MAGIC = b"JSLOGMK1"
ENTRY = struct.Struct("<QQB")
GROUP, END, STDERR, ERROR = 1, 2, 3, 4
FIRST_ONLY = frozenset((STDERR, ERROR))
"""Kinds of which only the first in a log is a landmark."""

GROUP_WORD, END_WORD = "::group::", "::endgroup::"
_GROUP, _END = GROUP_WORD.encode(), END_WORD.encode()
_STDERR_MARKS = frozenset(ord(name) for name, mark in form.MARKS.items() if mark.stream == form.STDERR)
# How Python, R, Stata and programs with a log of levels say that something went wrong.
_ERROR = re.compile(
    rb"(?:\x1b\[[0-9;]*m)*(?:Traceback \(most recent call last\)|[\w.]{0,80}(?:Error|Exception)(?::| in )|[Ee]rror:"
    rb"|Execution halted|r\([0-9]+\);)"
)
_LEVEL = re.compile(rb"\b(?:ERROR|FATAL|CRITICAL)\b")
_LONGEST_RECORD = form.PREFIX + form.LONGEST_TEXT + 1


class Landmark(NamedTuple):
    """A record that stands out: its line number (from 1), its kind, its time in microseconds since 1970, its text."""

    number: int
    kind: int
    time: int
    text: str


def kinds_of(record: bytes, sought: frozenset[int]) -> list[int]:
    """What kind of landmark a record is. Of the kinds of FIRST_ONLY, those in `sought` alone are looked for."""
    mark = form.MARKS.get(chr(record[form.MARK_AT])) if len(record) > form.MARK_AT else None
    if mark is None or mark.stream == form.SYSTEM:
        return []
    kinds = []
    if record.startswith(b"::", form.PREFIX):
        if record.startswith(_GROUP, form.PREFIX):
            kinds.append(GROUP)
        elif record.startswith(_END, form.PREFIX):
            kinds.append(END)
    if STDERR in sought and record[form.MARK_AT] in _STDERR_MARKS:
        kinds.append(STDERR)
    if ERROR in sought and (_ERROR.match(record, form.PREFIX) or _LEVEL.search(record, form.PREFIX)):
        kinds.append(ERROR)
    return kinds


def landmarks_path(log: str | os.PathLike[str]) -> Path:
    """Where the landmarks of a log are."""
    return Path(f"{os.fspath(log)}.marks")


class Landmarks:
    """The landmarks of the log at `path`. Raises FileNotFoundError when there is no log. Use it as a context manager."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._log = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = landmarks_path(path).read_bytes()
        except OSError:
            data = b""
        if data.startswith(MAGIC):
            whole = (len(data) - len(MAGIC)) // ENTRY.size * ENTRY.size
            self._entries = memoryview(data)[len(MAGIC) : len(MAGIC) + whole]
        else:
            self._entries = memoryview(b"".join(ENTRY.pack(*found) for found in self._read_log()))
        self._count = len(self._entries) // ENTRY.size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._log)

    def group_at(self, line: int) -> Landmark | None:
        """The group that was begun before this line and had not ended before it; None outside of groups."""
        for at in range(self._from(line) - 1, -1, -1):
            found = self._landmark(at)
            if found and found.kind in (GROUP, END):
                return found if found.kind == GROUP else None
        return None

    def next_edge(self, line: int) -> Landmark | None:
        """The first begin or end of a group at this line or behind it."""
        edges = (self._landmark(at) for at in range(self._from(line), self._count))
        return next((found for found in edges if found and found.kind in (GROUP, END)), None)

    def first_error(self) -> int | None:
        """The number of the first line that looks like an error, else of the first on stderr; None without either."""
        first: dict[int, int] = {}
        for at, (line, _, kind) in enumerate(ENTRY.iter_unpack(self._entries)):
            if kind in FIRST_ONLY and kind not in first and self._landmark(at):
                first[kind] = line + 1
                if kind == ERROR:
                    break
        return first.get(ERROR, first.get(STDERR))

    def _from(self, line: int) -> int:
        """The number of the first entry at this line (from 1) or behind it."""
        size = ENTRY.size
        return bisect_left(
            range(self._count), line - 1, key=lambda at: ENTRY.unpack_from(self._entries, at * size)[0]
        )

    def _landmark(self, at: int) -> Landmark | None:
        """The landmark of an entry; None when the record that it tells of is not there."""
        line, offset, kind = ENTRY.unpack_from(self._entries, at * ENTRY.size)
        record, newline, _ = os.pread(self._log, _LONGEST_RECORD, min(offset, 2**62)).partition(b"\n")
        if not newline or kind not in kinds_of(record, FIRST_ONLY):
            return None
        text = record[form.PREFIX :].decode("utf-8", "replace")
        return Landmark(line + 1, kind, int(record[: form.MARK_AT]), text)

    def _read_log(self) -> Iterator[tuple[int, int, int]]:
        sought, offset = FIRST_ONLY, 0
        with open(self._log, "rb", closefd=False) as file:
            for line, record in enumerate(file):
                for kind in kinds_of(record, sought):
                    yield line, offset, kind
                    sought -= {kind}
                offset += len(record)


def group_title(text: str) -> str | None:
    """The title when this text begins a group, else None."""
    return text.removeprefix(GROUP_WORD).strip() or "Group" if text.startswith(GROUP_WORD) else None


def ends_group(text: str) -> bool:
    """Whether this text ends a group."""
    return text.startswith(END_WORD)
