"""Images: whether they are what their name says, and the text they carry (F2, F8). Pure."""

import struct
from collections.abc import Iterator
from pathlib import PurePosixPath

from jobsite.checks.findings import Place
from jobsite.checks.ruling import Remark
from jobsite.core.wording import joined
from jobsite.store.decoding import NotAsItsSuffix
from jobsite.store.suffix_checks import checked_jpeg, checked_png

_SHOWN = 60
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")


def image(name: str, data: bytes) -> Iterator[Remark]:
    """F2 for an image that is damaged or none, F8 for one that carries text."""
    last = PurePosixPath(name).name
    is_png = last.casefold().endswith(".png")
    try:
        (checked_png if is_png else checked_jpeg)(data)
    except NotAsItsSuffix as error:
        kind = "PNG" if is_png else "JPEG"
        said = str(error).removeprefix("it is ")
        yield Remark(
            "F2",
            Place(),
            f"{last} is {said}."
            if said.startswith("not a")
            else f"{last} is no sound {kind} image: {error}.",
        )
        return
    carried = list(_png_texts(data) if is_png else _jpeg_texts(data))
    if carried:
        yield Remark("F8", Place(), f"The image carries text: {joined(list(dict.fromkeys(carried))[:5])}.")


def _png_texts(data: bytes) -> Iterator[str]:
    """What the text chunks of a sound PNG hold: the keyword, and of plain ones the beginning."""
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        if kind in _TEXT_CHUNKS:
            yield _described(kind, body)
        position += length + 12


def _described(kind: bytes, body: bytes) -> str:
    if kind == b"eXIf":
        return "EXIF data"
    keyword, _, rest = body.partition(b"\0")
    name = keyword.decode("latin-1", "replace")
    if name == "XML:com.adobe.xmp":
        return "XMP data"
    return f"'{name}: {_printable(rest)}'" if kind == b"tEXt" else f"'{name}'"


def _jpeg_texts(data: bytes) -> Iterator[str]:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != 0xDA:
        marker, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        body = data[position + 4 : position + 2 + length]
        if marker == 0xE1:
            yield "EXIF data" if body.startswith(b"Exif") else "XMP data"
        elif marker == 0xED:
            yield "IPTC data"
        elif marker == 0xFE:
            yield f"'{_printable(body)}'"
        position += 2 + length


def _printable(body: bytes) -> str:
    text = body[: _SHOWN + 1].decode("latin-1", "replace")
    text = "".join(character if character.isprintable() else " " for character in text)
    return text[:_SHOWN] + ("…" if len(text) > _SHOWN else "")
