"""The active tasks of a backend, as its agent fetches them (pipelines and jobs, appendix B)."""

from typing import Any

from jobsite.accounts.models import Backend
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors.agent import offer
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.store_facts import EPOCH
from jobsite.sync.tasks.actions import carried_out
from jobsite.sync.tasks.database import DBSTATUS
from jobsite.sync.tasks.models import AgentTask

RUNJOB, CANCELJOB = "runjob", "canceljob"
CANCEL = "-cancel"
"""What ends the id of the task that ends an attempt."""


def active_tasks(backend: Backend) -> list[dict[str, Any]]:
    """The tasks that the agent of the backend has to carry out: questions whether the database is in maintenance first, then
    all others from the oldest on. Two queries.

    An attempt whose end is wished is a task to end it, and no longer one to carry it out.
    """
    rows = AgentTask.select().where((AgentTask.backend == backend) & AgentTask.is_active)
    questions = [_question(row, backend) for row in rows]
    jobs = [task for job, attempt in carried_out(backend) if (task := _job(job, attempt, backend))]
    return sorted(
        questions + jobs, key=lambda task: (task["type"] != DBSTATUS, task["created_at"], task["id"])
    )


def _question(row: AgentTask, backend: Backend) -> dict[str, Any]:
    at = int((row.created_at - EPOCH).total_seconds())
    return _task(row.identifier, backend, row.type, {"definition": row.definition, "attributes": {}}, at)


def _job(job: Job, attempt: Attempt, backend: Backend) -> dict[str, Any] | None:
    """The task of an attempt; None before it was handed over and after its end."""
    found = offer(attempt_dir(job, attempt))
    if found is None:
        return None
    if found.cancel_at is None:
        at = int((attempt.created_at - EPOCH).total_seconds())
        return _task(attempt.identifier, backend, RUNJOB, found.definition, at)
    told = {**found.definition, "definition": {**found.definition["definition"], "image_sha": None}}
    return _task(f"{attempt.identifier}{CANCEL}", backend, CANCELJOB, told, found.cancel_at // 1_000_000)


def _task(name: str, backend: Backend, kind: str, told: dict[str, Any], at: int) -> dict[str, Any]:
    return {"id": name, "backend": backend.slug, "type": kind, **told, "created_at": at}
