"""What becomes of the outputs of a workspace, path by path, for this person (specification 4)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from peewee import JOIN, ModelSelect

from jobsite.accounts.models import User
from jobsite.projects.models import Workspace
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.rules import COMPLETE, REMOVED
from jobsite.releases.requests.standing import undo_open


class State(NamedTuple):
    """The state of an output: released, "in request", updated or withdrawn, and the request that says so."""

    name: str
    request: str


class Known(NamedTuple):
    """The states of the outputs that have one, by path, and the request of the person that is under way, if there is one.

    Of that request id, status and undo window are known.
    """

    states: Mapping[str, State]
    under_way: ReleaseRequest | None


def known_of(workspace: Workspace, viewer: User, present: Mapping[str, str]) -> Known:
    """What requests say of a workspace. `present` maps the paths of its outputs to their SHA-256 now.

    Released is what has exactly these bytes, whoever released them; the others tell of this person's active request. One query.
    """
    rows = list(_rows(workspace, viewer))
    by_content = {row.sha256: row.id for row in rows if row.released_at}
    found = {path: State("released", by_content[sha]) for path, sha in present.items() if sha in by_content}
    own = {row.id: row for row in rows if row.author == viewer.id}
    drafts = (
        ReleaseRequest(id=id, status=own[id].status, undo_until=own[id].undo_until)
        for id in sorted(own)[::-1]
    )
    mine = next((one for one in drafts if one.phase != COMPLETE or undo_open(one)), None)
    if mine is not None:
        files = (row for row in rows if row.id == mine.id and row.path)
        found |= {row.path: State(_name(row, present.get(row.path)), mine.id) for row in files}
    return Known(found, mine)


def _rows(workspace: Workspace, viewer: User) -> ModelSelect:
    """The viewer's requests, also those without a file, and the released files of all others."""
    request = (ReleaseRequest.id, ReleaseRequest.status, ReleaseRequest.undo_until, ReleaseRequest.author)
    file = (RequestFile.path, RequestFile.kind, RequestFile.sha256, RequestFile.released_at)
    rows = ReleaseRequest.select(*request, *file).join(RequestFile, JOIN.LEFT_OUTER)
    concerned = (ReleaseRequest.author == viewer) | RequestFile.released_at.is_null(False)
    return rows.where(ReleaseRequest.workspace == workspace, concerned).order_by(RequestFile.id).namedtuples()


def _name(row: Any, sha256: str | None) -> str:
    if row.kind == REMOVED:
        return "withdrawn"
    return "in request" if row.sha256 == sha256 else "updated"
