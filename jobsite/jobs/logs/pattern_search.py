"""Searches a log for a regular expression in a process of its own, which can be ended: a pattern may take for ever.

Started as a script by `patterns`, so it imports nothing but the standard library. It answers each line of JSON on
its input with a line of JSON.
"""

import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from typing import Any

BLOCK = 1024 * 1024
MOST_MEMORY = 1024**3
MOST_SPANS = 200


def main() -> None:
    """Read what is asked and answer it until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked = json.loads(sys.stdin.readline())
    try:
        pattern = re.compile(asked["pattern"], 0 if asked["case"] else re.IGNORECASE)
    except (re.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
        _answer({"error": str(error) or "it is too large"})
        return
    _answer(_search(pattern, asked))
    for line in sys.stdin:
        _answer([_spans(pattern, text) for text in json.loads(line)])


def _answer(document: Any) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _search(pattern: re.Pattern[str], asked: dict[str, Any]) -> dict[str, Any]:
    """Hits from a line on, the one before it, how many lie before it, how many there are."""
    wanted, limit = asked["from"], asked["limit"]
    lines: list[int] = []
    total = before = 0
    previous = None
    for number in _hits(pattern, asked["path"], asked["prefix"]):
        total += 1
        if number < wanted:
            before, previous = before + 1, number
        elif len(lines) < limit:
            lines.append(number)
    return {"lines": lines, "before": before, "previous": previous, "total": total}


def _hits(pattern: re.Pattern[str], path: str, prefix: int) -> Iterator[int]:
    """The numbers of the lines, without their prefixes, in which the pattern stands."""
    within = within_lines(pattern.pattern)
    quick = re.compile(within, pattern.flags | re.MULTILINE) if within is not None else None
    number = 1
    for block in _blocks(path):
        texts = [line[prefix:] for line in block]
        if quick is None:
            yield from (number + at for at, text in enumerate(texts) if pattern.search(text))
        else:
            yield from (number + at for at in _lines_with(quick, "\n".join(texts)))
        number += len(block)


def _lines_with(pattern: re.Pattern[str], text: str) -> Iterator[int]:
    """The numbers, from 0, of the lines of a text in which a pattern stands that never goes over the end of one."""
    number = counted = at = 0
    while found := pattern.search(text, at):
        number += text.count("\n", counted, found.start())
        yield number
        counted = text.find("\n", found.start())
        if counted < 0:
            return
        at = counted + 1


_TOKEN = re.compile(
    r"(?P<negated>\[\^(?:[^\\\]]|\\.)(?:[^\\\]]|\\.)*\])"
    r"|\[(?:[^\\\]^\x00-\x1f]|\\[dw]|\\[^\w\s])(?:[^\\\]\x00-\x1f]|\\[dw]|\\[^\w\s])*\]"
    r"|\\[dwSb]|\\[^\w\s]|(?P<wide>\\[sDW])|\((?!\?)|\(\?:|[*+?}](?!\+)|[^\\\[(*+?}\n]"
)
_NARROW = {r"\s": r"[^\S\n]", r"\D": r"[^\d\n]", r"\W": r"[^\w\n]"}


def within_lines(pattern: str) -> str | None:
    """A pattern that finds in many lines together just what this one finds in each; None where that is not sure.

    What could go over the end of a line is kept from it. Looking around, anchors of the whole text, and whatever
    never gives back what it took see the difference, so patterns with them are tried on line after line, which is slower.
    """
    parts, at = [], 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        if token["negated"]:
            parts.append(f"{token[0][:-1]}\\n]")
        else:
            parts.append(_NARROW.get(token[0], token[0]))
        at = token.end()
    return "".join(parts)


def _blocks(path: str) -> Iterator[list[str]]:
    """The whole lines of the file, block by block."""
    rest = b""
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield whole.decode("utf-8", "replace").split("\n")


def _spans(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Where in the text the pattern stands, without places of no width."""
    found = []
    for match in pattern.finditer(text):
        if match.end() > match.start():
            found.append(match.span())
        if len(found) == MOST_SPANS:
            break
    return found


if __name__ == "__main__":
    main()
    os._exit(0)
