"""What changes releases: announce one, receive its files, remove what must not be seen any more.

Bytes are stored before the row says that they are there, and removed after the row says that they are gone: a kill in
between leaves bytes that nobody is shown, and `sweep` removes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_of
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Denied, Invalid, NotFound, refuse, require
from jobsite.core.events import record
from jobsite.core.ids import ulid
from jobsite.core.queue import every
from jobsite.projects.models import Workspace
from jobsite.projects.queries import permissions_in, workspace_named
from jobsite.releases import rules, storage
from jobsite.releases.announced import AnnouncedFile, Announcement, why_not_announced
from jobsite.releases.models import Release, ReleaseFile, ReleaseFileReview
from jobsite.settings import current
from jobsite.store.journal import fail_point

FAIL_POINTS = ("releases.received", "releases.stored", "releases.deleted")
"""Where `JOBSITE_FAIL_AT` can make the process die, in the order in which they are passed."""

TOGETHER = 1000
"""So many rows are stored with one statement."""

UPLOAD = "release_file_upload"
AUDIT = "staff_area_access"
"""Auditors may take back what was released, though they release nothing (specification 2.4, T13)."""


def create_release(*, by: User, backend: Backend, workspace: str, announced: Announcement) -> Release:
    """Announce a release with its files; the bytes come later. Announced again with the same files it is the same release.

    Raises `NotFound` for an unknown workspace, `Denied` for who may not release there, `Invalid` for files that cannot
    be taken, or that are not those of the release of this id (specification 8.4).
    """
    where = workspace_named(workspace)
    require_any(by, backend, where, UPLOAD)
    if wrong := why_not_announced(announced, limit=current().level4_max_filesize):
        raise Invalid(wrong)
    with writing():
        found = Release.get_or_none(Release.id == announced.release_id)
        if found is not None:
            return _same(found, where, backend, announced)
        release = _new_release(by, backend, where, announced)
        _new_files(by, release, announced.files)
        count = sum(file.name not in rules.RECORDS for file in announced.files)
        record("release:announced", by=by.username, subject=f"release:{release.id}", files=count)
    return release


def receive_file(
    *,
    by: User,
    backend: Backend,
    release_id: str,
    name: str,
    body: Iterable[bytes],
    length: int | None = None,
) -> ReleaseFile:
    """Take the bytes of an announced file in: hashed while they arrive, shown once they are on disk and equal to what was announced.

    `length` is what the sender says of them. Raises `NotFound` for an unknown release, `Denied`, `Invalid` with the
    sentences of the wire under `detail`, among them that these bytes are here already (specification 8.5).
    """
    release = release_named(release_id)
    require_any(by, backend, release.workspace, UPLOAD)
    limit = current().level4_max_filesize
    refuse(detail=rules.too_large(limit) if length is not None and length > limit else None)
    try:
        received = storage.receive(body, limit)
    except storage.TooLarge:
        raise Invalid({"detail": rules.too_large(limit)}) from None
    try:
        file = _awaited(release, backend, name, received)
        fail_point("releases.received")
        storage.keep(received, release.workspace.name, release.id)
    finally:
        storage.discard(received)
    fail_point("releases.stored")
    _mark_received(by, release, file, backend)
    return file


def revoke(
    *, by: User, backend: Backend, release_id: str, public_reason: str, names: Iterable[str] | None = None
) -> Release:
    """Recall a release, or the files of it that are named: their bytes go, a tombstone with the reason stays.

    For output checkers and auditors. What is recalled already is left as it is. Raises `NotFound`, `Denied`, `Invalid` (specification 8.7).
    """
    release = release_named(release_id)
    require_any(by, backend, release.workspace, UPLOAD, AUDIT)
    refuse(public_reason=rules.why_not_reason(public_reason), detail=why_not_its(release, backend))
    wanted = None if names is None else list(dict.fromkeys(names))
    with writing():
        files = _still_there(release, wanted)
        for file in files:
            _mark_deleted(file, by.username, public_reason)
        if wanted is None:
            facts = {"recalled_at": now(), "recalled_by": by.username, "recalled_reason": public_reason}
            Release.update(facts).where(Release.id == release.id, Release.recalled_at.is_null()).execute()
        if files:
            record("release:recalled", by=by.username, subject=f"release:{release.id}", files=len(files))
    _remove_bytes(release, files)
    return release


def delete_file(*, by: User, release_id: str, file_id: str, reason: str) -> ReleaseFile:
    """Delete one released file: its bytes go at once, here and on published pages; its row stays with the reason.

    Raises `NotFound`, `Denied` with the rule's sentence, `Invalid`, `Conflict` when somebody was faster.
    """
    release = release_named(release_id)
    file = file_of(release, file_id)
    require(rules.why_not_delete(permissions_in(by, release.workspace.project), is_here=True))
    refuse(reason=rules.why_not_reason(reason))
    with writing():
        _mark_deleted(file, by.username, reason.strip())
        subject = f"release:{release.id}"
        record("release:file-deleted", by=by.username, subject=subject, file=file.id, sha256=file.sha256)
    _remove_bytes(release, [file])
    return file


def release_named(release_id: str) -> Release:
    """The release of that id with workspace and backend. Raises `NotFound` with a sentence."""
    rows = (
        Release.select(Release, Workspace, Backend).join_from(Release, Workspace).join_from(Release, Backend)
    )
    found = rows.where(Release.id == release_id).first()
    if found is None:
        raise NotFound("There is no release of this id.")
    return found


def file_of(release: Release, file_id: str) -> ReleaseFile:
    """The file of that id in a release. Raises `NotFound` with a sentence."""
    found = ReleaseFile.get_or_none(id=file_id, release=release.id, is_record=False)
    if found is None:
        raise NotFound("There is no such file in this release.")
    return found


@every(minutes=60, side="public")
def sweep_releases() -> None:
    """Remove bytes that a kill left behind: of deleted files, and what arrived and was never kept."""
    storage.sweep_arrivals()
    gone = ReleaseFile.select(ReleaseFile, Release, Workspace).join(Release).join(Workspace)
    for file in gone.where(ReleaseFile.deleted_at.is_null(False), ReleaseFile.uploaded_at.is_null(False)):
        _remove_bytes(file.release, [file])


def require_any(by: User, backend: Backend, workspace: Workspace, *permissions: str) -> None:
    """Raises `Denied` for who has none of these permissions for this workspace and backend, whatever the reason."""
    member = any(one.id == backend.id for one in backends_of(by))
    if not (member and permissions_in(by, workspace.project_id) & set(permissions)):
        raise Denied(rules.NOT_AUTHENTICATED)


def _same(release: Release, workspace: Workspace, backend: Backend, announced: Announcement) -> Release:
    files = ReleaseFile.select(ReleaseFile.name, ReleaseFile.sha256).where(ReleaseFile.release == release.id)
    its = (release.workspace_id, release.backend_id, frozenset(files.tuples()))
    if its != (workspace.id, backend.id, announced.contents):
        raise Invalid({"detail": rules.other_files(release.id)})
    return release


def _new_release(by: User, backend: Backend, workspace: Workspace, announced: Announcement) -> Release:
    rows = [{"name": one.name, "sha256": one.sha256, "size": one.size} for one in announced.files]
    return Release.create(
        id=announced.release_id or ulid(now()),
        workspace=workspace,
        backend=backend,
        requested_files=rows,
        metadata=dict(announced.metadata),
        review=announced.review,
        created_at=now(),
        created_by=by.username,
    )


def _new_files(by: User, release: Release, files: Sequence[AnnouncedFile]) -> None:
    """The rows of announced files, and what was said of them already, whatever their number in a few statements."""
    made = {
        "release": release,
        "workspace": release.workspace_id,
        "created_at": now(),
        "created_by": by.username,
    }
    rows = [{"id": ulid(now()), **made, **_columns(file)} for file in files]
    for start in range(0, len(rows), TOGETHER):
        ReleaseFile.insert_many(rows[start : start + TOGETHER]).execute()
    said = [(row["id"], file.review) for row, file in zip(rows, files, strict=True) if file.review]
    store_reviews(by=by, reviews=said)


def store_reviews(*, by: User, reviews: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Store what a program said of files, by their ids, inside the transaction that needs it."""
    rows = [
        {
            "release_file": file_id,
            "status": review["status"],
            "comments": review.get("comments") or {},
            "created_at": now(),
            "created_by": by.username,
        }
        for file_id, review in reviews
    ]
    for start in range(0, len(rows), TOGETHER):
        ReleaseFileReview.insert_many(rows[start : start + TOGETHER]).execute()


