"""What is read of requests and jobs for a person: one thing or a stop, and lists in a fixed number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import JOIN, ModelSelect

from jobsite import settings
from jobsite.accounts.models import AnonymousPerson, Backend, User
from jobsite.core.errors import NotFound
from jobsite.core.events import Event
from jobsite.jobs.job_rows import JobRow
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest, ProjectFile
from jobsite.jobs.scheduler import Candidate, queue_order
from jobsite.projects.models import Project, Workspace

LOG_PERMISSION = "unreleased_outputs_view"
ROOM_CODES = ("waiting_on_workers", "waiting_on_db_workers")
MOST_QUEUED = 500
MOST_PLANNED = 100
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
    jobs = list(Job.select().where(Job.job_request == request).order_by(Job.position, Job.id))
    for job in jobs:
        job.job_request = request
    return jobs


def job_in(workspace: Workspace, number: int, identifier: str) -> tuple[Job, list[Attempt]]:
    """The job with that identifier, or whose identifier alone in the request begins so, and its attempts in order.

    Raises `NotFound` when there is none, or more than one.
    """
    rows = (
        Job.select(Job, JobRequest, Backend, User, Attempt)
        .join(JobRequest)
        .join(User)
        .switch(JobRequest)
        .join(Backend)
        .switch(Job)
        .join(Attempt, JOIN.LEFT_OUTER, attr="attempt")
        .where((JobRequest.id == number) & (JobRequest.workspace == workspace))
        .where(Job.identifier.startswith(identifier))
        .order_by(Job.id, Attempt.number)
    )
    found = [row for row in rows if row.identifier == identifier] or list(rows)
    if len({row.id for row in found}) != 1:
        raise NotFound(f"There is no job {identifier} in job request {number}.")
    job = found[0]
    job.workspace = job.job_request.workspace = workspace
    return job, [row.attempt for row in found if row.attempt is not None and row.attempt.id]


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


def outputs_of(job: Job) -> list[JobOutput]:
    """The files a job left in the workspace, by path. For people who may read them only."""
    return list(JobOutput.select().where(JobOutput.job == job).order_by(JobOutput.path))


def active_jobs() -> list[Job]:
    """Jobs that run and jobs that wait, oldest first, with request, workspace and backend; at most MOST_QUEUED."""
    rows = Job.select(Job, JobRequest, Workspace, Project, Backend).join(JobRequest)
    rows = rows.switch(Job).join(Workspace).join(Project).switch(Job).join(Backend)
    return list(
        rows.where(Job.state.in_(("running", "pending")))
        .order_by(Job.state.desc(), Job.id)
        .limit(MOST_QUEUED)
    )


@dataclass(frozen=True)
class Queue:
    """What runs on one backend, and which jobs wait only for room there, in the order in which they will start."""

    running: tuple[JobRow, ...]
    waiting: tuple[Job, ...]

    def before(self, job: Job) -> list[Job]:
        """The jobs that start before this one in the same pool."""
        ids = [one.id for one in self.waiting]
        ahead = self.waiting[: ids.index(job.id)] if job.id in ids else ()
        return [one for one in ahead if one.is_database_action == job.is_database_action]

    def place(self, job: Job) -> str:
        """Where in the queue a job stands, as a sentence; "" for a job that waits for something else."""
        if job.id not in {one.id for one in self.waiting}:
            return ""
        count = len(self.before(job))
        return (
            "It is the next to start." if not count else f"{count} job{'s' if count > 1 else ''} before it."
        )


def queues_of(jobs: Sequence[Job], at: datetime) -> Mapping[int, Queue]:
    """The queue of each backend, by its id, made of active jobs."""
    by_backend: dict[int, list[Job]] = {}
    for job in jobs:
        by_backend.setdefault(job.backend_id, []).append(job)
    return {key: _queue(here, at) for key, here in by_backend.items()}


def _queue(jobs: list[Job], at: datetime) -> Queue:
    running = tuple(JobRow(job, at) for job in jobs if job.state == "running")
    ready = [job for job in jobs if job.state == "pending" and job.status_code in ROOM_CODES]
    considered = [row.job for row in running] + ready[:MOST_PLANNED]
    order = queue_order((_candidate(job) for job in considered), at)
    by_id = {job.id: job for job in ready}
    return Queue(running, (*(by_id[key] for key in order), *ready[MOST_PLANNED:]))


def _candidate(job: Job) -> Candidate:
    running = job.state == "running"
    return Candidate(
        id=job.id,
        project=job.workspace.project_id,
        workspace=job.workspace_id,
        is_database_action=job.is_database_action,
        created_at=job.created_at,
        running=running,
        ready=not running,
    )
