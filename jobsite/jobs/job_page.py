"""The page of one job: what happened when, what it used, what it left."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from jobsite import settings
from jobsite.accounts.models import AnonymousPerson, User
from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.core.wording import counted
from jobsite.jobs.code_compare import Comparison, comparisons
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.job_rows import JobRow, job_row, silent_for
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.jobs.queries import (
    events_of,
    may_cancel,
    may_read_log,
    output_counts,
    outputs_of,
    related_jobs,
)
from jobsite.jobs.rules import CODES, RESETS, nonzero_sentence, saving_words
from jobsite.jobs.samples import Usage, usage
from jobsite.jobs.waiting_reasons import Why, why
from jobsite.pipelines.report import LEVELS
from jobsite.projects.models import Workspace

_PREFIX = "job:"
_WITHOUT_OUTPUTS = ("nonzero_exit", "unmatched_patterns", "job_error", "killed_by_admin", *RESETS)


@dataclass(frozen=True)
class Moment:
    """A step in the life of a job: when, in words, and its code."""

    at: datetime
    words: str
    code: str


@dataclass(frozen=True)
class Files:
    """What a job left: how many files by level, and the files for people who may know their names.

    Either is None for people who may not know it, and on the public side.
    """

    counts: Mapping[str, int] | None = None
    names: tuple[JobOutput, ...] | None = None

    @property
    def by_level(self) -> Sequence[tuple[str, int, list[JobOutput]]]:
        """Each level that has files, with their number and those whose names may be shown."""
        counts, names = self.counts or {}, self.names or ()
        return [
            (level, counts[level], [one for one in names if one.level == level])
            for level in LEVELS
            if counts.get(level)
        ]

    @property
    def words(self) -> str:
        """How many files there are; "" for people who may not know it."""
        if self.counts is None:
            return ""
        return counted(sum(self.counts.values()), "file")


@dataclass(frozen=True)
class Supplied:
    """A need of the job: the action, the job whose outputs it takes, and what these are."""

    action: str
    job: Job
    files: Files


@dataclass(frozen=True)
class JobPage:
    """What the page shows.

    `uses` tells whether this person sees what the job used: anybody with a role in the project.
    """

    row: JobRow
    attempts: tuple[Attempt, ...]
    timeline: tuple[Moment, ...]
    may_read_log: bool
    uses: bool
    inputs: tuple[Supplied, ...]
    outputs: Files

    @property
    def asked(self) -> Sequence[tuple[str, Mapping[str, str]]]:
        """The outputs that project.yaml asks for: each level with its labels and patterns."""
        wanted = self.row.job.outputs
        return [(level, wanted[level]) for level in LEVELS if level in wanted]

    @property
    def request(self) -> JobRequest:
        """The request that the job belongs to."""
        return self.row.job.job_request

    @property
    def latest(self) -> Attempt | None:
        """The attempt that counts: the last one."""
        return self.attempts[-1] if self.attempts else None

    @property
    def is_with_agent(self) -> bool:
        """Whether its log and its files are on the machine of an agent, which carries it out."""
        return self.latest is not None and self.latest.by_agent

    @property
    def log_is_here(self) -> bool:
        """Whether there is a log here that this person may read."""
        return self.may_read_log and self.latest is not None and not self.latest.by_agent

    @property
    def exit_sentence(self) -> str:
        """With which exit code a job failed, and what that means where the code alone can tell; else ""."""
        code = self.latest.exit_code if self.latest else None
        if not code or self.row.job.state != "failed":
            return ""
        meaning = nonzero_sentence(code, database=self.row.job.is_database_action)
        return f"Its exit code was {code}{': ' + meaning if meaning else ''}."

    @cached_property
    def usage(self) -> Usage | None:
        """What its latest attempt used over time; on the secure side, for people with a role in the project."""
        if self.latest is None or self.latest.by_agent or not (self.uses and settings.current().secure):
            return None
        return usage(attempt_dir(self.row.job, self.latest))

    @cached_property
    def why(self) -> Why | None:
        """Why it waits, what is before it and when it starts; None for a job that does not wait. Three queries."""
        return why(self.row.job)

    @property
    def memory_limit(self) -> int:
        """Bytes of memory that its latest attempt might use; where that is not known any more, what a job may here."""
        return (self.usage and self.usage.memory_limit) or settings.current().job_memory

    @property
    def silent_for(self) -> float | None:
        """Seconds without a report from the backend, where that is too long; else None."""
        return silent_for([self.row.job], self.request.backend, self.row.at)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Its code beside that of earlier requests; worked out where it is shown, so not for a page that polls."""
        return comparisons(self.request)

    @property
    def seen(self) -> str:
        """What a page that updates itself has shown of the job's state."""
        return self.row.job.status_code

    def news(self, seen: str) -> str:
        """What has changed for somebody who saw the code `seen`, as a sentence; "" for nothing."""
        if not seen or seen == self.seen:
            return ""
        return f"{self.row.job.action}: {self.row.pill[1]}. {self.row.sentence}"


def job_page(job: Job, attempts: Sequence[Attempt], person: User | AnonymousPerson) -> JobPage:
    """The page of a job, as `queries.job_in` gave it, for a person. At most three queries."""
    workspace: Workspace = job.workspace
    suppliers, good = related_jobs(job)
    files = _files([job, *suppliers.values()], workspace)
    allowed = may_cancel(job.job_request, workspace, person)
    return JobPage(
        row=job_row(job, now(), may_cancel=allowed, good=good),
        attempts=tuple(attempts),
        timeline=_timeline(job, events_of(job)),
        may_read_log=may_read_log(workspace),
        uses=bool(workspace.permissions),
        inputs=tuple(Supplied(action, one, files[one.id]) for action, one in suppliers.items()),
        outputs=files[job.id],
    )


def _files(jobs: Sequence[Job], workspace: Workspace) -> Mapping[int, Files]:
    """What each job left, as far as the person for whom the workspace was loaded may know it. At most one query."""
    if may_read_log(workspace):
        named = outputs_of(jobs)
        return {job.id: _named(named.get(job.id, [])) for job in jobs}
    if workspace.permissions and settings.current().secure:
        counts = output_counts(jobs)
        return {job.id: Files(counts.get(job.id, {})) for job in jobs}
    return {job.id: Files() for job in jobs}


def _named(rows: Sequence[JobOutput]) -> Files:
    return Files(Counter(row.level for row in rows), tuple(rows))


def _timeline(job: Job, events: Sequence[Event]) -> tuple[Moment, ...]:
    """The steps as they were recorded; where another machine runs the job, those its times tell of."""
    created = Moment(job.created_at, "Created", "created")
    codes = [
        (event.at, event.type.removeprefix(_PREFIX)) for event in events if event.type.startswith(_PREFIX)
    ]
    known = [(at, code) for at, code in codes if code in CODES and code != "created"]
    following = [*(code for _, code in known[1:]), ""]
    steps = [
        Moment(at, _words(job, at, code, after), code)
        for (at, code), after in zip(known, following, strict=False)
    ]
    if steps:
        return (created, *steps)
    started = [Moment(job.started_at, "Started", "initiated")] if job.started_at else []
    ended = [Moment(job.completed_at, job.words[1], job.status_code)] if job.completed_at else []
    return (created, *started, *ended)


def _words(job: Job, at: datetime, code: str, after: str) -> str:
    """A step in words; `after` is the code of the next one, "" for the last."""
    if code == "finalizing":
        asked = job.cancel_asked_at
        return saving_words(after not in _WITHOUT_OUTPUTS and not (asked and asked <= at))
    return CODES[code].sentence.split(".")[0]
