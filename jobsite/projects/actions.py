"""What is done to organisations, projects and their members: each verb one transaction and one event.

`by` is a person, or "system" for a command of the machine's owner. Roles count from the next request on.
"""

from collections.abc import Sequence

from peewee import ModelSelect, fn

from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.accounts.rules import PROJECT, why_not_roles
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Conflict, refuse, require
from jobsite.core.events import record
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectCollaboration,
    ProjectMembership,
)
from jobsite.projects.queries import permissions_in
from jobsite.projects.rules import (
    LONGEST_DESCRIPTION,
    slug_of,
    tidy,
    why_not_markdown,
    why_not_name,
    why_not_number,
    why_not_permitted,
    why_not_slug,
    why_not_status,
    why_not_text,
)


def add_organisation(*, by: User | str, name: str, slug: str = "", description: str = "") -> Organisation:
    """Add an organisation; its slug is made from the name where none is given.

    Raises `Invalid` with the field's sentence (also when name or slug is taken), `Denied`.
    """
    name, description = name.strip(), tidy(description)
    slug = slug.strip() or slug_of(name)
    with writing():
        require(why_not_permitted("org_create", permissions_everywhere(by)))
        why_no_slug = why_not_slug(slug)
        refuse(
            name=why_not_name(name, "organisation")
            or _taken(
                Organisation.select().where(fn.LOWER(Organisation.name) == name.lower()),
                f"There is already an organisation {name}.",
            )
            or why_no_slug,
            slug=why_no_slug
            or _taken(
                Organisation.select().where(Organisation.slug == slug),
                f"The slug {slug} is taken: give another.",
            ),
            description=why_not_text(description, LONGEST_DESCRIPTION),
        )
        org = Organisation.create(name=name, slug=slug, description=description, created_by=username_of(by))
        record("org:added", by=username_of(by), subject=f"org:{slug}", name=name)
    return org


def add_project(
    *, by: User | str, name: str, orgs: Sequence[Organisation], number: str = "", slug: str = ""
) -> Project:
    """Add a project of these organisations, the first of which leads it; `number` may be left empty.

    Raises `Invalid` with the field's sentence (also when name, slug or number is taken), `Denied`.
    """
    name, number = name.strip(), number.strip()
    slug = slug.strip() or slug_of(name)
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        why_no_slug = why_not_slug(slug)
        refuse(
            name=why_not_name(name, "project")
            or _taken(
                Project.select().where(fn.LOWER(Project.name) == name.lower()),
                f"There is already a project {name}.",
            )
            or why_no_slug,
            slug=why_no_slug
            or _taken(
                Project.select().where(Project.slug == slug), f"The slug {slug} is taken: give another."
            ),
            number=(
                why_not_number(number)
                or _taken(Project.select().where(Project.number == number), f"The number {number} is taken.")
            )
            if number
            else None,
            org=None if orgs else "Name the organisation the project belongs to.",
        )
        who = username_of(by)
        project = Project.create(name=name, slug=slug, number=number or None, created_by=who, updated_by=who)
        for position, org in enumerate(orgs):
            ProjectCollaboration.create(org=org, project=project, is_lead=position == 0)
        record("project:added", by=who, subject=f"project:{slug}", name=name, orgs=[org.slug for org in orgs])
    return project


def edit_project(*, by: User | str, project: Project, status: str, description: str) -> Project:
    """Change status and description (Markdown) of a project. Raises `Invalid`, `Denied`."""
    description = tidy(description)
    with writing():
        require(why_not_permitted("project_manage", permissions_in(by, project)))
        refuse(status=why_not_status(status), status_description=why_not_markdown(description))
        before = Project.get_by_id(project.id)
        change = {
            Project.status: status,
            Project.status_description: description,
            Project.updated_at: now(),
            Project.updated_by: username_of(by),
        }
        changed_one(
            Project.update(change).where(Project.id == project.id), "This project is no longer there."
        )
        facts = {
            "before": before.status,
            "after": status,
            "described": description != before.status_description,
        }
        record("project:edited", by=username_of(by), subject=f"project:{project.slug}", **facts)
    return Project.get_by_id(project.id)


def add_member(
    *, by: User | str, project: Project, user: User, roles: Sequence[str] = ()
) -> ProjectMembership:
    """Make a person a member of a project, with these project roles.

    Raises `Conflict` for a member, `Invalid` for a name that is no project role, `Denied`.
    """
    with writing():
        require(why_not_permitted("user_edit_project_roles", permissions_in(by, project)))
        refuse(roles=why_not_roles(roles, PROJECT))
        if ProjectMembership.get_or_none(project=project, user=user):
            raise Conflict(f"{user.username} is already a member of {project.name}.")
        membership = ProjectMembership.create(
            project=project, user=user, roles=list(dict.fromkeys(roles)), created_by=username_of(by)
        )
        _tell("member:added", by, project, user, roles=membership.roles)
    return membership


def set_member_roles(*, by: User | str, project: Project, user: User, roles: Sequence[str]) -> None:
    """Give a member exactly these roles in a project. Raises `Conflict` for no member, `Invalid`, `Denied`."""
    with writing():
        require(why_not_permitted("user_edit_project_roles", permissions_in(by, project)))
        refuse(roles=why_not_roles(roles, PROJECT))
        membership = ProjectMembership.get_or_none(project=project, user=user)
        after = list(dict.fromkeys(roles))
        mine = (ProjectMembership.project == project) & (ProjectMembership.user == user)
        changed_one(ProjectMembership.update(roles=after).where(mine), _no_member(project, user))
        _tell("member:roles", by, project, user, before=membership.roles, after=after)


def remove_member(*, by: User | str, project: Project, user: User) -> None:
    """End a person's membership of a project, with all roles in it. Raises `Conflict` for no member, `Denied`."""
    with writing():
        require(why_not_permitted("user_edit_project_roles", permissions_in(by, project)))
        mine = (ProjectMembership.project == project) & (ProjectMembership.user == user)
        changed_one(ProjectMembership.delete().where(mine), _no_member(project, user))
        _tell("member:removed", by, project, user)


def add_org_member(*, by: User | str, org: Organisation, user: User) -> None:
    """Note that a person belongs to an organisation. Raises `Conflict` when noted already, `Denied`."""
    with writing():
        require(why_not_permitted("org_create", permissions_everywhere(by)))
        if OrgMembership.get_or_none(org=org, user=user):
            raise Conflict(f"{user.username} already belongs to {org.name}.")
        OrgMembership.create(org=org, user=user, created_by=username_of(by))
        record("org:member-added", by=username_of(by), subject=f"org:{org.slug}", user=user.username)


def remove_org_member(*, by: User | str, org: Organisation, user: User) -> None:
    """Note that a person no longer belongs to an organisation. Raises `Conflict` when they do not, `Denied`."""
    with writing():
        require(why_not_permitted("org_create", permissions_everywhere(by)))
        mine = (OrgMembership.org == org) & (OrgMembership.user == user)
        changed_one(OrgMembership.delete().where(mine), f"{user.username} does not belong to {org.name}.")
        record("org:member-removed", by=username_of(by), subject=f"org:{org.slug}", user=user.username)


def _taken(rows: ModelSelect, sentence: str) -> str | None:
    return sentence if rows.exists() else None


def _no_member(project: Project, user: User) -> str:
    return f"{user.username} is not a member of {project.name}."


def _tell(event: str, by: User | str, project: Project, user: User, **facts: object) -> None:
    record(event, by=username_of(by), subject=f"project:{project.slug}", user=user.username, **facts)
