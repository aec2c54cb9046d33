"""What release requests add to the pages of Level 4: the states of outputs, and the versions they can be compared with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from peewee import ModelSelect

from jobsite.accounts.models import User
from jobsite.core.errors import Refused
from jobsite.outputs.comparing import Version
from jobsite.outputs.file_queries import Held
from jobsite.outputs.states import STATES, FileState
from jobsite.projects.models import Workspace
from jobsite.projects.parts import Part
from jobsite.releases.requests import copies
from jobsite.releases.requests.level4 import known_of
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.rules import STATUSES
from jobsite.store.windows import csv_beginning

REVIEWED = ("REVIEWED", "RETURNED", "APPROVED", "RELEASED", "REJECTED", "REVOKED")
"""Requests in which all reviews were in, now or before."""
MOST_VERSIONS = 5
MOST_RELATED = 20
MOST_HELD = 10


def level4_states(*, person: User, workspace: Workspace, present: Mapping[str, str]) -> list[Part]:
    """What requests and releases say of the outputs of a workspace; `present` maps their paths to their SHA-256. One query."""
    known = known_of(workspace, person, present)
    found = {
        path: FileState(name, STATES[name][0], address=f"/requests/{state.request}/")
        for path, state in known.states.items()
        if (name := state.name.replace(" ", "-")) in STATES
    }
    return [Part("", "states", {"states": found, "under_way": known.under_way})]


def level4_versions(
    *, person: User, workspace: Workspace, path: str, sha256: str, header: Sequence[str]
) -> list[Part]:
    """The versions of a path that were released or reviewed, the newest of each first; released tables with this header;
    and the requests that hold this path or content. Contents are open. One query.
    """
    rows = list(_concerned(workspace, path, sha256, len(header)))
    reviewed = [
        row for row in rows if row.path == path and row.sha256 != sha256 and row.request.status in REVIEWED
    ]
    versions = [_version(row) for row in _newest(reviewed, MOST_VERSIONS)]
    versions.sort(key=lambda one: not one.words.startswith("released"))
    others = [row for row in rows if row.path != path and row.released_at and row.sha256 != sha256]
    related = [_version(row, f"{row.path}, ") for row in _newest(others, MOST_RELATED)] if header else []
    here = [row for row in rows if path == row.path or sha256 == row.sha256]
    facts = {"versions": versions, "related": _with_header(related, header), "held": _held(person, here)}
    return [Part("", "versions", facts)]


def _concerned(workspace: Workspace, path: str, sha256: str, columns: int) -> ModelSelect:
    """The files of requests with that path, that content, or released with as many columns; the newest first."""
    rows = RequestFile.select(RequestFile, ReleaseRequest).join(ReleaseRequest)
    alike = (
        RequestFile.released_at.is_null(False)
        & (RequestFile.cols == columns)
        & RequestFile.path.endswith(".csv")
    )
    concerned = (RequestFile.path == path) | (RequestFile.sha256 == sha256) | alike
    return rows.where(ReleaseRequest.workspace == workspace, concerned).order_by(RequestFile.id.desc())


def _newest(rows: Sequence[RequestFile], most: int) -> list[RequestFile]:
    """The newest row of each content."""
    by_content: dict[str, RequestFile] = {}
    for row in rows:
        by_content.setdefault(row.sha256, row)
    return list(by_content.values())[:most]


def _with_header(versions: Sequence[Version], header: Sequence[str]) -> list[Version]:
    """Those of the open tables that have this header; the others are closed."""
    fit = []
    for version in versions:
        read = csv_beginning(version.file, 0) if version.file else None
        if read and tuple(read.header) == tuple(header):
            fit.append(version)
        elif version.file:
            version.file.close()
    return fit


def _held(person: User, rows: Sequence[RequestFile]) -> list[Held]:
    """The requests of these files, without the drafts of others."""
    found: dict[str, Held] = {}
    for row in rows:
        request = row.request
        if request.status != "PENDING" or request.author_id == person.id:
            words = f"{STATUSES[request.status].label} ({_day(request.moved_at or request.created_at)})"
            found.setdefault(request.id, Held(words, f"/requests/{request.id}/"))
    return list(found.values())[:MOST_HELD]


def _version(row: RequestFile, of: str = "") -> Version:
    when, what = (row.released_at, "released") if row.released_at else (row.request.moved_at, "reviewed")
    words, address = f"{of}{what} on {_day(when)}", f"/requests/{row.request_id}/-/content/{row.id}"
    with suppress(Refused, OSError):
        return Version(words, row.path, row.sha256, copies.open_content(row.sha256), address)
    return Version(words, row.path, row.sha256)


def _day(when: datetime) -> str:
    return f"{when.day} {when:%b %Y}"


PARTS = {"level4-states": (level4_states,), "level4-versions": (level4_versions,)}
