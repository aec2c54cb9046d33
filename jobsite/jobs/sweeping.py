"""What nobody needs any more is taken away: directories of ended attempts, half publications, kept content."""

import logging
from functools import partial

from jobsite.jobs.executors.contract import Executor, Sweep
from jobsite.jobs.models import Attempt, Job, JobOutput
from jobsite.projects.models import Workspace
from jobsite.settings import current
from jobsite.store.content import release_content
from jobsite.store.journal import resume
from jobsite.store.roots import Roots

ACTIVE = ("pending", "running")

log = logging.getLogger("jobsite.sweeping")


def resume_publications() -> None:
    """Finish or undo the publications that a crash cut off; done once at the start."""
    for resumed in resume(Roots.of(current().instance)):
        if resumed.problem:
            log.error("publication of %s in %s: %s", resumed.attempt, resumed.workspace, resumed.problem)


def sweep(executor: Executor, *, dry_run: bool = False) -> Sweep:
    """Remove what attempts left that are not active, or with `dry_run` only say what; while others launch some, too.

    What cannot be removed is logged.
    """
    swept = executor.sweep(current().instance / "work", active_attempts, dry_run=dry_run)
    for name, why in swept.failed:
        log.error("the directory of %s stays: %s", name, why)
    return swept


def active_attempts() -> set[str]:
    """The identifiers of the attempts whose directories may still be needed: an attempt is stored before it has one."""
    active = Attempt.select(Attempt.identifier).join(Job).where(Job.state.in_(ACTIVE))
    return {row.identifier for row in active}


def release_unneeded_content() -> None:
    """Let go of replaced outputs that no active job reads."""
    roots = Roots.of(current().instance)
    for workspace in Workspace.select(Workspace.id, Workspace.name):
        release_content(roots, workspace.name, partial(needed_by_active_jobs, workspace))


def needed_by_active_jobs(workspace: Workspace) -> set[str]:
    """The hashes of the files that active jobs of a workspace read."""
    jobs = Job.select(Job.needs).where((Job.workspace == workspace) & Job.state.in_(ACTIVE))
    suppliers = {key for job in jobs for key in job.needs.values()}
    rows = JobOutput.select(JobOutput.sha256).join(Job).where(Job.identifier.in_(list(suppliers)))
    return {row.sha256 for row in rows}
