"""The rows of the pages of projects. Each function asks a fixed number of queries, said in its docstring."""

from collections.abc import Sequence
from dataclasses import dataclass

from peewee import JOIN, Case, ModelSelect, fn

from jobsite import settings
from jobsite.accounts.models import AnonymousPerson, User
from jobsite.accounts.rules import PERMISSIONS, ROLES, Role, permissions_of
from jobsite.core.db import any_of, with_words
from jobsite.core.errors import refuse
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Repo,
    Workspace,
)
from jobsite.projects.queries import has_org, workspaces
from jobsite.projects.rules import why_not_create_workspace

SIZE = 25  # rows of a page
NO_RESEARCH = "non-research"  # the topic of repositories that are not offered


@dataclass(frozen=True)
class Page:
    """One page of a long list: its rows, its number from 1, rows a page, and how many there are in all."""

    rows: list
    number: int
    size: int
    total: int


@dataclass(frozen=True)
class Mine:
    """A project of a person: their roles in it, and why they may not create a workspace there, if so."""

    project: Project
    roles: list[Role]
    why_not_create: str | None


@dataclass(frozen=True)
class Member:
    """A member of a project with the roles they have there; roles that no longer exist are left out."""

    user: User
    roles: list[Role]


def paged(rows: ModelSelect, number: int, size: int = SIZE) -> Page:
    """One page of a select, the last one where `number` is beyond it. Two queries."""
    total = rows.count()
    number = min(max(number, 1), max((total + size - 1) // size, 1))
    return Page(list(rows.paginate(number, size)), number, size, total)


def projects(search: str = "") -> ModelSelect:
    """All projects, each with `org_name` and `org_slug` of its lead, those whose texts contain `search`.

    `POS-` numbers come first, newest first, then numbers descending, then the others by name.
    """
    lead = ProjectCollaboration.is_lead & (ProjectCollaboration.project == Project.id)
    rows = (
        Project.select(Project, Organisation.name.alias("org_name"), Organisation.slug.alias("org_slug"))
        .join_from(Project, ProjectCollaboration, JOIN.LEFT_OUTER, on=lead)
        .join_from(ProjectCollaboration, Organisation, JOIN.LEFT_OUTER)
        .order_by(*_order())
        .objects()
    )
    return with_words(rows, search, Project.name, Project.number, Project.slug, Organisation.name)


def my_projects(person: User | AnonymousPerson) -> list[Mine]:
    """The projects a person is a member of, in the order of `projects`. At most two queries."""
    if not person.is_authenticated:
        return []
    rows = (
        ProjectMembership.select(ProjectMembership, Project)
        .join(Project)
        .where(ProjectMembership.user == person.id)
        .order_by(*_order())
    )
    in_org = has_org(person)
    return [
        Mine(
            row.project,
            _roles(row.roles),
            why_not_create_workspace(person.permissions | permissions_of(row.roles), has_org=in_org),
        )
        for row in rows
    ]


def all_workspaces() -> ModelSelect:
    """All workspaces with project and repository in the same query, by name."""
    return workspaces().order_by(Workspace.name)


def my_workspaces(person: User) -> ModelSelect:
    """The workspaces of a person's projects, as `all_workspaces` gives them, the last changed first."""
    mine = ProjectMembership.select(ProjectMembership.project).where(ProjectMembership.user == person.id)
    newest_first = (Workspace.updated_at.desc(), Workspace.id.desc())
    return all_workspaces().where(Workspace.project.in_(mine)).order_by(*newest_first)


def newest_workspaces(person: User, limit: int) -> tuple[list[Workspace], int]:
    """The active workspaces of a person's projects that changed last, and how many there are in all. One query."""
    total = fn.COUNT(Workspace.id).over()
    rows = (
        my_workspaces(person).where(~Workspace.is_archived).select_extend(total.alias("total")).limit(limit)
    )
    found = list(rows)
    return found, found[0].total if found else 0


def workspaces_of(project: Project) -> list[Workspace]:
    """The workspaces of a project with their repositories, active ones first, by name. One query."""
    rows = Workspace.select(Workspace, Repo).join(Repo).where(Workspace.project == project)
    return list(rows.order_by(Workspace.is_archived, Workspace.name))


def members_of(project: Project) -> list[Member]:
    """The members of a project by name. One query."""
    rows = (
        ProjectMembership.select(ProjectMembership, User)
        .join(User, on=ProjectMembership.user == User.id)
        .where(ProjectMembership.project == project)
        .order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))
    )
    return [Member(row.user, _roles(row.roles)) for row in rows]


def may(role: Role) -> list[str]:
    """What a role permits, in words that go on after "may", in the order of the specification."""
    return [permission.what for name, permission in PERMISSIONS.items() if name in role.permissions]


def orgs_of(project: Project) -> list[Organisation]:
    """The organisations of a project, the lead first. One query."""
    rows = Organisation.select().join(ProjectCollaboration).where(ProjectCollaboration.project == project)
    return list(rows.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id))


