"""Staff: workspaces, and the redirects that lead from addresses of old."""

from typing import Any

from flask import Response, flash

from jobsite.core.db import LARGEST_ID
from jobsite.core.errors import Invalid, NotFound
from jobsite.core.web import page, see
from jobsite.projects import redirects
from jobsite.projects.models import Project, Redirect, Workspace
from jobsite.projects.queries import workspace_named
from jobsite.projects.rules import why_not_permitted
from jobsite.staff import audit, places
from jobsite.staff.actions import edit_whole_workspace
from jobsite.staff.area import asked, listed, question, routes, staff, sure, tried
from jobsite.staff.forms import WorkspaceForm
from jobsite.staff.sorting import ordered


@routes("/staff/workspaces/", needs="staff_area_access", side="public")
def workspaces() -> Response:
    """Every workspace; `q`, `project` and `archived` narrow the list."""
    staff()
    given: dict[str, Any] = {name: asked(name) for name in ("project", "archived")}
    rows, sort = ordered(places.workspaces(asked("q"), **given), places.SPACE_ORDERS, asked("sort"), "name")
    data: dict[str, Any] = {
        "q": asked("q"),
        "given": given,
        "listed": listed(rows),
        "sort": sort,
        "standings": places.ARCHIVED,
    }
    return page("staff/workspaces.html", fragments=("listed",), **data)


@routes("/staff/workspaces/<workspace>/", needs="staff_area_access", side="public")
def workspace(workspace: str) -> Response:
    """A workspace: its facts and newest events."""
    staff()
    shown = workspace_named(workspace)
    counts = places.request_counts(shown)
    entries = audit.newest(f"workspace:{shown.name}")
    return page("staff/workspace.html", workspace=shown, counts=counts, entries=entries)


@routes(
    "/staff/workspaces/<workspace>/edit/", needs="staff_area_access", side="public", methods=("GET", "POST")
)
def edit_place(workspace: str) -> Response:
    """The form of project, purpose and archiving, and its answer. A move to another project is asked first."""
    person = staff()
    shown = workspace_named(workspace)
    before = {"purpose": shown.purpose, "is_archived": shown.is_archived, "project": shown.project.slug}
    form = WorkspaceForm(data=before)

    def edit() -> Response:
        target = _project(form.project.data)
        if target != shown.project and not sure():
            return _ask(shown, target, form)
        wanted = {"purpose": form.purpose.data or "", "is_archived": form.is_archived.data}
        edit_whole_workspace(by=person, workspace=shown, project=target, **wanted)
        flash(f"{shown.name} has been saved.", "good")
        return see("staff.workspace", workspace=shown.name)

    answer, status = tried(form, edit)
    form.offer(places.all_projects())
    why_not_move = why_not_permitted("project_create", person.permissions)
    data: dict[str, Any] = {"workspace": shown, "why_not_move": why_not_move, "status": status}
    return answer or page("staff/edit_workspace.html", entry=form, **data)


@routes("/staff/redirects/", needs="staff_area_access", side="public")
def all_redirects() -> Response:
    """Every redirect, the newest first."""
    person = staff()
    why_not = why_not_permitted("project_create", person.permissions)
    return page("staff/redirects.html", listed=listed(redirects.listed()), why_not=why_not)


@routes(
    "/staff/redirects/<int:redirect>/delete/", needs="project_create", side="public", methods=("GET", "POST")
)
def delete_redirect(redirect: int) -> Response:
    """Ask, then end a redirect."""
    person = staff("project_create")
    found = redirects.listed().where(Redirect.id == redirect).first() if redirect < LARGEST_ID else None
    if found is None:
        raise NotFound("There is no such redirect.")
    if not sure():
        says = [f"{found.old_url} would lead nowhere. Now it leads to {found.target}."]
        return question(
            title="Delete this redirect?", says=says, label="Delete the redirect", back="/staff/redirects/"
        )
    redirects.remove(by=person, redirect=found)
    flash(f"{found.old_url} leads nowhere any more.", "good")
    return see("staff.all_redirects")


def _project(slug: str | None) -> Project:
    found = Project.get_or_none(Project.slug == slug)
    if found is None:
        raise Invalid({"project": "Choose a project from the list."})
    return found


def _ask(workspace: Workspace, target: Project, form: WorkspaceForm) -> Response:
    """The question before a move, with what the form said."""
    says = [
        (
            f"{workspace.name} would belong to {target.title}, with its job requests and outputs. From then on the members "
            f"of {target.name} may do with it what their roles permit, and those of {workspace.project.name} no longer."
        ),
        f"/{workspace.project.slug}/{workspace.name}/ goes on leading to it for a year.",
    ]
    sent = {"project": target.slug, "purpose": form.purpose.data or ""}
    sent |= {"is_archived": "y"} if form.is_archived.data else {}
    back = f"/staff/workspaces/{workspace.name}/edit/"
    return question(
        title=f"Move {workspace.name} to {target.name}?", says=says, label="Move it", back=back, **sent
    )