def _columns(file: AnnouncedFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "mtime": file.mtime,
        "metadata": dict(file.metadata),
        "is_record": file.name in rules.RECORDS,
    }


def _awaited(release: Release, backend: Backend, name: str, received: storage.Received) -> ReleaseFile:
    """The row that waits for these bytes. Raises `Invalid` with the first sentence that holds, in the order of the wire."""
    refuse(detail=None if received.size else rules.NO_DATA)
    refuse(detail=None if name else rules.NO_NAME)
    file = ReleaseFile.get_or_none(release=release.id, name=name)
    if file is None:
        raise Invalid({"detail": rules.not_requested(name, release.id)})
    refuse(detail=why_not_its(release, backend))
    refuse(detail=None if received.sha256 == file.sha256 else rules.OTHER_CONTENT)
    if file.uploaded_at is not None:
        raise Invalid({"detail": rules.already_uploaded(name, backend.slug)})
    if file.deleted_at is not None:
        raise Invalid({"detail": rules.removed_before(name, release.id)})
    return file


def _mark_received(by: User, release: Release, file: ReleaseFile, backend: Backend) -> None:
    waits = (ReleaseFile.id == file.id) & ReleaseFile.uploaded_at.is_null() & ReleaseFile.deleted_at.is_null()
    with writing():
        if not ReleaseFile.update(uploaded_at=now()).where(waits).execute():
            _somebody_was_faster(file, release, backend)
        subject = f"release:{release.id}"
        record("release:file-received", by=by.username, subject=subject, file=file.id, sha256=file.sha256)


