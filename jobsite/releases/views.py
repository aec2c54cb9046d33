"""Released outputs: releases, their files, the latest of each, downloads, deletion, certificate and bundle."""

from typing import Any

from flask import Response, flash, request, url_for
from flask_login import current_user

from jobsite.core.errors import Invalid, NotFound
from jobsite.core.web import ANYONE, Routes, page, see, show_refusal
from jobsite.outputs.asked import OPERATORS, Asked
from jobsite.outputs.viewing import viewed
from jobsite.projects.models import Workspace
from jobsite.projects.parts import parts
from jobsite.projects.queries import project_or_stop, workspace_or_stop
from jobsite.releases import downloads
from jobsite.releases.actions import delete_file
from jobsite.releases.bundles.building import Wanted, bundle, why_no_bundle
from jobsite.releases.forms import DeleteForm
from jobsite.releases.models import ReleaseFile
from jobsite.releases.queries import (
    NONE_YET,
    ROWS,
    ReleaseRow,
    file_named,
    file_numbered,
    latest_file,
    latest_files,
    open_file,
    record_of,
    release_of,
    releases_of,
    releases_of_project,
    with_words,
)
from jobsite.releases.rules import why_not_delete
from jobsite.releases.signing import fingerprint, public_key

routes = Routes("releases")
VIEW = "release_file_view"
DELETE = "release_file_delete"


@routes("/<workspace>/releases/", needs=ANYONE, side="public")
def releases(workspace: str) -> Response:
    found = workspace_or_stop(workspace)
    may_see, number = VIEW in found.permissions, _page_number()
    rows, total = releases_of(found, number, with_files=may_see)
    if not total:
        raise NotFound(NONE_YET)
    why_delete = why_not_delete(found.permissions, is_here=True)
    data: dict[str, Any] = {"number": number, "size": ROWS, "total": total, "why_delete": why_delete}
    return page("releases/releases.html", workspace=found, rows=rows, may_see=may_see, **data)


@routes("/projects/<slug>/releases/", needs=VIEW, side="public")
def project_releases(slug: str) -> Response:
    project, number = project_or_stop(slug, VIEW), _page_number()
    rows, total = releases_of_project(project, number)
    return page("releases/project.html", project=project, rows=rows, number=number, size=ROWS, total=total)


@routes("/<workspace>/releases/<release_id>/", needs=VIEW, side="public")
def release(workspace: str, release_id: str) -> Response:
    found, row = _release(workspace, release_id)
    why_no = why_no_bundle(_wanted(found, row))
    why_delete = why_not_delete(found.permissions, is_here=True)
    return page(
        "releases/release.html", workspace=found, row=row, why_no_bundle=why_no, why_delete=why_delete
    )


@routes("/<workspace>/releases/<release_id>/<path:path>", needs=VIEW, side="public")
def file(workspace: str, release_id: str, path: str) -> Response:
    found, row = _release(workspace, release_id)
    return _file_page(found, row, file_named(row, path), around=[one.name for one in row.files])


@routes("/<workspace>/releases/<release_id>/<file_id>/content/", needs=VIEW, side="public")
def content(workspace: str, release_id: str, file_id: str) -> Response:
    found, row = _release(workspace, release_id)
    wanted = file_numbered(row, file_id)
    return downloads.raw(open_file(found, wanted), wanted, as_download="download" in request.args)


@routes("/<workspace>/releases/<release_id>/download/", needs=VIEW, side="public")
def download(workspace: str, release_id: str) -> Response:
    found, row = _release(workspace, release_id)
    named = [(one.name, one) for one in row.files]
    return downloads.zip_answer(found, named, f"release-{row.release.id}.zip", _tombstone_address)


@routes("/<workspace>/releases/<release_id>/certificate/", needs=VIEW, side="public")
def certificate(workspace: str, release_id: str) -> Response:
    found, row = _release(workspace, release_id)
    record, key = record_of(found, release_id), public_key()
    if record is None:
        raise NotFound("There is no certificate: this release came without a release record.")
    certified = downloads.told_by(record)
    return page(
        "releases/certificate.html",
        workspace=found,
        row=row,
        certified=certified,
        key=key,
        fingerprint=fingerprint(key),
    )


