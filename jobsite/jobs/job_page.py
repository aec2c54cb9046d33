"""The page of one job: what happened when, what it used, what it left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobsite import settings
from jobsite.accounts.models import AnonymousPerson, User
from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.jobs.job_rows import JobRow, job_row
from jobsite.jobs.models import Attempt, Job, JobOutput
from jobsite.jobs.queries import events_of, may_cancel, may_read_log, outputs_of
from jobsite.jobs.rules import CODES, nonzero_sentence
from jobsite.pipelines.report import LEVELS
from jobsite.projects.models import Workspace

_PREFIX = "job:"


@dataclass(frozen=True)
class Moment:
    """A step in the life of a job: when, in words, and its code."""

    at: datetime
    words: str
    code: str


@dataclass(frozen=True)
class JobPage:
    """What the page shows. `outputs` is None for people who may not know the names of files at Level 4.

    `uses` tells whether this person sees what the job used: anybody with a role in the project.
    """

    row: JobRow
    attempts: tuple[Attempt, ...]
    timeline: tuple[Moment, ...]
    may_read_log: bool
    uses: bool
    outputs: tuple[JobOutput, ...] | None

    @property
    def asked(self) -> Sequence[tuple[str, Mapping[str, str]]]:
        """The outputs that project.yaml asks for: each level with its labels and patterns."""
        wanted = self.row.job.outputs
        return [(level, wanted[level]) for level in LEVELS if level in wanted]

    @property
    def files(self) -> Sequence[tuple[str, list[JobOutput]]]:
        """The files it left, by level."""
        found = self.outputs or ()
        return [(level, files) for level in LEVELS if (files := [one for one in found if one.level == level])]

    @property
    def latest(self) -> Attempt | None:
        """The attempt that counts: the last one."""
        return self.attempts[-1] if self.attempts else None

    @property
    def exit_sentence(self) -> str:
        """With which exit code a job failed, and what that means where the code alone can tell; else ""."""
        code = self.latest.exit_code if self.latest else None
        if not code or self.row.job.state != "failed":
            return ""
        meaning = nonzero_sentence(code, database=self.row.job.is_database_action)
        return f"Its exit code was {code}{': ' + meaning if meaning else ''}."

    @property
    def memory_limit(self) -> int:
        """Bytes of memory that a job may use here."""
        return settings.current().job_memory

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
    """The page of a job, as `queries.job_in` gave it, for a person. At most two queries."""
    workspace: Workspace = job.workspace
    row = job_row(job, now(), may_cancel=may_cancel(job.job_request, workspace, person))
    reads = may_read_log(workspace)
    return JobPage(
        row=row,
        attempts=tuple(attempts),
        timeline=_timeline(job, events_of(job)),
        may_read_log=reads,
        uses=bool(workspace.permissions),
        outputs=tuple(outputs_of(job)) if reads else None,
    )


def _timeline(job: Job, events: Sequence[Event]) -> tuple[Moment, ...]:
    """The steps as they were recorded; where another machine runs the job, those its times tell of."""
    created = Moment(job.created_at, "Created", "created")
    codes = [
        (event.at, event.type.removeprefix(_PREFIX)) for event in events if event.type.startswith(_PREFIX)
    ]
    steps = [Moment(at, _words(code), code) for at, code in codes if code in CODES and code != "created"]
    if steps:
        return (created, *steps)
    started = [Moment(job.started_at, "Started", "initiated")] if job.started_at else []
    ended = [Moment(job.completed_at, job.words[1], job.status_code)] if job.completed_at else []
    return (created, *started, *ended)


def _words(code: str) -> str:
    return CODES[code].sentence.split(".")[0]
