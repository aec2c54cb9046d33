"""What release requests add to the pages of Level 4: the states of outputs, and the versions they can be compared with."""

from collections.abc import Mapping
from contextlib import suppress

from jobsite.accounts.models import User
from jobsite.core.errors import Refused
from jobsite.outputs.comparing import Version
from jobsite.outputs.states import STATES, FileState
from jobsite.projects.models import Workspace
from jobsite.projects.parts import Part
from jobsite.releases.requests import copies
from jobsite.releases.requests.level4 import known_of
from jobsite.releases.requests.models import ReleaseRequest, RequestFile

REVIEWED = ("REVIEWED", "RETURNED", "APPROVED", "RELEASED", "REJECTED", "REVOKED")
"""Requests in which all reviews were in, now or before."""
MOST_VERSIONS = 5


def level4_states(*, person: User, workspace: Workspace, present: Mapping[str, str]) -> list[Part]:
    """What requests and releases say of the outputs of a workspace; `present` maps their paths to their SHA-256. One query."""
    known = known_of(workspace, person, present)
    found = {
        path: FileState(name, STATES[name][0], address=f"/requests/{state.request}/")
        for path, state in known.states.items()
        if (name := state.name.replace(" ", "-")) in STATES
    }
    return [Part("", "states", {"states": found, "under_way": known.under_way})]


def level4_versions(*, person: User, workspace: Workspace, path: str, sha256: str) -> list[Part]:
    """The versions of a path that were released or reviewed, the newest of each first, with their content open. One query."""
    rows = RequestFile.select(RequestFile, ReleaseRequest).join(ReleaseRequest)
    of_path = (
        (ReleaseRequest.workspace == workspace) & (RequestFile.path == path) & (RequestFile.sha256 != sha256)
    )
    known: dict[str, Version] = {}
    for row in rows.where(of_path & ReleaseRequest.status.in_(REVIEWED)).order_by(RequestFile.id.desc()):
        if row.sha256 not in known and len(known) < MOST_VERSIONS:
            known[row.sha256] = _version(row)
    versions = sorted(known.values(), key=lambda one: not one.words.startswith("released"))
    return [Part("", "versions", {"versions": versions})]


def _version(row: RequestFile) -> Version:
    when, what = (row.released_at, "released") if row.released_at else (row.request.moved_at, "reviewed")
    words = f"{what} on {when.day} {when:%b %Y}"
    with suppress(Refused, OSError):
        return Version(words, row.path, row.sha256, copies.open_content(row.sha256))
    return Version(words, row.path, row.sha256)


PARTS = {"level4-states": (level4_states,), "level4-versions": (level4_versions,)}
