"""A whole file of moderate size as text or as a table, whatever its encoding: for what cannot work on a window."""

import csv
from typing import BinaryIO, NamedTuple

from jobsite.store.decoding import WINDOWS_1252, byte_order_mark
from jobsite.store.rows import delimiter_of, parsed_rows

LARGEST = 16 * 2**20
"""Bytes; what is larger is not read whole."""


class TooLarge(Exception):
    """The file is larger than is read whole; the text is a sentence."""


class Table(NamedTuple):
    """The header and the data rows of delimited text; rows may be shorter or longer than the header. No row is blank."""

    header: list[str]
    rows: list[list[str]]


def whole_text(file: BinaryIO) -> str:
    """The text of an open file, with NUL characters made visible. Raises TooLarge.

    UTF-8, or UTF-16 by its mark, else Windows-1252, as the viewer reads it (section 4 of output checking).
    """
    file.seek(0)
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise TooLarge("This file is larger than 16 MiB.")
    encoding, mark = byte_order_mark(data[:3])
    try:
        text = data[mark:].decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(WINDOWS_1252, "replace")
    return text.replace("\0", "\u2400")


def whole_table(file: BinaryIO) -> Table:
    """The table in an open file; where its quotes do not close they are taken as they stand. Raises TooLarge."""
    return table_in(whole_text(file))


def table_in(text: str) -> Table:
    """The table in a text."""
    lines = text.splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    delimiter = delimiter_of(first)
    try:
        rows = [row for row in parsed_rows(lines, delimiter) if row]
    except csv.Error:
        rows = [row for row in parsed_rows(lines, delimiter, quotes=False) if row]
    return Table(rows[0], rows[1:]) if rows else Table([], [])
