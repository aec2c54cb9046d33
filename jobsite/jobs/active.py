"""What the engine reads at each turn: the active jobs with their surroundings, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from jobsite.accounts.models import Backend
from jobsite.jobs.holding import Facts, Patterns, Supplier, can_write_the_same, patterns_of
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.scheduler import Candidate, Capacity
from jobsite.projects.models import Workspace
from jobsite.settings import current

ACTIVE = ("pending", "running")

_MARK = ("id", "state", "status_code", "updated_at", "cancel_asked_at", "stop_code", "retry_at")
_AT_ONCE = 500

Row = TypeVar("Row", Backend, Workspace)


class ActiveJobs:
    """The active jobs turn after turn: a row is read again only when one of the columns that change has changed."""

    def __init__(self) -> None:
        self._known: dict[int, Job] = {}
        self._backends: dict[int, Backend] = {}
        self._workspaces: dict[int, Workspace] = {}

    def read(self) -> list[Job]:
        """Every job that runs or waits, oldest first, with backend and workspace, as they are now.

        Three queries when no job has changed.
        """
        columns = [getattr(Job, name) for name in _MARK]
        marks = {row[0]: row for row in Job.select(*columns).where(Job.state.in_(ACTIVE)).tuples()}
        known = {key: job for key, job in self._known.items() if marks.get(key) == _mark(job)}
        missing = [key for key in marks if key not in known]
        for start in range(0, len(missing), _AT_ONCE):
            rows = Job.select().where(Job.id.in_(missing[start : start + _AT_ONCE]))
            known |= {job.id: job for job in rows}
        self._known = {key: known[key] for key in sorted(known)}
        self._surround([known[key] for key in missing])
        return list(self._known.values())

    def _surround(self, new: list[Job]) -> None:
        """Give the new jobs backend and workspace, and bring those that the others have up to date."""
        wanted = {job.workspace_id for job in self._known.values()}
        if wanted:
            self._backends = _as_now(self._backends, Backend.select())
            self._workspaces = _as_now(self._workspaces, Workspace.select().where(Workspace.id.in_(wanted)))
        for job in new:
            job.backend = self._backends[job.backend_id]
            job.workspace = self._workspaces[job.workspace_id]


def _as_now(known: Mapping[int, Row], rows: Iterable[Row]) -> dict[int, Row]:
    """The rows by id, each in the object that stood for it before, so that whoever holds that sees the change."""
    found = {row.id: row for row in rows}
    for key, row in found.items():
        if key in known:
            known[key].__data__.update(row.__data__)
            known[key].__rel__.clear()
            found[key] = known[key]
    return found


def _mark(job: Job) -> tuple[object, ...]:
    return tuple(getattr(job, name) for name in _MARK)


def latest_attempts(jobs: Iterable[Job]) -> dict[int, Attempt]:
    """The newest attempt of each of these jobs, by job id. One query."""
    rows = Attempt.select().where(Attempt.job.in_([job.id for job in jobs])).order_by(Attempt.number)
    return {attempt.job_id: attempt for attempt in rows}


def suppliers_of(jobs: Iterable[Job]) -> dict[str, Job]:
    """The jobs that these need, by identifier, with action and state alone. One query.

    What is no identifier is left out here: it is the fault of one job, told when that one is looked at (B29).
    """
    wanted = {key for job in jobs for key in job.needs.values() if isinstance(key, str)}
    if not wanted:
        return {}
    rows = Job.select(Job.identifier, Job.action, Job.state).where(Job.identifier.in_(list(wanted)))
    return {row.identifier: row for row in rows}


def pending_facts(jobs: list[Job], refusal: str | None) -> Callable[[Job], Facts]:
    """What gives the facts of each pending one among all active `jobs`. One query."""
    suppliers = suppliers_of(job for job in jobs if job.state == "pending")
    writers: dict[int, list[tuple[str, Patterns]]] = defaultdict(list)
    for job in jobs:
        if job.state == "running":
            writers[job.workspace_id].append((job.action, patterns_of(job.outputs)))

    def facts(job: Job) -> Facts:
        found = [suppliers[key] for key in job.needs.values() if key in suppliers]
        here = writers.get(job.workspace_id, ())
        own = patterns_of(job.outputs) if here else ()
        return Facts(
            code=job.status_code,
            is_database_action=job.is_database_action,
            is_paused=job.backend.is_paused,
            is_in_maintenance=job.backend.is_in_maintenance_mode,
            retry_at=job.retry_at,
            suppliers=[Supplier(one.action, one.state) for one in found],
            writers=[action for action, patterns in here if can_write_the_same(own, patterns)],
            refusal=refusal,
        )

    return facts


def candidates(jobs: Iterable[Job], ready: Iterable[Job], weights: Mapping[int, float]) -> list[Candidate]:
    """The jobs of one backend that run or are ready, as the scheduler sees them; `weights` by job id."""
    free = {job.id for job in ready}
    return [
        Candidate(
            id=job.id,
            project=job.workspace.project_id,
            workspace=job.workspace_id,
            is_database_action=job.is_database_action,
            created_at=job.created_at,
            running=job.state == "running",
            ready=job.id in free,
            weight=weights.get(job.id, 1.0),
            ready_at=job.ready_at,
        )
        for job in jobs
        if job.id in free or job.state == "running"
    ]


def capacity() -> Capacity:
    """How much weight the pools of a backend hold, by the settings."""
    return Capacity(current().max_workers, current().max_db_workers)
