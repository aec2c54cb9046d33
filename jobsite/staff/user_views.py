"""Staff: people, what they may do, and where they belong."""

from typing import Any

from flask import Response, flash, request

from jobsite.accounts.actions import add_user, edit_user, set_roles
from jobsite.accounts.models import User
from jobsite.accounts.queries import backends, membership_asked_for, user_or_stop
from jobsite.accounts.rules import ROLES, roles_in
from jobsite.core.web import page, see
from jobsite.core.wording import counted
from jobsite.projects.rules import why_not_permitted
from jobsite.staff import audit, people, places
from jobsite.staff.actions import set_backends, set_organisations
from jobsite.staff.area import asked, listed, question, routes, staff, sure, tried
from jobsite.staff.forms import PersonForm
from jobsite.staff.rules import own_lockout, why_not_clear
from jobsite.staff.sorting import ordered

PEOPLE = "user_manage"


@routes("/staff/users/", needs=PEOPLE, side="public")
def users() -> Response:
    """Everybody, with the filters of `people.Filters`."""
    staff(PEOPLE)
    filters = people.filters_in(request.args)
    rows, sort = ordered(people.found(filters), people.ORDERS, asked("sort"), "name")
    data: dict[str, Any] = {
        "filters": filters,
        "listed": listed(rows),
        "sort": sort,
        "backends": backends(),
        "orgs": places.all_organisations(),
        "roles": list(ROLES.values()),
        "words": {"missing": people.MISSING, "any_role": people.HAVING, "active": people.WORKING},
        "labels": people.labels,
    }
    return page("staff/users.html", fragments=("listed",), **data)


@routes("/staff/users/add/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def add_person() -> Response:
    """The form of a new person, and its answer."""
    person = staff(PEOPLE)
    form = PersonForm()

    def add() -> Response:
        texts: dict[str, Any] = {name: form[name].data or "" for name in ("username", "fullname", "email")}
        made = add_user(by=person, **texts)
        flash(f"{made.display_name} has been added. Give them roles and a backend.", "good")
        return see("staff.user", username=made.username)

    answer, status = tried(form, add)
    return answer or page("staff/edit_user.html", entry=form, user=None, status=status)


@routes("/staff/users/<username>/", needs=PEOPLE, side="public")
def user(username: str) -> Response:
    """A person whole."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    projects = people.memberships_of(shown)
    open_sessions, elsewhere = people.standing(shown)
    has_roles = any(row.roles for row in projects)
    data: dict[str, Any] = {
        "person": shown,
        "roles": people.global_roles(shown.roles),
        "backends": people.backends_for(shown),
        "backends_count": membership_asked_for(),
        "orgs": people.organisations_for(shown),
        "projects": projects,
        "open_sessions": open_sessions,
        "elsewhere": elsewhere,
        "labels": people.labels,
        "entries": audit.newest(f"user:{shown.username}"),
        "why_not_orgs": why_not_permitted("org_create", person.permissions),
        "why_not_clear": why_not_clear(has_project_roles=has_roles, permissions=person.permissions),
        "is_self": person.id == shown.id,
    }
    return page("staff/user.html", **data)


@routes("/staff/users/<username>/edit/", needs=PEOPLE, side="public", methods=("GET", "POST"))
def edit_person(username: str) -> Response:
    """The form of name and e-mail address, and its answer."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    form = PersonForm(data={"fullname": shown.fullname, "email": shown.email or ""})

    def edit() -> Response:
        edit_user(by=person, user=shown, fullname=form.fullname.data or "", email=form.email.data or "")
        flash(f"{shown.username} has been saved.", "good")
        return see("staff.user", username=shown.username)

    answer, status = tried(form, edit)
    return answer or page("staff/edit_user.html", entry=form, user=shown, status=status)


@routes("/staff/users/<username>/roles/", needs=PEOPLE, side="public", methods=("POST",))
def save_roles(username: str) -> Response:
    """Give a person exactly the chosen global roles; who takes their own way in is asked first."""
    person = staff(PEOPLE)
    shown = user_or_stop(username)
    roles = [role.name for role in roles_in("global") if role.name in request.form.getlist("roles")]
    warning = lockout(person, shown, roles)
    if warning and not sure():
        title = "Take your own way into the staff area?"
        back = f"/staff/users/{shown.username}/"
        return question(title=title, says=[warning], label="Take it away", back=back, roles=roles)
    set_roles(by=person, user=shown, roles=roles)
    flash(f"{shown.display_name} now has on the whole site: {people.labels(roles) or 'no role'}.", "good")
    return see(
        "staff.index" if warning else "staff.user", **({} if warning else {"username": shown.username})
    )


@routes("/staff/users/<username>/backends/", needs=PEOPLE, side="public", methods=("POST",))
def save_backends(username: str) -> Response:
    """Let a person use exactly the chosen backends."""
    person = staff(PEOPLE)
    staff("backend_manage")
    shown = user_or_stop(username)
    changed = set_backends(by=person, user=shown, slugs=request.form.getlist("backends"))
    flash(f"The backends of {shown.username}: {_changes(changed)}.", "good")
    return see("staff.user", username=shown.username)


@routes("/staff/users/<username>/organisations/", needs=PEOPLE, side="public", methods=("POST",))
def save_organisations(username: str) -> Response:
    """Let a person belong to exactly the chosen organisations."""
    person = staff(PEOPLE)
    staff("org_create")
    shown = user_or_stop(username)
    changed = set_organisations(by=person, user=shown, slugs=request.form.getlist("organisations"))
    flash(f"The organisations of {shown.username}: {_changes(changed)}.", "good")
    return see("staff.user", username=shown.username)


def lockout(by: User, user: User, roles: list[str]) -> str | None:
    """What somebody who gives these roles has to know when the person is themselves; None where there is nothing."""
    if by.id != user.id:
        return None
    return own_lockout(before=by.roles, after=roles, others=people.other_administrators(by))


def _changes(count: int) -> str:
    return f"{counted(count, 'change')} saved" if count else "nothing has changed"
