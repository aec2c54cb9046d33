"""The engine: turn after turn over the active jobs, until each has ended.

A turn looks at rows and at the records that supervisors leave on disk, takes each job one step further and
starts what may start. It holds no facts of its own, so it can be stopped dead at any moment. A fault while
one job is handled is put on that job, and the turn goes on with the next.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from jobsite.accounts.models import Backend
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Conflict
from jobsite.jobs.actions import move
from jobsite.jobs.execution import attempt_dir, why_no_jobs
from jobsite.jobs.executors.contract import AttemptSpec, Executor, Exit, Observation, read_spec
from jobsite.jobs.executors.contract import Refused as ExecutorRefused
from jobsite.jobs.finishing import platform_fault, store_result
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.rules import STAGES
from jobsite.jobs.scheduler import Candidate, Capacity, choose
from jobsite.jobs.specs import CannotRun, make_spec
from jobsite.jobs.sweeping import resume_publications, sweep
from jobsite.projects.models import Workspace
from jobsite.settings import current

SWEEP_EVERY = timedelta(hours=1)
IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.1

log = logging.getLogger("jobsite.engine")


class Engine:
    """The scheduler of this instance. `finish(job id)` is called for each job whose run has ended."""

    def __init__(self, executor: Executor, finish: Callable[[int], None]) -> None:
        self._executor = executor
        self._finish = finish
        self._finishing: dict[int, str] = {}
        self._cancelled: set[int] = set()
        self._swept_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop` is set: at once when something changed, else every second (faster while jobs run)."""
        self.begin()
        while not stop.is_set():
            seen = hub.heard()
            self._sweep_when_due()
            busy = self._guarded_turn()
            hub.wait(seen, BUSY_SECONDS if busy else IDLE_SECONDS)
        close_database()

    def begin(self) -> None:
        """What comes before the first turn: publications that were cut off are finished or undone."""
        try:
            resume_publications()
        except Exception:
            log.exception("publications could not be resumed; the next one in each workspace does it")

    def turn(self) -> bool:
        """One turn over every active job; whether any of them runs."""
        jobs = _active_jobs()
        attempts = _latest_attempts(job for job in jobs if job.state == "running")
        for job in jobs:
            if job.state == "running":
                self._guarded(job, partial(self._attend, job, attempts.get(job.id)))
        self._start(jobs)
        running = {job.id for job in jobs if job.state == "running"}
        self._cancelled &= running
        self._finishing = {key: code for key, code in self._finishing.items() if key in running}
        return bool(running)

    def _sweep_when_due(self) -> None:
        """At the start and then every hour, take away what belongs to no active attempt.

        Here and not in a task: nothing is launched meanwhile, so no new directory is taken for an old one.
        """
        if self._swept_at is None or now() - self._swept_at >= SWEEP_EVERY:
            self._swept_at = now()
            try:
                sweep(self._executor)
            except Exception:
                log.exception("the sweep failed; the next one is in an hour")

    def _guarded_turn(self) -> bool:
        try:
            return self.turn()
        except Exception:
            log.exception("a turn failed; the next one follows")
            return False

    def _guarded(self, job: Job, step: Callable[[], None]) -> None:
        try:
            step()
        except Conflict:
            log.info("job %s moved on while it was looked at", job.identifier)
        except Exception:
            log.exception("job %s cannot be handled", job.identifier)

    def _attend(self, job: Job, attempt: Attempt | None) -> None:
        """A running job: take over its stage, pass on a cancellation, hand an ended run to `finish`."""
        if attempt is None:
            raise LookupError(f"job {job.identifier} runs without an attempt")
        folder = attempt_dir(job, attempt)
        seen = self._executor.observe(folder)
        if seen.exit is None and not seen.alive:
            self._launch(job, attempt)
            return
        if job.cancel_asked_at and seen.exit is None and job.id not in self._cancelled:
            self._executor.cancel(folder)
            self._cancelled.add(job.id)
        _take_over_stage(job, seen)
        if seen.exit is not None and self._finishing.get(job.id) != attempt.identifier:
            self._finishing[job.id] = attempt.identifier
            self._finish(job.id)

    def _launch(self, job: Job, attempt: Attempt) -> None:
        """Launch or launch again: the executor sees to it that nothing runs twice."""
        try:
            self._executor.launch(_spec(job, attempt))
        except CannotRun as reason:
            end = Exit("job_error", sentence=str(reason))
            store_result(job, attempt, end, "job_error", f"The job could not be run: {reason}", {})
        except (ExecutorRefused, OSError) as fault:
            code, message, files = platform_fault(job, attempt, str(fault))
            store_result(job, attempt, Exit("platform", detail=str(fault)), code, message, files)

    def _start(self, jobs: list[Job]) -> None:
        refusal = why_no_jobs()
        suppliers = _supplier_states(jobs)
        by_backend: dict[int, list[Job]] = defaultdict(list)
        for job in jobs:
            by_backend[job.backend_id].append(job)
        for here in by_backend.values():
            ready = [
                job for job in here if job.state == "pending" and self._is_ready(job, suppliers, refusal)
            ]
            chosen = set(choose(_candidates(here, ready), _capacity()))
            for job in ready:
                step = self._begin if job.id in chosen else _wait_for_room
                self._guarded(job, partial(step, job))

    def _is_ready(self, job: Job, suppliers: dict[str, Job], refusal: str | None) -> bool:
        """Whether only room keeps the job from starting; if not, put its reason on it."""
        ready = False

        def look() -> None:
            nonlocal ready
            ready = not _held_back(
                job, [suppliers[key] for key in job.needs.values() if key in suppliers], refusal
            )

        self._guarded(job, look)
        return ready

    def _begin(self, job: Job) -> None:
        with writing():
            move(job, "initiated", attempts_made=job.attempts_made + 1)
            number = job.attempts_made
            attempt = Attempt.create(
                job=job, number=number, identifier=f"{job.identifier}-{number:03}", created_at=now()
            )
        self._launch(job, attempt)


