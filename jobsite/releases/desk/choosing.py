"""The files that were ticked at Level 4, on their way into a release request: what is known of them, and the groups there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobsite.accounts.models import User
from jobsite.outputs.checking import Wanted as Checked
from jobsite.outputs.checking import findings_of
from jobsite.outputs.policies import policy_of
from jobsite.projects.models import Workspace
from jobsite.releases.requests.models import ReleaseRequest, RequestGroup
from jobsite.releases.requests.rules import STATUSES, why_not_create
from jobsite.releases.requests.standing import DEVELOP, active_request, is_ongoing, why_not_begin
from jobsite.settings import current
from jobsite.store.reading import Entry, listing
from jobsite.store.roots import Roots

MOST_CHOSEN = 200
WITH_CHECKERS = "Your request for this workspace is being checked: files can be added when it has been returned or decided."


@dataclass(frozen=True)
class Chosen:
    """A file that is to be added: as OUTPUT, SUPPORTING or "" to leave it out; `findings` counts those of each severity."""

    path: str
    size: int
    rows: int | None
    cols: int | None
    kind: str
    findings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """What the page for adding shows: the files, the request they go to ("" for a new one), its groups, and why not."""

    files: tuple[Chosen, ...]
    request_id: str
    groups: tuple[str, ...]
    why_not: str | None


def choice_of(person: User, workspace: Workspace, kinds: Sequence[tuple[str, str]]) -> Choice:
    """The files of these (path, kind) that are outputs of the workspace, at most 200, and where they would go."""
    entries = {entry.path: entry for entry in listing(Roots.of(current().instance), workspace.name).entries}
    wanted = {path: kind for path, kind in kinds[:MOST_CHOSEN] if path in entries}
    policy = policy_of(workspace.project)
    found = findings_of([Checked(path, entries[path].content_hash) for path in wanted], policy)
    counts = {path: verdict.counts for (_, path), verdict in found.items()}
    request = active_request(person, workspace)
    groups = (
        ()
        if request is None
        else tuple(
            group.name
            for group in RequestGroup.select()
            .where(RequestGroup.request == request)
            .order_by(RequestGroup.position)
        )
    )
    return Choice(
        tuple(_chosen(entries[path], kind, counts.get(path, {})) for path, kind in wanted.items()),
        request.id if request else "",
        groups,
        why_not_add(person, workspace, request),
    )


def slug_of(request: ReleaseRequest, name: str) -> str:
    """The part of the address of the request's group that `add_files` takes for this name. One query."""
    groups = RequestGroup.select().where(RequestGroup.request == request)
    meant = " ".join(name.split()).casefold()
    return next(group.slug for group in groups if group.name.casefold() == meant)


def why_not_add(person: User, workspace: Workspace, request: ReleaseRequest | None) -> str | None:
    """Why this person may not ask for files of the workspace to be released, or None. `request` is theirs under way."""
    if request is not None and STATUSES[request.status].owner != "author":
        return WITH_CHECKERS
    return why_not_begin(person, workspace)


def why_not_choose(person: User, workspace: Workspace, request: ReleaseRequest | None) -> str | None:
    """The same as `why_not_add` for a workspace that was loaded for this person: without a query."""
    if request is not None and STATUSES[request.status].owner != "author":
        return WITH_CHECKERS
    return why_not_create(
        is_developer=person.is_active and DEVELOP in workspace.own_permissions,
        is_archived=workspace.is_archived,
        is_ongoing=is_ongoing(workspace.project),
        active="",
    )


def _chosen(entry: Entry, kind: str, counts: Mapping[str, int]) -> Chosen:
    return Chosen(entry.path, entry.size, entry.row_count, entry.col_count, kind, counts)
