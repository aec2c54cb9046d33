"""Whether a file has the form of its suffix. Every check raises NotAsItsSuffix; a form nobody checks here has no check."""

import struct
import zlib
from collections.abc import Callable
from xml.parsers import expat

from jobsite.store import identifiers
from jobsite.store.decoding import NotAsItsSuffix, whole_text

LARGEST_UNPACKED = 16 * 1024 * 1024  # bytes of an svgz when unpacked

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}


def checked_text(data: bytes) -> bool:
    """Whether a text file (txt, log, md) names patient_id as a key or column head."""
    return identifiers.in_text(whole_text(data))


def checked_html(data: bytes) -> bool:
    """As `checked_text`, for HTML: not empty text must hold a tag."""
    text = whole_text(data)
    if text.strip() and ("<" not in text or ">" not in text):
        raise NotAsItsSuffix("it contains no HTML")
    return identifiers.in_markup(text)


def checked_json(data: bytes) -> bool:
    """As `checked_text`, for JSON."""
    try:
        return identifiers.in_json(identifiers.parsed_json(whole_text(data)))
    except NotAsItsSuffix:
        raise
    except ValueError as error:
        raise NotAsItsSuffix(f"it is not valid JSON ({error})") from None
    except RecursionError:
        raise NotAsItsSuffix("its JSON is nested too deeply") from None


def checked_svg(data: bytes) -> bool:
    """As `checked_text`, for SVG: well-formed, `svg` at its root, no entities of its own (they can grow without end)."""
    parser = expat.ParserCreate()
    roots: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name.rpartition(":")[2])

    def refuse(*declaration: object) -> None:
        raise NotAsItsSuffix("it declares entities")

    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NotAsItsSuffix(f"it is not well-formed SVG ({error})") from None
    if roots != ["svg"]:
        raise NotAsItsSuffix("its outermost element is not svg")
    return identifiers.in_markup(whole_text(data))


def checked_svgz(data: bytes) -> bool:
    """As `checked_svg`, after unpacking; one gzip member, at most 16 MiB, with nothing behind it."""
    return checked_svg(unpacked(data))


def unpacked(data: bytes) -> bytes:
    """The SVG inside an svgz. Raises NotAsItsSuffix."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, LARGEST_UNPACKED)
    except zlib.error:
        raise NotAsItsSuffix("it is not compressed with gzip") from None
    if unpacker.unconsumed_tail:
        raise NotAsItsSuffix("it is larger than 16 MiB when unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise NotAsItsSuffix("it does not end where its compressed content ends")
    return plain


def checked_png(data: bytes) -> bool:
    """Complete PNG chunks with right check sums, from the header to the end, and nothing behind them."""
    if not data.startswith(_PNG):
        raise NotAsItsSuffix("it is not a PNG image")
    position = len(_PNG)
    kinds: list[bytes] = []
    while position < len(data) and kinds[-1:] != [b"IEND"]:
        if len(data) - position < 12:
            raise NotAsItsSuffix("its PNG image is cut off")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise NotAsItsSuffix("its PNG image is cut off")
        if zlib.crc32(memoryview(data)[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise NotAsItsSuffix("its PNG image is damaged")
        kinds.append(kind)
        position = end + 4
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise NotAsItsSuffix("its PNG image is not complete")
    if position != len(data):
        raise NotAsItsSuffix("it has data behind the end of its image")
    return False


def checked_jpeg(data: bytes) -> bool:
    """JPEG segments from start to end of image, at least one of them a scan, and nothing behind them."""
    if not data.startswith(b"\xff\xd8\xff"):
        raise NotAsItsSuffix("it is not a JPEG image")
    position, scans = 2, 0
    while position + 1 < len(data):
        if data[position] != 0xFF:
            raise NotAsItsSuffix("its JPEG image is damaged")
        marker, position = data[position + 1], position + 2
        if marker == 0xFF:  # a fill byte
            position -= 1
        elif marker == 0xD9:
            if position != len(data) or not scans:
                raise NotAsItsSuffix(
                    "it has data behind the end of its image" if scans else "it has no image"
                )
            return False
        elif marker not in _JPEG_WITHOUT_LENGTH:
            position = _behind_segment(data, position)
            if marker == 0xDA:
                scans += 1
                position = _behind_scan(data, position)
    raise NotAsItsSuffix("its JPEG image is cut off")


def _behind_segment(data: bytes, position: int) -> int:
    if position + 2 > len(data):
        raise NotAsItsSuffix("its JPEG image is cut off")
    length = struct.unpack_from(">H", data, position)[0]
    if length < 2:
        raise NotAsItsSuffix("its JPEG image is damaged")
    return position + length


def _behind_scan(data: bytes, position: int) -> int:
    """The position of the first marker that is no part of the compressed image."""
    while 0 <= (found := data.find(b"\xff", position)) < len(data) - 1:
        if data[found + 1] and not 0xD0 <= data[found + 1] <= 0xD7:
            return found
        position = found + 2
    raise NotAsItsSuffix("its JPEG image is cut off")


CHECKS: dict[str, Callable[[bytes], bool]] = {
    ".txt": checked_text,
    ".log": checked_text,
    ".md": checked_text,
    ".html": checked_html,
    ".json": checked_json,
    ".svg": checked_svg,
    ".svgz": checked_svgz,
    ".png": checked_png,
    ".jpg": checked_jpeg,
    ".jpeg": checked_jpeg,
}
