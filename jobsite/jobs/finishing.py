"""The end of a run: what it left becomes outputs, or the reason why not; then the result is stored.

All of it may be done again after a crash: publishing is journalled and gives the same result, and the job's
row moves last. Nothing of the attempt is cleared away before that.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.execution import attempt_dir, executor, work_dir
from jobsite.jobs.executors import agent, records
from jobsite.jobs.executors.contract import Executor, Exit, Limits, read_exit, read_spec
from jobsite.jobs.executors.contract import Refused as ExecutorRefused
from jobsite.jobs.faults import DATABASE_EXITS, final_sentence, kind_of_error, next_try
from jobsite.jobs.models import Attempt, Job, JobOutput
from jobsite.jobs.moving import move
from jobsite.jobs.rules import (
    CODES,
    RESETS,
    disk_sentence,
    memory_sentence,
    nonzero_sentence,
    saving_words,
    time_sentence,
)
from jobsite.jobs.specs import recorded_inputs
from jobsite.jobs.store_facts import facts_of, log_lines, moment
from jobsite.projects.models import Workspace
from jobsite.settings import current
from jobsite.store.collecting import Collected, Input, collect
from jobsite.store.facts import Published
from jobsite.store.journal import resume_workspace
from jobsite.store.level4 import Level4Limits
from jobsite.store.metadata import published_before
from jobsite.store.publish import publish, record_log
from jobsite.store.roots import Roots, locked

EXCLUDED = ", but some file(s) marked as moderately_sensitive were excluded. See job log for details."

log = logging.getLogger("jobsite.finishing")

_door = threading.Lock()
_under_way: set[int] = set()


class _Cancelled(Exception):
    """The job was cancelled while its outputs were being saved."""


@dataclass(frozen=True)
class Outcome:
    """What a job becomes: its code and message, the files it left, and the kind of a fault that was not the
    user's. `retry_at` is when it is tried again."""

    code: str
    message: str = ""
    files: Mapping[str, Published] = field(default_factory=dict)
    fault: str = ""
    retry_at: datetime | None = None


def finish(job_id: int) -> None:
    """Take a job whose run has ended to its final code.

    Does nothing for a job that has moved on, also while it is looked at, or that another thread is finishing.
    """
    with _door:
        if job_id in _under_way:
            return
        _under_way.add(job_id)
    try:
        _finish(job_id)
    except Conflict:
        log.info("job %s moved on while it was finished", job_id)
    finally:
        _under_way.discard(job_id)


def _finish(job_id: int) -> None:
    job = _JOB.one(Job, its_id=job_id)
    attempt = _NEWEST_ATTEMPT.one(Attempt, job=job_id)
    end = read_exit(attempt_dir(job, attempt)) if job and attempt else None
    if job is None or job.state != "running" or attempt is None or end is None:
        return
    again = job.status_code == "finalizing"
    if not again:
        move(job, "finalizing", saving_words(leaves_outputs(job, end)))
    try:
        stored = _decided(job, attempt) if again else {}
        outcome = _succeeded(stored) if stored else _outcome(job, attempt, end)
    except Conflict:
        raise
    except Exception as fault:
        _cancellation(job)  # what another process has finished meanwhile has also been cleared away
        log.exception("job %s cannot be finished", job.identifier)
        outcome = platform_fault(job, attempt, kind_of_error(fault), f"while saving outputs: {fault!r}")
    store_result(job, attempt, end, outcome)
    _clear(attempt, job)


_JOB = Prepared(lambda: Job.select().where(Job.id == place("its_id")))
_NEWEST_ATTEMPT = Prepared(
    lambda: Attempt.select().where(Attempt.job == place("job")).order_by(Attempt.number.desc())
)
_WORKSPACE = Prepared(lambda: Workspace.select(Workspace.name).where(Workspace.id == place("its_id")))


def store_result(job: Job, attempt: Attempt | None, end: Exit, outcome: Outcome) -> None:
    """Store how an attempt ended and what the job left, and move the job, in one transaction."""
    with writing():
        if attempt is not None:
            _store_attempt(attempt, end, outcome)
        _NO_OUTPUTS.run(job=job.id)
        for path, one in outcome.files.items():
            _OUTPUT.run(job=job.id, path=path, level=one.level, sha256=one.content_hash, size=one.size)
        if outcome.code == "succeeded":
            move(job, "finalized")
        move(job, outcome.code, outcome.message, retry_at=outcome.retry_at, stop_code="", stop_message="")


def _store_attempt(attempt: Attempt, end: Exit, outcome: Outcome) -> None:
    """The end of the attempt; where the clock was set back meanwhile, its times stay in order."""
    started = moment(end.started_at)
    started = max(started, attempt.created_at) if started else None
    ended = max(moment(end.ended_at) or now(), started or attempt.created_at)
    _END_OF_ATTEMPT.run(
        started_at=started,
        ended_at=ended,
        end_reason=end.reason,
        exit_code=end.exit_code,
        peak_memory=end.peak_memory_bytes,
        cpu_seconds=end.cpu_seconds,
        detail=end.detail,
        fault=outcome.fault,
        its_id=attempt.id,
    )


