"""The bytes of released files: `releases/files/<workspace>/<release>/<SHA-256>`. A path of a file is never a path on disk.

What arrives lies under a name of its own in `releases/incoming` until it is whole, hashed and on disk; then it is renamed.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from jobsite.core.files import PIECE, flush_to_disk, move_beneath, open_beneath, remove_beneath
from jobsite.settings import current

ABANDONED = 24 * 3600
"""Seconds after which what has not become a file will not become one."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class TooLarge(Exception):
    """More bytes arrived than are taken."""


class Received(NamedTuple):
    """Bytes that have arrived whole: their name in the folder of arrivals, their number, their SHA-256 in hex."""

    name: str
    size: int
    sha256: str


def receive(pieces: Iterable[bytes], limit: int) -> Received:
    """Take bytes in, at most `limit` of them, hashing them on the way; they are on disk on return.

    Raises TooLarge, OSError, and whatever `pieces` raises; then nothing is left.
    """
    folder, name = _folder("incoming"), secrets.token_hex(16)
    digest, size = hashlib.sha256(), 0
    try:
        with open(os.open(folder / name, _NEW, 0o600), "wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > limit:
                    raise TooLarge
                digest.update(piece)
                file.write(piece)
            flush_to_disk(file)
    except BaseException:
        (folder / name).unlink(missing_ok=True)
        raise
    return Received(name, size, digest.hexdigest())


def keep(received: Received, workspace: str, release_id: str) -> None:
    """Give what has arrived its place as content of a release. Bytes of the same hash that are there are replaced."""
    place = _place(workspace, release_id, received.sha256)
    move_beneath(_folder("incoming"), received.name, _folder("files"), place)


def discard(received: Received) -> None:
    """Throw away what has arrived."""
    remove_beneath(_folder("incoming"), received.name)


def open_released(workspace: str, release_id: str, sha256: str) -> BinaryIO:
    """The bytes of a released file, open at their start. Raises FileNotFoundError when they are gone."""
    return open_beneath(_folder("files"), _place(workspace, release_id, sha256))


def remove(workspace: str, release_id: str, sha256: str) -> None:
    """Remove the bytes of a released file; nothing there is no error."""
    remove_beneath(_folder("files"), _place(workspace, release_id, sha256))


def sweep_arrivals() -> None:
    """Remove what arrived more than a day ago and was never kept (the program was killed)."""
    for path in _folder("incoming").iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.lstat().st_mtime > ABANDONED:
                path.unlink()


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of an open file from where it stands, piece by piece."""
    while piece := file.read(PIECE):
        yield piece


def _place(workspace: str, release_id: str, sha256: str) -> str:
    return f"{workspace}/{release_id}/{sha256}"


def _folder(name: str) -> Path:
    """A folder of the instance that nobody else may enter."""
    folder = current().instance / "releases" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
