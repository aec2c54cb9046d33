"""Every status code of the table is reached by something real that forces it (B53)."""

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.executors import records
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.reports import reports_of
from jobsite.jobs.rules import CODES
from jobsite.jobs.stopping import kill

from .conftest import Study, project_yaml
from .stages import (
    HIGH,
    QUICK,
    commit_pair,
    folder,
    held_at_record,
    held_while_preparing,
    held_while_saving,
    job,
    wait,
)

SLEEP = "import time; print('started', flush=True); time.sleep(600)"
KEPT_FOR_HISTORY = {"stale_codelists"}
"""Codes that nothing sets today."""


@dataclass
class World:
    """A study with the actions `only` and `after`, of which one request can be made; and what turns it."""

    study: Study
    engine: Engine
    backend: Backend
    ada: object
    run_until: Callable[[Callable[[], bool]], None]
    ask: Callable[..., JobRequest]

    def asked(self, code: str, *actions: str, database: bool = False) -> None:
        """A request for `only` (which runs this code) and others."""
        commit_pair(self.study, code)
        self.ask("only", *actions, force=True)
        Job.update(is_database_action=database).execute()

    def until(self, code: str, action: str = "only") -> str:
        """Turn the engine until the job has this code; gives it."""
        self.run_until(lambda: job(action).status_code == code)
        return code

    def running(self, *actions: str, database: bool = False) -> None:
        """A request whose first job runs."""
        self.asked(SLEEP, *actions, database=database)
        self.until("executing")


@pytest.fixture
def world(
    study: Study,
    engine: Engine,
    local: Backend,
    cast: SimpleNamespace,
    run_until: Callable[[Callable[[], bool]], None],
    ask: Callable[..., JobRequest],
) -> object:
    yield World(study, engine, local, cast.ada, run_until, ask)
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def created(world: World) -> str:
    world.asked(QUICK)
    return job().status_code


def waiting_on_dependencies(world: World) -> str:
    world.running("after")
    return job("after").status_code


def waiting_on_workers(world: World, *, database: bool = False) -> str:
    names = ("first", "second", "only")
    text = project_yaml(**{n: (f"python:v2 s.py {n}", [], {HIGH: {"out": f"{n}.csv"}}) for n in names})
    world.study.commit(project__yaml=text, s__py=SLEEP)
    world.ask("run_all")
    Job.update(is_database_action=database).execute()
    world.engine.turn()
    return job().status_code


def waiting_on_db_workers(world: World) -> str:
    return waiting_on_workers(world, database=True)


def paused(world: World) -> str:
    world.asked(QUICK)
    backends.pause(by="system", backend=world.backend)
    world.engine.turn()
    return job().status_code


def waiting_db_maintenance(world: World) -> str:
    world.running(database=True)
    backends.start_maintenance(by="system", backend=world.backend)
    return world.until("waiting_db_maintenance")


def waiting_on_reboot(world: World) -> str:
    world.running()
    backends.prepare_for_reboot(by="system", backend=world.backend)
    return world.until("waiting_on_reboot")


def waiting_on_new_task(world: World) -> str:
    world.running()
    os.kill((records.read(folder(), records.SUPERVISOR) or {})["pid"], signal.SIGKILL)
    return world.until("waiting_on_new_task")


def initiated(world: World) -> str:
    world.asked(QUICK)
    world.engine.turn()
    return job().status_code


def preparing(world: World) -> str:
    world.asked(QUICK)
    with held_while_preparing(world.engine, world.study):
        return job().status_code


def prepared(world: World) -> str:
    world.asked(QUICK)
    with held_while_preparing(world.engine, world.study), held_at_record(world.engine, "prepared"):
        return job().status_code


def executing(world: World) -> str:
    world.running()
    return job().status_code


def executed(world: World) -> str:
    world.running()
    with held_at_record(world.engine, "executed"):
        return job().status_code


def finalizing(world: World) -> str:
    world.asked(QUICK)
    with held_while_saving() as engine:
        wait(lambda: engine.turn() and job().status_code == "finalizing")
        return job().status_code


def finalized(world: World) -> str:
    """Written in the transaction that ends the job: no reader ever finds a job there, its history tells of it."""
    world.asked(QUICK)
    world.until("succeeded")
    types = [
        one.type
        for one in Event.select().where(Event.subject == f"job:{job().identifier}").order_by(Event.id)
    ]
    return types[-2].removeprefix("job:")


def succeeded(world: World) -> str:
    world.asked(QUICK)
    return world.until("succeeded")


def nonzero_exit(world: World) -> str:
    world.asked("raise SystemExit(1)")
    return world.until("nonzero_exit")


def unmatched_patterns(world: World) -> str:
    world.asked("pass")
    return world.until("unmatched_patterns")


def dependency_failed(world: World) -> str:
    world.asked("raise SystemExit(1)", "after")
    return world.until("dependency_failed", "after")


def cancelled_by_user(world: World) -> str:
    world.running()
    cancel(by=world.ada, request=JobRequest.get(), may_cancel=True)
    return world.until("cancelled_by_user")


def killed_by_admin(world: World) -> str:
    world.running()
    kill(by="system", job=job(), reason="It fills the disk")
    return world.until("killed_by_admin")


def job_error(world: World) -> str:
    world.asked(QUICK)
    world.study.path.rename(world.study.path.with_name("elsewhere"))
    return world.until("job_error")


def internal_error(world: World) -> str:
    world.asked(QUICK)
    Job.update(outputs={HIGH: {"out": 5}}).execute()  # as no program of ours writes it
    return world.until("internal_error")


FORCED: dict[str, Callable[[World], str]] = {
    one.__name__: one
    for one in (
        created,
        waiting_on_dependencies,
        waiting_on_workers,
        waiting_on_db_workers,
        paused,
        waiting_db_maintenance,
        waiting_on_reboot,
        waiting_on_new_task,
        initiated,
        preparing,
        prepared,
        executing,
        executed,
        finalizing,
        finalized,
        succeeded,
        nonzero_exit,
        unmatched_patterns,
        dependency_failed,
        cancelled_by_user,
        killed_by_admin,
        job_error,
        internal_error,
    )
}


@pytest.mark.parametrize("code", [code for code in CODES if code not in KEPT_FOR_HISTORY])
def test_every_code_is_reached_by_something_that_forces_it(code: str, world: World) -> None:
    assert code in FORCED, f"nothing here forces {code}"
    assert FORCED[code](world) == code
    for told in reports_of(JobRequest.select().order_by(JobRequest.id.desc()).get(), now()):
        assert told["status"] in ("pending", "running", "succeeded", "failed")
        assert not re.search(r"\.(csv|py|log)|/|fills the disk", told["status_message"]), (
            "this may name a file"
        )
        assert told["status_code"] == job(told["action"]).status_code


def test_nothing_is_forced_that_is_no_code() -> None:
    assert set(FORCED) | KEPT_FOR_HISTORY == set(CODES)


def test_an_attempt_records_each_stage_that_its_supervisor_has(world: World, instance: Path) -> None:
    world.asked(QUICK)
    world.until("succeeded")
    times = (records.read(folder(), records.STAGE) or {})["times"]
    assert list(times) == ["preparing", "prepared", "executing", "executed"]
    assert list(times.values()) == sorted(times.values())
