"""What staff read of organisations, projects and workspaces: lists with filters, and the facts of one.

Each function asks one query, where its docstring says nothing else.
"""

from collections.abc import Collection

from peewee import JOIN, SQL, Case, ModelSelect, fn

from jobsite.accounts.models import Backend, BackendMembership, User
from jobsite.core.db import with_words
from jobsite.jobs.models import JobRequest
from jobsite.projects import lists
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Repo,
    Workspace,
)

ORG_ORDERS = {"name": fn.LOWER(Organisation.name), "projects": SQL('"projects"'), "people": SQL('"people"')}
SPACE_ORDERS = {
    "name": fn.LOWER(Workspace.name),
    "project": fn.LOWER(Project.name),
    "repo": fn.LOWER(Repo.url),
    "created": Workspace.created_at,
}
"""By what the lists of organisations and workspaces can be sorted."""
ARCHIVED = {"no": "Active", "yes": "Archived"}


def organisations(text: str) -> ModelSelect:
    """The organisations whose name, slug or GitHub organisations contain every word, each with `projects` and `people`."""
    people = OrgMembership.select(fn.COUNT(OrgMembership.id)).where(OrgMembership.org == Organisation.id)
    projects = ProjectCollaboration.select(fn.COUNT(ProjectCollaboration.id))
    projects = projects.where(ProjectCollaboration.org == Organisation.id)
    rows = Organisation.select(Organisation, people.alias("people"), projects.alias("projects"))
    rows = with_words(rows, text, Organisation.name, Organisation.slug, Organisation.github_orgs.cast("text"))
    return rows.order_by(fn.LOWER(Organisation.name))


def all_organisations() -> list[Organisation]:
    """Every organisation by name, to choose from."""
    return list(Organisation.select().order_by(fn.LOWER(Organisation.name)))


def organisations_with(slugs: Collection[str]) -> list[Organisation]:
    """The organisations of these slugs, in that order; unknown ones are left out."""
    wanted = list(dict.fromkeys(slugs))
    found = {org.slug: org for org in Organisation.select().where(Organisation.slug.in_(wanted))}
    return [found[slug] for slug in wanted if slug in found]


def members_of_org(org: Organisation) -> ModelSelect:
    """Who belongs to an organisation, by name."""
    rows = User.select().join(OrgMembership, on=OrgMembership.user == User.id)
    return rows.where(OrgMembership.org == org).order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))


def projects(text: str, *, org: str = "", status: str = "", copilot: str = "") -> ModelSelect:
    """Projects as `projects.lists.projects` finds them, each with `people` and `spaces`, and `copilot_name`."""
    guide = User.alias()
    people = ProjectMembership.select(fn.COUNT(ProjectMembership.id))
    spaces = Workspace.select(fn.COUNT(Workspace.id)).where(Workspace.project == Project.id)
    rows = lists.projects(text).join_from(Project, guide, JOIN.LEFT_OUTER, on=(guide.id == Project.copilot))
    rows = rows.select_extend(
        people.where(ProjectMembership.project == Project.id).alias("people"),
        spaces.alias("spaces"),
        guide.username.alias("copilot_name"),
    )
    if org:
        theirs = ProjectCollaboration.select(ProjectCollaboration.project).join(Organisation)
        rows = rows.where(Project.id.in_(theirs.where(Organisation.slug == org)))
    if status:
        rows = rows.where(Project.status == status)
    if copilot:
        rows = rows.where(guide.username == copilot)
    return rows


def next_number() -> str:
    """The number after the highest that is only digits: what a new project is offered."""
    digits = Project.number.is_null(False) & ~Project.number.startswith("POS-")
    highest = Project.select(fn.MAX(Project.number.cast("integer"))).where(digits).scalar()
    return str(int(highest or 0) + 1)


def memberships(project: Project) -> list[ProjectMembership]:
    """The members of a project with their people, by name."""
    rows = ProjectMembership.select(ProjectMembership, User).join(User)
    return list(
        rows.where(ProjectMembership.project == project).order_by(
            fn.LOWER(User.fullname), fn.LOWER(User.username)
        )
    )


def workspaces(text: str, *, project: str = "", archived: str = "") -> ModelSelect:
    """The workspaces whose name, project or repository contains every word, each with its project and repository."""
    rows = with_words(lists.all_workspaces(), text, Workspace.name, Project.name, Project.slug, Repo.url)
    if project:
        rows = rows.where(Project.slug == project)
    if archived in ARCHIVED:
        rows = rows.where(Workspace.is_archived == (archived == "yes"))
    return rows


def all_projects() -> list[Project]:
    """Every project by name, to choose from."""
    return list(Project.select().order_by(fn.LOWER(Project.name)))


def request_counts(workspace: Workspace) -> tuple[int, int]:
    """How many job requests a workspace has had, and how many of them are active."""
    active = Case(None, ((JobRequest.completed_at.is_null(), 1),), 0)
    row = JobRequest.select(fn.COUNT(JobRequest.id), fn.SUM(active)).where(JobRequest.workspace == workspace)
    total, still = next(iter(row.tuples()))
    return total, still or 0


def backends(text: str = "") -> list[Backend]:
    """The backends whose name or slug contains every word, by name, each with `people`: how many were made members."""
    people = BackendMembership.select(fn.COUNT(BackendMembership.id))
    people = people.where(BackendMembership.backend == Backend.id)
    rows = with_words(Backend.select(Backend, people.alias("people")), text, Backend.name, Backend.slug)
    return list(rows.order_by(fn.LOWER(Backend.name), Backend.slug))


def members_of_backend(backend: Backend) -> ModelSelect:
    """Who was made a member of a backend, by name."""
    rows = User.select().join(BackendMembership, on=BackendMembership.user == User.id)
    rows = rows.where(BackendMembership.backend == backend)
    return rows.order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))
