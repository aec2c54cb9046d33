"""The job requests that home shows: a person's own, those that need them, what others finished, and the newest of all."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import Expression, ModelSelect, fn

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
    """The requests of a person's home. Three queries."""
    mine = JobRequest.created_by == person.id
    total, since = _standing(person)
    wanted = JobRequest.id.in_(_ids(mine, OWN)) | JobRequest.id.in_(_ids(_shown(), NEWEST))
    wanted |= mine & (JobRequest.completed_at.is_null() | _failed_since(since))
    rows = rows_of(JobRequest.select(JobRequest.id).where(wanted), MOST)
    own = tuple(row for row in rows if row.request.created_by_id == person.id)
    return HomeRows(
        own=own[:OWN],
        running=tuple(row for row in own if row.request.is_active),
        failed=tuple(row for row in own if _is_failed_since(row.request, since) and not _was_stopped(row)),
        finished=rows_of(_finished_by_others(person, since), FINISHED),
        newest=tuple(row for row in rows if row.request.backend.is_active)[:NEWEST],
        total=total,
    )


def running_rows(person: User) -> tuple[RequestRow, ...]:
    """The requests of a person that run or wait, the newest first. One query."""
    active = (JobRequest.created_by == person.id) & JobRequest.completed_at.is_null()
    return rows_of(JobRequest.select(JobRequest.id).where(active), MOST)


def _standing(person: User) -> tuple[int, datetime]:
    """How many requests a person has made, and since when nothing is seen. One query."""
    mark = SeenMark.select(SeenMark.at).where(SeenMark.user == person.id)
    rows = JobRequest.select(fn.COUNT(JobRequest.id), mark).where(JobRequest.created_by == person.id)
    total, seen_at = rows.tuples().get()
    return total, datetime.fromisoformat(seen_at) if seen_at else now() - UNMARKED


def _ids(condition: Expression, limit: int) -> ModelSelect:
    return JobRequest.select(JobRequest.id).where(condition).order_by(JobRequest.id.desc()).limit(limit)


def _shown() -> Expression:
    return JobRequest.backend.in_(Backend.select(Backend.id).where(Backend.is_active))


def _failed_since(since: datetime) -> Expression:
    return (JobRequest.status == FAILED) & (JobRequest.completed_at > since)


def _is_failed_since(request: JobRequest, since: datetime) -> bool:
    return request.status == FAILED and request.completed_at is not None and request.completed_at > since


def _was_stopped(row: RequestRow) -> bool:
    """Whether a request did not succeed only because somebody cancelled jobs of it: that waits for nobody."""
    return row.cancelled > 0 and not row.failed


def _finished_by_others(person: User, since: datetime) -> ModelSelect:
    mine = ProjectMembership.select(ProjectMembership.project).where(ProjectMembership.user == person.id)
    places = Workspace.select(Workspace.id).where(Workspace.project.in_(mine))
    finished = (JobRequest.completed_at > since) & (JobRequest.created_by != person.id)
    return JobRequest.select(JobRequest.id).where(JobRequest.workspace.in_(places) & finished)
