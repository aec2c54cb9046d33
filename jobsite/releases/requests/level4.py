"""What becomes of the outputs of a workspace, path by path, for this person (specification 4)."""

from collections.abc import Mapping
from typing import NamedTuple

from jobsite.accounts.models import User
from jobsite.projects.models import Workspace
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.rules import REMOVED
from jobsite.releases.requests.standing import active_request


class State(NamedTuple):
    """The state of an output: released, "in request", updated or withdrawn, and the request that says so."""

    name: str
    request: str


def states(workspace: Workspace, viewer: User, present: Mapping[str, str]) -> dict[str, State]:
    """The states of the outputs that have one. `present` maps the paths of the workspace to their SHA-256 now.

    Released is what has exactly these bytes, whoever released them; the others tell of this person's active request.
    Three queries.
    """
    released = RequestFile.select(RequestFile.sha256, RequestFile.request).join(ReleaseRequest)
    released = released.where(ReleaseRequest.workspace == workspace, RequestFile.released_at.is_null(False))
    by_content = dict(released.order_by(RequestFile.id).tuples())
    found = {path: State("released", by_content[sha]) for path, sha in present.items() if sha in by_content}
    mine = active_request(viewer, workspace)
    if mine is None:
        return found
    for file in RequestFile.select().where(RequestFile.request == mine):
        found[file.path] = State(_name(file, present.get(file.path)), mine.id)
    return found


def _name(file: RequestFile, sha256: str | None) -> str:
    if file.kind == REMOVED:
        return "withdrawn"
    return "in request" if file.sha256 == sha256 else "updated"
