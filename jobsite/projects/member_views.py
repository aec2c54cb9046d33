"""Who belongs to a project, for those who manage it: add people, change their roles, end a membership."""

from typing import Any

from flask import Response, flash, request

from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.rules import PROJECT, roles_in
from jobsite.core.errors import Invalid, NotFound
from jobsite.core.web import Routes, page, see
from jobsite.projects import actions, lists
from jobsite.projects.models import Project
from jobsite.projects.project_views import me
from jobsite.projects.queries import project_or_stop

routes = Routes("projects")

MANAGE = "user_edit_project_roles"


@routes("/projects/<slug>/members/", needs=MANAGE, side="public")
def members(slug: str) -> Response:
    """The members with their roles, and the form for more."""
    return _page(project_or_stop(slug, MANAGE))


@routes("/projects/<slug>/members/", needs=MANAGE, side="public", methods=("POST",))
def add_members(slug: str) -> Response:
    """Add the people whose usernames are given, with the roles ticked."""
    shown = project_or_stop(slug, MANAGE)
    names = request.form.get("users", "").replace(",", " ").split()
    roles = request.form.getlist("roles")
    try:
        users = lists.people_named(names)
        actions.add_members(by=me(), project=shown, users=users, roles=roles)
    except Invalid as refusal:
        return _page(shown, refusal.fields, typed=" ".join(names), ticked=roles)
    flash(f"Added: {', '.join(user.username for user in users)}.", "good")
    return see("projects.members", slug=slug)


@routes("/projects/<slug>/members/<username>/", needs=MANAGE, side="public")
def member(slug: str, username: str) -> Response:
    """One member: their roles, and the end of their membership."""
    shown = project_or_stop(slug, MANAGE)
    return page("projects/member.html", project=shown, member=_member(shown, username), **_choices())


@routes("/projects/<slug>/members/<username>/", needs=MANAGE, side="public", methods=("POST",))
def save_member(slug: str, username: str) -> Response:
    """Give the member exactly the roles ticked, or with `remove` end the membership."""
    shown = project_or_stop(slug, MANAGE)
    user = _member(shown, username).user
    if "remove" in request.form:
        actions.remove_member(by=me(), project=shown, user=user)
        flash(f"{user.username} no longer belongs to the project.", "good")
    else:
        actions.set_member_roles(by=me(), project=shown, user=user, roles=request.form.getlist("roles"))
        flash(f"The roles of {user.username} have been saved.", "good")
    return see("projects.members", slug=slug)


def _member(shown: Project, username: str) -> lists.Member:
    user = user_or_stop(username)
    found = next((one for one in lists.members_of(shown) if one.user == user), None)
    if found is None:
        raise NotFound(f"{user.username} is not a member of {shown.name}.")
    return found


def _page(
    shown: Project, wrong: dict[str, str] | None = None, typed: str = "", ticked: list[str] | None = None
) -> Response:
    data: dict[str, Any] = {"members": lists.members_of(shown), "wrong": wrong or {}}
    data |= {"typed": typed, "ticked": ticked or []}
    status = 422 if wrong else 200
    return page("projects/members.html", status=status, project=shown, **data, **_choices())


def _choices() -> dict[str, Any]:
    return {"choices": roles_in(PROJECT), "may": lists.may}
