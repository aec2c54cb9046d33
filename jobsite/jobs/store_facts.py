"""What the store is told of an attempt that has ended: whose it was, how it ended, and the lines of its log."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from peewee import ModelSelect

from jobsite.accounts.models import User
from jobsite.core.clock import wire
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import Exit
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.models import Attempt, Job, JobRequest, ProjectFile
from jobsite.pipelines.parsing import parse
from jobsite.projects.models import Repo, Workspace
from jobsite.store.facts import JobFacts

EPOCH = datetime(1970, 1, 1)
LINES_AT_ONCE = 2000


def facts_of(job: Job, attempt: Attempt, end: Exit, message: str) -> JobFacts:
    """What the store is told of an attempt that ended so, with the sentence of its job."""
    found = _SURROUNDINGS.run(request=job.job_request_id)
    request, commit, project_file, user, workspace, repo = found.fetchone()
    return JobFacts(
        workspace=workspace,
        job=job.identifier,
        request=request,
        attempt=attempt.identifier,
        action=job.action,
        user=user,
        repo=repo,
        commit=commit,
        actions=_actions_of(project_file),
        exit_code=end.exit_code,
        status_message=message,
        created_at=wire(job.created_at) or "",
        completed_at=wire(moment(end.ended_at)) or "",
        database_name="default" if job.is_database_action else "",
        cancelled=bool(job.cancel_asked_at) or end.reason == "cancelled",
        metadata={
            "oom_killed": end.reason == "out_of_memory",
            **({"action_version": job.code_tag, "action_revision": job.code_commit} if job.code_repo else {}),
        },
    )


def _surroundings() -> ModelSelect:
    names = (
        JobRequest.identifier,
        JobRequest.commit,
        ProjectFile.text,
        User.username,
        Workspace.name,
        Repo.url,
    )
    source = JobRequest.select(*names).join(ProjectFile).switch(JobRequest).join(User)
    return source.switch(JobRequest).join(Workspace).join(Repo).where(JobRequest.id == place("request"))


_SURROUNDINGS = Prepared(_surroundings)


@lru_cache(maxsize=32)
def _actions_of(project_file: str) -> frozenset[str] | None:
    """The names of its actions; remembered, as the jobs of a request share the file and large ones take long to read."""
    pipeline = parse(project_file).pipeline
    return frozenset(pipeline.actions) if pipeline else None


def log_lines(folder: Path) -> Iterator[bytes]:
    """The lines of an attempt's log, each with its time, in windows."""
    if not (folder / records.LOG).exists():
        return
    with LogReader(folder / records.LOG) as reader:
        line = 1
        while (window := reader.window(line, LINES_AT_ONCE)).lines:
            for one in window.lines:
                yield f"{wire(moment(one.time))} {one.text}\n".encode()
            line = window.next_line


def moment(microseconds: int | None) -> datetime | None:
    """A moment of the records, microseconds since 1970, as the database has moments."""
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
