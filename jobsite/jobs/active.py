"""What the engine reads at each turn: the active jobs with their surroundings, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from peewee import SQL

from jobsite.accounts.models import Backend
from jobsite.core.prepared import Prepared
from jobsite.jobs.execution import why_none_handed_out
from jobsite.jobs.holding import Facts, Patterns, Supplier, can_write_the_same
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.scheduler import Candidate, Capacity
from jobsite.projects.models import Workspace
from jobsite.settings import current

ACTIVE = ("pending", "running")
FINAL = ("succeeded", "failed", "cancelled")

_CHANGING = ("state", "status_code", "updated_at", "cancel_asked_at", "stop_code", "retry_at")
_IS_ACTIVE = SQL("state IN ('pending', 'running')")
_AT_ONCE = 500

Row = TypeVar("Row", Backend, Workspace)
Raw = tuple[Any, ...]
_held = itemgetter(*_CHANGING)
_READERS = [getattr(Job, name).python_value for name in _CHANGING]


class _Known(NamedTuple):
    """A job, and of the columns that change what the database held of them when it was read and what the job held."""

    raw: Raw
    held: Raw
    job: Job


class ActiveJobs:
    """The active jobs turn after turn: a row is read again only when one of the columns that change has changed."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._attempts: dict[int, Attempt] = {}
        self._suppliers: dict[str, Supplier] = {}
        self._around: tuple[list[Raw], list[Raw]] = ([], [])
        self._backends: dict[int, Backend] = {}
        self._workspaces: dict[int, Workspace] = {}

    def read(self) -> list[Job]:
        """Every job that runs or waits here, oldest first, with backend and workspace, as they are now.

        Three queries when no job has changed. A job of a backend whose jobs are run elsewhere is among them only while
        an attempt that began here goes on.
        """
        columns = _COLUMNS if current().side == "secure" else _COLUMNS_HERE
        rows = [(row[0], row[1:]) for row in columns.run()]
        known = {key: one for key, raw in rows if (one := self._still_known(key, raw))}
        missing = {key: raw for key, raw in rows if key not in known}
        known |= _read_anew(missing)
        self._known = {key: known[key] for key, _ in rows if key in known}
        self._surround([self._known[key].job for key in missing if key in self._known])
        return [one.job for one in self._known.values()]

    def _still_known(self, key: int, raw: Raw) -> _Known | None:
        """What is known of a job whose columns are `raw`, if that still is so."""
        one = self._known.get(key)
        if one is None:
            return None
        held = _held(one.job.__data__)
        if raw == one.raw and held == one.held:
            return one
        # The engine itself has moved it: the row need not be read again.
        return _Known(raw, held, one.job) if _read(raw) == held else None

    def _surround(self, new: list[Job]) -> None:
        """Give the new jobs backend and workspace, and bring those that the others have up to date."""
        around = _BACKENDS.run().fetchall(), _WORKSPACES.run().fetchall()
        if around != self._around or any(job.workspace_id not in self._workspaces for job in new):
            self._around = around
            self._backends = _as_now(self._backends, Backend.select())
            wanted = {one.job.workspace_id for one in self._known.values()}
            self._workspaces = _as_now(self._workspaces, Workspace.select().where(Workspace.id.in_(wanted)))
        for job in new:
            job.backend = self._backends[job.backend_id]
            job.workspace = self._workspaces[job.workspace_id]

    def attempts(self) -> dict[int, Attempt]:
        """The newest attempt of each running job, by job id. No query for those that are known."""
        running = {key: one.job for key, one in self._known.items() if one.job.state == "running"}
        self._attempts = {
            key: attempt
            for key, job in running.items()
            if (attempt := self._attempts.get(key)) and attempt.number == job.attempts_made
        }
        missing = [key for key in running if key not in self._attempts]
        if missing:
            rows = Attempt.select().where(Attempt.job.in_(missing)).order_by(Attempt.number)
            self._attempts |= {attempt.job_id: attempt for attempt in rows}
        return self._attempts

    def suppliers(self) -> dict[str, Supplier]:
        """The jobs that the pending ones need, by identifier. At most one query, for those that have just ended.

        What is no identifier is left out here: it is the fault of one job, told when that one is looked at (B29).
        """
        jobs = {one.job.identifier: one.job for one in self._known.values()}
        pending = (job for job in jobs.values() if job.state == "pending" and job.needs)
        wanted = {key for job in pending for key in job.needs.values() if isinstance(key, str)}
        found = {key: Supplier(jobs[key].action, jobs[key].state) for key in wanted if key in jobs}
        ended = {key: self._suppliers[key] for key in wanted - found.keys() if key in self._suppliers}
        found |= ended
        if missing := wanted - found.keys():
            rows = Job.select(Job.identifier, Job.action, Job.state).where(Job.identifier.in_(list(missing)))
            found |= {row.identifier: Supplier(row.action, row.state) for row in rows}
        self._suppliers = {key: one for key, one in found.items() if one.state in FINAL}
        return found


