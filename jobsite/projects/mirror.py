"""What a secure side learns of a workspace from a job request: the rows that say whose it is and where its code lies.

The public side decides all of it; here is a copy, so that jobs can run and people can look while it is away. The one thing
that is never taken over is another repository for a workspace that is there: its files here belong to the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_named
from jobsite.accounts.rules import SYSTEM, why_not_username
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Invalid, refuse
from jobsite.core.events import record
from jobsite.projects.models import Organisation, Project, ProjectCollaboration, Repo, Workspace
from jobsite.projects.repositories import LONGEST_REF
from jobsite.projects.rules import LONGEST_NAME, why_not_slug, why_not_workspace_name
from jobsite.projects.workspaces import normal

LONGEST_ADDRESS = 255


@dataclass(frozen=True)
class WorkspaceThere:
    """A workspace as the public side tells of it: `project` and `orgs`, the lead first, are slugs."""

    name: str
    repo: str
    branch: str
    created_by: str
    created_at: datetime
    project: str
    orgs: tuple[str, ...]


def mirrored(there: WorkspaceThere) -> Workspace:
    """The workspace here, made or brought up to date, with its project and that project's organisations.

    Raises `Invalid` for what cannot be a name, and for a workspace whose repository or branch here is another one.
    """
    _check(there)
    with writing():
        project, changed = _project(there.project)
        changed |= _has_orgs(project, there.orgs)
        found = Workspace.get_or_none(Workspace.name == there.name)
        if found is None:
            found, changed = _workspace(there, project), True
        elif (found.repo.url, found.branch) != (normal(there.repo), there.branch):
            raise Invalid(
                {"workspace": f"The workspace {there.name} is here with another repository or branch."}
            )
        elif found.project_id != project.id:
            Workspace.update(project=project, updated_at=now()).where(Workspace.id == found.id).execute()
            changed = True
        if changed:
            facts = {"project": project.slug, "repo": found.repo.url, "branch": found.branch}
            record("workspace:mirrored", by=SYSTEM, subject=f"workspace:{found.name}", **facts)
        return Workspace.get_by_id(found.id)


def mirrored_username(username: str) -> User:
    """The person of that username, who becomes known here by nothing else if nobody knew them. Raises `Invalid`."""
    refuse(created_by=why_not_username(username))
    with writing():
        if (known := user_named(username)) is not None:
            return known
        record("user:mirrored", by=SYSTEM, subject=f"user:{username}")
        return User.create(username=username, fullname=username, date_joined=now(), created_by=SYSTEM)


def _check(there: WorkspaceThere) -> None:
    slugs = (there.project, *there.orgs)
    branch = there.branch
    refuse(
        workspace=why_not_workspace_name(there.name),
        project=next((why for slug in slugs if (why := why_not_slug(slug))), None),
        repo="The address of the repository is too long." if len(there.repo) > LONGEST_ADDRESS else None,
        branch=None if branch.isprintable() and 0 < len(branch) <= LONGEST_REF else "This is no branch.",
    )


def _project(slug: str) -> tuple[Project, bool]:
    """The project of that slug, and whether it is new. Its name is known when one of its people has logged in."""
    found = Project.get_or_none(Project.slug == slug)
    if found is not None:
        return found, False
    name = slug[:LONGEST_NAME]
    if Project.select().where(Project.name == name).exists():
        name = f"{name[: LONGEST_NAME - 10]} (by slug)"
    return Project.create(name=name, slug=slug, created_by=SYSTEM, updated_by=SYSTEM), True


def _has_orgs(project: Project, slugs: Sequence[str]) -> bool:
    """Make these the organisations of the project, the first of them the lead; whether that changed anything."""
    rows = ProjectCollaboration.select(ProjectCollaboration, Organisation).join(Organisation)
    rows = rows.where(ProjectCollaboration.project == project).order_by(ProjectCollaboration.is_lead.desc())
    present = [(row.org.slug, row.is_lead) for row in rows]
    wanted = [(slug, place == 0) for place, slug in enumerate(dict.fromkeys(slugs))]
    if sorted(present) == sorted(wanted):
        return False
    ProjectCollaboration.delete().where(ProjectCollaboration.project == project).execute()
    for slug, is_lead in wanted:
        ProjectCollaboration.create(org=_org(slug), project=project, is_lead=is_lead)
    return True


def _org(slug: str) -> Organisation:
    found = Organisation.get_or_none(Organisation.slug == slug)
    return found or Organisation.create(name=slug[:LONGEST_NAME], slug=slug, created_by=SYSTEM)


def _workspace(there: WorkspaceThere, project: Project) -> Workspace:
    repo, _ = Repo.get_or_create(url=normal(there.repo))
    who = there.created_by  # a name, or "system" for what a command made: nobody who has to be known here
    return Workspace.create(
        name=there.name,
        project=project,
        repo=repo,
        branch=there.branch,
        created_at=there.created_at,
        created_by=who,
        updated_by=who,
    )
