"""What belongs to no active attempt is swept at the start of the engine and every hour: directories and processes."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from jobsite.core import clock, hub
from jobsite.core.db import close_database
from jobsite.jobs.engine import SWEEP_EVERY, Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.turns import turns

from .conftest import Study
from .stages import FAMILY, commit_pair, folder, job, processes_of_the_instance, wait


@contextmanager
def engine_in_a_thread() -> Iterator[None]:
    """Within the block an engine turns, as in a server."""
    stop = threading.Event()
    thread = threading.Thread(target=Engine(executor(), finish=finish).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        hub.ring()
        thread.join(30)
        close_database()


@pytest.fixture
def running(study: Study, ask: Callable[..., JobRequest], engine: Engine) -> Iterator[Job]:
    """A job that runs with processes of its own."""
    commit_pair(study, FAMILY)
    ask("only")
    wait(
        lambda: (
            engine.turn() and (folder() / "log").exists() and b"started" in (folder() / "log").read_bytes()
        )
    )
    yield job()
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def left_behind(instance: Path, name: str) -> Path:
    """A directory of an attempt that nobody knows."""
    made = instance / "work" / name
    made.mkdir(parents=True)
    (made / "rows.csv").write_text("patient-level rows\n")
    return made


def test_at_the_start_directories_and_processes_of_unknown_attempts_go(running: Job, instance: Path) -> None:
    orphan = left_behind(instance, "0000000000000000-001")
    work = instance / "work" / Attempt.get().identifier
    assert work.exists() and processes_of_the_instance()
    Job.update(state="failed", status_code="internal_error").where(Job.id == running.id).execute()
    with engine_in_a_thread():
        wait(lambda: not orphan.exists() and not work.exists() and not processes_of_the_instance())


def test_what_belongs_to_an_active_attempt_stays(running: Job, instance: Path) -> None:
    orphan = left_behind(instance, "0000000000000000-001")
    with engine_in_a_thread():
        wait(lambda: not orphan.exists())
    assert (instance / "work" / Attempt.get().identifier).exists()
    assert executor().observe(folder()).alive


def test_it_is_done_again_every_hour_and_not_before(instance: Path, local: object) -> None:
    first = left_behind(instance, "0000000000000000-001")
    with engine_in_a_thread():
        wait(lambda: not first.exists())
        second = left_behind(instance, "0000000000000000-002")
        before = sum(turns().counts)
        while sum(turns().counts) < before + 3:
            hub.ring()
            time.sleep(0.01)
        assert second.exists()
        with clock.at(clock.now() + SWEEP_EVERY):
            hub.ring()
            wait(lambda: not second.exists())
    assert timedelta(hours=1) == SWEEP_EVERY


def test_a_clock_that_was_set_back_does_not_put_off_the_sweep_for_ever(instance: Path, local: object) -> None:
    first = left_behind(instance, "0000000000000000-001")
    with engine_in_a_thread():
        wait(lambda: not first.exists())
        second = left_behind(instance, "0000000000000000-002")
        with clock.at(clock.now() - timedelta(days=30)):
            hub.ring()
            wait(lambda: not second.exists())


def test_what_cannot_be_removed_is_told(
    instance: Path, local: object, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    stays = instance / "work" / "0000000000000000-001"
    stays.parent.mkdir(parents=True, exist_ok=True)
    stays.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(stays)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("something that cannot be removed needs root and mount")
    try:
        with engine_in_a_thread():
            wait(lambda: f"the directory of {stays.name} stays" in caplog.text)
    finally:
        subprocess.run(["umount", str(stays)], check=True)
