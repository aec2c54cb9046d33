"""What people do with jobs: submit a request, and cancel."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, database, writing
from jobsite.core.errors import Invalid, require
from jobsite.core.events import record
from jobsite.core.ids import short_id
from jobsite.jobs.codelists import Codelists, codelists_at
from jobsite.jobs.data_needs import Uses, allowed_in, uses_of, why_not_data
from jobsite.jobs.definitions import Definition
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.jobs.moving import move
from jobsite.jobs.planning import plan_request
from jobsite.jobs.reusable import Resolved, resolved
from jobsite.jobs.rules import CODES, why_not_cancel
from jobsite.jobs.runtimes import why_not_runtime
from jobsite.pipelines.planning import Decision, Plan, job_identifier
from jobsite.projects.models import Workspace
from jobsite.settings import current


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


def submit(*, by: User, wish: Wish) -> tuple[JobRequest, Plan]:
    """Store a job request and its jobs, planned against the jobs there are: all of it, or nothing.

    A `form_key` seen before gives the request that it made. Raises `Invalid` with the field and the
    sentence for what cannot run, and `Denied` for what may not.
    """
    require(why_not_submit(wish.workspace, wish.backend))
    _check_definition(wish.definition)
    codelists = codelists_at(wish.workspace.repo.url, wish.definition.commit)
    uses = uses_of(wish.workspace, wish.definition, wish.actions)
    code = resolved(wish.definition, wish.actions, asks=True)
    with writing():
        plan = plan_request(wish.workspace, wish.backend, code.definition, wish.actions, force=wish.force)
        if wish.form_key and (made := JobRequest.get_or_none(JobRequest.form_key == wish.form_key)):
            return made, plan
        require_codelists(codelists, wish.definition, plan)
        _check_data(wish.workspace, uses, plan)
        refuse_unusable(code, plan)
        request = _store_request(by, wish, plan, codelists)
        _store_jobs(request, code, plan)
        facts = {"workspace": wish.workspace.name, "actions": list(wish.actions), "jobs": len(plan.new)}
        record("request:submit", by=by.username, subject=f"request:{request.id}", **facts)
        database.after_commit(hub.ring)
    return request, plan


def cancel(*, by: User, request: JobRequest, jobs: Sequence[Job] | None = None, may_cancel: bool) -> int:
    """Ask for the end of a request's active jobs, or of those given; gives how many it touched.

    A job that waits is cancelled at once. One that runs is "cancelling" until its processes are gone.
    Finished jobs stay as they are. Raises `Denied` with the reason when there is nothing to cancel.
    """
    with writing():
        found = list(Job.select().where(Job.job_request == request)) if jobs is None else list(jobs)
        wanted = [job for job in found if job.is_active and not job.cancelling]
        active = any(job.is_active for job in found)
        require(why_not_cancel(active=active, already_asked=active and not wanted, may_cancel=may_cancel))
        for job in wanted:
            _ask_cancel(by, job)
        cancelled = sorted({*request.cancelled_actions, *(job.action for job in wanted)})
        JobRequest.update(cancelled_actions=cancelled).where(JobRequest.id == request.id).execute()
        record(
            "request:cancel",
            by=by.username,
            subject=f"request:{request.id}",
            jobs=[j.identifier for j in wanted],
        )
        database.after_commit(hub.ring)
    return len(wanted)


def _ask_cancel(by: User, job: Job) -> None:
    moment = now()
    if job.state == "pending":
        move(job, "cancelled_by_user", by=by.username, cancel_asked_at=moment, cancel_asked_by=by.username)
        return
    asked = Job.update(cancel_asked_at=moment, cancel_asked_by=by.username)
    changed_one(
        asked.where((Job.id == job.id) & (Job.state == "running")), f"{job.action} has just finished."
    )


def why_not_submit(workspace: Workspace, backend: Backend) -> str | None:
    """Why no job can be asked for here at the moment, whoever asks; None when it can."""
    if not current().job_creation:
        return "New job requests are switched off on this site at the moment. Ask the people who run it."
    if workspace.is_archived:
        return "Jobs cannot be run on an archived workspace"
    if not (backend.is_active and backend.accepts_jobs):
        return f"{backend.name} does not accept jobs at the moment."
    return None


def _check_definition(definition: Definition) -> None:
    problems = definition.report.problems
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Invalid({"project": f"project.yaml, line {problems[0].line}: {problems[0].message}{more}"})


def require_codelists(codelists: Codelists, definition: Definition, plan: Plan) -> None:
    """Raise `Invalid` when a new job of the plan reads the database and the codelists do not allow that."""
    actions = definition.pipeline.actions
    if why_not := codelists.why_not(actions[name] for name in plan.new):
        raise Invalid({"codelists": why_not})


def _check_data(workspace: Workspace, uses: dict[str, Uses], plan: Plan) -> None:
    allowed = allowed_in(workspace) if uses else frozenset()
    for name in plan.new:
        if why_not := why_not_data(name, uses.get(name, frozenset()), allowed):
            raise Invalid({"requested_actions": why_not})


def refuse_unusable(code: Resolved, plan: Plan) -> None:
    """Raise `Invalid` when a new job of the plan has no runtime here, or is a reusable action that cannot be used."""
    for name in plan.new:
        action = code.definition.pipeline.actions[name]
        if why_not := code.problems.get(name) or why_not_runtime(action, current().runtimes):
            raise Invalid({"requested_actions": why_not})


def _moment_after_all_that_wait() -> datetime:
    """Now; where the clock was set back, the time of the newest job that is under way, so that nobody is overtaken."""
    newest = Job.select(fn.MAX(Job.created_at)).where(Job.state.in_(("pending", "running"))).scalar()
    return max(now(), newest) if newest else now()


def _store_request(by: User, wish: Wish, plan: Plan, codelists: Codelists) -> JobRequest:
    moment = _moment_after_all_that_wait()
    return JobRequest.create(
        identifier=short_id(),
        workspace=wish.workspace,
        backend=wish.backend,
        requested_actions=list(dict.fromkeys(wish.actions)),
        force_run_dependencies=wish.force,
        commit=wish.definition.commit,
        project_file=_project_file(wish.definition.text),
        codelists_ok=codelists.ok,
        will_notify=wish.will_notify,
        status="pending" if plan.new else "nothing_to_do",
        status_message=plan.nothing_to_do or "",
        jobs_total=len(plan.new),
        form_key=wish.form_key,
        created_at=moment,
        created_by=by,
        completed_at=None if plan.new else moment,
    )


def _project_file(text: str) -> ProjectFile:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ProjectFile.get_or_none(ProjectFile.sha256 == digest) or ProjectFile.create(
        sha256=digest, text=text
    )


def _store_jobs(request: JobRequest, code: Resolved, plan: Plan) -> None:
    ids = {name: job_identifier(request.identifier, name) for name in plan.new}
    rows = [
        _job_row(request, code, decision, position, ids)
        for position, decision in enumerate(one for one in plan.decisions if one.action in ids)
    ]
    if rows:
        Job.insert_many(rows).execute()


def _job_row(
    request: JobRequest, code: Resolved, decision: Decision, position: int, ids: dict[str, str]
) -> dict[str, Any]:
    action = code.definition.pipeline.actions[decision.action]
    own = code.codes.get(action.name)
    return {
        "identifier": ids[action.name],
        "job_request": request.id,
        "workspace": request.workspace_id,
        "backend": request.backend_id,
        "action": action.name,
        "position": position,
        "run_command": action.run_command,
        "is_database_action": action.is_database_action,
        "needs": {need: supplier or ids[need] for need, supplier in decision.suppliers.items()},
        "outputs": action.outputs,
        "code_repo": own.repo if own else "",
        "code_commit": own.commit if own else "",
        "code_tag": own.tag if own else "",
        "reason": decision.reason,
        "status_message": CODES["created"].sentence,
        "created_at": request.created_at,
        "updated_at": request.created_at,
        "status_code_updated_at": request.created_at,
    }
