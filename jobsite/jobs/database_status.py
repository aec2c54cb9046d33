"""Asking the database every 5 minutes whether it is in maintenance (specification §3.6).

The program of DATABASE_STATUS_COMMAND answers with its last line. Only answers of the fixed list count (B57): what
else it prints changes nothing, goes nowhere, and is an alert for those who look after the backend.
"""

import logging
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from jobsite.accounts.backends import DATABASE_ANSWERS, report_database
from jobsite.accounts.models import Backend
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict
from jobsite.jobs.backend_alerts import DATABASE, count_failure, note_success
from jobsite.jobs.faults import DATABASE_PROBLEMS
from jobsite.settings import current

PATIENCE = 60.0
"""Seconds until a program that has not answered is ended."""
LONGEST_ANSWER = 64 * 1024
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}

log = logging.getLogger("jobsite.database")


class NoAnswer(Exception):
    """The program gave no answer that counts; the text is one of `faults.DATABASE_PROBLEMS`."""


def check_database(patience: float = PATIENCE) -> None:
    """Ask, and tell each active backend without an agent whose checks are not disabled. Does nothing without a program."""
    command, asked_at = current().database_status_command, now()
    active = list(Backend.select().where(Backend.is_active, ~Backend.has_agent).order_by(Backend.id))
    backends = [one for one in active if command and not one.are_checks_disabled]
    _forget([one.id for one in active if one not in backends], asked_at)
    if not backends:
        return
    try:
        answer = run_program(command, patience)
    except NoAnswer as problem:
        note_no_answer(backends, str(problem))
        return
    for backend in backends:
        note_answer(backend, answer, asked_at)


def note_answer(backend: Backend, answer: str | None, asked_at: datetime) -> None:
    """Take what was answered to a question of the moment `asked_at`; None for no answer. What is none of
    `DATABASE_ANSWERS` changes nothing but the alerts."""
    if answer not in DATABASE_ANSWERS:
        note_no_answer([backend], "failed" if answer is None else "unknown_answer")
        return
    _report(backend.id, answer)
    with writing():
        note_success(backend.id, DATABASE, asked_at)


def note_no_answer(backends: Sequence[Backend], kind: str) -> None:
    """Note for these backends why a check of the database says nothing (`faults.DATABASE_PROBLEMS`)."""
    log.error("the check of the database: %s", DATABASE_PROBLEMS[kind])
    with writing():
        for backend in backends:
            count_failure(backend.id, DATABASE, kind, at_once=True)


def _forget(backend_ids: list[int], at: datetime) -> None:
    """Where nobody is asked any more, nothing fails."""
    with writing():
        for key in backend_ids:
            note_success(key, DATABASE, at)


def _report(backend_id: int, answer: str) -> None:
    """Tell a backend as it is by now; what somebody changed in this moment stands."""
    with suppress(Conflict):
        report_database(by=SYSTEM, backend=Backend.get_by_id(backend_id), answer=answer)


def run_program(command: tuple[str, ...], patience: float = PATIENCE) -> str:
    """What the program answers: one of `DATABASE_ANSWERS`. Raises `NoAnswer`.

    It runs without a shell, with DATABASE_ENV and no other variable of the server, for at most `patience` seconds.
    """
    program = shutil.which(command[0], path=_ENVIRONMENT["PATH"])
    if program is None:
        raise NoAnswer("no_program")
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**_ENVIRONMENT, **current().database_env},
            start_new_session=True,
            cwd="/",
        )
    except OSError:
        raise NoAnswer("no_program") from None
    try:
        said = _end_of_output(process, patience)
        code = process.wait()
    finally:
        _end(process)
    if code != 0:
        raise NoAnswer("failed")
    lines = said.decode("utf-8", "replace").strip().splitlines()
    answer = lines[-1].strip() if lines else ""
    if answer not in DATABASE_ANSWERS:
        raise NoAnswer("unknown_answer")
    return answer


def _end_of_output(process: "subprocess.Popen[bytes]", patience: float) -> bytes:
    """The last piece of what a process prints until it ends. Raises `NoAnswer` when that takes too long."""
    until, said = time.monotonic() + patience, b""
    if process.stdout is None:
        return said
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0:
            if selector.select(left):
                piece = os.read(process.stdout.fileno(), LONGEST_ANSWER)
                if not piece:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(0.0, until - time.monotonic()))
                        return said
                    break
                said = (said + piece)[-LONGEST_ANSWER:]
    raise NoAnswer("too_slow")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Nothing that the program started stays."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()
