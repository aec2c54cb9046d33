"""Staff: who belongs to a project, with which roles."""

from typing import Any

from flask import Response, flash, request
from flask_wtf import FlaskForm

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.rules import ROLES
from jobsite.core.errors import NotFound
from jobsite.core.web import page, see
from jobsite.projects.actions import add_members, remove_member, set_member_roles
from jobsite.projects.models import Project, ProjectMembership
from jobsite.projects.queries import project_named
from jobsite.staff import people, places
from jobsite.staff.area import asked, people_asked_for, question, routes, staff, sure, tried


@routes(
    "/staff/projects/<project>/members/",
    needs="user_edit_project_roles",
    side="public",
    methods=("GET", "POST"),
)
def members(project: str) -> Response:
    """The members of a project, and the form that adds several people at once with the same roles."""
    person = staff("user_edit_project_roles")
    shown = project_named(project)
    if finding := people_asked_for("staff.members", project=project):
        return finding
    form = FlaskForm()
    chosen, roles = request.values.getlist("users"), request.values.getlist("roles")

    def add() -> Response:
        users = people.people_named(chosen)
        add_members(by=person, project=shown, users=users, roles=roles)
        flash(f"Added to {shown.name}: {', '.join(user.username for user in users)}.", "good")
        return see("staff.members", project=project)

    answer, status = tried(form, add)
    return answer or _members_page(shown, form, chosen, roles, status)


def _members_page(
    project: Project, form: FlaskForm, chosen: list[str], roles: list[str], status: int
) -> Response:
    there = ProjectMembership.select(ProjectMembership.user).where(ProjectMembership.project == project)
    data: dict[str, Any] = {
        "memberships": places.memberships(project),
        "choice": people.choice(asked("find") or request.form.get("find", ""), chosen, there),
        "roles": roles,
        "offered": people.project_roles(),
        "labels": people.labels,
    }
    return page(
        "staff/members.html", fragments=("people",), entry=form, project=project, status=status, **data
    )


@routes("/staff/projects/<project>/members/<username>/", needs="user_edit_project_roles", side="public")
def member(project: str, username: str) -> Response:
    """The roles of one member, to be changed."""
    staff("user_edit_project_roles")
    shown, membership = _membership(project, username)
    unknown = [name for name in membership.roles if name not in ROLES]
    data: dict[str, Any] = {"membership": membership, "offered": people.project_roles(), "unknown": unknown}
    return page("staff/member.html", project=shown, **data)


@routes(
    "/staff/projects/<project>/members/<username>/",
    needs="user_edit_project_roles",
    side="public",
    methods=("POST",),
)
def save_member(project: str, username: str) -> Response:
    """Give a member exactly the chosen roles."""
    person = staff("user_edit_project_roles")
    shown, membership = _membership(project, username)
    user: User = membership.user
    set_member_roles(by=person, project=shown, user=user, roles=request.form.getlist("roles"))
    flash(f"The roles of {user.display_name} in {shown.name} have been saved.", "good")
    return see("staff.members", project=project)


@routes(
    "/staff/projects/<project>/members/<username>/remove/",
    needs="user_edit_project_roles",
    side="public",
    methods=("GET", "POST"),
)
def remove_project_member(project: str, username: str) -> Response:
    """Ask, then end a membership."""
    person = staff("user_edit_project_roles")
    shown, membership = _membership(project, username)
    user: User = membership.user
    if not sure():
        roles = people.labels(membership.roles)
        says = [
            f"{user.display_name} would no longer belong to {shown.title}"
            + (f", and would lose there: {roles}." if roles else "."),
            "Their job requests stay, and what runs goes on.",
        ]
        title = f"Remove {user.username} from {shown.name}?"
        return question(title=title, says=says, label="Remove", back=f"/staff/projects/{shown.slug}/members/")
    remove_member(by=person, project=shown, user=user)
    flash(f"{user.display_name} no longer belongs to {shown.name}.", "good")
    return see("staff.members", project=project)


def _membership(slug: str, username: str) -> tuple[Project, ProjectMembership]:
    project, user = project_named(slug), user_or_stop(username)
    found = ProjectMembership.get_or_none(project=project, user=user)
    if found is None:
        raise NotFound(f"{user.username} is not a member of {project.name}.")
    found.user = user
    return project, found
