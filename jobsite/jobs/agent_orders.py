"""From a job's row to the complete order for an agent (pipelines and jobs, appendix B).

It is made once, when the attempt is handed over: what an agent reads of it stays the same. Its machine has the files: the
inputs are told as the jobs that made them, and of the database it knows the way itself.
"""

import json
import shlex
from typing import Any

from jobsite.accounts.models import User
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.data_needs import allowed_in
from jobsite.jobs.execution import attempt_dir, work_dir
from jobsite.jobs.executors.agent import AGENT
from jobsite.jobs.executors.contract import AttemptSpec, Limits
from jobsite.jobs.image_digests import NoSuchImage, digest_of
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.runtimes import image_address
from jobsite.jobs.specs import CannotRun, limits_of
from jobsite.jobs.store_facts import EPOCH
from jobsite.pipelines.data_use import SQL_RUNNER
from jobsite.pipelines.report import LEVELS
from jobsite.projects.models import Organisation, Project, ProjectCollaboration, Repo, Workspace
from jobsite.settings import current

_ABOUT = ("request", "commit", "workspace", "branch", "url", "user", "project", "project_id")


def order_for_agent(job: Job, attempt: Attempt) -> AttemptSpec:
    """The order for one attempt, with its image pinned: asks the registry, so never within a transaction.

    Raises `CannotRun` when there is no such image, `image_digests.RegistryAway` when that cannot be said at the moment.
    """
    settings = current()
    about = dict(zip(_ABOUT, _SURROUNDINGS.run(request=job.job_request_id).fetchone(), strict=True))
    named, *words = shlex.split(job.run_command)
    image = image_address(named, settings.agent_images)
    if image is None:
        raise CannotRun(f"{named} is not the name of an image.")
    try:
        digest = digest_of(image)
    except NoSuchImage as problem:
        raise CannotRun(str(problem)) from None
    limits = limits_of(job, settings)
    environment = _environment(job)
    code = {"repo_url": job.code_repo or about["url"], "commit": job.code_commit or about["commit"]}
    told = _told(job, attempt, about, limits) | code
    told |= {"image": image, "image_sha": digest, "args": words, "env": environment}
    return AttemptSpec(
        attempt=attempt.identifier,
        attempt_dir=str(attempt_dir(job, attempt)),
        work_dir=str(work_dir(attempt)),
        repo=code["repo_url"],
        commit=code["commit"],
        image=image,
        argv=tuple(words),
        environment=environment,
        limits=limits,
        executor=AGENT,
        is_database_action=job.is_database_action,
        labels={"workspace": about["workspace"], "action": job.action, "job": job.identifier},
        task={"definition": told, "attributes": _attributes(about)},
    )


def _told(job: Job, attempt: Attempt, about: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """What the agent is told beside code, image and command."""
    settings = current()
    return {
        "id": job.identifier,
        "rap_id": about["request"],
        "task_id": attempt.identifier,
        "study": {"git_repo_url": about["url"], "commit": about["commit"], "branch": about["branch"]},
        "workspace": about["workspace"],
        "action": job.action,
        "created_at": int((job.created_at - EPOCH).total_seconds()),
        "inputs": [],
        "input_job_ids": list(dict.fromkeys(job.needs.values())),
        "output_spec": _levels(job.outputs),
        "allow_database_access": job.is_database_action,
        "database_name": "default" if job.is_database_action else None,
        "user": about["user"],
        "cpu_count": int(limits.cpus) if limits.cpus == int(limits.cpus) else limits.cpus,
        "memory_limit": _memory(limits.memory_bytes),
        "level4_max_filesize": settings.level4_max_filesize,
        "level4_max_csv_rows": settings.level4_max_csv_rows,
        "level4_file_types": list(settings.level4_file_types),
    }


def _environment(job: Job) -> dict[str, str]:
    """What the command sees: of restricted data, what its project may use. A secure side does not know that: nothing."""
    own = {"OPENSAFELY_BACKEND": job.backend.slug}
    if not job.is_database_action:
        return own
    allowed = allowed_in(job.workspace) if current().public else frozenset()
    names = sorted(value for kind, value in allowed if (kind, value) != SQL_RUNNER)
    return own | {"EHRQL_PERMISSIONS": json.dumps(names)}


def _levels(outputs: dict[str, dict[str, str]]) -> dict[str, str]:
    """The level of each pattern; of two, the more private one (B17)."""
    found: dict[str, str] = {}
    for level in reversed(LEVELS):
        found |= dict.fromkeys(outputs.get(level, {}).values(), level)
    return found


def _memory(size: int) -> str:
    """A size in bytes in the words of the engines of containers."""
    return f"{size // 2**30}G" if size % 2**30 == 0 else f"{size // 2**20}M"


def _attributes(about: dict[str, Any]) -> dict[str, str]:
    """Whose task it is, for the agent's own records."""
    orgs = Organisation.select(Organisation.slug).join(ProjectCollaboration)
    orgs = orgs.where(ProjectCollaboration.project == about["project_id"])
    orgs = orgs.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    slugs = ",".join(slug for (slug,) in orgs.tuples())
    return {"user": about["user"], "project": about["project"], "orgs": slugs}


_SURROUNDINGS = Prepared(
    lambda: (
        JobRequest.select(
            JobRequest.identifier,
            JobRequest.commit,
            Workspace.name,
            Workspace.branch,
            Repo.url,
            User.username,
            Project.slug,
            Project.id,
        )
        .join(Workspace)
        .join(Repo)
        .switch(Workspace)
        .join(Project)
        .switch(JobRequest)
        .join(User)
        .where(JobRequest.id == place("request"))
    )
)