_END = ["started_at", "ended_at", "end_reason", "exit_code", "peak_memory", "cpu_seconds", "detail", "fault"]
_END_OF_ATTEMPT = Prepared(
    lambda: Attempt.update({getattr(Attempt, name): place(name) for name in _END}).where(
        Attempt.id == place("its_id")
    )
)
_NO_OUTPUTS = Prepared(lambda: JobOutput.delete().where(JobOutput.job == place("job")))
_OUTPUT = Prepared(
    lambda: JobOutput.insert({name: place(name) for name in ("job", "path", "level", "sha256", "size")})
)


def leaves_outputs(job: Job, end: Exit) -> bool:
    """Whether a run with this end went well, so that its outputs are saved."""
    return end.reason == "exited" and end.exit_code == 0 and not job.cancel_asked_at


def _outcome(job: Job, attempt: Attempt, end: Exit) -> Outcome:
    """What an ended attempt makes of its job."""
    if job.cancel_asked_at:
        return _without_outputs(job, attempt, end, "cancelled_by_user", "")
    if end.reason == "cancelled":
        return _stopped(job, attempt, end)
    if end.reason == "platform":
        return platform_fault(job, attempt, end.fault or "platform", end.detail)
    if end.reason == "job_error":
        return _without_outputs(job, attempt, end, "job_error", f"The job could not be run: {end.sentence}")
    if why := _why_failed(job, end):
        return _failed(job, attempt, end, why)
    return _with_outputs(job, attempt, end)


def _stopped(job: Job, attempt: Attempt, end: Exit) -> Outcome:
    """Stopped by us for the reason on the job; without one, the machine was shut down."""
    if not job.stop_code:
        return platform_fault(job, attempt, "ended_from_outside", "it got a signal that nobody here sent")
    if job.stop_code in RESETS:
        return Outcome(job.stop_code, job.stop_message)
    return _without_outputs(job, attempt, end, job.stop_code, job.stop_message)


def _failed(job: Job, attempt: Attempt, end: Exit, why: str) -> Outcome:
    """The program failed. Some exit codes of database jobs pass by themselves, and are tried again."""
    kind = DATABASE_EXITS.get(end.exit_code or 0) if job.is_database_action else None
    if kind and end.reason == "exited":
        again = _next_try(job, attempt, kind)
        if again:
            return again
        return replace(_without_outputs(job, attempt, end, "nonzero_exit", why), fault=kind)
    return _without_outputs(job, attempt, end, "nonzero_exit", why)


def _why_failed(job: Job, end: Exit) -> str | None:
    """The message of a run that ended badly; None for exit code 0. The limits are those it was started with."""
    base = CODES["nonzero_exit"].sentence
    limits = Limits(**end.limits)
    if end.reason == "out_of_memory":
        return f"{base}: {memory_sentence(limits.memory_bytes, end.peak_memory_bytes)}"
    if end.reason == "time_limit":
        return f"{base}: {time_sentence(limits.time_seconds)}"
    if end.reason == "disk_limit":
        return f"{base}: {disk_sentence(limits.disk_bytes)}"
    if end.exit_code == 0:
        return None
    own = end.sentence if end.elsewhere else ""
    meaning = own or nonzero_sentence(end.exit_code or 1, database=job.is_database_action)
    return f"{base}: {meaning}" if meaning else base


def _with_outputs(job: Job, attempt: Attempt, end: Exit) -> Outcome:
    if end.elsewhere:
        return _left_elsewhere(end)
    folder = attempt_dir(job, attempt)
    inputs = {path: Input(row.level, row.sha256) for path, row in recorded_inputs(job).items()}
    prepared = records.read(folder, records.PREPARED)
    if prepared is None:
        raise LookupError(f"{attempt.identifier} has no listing of what was there before it ran")
    collected = collect(work_dir(attempt), prepared, job.outputs, inputs)
    if not collected.complete:
        message = CODES["unmatched_patterns"].sentence
        return _without_outputs(job, attempt, end, "unmatched_patterns", message, collected)
    facts = facts_of(job, attempt, end, CODES["succeeded"].sentence)
    lines = _while_wanted(job, log_lines(folder))
    try:
        files = publish(_roots(), facts, work_dir(attempt), collected, _level4_limits(), lines)
    except _Cancelled:
        return _without_outputs(job, attempt, end, "cancelled_by_user", "")
    return _succeeded(files)


def _left_elsewhere(end: Exit) -> Outcome:
    """A run that went well where an agent keeps what it left: whether all was there, and was copied to Level 4."""
    if end.elsewhere == agent.UNMATCHED:
        return Outcome("unmatched_patterns", CODES["unmatched_patterns"].sentence)
    return _succeeded({}, excluded=end.elsewhere == agent.EXCLUDED)


