"""The tables of running: job requests, their jobs, the attempts at each, and the outputs they made."""

from functools import cached_property

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    DateTimeField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from jobsite.accounts.models import Backend, User
from jobsite.core.db import Model
from jobsite.jobs.holding import Patterns, patterns_of
from jobsite.jobs.rules import is_active, job_words, request_words
from jobsite.projects.models import Repo, Workspace


class CodelistsCheck(Model):
    """What the codelist service says of one pair of codelists.txt and codelists.json, and when to ask it (again).

    `sha256` is the hash of both. `repo` and `commit` say where they can be read. `verdict` is "ok", "error", or ""
    before the first answer, as of `checked_at`. `problem` is why the last try failed, "" when it did not; `tries`
    counts those since the last answer.
    """

    sha256 = FixedCharField(64, unique=True)
    repo = ForeignKeyField(Repo, on_delete="CASCADE")
    commit = FixedCharField(40)
    verdict = CharField(default="")
    checked_at = DateTimeField(null=True)
    problem = TextField(default="")
    tries = IntegerField(default=0)
    next_at = DateTimeField(index=True)


class ProjectFile(Model):
    """The text of a `project.yaml`, kept once however many requests used it."""

    sha256 = FixedCharField(64, unique=True)
    text = TextField()


class JobRequest(Model):
    """What a person submitted: a workspace at one commit, a backend, one or more actions.

    `status` and the counts are kept when jobs change, never worked out when a page is read. `only_cancelled`: it failed,
    but none of its jobs did; it is shown as cancelled. `form_key` names the form it came from, so that sending the same
    form twice makes one request.
    """

    identifier = FixedCharField(16, unique=True)
    workspace = ForeignKeyField(Workspace, backref="job_requests", on_delete="RESTRICT")
    backend = ForeignKeyField(Backend, backref="job_requests", on_delete="RESTRICT")
    requested_actions = JSONField()
    cancelled_actions = JSONField(default=list)
    force_run_dependencies = BooleanField(default=False)
    commit = FixedCharField(40)
    project_file = ForeignKeyField(ProjectFile, on_delete="RESTRICT")
    codelists_ok = BooleanField(default=True)
    will_notify = BooleanField(default=False)
    status = CharField(default="pending")
    only_cancelled = BooleanField(default=False)
    status_message = TextField(default="")
    jobs_total = IntegerField(default=0)
    jobs_succeeded = IntegerField(default=0)
    form_key = CharField(null=True, unique=True)
    created_at = DateTimeField()
    created_by = ForeignKeyField(User, backref="job_requests", on_delete="RESTRICT")
    started_at = DateTimeField(null=True)
    completed_at = DateTimeField(null=True)

    class Meta:
        indexes = (
            (("workspace", "id"), False),
            (("backend", "status", "only_cancelled"), False),
            (("status", "only_cancelled"), False),
            (("created_by", "id"), False),
        )

    @property
    def is_active(self) -> bool:
        """Whether it may still change."""
        return self.completed_at is None

    def words(self, states: list[str]) -> tuple[str, str]:
        """The pill's state and words, from the states of its jobs."""
        return request_words(self.status, states, cancelling=bool(self.cancelled_actions) and self.is_active)


