"""Files come into a request: copied, proved, checked, and only then stored (specification 2.5)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_of
from jobsite.checks import STOP, Finding
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, Invalid, NotFound, refuse, require
from jobsite.core.files import UnsafePath
from jobsite.core.ids import ulid
from jobsite.core.wording import counted
from jobsite.outputs.models import PolicyVersion
from jobsite.outputs.policies import policy_of
from jobsite.projects.lists import orgs_of
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspace_named
from jobsite.releases.requests import copies
from jobsite.releases.requests.checking import documents, found_in_staged, judged_by
from jobsite.releases.requests.groups import group_named
from jobsite.releases.requests.models import FileVersion, ReleaseRequest, RequestFile, RequestGroup
from jobsite.releases.requests.rechecking import check_beside
from jobsite.releases.requests.reopening import reopen, reopen_group
from jobsite.releases.requests.rules import OUTPUT, REMOVED, SUPPORTING
from jobsite.releases.requests.standing import (
    acting,
    active_request,
    change,
    file_of,
    tell,
    why_not_begin,
)
from jobsite.settings import current
from jobsite.store.journal import fail_point
from jobsite.store.reading import Entry, NotAtLevel4, open_level4
from jobsite.store.roots import Roots

CHANGED = "This file changed while it was being added; a job may be running. Try again."
RELEASED = (
    "Exactly this content was released from this workspace before: add it as supporting, or leave it out."
)
NO_LONGER_VALID = "The last run of its action did not make this file any more: run the action again first."


class Wanted(NamedTuple):
    """A file to add: its path in the workspace, and as what: OUTPUT or SUPPORTING."""

    path: str
    kind: str = OUTPUT


class Arrival(NamedTuple):
    """A file on its way in: what is wanted, what the manifest says of it, its copy, and what the checks found in it."""

    wanted: Wanted
    entry: Entry
    staged: copies.Staged
    findings: tuple[Finding, ...]


def add_files(
    *, by: User, workspace: str, backend: str, group: str, files: Sequence[Wanted]
) -> ReleaseRequest:
    """Add outputs of a workspace to this person's active request there, made when there is none (T1). All of them or none.

    `group` is the name of a group, made when there is none of it. Raises `NotFound` for who may not know of the workspace,
    `Denied`, `Invalid` with a sentence by path (or `group`, `files`), `Conflict` when a file changed meanwhile (OC30, OC35).
    """
    place, server = _place(by, workspace, backend)
    wanted = {one.path: one for one in files}
    policy = policy_of(place.project)
    refuse(files=None if wanted else "Choose at least one file.")
    refuse(files=_why_too_many(policy, len(wanted)))
    with arriving(place.name, list(wanted.values()), policy) as arrivals, writing():
        request = active_request(by, place) or begin(by, place, server, policy)
        acting(by, request.id, "add_files")
        other = request.backend != server
        refuse(files="Your active request here is for another backend." if other else None)
        place_files(request, group_named(request, group), arrivals, policy)
        change(request, **judged_by(policy))
        tell(request, "added", by=by, files=len(arrivals), digests=[one.staged.sha256 for one in arrivals])
        fail_point("requests.before_add_commits")
    fail_point("requests.after_add")
    check_beside(by=by, request_id=request.id)
    return request


def place_files(
    request: ReleaseRequest, group: RequestGroup, arrivals: Sequence[Arrival], policy: PolicyVersion
) -> None:
    """Put files that have arrived into a group of the request. Only inside a transaction. Raises `Invalid` by path."""
    _refuse_files(request, arrivals, policy)
    for arrival in arrivals:
        _store(request, group, arrival)
    if any(arrival.wanted.kind == OUTPUT for arrival in arrivals):
        reopen_group(request, group, "outputs")


def update_file(*, by: User, request_id: str, path: str) -> None:
    """Take the version of a file that the workspace has now; the votes on it are opened again.

    Raises `Denied`, `NotFound`, `Invalid`, and `Conflict` when it changed meanwhile.
    """
    found = acting(by, request_id, "update_file")
    file = file_of(found.request, path)
    refuse(path=f"{path} is withdrawn: add it again." if file.kind == REMOVED else None)
    name = found.request.workspace.name
    with arriving(name, [Wanted(path, file.kind)], found.policy) as (arrival,), writing():
        request = acting(by, request_id, "update_file").request
        file = file_of(request, path)
        refuse(path=_why_not_update(file, arrival) or _why_not_content(request, arrival))
        _keep_version(by, request, file)
        _fill(file, arrival)
        reopen(request, [file], "content")
        change(request)
        tell(request, "updated", by=by, files=1, digests=[file.sha256])
        fail_point("requests.before_update_commits")
    check_beside(by=by, request_id=request_id)


@contextmanager
def arriving(workspace: str, files: Sequence[Wanted], policy: PolicyVersion) -> Iterator[list[Arrival]]:
    """Copies of the files under temporary names, proved and checked; what the block did not store is gone after it."""
    staged: list[copies.Staged] = []
    try:
        arrivals, problems = [], {}
        for wanted in files:
            try:
                arrivals.append(_copied(workspace, wanted, policy, staged))
            except (NotAtLevel4, UnsafePath) as reason:
                problems[wanted.path] = str(reason)
        if problems:
            raise Invalid(problems)
        fail_point("requests.after_copies")
        yield arrivals
    except BaseException:
        for one in staged:
            copies.discard(one)
        raise


def _copied(workspace: str, wanted: Wanted, policy: PolicyVersion, staged: list[copies.Staged]) -> Arrival:
    """The copy of one file, with exactly the content that the manifest says. It is noted in `staged` as soon as it lies there."""
    entry, file = open_level4(Roots.of(current().instance), workspace, wanted.path)
    with file:
        copy = copies.stage(file)
    staged.append(copy)
    if copy.sha256 != entry.content_hash:
        raise Conflict(CHANGED)
    if entry.out_of_date_output:
        raise NotAtLevel4(NO_LONGER_VALID)
    return Arrival(wanted, entry, copy, found_in_staged(wanted.path, wanted.kind, copy, policy))


def _place(by: User, workspace: str, backend: str) -> tuple[Workspace, Backend]:
    """The workspace and the backend for who may request releases there. Raises `NotFound`, `Denied`."""
    place = workspace_named(workspace)
    server = next((one for one in backends_of(by) if one.slug == backend), None)
    if server is None:
        raise NotFound(f"There is no backend {backend}.")
    require(why_not_begin(by, place))
    return place, server


def begin(by: User, workspace: Workspace, backend: Backend, policy: PolicyVersion) -> ReleaseRequest:
    """T1: a new request. Only inside the transaction of its first files."""
    moment = now()
    request = ReleaseRequest.create(
        id=ulid(moment),
        workspace=workspace,
        backend=backend,
        project=workspace.project,
        author=by,
        orgs=[org.name for org in orgs_of(workspace.project)],
        created_at=moment,
        moved_at=moment,
        moved_by=by.username,
        **judged_by(policy),
    )
    tell(request, "created", by=by)
    return request


def _refuse_files(request: ReleaseRequest, arrivals: Sequence[Arrival], policy: PolicyVersion) -> None:
    rows = {file.path: file for file in RequestFile.select().where(RequestFile.request == request)}
    problems = {}
    for arrival in arrivals:
        path, kind = arrival.wanted
        row = rows.get(path)
        if kind not in (OUTPUT, SUPPORTING):
            problems[path] = "A file is added as OUTPUT or as SUPPORTING."
        elif row is not None and row.kind != REMOVED:
            problems[path] = f"{path} is in the request already."
        elif why := _why_not_content(request, arrival):
            problems[path] = why
    asked_for = sum(row.kind != REMOVED for row in rows.values()) + len(arrivals)
    if too_many := _why_too_many(policy, asked_for):
        problems["files"] = too_many
    if problems:
        raise Invalid(problems)


def _why_too_many(policy: PolicyVersion, files: int) -> str | None:
    most = policy.document["limits"]["files_per_request"]
    return (
        f"A request has at most {counted(most, 'file')}, and this would be {files:,}."
        if files > most
        else None
    )


def _why_not_content(request: ReleaseRequest, arrival: Arrival) -> str | None:
    """Why this content cannot be an OUTPUT: released before, or stopped by the checks (5.3)."""
    if arrival.wanted.kind != OUTPUT:
        return None
    if was_released(request.workspace, arrival.staged.sha256):
        return RELEASED
    return next((finding.sentence for finding in arrival.findings if finding.severity == STOP), None)


def was_released(workspace: Workspace, sha256: str) -> bool:
    """Whether exactly this content was released from this workspace, by anybody, under whatever name."""
    released = RequestFile.select(RequestFile.id).join(ReleaseRequest)
    released = released.where(ReleaseRequest.workspace == workspace, RequestFile.sha256 == sha256)
    return released.where(RequestFile.released_at.is_null(False)).exists()


def _store(request: ReleaseRequest, group: RequestGroup, arrival: Arrival) -> None:
    """The row of a file: a new one, or that of a file which was withdrawn and comes back."""
    file = RequestFile.get_or_none(request=request, path=arrival.wanted.path)
    if file is None:
        file = RequestFile(request=request, path=arrival.wanted.path)
    elif file.sha256 != arrival.staged.sha256:
        _keep_version(request.author, request, file)
    file.group, file.kind = group, arrival.wanted.kind
    file.added_at, file.added_turn = now(), request.turn
    _fill(file, arrival)
    reopen(request, [file], "content")


def _fill(file: RequestFile, arrival: Arrival) -> None:
    """Give the row what the manifest says, and the copy its own name."""
    entry, facts = arrival.entry, documents(arrival.findings)
    file.sha256, file.size, file.mtime = arrival.staged.sha256, arrival.staged.size, entry.timestamp
    file.rows, file.cols = entry.row_count, entry.col_count
    file.job, file.action, file.commit = entry.job, entry.action, entry.commit
    file.repo, file.user = entry.repo, entry.user
    file.findings, file.worst = facts["findings"], facts["worst"]
    copies.settle(arrival.staged)
    fail_point("requests.after_settle")
    file.save()


def _why_not_update(file: RequestFile, arrival: Arrival) -> str | None:
    if file.kind != arrival.wanted.kind:
        return CHANGED
    if file.sha256 == arrival.staged.sha256:
        return "The request has this version of the file already."
    return None


def _keep_version(by: User, request: ReleaseRequest, file: RequestFile) -> None:
    facts: dict[str, Any] = {
        name: getattr(file, name) for name in ("sha256", "size", "rows", "cols", "job", "commit")
    }
    FileVersion.create(file=file, turn=request.turn, replaced_at=now(), replaced_by=by.username, **facts)
