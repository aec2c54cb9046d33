"""Rows of delimited text, for checking and for showing: one way to find the delimiter and to split."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain

# Above this a field is not kept in memory: in a file of any size an unclosed quote makes one field of all that follows.
LONGEST_KEPT = 16 * 1024 * 1024

_QUOTED = re.compile(r'"[^"]*"?')


def delimiter_of(line: str) -> str:
    """Comma, unless the first line has none outside of quotes but has a semicolon, tab or bar."""
    bare = _QUOTED.sub("", line)
    return next((delimiter for delimiter in ",;\t|" if delimiter in bare), ",")


def parsed_rows(first: str, lines: Iterable[str], delimiter: str, *, strict: bool) -> Iterator[list[str]]:
    """The rows in a first line and the lines that follow, each with its line end. Blank lines give empty rows.

    Raises csv.Error for a field above 16 Mi characters and, where `strict`, for text behind a closing quote and a
    quote that is never closed.
    """
    csv.field_size_limit(
        LONGEST_KEPT
    )  # one value for the process: the default is less than viewers must bear
    return csv.reader(chain([first], lines), delimiter=delimiter, strict=strict)
