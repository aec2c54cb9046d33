"""Bytes to text and tables, as streams: at most a window of a file is in memory at any time. Pure."""

import codecs
import csv
import hashlib
import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from jobsite.checks.subjects import Source
from jobsite.checks.tables import Table, table_from
from jobsite.checks.values import Reader
from jobsite.store.decoding import WINDOWS_1252, byte_order_mark
from jobsite.store.rows import delimiter_of, parsed_rows

MOST_CELLS = 1_000_000  # of one window of a table
MOST_CHARACTERS = 32 * 1024 * 1024  # of one window of a table
LONGEST_LINE = 16 * 1024 * 1024  # characters
_CHUNK = 256 * 1024


class NotReadable(ValueError):
    """A file cannot be decoded or split; the text is the end of the sentence "This file could not be checked: …"."""


@dataclass(frozen=True)
class Facts:
    """What one pass over the bytes tells. `encoding` is None where they are no text, and `problem` then says why."""

    sha256: str
    size: int
    start: bytes
    encoding: str | None
    mark: int
    problem: str = ""


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The source, from its first byte on. A path that is a link or no ordinary file raises OSError."""
    if not isinstance(source, Path):
        source.seek(0)
        yield source
        return
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not an ordinary file")
        yield stream


class _Trial:
    """Whether bytes that come piece by piece are text in one encoding."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self.problem = ""

    def feed(self, chunk: bytes, position: int, final: bool = False) -> None:
        if self.problem:
            return
        try:
            if "\0" in self._decoder.decode(chunk, final):
                self.problem = "it contains NUL characters"
        except UnicodeDecodeError as error:
            self.problem = f"its bytes are no text (at byte {position + error.start + 1:,})"


def facts_of(stream: BinaryIO) -> Facts:
    """Hash, size and encoding: UTF-8 with or without mark, UTF-16 with mark, else Windows-1252 (specification 5.8)."""
    stream.seek(0)
    start = stream.read(512)
    encoding, mark = byte_order_mark(start[:3])
    trials = {name: _Trial(name) for name in ((encoding, WINDOWS_1252) if not mark else (encoding,))}
    hashed, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        for trial in trials.values():
            trial.feed(chunk, size)
        hashed.update(chunk)
        size += len(chunk)
    for trial in trials.values():
        trial.feed(b"", size, final=True)
    fits = next((name for name, trial in trials.items() if not trial.problem), None)
    return Facts(hashed.hexdigest(), size, start, fits, mark, "" if fits else trials[encoding].problem)


def lines_of(stream: BinaryIO, facts: Facts) -> Iterator[str]:
    """The lines with their ends. Raises NotReadable."""
    if facts.encoding is None:
        raise NotReadable(facts.problem)
    stream.seek(facts.mark)
    text = io.TextIOWrapper(stream, facts.encoding, newline="")
    try:
        number = 0
        while line := text.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise NotReadable(f"line {number} has more than 16 Mi characters")
            yield line
    except UnicodeDecodeError:
        raise NotReadable("its bytes are no text") from None
    finally:
        text.detach()


def rows_of(stream: BinaryIO, facts: Facts) -> Iterator[list[str]]:
    """The rows of a CSV file, the header first, without blank lines and the line `sep=` of spreadsheets. Raises NotReadable."""
    lines = lines_of(stream, facts)
    first = next((line for line in lines if line.strip("\ufeff \t\r\n")), "")
    if first.strip().casefold().startswith("sep="):
        first = next(lines, "")
    counted = _Counted(chain([first.lstrip("\ufeff")], lines))
    began = 1
    try:
        for row in parsed_rows(counted, delimiter_of(first)):
            began = counted.number + 1
            if row:
                yield row
    except csv.Error as error:
        why = "unclosed quote" if "end of data" in str(error) else "text behind a closing quote"
        raise NotReadable(f"{why} on line {began}") from None


class _Counted:
    """An iterator that knows how many lines it has given."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        return line


def tables_of(rows: Iterator[list[str]], reader: Reader, roles: Mapping[str, str]) -> Iterator[Table]:
    """The table of these rows; where it is too large for one window, its windows in order. None for a header without rows."""
    header = next(rows, [])
    window: list[list[str]] = []
    first, cells, characters = 1, 0, 0
    for row in rows:
        if cells + len(row) > MOST_CELLS or characters > MOST_CHARACTERS:
            yield _window(header, window, reader, roles, first, False)
            first, window, cells, characters = first + len(window), [], 0, 0
        window.append(row)
        cells += len(row)
        characters += sum(map(len, row))
    if window:
        yield _window(header, window, reader, roles, first, first == 1)


def _window(
    header: list[str],
    rows: list[list[str]],
    reader: Reader,
    roles: Mapping[str, str],
    first: int,
    whole: bool,
) -> Table:
    table = table_from(header, rows, reader, roles)
    table.first_row, table.whole = first, whole
    return table
