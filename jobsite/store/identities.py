"""The hashes of files in the high-privacy store, known without reading them again: a file of the same size, time and
inode is the same file. Kept beside the files, so that a restart does not forget it."""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from jobsite.core.files import UnsafePath, atomic_write, open_beneath, sha256_of
from jobsite.store.roots import IDENTITIES

_MOST_REMEMBERED = 50_000
_remembered: OrderedDict[tuple[int, ...], str] = OrderedDict()
_remembering = threading.Lock()

Identity = list[int]  # size in bytes, modification time in nanoseconds, inode


def identity_of(file: BinaryIO) -> Identity:
    """The identity of an open file."""
    status = os.fstat(file.fileno())
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def remembered_hash(file: BinaryIO) -> str:
    """SHA-256 in hex of an open file, which then stands at its start. Read only if this process has not done so."""
    status = os.fstat(file.fileno())
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    with _remembering:
        sha256 = _remembered.get(key)
    if sha256 is None:
        file.seek(0)
        sha256 = sha256_of(file)
    file.seek(0)
    with _remembering:
        _remembered[key] = sha256
        _remembered.move_to_end(key)
        while len(_remembered) > _MOST_REMEMBERED:
            _remembered.popitem(last=False)
    return sha256


def known(high: Path) -> dict[str, tuple[Identity, str]]:
    """{path: (identity, SHA-256)} of a workspace's high-privacy directory; empty when that is lost or damaged."""
    with suppress(OSError, UnsafePath, ValueError, TypeError), open_beneath(high, IDENTITIES) as file:
        return {path: (identity, sha256) for path, (identity, sha256) in json.loads(file.read()).items()}
    return {}


def remember(high: Path, hashes: Mapping[str, str]) -> None:
    """Notes the hashes of files as they lie there now. Only for the holder of the workspace's lock.

    Not flushed: when a power cut damages it, the files are read again.
    """
    noted = known(high)
    for path, sha256 in hashes.items():
        with open_beneath(high, path) as file:
            noted[path] = (identity_of(file), sha256)
    atomic_write(high / IDENTITIES, json.dumps(noted), flushed=False)


class Hashes:
    """Hashes of the files of one workspace: those that were noted, those that this process has read, others by reading."""

    def __init__(self, high: Path) -> None:
        self.high = high
        self.noted = known(high)

    def has(self, path: str, sha256: str) -> bool:
        """Whether the regular file at `path` has this content. False for anything that cannot be read."""
        return self.has_under(path, path, sha256)

    def has_under(self, path: str, noted_as: str, sha256: str) -> bool:
        """`has` for a file that may have been noted under another name."""
        try:
            with open_beneath(self.high, path) as file:
                noted = self.noted.get(noted_as)
                if noted and noted[0] == identity_of(file):
                    return noted[1] == sha256
                return remembered_hash(file) == sha256
        except (OSError, UnsafePath):
            return False
