"""What is read of projects: what a person may do, one thing or a stop, and the rows of pages."""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any, NoReturn

from flask import request
from flask_login import current_user
from peewee import JOIN, SQL, Field, ModelSelect, fn

from jobsite.accounts.models import AnonymousPerson, User, permissions_everywhere
from jobsite.accounts.queries import backends_of, membership_asked_for
from jobsite.accounts.rules import permissions_of
from jobsite.core.errors import NotFound, require
from jobsite.core.prepared import Prepared, place, stored
from jobsite.core.web import ANYONE, granted, login_needed
from jobsite.projects import redirects
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Repo,
    Workspace,
)
from jobsite.projects.moved import MovedForGood, moved_to
from jobsite.projects.rules import why_not_permitted, why_not_run_jobs
from jobsite.settings import current

Actor = User | AnonymousPerson | str


def permissions_in(by: Actor, project: Project | int) -> frozenset[str]:
    """What a person may do in a project (or its id): their global roles and their roles there together.

    "system" (a command) may do all, an anonymous visitor or a deactivated person nothing. Read afresh on
    every call, so a role taken away is gone at once.
    """
    if isinstance(by, str):
        return permissions_everywhere(by)
    if not by.is_authenticated or not by.is_active:
        return frozenset()
    membership = _membership(by, project)
    return by.permissions | permissions_of(membership.roles if membership else ())


def has_org(user: Actor) -> bool:
    """Whether a person belongs to an organisation, as far as that is asked for.

    It is not where neither GitHub nor OpenID Connect is set up: there people are known to the owner of the
    machine, and any repository that ALLOWED_REPOS allows may be used. A command acts for everybody.
    """
    if isinstance(user, str) or not membership_asked_for():
        return True
    return OrgMembership.select().where(OrgMembership.user == user.id).exists()


def project_named(slug: str) -> Project:
    """The project of that slug, for whoever asks. Raises `NotFound` with a sentence."""
    found = Project.get_or_none(Project.slug == slug)
    if found is None:
        raise NotFound(f"There is no project {slug}.")
    return found


def workspace_named(name: str) -> Workspace:
    """The workspace of that name with its project and repository. Raises `NotFound` with a sentence."""
    found = workspaces().where(Workspace.name == name).first()
    if found is None:
        raise NotFound(f"There is no workspace {name}.")
    return found


def org_named(slug: str) -> Organisation:
    """The organisation of that slug. Raises `NotFound` with a sentence."""
    found = Organisation.get_or_none(Organisation.slug == slug)
    if found is None:
        raise NotFound(f"There is no organisation {slug}.")
    return found


def org_or_stop(slug: str) -> Organisation:
    """The organisation of that slug for a page. Raises `NotFound`, or leads on to where it is now."""
    return Organisation.get_or_none(Organisation.slug == slug) or _renamed(
        f"There is no organisation {slug}."
    )


def project_or_stop(slug: str, permission: str = ANYONE) -> Project:
    """The project of that slug, with its co-pilot, for the person who is asking, with their `permissions` in it.

    A project that was renamed is led on to. Raises `LoginNeeded` for a visitor where a permission is asked for, `NotFound` for an unknown project and,
    as the specification has it, for a person who may not create workspaces, `Denied` with the rule's sentence.
    """
    _visitor_stops(permission)
    rows = Project.select(Project, User, _own_roles(Project.id, current_user.id), _orgs(Project.id))
    rows = rows.join(User, JOIN.LEFT_OUTER, on=(Project.copilot == User.id))
    project = rows.where(Project.slug == slug).first() or _renamed(f"There is no project {slug}.")
    _know(project)
    _stop(permission, project.permissions, hidden=("workspace_create",))
    return project


def workspace_or_stop(name: str, permission: str = ANYONE) -> Workspace:
    """The workspace of that name, its project and its repository, for the person who is asking.

    Raises `LoginNeeded` for a visitor where a permission is asked for, `NotFound` for an unknown workspace and
    for what one may not know of (running jobs, outputs), `Denied` with the rule's sentence for the rest.
    """
    _visitor_stops(permission)
    workspace = _workspace(name) or _elsewhere(name)
    _know(workspace)
    _stop(
        permission, workspace.permissions, hidden=("job_run", "unreleased_outputs_view", "release_file_view")
    )
    return workspace


