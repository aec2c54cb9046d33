"""Stopping running jobs for other reasons than a cancellation: maintenance, a restart of the server, an operator.

The wish stands in the job's row. The engine passes it on, and the job moves on only when its processes are gone.
"""

from jobsite.accounts.models import User, username_of
from jobsite.accounts.queries import runs_here
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, database, writing
from jobsite.core.errors import Denied, Invalid
from jobsite.core.events import record
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.moving import move
from jobsite.jobs.rules import CODES
from jobsite.settings import current

LONGEST_REASON = 500


def stop_for_backend(job: Job) -> None:
    """Note on a running job that it has to stop, if its backend restarts or, for a database job, is in maintenance.

    Does nothing for a job that is to stop already.
    """
    if job.stop_code or job.cancel_asked_at:
        return
    if job.backend.is_rebooting:
        _ask_stop(job, "waiting_on_reboot", "", by="system")
    elif job.backend.is_in_maintenance_mode and job.is_database_action:
        _ask_stop(job, "waiting_db_maintenance", "", by="system")


def kill(*, by: User | str, job: Job, reason: str, retry: bool = False) -> None:
    """Stop a job as its operator: for good, or with `retry` for a new attempt.

    A pending job ends at once, a running one when its processes are gone. Raises `Invalid` without a reason and
    `Denied` for a job that has ended or, with `retry`, does not run.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise Invalid({"reason": "Give a reason: its author reads it."})
    if not job.is_active:
        raise Denied(f"{job.action} has already finished.")
    if not runs_here(job.backend) and not job.attempts_made:
        raise Denied(f"{job.action} does not run on this server: it is stopped on {job.backend.name}.")
    if retry and job.state != "running":
        raise Denied(f"{job.action} does not run, so there is nothing to try again.")
    if job.cancelling:
        raise Denied(f"{job.action} is being cancelled.")
    sentence = CODES["killed_by_admin"].sentence
    if job.state == "pending":
        move(job, "killed_by_admin", f"{sentence}: {reason}", by=username_of(by))
    elif retry:
        message = f"{sentence}: {reason}; a new attempt starts now"
        _ask_stop(job, "waiting_on_new_task", message, by=username_of(by))
    else:
        _ask_stop(job, "killed_by_admin", f"{sentence}: {reason}", by=username_of(by))


def left_to_stop(backend_id: int) -> list[Job]:
    """The jobs of a backend that keep its server from a restart: those that run, and those whose process still ends."""
    rows = Job.select().where((Job.backend == backend_id) & (Job.state == "running")).order_by(Job.id)
    return [*rows, *_with_processes(backend_id)]


def _with_processes(backend_id: int) -> list[Job]:
    """Jobs that count as stopped while a process of an attempt of theirs is still there."""
    work = current().instance / "work"
    names = [path.name for path in work.iterdir()] if work.exists() else []
    rows = Attempt.select(Attempt, Job).join(Job).where(Attempt.identifier.in_(names))
    here = rows.where((Job.backend == backend_id) & (Job.state != "running"))
    return [
        row.job for row in here.order_by(Attempt.id) if executor().observe(attempt_dir(row.job, row)).alive
    ]


def _ask_stop(job: Job, code: str, message: str, *, by: str) -> None:
    """`code` is what the job becomes when it has stopped. Raises `Conflict` when it has just ended."""
    with writing():
        asked = Job.update(stop_code=code, stop_message=message, updated_at=max(now(), job.updated_at))
        running = (Job.id == job.id) & (Job.state == "running")
        changed_one(asked.where(running), f"{job.action} has just finished.")
        record("job:stop-asked", by=by, subject=f"job:{job.identifier}", action=job.action, code=code)
        database.after_commit(hub.ring)
    job.stop_code, job.stop_message = code, message
