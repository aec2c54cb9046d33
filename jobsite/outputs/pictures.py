"""What a picture says beside its pixels: size, and the text that travels inside the file. Pure; nothing is decoded."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LARGEST = 25_000_000
"""Pixels of a picture that is shown."""
MOST_READ = 32 * 2**20
LONGEST_TEXT = 2_000
MOST_TEXTS = 50

_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class Picture:
    """Width and height in pixels, None where the file does not tell; embedded texts as (what it is, text)."""

    width: int | None
    height: int | None
    texts: tuple[tuple[str, str], ...]

    @property
    def is_too_large(self) -> bool:
        """Whether it has more pixels than are shown, or does not tell how many."""
        return self.width is None or self.height is None or self.width * self.height > LARGEST


def picture(file: BinaryIO) -> Picture:
    """What the file of a PNG or JPEG image says of itself. Never raises for what is in it."""
    file.seek(0)
    data = file.read(MOST_READ)
    try:
        return _png(data) if data.startswith(_PNG) else _jpeg(data)
    except (struct.error, IndexError, ValueError):
        return Picture(None, None, ())


def _png(data: bytes) -> Picture:
    width, height = struct.unpack_from(">II", data, 16)
    texts = []
    for kind, body in _chunks(data):
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            texts.append(_text_chunk(kind, body))
        elif kind == b"eXIf":
            texts.append(("EXIF", _readable(body)))
    return Picture(width, height, tuple(texts[:MOST_TEXTS]))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_PNG)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def _text_chunk(kind: bytes, body: bytes) -> tuple[str, str]:
    keyword, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        rest = _inflated(rest[1:])
    elif kind == b"iTXt":
        is_packed, rest = rest[:1] == b"\x01", rest[2:]
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]
        rest = _inflated(rest) if is_packed else rest
        return keyword.decode("latin-1"), rest.decode("utf-8", "replace")[:LONGEST_TEXT]
    return keyword.decode("latin-1"), rest.decode("latin-1")[:LONGEST_TEXT]


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, 4 * LONGEST_TEXT)
    except zlib.error:
        return b"(damaged)"


def _jpeg(data: bytes) -> Picture:
    width = height = None
    texts = []
    for marker, body in _segments(data):
        if marker in _FRAMES and width is None:
            height, width = struct.unpack_from(">HH", body, 1)
        elif marker == 0xFE:
            texts.append(("Comment", body.decode("utf-8", "replace")[:LONGEST_TEXT]))
        elif marker == 0xE1:
            name = "XMP" if body.startswith(b"http://ns.adobe.com/") else "EXIF"
            texts.append((name, _readable(body)))
        elif marker == 0xED:
            texts.append(("IPTC", _readable(body)))
    return Picture(width, height, tuple(texts[:MOST_TEXTS]))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xDA:
            return
        if marker in _ALONE:
            position += 2
            continue
        length = struct.unpack_from(">H", data, position + 2)[0]
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + max(2, length)


def _readable(body: bytes) -> str:
    """The runs of letters in some bytes: what a person could read in them."""
    runs = re.findall(rb"[\x20-\x7e]{4,}", body)
    return " · ".join(run.decode("ascii") for run in runs)[:LONGEST_TEXT]
