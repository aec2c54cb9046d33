"""What happens to jobs in the background, beside the engine's turns."""

from jobsite.core.queue import every, task
from jobsite.jobs.finishing import finish
from jobsite.jobs.sweeping import release_unneeded_content


@task
def finish_job(job_id: int) -> None:
    """Take a job whose run has ended to its final code."""
    finish(job_id)


@every(minutes=60)
def release_content_hourly() -> None:
    """Let go of replaced outputs that no active job reads."""
    release_unneeded_content()