def _read(raw: Raw) -> Raw:
    """The values of the columns that change, as a job holds them, from what the database holds."""
    return tuple(read(value) for read, value in zip(_READERS, raw, strict=True))


def _read_anew(raws: Mapping[int, Raw]) -> dict[int, _Known]:
    keys = list(raws)
    found: dict[int, _Known] = {}
    for start in range(0, len(keys), _AT_ONCE):
        for job in Job.select().where(Job.id.in_(keys[start : start + _AT_ONCE])):
            found[job.id] = _Known(raws[job.id], _held(job.__data__), job)
    return found


def _as_now(known: Mapping[int, Row], rows: Iterable[Row]) -> dict[int, Row]:
    """The rows by id, each in the object that stood for it before, so that whoever holds that sees the change."""
    found = {row.id: row for row in rows}
    for key, row in found.items():
        if key in known:
            known[key].__data__.update(row.__data__)
            known[key].__rel__.clear()
            found[key] = known[key]
    return found


def suppliers_of(jobs: Iterable[Job]) -> dict[str, Job]:
    """The jobs that these need, by identifier, with action and state alone. One query.

    What is no identifier is left out here: it is the fault of one job, told when that one is looked at (B29).
    """
    wanted = {key for job in jobs for key in job.needs.values() if isinstance(key, str)}
    if not wanted:
        return {}
    rows = Job.select(Job.identifier, Job.action, Job.state).where(Job.identifier.in_(list(wanted)))
    return {row.identifier: row for row in rows}


def pending_facts(
    jobs: list[Job], suppliers: Mapping[str, Supplier], refusal: str | None
) -> Callable[[Job], Facts]:
    """What gives the facts of each pending one among all active `jobs`, whose suppliers are these; `refusal` is why nothing can
    run on this server. No query."""
    writers: dict[int, list[tuple[str, Patterns]]] = defaultdict(list)
    for job in jobs:
        if job.state == "running":
            writers[job.workspace_id].append((job.action, job.patterns))
    known = {job.backend_id: job for job in jobs}.values()
    flags = {
        job.backend_id: (
            job.backend.is_paused,
            job.backend.is_in_maintenance_mode,
            why_none_handed_out() if job.backend.has_agent else refusal,
        )
        for job in known
    }

    def facts(job: Job) -> Facts:
        needs, here = job.needs, writers.get(job.workspace_id)
        is_paused, is_in_maintenance, its_refusal = flags[job.backend_id]
        return Facts(
            code=job.status_code,
            is_database_action=job.is_database_action,
            is_paused=is_paused,
            is_in_maintenance=is_in_maintenance,
            retry_at=job.retry_at,
            suppliers=[suppliers[key] for key in needs.values() if key in suppliers] if needs else (),
            writers=[action for action, one in here if can_write_the_same(job.patterns, one)] if here else (),
            refusal=its_refusal,
        )

    return facts


def candidates(jobs: Collection[Job], ready: Iterable[Job], weights: Mapping[int, float]) -> list[Candidate]:
    """The jobs of one backend that run or are ready, as the scheduler sees them; `weights` by job id."""
    free = {job.id for job in ready}
    projects: dict[int, int] = {}
    for job in jobs:
        if job.workspace_id not in projects:
            projects[job.workspace_id] = job.workspace.project_id
    return [
        Candidate(
            id=job.id,
            project=projects[job.workspace_id],
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


def _columns(where: Any) -> Any:
    return Job.select(Job.id, *(getattr(Job, name) for name in _CHANGING)).where(where).order_by(Job.id)


_RUNS_HERE = SQL(
    "(backend_id NOT IN (SELECT id FROM backend WHERE is_remote) OR (state = 'running' AND attempts_made > 0))"
)
_COLUMNS = Prepared(lambda: _columns(_IS_ACTIVE))
_COLUMNS_HERE = Prepared(lambda: _columns(_IS_ACTIVE & _RUNS_HERE))
_BACKENDS = Prepared(lambda: Backend.select().order_by(Backend.id))
_WORKSPACES = Prepared(
    lambda: (
        Workspace.select()
        .where(Workspace.id.in_(Job.select(Job.workspace).where(_IS_ACTIVE)))
        .order_by(Workspace.id)
    )
)
