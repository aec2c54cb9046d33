"""What agents ask the databases of their backends: every 5 minutes whether it is in maintenance, once a day whether its data
are as new as expected (pipelines and jobs, 3.6 and appendix B)."""

import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.queue import every
from jobsite.jobs.backend_alerts import DATA, count_failure, note_success
from jobsite.jobs.database_status import note_answer, note_no_answer
from jobsite.jobs.image_digests import NoSuchImage, RegistryAway, digest_of
from jobsite.jobs.runtimes import image_address
from jobsite.settings import current
from jobsite.sync.tasks.models import AgentTask

DBSTATUS, DBDATACHECK = "dbstatus", "dbdatacheck"
KEPT = timedelta(days=7)
"""So long a question that was answered is kept."""
FINE, BEHIND = "OK", "FAILED"

log = logging.getLogger("jobsite.agents")


@every(minutes=5, side="secure")
def ask_agents() -> None:
    """Make the questions that are due, as tasks of the agents. Asks the registry for the image: never within a transaction.

    One that has not been answered yet is not asked again: an agent that was away finds one, not hundreds.
    """
    AgentTask.delete().where(~AgentTask.is_active, AgentTask.created_at < now() - KEPT).execute()
    named = current().agent_database_image
    backends = [one for one in Backend.select().where(Backend.is_active, Backend.has_agent) if runs_here(one)]
    due = [(one, kind) for one in backends for kind in (DBSTATUS, DBDATACHECK) if _is_due(one, kind)]
    if not named or not due:
        return
    image = image_address(named, current().agent_images)
    try:
        digest = digest_of(image) if image else None
    except (NoSuchImage, RegistryAway) as problem:
        log.error("the check of the database: %s", problem)
        digest = None
    if image is None or digest is None:
        note_no_answer([one for one, kind in due if kind == DBSTATUS], "no_image")
        return
    for backend, kind in due:
        _ask(backend, kind, {"image": image, "image_sha": digest})


def take_answer(task: AgentTask, told: Mapping[str, Any]) -> None:
    """Take what an agent says of a question: `{results: {status}|null, error: null|{type, message}}`. A second answer changes
    nothing; of one that is none of those allowed nothing is kept."""
    with writing():
        active = (AgentTask.id == task.id) & AgentTask.is_active
        if not AgentTask.update(is_active=False).where(active).execute():
            return
    results = told.get("results")
    status = results.get("status") if isinstance(results, Mapping) and not told.get("error") else None
    if task.type == DBSTATUS:
        note_answer(task.backend, status if isinstance(status, str) else None, task.created_at)
        return
    with writing():
        if status == FINE:
            note_success(task.backend_id, DATA, task.created_at)
        else:
            count_failure(task.backend_id, DATA, "behind" if status == BEHIND else "failed", at_once=True)


def expected_month(at: datetime, months: int) -> str:
    """The month, as YYYYMM, that lies so many months before the moment `at`."""
    number = at.year * 12 + at.month - 1 - months
    return f"{number // 12}{number % 12 + 1:02}"


def _is_due(backend: Backend, kind: str) -> bool:
    """Whether nothing of this kind is open, and, of what is asked daily, nothing was asked today."""
    its = AgentTask.select().where((AgentTask.backend == backend) & (AgentTask.type == kind))
    if kind == DBSTATUS:
        return not backend.are_checks_disabled and not its.where(AgentTask.is_active).exists()
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    open_or_asked = its.where(AgentTask.is_active | (AgentTask.created_at >= today))
    wanted = bool(current().agent_data_months) and not backend.is_in_maintenance_mode
    return wanted and not open_or_asked.exists()


def _ask(backend: Backend, kind: str, image: dict[str, str]) -> None:
    at = now()
    about = (
        {"database_name": "default"}
        if kind == DBSTATUS
        else {"hes_expected_activity_month": expected_month(at, current().agent_data_months)}
    )
    name = f"{kind}-{at:%Y-%m-%d}-{secrets.token_hex(10)}"
    AgentTask.create(
        identifier=name, backend=backend, type=kind, definition={**about, **image}, created_at=at
    )
