"""Terminal colours in a log line as spans of text with classes. No HTML: the template writes the elements.

The escapes are those of ECMA-48 (SGR for colours and weight); all others are dropped, so that nothing a job
prints can reach a page but text and the names in CLASSES.
"""

import re
from typing import NamedTuple

COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
STYLES = ("bold", "dim", "italic", "underline")
CLASSES = tuple(f"ansi-{name}" for name in (*STYLES, *COLOURS))

LONGEST_SHOWN = 4096

_ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # other control sequences, whole or cut off
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # titles, links, device strings
    r"|\x1b[ -/]*[0-~]?"
)
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STYLE_CODES = {1: "ansi-bold", 2: "ansi-dim", 3: "ansi-italic", 4: "ansi-underline"}
_STYLE_ENDS = {22: ("ansi-bold", "ansi-dim"), 23: ("ansi-italic",), 24: ("ansi-underline",)}


class Shown(NamedTuple):
    """A line ready for a page: (classes, text) spans in order, and whether the line was longer than what is
    shown."""

    spans: tuple[tuple[tuple[str, ...], str], ...]
    cut: bool


def show(text: str, longest: int = LONGEST_SHOWN) -> Shown:
    """The line as a terminal would leave it: colours as classes out of CLASSES, a progress line in its last
    state, at most `longest` letters. Characters that cannot be seen or that turn the direction of writing are
    dropped."""
    spans: list[tuple[tuple[str, ...], str]] = []
    active: tuple[str, ...] = ()
    room = longest
    for styles, piece in _pieces(_last_state(text)):
        if styles is not None:
            active = _apply(active, styles)
            continue
        seen = _INVISIBLE.sub("", piece)
        if spans and spans[-1][0] == active:
            spans[-1] = (active, spans[-1][1] + seen[:room])
        elif seen:
            spans.append((active, seen[:room]))
        room -= len(seen)
        if room < 0:
            return Shown(tuple(spans), True)
    return Shown(tuple(spans), False)


def plain(text: str) -> str:
    """The text of `show` without a limit and without classes."""
    return "".join(piece for _, piece in show(text, len(text)).spans)


def _last_state(text: str) -> str:
    """What is left of a line after its carriage returns: the last part that shows anything, in the colours
    that were set before it."""
    if "\r" not in text:
        return text
    parts = text.split("\r")
    last = next((number for number in reversed(range(len(parts))) if _ESCAPE.sub("", parts[number])), 0)
    colours = "".join(
        match.group() for part in parts[:last] for match in _ESCAPE.finditer(part) if match["sgr"] is not None
    )
    return colours + parts[last]


def _pieces(text: str) -> list[tuple[list[int] | None, str]]:
    """The line in turn as (codes, "") for a colour change and (None, text) for text."""
    pieces: list[tuple[list[int] | None, str]] = []
    end = 0
    for match in _ESCAPE.finditer(text):
        if match.start() > end:
            pieces.append((None, text[end : match.start()]))
        if match["sgr"] is not None:
            pieces.append((_codes(match["sgr"]), ""))
        end = match.end()
    if end < len(text):
        pieces.append((None, text[end:]))
    return pieces


def _codes(parameters: str) -> list[int]:
    """The numbers of an SGR sequence, without the colours of 256 and of 16 million, which have no class."""
    numbers = [int(one[:9]) if one else 0 for one in re.split("[;:]", parameters)]
    codes: list[int] = []
    while numbers:
        code = numbers.pop(0)
        if code in (38, 48, 58):
            kind = numbers.pop(0) if numbers else 0
            del numbers[: {5: 1, 2: 3}.get(kind, 0)]
        else:
            codes.append(code)
    return codes


def _apply(active: tuple[str, ...], codes: list[int]) -> tuple[str, ...]:
    classes = list(active)
    for code in codes:
        if code == 0:
            classes = []
        elif code in _STYLE_CODES:
            classes.append(_STYLE_CODES[code])
        elif code in _STYLE_ENDS:
            classes = [one for one in classes if one not in _STYLE_ENDS[code]]
        elif 30 <= code <= 37 or 90 <= code <= 97 or code == 39:
            classes = [one for one in classes if one.removeprefix("ansi-") not in COLOURS]
            if code != 39:
                classes.append(f"ansi-{COLOURS[code % 10]}")
    return tuple(dict.fromkeys(classes))
