"""How a job request and its jobs become rows: whoever plans one stores it here, in their transaction."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.rules import PUSH
from jobsite.core.clock import now
from jobsite.core.ids import short_id
from jobsite.jobs.definitions import Definition
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.jobs.reusable import Resolved
from jobsite.jobs.rules import CODES
from jobsite.pipelines.planning import Decision, Plan, job_identifier
from jobsite.projects.models import Workspace


@dataclass(frozen=True)
class Wish:
    """What a person asks for with one press of Submit. `form_key` names the form it came from."""

    workspace: Workspace
    backend: Backend
    definition: Definition
    actions: tuple[str, ...]
    force: bool = False
    will_notify: bool = False
    form_key: str | None = None


def moment_after_all_that_wait() -> datetime:
    """Now; where the clock was set back, the time of the newest job that is under way, so that nobody is overtaken."""
    newest = Job.select(fn.MAX(Job.created_at)).where(Job.state.in_(("pending", "running"))).scalar()
    return max(now(), newest) if newest else now()


def store_request(by: User, wish: Wish, at: datetime, **facts: Any) -> JobRequest:
    """The row of a request that was made at the moment `at`. It waits, without jobs, unless `facts`, further columns,
    say otherwise."""
    columns: dict[str, Any] = {
        "identifier": short_id(),
        "requested_actions": list(dict.fromkeys(wish.actions)),
        "force_run_dependencies": wish.force,
        "commit": wish.definition.commit,
        "project_file": project_file(wish.definition.text),
        "will_notify": wish.will_notify,
        "form_key": wish.form_key,
    }
    where = {"workspace": wish.workspace, "backend": wish.backend, "created_by": by, "created_at": at}
    return JobRequest.create(**where, **(columns | facts))


def planned(plan: Plan, at: datetime) -> dict[str, Any]:
    """The columns of a request that follow from its plan; one with nothing to do has ended at the moment `at`."""
    if plan.new:
        return {"jobs_total": len(plan.new)}
    ended = {"status": "nothing_to_do", "status_message": plan.nothing_to_do or ""}
    return {**ended, "completed_at": at}


def awaited(backend: Backend) -> dict[str, Any]:
    """The columns of a request whose jobs are made elsewhere: one that is pushed is unknown until the controller has answered
    (specification 12.2)."""
    return {"status": "unknown"} if backend.dispatch == PUSH else {}


def store_jobs(request: JobRequest, code: Resolved, plan: Plan, at: datetime) -> None:
    """The rows of the jobs of a plan, made at the moment `at`, in the order in which they are created."""
    ids = {name: job_identifier(request.identifier, name) for name in plan.new}
    rows = [
        _job_row(request, code, decision, ids) | {"position": position} | _times(at)
        for position, decision in enumerate(one for one in plan.decisions if one.action in ids)
    ]
    if rows:
        Job.insert_many(rows).execute()


def project_file(text: str) -> ProjectFile:
    """The row of the text of a `project.yaml`, which is kept once however many requests use it. In a transaction."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ProjectFile.get_or_none(ProjectFile.sha256 == digest) or ProjectFile.create(
        sha256=digest, text=text
    )


def _times(at: datetime) -> dict[str, datetime]:
    return {"created_at": at, "updated_at": at, "status_code_updated_at": at}


def _job_row(request: JobRequest, code: Resolved, decision: Decision, ids: dict[str, str]) -> dict[str, Any]:
    action = code.definition.pipeline.actions[decision.action]
    own = code.codes.get(action.name)
    return {
        "identifier": ids[action.name],
        "job_request": request.id,
        "workspace": request.workspace_id,
        "backend": request.backend_id,
        "action": action.name,
        "run_command": action.run_command,
        "is_database_action": action.is_database_action,
        "needs": {need: supplier or ids[need] for need, supplier in decision.suppliers.items()},
        "outputs": action.outputs,
        "code_repo": own.repo if own else "",
        "code_commit": own.commit if own else "",
        "code_tag": own.tag if own else "",
        "reason": decision.reason,
        "status_message": CODES["created"].sentence,
    }
