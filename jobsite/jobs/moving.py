"""`move`: the one door through which a job changes. One conditional update, the request's status beside it, one
event, one transaction."""

from datetime import datetime
from typing import Any

from peewee import fn

from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, database, writing
from jobsite.core.events import record
from jobsite.core.states import ImpossibleStep
from jobsite.jobs.backend_alerts import note_move
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.rules import CODES, JOB, REQUEST_ACTIVE, request_status, why_not_step


def move(job: Job, code: str, message: str = "", *, by: str = "system", **changes: Any) -> None:
    """Take the job to the status `code`; `changes` are further columns.

    Raises `Conflict` when it is no longer where this object saw it, and `ImpossibleStep` for a step that is not in
    the table. Times never go backwards, also when the clock does.
    """
    if why_not := why_not_step(job.status_code, code):
        raise ImpossibleStep(why_not)
    target = CODES[code].state
    if target != job.state:
        JOB.step(job.state, target)
    moment = max(now(), job.updated_at)
    changes |= {"state": target, "status_code": code, "status_message": message or CODES[code].sentence}
    changes |= {"updated_at": moment, "status_code_updated_at": moment, **_times(job, target, moment)}
    with writing():
        seen = (Job.id == job.id) & (Job.state == job.state) & (Job.status_code == job.status_code)
        changed_one(Job.update(**changes).where(seen), f"Job {job.identifier} has moved on.")
        record(f"job:{code}", by=by, subject=f"job:{job.identifier}", action=job.action)
        note_move(job, code)
        if target != job.state:
            _follow(job.job_request_id)
        database.after_commit(hub.ring)
    for name, value in changes.items():
        setattr(job, name, value)


def _times(job: Job, target: str, moment: datetime) -> dict[str, Any]:
    if target == "running":
        return {"started_at": job.started_at or moment}
    if target == "pending":
        return {"started_at": None}
    return {"completed_at": moment}


def _follow(request_id: int) -> None:
    """Derive the request's status, counts and times from its jobs, in the transaction of their change."""
    facts = (JobRequest.status, JobRequest.status_message, JobRequest.started_at)
    request = JobRequest.select(*facts).where(JobRequest.id == request_id).get()
    counts = Job.select(Job.state, fn.COUNT(Job.id), fn.MIN(Job.started_at), fn.MAX(Job.completed_at))
    rows = list(counts.where(Job.job_request == request_id).group_by(Job.state).tuples())
    status = request_status(request.status, [state for state, *_ in rows])
    starts = [started for _, _, started, _ in rows if started]
    ends = [completed for *_, completed in rows if completed]
    JobRequest.update(
        status=status,
        status_message="Failed due to job failure" if status == "failed" else request.status_message,
        jobs_succeeded=sum(count for state, count, *_ in rows if state == "succeeded"),
        started_at=request.started_at or min(starts, default=None),
        completed_at=None if status in REQUEST_ACTIVE else max(ends, default=None),
    ).where(JobRequest.id == request_id).execute()
