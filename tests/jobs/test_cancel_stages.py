"""A cancellation at each stage of a job's life: its whole tree is gone, what needs it ends, and nothing is left."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.core.events import Event, verify
from jobsite.jobs.actions import cancel
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest

from .conftest import SECONDS, Study
from .stages import (
    FAMILY,
    QUICK,
    commit_pair,
    folder,
    held_at_record,
    held_while_preparing,
    held_while_saving,
    job,
    processes_of_the_instance,
    wait,
)

Turn = Callable[[], object]


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine) -> Iterator[None]:
    """Whatever a test started is ended."""
    yield
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


@contextmanager
def created(engine: Engine, study: Study) -> Iterator[Turn]:
    yield engine.turn


@contextmanager
def waiting(engine: Engine, study: Study) -> Iterator[Turn]:
    backends.pause(by="system", backend=Backend.get())
    engine.turn()
    assert job().status_code == "paused"
    yield engine.turn


@contextmanager
def preparing(engine: Engine, study: Study) -> Iterator[Turn]:
    with held_while_preparing(engine, study):
        yield engine.turn


@contextmanager
def prepared(engine: Engine, study: Study) -> Iterator[Turn]:
    with held_while_preparing(engine, study), held_at_record(engine, "prepared"):
        yield engine.turn


@contextmanager
def executing(engine: Engine, study: Study) -> Iterator[Turn]:
    wait(
        lambda: (
            engine.turn() and (folder() / "log").exists() and b"started" in (folder() / "log").read_bytes()
        )
    )
    assert job().status_code == "executing"
    yield engine.turn


@contextmanager
def executed(engine: Engine, study: Study) -> Iterator[Turn]:
    with executing(engine, study), held_at_record(engine, "executed"):
        yield engine.turn


@contextmanager
def finalizing(engine: Engine, study: Study) -> Iterator[Turn]:
    with held_while_saving() as other:
        wait(lambda: other.turn() and job().status_code == "finalizing")
        wait(lambda: not processes_of_the_instance())  # the supervisor ends just after its record of the end
        yield other.turn


STAGES = {
    "created": (created, QUICK),
    "waiting": (waiting, QUICK),
    "preparing": (preparing, QUICK),
    "prepared": (prepared, QUICK),
    "executing": (executing, FAMILY),
    "executed": (executed, FAMILY),
    "finalizing": (finalizing, QUICK),
}
WITH_PROCESSES = ("preparing", "prepared", "executing", "executed")


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancellation_at_any_stage_ends_all_of_it_and_leaves_no_outputs(
    stage: str,
    study: Study,
    engine: Engine,
    ask: Callable[..., JobRequest],
    cast: SimpleNamespace,
    instance: Path,
) -> None:
    hold, code = STAGES[stage]
    commit_pair(study, code)
    request = ask("run_all")
    with hold(engine, study) as turn:
        cancel(by=cast.ada, request=request, jobs=[job()], may_cancel=True)
        asked = job()
        assert bool(processes_of_the_instance()) == (stage in WITH_PROCESSES)
        assert asked.cancelling or asked.status_code == "cancelled_by_user"
        turn()
    until = time.monotonic() + SECONDS
    while job().is_active or processes_of_the_instance():
        engine.turn()
        time.sleep(0.01)
        assert time.monotonic() < until, (job().status_code, processes_of_the_instance())
    if job("after").is_active:
        backends.resume(by="system", backend=Backend.get()) if stage == "waiting" else None
        engine.turn()
    ended, after = job(), job("after")
    assert (ended.state, ended.status_code) == ("cancelled", "cancelled_by_user")
    assert (after.state, after.status_code) == ("failed", "dependency_failed")
    assert after.status_message == "Not starting as dependency failed: only (was cancelled)"
    assert JobOutput.select().count() == 0
    assert not [path for path in instance.glob("workspaces/*/asthma/*") if path.name != "metadata"]
    assert Event.select().where(Event.type == "job:cancelled_by_user").count() == 1
    assert verify()[1] is None
