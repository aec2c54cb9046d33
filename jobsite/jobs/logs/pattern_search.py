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

BLOCK = 4 * 1024 * 1024
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
    wanted, limit, prefix = asked["from"], asked["limit"], asked["prefix"]
    lines: list[int] = []
    total = before = 0
    previous = None
    search = pattern.search
    number = 0
    for block in _blocks(asked["path"]):
        for number, line in enumerate(block, number + 1):  # noqa: B020
            if search(line[prefix:]):
                total += 1
                if number < wanted:
                    before, previous = before + 1, number
                elif len(lines) < limit:
                    lines.append(number)
    return {"lines": lines, "before": before, "previous": previous, "total": total}


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
