"""Home, and workspaces: yours, where to make one, each with its switches."""

from typing import Any

from flask import Response, flash, redirect, request
from flask.typing import ResponseReturnValue

from jobsite import settings
from jobsite.core.db import LARGEST_ID
from jobsite.core.errors import Invalid, NotFound
from jobsite.core.web import ANYONE, LOGIN, fragment_asked, page, see, show_refusal
from jobsite.projects import changes, lists, workspaces
from jobsite.projects.forms import WorkspaceForm
from jobsite.projects.models import Workspace
from jobsite.projects.parts import parts
from jobsite.projects.project_views import me, page_number, routes
from jobsite.projects.queries import why_not_here, why_not_run, workspace_or_stop
from jobsite.projects.rules import why_not_permitted

__all__ = ["routes"]

BUTTONS = {
    "edit": "workspace_create",
    "archive": "workspace_archive",
    "notify": "workspace_toggle_notifications",
}
LOOK = {"unreleased_outputs_view", "airlock_readonly_access"}
RUNNING = ("running",)
"""The region of home that asks again as long as something runs; it is made without the rest."""


@routes("/", needs=ANYONE)
def home() -> Response:
    """What the site is, or for somebody logged in what is theirs; the newest job requests."""
    person = me()
    only_running = fragment_asked(RUNNING) == "running"
    data: dict[str, Any] = {"parts": parts("home-running" if only_running else "home", person=person)}
    if person.is_authenticated and not only_running:
        spaces = lists.newest_workspaces(person, 5)
        data |= {"projects": lists.my_projects(person), "spaces": spaces, "changes": changes.changes(person)}
    return page("home.html", fragments=RUNNING, **data)


@routes("/seen/", needs=LOGIN, methods=("POST",))
def mark_seen() -> Response:
    """Note that what home shows as changed has been seen, up to the event `cursor`."""
    cursor = request.form.get("cursor", type=int)
    if cursor is None or not 0 <= cursor < LARGEST_ID:
        raise Invalid({"cursor": "Mark what home shows, with its own button."})
    changes.mark_seen(by=me(), cursor=cursor)
    flash("Marked as seen.", "good")
    return see("projects.home")


@routes("/apply/", needs=ANYONE, side="public")
def apply() -> ResponseReturnValue:
    """On to where the settings say that people apply for a project."""
    address = settings.current().apply_url
    if not address:
        raise NotFound("Nobody applies for projects here. Ask the people who run this site.")
    return redirect(address, 301)


@routes("/health-check/", needs=ANYONE)
def health_check() -> Response:
    """An empty 200: the process answers."""
    return Response("", 200)


@routes("/workspaces/", needs=LOGIN)
def yours() -> Response:
    """The workspaces of one's projects."""
    listed = lists.paged(lists.my_workspaces(me()), page_number(), 20)
    return page("projects/workspaces.html", listed=listed)


@routes("/workspaces/new/", needs=LOGIN, side="public")
def pick() -> Response:
    """The first step of a new workspace: the project; where it may not be made, the reason."""
    return page("projects/pick.html", mine=lists.my_projects(me()))


@routes("/<name>/", needs=ANYONE)
def workspace(name: str) -> Response:
    """A workspace: what it is for, what can be done, and where its outputs are."""
    shown = workspace_or_stop(name)
    person = me()
    reasons = {
        name: why_not_here() or why_not_permitted(needed, shown.permissions)
        for name, needed in BUTTONS.items()
    }
    data: dict[str, Any] = {
        "orgs": shown.orgs,
        "reasons": {**reasons, "run": why_not_here() or why_not_run(person, shown)},
        "sees_outputs": bool(LOOK & shown.permissions),
        "parts": parts("workspace", person=person, workspace=shown),
    }
    return page("projects/workspace.html", workspace=shown, **data)


@routes("/<name>/edit/", needs="workspace_create", side="public")
def edit_workspace(name: str) -> Response:
    """The form of the purpose."""
    shown = workspace_or_stop(name, "workspace_create")
    return _form(shown, WorkspaceForm(formdata=None, data={"purpose": shown.purpose}))


@routes("/<name>/edit/", needs="workspace_create", side="public", methods=("POST",))
def save_workspace(name: str) -> Response:
    """Save the purpose."""
    shown = workspace_or_stop(name, "workspace_create")
    form = WorkspaceForm(data={"purpose": shown.purpose})
    try:
        workspaces.edit_workspace(by=me(), workspace=shown, purpose=form.purpose.data)
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _form(shown, form, status=422)
    flash("The workspace has been saved.", "good")
    return see("projects.workspace", name=name)


def _form(shown: Workspace, form: WorkspaceForm, status: int = 200) -> Response:
    return page("projects/edit_workspace.html", status=status, workspace=shown, entry=form)


@routes("/<name>/archive-toggle/", needs="workspace_archive", side="public", methods=("POST",))
def archive_toggle(name: str) -> Response:
    """Archive the workspace (`is_archived` is True) or bring it back."""
    shown = workspace_or_stop(name, "workspace_archive")
    archive = _asked("is_archived")
    workspaces.set_archived(by=me(), workspace=shown, is_archived=archive)
    flash(f"The workspace is {'archived: no jobs run in it' if archive else 'active again'}.", "good")
    return see("projects.workspace", name=name)


@routes(
    "/<name>/notifications-toggle/", needs="workspace_toggle_notifications", side="public", methods=("POST",)
)
def notifications_toggle(name: str) -> Response:
    """Turn e-mail by default on (`should_notify` is True) or off."""
    shown = workspace_or_stop(name, "workspace_toggle_notifications")
    notify = _asked("should_notify")
    workspaces.set_notifications(by=me(), workspace=shown, should_notify=notify)
    flash(f"Notifications are {'on' if notify else 'off'}.", "good")
    return see("projects.workspace", name=name)


@routes("/<name>/refresh/", needs="workspace_create", side="public", methods=("POST",))
def refresh(name: str) -> Response:
    """Ask the repository for its branches now."""
    shown = workspace_or_stop(name, "workspace_create")
    known = workspaces.ask_branches(by=me(), repo=shown.repo.url, seconds=workspaces.ASK_SECONDS)
    if known.problem:
        flash(known.problem, "bad")
    else:
        flash(f"The repository answered: {len(known.branches)} branches.", "good")
    return see("projects.workspace", name=name)


def _asked(field: str) -> bool:
    """The wish of a toggle's form, `True` or `False`; refused when it is neither."""
    wishes = {"true": True, "false": False}
    wish = wishes.get(request.form.get(field, "").lower())
    if wish is None:
        raise Invalid({field: "Say True or False."})
    return wish