def _somebody_was_faster(file: ReleaseFile, release: Release, backend: Backend) -> NoReturn:
    """The same bytes came twice at once, or the file was recalled while they came: then they are not kept."""
    recalled = ReleaseFile.get_by_id(file.id).deleted_at is not None
    if recalled:
        _remove_bytes(release, [file])
        raise Invalid({"detail": rules.removed_before(file.name, release.id)})
    raise Invalid({"detail": rules.already_uploaded(file.name, backend.slug)})


def why_not_its(release: Release, backend: Backend) -> str | None:
    """Why a backend changes nothing of a release: it came from another."""
    if release.backend_id == backend.id:
        return None
    return rules.other_backend(release.backend.slug, backend.slug)


def _still_there(release: Release, names: list[str] | None) -> list[ReleaseFile]:
    """The files to remove that nobody has removed yet. Raises `Invalid` for a name that is not in the release."""
    files = {file.name: file for file in ReleaseFile.select().where(ReleaseFile.release == release.id)}
    unknown = [name for name in names or () if name not in files]
    if unknown:
        raise Invalid({"files": rules.not_requested(unknown[0], release.id)})
    wanted = (
        [file for file in files.values() if not file.is_record]
        if names is None
        else [files[n] for n in names]
    )
    return [file for file in wanted if file.deleted_at is None]


def _mark_deleted(file: ReleaseFile, by: str, reason: str) -> None:
    gone = {"deleted_at": now(), "deleted_by": by, "deleted_reason": reason}
    there = (ReleaseFile.id == file.id) & ReleaseFile.deleted_at.is_null()
    changed_one(ReleaseFile.update(gone).where(there), "Somebody has deleted this file already.")


def _remove_bytes(release: Release, files: Iterable[ReleaseFile]) -> None:
    """Remove the bytes of deleted files, unless a file that is still there has the same."""
    fail_point("releases.deleted")
    for file in files:
        others = (ReleaseFile.release == release.id) & (ReleaseFile.sha256 == file.sha256)
        if not ReleaseFile.select().where(others, ReleaseFile.deleted_at.is_null()).exists():
            storage.remove(release.workspace.name, release.id, file.sha256)
