"""The Level 4 pages: pick a backend, find a file, look at it. Contents are served on the secure side alone."""

from typing import Any

from flask import Response, request, send_file, url_for
from flask_login import current_user

from jobsite.accounts.queries import backends_of
from jobsite.core.web import CONTENT_POLICY, Routes, page
from jobsite.outputs.queries import (
    FILES_PER_PAGE,
    LINES_PER_PAGE,
    LOOK,
    ROWS_PER_PAGE,
    backend_at_level4,
    content_of,
    files_of,
    is_number,
    job_of,
    moment,
    neighbours,
    seen,
    workspace_at_level4,
)
from jobsite.projects.models import Workspace
from jobsite.settings import current

routes = Routes("outputs")


@routes("/<workspace>/level-4/", needs=LOOK)
def choose_backend(workspace: str) -> Response:
    found = workspace_at_level4(workspace)
    here = backends_of(current_user)
    return page("outputs/backends.html", workspace=found, backends=here, level4=current().secure)


@routes("/<workspace>/level-4/<backend>/", needs=LOOK, side="secure")
def files(workspace: str, backend: str) -> Response:
    found, where = workspace_at_level4(workspace), backend_at_level4(backend)
    q = request.args.get("q", "").strip()
    listed = files_of(found, q)
    number = max(1, request.args.get("page", 1, type=int))
    start = (number - 1) * FILES_PER_PAGE
    data: dict[str, Any] = {"shown": listed.entries[start : start + FILES_PER_PAGE], "number": number}
    return page(
        "outputs/files.html",
        fragments=("files",),
        workspace=found,
        backend=where,
        listed=listed,
        q=q,
        moment=moment,
        level4=True,
        size=FILES_PER_PAGE,
        **data,
    )


@routes("/<workspace>/level-4/<backend>/<path:path>", needs=LOOK, side="secure")
def file(workspace: str, backend: str, path: str) -> Response:
    found, where = workspace_at_level4(workspace), backend_at_level4(backend)
    first = max(1, request.args.get("row", request.args.get("line", 1, type=int), type=int))
    looked = seen(found, path, first=first)
    return page(
        "outputs/file.html",
        fragments=("contents",),
        workspace=found,
        backend=where,
        seen=looked,
        job=job_of(looked.entry),
        around=neighbours(found, path),
        moment=moment,
        is_number=is_number,
        turn=_turn(found, backend, path),
        sizes={"row": ROWS_PER_PAGE, "line": LINES_PER_PAGE},
        level4=True,
    )


@routes("/<workspace>/level-4-content/<backend>/<path:path>", needs=LOOK, side="secure")
def content(workspace: str, backend: str, path: str) -> Response:
    found = workspace_at_level4(workspace)
    backend_at_level4(backend)
    opened, content_type = content_of(found, path)
    response = send_file(opened, mimetype=content_type, etag=False, conditional=False)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _turn(workspace: Workspace, backend: str, path: str) -> Any:
    """The address of another window of the same file."""
    return lambda **position: url_for(
        "outputs.file", workspace=workspace.name, backend=backend, path=path, **position
    )