def _decided(job: Job, attempt: Attempt) -> dict[str, Published]:
    """What the attempt has published, where the server ended between the decision and its own row: readers have it
    by then, so no cancellation that came afterwards undoes it. Empty when nothing was decided."""
    roots = _roots()
    (workspace,) = _WORKSPACE.run(its_id=job.workspace_id).fetchone()
    # It is there from before the decision until the record is.
    if roots.staging_of(workspace, attempt.identifier)[0].exists():
        with locked(roots, workspace):
            resume_workspace(roots, workspace)
    return published_before(roots, job.identifier, attempt.identifier) or {}


def _succeeded(files: Mapping[str, Published], *, excluded: bool = False) -> Outcome:
    excluded = excluded or any(one.message for one in files.values())
    return Outcome("succeeded", CODES["succeeded"].sentence + (EXCLUDED if excluded else ""), files)


def _without_outputs(
    job: Job, attempt: Attempt, end: Exit, code: str, message: str, collected: Collected | None = None
) -> Outcome:
    if end.elsewhere:  # so is its log
        return Outcome(code, message)
    facts = facts_of(job, attempt, end, message or CODES[code].sentence)
    record_log(_roots(), facts, log_lines(attempt_dir(job, attempt)), collected)
    return Outcome(code, message)


def platform_fault(job: Job, attempt: Attempt, kind: str, detail: str) -> Outcome:
    """A fault of ours: further attempts as long as its kind has some, then the team looks at it."""
    log.error("job %s, attempt %s: %s: %s", job.identifier, attempt.identifier, kind, detail)
    if again := _next_try(job, attempt, kind):
        return again
    message = f"{CODES['internal_error'].sentence} {final_sentence(kind)}."
    return Outcome("internal_error", message, fault=kind)


def store_failed_launch(job_id: int, attempt: Attempt, kind: str, detail: str) -> None:
    """An attempt that got no supervisor: what was asked of its job meanwhile, else a fault of ours of this kind."""
    job = Job.get_by_id(job_id)
    end = Exit("platform", detail=detail, fault=kind)
    if job.cancel_asked_at:
        outcome = Outcome("cancelled_by_user")
    elif job.stop_code:
        outcome = Outcome(job.stop_code, job.stop_message)
    else:
        outcome = platform_fault(job, attempt, kind, detail)
    store_result(job, attempt, end, outcome)


def end_given_up(executor: Executor, job_id: int, attempt: Attempt) -> None:
    """End a running job that the server cannot handle, once its processes are known to be gone (B31).

    Takes up to half a minute. Raises what the executor raises, and Refused while something still runs.
    """
    job = Job.get_by_id(job_id)
    folder = attempt_dir(job, attempt)
    executor.kill_now(folder)
    seen = executor.observe(folder)
    if seen.alive:
        raise ExecutorRefused(f"{attempt.identifier} still runs.")
    end = seen.exit or Exit("platform", ended_at=records.now())
    store_result(job, attempt, end, Outcome("internal_error", fault="platform"))


def _next_try(job: Job, attempt: Attempt, kind: str) -> Outcome | None:
    """A job that is tried again after a fault of this kind; None when the tries are used up."""
    others = (Attempt.job == job) & (Attempt.id != attempt.id)
    before = [row.fault for row in Attempt.select(Attempt.fault).where(others)]
    again = next_try(kind, before, max(now(), job.updated_at))
    if again is None:
        return None
    return Outcome("waiting_on_new_task", again.sentence(kind), fault=kind, retry_at=again.at)


def _while_wanted(job: Job, lines: Iterator[bytes]) -> Iterator[bytes]:
    """The same lines; at their end, the last moment before the publication is decided, a cancellation stops it, and
    so does the end of the job, which another process has brought about: newer outputs may be there by now.

    Raises `_Cancelled`, with the job as it is by then, and `Conflict`.
    """
    yield from lines
    asked_at, asked_by = _cancellation(job)
    if asked_at:
        job.cancel_asked_at, job.cancel_asked_by = Job.cancel_asked_at.python_value(asked_at), asked_by
        raise _Cancelled


def _cancellation(job: Job) -> tuple[str | None, str | None]:
    """When and by whom its cancellation was asked for by now. Raises `Conflict` when it runs no more."""
    state, asked_at, asked_by = _NOW_THERE.run(job=job.id).fetchone()
    if state != "running":
        raise Conflict(f"Job {job.identifier} has moved on.")
    return asked_at, asked_by


_NOW_THERE = Prepared(
    lambda: Job.select(Job.state, Job.cancel_asked_at, Job.cancel_asked_by).where(Job.id == place("job"))
)


def _clear(attempt: Attempt, job: Job) -> None:
    """Take away the attempt's directory; what cannot be taken away now, the sweep takes."""
    with suppress(ExecutorRefused):
        executor().clean(read_spec(attempt_dir(job, attempt)))


def _roots() -> Roots:
    return Roots.of(current().instance)


def _level4_limits() -> Level4Limits:
    settings = current()
    return Level4Limits(
        settings.level4_max_filesize, settings.level4_max_csv_rows, settings.level4_file_types
    )
