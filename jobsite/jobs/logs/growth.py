"""How many lines a growing log has, for the price of reading what is new."""

import os
from pathlib import Path

from jobsite.jobs.logs.reader import LogReader

_BLOCK = 1024 * 1024


class Growth:
    """Counts the whole lines of the log at `path`, which may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines, self._offset = 0, -1

    def lines(self) -> int:
        """How many whole lines there are now."""
        try:
            size = self._path.stat().st_size
            if self._offset < 0:
                with LogReader(self._path) as reader:
                    self._lines, self._offset = reader.end()
            elif size != self._offset:
                self._count()
        except FileNotFoundError:
            return 0
        return self._lines

    def _count(self) -> None:
        file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while end := (block := os.pread(file, _BLOCK, self._offset)).rfind(b"\n") + 1:
                self._lines += block.count(b"\n")
                self._offset += end
        finally:
            os.close(file)
