"""Bytes that are no text, and characters that YAML does not take, told in words (specification 1.1)."""

import re

from jobsite.pipelines.nodes import Unreadable
from jobsite.pipelines.reading import LINE_BREAK, UNACCEPTABLE, Undecodable, position
from jobsite.pipelines.wording import letter_name

_MOST_LINES = 20


def undecodable(error: Undecodable) -> Unreadable:
    """What to say about bytes that are no text."""
    line, column = position(error.text, len(error.text))
    return Unreadable(
        "yaml-encoding",
        line,
        column,
        f"The file has an unacceptable character on line {line}: the bytes there are not {error.encoding} text.",
        "Save the file as UTF-8 (in most editors: “Save with encoding”).",
    )


def unacceptable(text: str) -> list[Unreadable]:
    """One answer for each line of `text` (the first twenty) that has a character which YAML does not allow."""
    answers: list[Unreadable] = []
    if not UNACCEPTABLE.search(text):
        return answers
    for number, content in enumerate(LINE_BREAK.split(text), 1):
        found = UNACCEPTABLE.search(content)
        if found:
            answers.append(_unacceptable(number, found))
        if len(answers) == _MOST_LINES:
            break
    return answers


def _unacceptable(number: int, found: re.Match) -> Unreadable:
    name = letter_name(found[0])
    utf16 = found[0] == "\0"
    hint = (
        "It looks like UTF-16 without its mark, or no text file at all; save it as UTF-8."
        if utf16
        else "Delete the character; it cannot be seen in most editors, so retype the words around it."
    )
    message = f"The file has an unacceptable character on line {number}: {name}."
    return Unreadable("yaml-encoding", number, found.start() + 1, message, hint)
