"""Jobs that run elsewhere, as their runner reports them (specification 9.2 and 12.2).

A report names all jobs of the requests it mentions. It may come twice, and two may come at once: the same report changes
nothing, and what has ended is never taken back by one that was sent before.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from peewee import Case, Field, JSONField

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.accounts.rules import SYSTEM
from jobsite.core import hub
from jobsite.core.db import database, writing
from jobsite.core.events import Happening, record_all
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.rules import (
    CODES,
    JOB,
    REQUEST_ACTIVE,
    only_cancelled,
    reported_state,
    reported_status,
    wire_state,
)
from jobsite.settings import current

NO_ACTION = "__error__"
"""The action of a report that is none: the runner could not make jobs of the request, and says why."""

FAILED = "Failed due to job failure"
NO_JOBS = "request:no-jobs"
MOVED, ENDED = "job:reported", "job:reported-ended"
"""Events of jobs whose status code is none of ours."""

LENGTH = 16
"""Characters of the identifier of a request."""

FIXED = ("identifier", "job_request", "workspace", "backend", "position")
"""Columns that stay as they were first reported."""

ROWS = 500
"""So many jobs are stored with one statement."""

_AS_THEY_ARE = (
    "identifier",
    "action",
    "run_command",
    "status_code",
    "status_message",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "trace_context",
    "metrics",
)
"""Columns of a job that are what was reported, word for word."""

_DERIVED = (
    "status",
    "only_cancelled",
    "status_message",
    "jobs_total",
    "jobs_succeeded",
    "started_at",
    "completed_at",
)
"""The columns of a request that follow from its jobs."""

log = logging.getLogger("jobsite.reported")


@dataclass(frozen=True)
class Report:
    """What a runner says of one job, as it came over the wire; times are naive UTC."""

    job_request_id: str
    identifier: str
    action: str
    run_command: str
    status: str
    status_code: str
    status_message: str
    created_at: datetime
    updated_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    trace_context: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    requires_db: bool = False

    @property
    def state(self) -> str:
        """The state of the job."""
        return reported_state(self.status, self.status_code)

    @property
    def columns(self) -> dict[str, Any]:
        """What is stored of it. What has ended has an end: of a cancelled job none is reported."""
        updated = self.updated_at or self.completed_at or self.created_at
        return {
            "action": self.action,
            "run_command": self.run_command,
            "is_database_action": self.requires_db,
            "state": self.state,
            "status_code": self.status_code,
            "status_message": self.status_message,
            "created_at": self.created_at,
            "updated_at": updated,
            "started_at": self.started_at,
            "completed_at": (self.completed_at or updated) if self.state in JOB.final else None,
            "trace_context": self.trace_context,
            "metrics": self.metrics,
        }


def report_jobs(*, by: Backend, reports: Sequence[Report], whole: bool = True) -> None:
    """Store what a backend reports: jobs are added, changed, and, where a mentioned request has them no more, removed; not
    `whole`, they stay as they are known.

    The status of each request follows from them in the same transaction. Requests that are unknown, of another backend, or
    whose jobs run here are left alone, as is a job whose identifier belongs to another request; both are noted.
    """
    named = _by_request(by, reports)
    with writing():
        requests = _requests(by, named)
        stored = _stored(requests, [one.identifier for one in reports])
        seen = {request.id: _own(request, named[request.identifier], stored) for request in requests}
        if not whole:
            seen = {request.id: _known(request, stored) | seen[request.id] for request in requests}
        _remove_absent(stored.values(), seen)
        changed = [
            row for request in requests for row in _changed(request, seen[request.id].values(), stored)
        ]
        _store(changed)
        failed = _follow(requests, seen)
        record_all([*_happenings(changed, stored), *failed])
        database.after_commit(hub.ring)


def _by_request(by: Backend, reports: Iterable[Report]) -> dict[str, dict[str, Report]]:
    """The reports by request and identifier; of an identifier that two requests claim, those of the first."""
    named: dict[str, dict[str, Report]] = {}
    owners: dict[str, str] = {}
    for report in reports:
        its = named.setdefault(report.job_request_id, {})
        if owners.setdefault(report.identifier, report.job_request_id) == report.job_request_id:
            its[report.identifier] = report
        else:
            log.warning("backend %s reports the job %r for two requests", by.slug, report.identifier)
    return named


def _requests(by: Backend, named: Collection[str]) -> list[JobRequest]:
    """The requests of this backend that are reported, and run nowhere else."""
    wanted = [name for name in named if len(name) == LENGTH]  # others would be cut to that
    its = JobRequest.identifier.in_(wanted) & (JobRequest.backend == by.id)
    found = [] if runs_here(by) else list(JobRequest.select().where(its).order_by(JobRequest.id))
    begun = _begun_here([one.id for one in found])
    taken = [one for one in found if one.id not in begun]
    if ignored := sorted(set(named) - {one.identifier for one in taken}):
        log.warning("backend %s reports jobs of requests that are not its: %r", by.slug, ignored[:20])
    return taken


def _begun_here(numbers: list[int]) -> set[int]:
    """The requests of these numbers with jobs that were started here, before another program took the backend over."""
    if not current().secure:
        return set()
    begun = Attempt.select(Job.job_request).join(Job).where(Job.job_request.in_(numbers))
    return {number for (number,) in begun.distinct().tuples()}


def _stored(requests: Iterable[JobRequest], identifiers: Sequence[str]) -> dict[str, Job]:
    """The jobs there are, of these requests or with these identifiers."""
    its = Job.job_request.in_([one.id for one in requests]) | Job.identifier.in_(identifiers)
    return {job.identifier: job for job in Job.select(*_compared()).where(its)}


@cache
def _compared() -> list[Field]:
    """What of a job is compared with what is reported: the rest of its row need not be read."""
    own = {"id", *FIXED, "state", "is_database_action", "status_code_updated_at"}
    return [one for one in Job._meta.sorted_fields if one.name in own | set(Report.__dataclass_fields__)]


def _own(request: JobRequest, reports: Mapping[str, Report], stored: Mapping[str, Job]) -> dict[str, Report]:
    """The reports of a request, without those of jobs that belong to another."""
    foreign = [name for name in reports if name in stored and stored[name].job_request_id != request.id]
    if foreign:
        log.warning("request %s is reported with jobs of another: %r", request.identifier, foreign[:20])
    return {name: report for name, report in reports.items() if name not in foreign}


def _known(request: JobRequest, stored: Mapping[str, Job]) -> dict[str, Report]:
    """The jobs of a request as they were reported before, by identifier, in their order."""
    its = [job for job in stored.values() if job.job_request_id == request.id]
    return {
        job.identifier: Report(
            job_request_id=request.identifier,
            status=wire_state(job.state),
            requires_db=job.is_database_action,
            **{name: getattr(job, name) for name in _AS_THEY_ARE},
        )
        for job in sorted(its, key=lambda job: (job.position, job.id))
    }


def _remove_absent(stored: Iterable[Job], seen: Mapping[int, Mapping[str, Report]]) -> None:
    absent = [
        job.id
        for job in stored
        if job.job_request_id in seen and not _is_job(seen[job.job_request_id].get(job.identifier))
    ]
    if absent:
        Job.delete().where(Job.id.in_(absent)).execute()


def _is_job(report: Report | None) -> bool:
    return report is not None and report.action != NO_ACTION


def _changed(
    request: JobRequest, reports: Iterable[Report], stored: Mapping[str, Job]
) -> list[dict[str, Any]]:
    """The rows of a request's jobs that are new, or are to become others than they are."""
    rows = []
    for position, report in enumerate(one for one in reports if _is_job(one)):
        job, columns = stored.get(report.identifier), report.columns
        if job is not None and (_is_late(job, columns) or _is_same(job, columns)):
            continue
        stands = job if job and job.status_code == columns["status_code"] else None
        since = stands.status_code_updated_at if stands else columns["updated_at"]
        rows.append(
            columns
            | {
                "identifier": report.identifier,
                "job_request": request.id,
                "workspace": request.workspace_id,
                "backend": request.backend_id,
                "position": position,
                "status_code_updated_at": since,
            }
        )
    return rows


