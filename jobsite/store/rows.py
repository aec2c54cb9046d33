"""Rows of delimited text, for checking and for showing: one way to find the delimiter and to split."""

import csv
import re
from collections.abc import Iterable, Iterator

# Above this a field is not kept in memory: in a file of any size an unclosed quote makes one field of all that follows.
LONGEST_KEPT = 16 * 1024 * 1024

_QUOTED = re.compile(r'"[^"]*"?')


def delimiter_of(line: str) -> str:
    """Comma, unless the first line has none outside of quotes but has a semicolon, tab or bar."""
    bare = _QUOTED.sub("", line)
    return next((delimiter for delimiter in ",;\t|" if delimiter in bare), ",")


def parsed_rows(lines: Iterable[str], delimiter: str, *, quotes: bool = True) -> Iterator[list[str]]:
    """The rows in lines that have their line ends. A blank line gives an empty row. Without `quotes` they are text.

    Raises csv.Error for a field above 16 Mi characters, for text behind a closing quote, for a quote never closed.
    """
    csv.field_size_limit(
        LONGEST_KEPT
    )  # one value for the process: the default is less than viewers must bear
    if not quotes:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, strict=True)
