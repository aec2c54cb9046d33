"""What leaves the secure side of a request's jobs: states, codes, times, a few figures, and sentences of a fixed list.

No name of a file, no pattern and no line of a log is among it (law 1, B47): a message goes out only when it is one that can
hold none; of any other the part before that goes out, or the sentence of its code.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from jobsite.core.clock import wire
from jobsite.jobs.faults import RETRIES, final_sentence
from jobsite.jobs.finishing import EXCLUDED
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.refusals import Refusal, refusal_in
from jobsite.jobs.rules import CODES, nonzero_sentences, wire_state
from jobsite.pipelines.planning import job_identifier

ERROR_ACTION = "__error__"
"""The action of the pseudo-job that tells why a request became no jobs; it is no action (specification 5)."""

_NUMBER = r"\d{1,12}(\.\d{1,3})?"
_NAMES = r"(?P<names>[A-Za-z0-9_.-]+(, [A-Za-z0-9_.-]+)*)"
_NONZERO = re.escape(CODES["nonzero_exit"].sentence)
_LIMITS = (
    rf"Job ran out of memory \(limit was {_NUMBER}GB(, {_NUMBER}GB were in use)?\)",
    r"stopped at the time limit of (\d{1,5} days?, )?\d{1,2}:\d\d:\d\d(\.\d{1,6})?",
    rf"it wrote more than the {_NUMBER}GB of disk space a job may use",
)
_FAULTS = "|".join(re.escape(one.sentence) for one in RETRIES.values())
_WHEN = r"attempt \d{1,3} of \d{1,3} starts (now|at \d\d:\d\d UTC)"

_FREE: Mapping[str, tuple[str, ...]] = {
    "nonzero_exit": (
        *(f"{_NONZERO}: {re.escape(said)}" for said in nonzero_sentences()),
        *(f"{_NONZERO}: {said}" for said in _LIMITS),
    ),
    "succeeded": (re.escape(CODES["succeeded"].sentence + EXCLUDED),),
    "waiting_on_workers": (re.escape(f"{CODES['waiting_on_workers'].sentence} for resource intensive job"),),
    "waiting_on_db_workers": (
        re.escape(f"{CODES['waiting_on_db_workers'].sentence} for resource intensive job"),
    ),
    "waiting_on_new_task": (f"({_FAULTS}); {_WHEN}",),
    "internal_error": tuple(
        re.escape(f"{CODES['internal_error'].sentence} {final_sentence(kind)}.") for kind in RETRIES
    ),
    "waiting_on_dependencies": (f"Waiting on dependencies: {_NAMES}",),
    "dependency_failed": (rf"Not starting as dependency failed: {_NAMES} \((failed|was cancelled)\)",),
    "finalizing": ("Saving its log",),
}
"""What a message may be beside the sentence of its code, as regular expressions; `names` are those of actions."""

_INSIDE: Mapping[str, str] = {
    "job_error": "The job could not be run; its page on the secure side says what to correct",
    "killed_by_admin": "Stopped by an administrator; its page on the secure side says why",
}
"""What is said of a code whose message always stays inside."""


def reports_of(request: JobRequest, at: datetime) -> list[dict[str, Any]]:
    """All jobs of a request as `POST jobs/` takes them (specification 9.2), in the order in which they were planned.

    A running job was updated at the moment `at`: its report is a sign of life. A request that became no jobs has one that
    stands for it: the reason why not, or that there was nothing to do. Two queries.
    """
    jobs = list(Job.select().where(Job.job_request == request).order_by(Job.position, Job.id))
    if not jobs:
        return [_instead(request)] if request.completed_at else []
    figures = _figures(request)
    return [_report(request, job, figures.get(job.id), at) for job in jobs]


def _report(request: JobRequest, job: Job, metrics: dict[str, float] | None, at: datetime) -> dict[str, Any]:
    updated = max(job.updated_at, at) if job.state == "running" else job.updated_at
    return {
        "job_request_id": request.identifier,
        "identifier": job.identifier,
        "action": job.action,
        "run_command": job.run_command,
        "status": wire_state(job.state),
        "status_code": job.status_code,
        "status_message": message_outside(job.status_code, job.status_message, job.needs),
        "created_at": wire(job.created_at),
        "updated_at": wire(updated),
        "started_at": wire(job.started_at),
        "completed_at": wire(job.completed_at),
        "trace_context": None,
        "metrics": metrics,
        "requires_db": job.is_database_action,
    }


def message_outside(code: str, message: str, needs: Collection[str] = ()) -> str:
    """What may be said elsewhere of a job with this code and message; `needs` are the actions that it needs.

    The message itself where it is on the list and names no other actions, else the sentence of the code.
    """
    known = CODES.get(code)
    if known is None or code in _INSIDE:
        return _INSIDE.get(code, "")
    for pattern in _FREE.get(code, ()):
        if found := re.fullmatch(pattern, message, re.ASCII):
            named = (found.groupdict().get("names") or "").split(", ")
            return message if named == [""] or set(named) <= set(needs) else known.sentence
    return known.sentence


def _instead(request: JobRequest) -> dict[str, Any]:
    """The job that stands for a request that became none."""
    at = request.completed_at
    if request.status != "nothing_to_do":
        return failed_report(request.identifier, refusal_in(request.status_message), at)
    said = {"action": request.requested_actions[0], "status": "succeeded", "status_code": "succeeded"}
    return _pseudo(request.identifier, at, **said, status_message=request.status_message)


def failed_report(request: str, refusal: Refusal, at: datetime) -> dict[str, Any]:
    """The job that tells why the request of this identifier became no jobs, as of the moment `at`."""
    said = {"action": ERROR_ACTION, "status": "failed", "status_code": refusal.code}
    return _pseudo(request, at, **said, status_message=refusal.sentence)


def _pseudo(request: str, at: datetime, **said: str) -> dict[str, Any]:
    """A job that never was, but says something of its request."""
    return {
        "job_request_id": request,
        "identifier": job_identifier(request, said["action"]),
        "run_command": "",
        **said,
        "created_at": wire(at),
        "updated_at": wire(at),
        "started_at": None,
        "completed_at": wire(at),
        "trace_context": None,
        "metrics": None,
        "requires_db": False,
    }


def _figures(request: JobRequest) -> dict[int, dict[str, float]]:
    """Processor and memory of the jobs that have ended, by job id: means in percent of one processor, peaks in MB."""
    newest = (
        Attempt.select(fn.MAX(Attempt.id)).join(Job).where(Job.job_request == request).group_by(Attempt.job)
    )
    rows = Attempt.select().where(Attempt.id.in_(newest) & Attempt.ended_at.is_null(False))
    return {row.job_id: _metrics(row) for row in rows if row.started_at and row.ended_at > row.started_at}


def _metrics(attempt: Attempt) -> dict[str, float]:
    seconds = (attempt.ended_at - attempt.started_at) / timedelta(seconds=1)
    return {
        "cpu_mean": round(100 * attempt.cpu_seconds / seconds, 1),
        "mem_mb_peak": round(attempt.peak_memory / 2**20, 1),
    }
