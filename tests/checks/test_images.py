"""Images: whether they are what they say, and the text that travels with them."""

import struct
import zlib

import pytest

from .given import report_on, rules_in


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*more: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(more)
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
    )


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    parts = [struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments]
    scan = struct.pack(">BBH", 0xFF, 0xDA, 8) + b"\x01\x01\x00\x00\x3f\x00" + b"\x12\x34"
    return b"\xff\xd8" + b"".join(parts) + scan + b"\xff\xd9"


def test_plain_images_have_no_finding() -> None:
    assert rules_in(png(), "a.png") == []
    assert rules_in(jpeg((0xE0, b"JFIF\0")), "a.jpg") == []


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (
            png(chunk(b"tEXt", b"Software\0Matplotlib version3.8")),
            "a.png",
            "'Software: Matplotlib version3.8'",
        ),
        (png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x"))), "a.png", "'Comment'"),
        (png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")), "a.png", "XMP data"),
        (png(chunk(b"eXIf", b"MM\0*")), "a.png", "EXIF data"),
        (jpeg((0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0MM")), "a.jpg", "EXIF data"),
        (jpeg((0xE0, b"JFIF\0"), (0xFE, b"made by hand")), "a.jpeg", "'made by hand'"),
        (jpeg((0xE0, b"JFIF\0"), (0xED, b"Photoshop")), "a.jpg", "IPTC data"),
    ],
)
def test_text_in_an_image_is_shown(data: bytes, name: str, said: str) -> None:
    [found] = report_on(data, name).findings
    assert (found.rule, found.severity) == ("F8", "look")
    assert said in found.sentence


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (png(), "a.jpg"),
        (jpeg(), "a.png"),
        (png()[:-5], "a.png"),
        (png() + b"x", "a.png"),
        (png().replace(b"IDAT", b"IDAX"), "a.png"),
        (b"%PDF-1.7", "a.csv"),
        (b"PK\x03\x04rest", "a.csv"),
        (b"\x1f\x8b\x08", "a.json"),
        (b"SQLite format 3\0", "a.txt"),
    ],
)
def test_content_that_is_not_what_the_name_says_stops(data: bytes, name: str) -> None:
    found = [one for one in report_on(data, name).findings if one.rule == "F2"]
    assert [one.severity for one in found] == ["stop"]


def test_points_of_a_drawing_are_counted_without_letters_and_ticks() -> None:
    many = '<circle r="1"/>' * 501
    path = '<path d="M0 0' + "L1 1" * 501 + '"/>'
    letters = f'<g id="text_1">{many}</g><g id="xtick_3">{path}</g><defs>{path}</defs>'
    frame = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
    assert rules_in(frame.format(many), "a.svg") == ["G2"]
    assert rules_in(frame.format(path), "a.svg") == ["G2"]
    assert rules_in(frame.format(letters), "a.svg") == []
    assert report_on(frame.format('<circle r="1"/><path d="M0 0h5v5z"/>'), "a.svg").marks == 4
