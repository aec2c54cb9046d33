"""Lists of job requests, newest first, with filters that combine. All of it is done in the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from peewee import Expression, ModelSelect, fn
from werkzeug.datastructures import MultiDict

from jobsite.accounts.models import Backend, User
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.rules import request_words
from jobsite.projects.models import Project, Workspace

PAGE = 25
MOST_CHOICES = 20
LONGEST_TEXT = 200
LARGEST_NUMBER = 2**53


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; empty means no limit. Several statuses or backends mean any of them."""

    statuses: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    username: str = ""
    workspace: str = ""
    q: str = ""

    def __bool__(self) -> bool:
        return bool(self.statuses or self.backends or self.username or self.workspace or self.q)


def filters_in(args: "MultiDict[str, str]") -> Filters:
    """The filters of a query string: `status` and `backend` (repeatable), `username` or `user`, `workspace`, `q`."""
    text = {
        name: args.get(name, "").strip()[:LONGEST_TEXT] for name in ("username", "user", "workspace", "q")
    }
    return Filters(
        statuses=tuple(name for name in args.getlist("status") if name)[:MOST_CHOICES],
        backends=tuple(name for name in args.getlist("backend") if name)[:MOST_CHOICES],
        username=text["username"] or text["user"],
        workspace=text["workspace"],
        q=text["q"],
    )


def page_in(args: "MultiDict[str, str]") -> int:
    """The number of the page asked for, from 1; anything else is 1."""
    text = args.get("page", "")
    return min(max(int(text), 1), LARGEST_NUMBER // PAGE) if text.isdecimal() and text.isascii() else 1


@dataclass(frozen=True)
class RequestRow:
    """A request as lists show it."""

    request: JobRequest
    cancelled: int
    failed: int

    @property
    def pill(self) -> tuple[str, str]:
        """The state for the pill, and its words."""
        others = self.request.jobs_total - self.request.jobs_succeeded - self.cancelled - self.failed
        counts = (
            ("succeeded", self.request.jobs_succeeded),
            ("cancelled", self.cancelled),
            ("failed", self.failed),
        )
        states = [state for state, count in (*counts, ("pending", others)) for _ in range(count)]
        cancelling = bool(self.request.cancelled_actions) and self.request.is_active
        return request_words(self.request.status, states, cancelling=cancelling)

    @property
    def moment(self) -> datetime:
        """When it started, or was asked for as long as it has not."""
        return self.request.started_at or self.request.created_at


@dataclass(frozen=True)
class Listing:
    """One page of requests: its rows, its number from 1, how many requests there are in all, and the choices."""

    rows: tuple[RequestRow, ...]
    number: int
    total: int
    filters: Filters
    backends: tuple[Backend, ...] = field(default=())


def requests_page(
    filters: Filters, number: int, *, workspace: Workspace | None = None, project: Project | None = None
) -> Listing:
    """A page of all requests, or of those of one workspace or project. Three queries, however many rows."""
    conditions = _conditions(filters)
    if workspace is not None:
        conditions.append(JobRequest.workspace == workspace)
    if project is not None:
        conditions.append(Workspace.project == project)
    joined = filters or project is not None
    counted = _joined(JobRequest.select()) if joined else JobRequest.select()
    total = (counted.where(*conditions) if conditions else counted).count()
    rows = _rows(conditions).paginate(number, PAGE)
    choices = tuple(Backend.select().order_by(fn.LOWER(Backend.name), Backend.slug))
    return Listing(tuple(_row(one) for one in rows), number, total, filters, choices)


def newest_requests(
    limit: int, *, by: User | None = None, workspace: Workspace | None = None
) -> tuple[RequestRow, ...]:
    """The newest requests: of one person, of one workspace, else all on active backends. One query."""
    condition = Backend.is_active
    if by is not None:
        condition = JobRequest.created_by == by
    elif workspace is not None:
        condition = JobRequest.workspace == workspace
    return tuple(_row(one) for one in _rows([condition]).limit(limit))


def _joined(rows: ModelSelect) -> ModelSelect:
    rows = rows.join(Workspace).join(Project).switch(JobRequest).join(Backend)
    return rows.switch(JobRequest).join(User, on=(JobRequest.created_by == User.id), attr="created_by")


def _rows(conditions: Sequence[Expression]) -> ModelSelect:
    counts = (_jobs_in("cancelled").alias("cancelled"), _jobs_in("failed").alias("failed"))
    rows = _joined(JobRequest.select(JobRequest, Workspace, Project, Backend, User, *counts))
    return (rows.where(*conditions) if conditions else rows).order_by(JobRequest.id.desc())


def _row(request: JobRequest) -> RequestRow:
    return RequestRow(request, request.cancelled, request.failed)


def _jobs_in(state: str) -> ModelSelect:
    return Job.select(fn.COUNT(Job.id)).where((Job.job_request == JobRequest.id) & (Job.state == state))


def _conditions(filters: Filters) -> list[Expression]:
    found: list[Expression] = []
    if filters.statuses:
        found.append(JobRequest.status.in_(filters.statuses))
    if filters.backends:
        found.append(Backend.slug.in_(filters.backends))
    if filters.username:
        found.append(fn.LOWER(User.username) == filters.username.lower())
    if filters.workspace:
        found.append(Workspace.name == filters.workspace.lower())
    if filters.q:
        found.append(_text(filters.q))
    return found


def _text(q: str) -> Expression:
    """Requests in whose action, workspace, project, number or identifier the text stands."""
    holds = Job.action.contains(q) | Job.identifier.startswith(q)
    of_jobs = Job.select(Job.job_request).where(holds)
    condition = JobRequest.id.in_(of_jobs) | JobRequest.requested_actions.cast("text").contains(q)
    condition |= Workspace.name.contains(q) | Project.name.contains(q) | Project.number.contains(q)
    condition |= JobRequest.identifier.startswith(q.lower())
    if q.isdecimal() and q.isascii() and int(q) < LARGEST_NUMBER:
        condition |= JobRequest.id == int(q)
    return condition
