"""Regular studies: request again what was requested before, with the outputs as they are now (issue 6, item 8)."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from jobsite.accounts.models import User
from jobsite.core.db import writing
from jobsite.core.errors import Denied, require
from jobsite.projects.models import Workspace
from jobsite.releases.requests.adding import Wanted, arriving, begin, place_files
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, RequestGroup
from jobsite.releases.requests.pages import Change
from jobsite.releases.requests.rules import OUTPUT, REMOVED, why_not_create
from jobsite.releases.requests.standing import acting, active_request, change, standing, tell
from jobsite.settings import current
from jobsite.store.journal import fail_point
from jobsite.store.reading import listing
from jobsite.store.roots import Roots

NEW, CHANGED, SAME, GONE = "new", "changed", "same", "gone"
NOTHING_NEW = (
    "Every file of that request is gone, or is exactly what was released then: there is nothing to request."
)


def request_again(*, by: User, request_id: str) -> ReleaseRequest:
    """A new draft with the paths, groups and texts of a request that has ended, and the content that the workspace has now.

    Outputs whose exact bytes were released, and those that are gone, are left out (`ahead` tells which). All or
    nothing. Raises `NotFound`, `Denied`, `Invalid` by path, `Conflict`.
    """
    found = acting(by, request_id, "request_again")
    before, workspace = found.request, found.request.workspace
    groups = _wanted_again(before, present_in(workspace))
    if not groups:
        raise Denied(NOTHING_NEW)
    with ExitStack() as stack:
        arrivals = {
            group: stack.enter_context(arriving(workspace.name, wanted, found.policy))
            for group, wanted in groups.items()
        }
        stack.enter_context(writing())
        active = active_request(by, workspace)
        require(_why_not_another(active))
        request = begin(by, workspace, before.backend, found.policy)
        for group, of_group in arrivals.items():
            into = RequestGroup.create(request=request, **_said(group), position=group.position)
            place_files(request, into, of_group, found.policy)
        change(request, repeats=before.id)
        tell(request, "repeated", by=by, before=before.id, files=sum(map(len, arrivals.values())))
        fail_point("requests.before_repeat_commits")
    return request


def differences(before: str, files: Iterable[RequestFile]) -> tuple[Change, ...]:
    """What became of each file between the request `before` and the one that repeats it with these. By path. One query."""
    asked_for = {file.path: file for file in files if file.kind != REMOVED}
    return _compared(_files(before), {path: file.sha256 for path, file in asked_for.items()}, asked_for)


def ahead(request_id: str, viewer: User) -> tuple[Change, ...]:
    """What would become of each file if this request were made again now: it beside the workspace. By path. Raises `NotFound`."""
    request = standing(viewer, request_id).request
    return _compared(_files(request), present_in(request.workspace))


def present_in(workspace: Workspace) -> dict[str, str]:
    """What the workspace has at Level 4 now, by path; files held back and those no longer made are not there."""
    entries = listing(Roots.of(current().instance), workspace.name).entries
    return {one.path: one.content_hash for one in entries if not (one.excluded or one.out_of_date_output)}


def _files(request: ReleaseRequest | str) -> dict[str, RequestFile]:
    rows = RequestFile.select(RequestFile, RequestGroup).join(RequestGroup)
    rows = rows.where(RequestFile.request == request, RequestFile.kind != REMOVED)
    return {file.path: file for file in rows.order_by(RequestFile.path)}


def _compared(
    before: Mapping[str, RequestFile],
    after: Mapping[str, str],
    files_after: Mapping[str, RequestFile] | None = None,
) -> tuple[Change, ...]:
    added = {path: file for path, file in (files_after or {}).items() if path not in before}
    changes = [
        Change(
            path,
            file.group.name,
            file.kind,
            _change(file.sha256, after.get(path)),
            file.sha256,
            after.get(path, ""),
        )
        for path, file in before.items()
    ]
    changes += [
        Change(path, file.group.name, file.kind, NEW, "", file.sha256) for path, file in added.items()
    ]
    return tuple(sorted(changes, key=lambda one: one.path))


def _change(before: str, after: str | None) -> str:
    if after is None:
        return GONE
    return SAME if before == after else CHANGED


def _wanted_again(before: ReleaseRequest, present: Mapping[str, str]) -> dict[RequestGroup, list[Wanted]]:
    """What is asked for again, by group. An output that was released with exactly these bytes is not."""
    groups: dict[RequestGroup, list[Wanted]] = {}
    for path, file in _files(before).items():
        released = file.kind == OUTPUT and file.released_at is not None and present.get(path) == file.sha256
        if path in present and not released:
            groups.setdefault(file.group, []).append(Wanted(path, file.kind))
    has_output = any(one.kind == OUTPUT for wanted in groups.values() for one in wanted)
    return groups if has_output else {}


def _why_not_another(active: ReleaseRequest | None) -> str | None:
    return why_not_create(
        is_developer=True, is_archived=False, is_ongoing=True, active=active.id if active else ""
    )


def _said(group: RequestGroup) -> dict[str, object]:
    return {
        name: getattr(group, name)
        for name in ("slug", "name", "context", "controls", "columns", "statements")
    }
