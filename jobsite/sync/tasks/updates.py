"""What an agent tells of a task (pipelines and jobs, appendix B): how far it is, and how it ended.

It may come twice, late, or in another order than it happened: a stage never goes back, and of several ends the first stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jobsite.accounts.models import Backend
from jobsite.core import hub
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import records
from jobsite.jobs.executors.agent import TOLD, is_task, note_end, note_stage
from jobsite.jobs.executors.contract import AttemptSpec, Exit
from jobsite.jobs.models import Attempt, Job
from jobsite.sync.calls import json_in
from jobsite.sync.tasks.database import take_answer
from jobsite.sync.tasks.listing import CANCEL
from jobsite.sync.tasks.models import AgentTask
from jobsite.sync.tasks.results import end_of

FINALIZED, ERROR, UNKNOWN, NONE = "finalized", "error", "unknown", ""
STAGES = (*TOLD, FINALIZED, ERROR, UNKNOWN, NONE)
LONGEST_ID = 100


class Unusable(Exception):
    """It is about no task of this backend, or cannot be read; the text says why, for the log."""


@dataclass(frozen=True)
class Update:
    """What was told: of which task, its stage (one of `STAGES`), results, whether it has ended, and when that was
    (microseconds since 1970)."""

    task_id: str
    stage: str
    results: Mapping[str, Any] | None
    complete: bool
    at: int


def update_in(payload: str) -> Update:
    """The update that was sent as JSON. Raises `Unusable`."""
    try:
        sent = json_in(payload)
    except ValueError:
        raise Unusable("it is no JSON") from None
    if not isinstance(sent, dict):
        raise Unusable("it is no JSON object")
    task_id, stage, results = sent.get("task_id"), sent.get("stage", NONE), sent.get("results")
    if not isinstance(task_id, str) or len(task_id) > LONGEST_ID:
        raise Unusable("task_id is no id")
    if stage not in STAGES:
        raise Unusable("stage is none of those known")
    if not (results is None or isinstance(results, dict)) or not isinstance(sent.get("complete"), bool):
        raise Unusable("results or complete is not what it has to be")
    return Update(task_id, stage, results, sent["complete"], _moment(sent.get("timestamp_ns")))


def take_update(backend: Backend, update: Update) -> None:
    """Note what the agent of this backend told. What was known already changes nothing. Raises `Unusable` for a task that
    this backend does not have."""
    question = AgentTask.get_or_none(AgentTask.identifier == update.task_id, AgentTask.backend == backend)
    if question is not None:
        if update.complete:
            take_answer(question, update.results or {})
        return
    folder = _folder_of(backend, update.task_id)
    if update.stage in (*TOLD, FINALIZED):
        # What is finalized has ended only when it is complete: its job is not to skip the end.
        note_stage(folder, TOLD[-1] if update.stage == FINALIZED else update.stage, update.at)
    if update.complete and note_end(folder, partial(_end, update)):
        hub.ring()


def _end(update: Update, spec: AttemptSpec, times: Mapping[str, int], overdue: bool) -> Exit:
    told = dict(update.results or {})
    if update.stage == ERROR and not told.get("error"):
        told["error"] = True
    if update.task_id.endswith(CANCEL) and (told.get("error") or told.get("exit_code") is None):
        told["cancelled"] = True  # whatever it found there, it has ended
    return end_of(told, spec, times, update.at, overdue=overdue)


def _folder_of(backend: Backend, task_id: str) -> Any:
    """The folder of the attempt that a task is about. Raises `Unusable`."""
    rows = Attempt.select(Attempt, Job).join(Job).where(Attempt.identifier == task_id.removesuffix(CANCEL))
    found = rows.where((Job.backend == backend) & Attempt.by_agent).first()
    folder = attempt_dir(found.job, found) if found else None
    if folder is None or not is_task(folder):
        raise Unusable("this backend has no such task")
    if task_id.endswith(CANCEL) and records.read(folder, records.CANCEL) is None:
        raise Unusable("nobody has asked for its end")
    return folder


def _moment(nanoseconds: Any) -> int:
    """When it happened; now where that is not told, or lies ahead."""
    known = isinstance(nanoseconds, int) and not isinstance(nanoseconds, bool) and nanoseconds > 0
    return min(nanoseconds // 1000, records.now()) if known else records.now()
