"""Bytes to text, in the one way in which all of the store reads them."""

import codecs
from typing import BinaryIO

UTF_8 = "utf-8"
UTF_16_LE = "utf-16-le"
UTF_16_BE = "utf-16-be"
WINDOWS_1252 = "cp1252"

_MARKS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, UTF_16_LE), (codecs.BOM_UTF16_BE, UTF_16_BE))


class NotAsItsSuffix(ValueError):
    """A file does not decode or does not have the form of its suffix; the text says in what, as the end of a sentence."""


def byte_order_mark(start: bytes) -> tuple[str, int]:
    """The encoding that a file's first bytes announce (UTF-8 where they do not) and the length of the mark."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, len(mark)
    return UTF_8, 0


def whole_text(data: bytes) -> str:
    """A file's text without its mark. Raises NotAsItsSuffix for undecodable bytes and NUL characters."""
    encoding, mark = byte_order_mark(data[:3])
    try:
        text = data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        raise NotAsItsSuffix(f"it is not text in UTF-8 (at byte {error.start + mark + 1})") from None
    if "\0" in text:
        raise NotAsItsSuffix("it contains NUL characters")
    return text


def encoding_at_start(file: BinaryIO) -> str:
    """The announced encoding of an open file, which then stands behind its mark."""
    file.seek(0)
    encoding, mark = byte_order_mark(file.read(3))
    file.seek(mark)
    return encoding
