"""The job requests that home shows: a person's own, those that need them, what others finished, and the newest of all."""

from dataclasses import dataclass
from datetime import timedelta

from peewee import Expression, Function, ModelSelect, fn

from jobsite.accounts.models import Backend, User
from jobsite.core.clock import now
from jobsite.jobs.listing import RequestRow, rows_of
from jobsite.jobs.models import JobRequest
from jobsite.projects.models import ProjectMembership, SeenMark, Workspace

OWN = 5
NEWEST = 10
FINISHED = 5
MOST = 60
FAILED = "failed"
UNMARKED = timedelta(days=30)
"""How far back home looks for somebody who has never marked anything as seen."""


@dataclass(frozen=True)
class HomeRows:
    """Requests, the newest first: one's own newest, those that `running` (or wait), those that `failed` since the
    person last marked things as seen, what others `finished` in their projects since then, and the `newest` of all
    on active backends; and how many requests one has made in all.
    """

    own: tuple[RequestRow, ...]
    running: tuple[RequestRow, ...]
    failed: tuple[RequestRow, ...]
    finished: tuple[RequestRow, ...]
    newest: tuple[RequestRow, ...]
    total: int


def home_rows(person: User) -> HomeRows:
    """The requests of a person's home. One query."""
    mine, since = JobRequest.created_by == person.id, _unseen_since(person)
    others = _newest_of(_finished_by_others(person, since), FINISHED)
    pressing = _ids(mine & (JobRequest.completed_at.is_null() | _failed_since(since)))
    # Lists of ids become one: an OR of them would make PostgreSQL look through all requests.
    wanted = _newest_of(_ids(mine), OWN) | _newest_of(_ids(_shown()), NEWEST) | pressing | others
    count = JobRequest.select(fn.COUNT(JobRequest.id)).where(mine)
    more = (
        count.alias("total"),
        _failed_since(since).alias("is_new"),
        JobRequest.id.in_(others).alias("is_news"),
    )
    rows = rows_of(_ids(JobRequest.id.in_(wanted)), MOST, more=more)
    own = tuple(row for row in rows if row.request.created_by_id == person.id)
    return HomeRows(
        own=own[:OWN],
        running=tuple(row for row in own if row.request.is_active),
        failed=tuple(row for row in own if row.request.is_new and not row.request.only_cancelled),
        finished=tuple(row for row in rows if row.request.is_news),
        newest=tuple(row for row in rows if row.request.backend.is_active)[:NEWEST],
        total=rows[0].request.total if rows else 0,
    )


def running_rows(person: User) -> tuple[RequestRow, ...]:
    """The requests of a person that run or wait, the newest first. One query."""
    active = (JobRequest.created_by == person.id) & JobRequest.completed_at.is_null()
    return rows_of(_ids(active), MOST)


def _unseen_since(person: User) -> Function:
    """Since when a person has marked nothing as seen."""
    mark = SeenMark.select(SeenMark.at).where(SeenMark.user == person.id)
    return fn.COALESCE(mark, now() - UNMARKED)


def _ids(condition: Expression) -> ModelSelect:
    return JobRequest.select(JobRequest.id).where(condition)


def _newest_of(found: ModelSelect, limit: int) -> ModelSelect:
    """The newest of these ids, so that other ids can be added to them."""
    newest = found.order_by(JobRequest.id.desc()).limit(limit)
    return newest.select_from(newest.c.id)


def _shown() -> Expression:
    return JobRequest.backend.in_(Backend.select(Backend.id).where(Backend.is_active))


def _failed_since(since: Function) -> Expression:
    return (JobRequest.status == FAILED) & (JobRequest.completed_at > since)


def _finished_by_others(person: User, since: Function) -> ModelSelect:
    mine = ProjectMembership.select(ProjectMembership.project).where(ProjectMembership.user == person.id)
    places = Workspace.select(Workspace.id).where(Workspace.project.in_(mine))
    finished = (JobRequest.completed_at > since) & (JobRequest.created_by != person.id)
    return _ids(JobRequest.workspace.in_(places) & finished)
