"""The form of a log on disk (docs/log-format.md): one record a line, each with time, mark and text, and a
sparse index.

A record is `<16 digits: microseconds since 1970><mark><space><text>\\n`. The mark says from which stream the
text came and whether it begins and ends a line of the program, so that the program's output can be put
together again byte by byte. The number of a record is its line number for people; it never changes.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

PREFIX = 18
MARK_AT = 16
LONGEST_TEXT = 16 * 1024

STDOUT, STDERR, SYSTEM = "stdout", "stderr", "system"

GAP_MARK = "g"
SYSTEM_MARK = "s"


class Mark(NamedTuple):
    """What a mark means. `continued`: the text goes on where the record before it of the same stream broke
    off. `ends`: a newline of the program stood after it. `raw`: it is a part of the program's output."""

    stream: str
    continued: bool
    ends: bool
    raw: bool = True


MARKS: dict[str, Mark] = {
    "o": Mark(STDOUT, False, True),
    "a": Mark(STDOUT, False, False),
    "b": Mark(STDOUT, True, False),
    "c": Mark(STDOUT, True, True),
    "e": Mark(STDERR, False, True),
    "x": Mark(STDERR, False, False),
    "y": Mark(STDERR, True, False),
    "z": Mark(STDERR, True, True),
    SYSTEM_MARK: Mark(SYSTEM, False, True, raw=False),
    GAP_MARK: Mark(SYSTEM, False, True),
}

_MARK_OF = {
    (mark.stream, mark.continued, mark.ends): name for name, mark in MARKS.items() if mark.stream != SYSTEM
}

# Bytes by which a record's part of the program's output is longer than the record itself ; None: all of it.
RAW_LESS = {ord(name): PREFIX + (0 if mark.ends else 1) if mark.raw else None for name, mark in MARKS.items()}

INDEX_MAGIC = b"JSLOGIX1"
INDEX_STEP = 256
INDEX_ENTRY = struct.Struct("<QQ")


def mark_for(stream: str, continued: bool, ends: bool) -> str:
    """The mark of a piece of the program's output."""
    return _MARK_OF[stream, continued, ends]


def record(time: int, mark: str, text: bytes) -> bytes:
    """One record. The text holds no newline."""
    return b"%016d%s %s\n" % (time, mark.encode(), text)


def raw_length(record: bytes) -> int:
    """How many bytes of the program's output a record (newline included) stands for."""
    if len(record) <= PREFIX:
        return 0
    less = RAW_LESS.get(record[MARK_AT])
    return 0 if less is None else len(record) - less


def looks_like_record(head: bytes) -> bool:
    """Whether these first PREFIX bytes can begin a record."""
    return (
        len(head) == PREFIX
        and head[:MARK_AT].isdigit()
        and chr(head[MARK_AT]) in MARKS
        and head[17:18] == b" "
    )


def index_path(log: str | os.PathLike[str]) -> Path:
    """Where the index of a log is."""
    return Path(f"{os.fspath(log)}.index")


def tail_segment(log: Path, number: int) -> Path:
    """Where a log keeps output beyond its limit while the job runs."""
    return log.with_name(f"{log.name}.tail.{number:08d}")


def tail_segments(log: Path) -> list[Path]:
    """The segments that exist, in order."""
    return sorted(log.parent.glob(f"{log.name}.tail.????????"))
