"""Lists of job requests, newest first, with filters that combine. All of it is done in the database."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce

from peewee import SQL, Expression, Field, ModelCompoundSelectQuery, ModelSelect, Node, Value, fn
from werkzeug.datastructures import MultiDict

from jobsite.accounts.models import Backend, User
from jobsite.core.db import any_of, database, unindexed
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.rules import request_words
from jobsite.projects.models import Organisation, Project, ProjectCollaboration, Workspace

PAGE = 25
CHUNK = 500
MOST_STRETCHES = 40
MOST_CHOICES = 20
CANCELLED = "cancelled"
LONGEST_TEXT = 200
LARGEST_NUMBER = 2**53
LONGEST_PAGE = 14
"""A page number with so many digits is beyond every list; Python reads no number of thousands of digits."""


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; empty means no limit. Several statuses or backends mean any of them."""

    statuses: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    username: str = ""
    workspace: str = ""
    q: str = ""
    project: str = ""
    org: str = ""

    def __bool__(self) -> bool:
        texts = (self.username, self.workspace, self.q, self.project, self.org)
        return bool(self.statuses or self.backends or any(texts))


def filters_in(args: "MultiDict[str, str]") -> Filters:
    """The filters of a query string: `status` and `backend` (repeatable), `username` or `user`, `workspace`, `q`, and
    `project` and `org` by slug.
    """
    names = ("username", "user", "workspace", "q", "project", "org")
    text = {name: args.get(name, "").strip()[:LONGEST_TEXT] for name in names}
    return Filters(
        statuses=tuple(name for name in args.getlist("status") if name)[:MOST_CHOICES],
        backends=tuple(name for name in args.getlist("backend") if name)[:MOST_CHOICES],
        username=text["username"] or text["user"],
        workspace=text["workspace"],
        q=text["q"],
        project=text["project"],
        org=text["org"],
    )


def page_in(args: "MultiDict[str, str]") -> int:
    """The number of the page asked for, from 1; anything else is 1."""
    text = args.get("page", "")
    if not (text.isdecimal() and text.isascii()):
        return 1
    return max(int(text), 1) if len(text) < LONGEST_PAGE else LARGEST_NUMBER // PAGE


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
    """A page of all requests, or of those of one workspace or project. Five queries at most, however many rows."""
    choices = tuple(Backend.select().order_by(fn.LOWER(Backend.name), Backend.slug))
    inside = _inside(workspace, project)
    found = _in_order(filters, choices, inside)
    if found is None:
        found = _found(filters, inside)
    ids = [key for (key,) in found.order_by(SQL("1 DESC")).paginate(number, PAGE).tuples()]
    total = (number - 1) * PAGE + len(ids) if 0 < len(ids) < PAGE else found.count()
    return Listing(_rows(ids) if ids else (), number, total, filters, choices)


def _in_order(
    filters: Filters, backends: Sequence[Backend], inside: ModelSelect | None
) -> ModelCompoundSelectQuery | None:
    """The ids of the requests that pass the filters, as stretches of indexes in order, of which SQLite merges as much
    as a page needs. None for filters for which there is no such index."""
    if filters.q and filters == Filters(q=filters.q):
        return _ids_with(filters.q, inside)
    shown = [_shown_as(status) for status in dict.fromkeys(filters.statuses)]
    if filters.backends:
        wanted = [backend.id for backend in backends if backend.slug in filters.backends]
        shown = [(JobRequest.backend == key) & one for key in wanted for one in shown]
    is_plain = filters == Filters(statuses=filters.statuses, backends=filters.backends) and inside is None
    if not is_plain or not 1 < len(shown) <= MOST_STRETCHES:
        return None
    return reduce(operator.add, [JobRequest.select(JobRequest.id).where(one) for one in shown])


def all_requests(
    filters: Filters, *, workspace: Workspace | None = None, project: Project | None = None
) -> Iterator[RequestRow]:
    """Every request of such a list, newest first. A query for each CHUNK rows, so that none holds the list."""
    found = _found(filters, _inside(workspace, project))
    rows = rows_of(found, CHUNK)
    while rows:
        yield from rows
        rows = rows_of(found.where(JobRequest.id < rows[-1].request.id), CHUNK)


def newest_requests(
    limit: int, *, workspace: Workspace | None = None, more: Sequence[Node] = ()
) -> tuple[RequestRow, ...]:
    """The newest requests: of one workspace, else all on active backends. `more` as in `rows_of`. One query."""
    if workspace is not None:
        condition = JobRequest.workspace == workspace
    else:
        condition = JobRequest.backend.in_(Backend.select(Backend.id).where(Backend.is_active))
    return rows_of(JobRequest.select(JobRequest.id).where(condition), limit, more=more)


def _inside(workspace: Workspace | None, project: Project | None) -> ModelSelect | None:
    """The ids of the workspaces that a list is about: one, or those of a project; None for all."""
    if workspace is None and project is None:
        return None
    chosen = Workspace.id == workspace if workspace is not None else Workspace.project == project
    return Workspace.select(Workspace.id).where(chosen)


def rows_of(
    found: ModelSelect, limit: int, number: int = 1, *, more: Sequence[Node] = ()
) -> tuple[RequestRow, ...]:
    """One page of the requests whose ids `found` selects; what is shown of them is looked up for that page alone.

    `more` are columns with an alias, under which the requests have them.
    """
    return _rows(found.order_by(JobRequest.id.desc()).paginate(number, limit), more)


