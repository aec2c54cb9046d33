"""The bytes of release requests: each content once, under its SHA-256, below `releases/copies` of the instance.

A path of a request is never a path on disk. A content is written under another name first and gets its own when it is
proved to be what was asked for; what is there under a hash is never written again.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from peewee import ModelSelect

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict
from jobsite.core.files import (
    UnsafePath,
    copy_beneath,
    directory_beneath,
    move_beneath,
    open_beneath,
    remove_beneath,
    sha256_of,
)
from jobsite.releases.requests.models import FileVersion, ReleaseRequest, RequestFile
from jobsite.settings import current

_FOLDERS = ("releases", "copies")
_UNSETTLED = ".adding-"
_FRESH = timedelta(hours=1)

DAMAGED = "The copy of a file is not what it was when it was added. Tell the operators; nothing is released."


class Staged(NamedTuple):
    """A content that was written under a temporary `name` and measured: bytes and SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class Stray(NamedTuple):
    """A file among the copies that no request holds, or whose addition was cut off; `at` is when it was written."""

    name: str
    size: int
    at: float


def folder() -> Path:
    """The folder of the copies, made if it is not there, closed to everybody else."""
    path = current().instance
    for name in _FOLDERS:
        path = path / name
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def stage(source: BinaryIO) -> Staged:
    """Write the rest of `source` under a temporary name; on return it will survive a power cut. Raises OSError."""
    name = f"{_UNSETTLED}{secrets.token_hex(8)}"
    copied = copy_beneath(source, folder(), name, mode=0o600)
    return Staged(name, copied.size, copied.sha256)


def open_staged(staged: Staged) -> BinaryIO:
    """A staged content open for reading."""
    return open_beneath(folder(), staged.name)


def settle(staged: Staged) -> None:
    """Give a staged content its own name. Only inside the transaction that stores the row which holds it. Raises OSError."""
    move_beneath(folder(), staged.name, folder(), staged.sha256)


def discard(staged: Staged) -> None:
    """Remove a staged content, and its copy where no row holds it: nothing stays of an addition that failed (OC30)."""
    remove_beneath(folder(), staged.name)
    with writing():  # nobody adds the same content meanwhile
        if not _held([staged.sha256]):
            remove_beneath(folder(), staged.sha256)


def open_content(sha256: str) -> BinaryIO:
    """A copy open for reading. Raises `Conflict` with a sentence where it is gone or no regular file."""
    try:
        return open_beneath(folder(), sha256)
    except (OSError, UnsafePath):
        raise Conflict(DAMAGED) from None


def is_sound(sha256: str) -> bool:
    """Whether the copy is there and has exactly this content: it is read whole (OC35)."""
    try:
        with open_content(sha256) as file:
            return sha256_of(file) == sha256
    except Conflict:
        return False


def strays() -> list[Stray]:
    """What lies among the copies that no request needs; the newest hour is left out, as it may be being added (OC30)."""
    youngest = (now() - _FRESH).replace(tzinfo=UTC).timestamp()
    found = [stray for stray in _all() if stray.at < youngest]
    held = _held([stray.name for stray in found])
    return [stray for stray in found if stray.name not in held]


def remove_strays() -> int:
    """Remove the strays; how many there were."""
    with writing():
        found = strays()
        for stray in found:
            remove_beneath(folder(), stray.name)
    return len(found)


def _all() -> Iterator[Stray]:
    with directory_beneath(folder(), ()) as directory:
        for name in sorted(os.listdir(directory)):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                yield Stray(name, status.st_size, status.st_ctime)  # its mtime is the output's


def needed_by_others(request: ReleaseRequest) -> set[str]:
    """The contents that requests beside this one hold: their copies stay. Two queries."""
    mine = RequestFile.select(RequestFile.sha256).where(RequestFile.request == request)
    before = FileVersion.select(FileVersion.sha256).join(RequestFile).where(RequestFile.request == request)
    others = ReleaseRequest.id != request.id
    return {
        found
        for rows, column in _holding()
        for (found,) in rows.where(others, column.in_(mine) | column.in_(before)).tuples()
    }


def remove(sha256: str) -> None:
    """Remove a copy that no request needs any more. Only inside the transaction that looked for that."""
    remove_beneath(folder(), sha256)


def _held(names: list[str]) -> set[str]:
    held: set[str] = set()
    for first in range(0, len(names), 500):
        some = names[first : first + 500]
        for rows, column in _holding():
            held |= {sha256 for (sha256,) in rows.where(column.in_(some)).tuples()}
    return held


def _holding() -> Iterator[tuple[ModelSelect, Any]]:
    """The contents of files and of earlier versions of requests whose copies are kept, and their column."""
    kept = ReleaseRequest.copies_removed_at.is_null()
    files = RequestFile.select(RequestFile.sha256).join(ReleaseRequest)
    yield files.where(kept), RequestFile.sha256
    versions = FileVersion.select(FileVersion.sha256).join(RequestFile).join(ReleaseRequest)
    yield versions.where(kept), FileVersion.sha256
