"""The end of a run: what it left becomes outputs, or the reason why not; then the result is stored.

All of it may be done again after a crash: publishing is journalled and gives the same result, and the job's
row moves last. Nothing of the attempt is cleared away before that.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from jobsite.core.clock import wire
from jobsite.core.db import writing
from jobsite.jobs.actions import move
from jobsite.jobs.execution import attempt_dir, executor, work_dir
from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import Exit, read_exit, read_spec
from jobsite.jobs.executors.contract import Refused as ExecutorRefused
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job, JobOutput
from jobsite.jobs.rules import CODES, MOST_ATTEMPTS, memory_sentence, nonzero_sentence
from jobsite.jobs.specs import recorded_inputs
from jobsite.pipelines.parsing import parse
from jobsite.settings import current
from jobsite.store.collecting import Collected, Input, collect
from jobsite.store.facts import JobFacts, Published
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish, record_log
from jobsite.store.roots import Roots

EPOCH = datetime(1970, 1, 1)
LINES_AT_ONCE = 2000
EXCLUDED = ", but some file(s) marked as moderately_sensitive were excluded. See job log for details."

log = logging.getLogger("jobsite.finishing")


def finish(job_id: int) -> None:
    """Take a job whose run has ended to its final code. Does nothing for a job that has moved on."""
    job = Job.get_by_id(job_id)
    attempt = Attempt.select().where(Attempt.job == job).order_by(Attempt.number.desc()).first()
    end = read_exit(attempt_dir(job, attempt)) if attempt else None
    if job.state != "running" or attempt is None or end is None:
        return
    if job.status_code != "finalizing":
        move(job, "finalizing")
    try:
        code, message, files = _result(job, attempt, end)
    except Exception as fault:
        log.exception("job %s cannot be finished", job.identifier)
        code, message, files = platform_fault(job, attempt, f"while saving outputs: {fault!r}")
    store_result(job, attempt, end, code, message, files)
    _clear(attempt, job)


def store_result(
    job: Job, attempt: Attempt, end: Exit, code: str, message: str, files: dict[str, Published]
) -> None:
    """Store how an attempt ended and what the job left, and move the job, in one transaction."""
    with writing():
        Attempt.update(
            started_at=_moment(end.started_at),
            ended_at=_moment(end.ended_at),
            end_reason=end.reason,
            exit_code=end.exit_code,
            peak_memory=end.peak_memory_bytes,
            cpu_seconds=end.cpu_seconds,
            detail=end.detail,
        ).where(Attempt.id == attempt.id).execute()
        JobOutput.delete().where(JobOutput.job == job).execute()
        rows = [
            {"job": job.id, "path": path, "level": one.level, "sha256": one.content_hash, "size": one.size}
            for path, one in files.items()
        ]
        for start in range(0, len(rows), 500):
            JobOutput.insert_many(rows[start : start + 500]).execute()
        move(job, code, message)


def _result(job: Job, attempt: Attempt, end: Exit) -> tuple[str, str, dict[str, Published]]:
    """Code, message and stored files of an ended attempt."""
    if end.reason == "cancelled" or job.cancel_asked_at:
        return _without_outputs(job, attempt, end, "cancelled_by_user", "")
    if end.reason == "platform":
        return platform_fault(job, attempt, end.detail)
    if end.reason == "job_error":
        return _without_outputs(job, attempt, end, "job_error", f"The job could not be run: {end.sentence}")
    if why := _why_failed(job, attempt, end):
        return _without_outputs(job, attempt, end, "nonzero_exit", why)
    return _with_outputs(job, attempt, end)


def _why_failed(job: Job, attempt: Attempt, end: Exit) -> str | None:
    """The message of a run that ended badly; None for exit code 0."""
    base = CODES["nonzero_exit"].sentence
    if end.reason == "out_of_memory":
        return f"{base}: {memory_sentence(current().job_memory)}"
    if end.reason == "time_limit":
        return f"{base}: stopped at the time limit of {current().job_time_limit}"
    if end.reason == "disk_limit":
        return f"{base}: it wrote more than the {current().job_disk / 1e9:.1f} GB of disk space a job may use"
    if end.exit_code == 0:
        return None
    meaning = nonzero_sentence(end.exit_code or 1, database=job.is_database_action)
    return f"{base}: {meaning}" if meaning else base


def _with_outputs(job: Job, attempt: Attempt, end: Exit) -> tuple[str, str, dict[str, Published]]:
    folder = attempt_dir(job, attempt)
    inputs = {path: Input(row.level, row.sha256) for path, row in recorded_inputs(job).items()}
    prepared = records.read(folder, records.PREPARED)
    if prepared is None:
        raise LookupError(f"{attempt.identifier} has no listing of what was there before it ran")
    collected = collect(work_dir(attempt), prepared, job.outputs, inputs)
    if not collected.complete:
        message = CODES["unmatched_patterns"].sentence
        return _without_outputs(job, attempt, end, "unmatched_patterns", message, collected)
    facts = _facts(job, attempt, end, CODES["succeeded"].sentence)
    files = publish(_roots(), facts, work_dir(attempt), collected, _level4_limits(), _lines(folder))
    excluded = any(one.message for one in files.values())
    return "succeeded", CODES["succeeded"].sentence + (EXCLUDED if excluded else ""), files


def _without_outputs(
    job: Job, attempt: Attempt, end: Exit, code: str, message: str, collected: Collected | None = None
) -> tuple[str, str, dict[str, Published]]:
    facts = _facts(job, attempt, end, message or CODES[code].sentence)
    record_log(_roots(), facts, _lines(attempt_dir(job, attempt)), collected)
    return code, message, {}


def platform_fault(job: Job, attempt: Attempt, detail: str) -> tuple[str, str, dict[str, Published]]:
    """A fault of ours: one more attempt, then the team looks at it."""
    log.error("job %s, attempt %s: platform fault: %s", job.identifier, attempt.identifier, detail)
    if attempt.number < MOST_ATTEMPTS:
        message = f"A platform fault stopped it; attempt {attempt.number + 1} of {MOST_ATTEMPTS} starts now"
        return "waiting_on_new_task", message, {}
    return "internal_error", "", {}


def _facts(job: Job, attempt: Attempt, end: Exit, message: str) -> JobFacts:
    request = job.job_request
    pipeline = parse(request.project_file.text).pipeline
    return JobFacts(
        workspace=job.workspace.name,
        job=job.identifier,
        request=request.identifier,
        attempt=attempt.identifier,
        action=job.action,
        user=request.created_by.username,
        repo=job.workspace.repo.url,
        commit=request.commit,
        actions=frozenset(pipeline.actions) if pipeline else None,
        exit_code=end.exit_code,
        status_message=message,
        created_at=wire(job.created_at) or "",
        completed_at=wire(_moment(end.ended_at)) or "",
        database_name="default" if job.is_database_action else "",
        cancelled=bool(job.cancel_asked_at) or end.reason == "cancelled",
        metadata={"oom_killed": end.reason == "out_of_memory"},
    )


def _lines(folder: Path) -> Iterator[bytes]:
    """The lines of an attempt's log, each with its time, in windows."""
    if not (folder / records.LOG).exists():
        return
    with LogReader(folder / records.LOG) as reader:
        line = 1
        while (window := reader.window(line, LINES_AT_ONCE)).lines:
            for one in window.lines:
                yield f"{wire(_moment(one.time))} {one.text}\n".encode()
            line = window.next_line


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


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
