"""Holding a real job at a stage of its life for as long as a test looks at it."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobsite.core.db import close_database
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.executors import processes, records
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Attempt, Job
from jobsite.settings import current
from jobsite.store.roots import Roots, locked

from .conftest import SECONDS, Study, project_yaml

HIGH = "highly_sensitive"
QUICK = "open('only.csv', 'w').write('x')"
MARK = f"family-{uuid.uuid4().hex}"
FAMILY = f"""
import os, subprocess, sys, time
open("only.csv", "w").write("x")
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{MARK}"], start_new_session=True)
print("started", flush=True)
time.sleep(600)
"""
"""A job that has made its output and left a process in a session of its own, and goes on."""


def commit_pair(study: Study, code: str) -> None:
    """A study of the action `only`, which runs this code, and `after`, which needs it."""
    text = project_yaml(
        only=("python:v2 only.py", [], {HIGH: {"out": "only.csv"}}),
        after=("python:v2 after.py", ["only"], {HIGH: {"out": "after.csv"}}),
    )
    study.commit(project__yaml=text, only__py=code, after__py="open('after.csv', 'w').write('x')")


def job(action: str = "only") -> Job:
    """The newest job of an action, as it is now."""
    return Job.select().where(Job.action == action).order_by(Job.id.desc()).get()


def folder() -> Path:
    """The records of the newest attempt."""
    attempt = Attempt.select(Attempt, Job).join(Job).order_by(Attempt.id.desc()).get()
    return attempt_dir(attempt.job, attempt)


def wait(condition: Callable[[], object]) -> None:
    """Until it holds; fail after a minute."""
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, [
            (one.action, one.status_code, one.status_message) for one in Job.select()
        ]
        time.sleep(0.005)


@contextmanager
def held_while_preparing(engine: Engine, study: Study) -> Iterator[None]:
    """Within the block git does not come back to the supervisor: its configuration is a pipe that nobody fills."""
    config, pipe = study.path / ".git" / "config", study.path.parent / "hangs"
    before = config.read_text()
    os.mkfifo(pipe)
    config.write_text(f"{before}\n[include]\n\tpath = {pipe}\n")
    engine.turn()
    wait(lambda: engine.turn() and job().status_code == "preparing")
    try:
        yield
    finally:
        config.write_text(before)
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with suppress(OSError):  # nobody reads it any more
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
                break
            time.sleep(0.01)


@contextmanager
def stopped_supervisor() -> Iterator[Path]:
    """Within the block the supervisor of the newest attempt stands still; gives the folder of its records."""
    who = records.read(folder(), records.SUPERVISOR)
    assert who and processes.is_alive(who)
    os.kill(who["pid"], signal.SIGSTOP)
    try:
        yield folder()
    finally:
        processes.signal_if_alive(who, signal.SIGCONT)


@contextmanager
def held_at_record(engine: Engine, stage: str) -> Iterator[None]:
    """Within the block a running attempt stands at `stage`: the record is there, the supervisor is stopped."""
    with stopped_supervisor() as where:
        records.enter_stage(where, stage)
        engine.turn()
        yield


@contextmanager
def held_while_saving() -> Iterator[Engine]:
    """Within the block another one publishes in the workspace, so that a run that has ended stays in `finalizing`.

    Gives the engine to turn: it finishes jobs in a thread, as the server does.
    """
    threads: list[threading.Thread] = []

    def in_a_thread(job_id: int) -> None:
        def finish_it() -> None:
            finish(job_id)
            close_database()

        threads.append(threading.Thread(target=finish_it))
        threads[-1].start()

    try:
        with locked(Roots.of(current().instance), "asthma"):
            yield Engine(executor(), finish=in_a_thread)
    finally:
        for thread in threads:
            thread.join(SECONDS)


def processes_of_the_instance() -> list[str]:
    """The command lines of all processes that have to do with this instance or with `FAMILY`, but this one."""
    marks, own = (os.fsencode(str(current().instance)), MARK.encode()), os.getpid()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            with suppress(OSError):
                said = (entry / "cmdline").read_bytes()
                said_and_place = said + os.fsencode(os.readlink(entry / "cwd"))
                if any(mark in said_and_place for mark in marks):
                    found.append(said.replace(b"\0", b" ").decode(errors="replace"))
    return found