def _spec(job: Job, attempt: Attempt) -> AttemptSpec:
    """The order as it was given first, else a new one: inputs are those of the first time."""
    try:
        return read_spec(attempt_dir(job, attempt))
    except ExecutorRefused:
        return make_spec(job, attempt)


def _active_jobs() -> list[Job]:
    rows = Job.select(Job, JobRequest, Workspace, Backend).join(JobRequest).switch(Job).join(Workspace)
    return list(rows.switch(Job).join(Backend).where(Job.state.in_(("pending", "running"))).order_by(Job.id))


def _latest_attempts(jobs: Iterable[Job]) -> dict[int, Attempt]:
    rows = Attempt.select().where(Attempt.job.in_([job.id for job in jobs])).order_by(Attempt.number)
    return {attempt.job_id: attempt for attempt in rows}


def _supplier_states(jobs: list[Job]) -> dict[str, Job]:
    wanted = {key for job in jobs if job.state == "pending" for key in job.needs.values()}
    if not wanted:
        return {}
    rows = Job.select(Job.identifier, Job.action, Job.state).where(Job.identifier.in_(list(wanted)))
    return {row.identifier: row for row in rows}


def _take_over_stage(job: Job, seen: Observation) -> None:
    """Move the job on to the stage its supervisor has reached; stages never go backwards."""
    if seen.stage and job.status_code in STAGES and STAGES.index(seen.stage) > STAGES.index(job.status_code):
        move(job, seen.stage)


def _held_back(job: Job, suppliers: list[Job], refusal: str | None) -> bool:
    """Whether something but room keeps a pending job; its reason is put on it."""
    broken = [one for one in suppliers if one.state in ("failed", "cancelled")]
    waited = [one for one in suppliers if one.state in ("pending", "running")]
    if broken:
        how = "was cancelled" if broken[0].state == "cancelled" else "failed"
        move(job, "dependency_failed", f"Not starting as dependency failed: {broken[0].action} ({how})")
    elif job.backend.is_paused:
        _tell(job, "paused")
    elif job.backend.is_in_maintenance_mode and job.is_database_action:
        _tell(job, "waiting_db_maintenance")
    elif waited:
        names = ", ".join(one.action for one in waited)
        _tell(job, "waiting_on_dependencies", f"Waiting on dependencies: {names}")
    elif refusal:
        _tell(job, "waiting_on_workers", refusal)
    else:
        return False
    return True


def _wait_for_room(job: Job) -> None:
    _tell(job, "waiting_on_db_workers" if job.is_database_action else "waiting_on_workers")


def _tell(job: Job, code: str, message: str = "") -> None:
    """Put a reason on a waiting job, once."""
    if job.status_code != code or (message and job.status_message != message):
        move(job, code, message)


def _candidates(jobs: list[Job], ready: list[Job]) -> list[Candidate]:
    free = {job.id for job in ready}
    return [
        Candidate(
            id=job.id,
            project=job.workspace.project_id,
            workspace=job.workspace_id,
            is_database_action=job.is_database_action,
            created_at=job.created_at,
            running=job.state == "running",
            ready=job.id in free,
        )
        for job in jobs
    ]


def _capacity() -> Capacity:
    return Capacity(current().max_workers, current().max_db_workers)
