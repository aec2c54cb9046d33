"""Which executor runs jobs on this instance, and why none can."""

from functools import lru_cache
from pathlib import Path

from jobsite.jobs.executors.contract import Executor
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.executors.unsafe import Unsafe
from jobsite.jobs.models import Attempt, Job
from jobsite.settings import current


def executor() -> Executor:
    """The executor of this instance: the sandbox, or plain processes where EXECUTOR_UNSAFE says so."""
    return Unsafe() if current().executor_unsafe and _sandbox_refusal() else Sandbox()


def why_no_jobs() -> str | None:
    """Why no job can run on this server, in a sentence that says how to mend it; None when jobs can."""
    refusal = _sandbox_refusal()
    if refusal is None or current().executor_unsafe:
        return None
    return f"{refusal} Until then no job is started (EXECUTOR_UNSAFE=1 runs jobs without protection)."


def attempt_dir(job: Job, attempt: Attempt) -> Path:
    """Where the records and the log of an attempt lie."""
    return current().instance / "jobs" / job.identifier / attempt.identifier


def work_dir(attempt: Attempt) -> Path:
    """The attempt's own directory, which its job sees as /workspace."""
    return current().instance / "work" / attempt.identifier


@lru_cache(maxsize=1)
def _sandbox_refusal() -> str | None:
    return Sandbox().available()
