"""A window of a text or CSV file, wherever in it and however large it is, without reading the whole for each window.

A first pass over a file notes where every so many lines or rows start; windows are read from there. The notes are kept in
memory for the files looked at last. No content makes an error: what is odd about a file is told in `notices`.
"""

import codecs
import csv
import os
import re
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, BinaryIO, NamedTuple

from jobsite.store.decoding import UTF_8, UTF_16_BE, UTF_16_LE, WINDOWS_1252, encoding_at_start
from jobsite.store.rows import LONGEST_KEPT, delimiter_of, parsed_rows

STRIDE = 200  # rows or lines between two noted positions: a page of the viewer
MOST_ROWS = 1_000_000
LONGEST_LINE = 10_000  # characters of a text line that are shown
LONGEST_BEGINNING = (
    1024 * 1024
)  # characters of a line of a beginning; longer ones make the reader look at all

_PIECE = 64 * 1024
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
_MOST_INDEXES = 64
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class CsvWindow(NamedTuple):
    """Rows of a CSV file: `rows` are data rows `first_row`, `first_row` + 1 … (the first data row is 1), as they are,
    so with fewer or more fields than `header` perhaps; blank lines are no rows. `notices` are sentences.
    """

    header: list[str]
    rows: list[list[str]]
    first_row: int
    total_rows: int
    notices: tuple[str, ...]


class TextWindow(NamedTuple):
    """Lines of a text file without their line ends: `lines` are lines `first_line`, … (the first line is 1)."""

    lines: list[str]
    first_line: int
    total_lines: int
    notices: tuple[str, ...]


