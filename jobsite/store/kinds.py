"""How a file is shown and sent: by its suffix in our own table, never by looking at its content."""

from pathlib import PurePosixPath
from typing import NamedTuple


class Kind(NamedTuple):
    """`name` is one of csv, image, svg, svgz, html, text, json, log, other; `content_type` goes with its bytes."""

    name: str
    content_type: str


OTHER = Kind("other", "application/octet-stream")
_PLAIN = "text/plain; charset=utf-8"
_KINDS = {
    ".csv": Kind("csv", "text/csv; charset=utf-8"),
    ".png": Kind("image", "image/png"),
    ".jpg": Kind("image", "image/jpeg"),
    ".jpeg": Kind("image", "image/jpeg"),
    ".svg": Kind("svg", "image/svg+xml"),
    ".svgz": Kind("svgz", "image/svg+xml"),
    ".html": Kind("html", "text/html; charset=utf-8"),
    ".txt": Kind("text", _PLAIN),
    ".md": Kind("text", _PLAIN),
    ".json": Kind("json", "application/json"),
    ".log": Kind("log", _PLAIN),
}


def kind_of(path: str) -> Kind:
    """The kind of a file with this path; capital letters in the suffix do not matter, a missing one means `other`."""
    return _KINDS.get(PurePosixPath(path).suffix.casefold(), OTHER)
