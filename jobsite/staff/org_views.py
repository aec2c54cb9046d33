"""Staff: organisations, their GitHub organisations and their people."""

from typing import Any

from flask import Response, flash, request

from jobsite.accounts.queries import user_or_stop
from jobsite.core.web import page, see
from jobsite.projects import lists
from jobsite.projects.actions import (
    add_org_member,
    add_organisation,
    edit_organisation,
    remove_org_member,
)
from jobsite.projects.models import Organisation, OrgMembership
from jobsite.projects.queries import org_named
from jobsite.projects.rules import why_not_permitted
from jobsite.staff import audit, people, places
from jobsite.staff.actions import add_each
from jobsite.staff.area import asked, listed, people_asked_for, routes, staff, tried
from jobsite.staff.forms import OrganisationForm, words_in
from jobsite.staff.sorting import ordered


@routes("/staff/organisations/", needs="staff_area_access", side="public")
def organisations() -> Response:
    """Every organisation; `q` searches."""
    person = staff()
    rows, sort = ordered(places.organisations(asked("q")), places.ORG_ORDERS, asked("sort"), "name")
    data: dict[str, Any] = {"q": asked("q"), "listed": listed(rows), "sort": sort}
    why_not = why_not_permitted("org_create", person.permissions)
    return page("staff/organisations.html", fragments=("listed",), why_not_add=why_not, **data)


@routes("/staff/organisations/add/", needs="org_create", side="public", methods=("GET", "POST"))
def add_org() -> Response:
    """The form of a new organisation, and its answer."""
    person = staff("org_create")
    form = OrganisationForm()

    def add() -> Response:
        texts: dict[str, Any] = {name: form[name].data or "" for name in ("name", "slug", "description")}
        made = add_organisation(by=person, **texts)
        flash(f"{made.name} has been added.", "good")
        return see("staff.organisation", org=made.slug)

    answer, status = tried(form, add)
    return answer or page("staff/edit_organisation.html", entry=form, org=None, status=status)


@routes("/staff/organisations/<org>/", needs="staff_area_access", side="public")
def organisation(org: str) -> Response:
    """An organisation: its facts, people and projects."""
    person = staff()
    shown = org_named(org)
    members = OrgMembership.select(OrgMembership.user).where(OrgMembership.org == shown)
    data: dict[str, Any] = {
        "members": listed(places.members_of_org(shown), 50),
        "projects": list(lists.projects_of(shown).limit(50)),
        "choice": people.choice(asked("find"), request.args.getlist("users"), members),
        "why_not": why_not_permitted("org_create", person.permissions),
        "entries": audit.newest(f"org:{shown.slug}"),
    }
    return page("staff/organisation.html", fragments=("people",), org=shown, **data)


@routes("/staff/organisations/<org>/edit/", needs="org_create", side="public", methods=("GET", "POST"))
def edit_org(org: str) -> Response:
    """The form of its facts, and its answer. A new slug leaves a redirect."""
    person = staff("org_create")
    shown = org_named(org)
    form = OrganisationForm(data=_facts(shown))

    def edit() -> Response:
        after = edit_organisation(
            by=person,
            org=shown,
            name=form.name.data or "",
            slug=form.slug.data or "",
            description=form.description.data or "",
            github_orgs=words_in(form.github_orgs.data),
            is_internal=form.is_internal.data,
        )
        flash(f"{after.name} has been saved.", "good")
        return see("staff.organisation", org=after.slug)

    answer, status = tried(form, edit)
    return answer or page("staff/edit_organisation.html", entry=form, org=shown, status=status)


@routes("/staff/organisations/<org>/members/", needs="org_create", side="public", methods=("POST",))
def add_org_people(org: str) -> Response:
    """Let the chosen people belong to it."""
    person = staff("org_create")
    shown = org_named(org)
    if finding := people_asked_for("staff.organisation", org=org):
        return finding
    chosen = people.people_named(request.form.getlist("users"))
    add_each(chosen, lambda user: add_org_member(by=person, org=shown, user=user))
    flash(f"Added to {shown.name}: {', '.join(user.username for user in chosen)}.", "good")
    return see("staff.organisation", org=org)


@routes(
    "/staff/organisations/<org>/members/<username>/remove/",
    needs="org_create",
    side="public",
    methods=("POST",),
)
def remove_org_person(org: str, username: str) -> Response:
    """Let somebody no longer belong to it."""
    person = staff("org_create")
    shown = org_named(org)
    user = user_or_stop(username)
    remove_org_member(by=person, org=shown, user=user)
    flash(f"{user.display_name} no longer belongs to {shown.name}.", "good")
    return see("staff.organisation", org=org)


def _facts(org: Organisation) -> dict[str, object]:
    facts = {name: getattr(org, name) for name in ("name", "slug", "description", "is_internal")}
    return {**facts, "github_orgs": " ".join(org.github_orgs)}