def _workspace(name: str) -> Workspace | None:
    """The workspace of that name, its project and repository, with what `_know` reads."""
    row = _WORKSPACE.run(name=name, person=current_user.id).fetchone()
    if row is None:
        return None
    tables, columns = (Workspace, Project, Repo), iter(row)
    found, found.project, found.repo = (  # each takes its columns
        stored(one, tuple(islice(columns, len(one._meta.sorted_fields)))) for one in tables
    )
    found.own_roles, found.orgs_as_json = columns
    return found


_WORKSPACE = Prepared(
    lambda: (
        workspaces()
        .select_extend(_own_roles(Workspace.project, place("person")), _orgs(Workspace.project))
        .where(Workspace.name == place("name"))
    )
)
"""Half of all pages begin with this query."""


def _own_roles(project: Field, person: Any) -> ModelSelect:
    """The roles of a person in the project that is read, null where they do not belong to it."""
    mine = (ProjectMembership.project == project) & (ProjectMembership.user == person)
    return ProjectMembership.select(ProjectMembership.roles).where(mine).alias("own_roles")


def _orgs(project: Field) -> ModelSelect:
    """Slug and name of each organisation of the project that is read, the lead first, as JSON."""
    rows = Organisation.select(Organisation.slug, Organisation.name).join(ProjectCollaboration)
    rows = rows.where(ProjectCollaboration.project == project)
    rows = rows.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    one = fn.json_object(SQL("'slug'"), rows.c.slug, SQL("'name'"), rows.c.name)
    return Organisation.select(fn.json_group_array(one)).from_(rows).alias("orgs_as_json")


def _know(thing: Project | Workspace) -> None:
    """Note on the thing what the person who is asking may do with it, and whether they belong to its project; and
    whose project it is."""
    thing.orgs = json.loads(thing.orgs_as_json)
    if not current_user.is_authenticated:
        return
    roles = ProjectMembership.roles.python_value(thing.own_roles)
    thing.is_member = roles is not None
    thing.own_permissions = permissions_of(roles or ())
    thing.permissions = current_user.permissions | thing.own_permissions


def _membership(person: User | AnonymousPerson, project: Project | int) -> ProjectMembership | None:
    return ProjectMembership.get_or_none(project=project, user=person.id)


def _elsewhere(name: str) -> NoReturn:
    """No workspace has this name: the page of a project of old moved for good, anything else is not found."""
    reads = request.method in ("GET", "HEAD")
    path = moved_to(name, request.path.removeprefix(f"/{name}/")) if reads else None
    if path is not None:
        raise MovedForGood(path)
    raise NotFound(f"There is no workspace {name}.")


def _renamed(otherwise: str) -> NoReturn:
    """Nothing has this address: on to where what had it is now, else not found."""
    path = redirects.target_of(request.path) if request.method in ("GET", "HEAD") else None
    if path is not None:
        raise MovedForGood(path)
    raise NotFound(otherwise)


def _visitor_stops(permission: str) -> None:
    if permission != ANYONE:
        login_needed()


def _stop(permission: str, held: frozenset[str], *, hidden: Sequence[str]) -> None:
    if permission == ANYONE:
        return
    why_not = why_not_permitted(permission, held)
    if why_not and permission in hidden:
        raise NotFound(why_not)
    require(why_not)
    granted(permission)


def why_not_here() -> str | None:
    """Why nothing of projects and workspaces is changed on this side, as a sentence; None where it is."""
    if current().public:
        return None
    where = current().public_url
    return f"This is done on the public side: {where}" if where else "This is done on the public side."


def why_not_run(by: User, workspace: Workspace) -> str | None:
    """Why this person may not run jobs in a workspace that was loaded for them: by state, roles, backends."""
    backends = backends_of(by) if "job_run" in workspace.permissions else ()
    return why_not_run_jobs(
        workspace.permissions, is_archived=workspace.is_archived, has_backend=bool(backends)
    )


def workspaces() -> ModelSelect:
    """All workspaces with project and repository in the same query."""
    return Workspace.select(Workspace, Project, Repo).join_from(Workspace, Project).join_from(Workspace, Repo)
