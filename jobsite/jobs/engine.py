"""The engine: turn after turn over the active jobs, until each has ended.

A turn looks at rows and at the records that supervisors leave on disk, takes each job one step further and
starts what may start. It holds no facts of its own, so it can be stopped dead at any moment. A fault while
one job is handled is put on that job, and the turn goes on with the next; what can take long, such as a launch,
goes on beside the turns.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired

from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Conflict
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.active import ActiveJobs, candidates, capacity, pending_facts
from jobsite.jobs.agent_orders import order_for_agent
from jobsite.jobs.beside import Beside
from jobsite.jobs.execution import attempt_dir, why_no_jobs
from jobsite.jobs.executors import records
from jobsite.jobs.executors.agent import Agent
from jobsite.jobs.executors.contract import AttemptSpec, Executor, Exit, read_spec
from jobsite.jobs.executors.contract import Refused as ExecutorRefused
from jobsite.jobs.executors.launching import kept_ready
from jobsite.jobs.faults import kind_of_error
from jobsite.jobs.finishing import Outcome, end_given_up, leaves_outputs, store_failed_launch, store_result
from jobsite.jobs.holding import Facts, can_write_the_same, hold, room_code
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.moving import move
from jobsite.jobs.rules import CODES, STAGES, saving_words
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
REST = 10
LONGEST_REST = 0.05
LAST_LAUNCHES = 10.0
STEPS_AT_ONCE = 50

Step = tuple[Job, Callable[[], None]]

log = logging.getLogger("jobsite.engine")


class Engine:
    """The scheduler of this instance. `finish(job id)` is called for each job whose run has ended."""

    def __init__(self, executor: Executor, finish: Callable[[int], None]) -> None:
        self._executor = executor
        self._finish = finish
        self._finishing: dict[int, tuple[str, datetime]] = {}
        self._active = ActiveJobs()
        self._stopped: set[str] = set()
        self._beside = Beside()
        self._sound: set[int] = set()
        self._faulty_since: dict[int, datetime] = {}
        self._hopeless: set[int] = set()
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
                # A rest ten times as long as the turn: with many jobs the pages and the saving of outputs need the processor.
                time.sleep(min(REST * (time.monotonic() - begun), LONGEST_REST))
                self._wait(seen, BUSY_SECONDS if busy else IDLE_SECONDS)
            self._beside.wait(LAST_LAUNCHES)
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
        """One turn over every active job; whether any of them runs. What takes long goes on beside it (`Beside`)."""
        jobs = self._active.read()
        attempts = self._active.attempts()
        self._watched = []
        self._sound = set()
        self._look_after(jobs, attempts)
        self._start(jobs)
        self._give_up(jobs, attempts)
        for key in self._sound:
            self._faulty_since.pop(key, None)
        running = {job.id for job in jobs if job.state == "running"}
        self._stopped &= {attempt.identifier for attempt in attempts.values()}
        self._finishing = {key: told for key, told in self._finishing.items() if key in running}
        return bool(running)

    def _together(self, steps: list[Step]) -> None:
        """Take these steps, many in one transaction: what is flushed to disk is flushed once for all of them.

        Each is a part of its own in there: a fault in one undoes that one alone.
        """
        for start in range(0, len(steps), STEPS_AT_ONCE):
            with writing():
                for job, step in steps[start : start + STEPS_AT_ONCE]:
                    self._guarded(job, step)

    def _sweep_when_due(self) -> None:
        """At the start and then every hour, take away what belongs to no active attempt.

        Here and not in a task: no attempt begins meanwhile, so no new directory is taken for an old one.
        """
        if self._swept_at is None or abs(now() - self._swept_at) >= SWEEP_EVERY:
            self._swept_at = now()
            try:
                sweep(self._executor)
            except Exception:
                log.exception("the sweep failed; the next one is in an hour")

    def _guarded_turn(self) -> bool:
        busy, sound = False, False
        try:
            busy = self.turn()
            sound = not self._faulty_since
        except Exception:
            log.exception("a turn failed; the next one follows")
        if not sound:
            close_database()  # one that was opened while the disk could not be written would stay so
        return busy

    def _guarded(self, job: Job, step: Callable[[], None]) -> None:
        """Take a step of one job. A fault stays with that job, and the turn goes on with the next (B29)."""
        try:
            step()
        except Conflict:
            log.info("job %s moved on while it was looked at", job.identifier)
        except Exception:  # noqa: BLE001 - whatever it is, it is logged and stays with this job
            self._note_fault(job)

    def _note_fault(self, job: Job) -> None:
        """Log a fault once; a job that cannot be handled for minutes is given up."""
        if job.id not in self._faulty_since:
            log.exception("job %s cannot be handled", job.identifier)
        self._sound.discard(job.id)
        if now() - self._faulty_since.setdefault(job.id, now()) >= GIVE_UP_AFTER:
            self._hopeless.add(job.id)

    def _give_up(self, jobs: list[Job], attempts: Mapping[int, Attempt]) -> None:
        """End the jobs that cannot be handled: a running one only when its processes are gone (B31)."""
        for job in jobs:
            attempt = attempts.get(job.id)
            if job.id not in self._hopeless or (attempt and self._beside.busy(attempt.identifier)):
                continue
            self._hopeless.discard(job.id)
            self._faulty_since[job.id] = now()  # if this fails too, it is tried again as long after
            if job.state == "running" and attempt:
                end = partial(end_given_up, self._executor, job.id, attempt)
                self._beside.start(attempt.identifier, partial(self._guarded, job, end))
            elif job.state == "pending":
                self._guarded(job, partial(move, job, "internal_error"))

    def _look_after(self, jobs: list[Job], attempts: Mapping[int, Attempt]) -> None:
        """Take over what the running jobs have reached, and hand those whose run has ended to `finish`."""
        steps: list[Step] = []
        ended: list[tuple[Job, Attempt]] = []
        for job in jobs:
            if job.state == "running":
                self._guarded(job, partial(self._attend, job, attempts.get(job.id), steps, ended))
        self._together(steps)
        for job, attempt in ended:
            self._guarded(job, partial(self._hand_over, job, attempt))

    def _attend(
        self, job: Job, attempt: Attempt | None, steps: list[Step], ended: list[tuple[Job, Attempt]]
    ) -> None:
        """A running job: pass on the wish that it should end, and see how far it is."""
        if attempt is None:
            steps.append((job, partial(store_result, job, None, Exit("platform"), Outcome("internal_error"))))
            return
        folder = attempt_dir(job, attempt)
        busy = self._beside.busy(attempt.identifier)
        seen = self._executor.observe(folder)
        if seen.exit is None:
            self._watched.append(folder / records.EXIT)
            self._pass_on_stop(job, folder)
        if busy:  # being launched, or being given up: what comes of it is seen when that is over
            return
        if seen.exit is None and not seen.alive:
            self._launch_beside(job, attempt)
            return
        self._sound.add(job.id)
        # After the exit record there is nothing to do any more but to save what it left.
        stage = "finalizing" if seen.exit else seen.stage
        if stage and job.status_code in STAGES and STAGES.index(stage) > STAGES.index(job.status_code):
            message = saving_words(leaves_outputs(job, seen.exit)) if seen.exit else ""
            steps.append((job, partial(move, job, stage, message)))
        if seen.exit:
            ended.append((job, attempt))

    def _hand_over(self, job: Job, attempt: Attempt) -> None:
        """Hand an ended run to `finish`; after a while again, for a task can be lost or break off on a full disk."""
        told = self._finishing.get(job.id)
        if told is None or told[0] != attempt.identifier or abs(now() - told[1]) >= HAND_OVER_AGAIN:
            self._finishing[job.id] = (attempt.identifier, now())
            self._finish(job.id)

    def _pass_on_stop(self, job: Job, folder: Path) -> None:
        stop_for_backend(job)
        if (job.cancel_asked_at or job.stop_code) and folder.name not in self._stopped:
            self._executor.cancel(folder)
            self._stopped.add(folder.name)

    def _launch_beside(self, job: Job, attempt: Attempt) -> None:
        self._beside.start(
            attempt.identifier, partial(self._guarded, job, partial(self._launch, job, attempt))
        )

    def _launch(self, job: Job, attempt: Attempt) -> None:
        """Launch or launch again: the executor sees to it that nothing runs twice."""
        try:
            self._executor.launch(_spec(job, attempt))
        except CannotRun as reason:
            end = Exit("job_error", sentence=str(reason))
            outcome = Outcome("job_error", f"The job could not be run: {reason}")
            store_result(Job.get_by_id(job.id), attempt, end, outcome)
        except (ExecutorRefused, OSError) as fault:
            kind = kind_of_error(fault) if isinstance(fault, OSError) else fault.fault
            store_failed_launch(job.id, attempt, kind, str(fault))
        except TimeoutExpired as fault:
            self._executor.kill_now(
                attempt_dir(job, attempt)
            )  # it may still come, and find that it has to end
            store_failed_launch(job.id, attempt, "not_launched", str(fault))

    def _start(self, jobs: list[Job]) -> None:
        """Put on each waiting job why it waits, and start what may start."""
        by_backend: dict[int, list[Job]] = defaultdict(list)
        for job in jobs:
            by_backend[job.backend_id].append(job)
        facts = pending_facts(jobs, self._active.suppliers(), why_no_jobs())
        steps: list[Step] = []
        begun: list[tuple[Job, Attempt]] = []
        for here in by_backend.values():
            self._start_on_backend(here, facts, steps, begun)
        self._together(steps)
        for job, attempt in begun:
            self._launch_beside(job, attempt)

    def _start_on_backend(
        self,
        here: list[Job],
        facts: Callable[[Job], Facts],
        steps: list[Step],
        begun: list[tuple[Job, Attempt]],
    ) -> None:
        at = now()
        ready = [job for job in here if job.state == "pending" and self._is_ready(job, facts, at, steps)]
        weights = weights_by_job(here)
        by_id = {job.id: job for job in ready}
        writers = [job for job in here if job.state == "running"]
        for key in choose(candidates(here, ready, weights), capacity(), at):
            job = by_id[key]
            if not any(_collide(job, other) for other in writers):
                writers.append(by_id.pop(key))
                launched = Agent.launched if job.backend.has_agent else self._executor.launched
                steps.append((job, partial(_begin, job, begun, launched)))
        for job in by_id.values():
            code, sentence = room_code(job.is_database_action, weights[job.id])
            if _is_news(job, code, sentence):
                steps.append((job, partial(move, job, code, sentence, ready_at=job.ready_at or now())))

    def _is_ready(self, job: Job, facts: Callable[[Job], Facts], at: datetime, steps: list[Step]) -> bool:
        """Whether only room keeps the job from starting; if not, its reason is among the steps."""
        try:
            held = hold(facts(job), at)
        except Exception:  # noqa: BLE001 - as in `_guarded`, which would take as long as the look itself
            self._note_fault(job)
            return False
        self._sound.add(job.id)
        if held and not held.keeps and _is_news(job, held.code, held.message):
            steps.append((job, partial(move, job, held.code, held.message)))
        return held is None


def _spec(job: Job, attempt: Attempt) -> AttemptSpec:
    """The order as it was given first, else a new one: inputs are those of the first time."""
    try:
        return read_spec(attempt_dir(job, attempt))
    except ExecutorRefused:
        return order_for_agent(job, attempt) if attempt.by_agent else make_spec(job, attempt)


def _begin(job: Job, begun: list[tuple[Job, Attempt]], message: str) -> None:
    """Store that the job runs, with a new attempt, which is to be launched when that is certain."""
    with writing():
        move(job, "initiated", message, attempts_made=job.attempts_made + 1, ready_at=None, retry_at=None)
        number = job.attempts_made
        identifier = f"{job.identifier}-{number:03}"
        attempt = Attempt(job=job.id, number=number, identifier=identifier, created_at=job.updated_at)
        attempt.by_agent = job.backend.has_agent
        nothing_yet = dict.fromkeys(_OF_ATTEMPT)
        attempt.id = _NEW_ATTEMPT.add(**{**nothing_yet, **attempt.__data__})
    begun.append((job, attempt))


_OF_ATTEMPT = [name for name in Attempt._meta.sorted_field_names if name != "id"]
_NEW_ATTEMPT = Prepared(lambda: Attempt.insert({name: place(name) for name in _OF_ATTEMPT}))


def _collide(job: Job, other: Job) -> bool:
    return other.workspace_id == job.workspace_id and can_write_the_same(job.patterns, other.patterns)


def _is_news(job: Job, code: str, message: str = "") -> bool:
    """Whether a waiting job does not yet have this reason."""
    return job.status_code != code or job.status_message != (message or CODES[code].sentence)
