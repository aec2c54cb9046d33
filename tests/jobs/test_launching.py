"""Supervisors from the process that is kept ready: the same as those started singly, whatever happens to it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsite.jobs.executors import launching, processes, records
from jobsite.jobs.executors.contract import Refused
from jobsite.jobs.executors.sandbox import Sandbox

from .executors.conftest import Study, ended, output, study

__all__ = ["study"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with launching.kept_ready():
        yield Sandbox()


def ready_process() -> int:
    assert launching._ready and launching._ready._process
    return launching._ready._process.pid


def test_a_supervisor_is_forked_and_does_its_work(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("print('ran')")
    before = ready_process()
    sandbox.launch(spec)
    end = ended(sandbox, spec)
    assert (end.reason, end.exit_code) == ("exited", 0)
    assert output(spec) == b"ran\n"
    assert ready_process() == before


def test_it_is_in_a_session_of_its_own_and_outlives_the_process_it_came_from(study: Study) -> None:
    spec = study.script("import time; print('on', flush=True); time.sleep(1); print('still here')")
    sandbox = Sandbox()
    with launching.kept_ready():
        sandbox.launch(spec)
        who = records.read(spec.attempt_dir, records.SUPERVISOR)
        assert os.getsid(who["pid"]) not in (os.getsid(0), ready_process())
    assert launching._ready is None
    assert processes.is_alive(who)
    assert ended(sandbox, spec).exit_code == 0
    assert output(spec).endswith(b"still here\n")


def test_when_it_was_killed_the_supervisor_is_started_all_the_same(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("print('ran')")
    os.kill(ready_process(), signal.SIGKILL)
    sandbox.launch(spec)
    assert ended(sandbox, spec).exit_code == 0


def test_two_launches_make_one_supervisor(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("import time; time.sleep(0.3); print('ran')")
    sandbox.launch(spec)
    first = records.read(spec.attempt_dir, records.SUPERVISOR)
    sandbox.launch(spec)
    assert records.read(spec.attempt_dir, records.SUPERVISOR) == first
    ended(sandbox, spec)
    assert output(spec) == b"ran\n"


def test_what_keeps_it_from_starting_is_told(sandbox: Sandbox, study: Study, tmp_path: Path) -> None:
    spec = study.script("print('ran')")
    Path(spec.attempt_dir, "supervisor.lock").mkdir(parents=True)
    with pytest.raises(Refused, match="could not be started: .*(?s:.)*Is a directory"):
        sandbox.launch(spec)
    assert launching._ready and launching._ready._process
