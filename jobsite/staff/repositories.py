"""What staff read of repositories of study code: lists with filters, and one whole.

Each function asks one query, where its docstring says nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, ModelSelect, fn

from jobsite.accounts.models import User
from jobsite.core.db import LARGEST_ID, with_words
from jobsite.core.errors import NotFound
from jobsite.jobs.models import JobRequest
from jobsite.projects.models import (
    Organisation,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Repo,
    Workspace,
)
from jobsite.staff.dashboards import first_run, months_before

MOST = 100
MONTHS_ALLOWED = 12
"""How long after its first run a repository may be private (specification, 7.12)."""

SIGHTS = {"private": "Private", "public": "Public", "unknown": "Not known"}
OUTPUTS = {"yes": "On GitHub", "no": "Not on GitHub"}


@dataclass(frozen=True)
class Whole:
    """A repository with what staff have to know before they sign it off.

    `spaces` are its workspaces with their projects and co-pilots; `people` the members of those projects, each with
    their roles by project: `MOST` of each, with `more` when there are others. `contacts` are who made the workspaces, and the co-pilots, as usernames.
    """

    repo: Repo
    spaces: list[Workspace]
    people: list[ProjectMembership]
    first_run: datetime | None
    more: bool

    @property
    def contacts(self) -> list[str]:
        """Whom to write to: who made its workspaces, and the co-pilots."""
        guides = [space.project.copilot.username for space in self.spaces if space.project.copilot_id]
        return sorted({*(space.created_by for space in self.spaces), *guides} - {"system"})

    @property
    def public_by(self) -> datetime | None:
        """When it has to be public: 12 months after its first run; None before that."""
        return months_before(self.first_run, -MONTHS_ALLOWED) if self.first_run else None


def found(text: str, *, sight: str = "", outputs: str = "", org: str = "") -> ModelSelect:
    """The repositories whose address contains every word, each with `spaces` and `first_run`, by address."""
    spaces = Workspace.select(fn.COUNT(Workspace.id)).where(Workspace.repo == Repo.id)
    rows = Repo.select(Repo, spaces.alias("spaces"), first_run()).order_by(fn.LOWER(Repo.url))
    rows = with_words(rows, text, Repo.url)
    if sight in SIGHTS:
        wanted: Any = {
            "private": Repo.is_private,
            "public": ~Repo.is_private,
            "unknown": Repo.is_private.is_null(),
        }
        rows = rows.where(wanted[sight])
    if outputs in OUTPUTS:
        rows = rows.where(Repo.has_github_outputs == (outputs == "yes"))
    if org:
        theirs = ProjectCollaboration.select(ProjectCollaboration.project).join(Organisation)
        used = Workspace.select(Workspace.repo).where(
            Workspace.project.in_(theirs.where(Organisation.slug == org))
        )
        rows = rows.where(Repo.id.in_(used))
    return rows.objects()


def whole(number: int) -> Whole:
    """The repository of that number with all that belongs to it. Four queries. Raises `NotFound`."""
    repo = Repo.get_or_none(Repo.id == number) if number < LARGEST_ID else None
    if repo is None:
        raise NotFound("There is no such repository.")
    guide = User.alias()
    shown = (
        Workspace.name,
        Workspace.branch,
        Workspace.purpose,
        Workspace.signed_off_at,
        Workspace.created_by,
    )
    of_project = (Project.id, Project.name, Project.slug, Project.number, Project.copilot)
    spaces = Workspace.select(*shown, Workspace.project, *of_project, guide.id, guide.username).join(Project)
    spaces = spaces.join(guide, JOIN.LEFT_OUTER, on=(Project.copilot == guide.id), attr="copilot")
    spaces = list(spaces.where(Workspace.repo == repo).order_by(fn.LOWER(Workspace.name)).limit(MOST + 1))
    names = (User.username, User.fullname, Project.name)
    people = ProjectMembership.select(ProjectMembership.roles, *names).join(User)
    people = people.switch(ProjectMembership).join(Project)
    people = people.where(ProjectMembership.project.in_({space.project_id for space in spaces}))
    first = JobRequest.select(fn.MIN(JobRequest.created_at)).join(Workspace).where(Workspace.repo == repo)
    by_name = people.order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))
    found = list(by_name.limit(MOST + 1))
    more = len(spaces) > MOST or len(found) > MOST
    return Whole(repo, spaces[:MOST], found[:MOST], first.scalar(), more)