@dataclass
class Index:
    """What the first pass found: positions in bytes of rows or lines 1, 1 + STRIDE, … A CSV file's can be kept as JSON."""

    encoding: str
    quotes: bool = True
    delimiter: str = ","
    header: list[str] = field(default_factory=list)
    total: int = 0
    positions: array = field(default_factory=lambda: array("Q"))
    notices: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file beside."""
        return {**vars(self), "positions": self.positions.tolist()}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Index":
        """The index that was kept. Raises TypeError, ValueError or KeyError for anything else."""
        return cls(**{**kept, "positions": array("Q", kept["positions"])})


def csv_window(file: BinaryIO, first_row: int, count: int) -> CsvWindow:
    """`count` data rows from `first_row` on; fewer at the end, none beyond it. `file` is open and seekable."""
    index = _index_of(file, "csv", _csv_index)
    first_row = max(first_row, 1)
    rows = list(islice(rows_from(file, index, first_row), count))
    return CsvWindow(index.header, rows, first_row, index.total, tuple(index.notices))


def rows_from(file: BinaryIO, index: Index, first_row: int) -> Iterator[list[str]]:
    """The data rows of a CSV file from `first_row` on, read as they are asked for; none beyond the end."""
    if first_row > index.total:
        return iter(())
    start, skipped = divmod(first_row - 1, STRIDE)
    lines = _Lines(file, index.positions[start], index.encoding, LONGEST_KEPT)
    found = (row for row in parsed_rows(lines.shown(), index.delimiter, quotes=index.quotes) if row)
    return islice(found, skipped, skipped + index.total - first_row + 1)


def csv_beginning(file: BinaryIO, count: int) -> CsvWindow | None:
    """The first `count` rows without a pass over the whole file, whose `total_rows` is then what was read.

    None where only the whole file tells how to read it: text that is not UTF-8, quotes that do not close.
    """
    encoding = encoding_at_start(file)
    source = _Lines(file, _start(file, encoding), encoding, LONGEST_BEGINNING)
    lines = source.shown()
    try:
        first = next((line for line in lines if line.strip()), "")
        rows = filter(None, parsed_rows(chain([first], lines), delimiter_of(first)))
        header = next(rows, [])
        found = list(islice(rows, count))
    except (csv.Error, UnicodeDecodeError):
        return None
    return None if source.cut else CsvWindow(header, found, 1, len(found), ())


def csv_index(file: BinaryIO) -> Index:
    """The index of a CSV file, by a pass over all of it."""
    return _built(file, _csv_index)


def text_window(file: BinaryIO, first_line: int, count: int) -> TextWindow:
    """`count` lines from `first_line` on; fewer at the end, none beyond it. `file` is open and seekable.

    Longer lines are cut after 10,000 characters, and a notice says which.
    """
    index = _index_of(file, "text", _text_index)
    first_line = max(first_line, 1)
    lines: list[str] = []
    if first_line <= index.total:
        start, skipped = divmod(first_line - 1, STRIDE)
        found = _Lines(file, index.positions[start], index.encoding, 2 * LONGEST_LINE).shown()
        lines = [_without_end(line) for line in islice(found, skipped, skipped + count)]
    cut = [number for number, line in enumerate(lines, first_line) if len(line) > LONGEST_LINE]
    notices = [f"Line {number} is cut after {LONGEST_LINE:,} characters." for number in cut]
    shown = [line[:LONGEST_LINE] for line in lines]
    return TextWindow(shown, first_line, index.total, (*index.notices, *notices))


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


_indexes: OrderedDict[tuple[object, ...], Index] = OrderedDict()
_indexing = threading.Lock()


def _index_of(file: BinaryIO, form: str, build: Callable[[BinaryIO, str], Index]) -> Index:
    """The index of a file, made when this process has not seen it as it is now."""
    status = os.fstat(file.fileno())
    key = (form, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    with _indexing:
        if key in _indexes:
            _indexes.move_to_end(key)
            return _indexes[key]
    index = _built(file, build)
    with _indexing:
        _indexes[key] = index
        while len(_indexes) > _MOST_INDEXES:
            _indexes.popitem(last=False)
    return index


def _built(file: BinaryIO, build: Callable[[BinaryIO, str], Index]) -> Index:
    encoding = encoding_at_start(file)
    try:
        index = build(file, encoding)
    except UnicodeDecodeError:
        index = build(file, WINDOWS_1252)
        index.notices.insert(
            0, "This file is not UTF-8: it is shown as Windows-1252, and letters may be wrong."
        )
    if encoding in (UTF_16_LE, UTF_16_BE):
        index.notices.insert(0, "This file is UTF-16.")
    return index


def _start(file: BinaryIO, encoding: str) -> int:
    """Behind the byte order mark; a file that only began like UTF-8 has none."""
    announced = encoding_at_start(file)
    return file.tell() if announced == encoding else 0


def _text_index(file: BinaryIO, encoding: str) -> Index:
    index = Index(encoding)
    lines = _Lines(file, _start(file, encoding), encoding, 2 * LONGEST_LINE)
    for batch in lines.batches():
        first = -index.total % STRIDE
        index.positions.extend(lines.position_of(number) for number in range(first, len(batch), STRIDE))
        index.total += len(batch)
    index.notices += _notices(empty=not index.total, nul=lines.nul)
    return index


def _notices(*, empty: bool, nul: bool) -> list[str]:
    notices = ["This file is empty."] if empty else []
    return [*notices, "NUL characters are shown as \u2400."] if nul else notices


def _csv_index(file: BinaryIO, encoding: str) -> Index:
    try:
        return _scan(file, encoding, quotes=True)
    except csv.Error as error:
        index = _scan(file, encoding, quotes=False)
        index.notices.append(f"This file is not valid CSV ({error}): quotes are shown as they stand.")
        return index


def _scan(file: BinaryIO, encoding: str, *, quotes: bool) -> Index:
    """The index of a CSV file. The CSV reader takes exactly the lines of a row before it gives the row, so that where
    it stands is where the next one starts. Raises csv.Error.
    """
    source = _Lines(file, _start(file, encoding), encoding, LONGEST_KEPT)
    lines = source.shown()
    first = next((line for line in lines if line.strip()), "")
    index = Index(encoding, quotes, delimiter_of(first))
    rows = filter(None, parsed_rows(chain([first], lines), index.delimiter, quotes=quotes))
    index.header = next(rows, [])
    index.positions.append(source.position_of(source.taken))
    widths = {len(index.header)}
    for row in islice(rows, MOST_ROWS):
        widths.add(len(row))
        index.total += 1
        if index.total % STRIDE == 0:
            index.positions.append(source.position_of(source.taken))
    if quotes and source.cut:
        raise csv.Error(f"a line of more than {LONGEST_KEPT:,} characters")
    if index.total == MOST_ROWS and next(rows, None):
        index.notices.append(f"Only the first {MOST_ROWS:,} rows are shown.")
    index.notices += _csv_notices(index, source.nul, widths)
    return index


def _csv_notices(index: Index, nul: bool, widths: set[int]) -> list[str]:
    notices = _notices(empty=not index.header, nul=nul)
    if index.delimiter in _DELIMITERS:
        notices.append(f"Fields are separated by {_DELIMITERS[index.delimiter]}.")
    if len(widths) > 1:
        notices.append(
            f"Rows do not all have the same number of fields: from {min(widths)} to {max(widths)}."
        )
    return notices


class _Lines:
    """The lines of a file from a position on, with their line ends, in batches; of each at most `longest` characters.

    `nul` tells whether NUL characters were met, `cut` whether a line was cut, `taken` how many lines of the batch were
    given out. Raises UnicodeDecodeError for what is not UTF-8, if that is the encoding.
    """

    def __init__(self, file: BinaryIO, position: int, encoding: str, longest: int) -> None:
        self.file, self.encoding, self.longest = file, encoding, longest
        self.start = self.end = position  # of the batch, in bytes
        self.batch: list[str] = []
        self.taken = 0
        self.dropped = (
            0  # bytes of the first line of the batch that were not kept: only that one spans several reads
        )
        self.skipped = 0  # the same of a line whose end has not been met
        self.nul = self.cut = False

    def shown(self) -> Iterator[str]:
        """The lines one by one, with NUL characters made visible."""
        for batch in self.batches():
            for line in batch:
                self.taken += 1
                yield line.replace("\0", "\u2400") if self.nul else line

    def position_of(self, number: int) -> int:
        """Where in the file line `number` of the batch starts, counted from 0; its length gives the end of the batch."""
        dropped = self.dropped if number else 0
        return self.start + self._size("".join(self.batch[:number])) + dropped

    def _size(self, text: str) -> int:
        if self.encoding == WINDOWS_1252 or (self.encoding == UTF_8 and text.isascii()):
            return len(text)
        return len(text.encode(self.encoding, "surrogatepass"))

    def batches(self) -> Iterator[list[str]]:
        """The lines in lists."""
        decoder = codecs.getincrementaldecoder(self.encoding)(
            "strict" if self.encoding == UTF_8 else "replace"
        )
        self.file.seek(self.start)
        unfinished: list[str] = []
        half_end, piece = "", b" "
        while piece:
            piece = self.file.read(_PIECE)
            text = half_end + decoder.decode(piece, final=not piece)
            half_end = "\r" if piece and text.endswith("\r") else ""  # perhaps the first half of a line end
            text = text.removesuffix(half_end)
            self.nul = self.nul or "\0" in text
            end = max(text.rfind("\n"), text.rfind("\r")) + 1
            lines = _LINE.findall(
                text[:end]
            )  # of whole lines only: it would look for an end from every letter
            if lines:
                unfinished.append(lines[0])
                yield self._take(unfinished, lines[1:])
                unfinished = []
            self._append(unfinished, text[end:])
        if unfinished:
            yield self._take(unfinished, [])

    def _append(self, unfinished: list[str], text: str) -> None:
        """Adds to a line whose end is still to come; of what is too long only the size is kept."""
        if sum(map(len, unfinished)) > self.longest:
            self.skipped += self._size(text)
        elif text:
            unfinished.append(text)

    def _take(self, unfinished: list[str], others: list[str]) -> list[str]:
        """Makes the parts of a first line, and the lines after it, the batch."""
        first = "".join(unfinished)
        kept = first[: self.longest]
        self.start = self.end
        self.dropped, self.skipped = self.skipped + self._size(first[self.longest :]), 0
        self.cut = self.cut or self.dropped > 0
        self.batch, self.taken = [kept, *others], 0
        self.end = self.position_of(len(self.batch))
        return self.batch
