"""What would run: the pure plan, fed with the latest jobs of a workspace on a backend."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from peewee import fn

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.core.errors import Invalid
from jobsite.jobs.definitions import Definition
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.pipelines.planning import Latest, Plan, PlanRefused, plan
from jobsite.projects.models import Workspace
from jobsite.settings import current
from jobsite.store.content import has_outputs
from jobsite.store.roots import Roots

IS_NONE = (Job.run_command == "") & (Job.state == "succeeded") & Job.started_at.is_null()
"""A runner elsewhere tells so that there was nothing to run (specification 3); it says nothing of the action it bears."""


def latest_jobs(workspace: Workspace, backend: Backend) -> dict[str, Job]:
    """The newest job of each action that was not cancelled, by action. Two queries, however many jobs."""
    here = (Job.workspace == workspace) & (Job.backend == backend) & (Job.state != "cancelled") & ~IS_NONE
    newest = [row for (row,) in Job.select(fn.MAX(Job.id)).where(here).group_by(Job.action).tuples()]
    rows = Job.select(Job, JobRequest).join(JobRequest).where(Job.id.in_(newest))
    return {job.action: job for job in rows}


def plan_request(
    workspace: Workspace,
    backend: Backend,
    definition: Definition,
    actions: Sequence[str],
    *,
    force: bool,
    latest: dict[str, Job] | None = None,
) -> Plan:
    """What each wanted action and its needs would do. Raises `Invalid` with the field's sentence.

    `latest` spares the queries of `latest_jobs` where the caller has just asked them. Where the files are elsewhere, a job
    that succeeded counts as having left its outputs.
    """
    if not actions:
        raise Invalid({"requested_actions": "Choose at least one action to run."})
    latest = latest_jobs(workspace, backend) if latest is None else latest
    there = _with_files(workspace, backend, latest.values())
    facts = {name: _latest(job, job.id in there) for name, job in latest.items()}
    try:
        return plan(definition.pipeline, actions, facts, force=force, commit=definition.commit)
    except PlanRefused as refusal:
        raise Invalid({"requested_actions": str(refusal)}) from None


def _recorded(jobs: Iterable[Job]) -> dict[int, dict[str, str]]:
    """The outputs of each of these jobs, path to hash, in one query."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    rows = JobOutput.select(JobOutput.job, JobOutput.path, JobOutput.sha256)
    for job, path, sha256 in rows.where(JobOutput.job.in_(list(jobs))).tuples():
        found[job][path] = sha256
    return found


def _with_files(workspace: Workspace, backend: Backend, jobs: Iterable[Job]) -> set[int]:
    """The ids of those that succeeded and whose files are still where the next job of the backend would run: in the store
    here, with its agent, or elsewhere, where only that one can tell. At most two queries."""
    ended = [job for job in jobs if job.state == "succeeded"]
    if not runs_here(backend):
        return {job.id for job in ended}
    recorded = _recorded(ended)
    # Whatever succeeds here leaves a file for each pattern.
    kept_nowhere = [job.id for job in ended if job.patterns and not recorded.get(job.id)]
    with_agent = _carried_out_by_agents(kept_nowhere)
    if backend.has_agent:
        return {job.id for job in ended if job.id in with_agent or not job.patterns}
    here = [job for job in ended if job.id not in with_agent]
    return {job.id for job in here if _is_there(workspace, recorded.get(job.id, {}))}


def _carried_out_by_agents(jobs: list[int]) -> set[int]:
    """Those of these jobs whose files are with an agent."""
    if not jobs:
        return set()
    rows = Attempt.select(Attempt.job).where(Attempt.job.in_(jobs) & Attempt.by_agent)
    return {job for (job,) in rows.tuples()}


def _latest(job: Job, has_outputs: bool) -> Latest:
    return Latest(
        job_id=job.identifier,
        state=job.state,
        has_outputs=has_outputs,
        finished_at=job.completed_at,
        status_message=job.status_message,
        commit=job.job_request.commit,
        run_command=job.run_command,
    )


def _is_there(workspace: Workspace, files: dict[str, str]) -> bool:
    return has_outputs(Roots.of(current().instance), workspace.name, files)
