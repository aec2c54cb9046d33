"""What happens to outputs in the background: their checks. Losing a nudge costs a minute, never a check."""

from jobsite.core.queue import every, nudge, task
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Job
from jobsite.outputs.sweeping import check_all_outputs, check_outputs
from jobsite.projects.models import Project, Workspace
from jobsite.settings import current


@task
def finish_and_check(job_id: int) -> None:
    """Take a job whose run has ended to its final code; then its outputs are checked."""
    finish(job_id)
    nudge(check_outputs_of, job_id)


@task
def check_outputs_of(job_id: int) -> None:
    """Check the outputs of the workspace of a job."""
    ended = (
        Workspace.select(Workspace, Project).join(Project).switch(Workspace).join(Job).where(Job.id == job_id)
    )
    for workspace in ended:
        check_outputs(workspace)


@every(minutes=1)
def check_what_is_unchecked() -> None:
    """Check the outputs that no job end has led to a check; where outputs are."""
    if current().secure:
        check_all_outputs()
