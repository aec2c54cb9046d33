"""Storing what the public side says of a person: the rows kept here are replaced whole.

Only projects and workspaces that job requests have brought here are known; of others there is nothing to look at.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from peewee import fn

from jobsite.accounts.mirror import mirrored_person
from jobsite.accounts.models import User
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.projects.models import (
    Organisation,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Workspace,
)
from jobsite.projects.queries import workspaces
from jobsite.projects.rules import slug_of, why_not_name
from jobsite.projects.workspaces import set_archived
from jobsite.releases.requests.standing import ONGOING
from jobsite.sync.link_models import Confirmation
from jobsite.sync.user_object import PersonThere, WorkspaceSeen

NOT_ONGOING = "postponed"
"""What a project counts as here that is not ongoing: the public side does not say in which way."""


def store(there: PersonThere, *, asked_at: datetime) -> User:
    """The person with everything the public side said of them. An event for each change, none for none.

    They count as confirmed at `asked_at`: an answer may be as old as its question. Raises `Invalid` for what cannot be a
    username.
    """
    with writing():
        here = _known((*there.workspaces, *there.copiloted))
        for name, seen in {**there.copiloted, **there.workspaces}.items():
            if name in here:
                _note(here[name], seen)
        before = User.get_or_none(fn.LOWER(User.username) == there.username.lower())
        roles = there.everywhere(before.roles if before else ())
        person = mirrored_person(username=there.username, fullname=there.fullname, roles=roles)
        _set_memberships(person, there, _projects(here, there.workspaces))
        _set_copiloted(person, _projects(here, there.copiloted))
        _confirm(person, asked_at)
    return person


def forget(person: User) -> None:
    """Take away every part in projects, and the confirmation, of a person who is refused."""
    with writing():
        _set_copiloted(person, {})
        ProjectMembership.delete().where(ProjectMembership.user == person).execute()
        Confirmation.delete().where(Confirmation.user == person).execute()


def _known(names: Iterable[str]) -> dict[str, Workspace]:
    return {found.name: found for found in workspaces().where(Workspace.name.in_(list(names)))}


def _projects(here: Mapping[str, Workspace], names: Iterable[str]) -> dict[int, Project]:
    return {here[name].project.id: here[name].project for name in names if name in here}


def _note(workspace: Workspace, seen: WorkspaceSeen) -> None:
    """Bring workspace, project and organisations up to date."""
    if workspace.is_archived != seen.is_archived:
        set_archived(by=SYSTEM, workspace=workspace, is_archived=seen.is_archived)
    project, changed = workspace.project, {}
    if (project.status in ONGOING) != seen.is_ongoing:
        changed["status"] = ONGOING[0] if seen.is_ongoing else NOT_ONGOING
    others = Project.select().where(Project.id != project.id)
    taken = others.where(fn.LOWER(Project.name) == seen.project.lower()).exists()
    if project.name != seen.project and not taken and why_not_name(seen.project, "project") is None:
        changed["name"] = seen.project
    _change(project, changed)
    for name in seen.orgs:
        _name_org(project, name)


def _change(project: Project, changed: Mapping[str, str]) -> None:
    if changed:
        Project.update({**changed, "updated_at": now()}).where(Project.id == project.id).execute()
        record("project:mirrored", by=SYSTEM, subject=f"project:{project.slug}", **changed)


def _name_org(project: Project, name: str) -> None:
    """Give an organisation of the project, of which only the slug was known, the name that this slug is made from."""
    its = ProjectCollaboration.select(ProjectCollaboration.org).where(ProjectCollaboration.project == project)
    nameless = (Organisation.slug == slug_of(name)) & (Organisation.name == Organisation.slug)
    taken = Organisation.select().where(fn.LOWER(Organisation.name) == name.lower(), ~nameless)
    if why_not_name(name, "organisation") is None and not taken.exists():
        Organisation.update(name=name).where(Organisation.id.in_(its), nameless).execute()


def _set_memberships(person: User, there: PersonThere, developed: Mapping[int, Project]) -> None:
    """Make exactly these the parts that the person has in projects."""
    rows = ProjectMembership.select(ProjectMembership, Project).join(Project)
    held = {row.project.id: row for row in rows.where(ProjectMembership.user == person)}
    said = (there.roles.projects or {}) if there.roles else {}
    named = {found.id: found for found in Project.select().where(Project.slug.in_(list(said)))}
    for key, project in {**{key: row.project for key, row in held.items()}, **named, **developed}.items():
        before = held[key].roles if key in held else None
        after = there.in_project(project.slug, before or (), develops=key in developed)
        if after != (before or []) or (not after and before is not None):
            _set_roles(person, project, before, after)


def _set_roles(person: User, project: Project, before: list[str] | None, after: list[str]) -> None:
    mine = (ProjectMembership.user == person) & (ProjectMembership.project == project)
    if not after:
        ProjectMembership.delete().where(mine).execute()
    elif before is None:
        ProjectMembership.create(user=person, project=project, roles=after, created_by=SYSTEM)
    else:
        ProjectMembership.update(roles=after).where(mine).execute()
    facts = {"user": person.username, "before": before or [], "after": after}
    record("member:mirrored", by=SYSTEM, subject=f"project:{project.slug}", **facts)


def _set_copiloted(person: User, projects: Mapping[int, Project]) -> None:
    """Make exactly these the projects that the person looks after."""
    kept = list(projects)
    gone = (Project.copilot == person) & Project.id.not_in(kept)
    Project.update(copilot=None).where(gone).execute()
    for project in projects.values():
        if project.copilot_id != person.id:
            Project.update(copilot=person).where(Project.id == project.id).execute()
            facts = {"copilot": person.username}
            record("project:mirrored", by=SYSTEM, subject=f"project:{project.slug}", **facts)


def _confirm(person: User, asked_at: datetime) -> None:
    mine = Confirmation.user == person
    if not Confirmation.update(confirmed_at=asked_at).where(mine).execute():
        Confirmation.create(user=person, confirmed_at=asked_at)
