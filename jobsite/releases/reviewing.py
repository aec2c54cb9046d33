"""What a reviewing program elsewhere says of the files of a release (specification 9.3, reviews)."""

from typing import Any

from jobsite.accounts.models import Backend, User
from jobsite.core.db import writing
from jobsite.core.errors import Invalid, refuse
from jobsite.core.events import record
from jobsite.releases import rules
from jobsite.releases.actions import store_reviews, why_not_its
from jobsite.releases.announced import STATUSES, Announcement
from jobsite.releases.models import Release, ReleaseFile, ReleaseFileReview


def review_files(*, by: User, backend: Backend | None, release: Release, announced: Announcement) -> None:
    """Store what was said of each file, and of the release as a whole. Said again in the same words, nothing changes.

    `backend` is the one that calls, None for a person by themselves. Raises `Invalid` under `detail` for a file that is not
    in the release, or has another content there, and for a release of another backend.
    """
    if backend is not None:
        refuse(detail=why_not_its(release, backend))
    with writing():
        files = {file.name: file for file in ReleaseFile.select().where(ReleaseFile.release == release.id)}
        _check(release, announced, files)
        said = {
            (row.release_file_id, row.status, str(row.comments))
            for row in ReleaseFileReview.select().where(
                ReleaseFileReview.release_file.in_([file.id for file in files.values()]),
                ReleaseFileReview.created_by == by.username,
            )
        }
        new = [
            (files[one.name].id, one.review)
            for one in announced.files
            if one.review
            and (files[one.name].id, one.review["status"], str(one.review.get("comments") or {})) not in said
        ]
        store_reviews(by=by, reviews=new)
        if announced.review:
            whole: dict[str, Any] = {"review": announced.review}
            if announced.review.get("status") in STATUSES:
                whole["status"] = announced.review["status"]
            Release.update(whole).where(Release.id == release.id).execute()
        if new:
            record("release:files-reviewed", by=by.username, subject=f"release:{release.id}", files=len(new))


def _check(release: Release, announced: Announcement, files: dict[str, ReleaseFile]) -> None:
    for one in announced.files:
        if one.name not in files:
            raise Invalid({"detail": rules.not_requested(one.name, release.id)})
        if files[one.name].sha256 != one.sha256:
            raise Invalid({"detail": rules.other_files(release.id)})
