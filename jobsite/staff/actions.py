"""What staff do in one go: verbs of other rooms, all of them or none."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from jobsite.accounts.actions import set_roles
from jobsite.accounts.backends import add_backend_member, remove_backend_member
from jobsite.accounts.models import Backend, BackendMembership, User
from jobsite.core.db import writing
from jobsite.core.errors import refuse, require
from jobsite.projects.actions import (
    add_org_member,
    remove_org_member,
    set_member_roles,
)
from jobsite.projects.models import Organisation, OrgMembership, Project, ProjectMembership, Workspace
from jobsite.projects.rules import tidy
from jobsite.projects.workspaces import edit_workspace, move_workspace, set_archived
from jobsite.staff.rules import why_not_clear

Thing = TypeVar("Thing")


def clear_all_roles(*, by: User, user: User) -> int:
    """Take all roles from a person, everywhere and in every project; memberships stay. Gives how many places that were.

    Raises `Denied` with the sentence of `why_not_clear`, before anything has changed.
    """
    with writing():
        rows = ProjectMembership.select(ProjectMembership, Project).join(Project)
        held = [row for row in rows.where(ProjectMembership.user == user) if row.roles]
        require(why_not_clear(has_project_roles=bool(held), permissions=by.permissions))
        for row in held:
            set_member_roles(by=by, project=row.project, user=user, roles=[])
        if user.roles:
            set_roles(by=by, user=user, roles=[])
    return len(held) + bool(user.roles)


def set_backends(*, by: User, user: User, slugs: Collection[str]) -> int:
    """Make a person a member of exactly these backends; gives how many memberships changed."""
    with writing():
        mine = BackendMembership.select(BackendMembership.backend).where(BackendMembership.user == user)
        before = {backend.slug: backend for backend in Backend.select().where(Backend.id.in_(mine))}
        wanted = {backend.slug: backend for backend in Backend.select().where(Backend.slug.in_(list(slugs)))}
        for backend in _beyond(wanted, before):
            add_backend_member(by=by, backend=backend, user=user)
        for backend in _beyond(before, wanted):
            remove_backend_member(by=by, backend=backend, user=user)
    return len(before.keys() ^ wanted.keys())


def set_organisations(*, by: User, user: User, slugs: Collection[str]) -> int:
    """Make a person belong to exactly these organisations; gives how many memberships changed."""
    with writing():
        mine = OrgMembership.select(OrgMembership.org).where(OrgMembership.user == user)
        before = {org.slug: org for org in Organisation.select().where(Organisation.id.in_(mine))}
        wanted = {org.slug: org for org in Organisation.select().where(Organisation.slug.in_(list(slugs)))}
        for org in _beyond(wanted, before):
            add_org_member(by=by, org=org, user=user)
        for org in _beyond(before, wanted):
            remove_org_member(by=by, org=org, user=user)
    return len(before.keys() ^ wanted.keys())


def add_each(users: Sequence[User], add: Callable[[User], None]) -> None:
    """Add several people with one verb: all of them, or with a refusal none. Raises `Invalid` for nobody."""
    refuse(users=None if users else "Choose at least one person.")
    with writing():
        for user in users:
            add(user)


def edit_whole_workspace(
    *, by: User, workspace: Workspace, project: Project, purpose: str, is_archived: bool
) -> None:
    """Give a workspace this project, purpose and standing; only what differs is changed, each by its own verb."""
    with writing():
        if project != workspace.project:
            move_workspace(by=by, workspace=workspace, project=project)
        if tidy(purpose) != workspace.purpose:
            edit_workspace(by=by, workspace=workspace, purpose=purpose)
        if is_archived != workspace.is_archived:
            set_archived(by=by, workspace=workspace, is_archived=is_archived)


def _beyond(some: dict[str, Thing], others: dict[str, Thing]) -> list[Thing]:
    return [some[slug] for slug in sorted(some.keys() - others.keys())]
