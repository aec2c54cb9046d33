"""The pages of publications: lists, one to be read and cited, its bytes, and what publishers decide."""

from typing import Any

from flask import Response, flash, request, url_for
from flask_login import current_user

from jobsite.accounts.models import User
from jobsite.core.errors import Invalid, NotFound
from jobsite.core.web import ANYONE, Routes, page, see, show_refusal
from jobsite.outputs.asked import OPERATORS, Asked
from jobsite.outputs.numbers import is_number
from jobsite.outputs.viewing import viewed
from jobsite.projects.models import Workspace
from jobsite.projects.prose import rendered
from jobsite.projects.queries import workspace_or_stop
from jobsite.publishing import actions, queries, rules
from jobsite.publishing.choosing import choice
from jobsite.publishing.citing import bibtex, dataset, plain
from jobsite.publishing.forms import DraftForm, ReasonForm
from jobsite.publishing.queries import Publication, name_in, publication
from jobsite.publishing.reading import paper
from jobsite.releases import downloads
from jobsite.releases.bundles.building import Wanted, bundle, why_no_bundle
from jobsite.releases.queries import open_file

routes = Routes("publishing")


@routes("/publications/", needs=ANYONE, side="public")
def publications() -> Response:
    """What is published on this site; before it, for publishers, what waits for them."""
    q = request.args.get("q", "").strip()
    may_decide = current_user.is_authenticated and rules.PUBLISH in current_user.permissions
    waiting = queries.waiting() if may_decide else []
    found = queries.newest_published(200, q)
    return page(
        "publishing/all.html", fragments=("found",), found=found, q=q, waiting=waiting, may_decide=may_decide
    )


@routes("/<workspace>/outputs/", needs=ANYONE, side="public")
def outputs(workspace: str) -> Response:
    """The publications of a workspace; for those who may, the drafts as well."""
    found = workspace_or_stop(workspace)
    sees_all = rules.SEE in found.permissions
    rows = queries.of_workspace(found, all_of_them=sees_all)
    why_not = rules.why_not_draft(found.permissions, is_archived=found.is_archived)
    return page("publishing/outputs.html", workspace=found, rows=rows, sees_all=sees_all, why_not=why_not)


@routes("/<workspace>/outputs/new/", needs=rules.DRAFT, side="public", methods=("GET", "POST"))
def new_draft(workspace: str) -> Response:
    """Choose files, all of the latest at first, give them a title, and ask for them to be published."""
    found = workspace_or_stop(workspace, rules.DRAFT)
    entry = DraftForm()
    offered = choice(found, request.form.getlist("files") if request.method == "POST" else None)
    if request.method == "POST":
        try:
            words = {"title": entry.title.data or "", "summary": entry.summary.data or ""}
            made = actions.draft(by=_me(), workspace=found, file_ids=offered.chosen, **words)
        except Invalid as refused:
            offered.wrong = refused.fields.pop("files", "")
            show_refusal(entry, refused)
            return page("publishing/new.html", status=422, workspace=found, entry=entry, offered=offered)
        flash("The draft waits for a publisher. They have been told.", "good")
        return see("publishing.snapshot", workspace=found.name, number=made.id)
    entry.title.data, entry.summary.data = offered.title, offered.summary
    return page("publishing/new.html", workspace=found, entry=entry, offered=offered)


@routes("/<workspace>/outputs/<int:number>/", needs=ANYONE, side="public")
def snapshot(workspace: str, number: int) -> Response:
    """One publication, to be read, cited and checked."""
    found, shown = _load(workspace, number)
    read = paper(shown, downloads.whole_address(""))
    described = dataset(read.work, read.parts, code=[(one.repo, one.commit) for one in read.code])
    return page(
        "publishing/snapshot.html",
        workspace=found,
        shown=shown,
        paper=read,
        summary=rendered(shown.snapshot.summary),
        cited=plain(read.work),
        described=described,
        why_not=_why_not(found, shown),
        why_no_bundle=why_no_bundle(_wanted(found, shown)),
        inside=bool({rules.SEE, rules.PUBLISH} & set(found.permissions)),
        name_in=name_in,
        is_number=is_number,
    )


@routes("/<workspace>/outputs/<int:number>/download/", needs=ANYONE, side="public")
def download(workspace: str, number: int) -> Response:
    """All files of a publication as one zip, sent while it is made."""
    found, shown = _load(workspace, number)
    named = [(name_in(shown, file), file) for file in shown.files]
    address = downloads.whole_address(f"/{found.name}/outputs/{number}/")
    filename = f"{found.name}-outputs-{number}.zip"
    return downloads.zip_answer(found, named, filename, lambda *_: address, names_people=False)


@routes("/<workspace>/outputs/<int:number>/bundle.zip", needs=ANYONE, side="public")
def bundle_zip(workspace: str, number: int) -> Response:
    """The files with the records of their releases, for `jobsite verify`."""
    found, shown = _load(workspace, number)
    return downloads.archive(bundle(_wanted(found, shown)), f"{found.name}-outputs-{number}-bundle.zip")


