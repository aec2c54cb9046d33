"""Large tables read through beside the requests for their pages: where rows start, and the figures of a column.

One thread reads one table after the other and rests between pieces, so that pages are answered meanwhile. What it finds is
kept by content beside the instance's other files; what is lost with the process is begun again by the next page that needs it.
"""

import io
import json
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from jobsite.checks import Policy
from jobsite.core.files import UnsafePath, open_beneath
from jobsite.outputs.columns import ColumnCard, column_card
from jobsite.outputs.table_index import FOLDER, index_of, keep
from jobsite.settings import current

LONGEST_WORK = 120.0
"""Seconds of work for the figures of one column; then they are of the rows so far, and the card says so."""
MOST_WAITING = 50
MOST_FAILED = 100
FAILED_FOR = 60.0
"""Seconds in which a table that could not be read is not tried again."""
REST = 0.0003
"""Seconds before each piece of a file, in which others have the processor."""

log = logging.getLogger("jobsite.outputs")


class _Patient(io.FileIO):
    """A file with a position of its own that gives way to others before each piece."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Some bytes."""
        time.sleep(REST)
        return super().read(-1 if size is None else size) or b""


@dataclass
class Reading:
    """A table that is read through, or waits for it: for where its rows start, or for the figures of a column.

    `position` is that column, from 1, or 0; `failed` says that it could not be read, `ended` when that was on the clock
    that only goes on.
    """

    sha256: str
    position: int
    size: int
    policy: Policy = field(repr=False)
    instance: Path
    file: _Patient | None = field(default=None, repr=False)
    failed: bool = False
    ended: float = 0.0

    @property
    def name(self) -> str:
        """The file beside which keeps what is found."""
        return _card_name(self.sha256, self.position, self.policy) if self.position else f"{self.sha256}.json"

    @property
    def share(self) -> float:
        """How much of the file has been passed, from 0 to 1."""
        try:
            return min(1.0, self.file.tell() / self.size) if self.file else 0.0
        except ValueError:  # it has just been closed
            return 1.0

    @property
    def words(self) -> str:
        """How far it is, for people."""
        if self.failed:
            return "This table could not be read through."
        if self.position:
            return f"The figures of column {self.position} are being worked out: {self.share:.0%}."
        return f"The rows of this table are being counted: {self.share:.0%}."


_Key = tuple[Path, str]
_waiting: OrderedDict[_Key, Reading] = OrderedDict()
_failed: OrderedDict[_Key, Reading] = OrderedDict()
_door = threading.Lock()
_threads: list[threading.Thread] = []


def read_through(file: BinaryIO, sha256: str, size: int, position: int, policy: Policy) -> Reading:
    """Have an open file of `size` bytes with that content read through, for a column or, with 0, for its rows alone.

    `file` may be closed afterwards. What is under way, or has failed, is given as it is; where too much waits nothing is begun.
    """
    wanted = Reading(sha256, position, size, policy, current().instance)
    key = (wanted.instance, wanted.name)
    with _door:
        found = _waiting.get(key) or _failed.get(key)
        if found and found.failed and time.monotonic() - found.ended > FAILED_FOR:
            _failed.pop(key, None)
            found = None
        if found or len(_waiting) >= MOST_WAITING:
            return found or wanted
        wanted.file = _Patient(f"/proc/self/fd/{file.fileno()}")
        _waiting[key] = wanted
        if not _threads:
            _threads.append(threading.Thread(target=_work_off, name="tables", daemon=True))
            _threads[0].start()
    return wanted


def being_read(sha256: str, position: int, policy: Policy) -> Reading | None:
    """What is under way for a content and a column; None when nothing is to be waited for."""
    key = (current().instance, Reading(sha256, position, 0, policy, current().instance).name)
    with _door:
        return _waiting.get(key)


def known_card(sha256: str, position: int, policy: Policy) -> ColumnCard | None:
    """The card of a column that was worked out before by that policy; None when there is none."""
    try:
        name = _card_name(sha256, position, policy)
        with open_beneath(current().instance, f"{FOLDER}/{name}") as file:
            return ColumnCard.from_json(json.loads(file.read()))
    except (OSError, UnsafePath, ValueError, TypeError, KeyError):
        return None


def wait_until_read(seconds: float) -> None:
    """Wait until nothing is being read, at most so long."""
    with _door:
        threads = list(_threads)
    for thread in threads:
        thread.join(seconds)


def _work_off() -> None:
    while reading := _next():
        try:
            _read(reading)
        except Exception:
            log.exception("a table could not be read through")
            reading.failed, reading.ended = True, time.monotonic()
        finally:
            _ended(reading)


def _next() -> Reading | None:
    with _door:
        if not _waiting:
            _threads.clear()
        return next(iter(_waiting.values()), None)


def _ended(reading: Reading) -> None:
    key = (reading.instance, reading.name)
    if reading.file:
        reading.file.close()
    with _door:
        del _waiting[key]
        if reading.failed:
            _failed[key] = reading
            while len(_failed) > MOST_FAILED:
                _failed.popitem(last=False)


def _read(reading: Reading) -> None:
    """The index first; the card of a column goes by it."""
    file = cast(BinaryIO, reading.file)
    index = index_of(file, reading.sha256, reading.size)
    if 0 < reading.position <= len(index.header):
        card = column_card(file, index, reading.position, reading.policy, LONGEST_WORK)
        keep(reading.instance, reading.name, card.as_json())


def _card_name(sha256: str, position: int, policy: Policy) -> str:
    return f"{sha256}-{position}-{policy.sha256[:16]}.json"