def _is_late(job: Job, columns: Mapping[str, Any]) -> bool:
    """Whether a report of a job that has ended was sent before it ended."""
    return (
        job.state in JOB.final
        and columns["state"] not in JOB.final
        and columns["updated_at"] < job.updated_at
    )


def _is_same(job: Job, columns: Mapping[str, Any]) -> bool:
    return all(getattr(job, name) == value for name, value in columns.items())


def _store(rows: Sequence[dict[str, Any]]) -> None:
    """Add jobs, and change those that are there, so many with one statement."""
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        values = {
            f"{name}_{number}": _as_stored(Job._meta.fields[name], value)
            for number, row in enumerate(some)
            for name, value in row.items()
        }
        _upsert(len(some), tuple(some[0])).run(**values, **_untouched())


@lru_cache(maxsize=16)
def _upsert(count: int, names: tuple[str, ...]) -> Prepared:
    """The statement that stores so many jobs with these columns; the others are as they are in a new job."""
    return Prepared(lambda: _upsert_of(count, names))


def _upsert_of(count: int, names: tuple[str, ...]) -> Any:
    others = {name: place(name) for name in _untouched()}
    rows = [others | {name: place(f"{name}_{number}") for name in names} for number in range(count)]
    kept = [getattr(Job, name) for name in names if name not in FIXED]
    return Job.insert_many(rows).on_conflict(conflict_target=[Job.identifier], preserve=kept)