def repositories_of(project: Project) -> list[Repo]:
    """The repositories that workspaces of a project use, by address. One query."""
    used = Workspace.select(Workspace.repo).where(Workspace.project == project)
    return list(Repo.select().where(Repo.id.in_(used)).order_by(Repo.url))


def repositories_offered(person: User, project: Project) -> list[Repo]:
    """The repositories to choose from for a new workspace: those of the project, then those of the owners at GitHub of
    the person's organisations, without those whose topics say that they are no research. Three queries.
    """
    mine = Organisation.select().join(OrgMembership).where(OrgMembership.user == person.id)
    owners = {owner.lower() for org in mine for owner in org.github_orgs}
    used = repositories_of(project)
    begins = [Repo.url.startswith(f"{settings.current().github_url}/{owner}/") for owner in sorted(owners)]
    others = Repo.select().where(any_of(begins)).order_by(Repo.url) if begins else []
    known = {repo.id for repo in used}
    return used + [repo for repo in others if repo.id not in known and NO_RESEARCH not in repo.topics]


def repository(url: str) -> Repo | None:
    """What was last heard of a repository, or None."""
    return Repo.get_or_none(Repo.url == url) if url else None


def organisations(member: User | None = None) -> ModelSelect:
    """All organisations, or those a person belongs to, by name, each with `projects`, how many it takes part in."""
    count = ProjectCollaboration.select(fn.COUNT(ProjectCollaboration.id)).where(
        ProjectCollaboration.org == Organisation.id
    )
    rows = Organisation.select(Organisation, count.alias("projects")).order_by(fn.LOWER(Organisation.name))
    if member is not None:
        rows = rows.join(OrgMembership).where(OrgMembership.user == member.id)
    return rows


def projects_of(org: Organisation) -> ModelSelect:
    """The projects of an organisation, each with `people` and `spaces`: how many members and workspaces it has."""
    people = ProjectMembership.select(fn.COUNT(ProjectMembership.id)).where(
        ProjectMembership.project == Project.id
    )
    spaces = Workspace.select(fn.COUNT(Workspace.id)).where(Workspace.project == Project.id)
    return (
        Project.select(Project, people.alias("people"), spaces.alias("spaces"))
        .join(ProjectCollaboration)
        .where(ProjectCollaboration.org == org)
        .order_by(*_order())
    )


def _order() -> tuple:
    """A number without leading zeros sorts by its length, then by its text; `POS-` numbers all have one length."""
    kind = Case(None, ((Project.number.startswith("POS-"), 0), (Project.number.is_null(False), 1)), 2)
    return (kind, fn.LENGTH(Project.number).desc(), Project.number.desc(), fn.LOWER(Project.name))


def _roles(names: list[str]) -> list[Role]:
    return [ROLES[name] for name in names if name in ROLES]


def people(search: str = "") -> ModelSelect:
    """Everybody who is active, by name, each with `projects`, to how many they belong; `search` narrows it."""
    count = ProjectMembership.select(fn.COUNT(ProjectMembership.id)).where(ProjectMembership.user == User.id)
    rows = User.select(User, count.alias("projects")).where(User.is_active)
    rows = with_words(rows, search, User.fullname, User.username)
    return rows.order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))


def people_named(names: Sequence[str]) -> list[User]:
    """The people of these usernames, ignoring case, each once. Raises `Invalid` naming those who are not there."""
    wanted = {name.lower(): name for name in names}
    found = {
        user.username.lower(): user for user in User.select().where(fn.LOWER(User.username).in_(list(wanted)))
    }
    missing = [name for key, name in wanted.items() if key not in found]
    refuse(users=f"There is no user {', '.join(missing)}." if missing else None)
    return [found[key] for key in wanted]


def projects_of_person(person: User) -> ModelSelect:
    """The projects a person belongs to, in the order of `projects`, each with `org_name` and `org_slug`."""
    mine = ProjectMembership.select(ProjectMembership.project).where(ProjectMembership.user == person.id)
    return projects().where(Project.id.in_(mine))


def projects_using(url: str) -> list[Project]:
    """The projects with a workspace of the repository at an address, in the order of `projects`; none for a folder.

    One query, none for a folder of this machine: whether it is there is nobody's business.
    """
    if not url.startswith("https://"):
        return []
    using = Workspace.select(Workspace.project).join(Repo).where(Repo.url == url)
    return list(Project.select().where(Project.id.in_(using)).order_by(*_order()))


def is_known_owner(url: str) -> bool:
    """Whether a repository at GitHub belongs, by its whole owner name, to an organisation of this site. One query."""
    github = settings.current().github_url
    if not url.startswith(f"{github}/"):
        return False
    owner = url.removeprefix(f"{github}/").partition("/")[0].lower()
    listed = Organisation.select(Organisation.github_orgs)
    return any(owner == known.lower() for org in listed for known in org.github_orgs)
