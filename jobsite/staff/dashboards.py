"""Overviews for staff, sorted in the database by any of their columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, SQL, Function, ModelSelect, fn

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.jobs.models import JobRequest
from jobsite.projects.models import (
    Organisation,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Repo,
    Workspace,
)
from jobsite.staff.sorting import ordered

MONTHS_PRIVATE = 11
"""So long after its first run a repository should be public: the rule allows 12 months (specification, 7.12)."""


@dataclass(frozen=True)
class Dashboard:
    """An overview: what it shows, its columns (name, words), and the rows with a value or address for each column."""

    key: str
    title: str
    lede: str
    columns: tuple[tuple[str, str], ...]
    first: str
    rows: Callable[[], tuple[ModelSelect, Mapping[str, Any]]]


def sorted_rows(dashboard: Dashboard, asked: str) -> tuple[ModelSelect, str]:
    """The rows of a dashboard in the order that a query string asks for, else in its own; and the order that holds."""
    rows, by = dashboard.rows()
    return ordered(rows, {name: by[name] for name, _ in dashboard.columns}, asked, dashboard.first)


def months_before(moment: datetime, months: int) -> datetime:
    """The same day so many months earlier, or the last day of that month."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    for day in range(moment.day, moment.day - 4, -1):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise ValueError(f"no day {months} months before {moment}")


def _projects() -> tuple[ModelSelect, dict[str, Any]]:
    people = ProjectMembership.select(fn.COUNT(ProjectMembership.id))
    spaces = Workspace.select(fn.COUNT(Workspace.id)).where(Workspace.project == Project.id)
    runs = JobRequest.select(fn.MAX(JobRequest.created_at)).join(Workspace)
    guide = User.alias()
    rows = Project.select(
        Project,
        Organisation.name.alias("org_name"),
        people.where(ProjectMembership.project == Project.id).alias("people"),
        spaces.alias("spaces"),
        moment_of(fn.IFNULL(runs.where(Workspace.project == Project.id), None)).alias("last_run"),
        guide.username.alias("copilot_name"),
    )
    rows = rows.join_from(Project, ProjectCollaboration, JOIN.LEFT_OUTER, on=_leads())
    rows = rows.join_from(ProjectCollaboration, Organisation, JOIN.LEFT_OUTER)
    rows = rows.join_from(Project, guide, JOIN.LEFT_OUTER, on=(guide.id == Project.copilot)).objects()
    by = {
        "project": fn.LOWER(Project.name),
        "status": Project.status,
        "ends": Project.copilot_support_ends_at,
    }
    by |= {"number": Project.number, "org": fn.LOWER(Organisation.name), "copilot": fn.LOWER(guide.username)}
    return rows, {**by, "people": SQL('"people"'), "spaces": SQL('"spaces"'), "run": SQL('"last_run"')}


def moment_of(function: Function) -> Function:
    """A function of times that gives a time; SQLite gives text."""
    return function.converter(JobRequest.created_at.python_value)


def _leads() -> Any:
    return ProjectCollaboration.is_lead & (ProjectCollaboration.project == Project.id)


def _copiloted() -> tuple[ModelSelect, dict[str, Any]]:
    rows, by = _projects()
    return rows.where(Project.copilot.is_null(False)), by


def first_run() -> Function:
    """When a repository was first used by a job request: a column of a select of repositories, named `first_run`."""
    runs = JobRequest.select(fn.MIN(JobRequest.created_at)).join(Workspace).where(Workspace.repo == Repo.id)
    return moment_of(fn.IFNULL(runs, None)).alias("first_run")


def _repositories() -> tuple[ModelSelect, dict[str, Any]]:
    """Repositories with `first_run`, `spaces` and `projects`, how many projects use them, and their names."""
    many = fn.COUNT(Project.id.distinct())
    names = fn.GROUP_CONCAT(Project.slug.distinct())
    spaces = fn.COUNT(Workspace.id)
    columns = (first_run(), many.alias("projects"), names.alias("slugs"), spaces.alias("spaces"))
    rows = Repo.select(Repo, *columns).join(Workspace).join(Project).group_by(Repo.id).objects()
    by = {"repo": fn.LOWER(Repo.url), "run": SQL('"first_run"'), "projects": many, "spaces": spaces}
    return rows, {**by, "asked": Repo.researcher_signed_off_at, "signed": Repo.internal_signed_off_at}


def _private() -> tuple[ModelSelect, dict[str, Any]]:
    rows, by = _repositories()
    late = months_before(now(), MONTHS_PRIVATE)
    unknown = Repo.is_private.is_null() | Repo.is_private
    return rows.where(unknown & ~Repo.url.startswith("/")).having(first_run().unalias() < late), by


def _shared() -> tuple[ModelSelect, dict[str, Any]]:
    rows, by = _repositories()
    return rows.having(by["projects"] > 1), by


DASHBOARDS: Mapping[str, Dashboard] = {
    one.key: one
    for one in (
        Dashboard(
            "copiloting",
            "Co-piloting",
            "Projects with a co-pilot, those whose support ends first on top.",
            (
                ("project", "Project"),
                ("copilot", "Co-pilot"),
                ("ends", "Support ends"),
                ("org", "Organisation"),
                ("people", "Members"),
                ("spaces", "Workspaces"),
                ("run", "Last run"),
            ),
            "ends",
            _copiloted,
        ),
        Dashboard(
            "private-repositories",
            "Private repositories",
            f"Repositories that are private, or not known to be public, and first ran more than {MONTHS_PRIVATE} "
            "months ago. The rule allows 12 months.",
            (
                ("repo", "Repository"),
                ("run", "First run"),
                ("projects", "Projects"),
                ("spaces", "Workspaces"),
                ("asked", "Researchers signed off"),
                ("signed", "Staff signed off"),
            ),
            "run",
            _private,
        ),
        Dashboard(
            "projects",
            "Projects",
            "Every project with its people and its last run.",
            (
                ("project", "Project"),
                ("number", "Number"),
                ("status", "Status"),
                ("org", "Organisation"),
                ("copilot", "Co-pilot"),
                ("people", "Members"),
                ("spaces", "Workspaces"),
                ("run", "Last run"),
            ),
            "-run",
            _projects,
        ),
        Dashboard(
            "shared-repositories",
            "Repositories with several projects",
            "A repository that more than one project uses becomes public for all of them at once.",
            (
                ("repo", "Repository"),
                ("projects", "Projects"),
                ("spaces", "Workspaces"),
                ("run", "First run"),
            ),
            "-projects",
            _shared,
        ),
    )
}