@cache
def _untouched() -> dict[str, Any]:
    """The columns that no report changes, as they are in a new job."""
    reported = {*Report.__dataclass_fields__, *FIXED, "state", "is_database_action", "status_code_updated_at"}
    rest = (field for field in Job._meta.sorted_fields if field.name not in {*reported, "id"})
    return {
        one.name: _as_stored(one, one.default() if callable(one.default) else one.default) for one in rest
    }


def _as_stored(field: Field, value: Any) -> Any:
    """A value as the database holds it."""
    if isinstance(field, JSONField):
        return None if value is None else json.dumps(value)
    return field.db_value(value)


def _follow(requests: Iterable[JobRequest], seen: Mapping[int, Mapping[str, Report]]) -> list[Happening]:
    """Derive the status, counts and times of each request from its jobs; gives an event for each that failed without any."""
    active = {request.id for request in requests if request.is_active}
    moved = [request for request in requests if _derive(request, list(seen[request.id].values()))]
    _store_derived(moved)
    failed = [one for one in moved if one.id in active and not one.is_active and not one.jobs_total]
    return [Happening(NO_JOBS, SYSTEM, f"request:{one.id}", {}) for one in failed]


def _store_derived(moved: Sequence[JobRequest]) -> None:
    """Store what follows from the jobs of these requests, so many with one statement."""
    fields = JobRequest._meta.fields
    for start in range(0, len(moved), ROWS):
        some = moved[start : start + ROWS]
        values = {
            f"{name}_{number}": _as_stored(fields[name], getattr(one, name))
            for number, one in enumerate(some)
            for name in ("id", *_DERIVED)
        }
        _update(len(some)).run(**values)


@lru_cache(maxsize=16)
def _update(count: int) -> Prepared:
    """The statement that changes the derived columns of so many requests."""
    return Prepared(lambda: _update_of(range(count)))


def _update_of(numbers: range) -> Any:
    its = [place(f"id_{number}") for number in numbers]
    new = {
        name: Case(
            JobRequest.id,
            [(its[number], place(f"{name}_{number}")) for number in numbers],
            getattr(JobRequest, name),  # never taken: it tells PostgreSQL of which type the others are
        )
        for name in _DERIVED
    }
    return JobRequest.update(new).where(JobRequest.id.in_(its))


def _derive(request: JobRequest, reports: Sequence[Report]) -> bool:
    """Put on a request what follows from its jobs. Gives whether that is anything new."""
    before = {name: getattr(request, name) for name in _DERIVED}
    jobs = [one.columns for one in reports if _is_job(one)]
    states = [one["state"] for one in jobs]
    starts = [one["started_at"] for one in jobs if one["started_at"]]
    ends = [one["completed_at"] for one in (report.columns for report in reports) if one["completed_at"]]
    request.status = reported_status(request.status, [one.status for one in reports])
    request.only_cancelled = only_cancelled(request.status, states)
    request.status_message = _message(request, reports)
    request.jobs_total, request.jobs_succeeded = len(jobs), states.count("succeeded")
    request.started_at = min(starts, default=None)
    if request.status in REQUEST_ACTIVE:
        request.completed_at = None
    else:
        request.completed_at = max(ends, default=request.completed_at)
    return before != {name: getattr(request, name) for name in _DERIVED}


def _message(request: JobRequest, reports: Sequence[Report]) -> str:
    """Why there are no jobs, why nothing was to do, or that jobs failed."""
    if why_none := next((one.status_message for one in reports if one.action == NO_ACTION), ""):
        return why_none
    if request.status == "failed":
        return FAILED
    if len(reports) == 1 and reports[0].state == "succeeded" and reports[0].started_at is None:
        return reports[0].status_message  # nothing was to do: one job that never ran says so
    return request.status_message


def _happenings(rows: Iterable[Mapping[str, Any]], stored: Mapping[str, Job]) -> list[Happening]:
    """An event for each job that has come to another state or code."""
    found = []
    for row in rows:
        job = stored.get(row["identifier"])
        if job is None or (job.state, job.status_code) != (row["state"], row["status_code"]):
            subject = f"job:{row['identifier']}"
            found.append(Happening(_type_of(row), SYSTEM, subject, {"action": row["action"]}))
    return found


def _type_of(row: Mapping[str, Any]) -> str:
    code = CODES.get(row["status_code"])
    if code is not None and code.state == row["state"]:
        return f"job:{row['status_code']}"
    return ENDED if row["state"] in JOB.final else MOVED
