"""Launches and faults beside the turns of the engine: none holds up another job, and nothing final still runs."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.core import clock
from jobsite.core.db import database
from jobsite.jobs.actions import cancel
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.executors import launching, processes, records
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.settings import current

from .conftest import Study, project_yaml
from .stages import HIGH, folder, job, processes_of_the_instance, wait

Ask = Callable[..., JobRequest]
SLEEP = "import time; print('started', flush=True); time.sleep(600)"
LONG_AFTER = timedelta(minutes=5, seconds=1)


@pytest.fixture(autouse=True)
def nothing_left(instance: Path, engine: Engine) -> Iterator[None]:
    """Whatever a test started is ended."""
    yield
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def commit(study: Study, **codes: str) -> None:
    """A study of independent actions, each with its code and an output of its own."""
    steps = {name: (f"python:v2 {name}.py", [], {HIGH: {"x": f"{name}.csv"}}) for name in codes}
    study.commit(project__yaml=project_yaml(**steps), **{f"{name}__py": code for name, code in codes.items()})


def makes(name: str) -> str:
    return f"print('ran'); open('{name}.csv', 'w').write('x')"


@contextmanager
def launch_that_hangs(action: str) -> Iterator[None]:
    """Within the block a supervisor for the first attempt at this action waits for another that never appears."""
    name = job(action).identifier
    place = current().instance / "jobs" / name / f"{name}-001"
    place.mkdir(parents=True)
    lock = os.open(place / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


@pytest.mark.parametrize("ready", [False, True])
def test_a_launch_that_hangs_holds_up_no_start_no_cancellation_and_no_report(
    study: Study, ask: Ask, engine: Engine, run_until: Callable[..., None], cast: SimpleNamespace, ready: bool
) -> None:
    commit(study, hangs=makes("hangs"), runs=SLEEP, quick=makes("quick"))
    slow, other = ask("hangs"), ask("runs")
    with ExitStack() as stack:
        if ready:
            stack.enter_context(launching.kept_ready())
        stack.enter_context(launch_that_hangs("hangs"))
        run_until(lambda: job("runs").status_code == "executing")
        cancel(by=cast.ada, request=other, may_cancel=True)
        run_until(lambda: job("runs").status_code == "cancelled_by_user")
        ask("quick")
        run_until(lambda: job("quick").status_code == "succeeded")
        assert job("hangs").status_code == "initiated"
        cancel(by=cast.ada, request=slow, may_cancel=True)
        engine.turn()
        assert job("hangs").cancelling, "its processes are not known to be gone"
    run_until(lambda: not job("hangs").is_active)
    assert job("hangs").status_code == "cancelled_by_user"
    assert Job.get(Job.action == "hangs").attempts.count() == 1


def test_two_jobs_of_one_turn_are_launched_beside_each_other(
    study: Study, ask: Ask, engine: Engine, run_until: Callable[..., None]
) -> None:
    commit(study, hangs=makes("hangs"), quick=makes("quick"))
    ask("run_all")
    with launch_that_hangs("hangs"):
        run_until(lambda: job("quick").status_code == "succeeded")
        assert job("hangs").status_code == "initiated"
    run_until(lambda: job("hangs").status_code == "succeeded")


@pytest.fixture
def stages_cannot_be_stored(instance: Path) -> None:
    """The database, of which this test is the last use, refuses that a job goes on from `initiated` to a further stage."""
    database.execute_sql(
        "CREATE TRIGGER refuse BEFORE UPDATE ON job WHEN NEW.status_code IN ('preparing', 'prepared', 'executing') "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )


def started(engine: Engine) -> None:
    """Turn the engine until the only job's program runs, and then once more."""
    wait(lambda: engine.turn() and Attempt.select().exists())
    log = folder() / records.LOG
    wait(lambda: engine.turn() and log.exists() and b"started" in log.read_bytes())
    engine.turn()


def test_a_job_that_cannot_be_handled_ends_only_when_its_processes_are_gone(
    study: Study, ask: Ask, engine: Engine, stages_cannot_be_stored: None
) -> None:
    commit(study, only="import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP)
    ask("only")
    started(engine)
    assert (job().status_code, bool(processes_of_the_instance())) == ("initiated", True)
    alive_at_the_end: list[str] = []
    with clock.at(clock.now() + LONG_AFTER):
        wait(lambda: engine.turn() is not None and not job().is_active)
        alive_at_the_end += processes_of_the_instance()
    assert alive_at_the_end == []
    assert (job().status_code, job().attempts.get().end_reason) == ("internal_error", "cancelled")


def test_a_process_that_cannot_be_ended_keeps_its_job_from_an_end(
    study: Study, ask: Ask, engine: Engine, stages_cannot_be_stored: None
) -> None:
    """Its supervisor stands still for a while: it is not believed to be gone before it is."""
    commit(study, only=SLEEP)
    ask("only")
    started(engine)
    who = records.read(folder(), records.SUPERVISOR)
    assert who
    os.kill(who["pid"], signal.SIGSTOP)
    with clock.at(clock.now() + LONG_AFTER):
        engine.turn()
        assert job().is_active, "asked to end, and not yet seen to have ended"
        processes.signal_if_alive(who, signal.SIGCONT)
        wait(lambda: engine.turn() is not None and not job().is_active)
    assert job().status_code == "internal_error"
    assert processes_of_the_instance() == []
