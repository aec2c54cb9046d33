"""The clock of a program that runs: put forward so that its hours pass at once, or set wrong as a clock is set wrong."""

import mmap
import shutil
import struct
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from jobsite.core.clock import now

COMPILER = shutil.which("cc")
SOURCE = Path(__file__).with_name("clock.c")


def compiled(folder: Path) -> Path:
    """The library of `clock.c`."""
    library = folder / "clock.so"
    assert COMPILER
    words = [
        COMPILER,
        "-shared",
        "-fPIC",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        library,
        SOURCE,
        "-ldl",
    ]
    subprocess.run(words, check=True, timeout=120)
    return library


class Clock:
    """The clock of everything that is started with its `environ`."""

    def __init__(self, library: Path, file: Path) -> None:
        file.write_bytes(bytes(16))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 16)
        self._wrong = self._passed = timedelta()
        self.environ = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(file)}

    @property
    def now(self) -> datetime:
        """What it shows: naive UTC."""
        return now() + self._passed + self._wrong

    def passes(self, **time: float) -> None:
        """So much time goes by: for the time of day, and for whoever counts the seconds that go by."""
        self._passed += timedelta(**time)
        self._set()

    def goes_wrong(self, **time: float) -> None:
        """The time of day is so much ahead of the true one, or behind it, from now on; no time goes by."""
        self._wrong = timedelta(**time)
        self._set()

    def _set(self) -> None:
        steady = self._passed // timedelta(microseconds=1) * 1000
        wrong = self._wrong // timedelta(microseconds=1) * 1000
        self._shared[:] = struct.pack("=qq", steady + wrong, steady)
