"""Where the rows of a CSV file start, known without reading it again: kept by content beside the instance's other files.

An index is made once for each content, in at most some seconds for a million rows, and can be made again at any time.
"""

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from jobsite.core.files import UnsafePath, atomic_write, make_directories, open_beneath
from jobsite.settings import current
from jobsite.store.windows import Index, csv_index

FOLDER = "cache/tables"
KEPT_FROM = 2 * 2**20
"""Bytes of a file whose index is worth a file of its own."""
MOST_REMEMBERED = 32

_remembered: OrderedDict[str, Index] = OrderedDict()
_door = threading.Lock()

log = logging.getLogger("jobsite.outputs")


def known_index(sha256: str, size: int) -> Index | None:
    """The index of a content of so many bytes, None when there is none yet."""
    with _door:
        if sha256 in _remembered:
            _remembered.move_to_end(sha256)
            return _remembered[sha256]
    if size < KEPT_FROM:
        return None
    try:
        with open_beneath(current().instance, f"{FOLDER}/{sha256}.json") as file:
            return _remember(sha256, Index.from_json(json.loads(file.read())))
    except (OSError, UnsafePath, ValueError, TypeError, KeyError):
        return None


def index_of(file: BinaryIO, sha256: str, size: int) -> Index:
    """The index of a content, made now where there is none; `size` in bytes says whether it is kept beyond this process."""
    found = known_index(sha256, size)
    if found is not None:
        return found
    index = csv_index(file)
    if size >= KEPT_FROM:
        keep(current().instance, f"{sha256}.json", index.as_json())
    return _remember(sha256, index)


def keep(instance: Path, name: str, what: Mapping[str, Any]) -> None:
    """Keep what was found out about a table; that it cannot be kept is only logged."""
    try:
        folder = make_directories(instance, FOLDER)
        atomic_write(folder / name, json.dumps(what), mode=0o600, flushed=False)
    except OSError:
        log.warning("what was found out about a table cannot be kept", exc_info=True)


def _remember(sha256: str, index: Index) -> Index:
    with _door:
        _remembered[sha256] = index
        _remembered.move_to_end(sha256)
        while len(_remembered) > MOST_REMEMBERED:
            _remembered.popitem(last=False)
    return index
