"""What people do with jobs: submit a request, and cancel."""

from collections.abc import Iterable, Sequence
from typing import Any

from jobsite.accounts.models import Backend, User, username_of
from jobsite.accounts.queries import executes_here, runs_here
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, database, writing
from jobsite.core.errors import Invalid, require
from jobsite.core.events import record
from jobsite.jobs.codelists import Codelists, codelists_at
from jobsite.jobs.data_needs import Uses, allowed_in, reached, uses_of, why_not_data
from jobsite.jobs.definitions import Definition
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.moving import move
from jobsite.jobs.planning import plan_request
from jobsite.jobs.reusable import Resolved, resolved
from jobsite.jobs.rules import why_not_cancel
from jobsite.jobs.runtimes import why_not_runtime
from jobsite.jobs.storing import Wish, awaited, moment_after_all_that_wait, planned, store_jobs, store_request
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.planning import RUN_ALL, Plan
from jobsite.projects.models import Workspace
from jobsite.settings import current


def submit(*, by: User, wish: Wish) -> tuple[JobRequest, Plan]:
    """Store a job request and its jobs, planned against the jobs there are: all of it, or nothing.

    Where the backend's jobs do not run here, the request waits without jobs: the program that fetches it plans them,
    and reports them. The plan given is then what is to be expected. A `form_key` seen before gives the request that it
    made. Raises `Invalid` with the field and the sentence for what cannot run, and `Denied` for what may not.
    """
    require(why_not_submit(wish.workspace, wish.backend))
    _check_definition(wish.definition)
    codelists = codelists_at(wish.workspace.repo.url, wish.definition.commit)
    uses = uses_of(wish.workspace, wish.definition, wish.actions)
    code = resolved(wish.definition, wish.actions, asks=True)
    here = runs_here(wish.backend)
    with writing():
        plan = plan_request(wish.workspace, wish.backend, code.definition, wish.actions, force=wish.force)
        if wish.form_key and (made := JobRequest.get_or_none(JobRequest.form_key == wish.form_key)):
            return made, plan
        require_codelists(codelists, wish.definition, plan)
        _check_data(wish.workspace, uses, plan)
        refuse_unusable(code, plan, here=executes_here(wish.backend))
        at = moment_after_all_that_wait()
        request = store_request(
            by, wish, at, codelists_ok=codelists.ok, **(planned(plan, at) if here else awaited(wish.backend))
        )
        if here:
            store_jobs(request, code, plan, at)
        facts = {"workspace": wish.workspace.name, "actions": list(wish.actions), "jobs": request.jobs_total}
        record("request:submit", by=by.username, subject=f"request:{request.id}", **facts)
        database.after_commit(hub.ring)
    return request, plan


def cancel(*, by: User, request: JobRequest, jobs: Sequence[Job] | None = None, may_cancel: bool) -> int:
    """Ask for the end of a request's active jobs, or of those given; gives how many it touched.

    A job that waits here is cancelled at once. One that runs, or is elsewhere, is "cancelling" until it is known to
    have ended. Where no job has been reported yet, every action that the request could start is not to be started.
    Finished jobs stay as they are. Raises `Denied` with the reason when there is nothing to cancel.
    """
    with writing():
        request = JobRequest.get_by_id(request.id)
        its = Job.select().where(Job.job_request == request).order_by(Job.id)
        found = list(its if jobs is None else jobs)
        unreported = _not_yet_cancelled(request) if request.is_active and not found else set()
        wanted = [job for job in found if job.is_active and not job.cancelling]
        active = any(job.is_active for job in found) or (request.is_active and not found)
        asked = active and not wanted and not unreported
        require(why_not_cancel(active=active, already_asked=asked, may_cancel=may_cancel))
        ask_cancel(by, request, wanted, unreported)
    return len(wanted) or len(unreported)


def ask_cancel(by: User | str, request: JobRequest, jobs: Sequence[Job], others: Iterable[str] = ()) -> None:
    """Ask for the end of these active jobs of a request, and note that neither their actions nor the `others` are
    wanted any more. In a transaction."""
    for job in jobs:
        _ask_cancel(by, job, here=runs_here(request.backend))
    cancelled = sorted({*request.cancelled_actions, *others, *(job.action for job in jobs)})
    JobRequest.update(cancelled_actions=cancelled).where(JobRequest.id == request.id).execute()
    names = [job.identifier for job in jobs]
    record("request:cancel", by=username_of(by), subject=f"request:{request.id}", jobs=names)
    database.after_commit(hub.ring)


def _ask_cancel(by: User | str, job: Job, *, here: bool) -> None:
    asked: dict[str, Any] = {"cancel_asked_at": now(), "cancel_asked_by": username_of(by)}
    if here and job.state == "pending":
        move(job, "cancelled_by_user", by=username_of(by), **asked)
        return
    as_seen = (Job.id == job.id) & (Job.state == job.state)
    changed_one(Job.update(asked).where(as_seen), f"{job.action} has just moved on.")


def _not_yet_cancelled(request: JobRequest) -> set[str]:
    """The actions that a request without jobs could start and that nobody has cancelled."""
    pipeline = parse(request.project_file.text).pipeline
    names = set(request.requested_actions)
    if pipeline is not None:
        wanted = pipeline.actions if RUN_ALL in names else names
        names |= {action.name for action in reached(pipeline, wanted)}
    return names - {RUN_ALL, *request.cancelled_actions}


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


def refuse_unusable(code: Resolved, plan: Plan, *, here: bool) -> None:
    """Raise `Invalid` when a new job of the plan is a reusable action that cannot be used, or, for jobs that run
    `here`, has no runtime."""
    for name in plan.new:
        action = code.definition.pipeline.actions[name]
        why_not = code.problems.get(name) or (why_not_runtime(action, current().runtimes) if here else None)
        if why_not:
            raise Invalid({"requested_actions": why_not})