def _rows(ids: ModelSelect | list[int], more: Sequence[Node] = ()) -> tuple[RequestRow, ...]:
    counts = (_jobs_in("cancelled").alias("cancelled"), _jobs_in("failed").alias("failed"))
    places = (Workspace.id, Workspace.name, Workspace.project, Project.id, Project.slug, Project.name)
    others = (
        Backend.id,
        Backend.slug,
        Backend.name,
        Backend.is_active,
        User.id,
        User.username,
        User.fullname,
    )
    rows = JobRequest.select(JobRequest, *places, *others, *counts, *more)
    rows = rows.join(Workspace).join(Project).switch(JobRequest).join(Backend)
    rows = rows.switch(JobRequest).join(User, on=(JobRequest.created_by == User.id), attr="created_by")
    rows = rows.where(JobRequest.id.in_(ids)).order_by(JobRequest.id.desc())
    return tuple(RequestRow(row, row.cancelled, row.failed) for row in rows)


def _jobs_in(state: str) -> ModelSelect:
    return Job.select(fn.COUNT(Job.id)).where((Job.job_request == JobRequest.id) & (Job.state == state))


def _found(filters: Filters, inside: ModelSelect | None) -> ModelSelect:
    """The ids of the requests that pass all filters, of all or of the workspaces whose ids `inside` gives."""
    rows = JobRequest.select(JobRequest.id)
    if inside is not None:
        rows = rows.where(JobRequest.workspace.in_(inside))
    if filters.statuses:
        rows = rows.where(any_of([_shown_as(status) for status in filters.statuses]))
    if filters.backends:
        wanted = Backend.select(Backend.id).where(Backend.slug.in_(filters.backends))
        rows = rows.where(JobRequest.backend.in_(wanted))
    if filters.username:
        people = User.select(User.id).where(fn.LOWER(User.username) == filters.username.lower())
        rows = rows.where(JobRequest.created_by.in_(people))
    if filters.workspace:
        places = Workspace.select(Workspace.id).where(Workspace.name == filters.workspace.lower())
        rows = rows.where(JobRequest.workspace.in_(places))
    if filters.project or filters.org:
        rows = rows.where(JobRequest.workspace.in_(_places_in(filters.project, filters.org)))
    return rows.where(JobRequest.id.in_(_ids_with(filters.q, inside))) if filters.q else rows


def _shown_as(status: str) -> Expression:
    """Which requests are shown with a status: one whose failures are all cancellations is not failed but cancelled."""
    is_cancelled = status == CANCELLED
    return (JobRequest.status == ("failed" if is_cancelled else status)) & (
        JobRequest.only_cancelled == is_cancelled
    )


def _places_in(project: str, org: str) -> ModelSelect:
    """The ids of the workspaces of a project, or of the projects in which an organisation takes part, by slug."""
    places = Workspace.select(Workspace.id)
    if project:
        places = places.join(Project).where(Project.slug == project.lower()).switch(Workspace)
    if org:
        theirs = ProjectCollaboration.project == Workspace.project
        places = places.join(ProjectCollaboration, on=theirs).join(Organisation)
        places = places.where(Organisation.slug == org.lower())
    return places


def _ids_with(q: str, places: ModelSelect | None = None) -> ModelCompoundSelectQuery:
    """The ids of the requests in whose action, workspace, project, number or identifier the text stands; only those of
    some workspaces when `places` gives their ids.

    Each way has its index, which gives its ids in order where it may: a page takes from them what it needs.
    """
    named = Workspace.select(Workspace.id).join(Project)
    named = named.where(Workspace.name.contains(q) | Project.name.contains(q) | Project.number.contains(q))
    jobs, requests, actions = Job.select(Job.job_request), JobRequest.select(JobRequest.id), _actions_with(q)
    ways = [jobs.where(Job.action == action) for action in actions]
    if places is not None:
        jobs, requests = (
            jobs.where(Job.workspace.in_(places)),
            requests.where(JobRequest.workspace.in_(places)),
        )
        # The sign keeps SQLite from walking through all jobs of such a name, here and elsewhere.
        ways = [jobs.where(unindexed(Job.action).in_(actions))]
    elif len(actions) > MOST_STRETCHES:
        ways = [jobs.where(Job.action.in_(actions))]
    ways += [jobs.where(_begins(Job.identifier, q)), requests.where(_begins(JobRequest.identifier, q))]
    ways.append(requests.where(JobRequest.workspace.in_(named)))
    ways.append(requests.where(SQL("jobs_total = 0") & JobRequest.requested_actions.cast("text").contains(q)))
    if q.isdecimal() and q.isascii() and int(q) < LARGEST_NUMBER:
        ways.append(requests.where(JobRequest.id == int(q)))
    return reduce(operator.or_, ways)


def _actions_with(q: str) -> list[str]:
    """The names of actions in which the text stands: each name is looked up once, however many jobs have it."""
    names = (
        "WITH RECURSIVE names(name) AS (SELECT min(action) FROM job UNION ALL"
        " SELECT (SELECT min(action) FROM job WHERE action > name) FROM names WHERE name IS NOT NULL)"
        " SELECT name FROM names WHERE instr(lower(name), ?) > 0"
    )
    return [name for (name,) in database.execute_sql(names, (q.lower(),))]


def _begins(identifier: Field, q: str) -> Expression:
    """Whether an identifier begins with the text: a range of its index. Its end is longer than the field may hold."""
    return (identifier >= q.lower()) & (identifier < Value(q.lower() + chr(0x10FFFF), converter=False))
