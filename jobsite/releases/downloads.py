"""Released files as answers: bytes that have no rights in a browser, and archives that are made while they are sent."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from flask import Response, request, send_file

from jobsite.accounts.models import User
from jobsite.core.web import CONTENT_POLICY
from jobsite.projects.models import Workspace
from jobsite.releases.models import ReleaseFile
from jobsite.releases.queries import open_file
from jobsite.releases.zipping import Content, zipped
from jobsite.settings import current
from jobsite.store.kinds import kind_of

Named = Iterable[tuple[str, ReleaseFile]]
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")

AddressOf = Callable[[Workspace, ReleaseFile], str]


def raw(file: BinaryIO, row: ReleaseFile, *, as_download: bool = False) -> Response:
    """The bytes of a released file, which the answer closes: whatever they are, they never run as part of this site.

    The answer tells the hash and when the file was released; who has these bytes already is told so (specification 9.3).
    """
    content_type = kind_of(row.name).content_type
    response = send_file(file, mimetype=content_type, etag=False, conditional=False)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    if as_download:
        response.headers["Content-Disposition"] = _attachment(row.name.rpartition("/")[2])
    response.set_etag(row.sha256)
    response.last_modified = row.release.created_at
    response.make_conditional(request)
    return response


def whole_address(path: str) -> str:
    """The address of a path of this site for those who are elsewhere. Without `BASE_URL` only a machine that is asked by
    itself knows its name: what a client calls the site is never repeated to it.
    """
    own = urlsplit(request.host_url)
    site = current().base_url or (request.host_url.rstrip("/") if own.hostname in THIS_MACHINE else "")
    return f"{site}{path}"


def zip_answer(
    workspace: Workspace, named: Named, filename: str, address_of: AddressOf, *, names_people: bool = True
) -> Response:
    """A zip of these files under these names; a deleted one is a text that says who removed it, when, and where to read more.

    `names_people` is False where everybody may read it: no checker is named there. Files that have not arrived are left out.
    """
    rows = [(name, row) for name, row in named if row.uploaded_at is not None or row.deleted_at is not None]
    gone = [row for _, row in rows if row.deleted_at]
    people = _fullnames(row.deleted_by for row in gone) if names_people else {}
    texts = {
        row.id: _tombstone(
            row,
            people.get(row.deleted_by, row.deleted_by) if names_people else "",
            address_of(workspace, row),
        )
        for row in gone
    }
    return archive(zipped(_contents(workspace, rows, texts)), filename)


def archive(pieces: Iterator[bytes], filename: str) -> Response:
    """An archive that is sent while it is made."""
    headers = {"Content-Disposition": _attachment(filename), "Content-Security-Policy": CONTENT_POLICY}
    return Response(pieces, mimetype="application/zip", headers=headers)


def told_by(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a certificate says, from a release record: the policy, the rules that fired and what became of it, the steps."""
    states = Counter(finding["state"] for file in record["files"] for finding in file["findings"])
    waived = Counter[str]()
    for rule in record["rules"]:
        waived.update(rule["waived"])
    return {
        "record": record,
        "policy": json.loads(record["policy"]["text"]),
        "fired": [rule for rule in record["rules"] if rule["fired"]],
        "states": states,
        "waived": waived,
    }


def _contents(
    workspace: Workspace, rows: Iterable[tuple[str, ReleaseFile]], texts: Mapping[str, bytes]
) -> Iterator[tuple[str, Content]]:
    for name, row in rows:
        if row.id in texts:
            yield name, texts[row.id]
        else:
            yield name, open_file(workspace, row)


def _tombstone(row: ReleaseFile, name: str, address: str) -> bytes:
    by, day = f" by {name}" if name else "", row.deleted_at.strftime("%-d %B %Y")
    return f"This file was redacted{by} on {day}\n{address}\n".encode()


def _fullnames(usernames: Iterable[str]) -> dict[str, str]:
    rows = User.select(User.username, User.fullname).where(User.username.in_(sorted(set(usernames))))
    return {username: fullname for username, fullname in rows.tuples()}


def _attachment(filename: str) -> str:
    """The header for a file of this name, whatever letters it has (RFC 6266)."""
    plain = "".join(
        one if one.isascii() and one.isprintable() and one not in '"\\' else "_" for one in filename
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
