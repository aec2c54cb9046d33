"""The Level 4 pages: pick a backend, find a file, look at it. Contents are served on the secure side alone."""

from flask import Response, request, url_for
from flask_login import current_user

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import backends_of, executes_here
from jobsite.core.errors import NotFound
from jobsite.core.web import Routes, fragment_asked, page, see
from jobsite.outputs.access import (
    LOOK,
    backend_at_level4,
    entry_or_stop,
    roots,
    workspace_at_level4,
)
from jobsite.outputs.asked import NAMES, Asked
from jobsite.outputs.file_queries import FilePage, contents_of, file_page
from jobsite.outputs.listing import PAGE, Filters
from jobsite.outputs.looks import CODE, CONTENT, looked
from jobsite.outputs.policies import loaded, policy_of
from jobsite.outputs.provenance import code_of
from jobsite.outputs.queries import files_page, moment, nearest_folder
from jobsite.outputs.reading_through import being_read
from jobsite.outputs.serving import content_answer
from jobsite.outputs.states import LOOKS, STATES
from jobsite.projects.models import Workspace
from jobsite.settings import current
from jobsite.store.reading import NotAtLevel4, open_level4

routes = Routes("outputs")

CONTENTS = ("contents",)
LEVEL4 = "/<workspace>/level-4/<backend>/"


@routes("/<workspace>/level-4/", needs=LOOK)
def choose_backend(workspace: str) -> Response:
    found = workspace_at_level4(workspace)
    known = [(backend, executes_here(backend)) for backend in backends_of(current_user)]
    return page("outputs/backends.html", workspace=found, backends=known, level4=current().secure)


@routes("/<workspace>/files/", needs=LOOK)
def files_of_old(workspace: str) -> Response:
    """The address that links made elsewhere may have."""
    found = workspace_at_level4(workspace)
    return Response(status=301, headers={"Location": url_for("outputs.choose_backend", workspace=found.name)})


@routes(LEVEL4, needs=LOOK, side="secure")
def files(workspace: str, backend: str) -> Response:
    return _list(workspace, backend, "")


@routes(f"{LEVEL4}<path:path>", needs=LOOK, side="secure")
def file(workspace: str, backend: str, path: str) -> Response:
    if path.endswith("/"):
        return _list(workspace, backend, path)
    found, where = workspace_at_level4(workspace), backend_at_level4(backend)
    try:
        shown = _file(found, where, path)
    except NotFound:
        if not request.args.get("of", ""):
            raise
        return _nearest(workspace, backend, nearest_folder(found, path))
    for what, seen, content in shown.looks:
        looked(by=current_user, what=what, workspace=found, path=seen, sha256=content)
    return page(
        "outputs/file.html",
        fragments=CONTENTS,
        workspace=found,
        backend=where,
        shown=shown,
        moment=moment,
        looks=LOOKS,
        asks=_asks(),
        level4=True,
    )


@routes(f"{LEVEL4}-/reading/<path:path>", needs=LOOK, side="secure")
def reading(workspace: str, backend: str, path: str) -> Response:
    """How far a large table has been read; nothing of what is in it, so that no look is noted."""
    found, where = workspace_at_level4(workspace), backend_at_level4(backend)
    content, column = entry_or_stop(found, path).content_hash, Asked.of(request.args).column
    return page(
        "outputs/reading.html",
        fragments=("reading",),
        workspace=found,
        backend=where,
        path=path,
        waits=being_read(content, column, loaded(policy_of(found.project))),
        asks=_asks(),
        level4=True,
    )


@routes(f"{LEVEL4}-/content/<path:path>", needs=LOOK, side="secure")
def content(workspace: str, backend: str, path: str) -> Response:
    found = workspace_at_level4(workspace)
    backend_at_level4(backend)
    entry = entry_or_stop(found, path)
    try:
        answer = content_answer(open_level4(roots(), found.name, path).file, path)
    except NotAtLevel4 as reason:
        raise NotFound(str(reason)) from None
    looked(by=current_user, what=CONTENT, workspace=found, path=path, sha256=entry.content_hash)
    return answer


@routes(f"{LEVEL4}-/code/<commit>/<path:path>", needs=LOOK, side="secure")
def code(workspace: str, backend: str, commit: str, path: str) -> Response:
    found, where = workspace_at_level4(workspace), backend_at_level4(backend)
    text = code_of(found, commit, path)
    looked(by=current_user, what=CODE, workspace=found, path=f"{commit}:{path}")
    return page(
        "outputs/code.html",
        workspace=found,
        backend=where,
        commit=commit,
        path=path,
        lines=text.splitlines(),
        level4=True,
    )


def _file(workspace: Workspace, backend: Backend, path: str) -> FilePage:
    """The file as it is asked for; its contents alone where htmx takes no more."""
    asked, against = Asked.of(request.args), request.args.get("against", "")
    if fragment_asked(CONTENTS):
        return contents_of(workspace, path, asked, against)
    return file_page(workspace, backend, path, asked, against, request.args.get("of", ""))


def _asks() -> dict[str, list[str]]:
    """What the address asks with, for another address."""
    return {name: values for name in NAMES if (values := request.args.getlist(name))}


def _list(workspace: str, backend: str, folder: str) -> Response:
    """The list of outputs, or of those in a folder."""
    found, where = workspace_at_level4(workspace), backend_at_level4(backend)
    return page(
        "outputs/files.html",
        fragments=("files",),
        workspace=found,
        backend=where,
        shown=files_page(found, where, Filters.of(request.args, folder)),
        gone="gone" in request.args,
        moment=moment,
        states=STATES,
        looks=LOOKS,
        size=PAGE,
        level4=True,
    )


def _nearest(workspace: str, backend: str, folder: str) -> Response:
    """Where the file of a link of yesterday would be."""
    if not folder:
        return see("outputs.files", workspace=workspace, backend=backend, gone=1)
    return see("outputs.file", workspace=workspace, backend=backend, path=folder, gone=1)