@routes("/<workspace>/releases/<release_id>/bundle.zip", needs=VIEW, side="public")
def bundle_zip(workspace: str, release_id: str) -> Response:
    found, row = _release(workspace, release_id)
    return downloads.archive(bundle(_wanted(found, row)), f"{row.release.id}.zip")


@routes(
    "/<workspace>/releases/<release_id>/<file_id>/delete/",
    needs=DELETE,
    side="public",
    methods=("GET", "POST"),
)
def delete(workspace: str, release_id: str, file_id: str) -> Response:
    found = workspace_or_stop(workspace, DELETE)
    row, form = release_of(found, release_id), DeleteForm()
    wanted = file_numbered(row, file_id)
    try:
        if form.validate_on_submit():
            delete_file(
                by=current_user, release_id=row.release.id, file_id=wanted.id, reason=form.reason.data or ""
            )
            flash("The file has been deleted.", "good")
            return see("releases.release", workspace=found.name, release_id=row.release.id)
    except Invalid as refusal:
        show_refusal(form, refusal)
    status = 422 if form.errors else 200
    return page("releases/delete.html", status=status, workspace=found, row=row, file=wanted, entry=form)


@routes("/signing-key.txt", needs=ANYONE)
def signing_key() -> Response:
    key = public_key()
    return Response(f"{key}\nfingerprint {fingerprint(key)}\n", mimetype="text/plain")


@routes("/<workspace>/outputs/latest/", needs=VIEW, side="public")
def latest(workspace: str) -> Response:
    found, q = workspace_or_stop(workspace, VIEW), request.args.get("q", "").strip()
    shown, files = parts("latest-outputs", person=current_user, workspace=found), latest_files(found)
    return page(
        "releases/latest.html",
        fragments=("files",),
        workspace=found,
        latest=with_words(files, q),
        total=len(files),
        q=q,
        parts=shown,
    )


@routes("/<workspace>/outputs/latest/<path:path>", needs=VIEW, side="public")
def latest_version(workspace: str, path: str) -> Response:
    found = workspace_or_stop(workspace, VIEW)
    wanted = latest_file(found, path).file
    return _file_page(found, release_of(found, wanted.release_id), wanted, around=[])


@routes("/<workspace>/outputs/latest/download/", needs=VIEW, side="public")
def latest_download(workspace: str) -> Response:
    found = workspace_or_stop(workspace, VIEW)
    named = [(one.name, one.file) for one in latest_files(found)]
    return downloads.zip_answer(found, named, f"{found.name}-latest.zip", _tombstone_address)


def _release(workspace: str, release_id: str) -> tuple[Workspace, ReleaseRow]:
    found = workspace_or_stop(workspace, VIEW)
    return found, release_of(found, release_id)


def _file_page(workspace: Workspace, row: ReleaseRow, wanted: ReleaseFile, *, around: list[str]) -> Response:
    """The page of one file, with as much of it as was asked for."""
    here = around.index(wanted.name) if wanted.name in around else None
    data: dict[str, Any] = {
        "before": around[here - 1] if here else None,
        "after": around[here + 1] if here is not None and here + 1 < len(around) else None,
        "operators": OPERATORS,
        "content_url": _content_url(workspace, wanted),
        "why_delete": why_not_delete(workspace.permissions, is_here=wanted.is_here),
        "viewed": None,
    }
    if wanted.is_here:
        with open_file(workspace, wanted) as opened:
            data["viewed"] = viewed(
                opened, path=wanted.name, sha256=wanted.sha256, asked=Asked.of(request.args)
            )
    return page("releases/file.html", workspace=workspace, row=row, file=wanted, **data)


def _content_url(workspace: Workspace, wanted: ReleaseFile) -> str:
    values = {"workspace": workspace.name, "release_id": wanted.release_id, "file_id": wanted.id}
    return url_for("releases.content", **values)


def _tombstone_address(workspace: Workspace, wanted: ReleaseFile) -> str:
    values = {"workspace": workspace.name, "release_id": wanted.release_id, "path": wanted.name}
    return downloads.whole_address(url_for("releases.file", **values))


def _wanted(workspace: Workspace, row: ReleaseRow) -> Wanted:
    title = f"Release {row.release.id} of {workspace.name}"
    path = url_for("releases.release", workspace=workspace.name, release_id=row.release.id)
    return Wanted(row.release.id, title, path, workspace, row.files)


def _page_number() -> int:
    return max(1, min(request.args.get("page", 1, type=int), 10**6))
