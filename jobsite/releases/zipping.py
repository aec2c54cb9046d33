"""Zip archives that are sent while they are made, and come out the same, byte for byte, each time.

Nothing is compressed: what a library of compression writes changes with its version. Times are fixed.
"""

import os
import zipfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from jobsite.core.files import PIECE

FIXED = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold."""

Content = bytes | BinaryIO


class _Outlet:
    """A file that can only be written; what was written is taken out again."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        data, self.written = b"".join(self.written), []
        return data


def zipped(entries: Iterable[tuple[str, Content]]) -> Iterator[bytes]:
    """The archive of these (name, content) pairs, in this order, piece by piece; open files are closed.

    The memory it takes does not grow with the files.
    """
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w") as archive:  # type: ignore[call-overload]  # it asks only for write and flush
        for name, content in entries:
            yield from _entry(archive, outlet, name, content)
    yield outlet.taken()


def _entry(archive: zipfile.ZipFile, outlet: _Outlet, name: str, content: Content) -> Iterator[bytes]:
    facts = zipfile.ZipInfo(name, FIXED)
    facts.external_attr = 0o644 << 16
    facts.create_system = 3
    facts.file_size = len(content) if isinstance(content, bytes) else os.fstat(content.fileno()).st_size
    with archive.open(facts, "w") as target:
        if isinstance(content, bytes):
            target.write(content)
        else:
            with content:
                while piece := content.read(PIECE):
                    target.write(piece)
                    yield outlet.taken()
    yield outlet.taken()
