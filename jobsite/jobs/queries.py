"""What is read of requests and jobs for a person: one thing or a stop, and lists in a fixed number of queries."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from peewee import JOIN, ModelSelect, fn

from jobsite import settings
from jobsite.accounts.models import AnonymousPerson, Backend, User
from jobsite.core.clock import moment_of
from jobsite.core.db import database
from jobsite.core.errors import NotFound
from jobsite.core.events import Event
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest, ProjectFile
from jobsite.projects.models import Workspace

LOG_PERMISSION = "unreleased_outputs_view"
UNLUCKY = ("failed", "cancelled")
MOST_EVENTS = 200
LONGEST_NUMBER = 16
"""Digits; the database holds no number of twenty, and Python reads none of thousands."""


def request_in(workspace: Workspace, number: int) -> JobRequest:
    """The request of that number in the workspace, with backend, person and project file. Raises `NotFound`."""
    rows = (
        JobRequest.select(JobRequest, Backend, User, ProjectFile).join(Backend).switch(JobRequest).join(User)
    )
    rows = rows.switch(JobRequest).join(ProjectFile)
    found = rows.where((JobRequest.id == number) & (JobRequest.workspace == workspace)).first()
    if found is None:
        raise NotFound(f"There is no job request {number} in {workspace.name}.")
    found.workspace = workspace
    return found


def jobs_of(request: JobRequest) -> list[Job]:
    """The jobs of a request in the order in which they were planned."""
    return jobs_and_last_good(request)[0]


def jobs_and_last_good(request: JobRequest) -> tuple[list[Job], dict[str, Job]]:
    """The jobs of a request in the order in which they were planned, and the last good one beside each that did
    not succeed: the newest success of its action there, by action. One query."""
    unlucky = Job.select(Job.action).where((Job.job_request == request) & Job.state.in_(UNLUCKY))
    good = _newest_success(request.workspace_id, request.backend_id).where(Job.action.in_(unlucky))
    # Two lists of ids become one: an OR of them would make PostgreSQL look through all jobs.
    wanted = Job.select(Job.id).where(Job.job_request == request) | good.group_by(Job.action)
    found = list(Job.select().where(Job.id.in_(wanted)).order_by(Job.position, Job.id))
    jobs = [job for job in found if job.job_request_id == request.id]
    for job in jobs:
        job.job_request, job.backend = request, request.backend
    return jobs, {job.action: job for job in found if job.job_request_id != request.id}


def found_jobs(request: JobRequest) -> list[Job]:
    """The jobs that a request found when it was made: the newest of each action that was not cancelled then.

    An action may have run again since, and what was running then may have ended; neither counts. One query.
    """
    then = (Job.workspace == request.workspace_id) & (Job.backend == request.backend_id)
    then &= Job.job_request < request.id
    then &= (Job.state != "cancelled") | (Job.completed_at > request.created_at)
    newest = Job.select(fn.MAX(Job.id)).where(then).group_by(Job.action)
    return list(Job.select().where(Job.id.in_(newest)))


def related_jobs(job: Job) -> tuple[dict[str, Job], Job | None]:
    """The jobs whose outputs it takes, by action, and the newest success of its own action. One query.

    The success is None for a job that has succeeded itself, and for one that has not ended.
    """
    wanted = Job.select(Job.id).where(Job.identifier.in_(list(job.needs.values())))
    if job.state in UNLUCKY:
        wanted |= _newest_success(job.workspace_id, job.backend_id).where(Job.action == job.action)
    elif not job.needs:
        return {}, None
    found = list(Job.select().where(Job.id.in_(wanted)))
    by_identifier = {one.identifier: one for one in found}
    suppliers = {
        action: by_identifier[key] for action, key in sorted(job.needs.items()) if key in by_identifier
    }
    return suppliers, next((one for one in found if one.action == job.action), None)


def _newest_success(workspace: int, backend: int) -> ModelSelect:
    there = (Job.workspace == workspace) & (Job.backend == backend) & (Job.state == "succeeded")
    return Job.select(fn.MAX(Job.id)).where(there)


def job_in(workspace: Workspace, number: int, identifier: str) -> tuple[Job, list[Attempt]]:
    """The job with that identifier, or whose identifier alone in the request begins so, and its attempts in order.

    Raises `NotFound` when there is none, or more than one.
    """
    rows = _with_attempts(
        Job.select(Job, JobRequest, Backend, User)
        .join_from(Job, JobRequest)
        .join_from(JobRequest, User)
        .join_from(JobRequest, Backend)
        .where((JobRequest.id == number) & (JobRequest.workspace == workspace))
        .where(Job.identifier.startswith(identifier))
        .order_by(Job.id)
    )
    found = [row for row in rows if row.identifier == identifier] or list(rows)
    if len({row.id for row in found}) != 1:
        raise NotFound(f"There is no job {identifier} in job request {number}.")
    job = found[0]
    job.workspace = job.job_request.workspace = workspace
    job.backend = job.job_request.backend
    tried = [getattr(row, "attempt", None) for row in found]
    return job, [attempt for attempt in tried if attempt is not None and attempt.id]


def _with_attempts(rows: ModelSelect) -> ModelSelect:
    """A row for each attempt of each job instead of one for each job, where attempts are known."""
    if not settings.current().secure:
        return rows
    tried = rows.select_extend(*Attempt._meta.sorted_fields)
    return tried.join_from(Job, Attempt, JOIN.LEFT_OUTER, attr="attempt").order_by_extend(Attempt.number)


def whole_request(text: str) -> JobRequest:
    """The request of that number, or whose identifier alone begins so. Raises `NotFound` with a sentence."""
    rows = JobRequest.select(JobRequest, Workspace).join(Workspace)
    number = int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else 0
    if found := rows.where(JobRequest.id == number).first():
        return found
    return _only(rows.where(JobRequest.identifier.startswith(text)).limit(2), "job request", text)


def whole_job(text: str) -> Job:
    """The job whose identifier alone begins so, with request and workspace. Raises `NotFound` with a sentence."""
    rows = Job.select(Job, JobRequest, Workspace).join(JobRequest).join(Workspace)
    exact = rows.where(Job.identifier == text).first()
    return exact or _only(rows.where(Job.identifier.startswith(text)).limit(2), "job", text)


def job_named(request: JobRequest, name: str) -> Job:
    """The job of the request with this action, or whose identifier alone begins so. Raises `NotFound` with a sentence."""
    jobs = jobs_of(request)
    found = [job for job in jobs if job.action == name] or [
        job for job in jobs if job.identifier.startswith(name)
    ]
    if len(found) != 1:
        raise NotFound(f"Request {request.id} has {'more than one' if found else 'no'} job {name}.")
    return found[0]


def _only(rows: ModelSelect, kind: str, text: str) -> JobRequest | Job:
    found = list(rows) if text else []
    if len(found) == 1:
        return found[0]
    raise NotFound(f"More than one {kind} begins with {text}." if found else f"There is no {kind} {text}.")


def may_cancel(request: JobRequest, workspace: Workspace, person: User | AnonymousPerson) -> bool:
    """Whether a person, for whom the workspace was loaded, may cancel: who asked for it, and `job_cancel`."""
    return "job_cancel" in workspace.permissions or (
        person.is_authenticated and request.created_by_id == person.id
    )


def may_read_log(workspace: Workspace) -> bool:
    """Whether the person for whom the workspace was loaded may read logs and names of outputs, on this side."""
    return settings.current().secure and LOG_PERMISSION in workspace.permissions


def events_of(job: Job) -> list[Event]:
    """What happened to a job, oldest first."""
    rows = Event.select().where(Event.subject == f"job:{job.identifier}")
    return list(rows.order_by(Event.id).limit(MOST_EVENTS))


def outputs_of(jobs: Sequence[Job]) -> dict[int, list[JobOutput]]:
    """The files that jobs left in the workspace, by job id, in order of path. For people who may read them only."""
    found: dict[int, list[JobOutput]] = {}
    for row in JobOutput.select().where(JobOutput.job.in_(list(jobs))).order_by(JobOutput.path):
        found.setdefault(row.job_id, []).append(row)
    return found


def output_counts(jobs: Sequence[Job]) -> dict[int, dict[str, int]]:
    """How many files jobs left in the workspace, by job id and level: no names. One query."""
    found: dict[int, dict[str, int]] = {}
    counts = JobOutput.select(JobOutput.job, JobOutput.level, fn.COUNT(JobOutput.id))
    counts = counts.where(JobOutput.job.in_(list(jobs))).group_by(JobOutput.job, JobOutput.level)
    for job, level, count in counts.tuples():
        found.setdefault(job, {})[level] = count
    return found


class Queued(NamedTuple):
    """What the queue needs to know of a job that runs or waits."""

    id: int
    identifier: str
    job_request_id: int
    workspace: int
    backend: int
    action: str
    run_command: str
    is_database_action: bool
    state: str
    status_code: str
    created_at: datetime
    started_at: datetime | None
    ready_at: datetime | None
    project: int
    workspace_name: str
    backend_slug: str

    @property
    def key(self) -> tuple[int, int, str]:
        """Whose run times are like its own."""
        return self.workspace, self.backend, self.action

    def seconds(self, at: datetime) -> float:
        """How long it has been running at the moment `at`; 0 before it runs."""
        return max(0.0, (at - self.started_at).total_seconds()) if self.started_at else 0.0


def queued_jobs(backend: int | None = None) -> list[Queued]:
    """All jobs that run and jobs that wait, the running ones first, then the oldest; those of one backend when its id
    is given. One query of few columns, whose values are taken as they are: there may be thousands of jobs."""
    columns = [getattr(Job, name.removesuffix("_id")) for name in Queued._fields[:13]]
    rows = Job.select(*columns, Workspace.project, Workspace.name, Backend.slug)
    rows = rows.join(Workspace).switch(Job).join(Backend).where(Job.state.in_(("running", "pending")))
    if backend is not None:
        rows = rows.where(Job.backend == backend)
    found = database.execute_sql(*rows.order_by(Job.state.desc(), Job.id).sql())
    return [Queued(*row[:10], *map(moment_of, row[10:13]), *row[13:]) for row in found]


def jobs_with_surroundings(ids: Sequence[int]) -> dict[int, Job]:
    """These jobs by id, as far as a list of jobs shows them, with the names of workspace and backend. One query."""
    times = (Job.created_at, Job.updated_at, Job.started_at, Job.completed_at, Job.cancel_asked_at)
    facts = (
        Job.action,
        Job.state,
        Job.status_code,
        Job.status_message,
        Job.is_database_action,
        Job.run_command,
    )
    rows = Job.select(
        Job.id,
        Job.identifier,
        Job.job_request,
        Job.workspace,
        Job.backend,
        *facts,
        *times,
        Workspace.id,
        Workspace.name,
        Backend.id,
        Backend.name,
        Backend.slug,
    )
    rows = rows.join(Workspace).switch(Job).join(Backend)
    return {job.id: job for job in rows.where(Job.id.in_(list(ids)))}
