"""From a job's row to the complete order that its supervisor carries out."""

from collections.abc import Iterable

from jobsite.core.prepared import Prepared, place
from jobsite.jobs.execution import attempt_dir, work_dir
from jobsite.jobs.executors.contract import AttemptSpec, InputFile, Limits
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.jobs.runtimes import command_of
from jobsite.jobs.weights import DEFAULT_WEIGHT, Weights, weights_of
from jobsite.projects.models import Repo, Workspace
from jobsite.projects.repositories import RepositoryUnreachable, git_directory
from jobsite.settings import Settings, current
from jobsite.store.content import MissingInput, input_files
from jobsite.store.roots import Roots


class CannotRun(Exception):
    """The job cannot be run as things are; the text says what the user can change."""


def make_spec(job: Job, attempt: Attempt) -> AttemptSpec:
    """The order for one attempt. Raises `CannotRun` when its runtime, its repository or an input is gone."""
    settings = current()
    commit, url, workspace = _CODE.run(request=job.job_request_id).fetchone()
    command = command_of(job.run_command, settings)
    if command is None:
        raise CannotRun(f"There is no runtime for {job.run_command.split()[0]} on this server any more.")
    return AttemptSpec(
        attempt=attempt.identifier,
        attempt_dir=str(attempt_dir(job, attempt)),
        work_dir=str(work_dir(attempt)),
        repo=_repository(job.code_repo or url),
        commit=job.code_commit or commit,
        image=command[0],
        argv=command[1],
        pull=settings.container_pull,
        inputs=_inputs(job, workspace),
        environment=_environment(job, settings),
        limits=limits_of(job, settings),
        user=(settings.job_user, settings.job_user),
        is_database_action=job.is_database_action,
        network=_network(settings) if job.is_database_action else "",
        labels={"workspace": workspace, "action": job.action, "job": job.identifier},
    )


_CODE = Prepared(
    lambda: (
        JobRequest.select(JobRequest.commit, Repo.url, Workspace.name)
        .join(Workspace)
        .join(Repo)
        .where(JobRequest.id == place("request"))
    )
)


def _repository(url: str) -> str:
    try:
        return str(git_directory(url))
    except RepositoryUnreachable as problem:
        raise CannotRun(str(problem)) from None


def recorded_inputs(job: Job) -> dict[str, JobOutput]:
    """The outputs of the jobs that supply this one, by path; of two with the same path the later need wins."""
    if not job.needs:
        return {}
    rows = JobOutput.select(JobOutput, Job).join(Job).where(Job.identifier.in_(list(job.needs.values())))
    by_job: dict[str, list[JobOutput]] = {}
    for row in rows:
        by_job.setdefault(row.job.identifier, []).append(row)
    return {row.path: row for key in job.needs.values() for row in by_job.get(key, ())}


def _inputs(job: Job, workspace: str) -> tuple[InputFile, ...]:
    recorded = {path: row.sha256 for path, row in recorded_inputs(job).items()}
    if not recorded:
        return ()
    try:
        found = input_files(Roots.of(current().instance), workspace, recorded)
    except MissingInput as missing:
        raise CannotRun(str(missing)) from None
    return tuple(InputFile(one.path, str(one.source), one.sha256) for one in found)


def _environment(job: Job, settings: Settings) -> dict[str, str]:
    own = {"OPENSAFELY_BACKEND": job.backend.slug, "PYTHONUNBUFFERED": "1"}
    return {**settings.database_env, **own} if job.is_database_action else own


def _network(settings: Settings) -> str:
    """The way to the database, in the words of the executor."""
    if settings.executor == "container":
        return settings.container_database_network
    return ",".join(settings.database_hosts)


def weights_by_job(jobs: Iterable[Job]) -> dict[int, float]:
    """How many workers each of these jobs takes, by job id and the weights of its backend."""
    rules: dict[str, Weights] = {}
    found = {}
    for job in jobs:
        slug = job.backend.slug
        if slug not in rules:
            rules[slug] = weights_of(current().instance, slug)
        own = rules[slug]
        found[job.id] = (
            own.weight(job.workspace.name, job.action, job.run_command) if own.sections else DEFAULT_WEIGHT
        )
    return found


def limits_of(job: Job, settings: Settings) -> Limits:
    """What the job may use: by the first rule of its backend's weights, else by the settings."""
    weights = weights_of(settings.instance, job.backend.slug)
    rule = weights.rule(job.workspace.name, job.action, job.run_command)
    return Limits(
        memory_bytes=weights.limit("job_memory", settings, rule),
        cpus=weights.limit("job_cpus", settings, rule),
        disk_bytes=weights.limit("job_disk", settings, rule),
        time_seconds=weights.limit("job_time_limit", settings, rule).total_seconds(),
    )
