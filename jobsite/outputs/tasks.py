"""What happens to outputs in the background: their checks. Losing a wish to check costs a minute, never a check."""

import logging
import threading

from jobsite.core.db import close_database
from jobsite.core.queue import every, task
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Job
from jobsite.outputs.sweeping import check_all_outputs, check_outputs
from jobsite.projects.models import Project, Workspace

SETTLES = 0.5
"""Seconds in which the ends of jobs are gathered, so that a workspace with many of them is looked through once."""

log = logging.getLogger("jobsite.checking")
_ended: set[int] = set()
_some_ended = threading.Event()


@task(side="secure")
def finish_and_check(job_id: int) -> None:
    """Take a job whose run has ended to its final code; then its outputs are to be checked."""
    finish(job_id)
    to_check(job_id)


def to_check(job_id: int) -> None:
    """A job has ended: the outputs of its workspace are to be checked."""
    _ended.add(job_id)
    _some_ended.set()


def follow_ends(stop: threading.Event) -> None:
    """Check the outputs of the workspaces whose jobs have ended, until `stop` is set."""
    while not stop.is_set():
        if _some_ended.wait(1.0):
            stop.wait(SETTLES)
            _some_ended.clear()
            check_ended()
            close_database()


def check_ended() -> None:
    """Check the outputs of each workspace in which a job has ended since the last time. A failure is logged and stops nothing."""
    jobs = [_ended.pop() for _ in range(len(_ended))]
    try:
        where = Workspace.id.in_(Job.select(Job.workspace).where(Job.id.in_(jobs)))
        for workspace in Workspace.select(Workspace, Project).join(Project).where(where):
            check_outputs(workspace)
    except Exception:
        log.exception("outputs could not be checked; the next sweep tries again")


@every(minutes=1, side="secure")
def check_what_is_unchecked() -> None:
    """Check the outputs that no job end has led to a check; where outputs are."""
    check_all_outputs()
