"""Staff: projects, made, shown and edited whole; what data they may use."""

from collections.abc import Sequence
from typing import Any

from flask import Response, flash, request

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_named
from jobsite.core.errors import Invalid
from jobsite.core.web import page, see
from jobsite.projects import data_permissions, lists
from jobsite.projects.actions import add_project, edit_project_details
from jobsite.projects.models import Organisation, Project
from jobsite.projects.queries import project_named
from jobsite.projects.rules import STATUSES, why_not_permitted
from jobsite.staff import audit, people, places
from jobsite.staff.area import asked, listed, question, routes, staff, sure, tried
from jobsite.staff.forms import PermissionForm, ProjectForm, moment_in, moment_text


@routes("/staff/projects/", needs="staff_area_access", side="public")
def projects() -> Response:
    """Every project; `q`, `org`, `status` and `copilot` narrow the list."""
    person = staff()
    given: dict[str, Any] = {name: asked(name) for name in ("org", "status", "copilot")}
    data: dict[str, Any] = {
        "q": asked("q"),
        "given": given,
        "listed": listed(places.projects(asked("q"), **given)),
        "statuses": list(STATUSES.values()),
        "orgs": places.all_organisations(),
        "why_not_add": why_not_permitted("project_create", person.permissions),
    }
    return page("staff/projects.html", fragments=("listed",), **data)


@routes("/staff/projects/add/", needs="project_create", side="public", methods=("GET", "POST"))
def create_project() -> Response:
    """The form of a new project, with the next free number, and its answer: the page with the next steps."""
    person = staff("project_create")
    form = ProjectForm()

    def create() -> Response:
        made = add_project(
            by=person,
            name=form.name.data or "",
            number=form.number.data or "",
            slug=form.slug.data or "",
            orgs=_orgs(form),
            copilot=_copilot(form),
            category=form.category.data or "unknown",
        )
        return see("staff.project_made", project=made.slug)

    answer, status = tried(form, create)
    return answer or _project_form(form, None, status)


@routes("/staff/projects/<project>/made/", needs="staff_area_access", side="public")
def project_made(project: str) -> Response:
    """What comes after a project has been made."""
    staff()
    return page("staff/project_made.html", project=project_named(project))


@routes("/staff/projects/<project>/", needs="staff_area_access", side="public")
def project(project: str) -> Response:
    """A project: its facts, workspaces, members, data permissions and newest events."""
    person = staff()
    shown = project_named(project)
    data: dict[str, Any] = {
        "orgs": lists.orgs_of(shown),
        "spaces": lists.workspaces_of(shown),
        "memberships": places.memberships(shown),
        "permissions": data_permissions.of(shown),
        "entries": audit.newest(f"project:{shown.slug}"),
        "labels": people.labels,
        "why_not_edit": why_not_permitted("project_create", person.permissions),
        "why_not_members": why_not_permitted("user_edit_project_roles", person.permissions),
    }
    return page("staff/project.html", project=shown, **data)


@routes("/staff/projects/<project>/edit/", needs="project_create", side="public", methods=("GET", "POST"))
def edit_project(project: str) -> Response:
    """The form of what staff keep of a project, and its answer. A new slug leaves a redirect."""
    person = staff("project_create")
    shown = project_named(project)
    form = ProjectForm(data=_facts(shown))

    def edit() -> Response:
        texts: dict[str, Any] = {
            name: form[name].data or "" for name in ("name", "slug", "number", "copilot_notes", "category")
        }
        ends = moment_in("copilot_support_ends_at", form.copilot_support_ends_at.data)
        chosen: dict[str, Any] = {
            "orgs": _orgs(form),
            "copilot": _copilot(form),
            "copilot_support_ends_at": ends,
        }
        after = edit_project_details(by=person, project=shown, **texts, **chosen)
        flash(f"{after.title} has been saved.", "good")
        return see("staff.project", project=after.slug)

    answer, status = tried(form, edit)
    return answer or _project_form(form, shown, status)


@routes(
    "/staff/projects/<project>/data-permissions/",
    needs="project_create",
    side="public",
    methods=("GET", "POST"),
)
def add_permission(project: str) -> Response:
    """The data permissions of a project with the form of one more, and its answer."""
    person = staff("project_create")
    shown = project_named(project)
    form = PermissionForm()

    def add() -> Response:
        kind, _, value = (form.permission.data or "").partition(":")
        try:
            data_permissions.add(
                by=person, project=shown, kind=kind, value=value, reason=form.reason.data or ""
            )
        except Invalid as refusal:
            raise Invalid({_FIELDS.get(name, name): why for name, why in refusal.fields.items()}) from None
        flash(f"{shown.name} may use {value}.", "good")
        return see("staff.add_permission", project=project)

    answer, status = tried(form, add)
    held = data_permissions.of(shown)
    return answer or page("staff/permissions.html", entry=form, project=shown, held=held, status=status)


@routes(
    "/staff/projects/<project>/data-permissions/remove/",
    needs="project_create",
    side="public",
    methods=("POST",),
)
def remove_permission(project: str) -> Response:
    """Ask, then take a data permission away."""
    person = staff("project_create")
    shown = project_named(project)
    kind, value = (request.form.get(name, "") for name in ("kind", "value"))
    back = f"/staff/projects/{shown.slug}/data-permissions/"
    if not sure():
        says = [
            f"{shown.title} could no longer use {kind} {value}. Job requests that need it are refused from then on."
        ]
        title = f"Take {value} from {shown.name}?"
        return question(title=title, says=says, label="Take it away", back=back, kind=kind, value=value)
    data_permissions.remove(by=person, project=shown, kind=kind, value=value)
    flash(f"{shown.name} may no longer use {value}.", "good")
    return see("staff.add_permission", project=project)


_FIELDS = {"kind": "permission", "value": "permission"}


def _facts(project: Project) -> dict[str, object]:
    names = ("name", "slug", "number", "copilot_notes", "category")
    orgs = [org.slug for org in lists.orgs_of(project)]
    return {
        **{name: getattr(project, name) for name in names},
        "org": next(iter(orgs), ""),
        "others": orgs[1:],
        "copilot": project.copilot.username if project.copilot else "",
        "copilot_support_ends_at": moment_text(project.copilot_support_ends_at),
    }


def _orgs(form: ProjectForm) -> Sequence[Organisation]:
    """The organisations that were chosen, the lead first; none without a lead."""
    return places.organisations_with([form.org.data, *(form.others.data or [])]) if form.org.data else ()


def _copilot(form: ProjectForm) -> User | None:
    found = user_named(form.copilot.data) if form.copilot.data else None
    if form.copilot.data and found is None:
        raise Invalid({"copilot": "Choose a co-pilot from the list."})
    return found


def _project_form(form: ProjectForm, project: Project | None, status: int) -> Response:
    present = project.copilot if project else None
    form.offer(places.all_organisations(), people.copilots(), present)
    number = places.next_number() if project is None else ""
    return page("staff/edit_project.html", entry=form, project=project, next_number=number, status=status)
