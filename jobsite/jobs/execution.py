"""Which executor runs jobs on this instance, and why none can."""

from functools import lru_cache
from pathlib import Path

from jobsite.jobs.executors.container import Container
from jobsite.jobs.executors.contract import Executor
from jobsite.jobs.executors.handing_on import HandingOn
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.executors.slurm import Slurm
from jobsite.jobs.executors.unsafe import Unsafe
from jobsite.jobs.models import Attempt, Job
from jobsite.settings import current


def executor() -> Executor:
    """The executor of this instance: it hands the attempts of some backends to their agents, and all others run here."""
    return HandingOn(_here())


def _here() -> Executor:
    """What runs jobs on this server: containers, a cluster, the sandbox, or plain processes where no sandbox can be made and
    EXECUTOR_UNSAFE says so."""
    if current().executor == "container":
        return Container(current().container_program)
    if current().executor == "slurm":
        return Slurm(current().slurm_partition, current().slurm_account, current().slurm_options)
    return Unsafe() if current().executor_unsafe and _refusal("sandbox") else Sandbox()


def why_no_jobs() -> str | None:
    """Why no job can run on this server, in a sentence that says how to mend it; None when jobs can."""
    if current().executor != "sandbox":
        refusal = _refusal("slurm" if current().executor == "slurm" else current().container_program)
        return refusal and f"{refusal} Until then no job is started."
    refusal = _refusal("sandbox")
    if refusal is None or current().executor_unsafe:
        return None
    return f"{refusal} Until then no job is started (EXECUTOR_UNSAFE=1 runs jobs without protection)."


def why_none_handed_out() -> str | None:
    """Why no job can be handed to an agent, in a sentence that says how to mend it; None when jobs can."""
    if current().agent_images:
        return None
    return "Nothing says where the agent gets images (setting AGENT_IMAGES). Until then no job is started."


def attempt_dir(job: Job, attempt: Attempt) -> Path:
    """Where the records and the log of an attempt lie."""
    return current().instance / "jobs" / job.identifier / attempt.identifier


def work_dir(attempt: Attempt) -> Path:
    """The attempt's own directory, which its job sees as /workspace."""
    return current().instance / "work" / attempt.identifier


@lru_cache
def _refusal(program: str) -> str | None:
    here: dict[str, Executor] = {"sandbox": Sandbox(), "slurm": Slurm()}
    return here.get(program, Container(program)).available()
