"""The author puts the files of a request in order: withdrawn, moved, of another type (specification 2.5, OC2)."""

from jobsite.accounts.models import User
from jobsite.checks import STOP
from jobsite.core.db import writing
from jobsite.core.errors import refuse
from jobsite.releases.requests.adding import RELEASED, was_released
from jobsite.releases.requests.checking import documents, found_in_copy
from jobsite.releases.requests.groups import group_named
from jobsite.releases.requests.models import RequestFile
from jobsite.releases.requests.reopening import forget_texts, reopen, reopen_group
from jobsite.releases.requests.rules import OUTPUT, REMOVED, SUPPORTING
from jobsite.releases.requests.standing import acting, change, file_of, tell

GONE = "This file is withdrawn already; add it again to ask for it."


def withdraw_file(*, by: User, request_id: str, path: str) -> None:
    """The file is no longer asked for; its row, copy and votes are kept. Raises `Denied`, `NotFound`, `Invalid`."""
    with writing():
        request = acting(by, request_id, "withdraw_file").request
        file = file_of(request, path)
        refuse(path=GONE if file.kind == REMOVED else None)
        was_output = file.kind == OUTPUT
        RequestFile.update(kind=REMOVED).where(RequestFile.id == file.id).execute()
        reopened = reopen(request, [file], "type")
        reopened += reopen_group(request, file.group, "outputs") if was_output else 0
        forget_texts(file.group)
        change(request)
        tell(request, "file-withdrawn", by=by, files=1, digests=[file.sha256], reopened=reopened)


def move_file(*, by: User, request_id: str, path: str, group: str) -> None:
    """Put a file into the group of that name, made when there is none. Raises `Denied`, `NotFound`, `Invalid`."""
    with writing():
        request = acting(by, request_id, "move_file").request
        file = file_of(request, path)
        into = group_named(request, group)
        refuse(path=GONE if file.kind == REMOVED else None)
        refuse(group="The file is in this group already." if into == file.group else None)
        RequestFile.update(group=into).where(RequestFile.id == file.id).execute()
        reopened = reopen(request, [file], "group")
        if file.kind == OUTPUT:
            reopened += reopen_group(request, file.group, "outputs") + reopen_group(request, into, "outputs")
        forget_texts(file.group)
        change(request)
        tell(request, "moved", by=by, files=1, digests=[file.sha256], reopened=reopened)


def change_type(*, by: User, request_id: str, path: str, kind: str) -> None:
    """Make a file OUTPUT or SUPPORTING. Raises `Denied`, `NotFound`, `Invalid`."""
    found = acting(by, request_id, "change_type")
    seen = file_of(found.request, path)
    refuse(kind=_why_not_kind(seen, kind))
    findings = found_in_copy(seen, kind, found.policy)  # reads the copy: before the transaction
    with writing():
        request = acting(by, request_id, "change_type").request
        file = file_of(request, path)
        stops = kind == OUTPUT and next((one.sentence for one in findings if one.severity == STOP), None)
        released = kind == OUTPUT and was_released(request.workspace, file.sha256)
        changed = None if file.sha256 == seen.sha256 else "The file has just been updated. Look at it again."
        refuse(kind=_why_not_kind(file, kind) or changed or (RELEASED if released else stops or None))
        RequestFile.update(kind=kind, **documents(findings)).where(RequestFile.id == file.id).execute()
        reopened = reopen(request, [file], "type") + reopen_group(request, file.group, "outputs")
        change(request)
        tell(request, "type-changed", by=by, files=1, digests=[file.sha256], reopened=reopened)


def _why_not_kind(file: RequestFile, kind: str) -> str | None:
    if kind not in (OUTPUT, SUPPORTING):
        return "A file is OUTPUT or SUPPORTING."
    if file.kind == REMOVED:
        return GONE
    return f"The file is {kind} already." if file.kind == kind else None
