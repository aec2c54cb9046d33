"""The engine: turn after turn over the active jobs, until each has ended.

A turn looks at rows and at the records that supervisors leave on disk, takes each job one step further and
starts what may start. It holds no facts of its own, so it can be stopped dead at any moment. A fault while
one job is handled is put on that job, and the turn goes on with the next.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Conflict
from jobsite.jobs.active import ActiveJobs, candidates, capacity, latest_attempts, pending_facts
from jobsite.jobs.execution import attempt_dir, why_no_jobs
from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec, Executor, Exit, Observation, read_spec
from jobsite.jobs.executors.contract import Refused as ExecutorRefused
from jobsite.jobs.executors.launching import kept_ready
from jobsite.jobs.faults import kind_of_error
from jobsite.jobs.finishing import Outcome, platform_fault, store_result
from jobsite.jobs.holding import Facts, can_write_the_same, hold, patterns_of, room_code
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.moving import move
from jobsite.jobs.rules import CODES, STAGES
from jobsite.jobs.scheduler import choose
from jobsite.jobs.specs import CannotRun, make_spec, weights_by_job
from jobsite.jobs.stopping import stop_for_backend
from jobsite.jobs.sweeping import resume_publications, sweep
from jobsite.jobs.turns import note_turn

SWEEP_EVERY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(minutes=5)
HAND_OVER_AGAIN = timedelta(minutes=1)
IDLE_SECONDS = 1.0
BUSY_SECONDS = 0.1
LOOK_SECONDS = 0.01
LONGEST_REST = 0.05

log = logging.getLogger("jobsite.engine")


class Engine:
    """The scheduler of this instance. `finish(job id)` is called for each job whose run has ended."""

    def __init__(self, executor: Executor, finish: Callable[[int], None]) -> None:
        self._executor = executor
        self._finish = finish
        self._finishing: dict[int, tuple[str, datetime]] = {}
        self._active = ActiveJobs()
        self._stopped: set[int] = set()
        self._faulty_since: dict[int, datetime] = {}
        self._watched: list[Path] = []
        self._swept_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop` is set: at once when something changed, else every second (faster while jobs run)."""
        self.begin()
        with kept_ready():
            while not stop.is_set():
                seen = hub.heard()
                self._sweep_when_due()
                begun = time.monotonic()
                busy = self._guarded_turn()
                note_turn(time.monotonic() - begun)
                # As long a rest as the turn took: with many jobs the pages and the saving of outputs need their turn.
                time.sleep(min(time.monotonic() - begun, LONGEST_REST))
                self._wait(seen, BUSY_SECONDS if busy else IDLE_SECONDS)
        close_database()

    def _wait(self, seen: int, seconds: float) -> None:
        """Until the hub rings or a run has ended (its record is looked for a hundred times a second)."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if hub.wait(seen, min(left, LOOK_SECONDS) if self._watched else left) != seen:
                return
            if any(path.exists() for path in self._watched):
                return

    def begin(self) -> None:
        """What comes before the first turn: publications that were cut off are finished or undone."""
        try:
            resume_publications()
        except Exception:
            log.exception("publications could not be resumed; the next one in each workspace does it")

    def turn(self) -> bool:
        """One turn over every active job; whether any of them runs."""
        jobs = self._active.read()
        attempts = latest_attempts(job for job in jobs if job.state == "running")
        self._watched = []
        for job in jobs:
            if job.state == "running":
                self._guarded(job, partial(self._attend, job, attempts.get(job.id)))
        self._start(jobs)
        running = {job.id for job in jobs if job.state == "running"}
        self._stopped &= running
        self._finishing = {key: told for key, told in self._finishing.items() if key in running}
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
        """Take a step of one job. A fault stays with that job, and the turn goes on with the next (B29)."""
        try:
            step()
        except Conflict:
            log.info("job %s moved on while it was looked at", job.identifier)
        except Exception:  # noqa: BLE001 - whatever it is, it is logged and stays with this job
            self._note_fault(job)
        else:
            self._faulty_since.pop(job.id, None)

    def _note_fault(self, job: Job) -> None:
        """Log a fault once; a job that cannot be handled for minutes ends, and says so."""
        if job.id not in self._faulty_since:
            log.exception("job %s cannot be handled", job.identifier)
        since = self._faulty_since.setdefault(job.id, now())
        if now() - since >= GIVE_UP_AFTER:
            del self._faulty_since[job.id]
            self._guarded(job, partial(move, Job.get_by_id(job.id), "internal_error"))

    def _attend(self, job: Job, attempt: Attempt | None) -> None:
        """A running job: take over its stage, pass on the wish that it should end, hand an ended run to `finish`."""
        if attempt is None:
            store_result(job, None, Exit("platform"), Outcome("internal_error"))
            return
        folder = attempt_dir(job, attempt)
        seen = self._executor.observe(folder)
        if seen.exit is None and not seen.alive:
            self._launch(job, attempt)
            return
        if seen.exit is None:
            self._watched.append(folder / records.EXIT)
            self._pass_on_stop(job, folder)
        _take_over_stage(job, seen)
        if seen.exit is not None:
            self._hand_over(job, attempt)

    def _hand_over(self, job: Job, attempt: Attempt) -> None:
        """Hand an ended run to `finish`; after a while again, for a task can be lost or break off on a full disk."""
        told = self._finishing.get(job.id)
        if told is None or told[0] != attempt.identifier or abs(now() - told[1]) >= HAND_OVER_AGAIN:
            self._finishing[job.id] = (attempt.identifier, now())
            self._finish(job.id)

    def _pass_on_stop(self, job: Job, folder: Path) -> None:
        stop_for_backend(job)
        if (job.cancel_asked_at or job.stop_code) and job.id not in self._stopped:
            self._executor.cancel(folder)
            self._stopped.add(job.id)

    def _launch(self, job: Job, attempt: Attempt) -> None:
        """Launch or launch again: the executor sees to it that nothing runs twice."""
        try:
            self._executor.launch(_spec(job, attempt))
            self._watched.append(attempt_dir(job, attempt) / records.EXIT)
        except CannotRun as reason:
            end = Exit("job_error", sentence=str(reason))
            store_result(job, attempt, end, Outcome("job_error", f"The job could not be run: {reason}"))
        except (ExecutorRefused, OSError, TimeoutExpired) as fault:
            kind = kind_of_error(fault) if isinstance(fault, OSError) else "not_launched"
            end = Exit("platform", detail=str(fault), fault=kind)
            store_result(job, attempt, end, platform_fault(job, attempt, kind, str(fault)))

    def _start(self, jobs: list[Job]) -> None:
        by_backend: dict[int, list[Job]] = defaultdict(list)
        for job in jobs:
            by_backend[job.backend_id].append(job)
        facts = pending_facts(jobs, why_no_jobs())
        for here in by_backend.values():
            ready = [job for job in here if job.state == "pending" and self._is_ready(job, facts)]
            weights = weights_by_job(here)
            chosen = choose(candidates(here, ready, weights), capacity(), now())
            by_id = {job.id: job for job in ready}
            for key in chosen:
                self._guarded(by_id[key], partial(self._begin, by_id[key], jobs))
            for job in ready:
                if job.state == "pending":
                    self._guarded(job, partial(_wait_for_room, job, weights[job.id]))

    def _is_ready(self, job: Job, facts: Callable[[Job], Facts]) -> bool:
        """Whether only room keeps the job from starting; if not, put its reason on it."""
        ready = False

        def look() -> None:
            nonlocal ready
            held = hold(facts(job), now())
            ready = held is None
            if held is not None and not held.keeps:
                _tell(job, held.code, held.message)

        self._guarded(job, look)
        return ready

    def _begin(self, job: Job, jobs: list[Job]) -> None:
        """Start a job, unless one that started in this very turn can write the same files."""
        if any(_collide(job, other) for other in jobs if other.state == "running"):
            return
        with writing():
            move(job, "initiated", attempts_made=job.attempts_made + 1, ready_at=None, retry_at=None)
            number = job.attempts_made
            identifier = f"{job.identifier}-{number:03}"
            made = job.updated_at
            attempt = Attempt.create(job=job, number=number, identifier=identifier, created_at=made)
        self._launch(job, attempt)


def _spec(job: Job, attempt: Attempt) -> AttemptSpec:
    """The order as it was given first, else a new one: inputs are those of the first time."""
    try:
        return read_spec(attempt_dir(job, attempt))
    except ExecutorRefused:
        return make_spec(job, attempt)


def _take_over_stage(job: Job, seen: Observation) -> None:
    """Move the job on to the stage its supervisor has reached; stages never go backwards."""
    if seen.stage and job.status_code in STAGES and STAGES.index(seen.stage) > STAGES.index(job.status_code):
        move(job, seen.stage)


def _collide(job: Job, other: Job) -> bool:
    return other.workspace_id == job.workspace_id and can_write_the_same(
        patterns_of(job.outputs), patterns_of(other.outputs)
    )


def _wait_for_room(job: Job, weight: float) -> None:
    code, sentence = room_code(job.is_database_action, weight)
    _tell(job, code, sentence, ready_at=job.ready_at or now())


def _tell(job: Job, code: str, message: str = "", **changes: Any) -> None:
    """Put a reason on a waiting job, once."""
    if job.status_code != code or job.status_message != (message or CODES[code].sentence):
        move(job, code, message, **changes)
