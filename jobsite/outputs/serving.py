"""The bytes of a file for a frame or an image: sandboxed by their own answer, whichever way they are opened."""

import gzip
import io
from typing import BinaryIO

from flask import Response
from werkzeug.wsgi import FileWrapper

from jobsite.core.errors import NotFound
from jobsite.core.web import CONTENT_POLICY
from jobsite.outputs.drawings import LARGEST_SHOWN
from jobsite.outputs.pictures import picture
from jobsite.store.kinds import kind_of

SENT = ("image", "svg", "svgz", "html")
"""Kinds whose bytes leave the server as they are, for a frame or an image; all others only as text in a page."""
MOST_UNPACKED = 16 * 2**20
MOST_SENT = 64 * 2**20


def content_answer(file: BinaryIO, path: str) -> Response:
    """The bytes of an open file, which is closed with the answer, with their type by our own table and no rights at all.

    Raises `NotFound` for kinds that are never sent, for damaged drawings, and for what is too large to be drawn.
    """
    kind = kind_of(path)
    if kind.name not in SENT:
        file.close()
        raise NotFound("Files of this type are not sent.")
    opened = _fit_to_send(file, kind.name)
    response = Response(FileWrapper(opened), content_type=kind.content_type)
    response.call_on_close(opened.close)
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _fit_to_send(file: BinaryIO, kind: str) -> BinaryIO:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    too_large = size > (MOST_SENT if kind == "image" else LARGEST_SHOWN)
    if too_large or (kind == "image" and picture(file).is_too_large):
        file.close()
        raise NotFound("This file is too large to be shown.")
    file.seek(0)
    return _unpacked(file) if kind == "svgz" else file


def _unpacked(file: BinaryIO) -> BinaryIO:
    """The content of a compressed drawing, at most 16 MiB of it. Raises `NotFound` for what is damaged."""
    try:
        with file, gzip.open(file) as packed:
            data = packed.read(MOST_UNPACKED + 1)
    except (OSError, EOFError, ValueError):
        raise NotFound("This drawing is damaged and cannot be unpacked.") from None
    if len(data) > MOST_UNPACKED:
        raise NotFound("This drawing is larger than 16 MiB when unpacked, and is not shown.")
    return io.BytesIO(data)