@routes("/<workspace>/outputs/<int:number>/cite.bib", needs=ANYONE, side="public")
def cite(workspace: str, number: int) -> Response:
    """The entry of a publication for BibTeX."""
    found, shown = _load(workspace, number)
    response = Response(bibtex(paper(shown, downloads.whole_address("")).work), mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="{found.name}-outputs-{number}.bib"'
    return response


@routes("/<workspace>/outputs/<int:number>/edit/", needs=rules.DRAFT, side="public", methods=("GET", "POST"))
def describe(workspace: str, number: int) -> Response:
    """Title and summary of a draft."""
    found, shown = _load(workspace, number, rules.DRAFT)
    entry = DraftForm(title=shown.snapshot.title, summary=shown.snapshot.summary)
    if request.method == "POST":
        try:
            words = {"title": entry.title.data or "", "summary": entry.summary.data or ""}
            actions.describe(by=_me(), snapshot=shown.snapshot, **words)
        except Invalid as refused:
            show_refusal(entry, refused)
            return page("publishing/edit.html", status=422, workspace=found, shown=shown, entry=entry)
        return see("publishing.snapshot", workspace=found.name, number=number)
    return page("publishing/edit.html", workspace=found, shown=shown, entry=entry)


@routes(
    "/<workspace>/outputs/<int:number>/publish/", needs=rules.PUBLISH, side="public", methods=("GET", "POST")
)
def publish(workspace: str, number: int) -> Response:
    """Ask a publisher once more, then open the draft to everybody."""
    found, shown = _load(workspace, number, rules.PUBLISH)
    if request.method == "POST":
        actions.publish(by=_me(), snapshot=shown.snapshot)
        flash("Published. Everybody can see it now.", "good")
        return see("publishing.snapshot", workspace=found.name, number=number)
    why_not = rules.why_not_publish(found.permissions, shown.request.decision, readable=len(shown.here))
    return page("publishing/publish.html", workspace=found, shown=shown, why_not=why_not)


@routes(
    "/<workspace>/outputs/<int:number>/reject/", needs=rules.PUBLISH, side="public", methods=("GET", "POST")
)
def reject(workspace: str, number: int) -> Response:
    """Decide against a draft, with a reason."""
    return _decide_against(workspace, number, "reject")


@routes(
    "/<workspace>/outputs/<int:number>/withdraw/", needs=rules.PUBLISH, side="public", methods=("GET", "POST")
)
def withdraw(workspace: str, number: int) -> Response:
    """Close a publication again, with a reason."""
    return _decide_against(workspace, number, "withdraw")


@routes("/<workspace>/outputs/<int:number>/-/<file_id>/", needs=ANYONE, side="public")
def content(workspace: str, number: int, file_id: str) -> Response:
    """The bytes of one file of a snapshot, for whoever may see the snapshot."""
    found, shown = _load(workspace, number)
    file = next((file for file in shown.here if file.id == file_id), None)
    if file is None:
        raise NotFound("There is no such file in this publication.")
    return downloads.raw(open_file(found, file), file, as_download="download" in request.args)


@routes("/<workspace>/outputs/<int:number>/<path:path>", needs=ANYONE, side="public")
def file(workspace: str, number: int, path: str) -> Response:
    """One file of a publication with as much of it as is asked for."""
    found, shown = _load(workspace, number)
    wanted = next((one for one in shown.files if path in (name_in(shown, one), one.name)), None)
    if wanted is None:
        raise NotFound("There is no file of this name in this publication.")
    data: dict[str, Any] = {"file": wanted, "operators": OPERATORS, "viewed": None}
    data["content_url"] = url_for(
        "publishing.content", workspace=found.name, number=number, file_id=wanted.id
    )
    if wanted.is_here:
        with open_file(found, wanted) as opened:
            asked = Asked.of(request.args)
            data["viewed"] = viewed(opened, path=wanted.name, sha256=wanted.sha256, asked=asked)
    return page("publishing/file.html", workspace=found, shown=shown, **data)


@routes("/<workspace>/published/<file_id>/", needs=ANYONE, side="public")
def published(workspace: str, file_id: str) -> Response:
    """The bytes of a published file, at an address that stays."""
    found = workspace_or_stop(workspace)
    wanted = queries.published_file(found, file_id)
    return downloads.raw(open_file(found, wanted), wanted, as_download="download" in request.args)


def _me() -> User:
    person: User = current_user._get_current_object()
    return person


def _load(workspace: str, number: int, permission: str = ANYONE) -> tuple[Workspace, Publication]:
    found = workspace_or_stop(workspace, permission)
    return found, publication(found, number, found.permissions)


def _why_not(workspace: Workspace, shown: Publication) -> dict[str, str | None]:
    """Why the person who is asking may not do each thing to it, None where they may."""
    held, decision = workspace.permissions, shown.request.decision
    return {
        "publish": rules.why_not_publish(held, decision, readable=len(shown.here)),
        "reject": rules.why_not_reject(held, decision),
        "withdraw": rules.why_not_withdraw(held, decision),
        "describe": rules.why_not_describe(held, decision),
    }


def _decide_against(workspace: str, number: int, verb: str) -> Response:
    found, shown = _load(workspace, number, rules.PUBLISH)
    entry = ReasonForm()
    why_not = getattr(rules, f"why_not_{verb}")(found.permissions, shown.request.decision)
    data: dict[str, Any] = {
        "workspace": found,
        "shown": shown,
        "entry": entry,
        "verb": verb,
        "why_not": why_not,
    }
    if request.method == "GET":
        return page("publishing/against.html", **data)
    try:
        getattr(actions, verb)(by=_me(), snapshot=shown.snapshot, reason=entry.reason.data or "")
    except Invalid as refused:
        show_refusal(entry, refused)
        return page("publishing/against.html", status=422, **data)
    flash(
        "The draft has been rejected." if verb == "reject" else "The publication has been withdrawn.", "good"
    )
    return see("publishing.outputs", workspace=found.name)


def _wanted(workspace: Workspace, shown: Publication) -> Wanted:
    path = url_for("publishing.snapshot", workspace=workspace.name, number=shown.snapshot.id)
    return Wanted(f"{workspace.name}-{shown.snapshot.id}", shown.title, path, workspace, shown.files)
