"""Files of Level 4 are added to a release request: a form between the list that was ticked and the request."""

from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from jobsite.core.errors import Conflict, Denied, Invalid, Refused
from jobsite.core.web import Routes, page
from jobsite.outputs.access import LOOK, backend_at_level4, workspace_at_level4
from jobsite.releases.desk.choosing import choice_of, slug_of
from jobsite.releases.desk.pages import back, loaded, me
from jobsite.releases.desk.views import REQUEST
from jobsite.releases.requests import queries
from jobsite.releases.requests.adding import Wanted, add_files
from jobsite.releases.requests.rules import OUTPUT
from jobsite.releases.requests.tickets import new_ticket, once, ticket_of

routes = Routes("desk")

NEW = "/requests/new/<workspace>/<backend>/"
NOTHING_CHOSEN = "Tick the files first, then press the button below the list."


@routes(NEW, needs=LOOK, side="secure")
def choose(workspace: str, backend: str) -> ResponseReturnValue:
    workspace_at_level4(workspace)
    backend_at_level4(backend)
    paths = request.args.getlist("path")
    if not paths:
        flash(NOTHING_CHOSEN)
        return back("outputs.files", "", workspace=workspace, backend=backend)
    return _page(workspace, backend, [(path, OUTPUT) for path in paths])


@routes(NEW, needs=LOOK, side="secure", methods=("POST",))
def add(workspace: str, backend: str) -> ResponseReturnValue:
    workspace_at_level4(workspace)
    backend_at_level4(backend)
    kinds = list(zip(request.form.getlist("path"), request.form.getlist("kind"), strict=False))
    group = request.form.get("into") or request.form.get("group", "").strip()
    wanted = [Wanted(path, kind) for path, kind in kinds if kind]
    try:
        where: dict[str, Any] = {"workspace": workspace, "backend": backend, "group": group}
        ticket = ticket_of(request.form.items(multi=True))
        found = once(by=me(), ticket=ticket, verb=lambda: add_files(by=me(), **where, files=wanted))
    except (Invalid, Denied, Conflict) as refusal:
        return _page(workspace, backend, kinds, refusal)
    flash("The files have been added. Say what they show and what you did against disclosure.", "good")
    return back("desk.show_group", "", request_id=found.id, group=slug_of(found, group))


@routes(f"{REQUEST}-/add/", needs=LOOK, side="secure")
def add_to(request_id: str) -> ResponseReturnValue:
    head = loaded(queries.overview, request_id).head
    paths = request.args.getlist("path")
    where: dict[str, Any] = {"workspace": head.workspace, "backend": head.backend}
    return redirect(
        url_for("desk.choose", path=paths, **where) if paths else url_for("outputs.files", **where)
    )


def _page(
    workspace: str, backend: str, kinds: list[tuple[str, str]], refusal: Refused | None = None
) -> Response:
    place, server = workspace_at_level4(workspace), backend_at_level4(backend)
    choice = choice_of(me(), place, kinds)
    wrong = refusal.fields if isinstance(refusal, Invalid) else {"": str(refusal)} if refusal else {}
    typed = request.form
    return page(
        "requests/add.html",
        status=200 if refusal is None else 422,
        workspace=place,
        backend=server,
        choice=choice,
        wrong=wrong,
        fields={"group"},
        into=typed.get("into", choice.groups[-1] if choice.groups else ""),
        new_group=typed.get("group", ""),
        ticket=new_ticket,
        level4=True,
    )
