"""What leaves Level 4: releases are announced, their files uploaded and reviewed, and recalled (specification 9.3, and 8.4 to
8.7 of output checking)."""

import re
import sys
from collections.abc import Iterator
from functools import partial
from urllib.parse import unquote

from flask import Response, request, url_for
from werkzeug.http import parse_options_header

from jobsite.accounts.web import limits
from jobsite.core.files import PIECE
from jobsite.releases.actions import create_release, receive_file, revoke
from jobsite.releases.announced import STATUSES, announcement_of
from jobsite.releases.downloads import whole_address
from jobsite.releases.reviewing import review_files
from jobsite.sync.api.callers import BACKEND_AND_CHECKER, BACKEND_AND_PERSON, CHECKER
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.shapes import (
    Anything,
    Many,
    Moment,
    Optional,
    OrNull,
    ReadBy,
    Shape,
    Text,
    Whole,
    described,
)
from jobsite.sync.api.things import release_of, workspace_of

api = Endpoints("api")

REVIEW = OrNull(Shape({"status": Text(choices=STATUSES), "comments": Optional(Anything(), {})}))
FILE = Shape(
    {
        "name": Text(1000),
        "url": Text(1000),
        "size": Whole(),
        "sha256": Text(64),
        "date": Moment(),
        "metadata": Anything(),
        "review": Optional(REVIEW),
    }
)
ANNOUNCED = ReadBy(
    announcement_of,
    Shape({"files": Many(FILE, most=10_000, fewest=1), "metadata": Anything(), "review": OrNull(Anything())}),
)
REVOKED = Shape({"public_reason": Text(2000), "files": Optional(OrNull(Many(Text(1000))))})

UPLOADS = "uploads per backend"
LONGEST = 8192
"""Characters of a Content-Disposition that are read."""
_ENCODED = re.compile(r"filename\*\s*+=\s*+UTF-8''([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*+=\s*+"(.*?)(?<!\\)"\s*+(?:$|;\s*+(?:$|[\w*-]++\s*+=))', re.IGNORECASE)
"""A name between quotes, up to the one after which the header ends or says something else: programs write quotes and
backslashes of a name as they are, too."""
NAMED = {
    "Content-Disposition": 'The name of the file: `attachment; filename="output/a.csv"`, or `filename*`.'
}


@api(
    "POST",
    "releases/workspace/<name>",
    caller=BACKEND_AND_CHECKER,
    thing=workspace_of,
    body=ANNOUNCED,
    answers={
        201: Answer(
            "the release awaits its files",
            described(release_id=str, release_url=str),
            headers={"Release-Id": "The id of the release."},
        )
    },
)
def announce(call: Call) -> Response:
    """The files of a release before their bytes. The same files under the same id are the same release."""
    release = create_release(
        by=call.person, backend=call.backend, workspace=call.thing.name, announced=call.body
    )
    path = url_for("releases.release", workspace=call.thing.name, release_id=release.id)
    told = {"release_id": release.id, "release_url": whole_address(path)}
    return answer(told, 201, {"Release-Id": release.id})


@api(
    "POST",
    "releases/release/<release_id>",
    caller=BACKEND_AND_CHECKER,
    thing=release_of,
    raw="application/octet-stream",
    headers=NAMED,
    answers={
        201: Answer(
            "the file is here",
            headers={"File-Id": "The id of the file.", "Location": "Where its bytes are."},
        )
    },
)
def upload(call: Call) -> Response:
    """The bytes of an announced file, as they are, with or without their length before them."""
    limits().check(UPLOADS, call.backend.slug)
    limits().count(UPLOADS, call.backend.slug)
    request.max_content_length = sys.maxsize  # how much is taken is said with a sentence of its own
    file = receive_file(
        by=call.person,
        backend=call.backend,
        release_id=call.thing.id,
        name=_filename(request.headers.get("Content-Disposition", "")),
        body=_pieces(),
        length=request.content_length,
    )
    where = whole_address(url_for("api.file_bytes", file_id=file.id))
    return answer(status=201, headers={"File-Id": file.id, "Location": where})


@api(
    "POST",
    "releases/release/<release_id>/reviews",
    caller=CHECKER,
    thing=release_of,
    body=ANNOUNCED,
    answers={200: Answer("they are stored")},
)
def reviews(call: Call) -> Response:
    """What was said of the files of a release."""
    review_files(by=call.person, backend=call.caller.backend, release=call.thing, announced=call.body)
    return answer()


@api(
    "POST",
    "releases/release/<release_id>/revoke",
    caller=BACKEND_AND_PERSON,
    thing=release_of,
    body=REVOKED,
    answers={200: Answer("the bytes are gone", described(status={"const": "revoked"}))},
)
def recall(call: Call) -> Response:
    """Take a release back, or some of its files: their bytes go, the reason stays where they were."""
    revoke(
        by=call.person,
        backend=call.backend,
        release_id=call.thing.id,
        public_reason=call.body["public_reason"],
        names=call.body["files"],
    )
    return answer({"status": "revoked"})


def _filename(header: str) -> str:
    """The name in a Content-Disposition, "" for none. The one that says how it is encoded counts first (RFC 6266)."""
    header = header[:LONGEST]
    if encoded := _ENCODED.search(header):
        return unquote(encoded[1], errors="replace")
    quoted = _QUOTED.search(header)
    name = (
        re.sub(r'\\(["\\])', r"\1", quoted[1])
        if quoted
        else parse_options_header(header)[1].get("filename", "")
    )
    try:
        return name.encode("latin-1").decode("utf-8")  # bytes of UTF-8, taken for Latin-1
    except UnicodeError:
        return name


def _pieces() -> Iterator[bytes]:
    return iter(partial(request.stream.read, PIECE), b"")
