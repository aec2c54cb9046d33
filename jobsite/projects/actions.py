"""What is done to organisations, projects and their members: each verb one transaction and one event.

`by` is a person, or "system" for a command of the machine's owner. Roles count from the next request on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import ModelSelect, fn

from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.accounts.rules import PROJECT, why_not_roles
from jobsite.core.clock import now, wire
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
from jobsite.projects.redirects import moved, settled
from jobsite.projects.rules import (
    LONGEST_DESCRIPTION,
    slug_of,
    tidy,
    why_not_category,
    why_not_copilot,
    why_not_github_org,
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
        problems = _org_problems(None, name, slug, description)
        refuse(**{**problems, "name": problems["name"] or why_not_slug(slug)})
        org = Organisation.create(name=name, slug=slug, description=description, created_by=username_of(by))
        settled(f"/orgs/{slug}/")
        record("org:added", by=username_of(by), subject=f"org:{slug}", name=name)
    return org


def edit_organisation(
    *,
    by: User | str,
    org: Organisation,
    name: str,
    slug: str,
    description: str = "",
    github_orgs: Sequence[str] = (),
    is_internal: bool = False,
) -> Organisation:
    """Change the facts of an organisation. Its old address leads to the new one for a year.

    `github_orgs` are owners of repositories at GitHub. Raises `Invalid` with the field's sentence, `Denied`.
    """
    name, slug, description = name.strip(), slug.strip(), tidy(description)
    owners = list(dict.fromkeys(owner.strip() for owner in github_orgs if owner.strip()))
    with writing():
        require(why_not_permitted("org_create", permissions_everywhere(by)))
        owners_wrong = next(filter(None, map(why_not_github_org, owners)), None)
        refuse(**_org_problems(org, name, slug, description), github_orgs=owners_wrong)
        before = Organisation.get_by_id(org.id)
        change: dict[str, Any] = {"name": name, "slug": slug, "description": description}
        change |= {"github_orgs": owners, "is_internal": is_internal}
        changed_one(
            Organisation.update(**change).where(Organisation.id == org.id),
            "This organisation is no longer there.",
        )
        moved(by=by, old=f"/orgs/{before.slug}/", new=f"/orgs/{slug}/", organisation=org)
        record("org:edited", by=username_of(by), subject=f"org:{slug}", **_differences(before, change))
    return Organisation.get_by_id(org.id)


def add_project(
    *,
    by: User | str,
    name: str,
    orgs: Sequence[Organisation],
    number: str = "",
    slug: str = "",
    copilot: User | None = None,
    category: str = "unknown",
) -> Project:
    """Add a project of these organisations, the first of which leads it; `number` may be left empty.

    A person gives a project with a POS- number a co-pilot; a command may leave it for later. Raises `Invalid` with
    the field's sentence (also when name, slug or number is taken), `Denied`.
    """
    name, number = name.strip(), number.strip()
    slug = slug.strip() or slug_of(name)
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        problems = _project_problems(None, name, slug, number, orgs)
        problems["name"] = problems["name"] or why_not_slug(slug)
        refuse(**problems, copilot=_why_not_copilot(by, copilot, number), category=why_not_category(category))
        who = username_of(by)
        facts = {
            "name": name,
            "slug": slug,
            "number": number or None,
            "copilot": copilot,
            "category": category,
        }
        project = Project.create(**facts, created_by=who, updated_by=who)
        _set_orgs(project, orgs)
        settled(f"/projects/{slug}/")
        record("project:added", by=who, subject=f"project:{slug}", name=name, orgs=[org.slug for org in orgs])
    return project


def edit_project_details(
    *,
    by: User | str,
    project: Project,
    name: str,
    slug: str,
    number: str,
    orgs: Sequence[Organisation],
    copilot: User | None = None,
    copilot_support_ends_at: datetime | None = None,
    copilot_notes: str = "",
    category: str = "unknown",
) -> Project:
    """Change what staff keep of a project; the first organisation leads. Its old address leads on for a year.

    `copilot_support_ends_at` is naive UTC. Raises `Invalid` with the field's sentence, `Denied`.
    """
    name, slug, number, copilot_notes = name.strip(), slug.strip(), number.strip(), tidy(copilot_notes)
    with writing():
        require(why_not_permitted("project_create", permissions_everywhere(by)))
        refuse(
            **_project_problems(project, name, slug, number, orgs),
            copilot=_why_not_copilot(by, copilot, number),
            copilot_notes=why_not_text(copilot_notes, LONGEST_DESCRIPTION),
            category=why_not_category(category),
        )
        before = Project.get_by_id(project.id)
        who = username_of(by)
        change: dict[str, Any] = {"name": name, "slug": slug, "number": number or None, "copilot": copilot}
        change |= {"copilot_support_ends_at": copilot_support_ends_at, "copilot_notes": copilot_notes}
        change |= {"category": category}
        query = Project.update(**change, updated_at=now(), updated_by=who)
        changed_one(query.where(Project.id == project.id), "This project is no longer there.")
        orgs_before = _set_orgs(project, orgs)
        moved(by=by, old=f"/projects/{before.slug}/", new=f"/projects/{slug}/", project=project)
        facts = _differences(before, change, secret=("copilot_notes",))
        facts["orgs"] = {"before": orgs_before, "after": [org.slug for org in orgs]}
        record("project:details", by=who, subject=f"project:{slug}", **facts)
    return Project.get_by_id(project.id)


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


def add_members(
    *, by: User | str, project: Project, users: Sequence[User], roles: Sequence[str] = ()
) -> list[ProjectMembership]:
    """Make several people members of a project with the same roles: all of them, or none.

    Raises `Invalid` for nobody, for somebody who is a member already and for a name that is no project role, `Denied`.
    """
    with writing():
        require(why_not_permitted("user_edit_project_roles", permissions_in(by, project)))
        wanted = ProjectMembership.user.in_([user.id for user in users])
        known = ProjectMembership.select(ProjectMembership, User).join(User)
        known = known.where(ProjectMembership.project == project, wanted).order_by(User.username)
        already = [row.user.username for row in known]
        refuse(
            users=f"Already a member of {project.name}: {', '.join(already)}."
            if already
            else None
            if users
            else "Name the people to add.",
            roles=why_not_roles(roles, PROJECT),
        )
        people = {user.id: user for user in users}.values()
        return [add_member(by=by, project=project, user=user, roles=roles) for user in people]


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


def _org_problems(org: Organisation | None, name: str, slug: str, description: str) -> dict[str, str | None]:
    """What is wrong with the facts of a new organisation (None), or of this one, by field."""
    others = Organisation.select() if org is None else Organisation.select().where(Organisation.id != org.id)
    return {
        "name": why_not_name(name, "organisation")
        or _taken(
            others.where(fn.LOWER(Organisation.name) == name.lower()),
            f"There is already an organisation {name}.",
        ),
        "slug": None
        if not (name or slug)  # the missing name says it
        else why_not_slug(slug)
        or _taken(others.where(Organisation.slug == slug), f"The slug {slug} is taken: give another."),
        "description": why_not_text(description, LONGEST_DESCRIPTION),
    }


def _project_problems(
    project: Project | None, name: str, slug: str, number: str, orgs: Sequence[Organisation]
) -> dict[str, str | None]:
    """What is wrong with the facts of a new project (None), or of this one, by field."""
    others = Project.select() if project is None else Project.select().where(Project.id != project.id)
    return {
        "name": why_not_name(name, "project")
        or _taken(
            others.where(fn.LOWER(Project.name) == name.lower()), f"There is already a project {name}."
        ),
        "slug": why_not_slug(slug)
        or _taken(others.where(Project.slug == slug), f"The slug {slug} is taken: give another."),
        "number": (
            why_not_number(number)
            or _taken(others.where(Project.number == number), f"The number {number} is taken.")
        )
        if number
        else None,
        "org": None if orgs else "Name the organisation the project belongs to.",
    }


def _why_not_copilot(by: User | str, copilot: User | None, number: str) -> str | None:
    if copilot is None and isinstance(by, str):
        return None
    return why_not_copilot(copilot.permissions if copilot else None, number)


def _set_orgs(project: Project, orgs: Sequence[Organisation]) -> list[str]:
    """Let exactly these organisations take part, the first leading; the slugs of those that did, the lead first."""
    rows = ProjectCollaboration.select(ProjectCollaboration, Organisation).join(Organisation)
    rows = rows.where(ProjectCollaboration.project == project)
    before = [
        row.org.slug for row in rows.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    ]
    wanted = {org.id: org for org in orgs}
    if before != [org.slug for org in wanted.values()]:
        ProjectCollaboration.delete().where(ProjectCollaboration.project == project).execute()
        for position, org in enumerate(wanted.values()):
            ProjectCollaboration.create(org=org, project=project, is_lead=position == 0)
    return before


def _differences(
    before: Organisation | Project, change: dict[str, Any], secret: Sequence[str] = ()
) -> dict[str, Any]:
    """The fields that change, each before and after; of a `secret` one only that it changed."""
    found: dict[str, Any] = {}
    for field, after in change.items():
        was = getattr(before, field)
        if was != after:
            found[field] = "changed" if field in secret else {"before": _plain(was), "after": _plain(after)}
    return found


def _plain(value: object) -> object:
    """A value as an event holds it: a person by name, a time as text."""
    if isinstance(value, User):
        return value.username
    return wire(value) if isinstance(value, datetime) else value


def _taken(rows: ModelSelect, sentence: str) -> str | None:
    return sentence if rows.exists() else None


def _no_member(project: Project, user: User) -> str:
    return f"{user.username} is not a member of {project.name}."


def _tell(event: str, by: User | str, project: Project, user: User, **facts: object) -> None:
    record(event, by=username_of(by), subject=f"project:{project.slug}", user=user.username, **facts)
