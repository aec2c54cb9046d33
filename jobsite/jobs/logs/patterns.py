"""Regular expressions over a log, with a time limit: Python's own cannot be interrupted, a process can."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from jobsite.jobs.logs import format as form
from jobsite.jobs.logs import pattern_search

SECONDS = 10.0
AT_ONCE = 2
_places = threading.BoundedSemaphore(AT_ONCE)


class PatternRefused(Exception):
    """A regular expression that cannot be used; the text is one sentence for the person who wrote it."""


class PatternHits(NamedTuple):
    """The first hits from the line asked for on, the hit before that line, how many lie before it, how many in all."""

    lines: tuple[int, ...]
    previous: int | None
    before: int
    total: int


class PatternSearch:
    """A search for `pattern` in the log at `path`. A context manager; all of it together has `seconds` of time."""

    def __init__(self, path: Path, pattern: str, *, case: bool = False, seconds: float = SECONDS) -> None:
        self._asked = {"path": str(path), "pattern": pattern, "case": case, "prefix": form.PREFIX}
        self._seconds = seconds

    def __enter__(self) -> Self:
        if not _places.acquire(blocking=False):
            raise PatternRefused("Other searches by pattern are running. Try again in a few seconds.")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(pattern_search.__file__)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            _places.release()
            raise
        self._limit = threading.Timer(self._seconds, self._process.kill)
        self._limit.daemon = True
        self._limit.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        self._process.kill()
        try:
            self._process.communicate()
        except BrokenPipeError:
            pass
        finally:
            _places.release()

    def search(self, from_line: int, limit: int) -> PatternHits:
        """What is found. Raises `PatternRefused` for no pattern, or one that takes too long."""
        answer = self._ask({**self._asked, "from": from_line, "limit": limit})
        if "error" in answer:
            raise PatternRefused(f"This is no regular expression: {answer['error']}.")
        return PatternHits(tuple(answer["lines"]), answer["previous"], answer["before"], answer["total"])

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """For each text where the pattern stands in it. Raises `PatternRefused` when that takes too long."""
        return [[(start, end) for start, end in found] for found in self._ask(list(texts))]

    def _ask(self, document: Any) -> Any:
        assert self._process.stdin and self._process.stdout  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(document).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise PatternRefused(
                f"The search took longer than {self._seconds:g} seconds and was stopped. Use a simpler pattern, or "
                "search for plain text."
            )
        return json.loads(answer)
