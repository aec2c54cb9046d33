"""Where `patient_id` stands as the name of a column or a key: in any case, padded, quoted, after a byte order mark."""

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

NAME = "patient_id"

_BETWEEN_COLUMNS = re.compile(r"[,;|\t]| {2,}")
_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[a-z_][\w.]*")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_KEY = re.compile(rf"^[\W_]*{NAME}[\"'`\s]*[:=]|[\"'`]\s*{NAME}\s*[\"'`]\s*[:=]", re.MULTILINE)
_QUOTED = re.compile(rf"[\"'`]\s*{NAME}\s*[\"'`]")


def plain(text: str) -> str:
    """Text for comparison: lower case, one form for each letter, without characters that are not seen."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return text.casefold()


def is_name(cell: str) -> bool:
    """Whether the head of a column is `patient_id`."""
    return NAME in (found := plain(cell)) and _bare(found) == NAME


def _bare(cell: str) -> str:
    return cell.strip("\"'`´‘’“”«»()[]{}<>*#:= \t\r\n\v\f")


def in_header(header: Iterable[str]) -> bool:
    """Whether one of the columns is `patient_id`, also when the file's true delimiter is another one."""
    return any(is_name(part) for cell in header for part in (cell, *re.split(r"[;|\t,]", cell)))


def in_text(text: str) -> bool:
    """Whether a text has it as a key (`patient_id: 3`) or above a column; in running prose it may be mentioned."""
    text = plain(text)
    if NAME not in text:
        return False
    if _KEY.search(text):
        return True
    lines = (line for line in text.splitlines() if line.strip())
    return any(NAME in line and _heads_columns(line, below) for line, below in pairwise([*lines, ""]))


def _heads_columns(line: str, below: str) -> bool:
    cells = [cell for cell in map(_bare, _BETWEEN_COLUMNS.split(line)) if cell]
    if NAME in cells:
        values = [cell for cell in map(str.strip, _BETWEEN_COLUMNS.split(below)) if cell]
        table = len(values) == len(cells) and any(character.isdigit() for character in below)
        return table or not any(" " in cell for cell in cells)
    # Columns parted by single blanks, as R prints them: names above, and values of which half are numbers below.
    words, values = line.split(), below.split()
    return (
        NAME in words
        and all(map(_WORD.fullmatch, words))
        and len(values) - len(words) in (0, 1)
        and 2 * sum(1 for value in values if _NUMBER.fullmatch(value)) >= len(values)
    )


def in_markup(text: str) -> bool:
    """Whether an HTML or SVG text has it as a cell, a label, a key of embedded data, or as text in a comment."""
    text = html.unescape(text)
    if NAME not in plain(text):
        return False
    pieces = list(_pieces(text))
    return bool(_QUOTED.search(plain(text))) or any(map(is_name, pieces)) or in_text("\n".join(pieces))


def _pieces(text: str) -> Iterator[str]:
    """What stands in comments and between tags."""
    before, *commented = text.split("<!--")
    yield from _TAG.split(before)
    for part in commented:
        comment, _, after = part.partition("-->")
        yield comment
        yield from _TAG.split(after)


def in_json(value: Any) -> bool:
    """Whether parsed JSON, with its objects as lists of pairs (tuples), has it as a key or in a list of names."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str) and is_name(found):
            return True
        if isinstance(found, Pairs):
            waiting.extend(key for key, _ in found.items)
            waiting.extend(item for _, item in found.items if not isinstance(item, str))
        elif isinstance(found, list):
            waiting.extend(found)
    return False


class Pairs:
    """A JSON object as it stands in the file, repeated keys included."""

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


def parsed_json(text: str) -> Any:
    """JSON with its objects as `Pairs`. Raises ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=Pairs)
