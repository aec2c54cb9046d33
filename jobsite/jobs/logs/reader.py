"""Reads a log by position: windows by line, bytes by offset, words in the whole. Live and finished logs are
the same.

Memory does not grow with the log: a window is bounded in bytes, a search goes through blocks. Nothing is ever
written. A last record without its newline is not there yet. Where the index is missing or damaged, the log
itself is read.
"""

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from jobsite.jobs.logs import format as form

_BLOCK = 1024 * 1024
_SMALL_BLOCK = 64 * 1024
_WINDOW_BYTES = 4 * 1024 * 1024


class Line(NamedTuple):
    """One line as shown. `number` counts from 1 and never changes; `time` in microseconds since 1970;
    `stream` is "stdout", "stderr" or "system". Bytes that are not UTF-8 stand as U+FFFD. `continued`: it goes
    on where the line before it of the same stream broke off; `ends`: a newline stood after it."""

    number: int
    time: int
    stream: str
    text: str
    continued: bool
    ends: bool


@dataclass(frozen=True)
class Window:
    """Lines in order without a hole, the position to ask for next, and how many lines there were when it was
    read."""

    lines: tuple[Line, ...]
    next_line: int
    total_lines_known: int


@dataclass(frozen=True)
class Hits:
    """Lines that hold the words asked for: the first `limit` numbers from the line asked for on, how many
    hits lie before that line, and how many there are in the whole log."""

    lines: tuple[int, ...]
    before: int
    total: int


class LogReader:
    """The log at `path` with its index beside it. Raises FileNotFoundError when there is no log. Use it as a
    context manager, or `close` it. It sees what is appended after it was opened."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._index = _Index(self._file, form.index_path(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the files back."""
        self._index.close()
        os.close(self._file)

    def line_count(self) -> int:
        """How many whole lines there are now."""
        return self.end()[0]

    def end(self) -> tuple[int, int]:
        """How many whole lines there are now, and the offset in the file behind the last of them."""
        lines, offset, _ = self._index.last()
        for block in _blocks(self._file, offset):
            lines += block.count(b"\n")
            offset += len(block)
        return lines, offset

    def window(self, first_line: int, count: int) -> Window:
        """At most `count` lines from `first_line` (1 is the first) on; fewer at the end, or when they are
        very long (4 MiB together). Ask again with `next_line` to go on. A position beyond the end means the
        end."""
        total = self.line_count()
        first = min(max(first_line, 1), total + 1)
        lines: list[Line] = []
        size = 0
        for record in islice(self._from_line(first), max(0, min(count, total - first + 1))):
            lines.append(_line(first + len(lines), record))
            size += len(record)
            if size > _WINDOW_BYTES:
                break
        return Window(tuple(lines), first + len(lines), total)

    def tail(self, count: int) -> Window:
        """The last `count` lines."""
        return self.window(self.line_count() - count + 1, count)

    @property
    def raw_size(self) -> int:
        """How many bytes the program has written, as far as the log holds them."""
        place = self._index.last()
        return place.raw + sum(map(form.raw_length, _records(self._file, place.offset)))

    def raw(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) of what the program wrote, in pieces, both streams in the order of the
        log."""
        place = self._index.before_raw(start)
        at = place.raw
        for record in _records(self._file, place.offset):
            if end is not None and at >= end:
                return
            length = form.raw_length(record)
            if at + length > start:
                stop = length if end is None else min(length, end - at)
                yield record[form.PREFIX + max(0, start - at) : form.PREFIX + stop]
            at += length

    def search(self, text: str, from_line: int = 1, limit: int = 100, case: bool = False) -> Hits:
        """Which lines hold `text`. Without `case`, upper and lower case are the same. A word that a very long
        line broke in two is not found. Nothing is found for an empty text or one with a newline."""
        if not text or "\n" in text:
            return Hits((), 0, 0)
        needle = _Needle(text, case)
        lines: list[int] = []
        before = total = passed = 0
        for block in _blocks(self._file, 0):
            end = passed + block.count(b"\n")
            if end < from_line or len(lines) >= limit:
                found = needle.count(block)
                total += found
                before += found if end < from_line else 0
            else:
                numbers = [passed + at for at in needle.lines_in(block)]
                total += len(numbers)
                before += sum(number < from_line for number in numbers)
                lines += [number for number in numbers if number >= from_line][: limit - len(lines)]
            passed = end
        return Hits(tuple(lines), before, total)

    def _from_line(self, number: int) -> Iterator[bytes]:
        """The records from the one with this number (from 1) on."""
        place = self._index.at_line(number - 1)
        return islice(_records(self._file, place.offset, _SMALL_BLOCK), number - 1 - place.line, None)


class _Place(NamedTuple):
    """The beginning of a record: its number counted from 0, offset in the file, offset in the program's
    output."""

    line: int
    offset: int
    raw: int


class _Index:
    """A place for every INDEX_STEP records: from the index file as far as that holds true, beyond it from the
    log."""

    def __init__(self, log: int, path: Path) -> None:
        self._log = log
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1
        trusted = self._count_stored()
        self._stored = max(0, trusted - 1)
        self._found = list(self._scan(self._entry(trusted - 1) if trusted else _Place(0, 0, 0)))

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def last(self) -> _Place:
        """The last known place."""
        return self._place(self._stored + len(self._found) - 1)

    def at_line(self, line: int) -> _Place:
        """The last known place not behind the record with this number (from 0)."""
        return self._place(min(line // form.INDEX_STEP, self._stored + len(self._found) - 1))

    def before_raw(self, raw: int) -> _Place:
        """The last known place not behind this offset in the program's output."""
        places = range(self._stored + len(self._found))
        return self._place(max(0, bisect_right(places, raw, key=lambda one: self._place(one).raw) - 1))

    def _place(self, number: int) -> _Place:
        return self._found[number - self._stored] if number >= self._stored else self._entry(number)

    def _entry(self, number: int) -> _Place:
        at = len(form.INDEX_MAGIC) + number * form.INDEX_ENTRY.size
        entry = os.pread(self._file, form.INDEX_ENTRY.size, at)
        return _Place(number * form.INDEX_STEP, *form.INDEX_ENTRY.unpack(entry))

    def _count_stored(self) -> int:
        """How many entries of the index file can be trusted, judged from its end."""
        if self._file < 0 or os.pread(self._file, len(form.INDEX_MAGIC), 0) != form.INDEX_MAGIC:
            return 0
        stored = (os.fstat(self._file).st_size - len(form.INDEX_MAGIC)) // form.INDEX_ENTRY.size
        while stored > 0 and not self._holds_true(stored - 1):
            stored -= 1
        return max(0, stored)

    def _holds_true(self, number: int) -> bool:
        """Whether this entry can be right: a record begins there, and it lies as far on as its number
        demands."""
        here = self._entry(number)
        before = self._entry(number - 1) if number else None
        far_enough = (
            before.offset + form.INDEX_STEP * form.PREFIX <= here.offset if before else here.offset == 0
        )
        raw_fits = (before.raw if before else 0) <= here.raw <= here.offset
        return far_enough and raw_fits and self._begins_record(here.offset)

    def _begins_record(self, offset: int) -> bool:
        """Whether a record begins there: the form fits, and a newline stands before it."""
        before = 1 if offset else 0
        head = os.pread(self._log, form.PREFIX + before, offset - before) if offset < 2**62 else b""
        return (not before or head[:1] == b"\n") and form.looks_like_record(head[before:])

    def _scan(self, first: _Place) -> Iterator[_Place]:
        """This place and those behind it, from the log itself."""
        yield first
        line, offset, raw = first
        for record in _records(self._log, offset):
            line += 1
            offset += len(record)
            raw += form.raw_length(record)
            if line % form.INDEX_STEP == 0:
                yield _Place(line, offset, raw)