class Job(Model):
    """One action of one job request.

    `identifier` has 16 characters where it is ours; a runner elsewhere chooses its own.
    `needs` maps each needed action to the id of the job that supplies it: its inputs, for good.
    `outputs` is what project.yaml asks for: level, then label, then pattern. `reason` is why the plan runs it.
    `stop_code` is what a running job becomes when its processes have been stopped ("" when nobody stops it), with
    `stop_message`. `ready_at` is since when only room keeps it from starting, `retry_at` when it is tried again.
    `code_repo`, `code_commit` and `code_tag` are where the code of a reusable action is; empty for the study's own.
    `trace_context` and `metrics` are what a runner elsewhere reports beside its status: where its trace is, and measures.
    `workspace`, `backend` and `project` are those of the request, repeated for the index of the latest jobs.
    """

    identifier = CharField(unique=True)
    job_request = ForeignKeyField(JobRequest, backref="jobs", on_delete="RESTRICT")
    workspace = ForeignKeyField(Workspace, backref="jobs", on_delete="RESTRICT")
    backend = ForeignKeyField(Backend, backref="jobs", on_delete="RESTRICT")
    action = TextField()
    position = IntegerField(default=0)
    run_command = TextField()
    is_database_action = BooleanField(default=False)
    needs = JSONField(default=dict)
    outputs = JSONField(default=dict)
    reason = TextField(default="")
    state = CharField(default="pending")
    status_code = CharField(default="created")
    status_message = TextField(default="")
    cancel_asked_at = DateTimeField(null=True)
    cancel_asked_by = CharField(null=True)
    stop_code = CharField(default="")
    stop_message = TextField(default="")
    ready_at = DateTimeField(null=True)
    retry_at = DateTimeField(null=True)
    attempts_made = IntegerField(default=0)
    code_repo = TextField(default="")
    code_commit = CharField(default="")
    code_tag = CharField(default="")
    created_at = DateTimeField()
    updated_at = DateTimeField()
    status_code_updated_at = DateTimeField()
    started_at = DateTimeField(null=True)
    completed_at = DateTimeField(null=True)
    trace_context = JSONField(null=True)
    metrics = JSONField(null=True)

    class Meta:
        indexes = (
            (("workspace", "backend", "action", "id"), False),
            (("job_request", "position"), False),
            (("action", "job_request"), False),
            (("state",), False),
        )

    @property
    def is_active(self) -> bool:
        """Whether it may still change."""
        return is_active(self.state)

    @cached_property
    def patterns(self) -> Patterns:
        """All patterns of files that it may write; they never change."""
        return patterns_of(self.outputs)

    @property
    def cancelling(self) -> bool:
        """Whether its cancellation was asked for and is not yet confirmed."""
        return self.cancel_asked_at is not None and self.is_active

    @property
    def words(self) -> tuple[str, str]:
        """The pill's state and word."""
        return job_words(self.state, cancelling=self.cancelling)


class Attempt(Model):
    """One try to run a job: its own directory, log and record of the end.

    `fault` is the kind of a fault that was not the user's (`faults.RETRIES`), "" for none. `by_agent`: an agent carries it
    out on another machine, where its log and its files are.
    """

    job = ForeignKeyField(Job, backref="attempts", on_delete="RESTRICT")
    number = IntegerField()
    identifier = CharField(unique=True)
    created_at = DateTimeField()
    started_at = DateTimeField(null=True)
    ended_at = DateTimeField(null=True)
    end_reason = CharField(default="")
    exit_code = IntegerField(null=True)
    peak_memory = BigIntegerField(default=0)
    cpu_seconds = FloatField(default=0)
    detail = TextField(default="")
    fault = CharField(default="")
    by_agent = BooleanField(default=False)

    class Meta:
        indexes = ((("job", "number"), True),)


class BackendAlert(Model):
    """What fails on a backend and is not the fault of users, from the first failure until it works again.

    `kind` is "jobs", "database" or "data"; `failures` counts by kind of fault. It is told of from `raised_at` on (None: too
    few so far). `worked_at` is when something went well after the last failure.
    """

    backend = ForeignKeyField(Backend, backref="alerts", on_delete="CASCADE")
    kind = CharField()
    failures = JSONField(default=dict)
    first_at = DateTimeField()
    last_at = DateTimeField()
    raised_at = DateTimeField(null=True)
    worked_at = DateTimeField(null=True)
    cleared_at = DateTimeField(null=True)


class JobOutput(Model):
    """A file that a succeeded job left in the workspace; known on the secure side only."""

    job = ForeignKeyField(Job, backref="output_files", on_delete="RESTRICT")
    path = TextField()
    level = CharField()
    sha256 = FixedCharField(64)
    size = BigIntegerField()

    class Meta:
        indexes = ((("job", "path"), True),)
