"""Requests and jobs as JSON for other programs: the same documents from a command as over the network."""

from collections.abc import Sequence
from typing import Any

from jobsite.core.clock import wire
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.queries import jobs_of
from jobsite.jobs.rules import JOB, wire_state
from jobsite.pipelines.planning import Decision
from jobsite.projects.models import Workspace

MOST_LISTED = 1000


def request_json(
    made: JobRequest | None, decisions: Sequence[Decision] = (), nothing_to_do: str | None = None
) -> dict[str, Any]:
    """A request with its jobs, and what was decided about each action when it was asked for, where that is told.

    Without a request (a dry run) its fields are null, it has no jobs, and its message says why there is nothing to do.
    """
    jobs = list(Job.select().where(Job.job_request == made).order_by(Job.position, Job.id)) if made else []
    return {
        "id": made.id if made else None,
        "identifier": made.identifier if made else None,
        "status": made.status if made else None,
        "status_message": made.status_message if made else nothing_to_do or "",
        "jobs": [job_json(job) for job in jobs],
        "plan": [{"action": one.action, "verdict": one.verdict, "reason": one.reason} for one in decisions],
    }


def cancelled_json(request: JobRequest, count: int) -> dict[str, Any]:
    """A request of whose jobs so many were cancelled, or are being cancelled."""
    rows = [{**job_json(job), "cancelling": job.cancelling} for job in jobs_of(request)]
    return {"id": request.id, "identifier": request.identifier, "cancelled": count, "jobs": rows}


def newest_jobs(*, active: bool, workspace: str = "") -> list[Job]:
    """The newest jobs, at most 1000, newest first: of one workspace where it is named, and only those that run or wait
    where `active`. One query."""
    rows = Job.select(Job, JobRequest, Workspace).join(JobRequest).join(Workspace).order_by(Job.id.desc())
    rows = rows.where(Job.state.in_(JOB.active)) if active else rows
    rows = rows.where(Workspace.name == workspace) if workspace else rows
    return list(rows.limit(MOST_LISTED))


def listed_json(job: Job) -> dict[str, Any]:
    """A job in a list: also where and when it ran."""
    return {
        **job_json(job),
        "request": job.job_request_id,
        "workspace": job.job_request.workspace.name,
        "created_at": wire(job.created_at),
        "started_at": wire(job.started_at),
        "completed_at": wire(job.completed_at),
    }


def job_json(job: Job) -> dict[str, Any]:
    """A job by itself."""
    return {
        "identifier": job.identifier,
        "action": job.action,
        "status": wire_state(job.state),
        "status_code": job.status_code,
        "status_message": job.status_message,
    }
