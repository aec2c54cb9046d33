"""What happens to jobs in the background, beside the engine's turns."""

from jobsite.core.queue import every, task
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Attempt, Job, JobOutput
from jobsite.projects.models import Workspace
from jobsite.settings import current
from jobsite.store.content import release_content
from jobsite.store.roots import Roots


@task
def finish_job(job_id: int) -> None:
    """Take a job whose run has ended to its final code."""
    finish(job_id)


@every(minutes=60)
def sweep() -> None:
    """Take away what belongs to no active attempt: directories, and content that no active job reads."""
    active = Attempt.select(Attempt.identifier).join(Job).where(Job.state.in_(("pending", "running")))
    executor().sweep(current().instance / "work", {row.identifier for row in active})
    for workspace in Workspace.select(Workspace.id, Workspace.name):
        release_content(Roots.of(current().instance), workspace.name, _needed(workspace))


def _needed(workspace: Workspace) -> set[str]:
    """The hashes that active jobs of a workspace read."""
    jobs = Job.select(Job.needs).where((Job.workspace == workspace) & Job.state.in_(("pending", "running")))
    suppliers = {key for job in jobs for key in job.needs.values()}
    rows = JobOutput.select(JobOutput.sha256).join(Job).where(Job.identifier.in_(list(suppliers)))
    return {row.sha256 for row in rows}