_IN_PREFIX = re.compile(rb"[0-9 ]|[a-z](?: |$)", re.IGNORECASE)


class _Needle:
    """Finds the lines of a block that hold a text, without looking at the prefixes."""

    def __init__(self, text: str, case: bool) -> None:
        self._fold = not case
        self._letters = not case and not text.isascii()
        self._text = (text.lower() if self._fold else text).encode("utf-8", "replace")
        # A text that cannot begin within a prefix is counted without looking where lines begin.
        self._line = (
            None if _IN_PREFIX.match(self._text) else re.compile(re.escape(self._text) + rb"[^\n]*\n")
        )

    def count(self, block: bytes) -> int:
        """How many lines hold the text."""
        if self._line is None:
            return sum(1 for _ in self.lines_in(block))
        return sum(1 for _ in self._line.finditer(self._folded(block)))

    def lines_in(self, block: bytes) -> Iterator[int]:
        """The numbers, from 1 in this block, of the lines that hold the text."""
        hay = self._folded(block)
        start, number = 0, 1
        at = hay.find(self._text)
        while at >= 0:
            number += hay.count(b"\n", start, at)
            start = max(start, hay.rfind(b"\n", start, at) + 1)
            if at < start + form.PREFIX:
                at = hay.find(self._text, start + form.PREFIX)
                continue
            yield number
            end = hay.find(b"\n", at) + 1
            start, number = end, number + 1
            at = hay.find(self._text, end)

    def _folded(self, block: bytes) -> bytes:
        # Other letters than those of ASCII need decoding, which is slower; newlines and prefixes come through
        # unchanged.
        if self._letters:
            return block.decode("utf-8", "replace").lower().encode()
        return block.lower() if self._fold else block


def _records(file: int, offset: int, size: int = _BLOCK) -> Iterator[bytes]:
    """The whole records from this offset on, each with its newline."""
    for block in _blocks(file, offset, size):
        start = 0
        while end := block.find(b"\n", start) + 1:
            yield block[start:end]
            start = end


def _blocks(file: int, offset: int, size: int = _BLOCK) -> Iterator[bytes]:
    """The file from this offset (the beginning of a record) on in blocks of whole records, up to the last
    newline."""
    wanted = size
    while block := os.pread(file, wanted, offset):
        end = block.rfind(b"\n") + 1
        if end:
            yield block[:end] if end < len(block) else block
            offset += end
            wanted = size
        elif len(block) < wanted:
            return
        else:
            wanted *= 2


def _line(number: int, record: bytes) -> Line:
    text = record[form.PREFIX : -1].decode("utf-8", "replace")
    if not form.looks_like_record(record[: form.PREFIX]):
        return Line(number, 0, form.SYSTEM, record[:-1].decode("utf-8", "replace"), False, True)
    mark = form.MARKS[chr(record[form.MARK_AT])]
    return Line(number, int(record[: form.MARK_AT]), mark.stream, text, mark.continued, mark.ends)
