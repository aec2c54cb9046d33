"""Two versions of a file beside each other: a table cell by cell, a text line by line, an image as two images.

Pure. Rows of tables are matched by their label columns, by their number where a table has none (output checking,
section 4). Above 100,000 cells only the first 500 changes are kept.
"""

import difflib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from jobsite.outputs.comparing_tables import TableChanges, table_changes
from jobsite.outputs.reading import TooLarge, whole_table, whole_text
from jobsite.store.kinds import kind_of

MOST_LINES = 20_000
"""Of both texts together; longer ones are not laid beside each other."""
MOST_SHOWN = 2_000
"""Lines of a comparison that are shown."""
CONTEXT = 3
MOST_WORK = 1.5
"""Seconds for laying two texts beside each other; then they are too long for that."""

TEXTS = ("text", "json", "log", "html", "svg")
IMAGES = ("image", "svg", "svgz")


@dataclass(frozen=True)
class Version:
    """One version of a file: what it is in `words` ("released 12 Nov 2026"), and its content, None where that is gone.

    `address` gives its bytes for a picture, "" where they are not sent.
    """

    words: str
    path: str
    sha256: str
    file: BinaryIO | None = None
    address: str = ""


@dataclass(frozen=True)
class TextLine:
    """A line of a comparison: `kind` is same, added, removed or gap; the numbers count from 1 in each text."""

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True)
class TextChanges:
    """What changed in a text; `lines` with three lines around each change, cut after 2,000."""

    added: int
    removed: int
    lines: tuple[TextLine, ...]
    cut: bool


@dataclass(frozen=True)
class Comparison:
    """`kind` is identical, table, text, image or none; `sentence` says what came out, or why nothing can be laid out."""

    old: Version
    new: Version
    kind: str
    sentence: str
    table: TableChanges | None = None
    text: TextChanges | None = None


def comparison(old: Version, new: Version) -> Comparison:
    """The two versions beside each other. Never raises for what is in the files."""
    if old.sha256 == new.sha256:
        return Comparison(old, new, "identical", "Both versions are identical, byte for byte.")
    if old.file is None or new.file is None:
        gone = old if old.file is None else new
        return Comparison(
            old, new, "none", f"The content of the version {gone.words} is no longer kept here."
        )
    kinds = {kind_of(old.path).name, kind_of(new.path).name}
    try:
        if kinds == {"csv"}:
            changes = table_changes(whole_table(old.file), whole_table(new.file))
            return Comparison(old, new, "table", changes.sentence, table=changes)
        if kinds <= set(IMAGES):
            return Comparison(old, new, "image", "These are two different images.")
        if kinds <= set(TEXTS):
            return _of_texts(old, new, whole_text(old.file), whole_text(new.file))
    except TooLarge:
        return Comparison(old, new, "none", "These files are too large to be compared here; they differ.")
    return Comparison(old, new, "none", "Files of these types cannot be compared here; they differ.")


def _of_texts(old: Version, new: Version, before: str, after: str) -> Comparison:
    changes = text_changes(before.splitlines(), after.splitlines())
    if changes is None:
        return Comparison(old, new, "none", "These texts are too long to be compared here; they differ.")
    if not changes.lines:
        return Comparison(old, new, "text", "Only line ends or the encoding differ.", text=changes)
    return Comparison(
        old, new, "text", f"{_lines(changes.added)} added, {changes.removed:,} removed.", text=changes
    )


def _lines(number: int) -> str:
    return f"{number:,} line" if number == 1 else f"{number:,} lines"


def text_changes(old: list[str], new: list[str]) -> TextChanges | None:
    """What differs between two texts; None when they are too long to be compared in the time a page has."""
    start = _same(old, new)
    end = _same(old[start:][::-1], new[start:][::-1])
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    if len(before) + len(after) > MOST_LINES:
        return None
    try:
        codes = _Matcher(None, before, after).get_opcodes()
    except TimeoutError:
        return None
    changes = [(a + start, b + start, c + start, d + start) for tag, a, b, c, d in codes if tag != "equal"]
    lines = _with_context(old, new, changes)
    shown = tuple(islice(lines, MOST_SHOWN))
    return TextChanges(
        added=sum(d - c for _, _, c, d in changes),
        removed=sum(b - a for a, b, _, _ in changes),
        lines=shown,
        cut=next(lines, None) is not None,
    )


class _Matcher(difflib.SequenceMatcher[str]):
    """The matcher of the standard library with an end to its work: texts of few different lines keep it for minutes."""

    def __init__(self, *given: Any) -> None:
        self.until = time.thread_time() + MOST_WORK
        super().__init__(*given)

    def find_longest_match(self, *places: Any, **named: Any) -> difflib.Match:
        """A stretch that both have. Raises TimeoutError when the time of a page is up."""
        if time.thread_time() > self.until:
            raise TimeoutError
        return super().find_longest_match(*places, **named)


def _same(old: list[str], new: list[str]) -> int:
    """How many lines two texts begin with together."""
    number = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        number += 1
    return number


def _with_context(
    old: Sequence[str], new: Sequence[str], changes: Sequence[tuple[int, int, int, int]]
) -> Iterator[TextLine]:
    """The changed stretches (from, to in the old text; from, to in the new one) with the lines around them."""
    shown_to = 0
    for position, (a, b, c, d) in enumerate(changes):
        first = max(a - CONTEXT, shown_to)
        yield from _gap(first - shown_to)
        yield from _unchanged(old, first, a, c - a)
        yield from (TextLine("removed", n + 1, None, old[n]) for n in range(a, b))
        yield from (TextLine("added", None, n + 1, new[n]) for n in range(c, d))
        following = changes[position + 1][0] if position + 1 < len(changes) else len(old)
        shown_to = min(b + CONTEXT, following)
        yield from _unchanged(old, b, shown_to, d - b)
    if changes:
        yield from _gap(len(old) - shown_to)


def _unchanged(old: Sequence[str], first: int, end: int, shift: int) -> Iterator[TextLine]:
    return (TextLine("same", n + 1, n + shift + 1, old[n]) for n in range(first, end))


def _gap(lines: int) -> Iterator[TextLine]:
    if lines > 0:
        yield TextLine("gap", None, None, f"{_lines(lines)} without a change")
