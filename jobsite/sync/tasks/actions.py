"""What is decided about agents: which backends have one, and that one is lost for good."""

from jobsite.accounts.models import Backend, User, permissions_everywhere, username_of
from jobsite.accounts.queries import runs_here
from jobsite.accounts.rules import why_not_manage_backends
from jobsite.core import hub
from jobsite.core.db import changed_one, database, writing
from jobsite.core.errors import require
from jobsite.core.events import record
from jobsite.core.queue import every
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import records
from jobsite.jobs.executors.agent import NOTHING, OVERDUE, ask_end, is_overdue, is_task, note_end
from jobsite.jobs.executors.contract import Exit
from jobsite.jobs.models import Attempt, Job
from jobsite.sync.tasks.models import AgentTask

_ON, _OFF = "{} has an agent already.", "{} has no agent."


def set_agent(*, by: User | str, backend: Backend, to: bool) -> None:
    """Have an agent carry out the jobs of a backend from now on, or this server. What runs ends where it began.

    Raises `Conflict` when it is so already, and `Denied` for a backend whose jobs are not planned here.
    """
    require(why_not_manage_backends(permissions_everywhere(by)))
    require(None if runs_here(backend) else f"The jobs of {backend.slug} are not planned on this server.")
    with writing():
        other = (Backend.id == backend.id) & (Backend.has_agent != to)
        already = (_ON if to else _OFF).format(backend.slug)
        changed_one(Backend.update(has_agent=to).where(other), already)
        if not to:
            _end_questions(backend)
        _record("begun" if to else "ended", by, backend)
        database.after_commit(hub.ring)
    backend.has_agent = to


def declare_lost(*, by: User | str, backend: Backend) -> int:
    """Take it that the machine of the agent is gone, with all that ran there: its attempts end, and the jobs are tried
    again. Gives how many there were. Only people can know that: an agent that is silent may be at work."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    folders = [attempt_dir(job, attempt) for job, attempt in carried_out(backend)]
    lost = sum(note_end(folder, _lost) for folder in folders if is_task(folder))
    with writing():
        _end_questions(backend)
        _record("lost", by, backend, jobs=lost)
        database.after_commit(hub.ring)
    return lost


@every(minutes=1, side="secure")
def end_overdue() -> None:
    """Ask for the end of all that agents run for longer than it may."""
    folders = [attempt_dir(job, attempt) for job, attempt in carried_out()]
    for folder in folders:
        if is_overdue(folder, records.now()):
            ask_end(folder, OVERDUE)


def carried_out(backend: Backend | None = None) -> list[tuple[Job, Attempt]]:
    """What agents carry out now, of one backend or of all: running jobs with their newest attempt, oldest first. One
    query."""
    rows = Attempt.select(Attempt, Job).join(Job)
    rows = rows.where((Job.state == "running") & Attempt.by_agent & (Attempt.number == Job.attempts_made))
    if backend is not None:
        rows = rows.where(Job.backend == backend)
    return [(attempt.job, attempt) for attempt in rows.order_by(Attempt.id)]


def _lost(*_: object) -> Exit:
    about = "the agent was declared lost"
    return Exit("platform", fault="agent_lost", detail=about, ended_at=records.now(), elsewhere=NOTHING)


def _end_questions(backend: Backend) -> None:
    active = (AgentTask.backend == backend) & AgentTask.is_active
    AgentTask.update(is_active=False).where(active).execute()


def _record(what: str, by: User | str, backend: Backend, **facts: object) -> None:
    record(f"agent:{what}", by=username_of(by), subject=f"backend:{backend.slug}", **facts)
