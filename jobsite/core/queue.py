"""Background work: tasks that a nudge starts at once and that also run by the clock.

The queue is a trigger, never a ledger: what is due is found again from the tables, so losing the whole
queue file loses seconds. A task therefore carries at most an id, may run twice and may run late.
Kill -9 loses a running task (Huey deletes the row before it runs it); the next tick finds its work again.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from huey import SqliteHuey
from huey.api import Task
from huey.consumer import Consumer, Worker
from huey.registry import Message
from huey.serializer import Serializer

from jobsite.core.db import close_database, database, make_private
from jobsite.core.sides import exists_on

log = logging.getLogger("jobsite.queue")

_tasks: dict[str, Callable[..., None]] = {}
_every: dict[str, int] = {}
_sides: dict[str, str] = {}
_bound: dict[str, Any] = {}
_listeners: list[Callable[[str, float, str], None]] = []
_wake = threading.Condition()
_enqueued = 0


def task(*, side: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: make a function a task, callable as it is, and startable in the background with `nudge`.

    `side` is where it exists (`any`, `public` or `secure`); elsewhere a nudge does nothing.
    """

    def mark(function: Callable[..., None]) -> Callable[..., None]:
        _tasks[function.__qualname__], _sides[function.__qualname__] = function, side
        return function

    return mark


def every(minutes: int, *, side: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: make a function a task that also runs by itself on its side, each so many minutes (a divisor of 60)."""

    def mark(function: Callable[..., None]) -> Callable[..., None]:
        _every[function.__qualname__] = minutes
        return task(side=side)(function)

    return mark


def ticks(side: str) -> dict[str, int]:
    """What runs by the clock on a side (`both`, `public`, `secure`): its name, and each how many minutes."""
    return {name: minutes for name, minutes in _every.items() if exists_on(_sides[name], side)}


def nudge(function: Callable[..., None], *args: Any) -> None:
    """Run the task soon, in the background, once the present transaction has been committed.

    Without an open queue (a short command line call) nothing happens: the server's next tick finds the work.
    """
    if function.__qualname__ not in _tasks:
        raise LookupError(f"{function.__qualname__} is not a task")
    database.after_commit(lambda: _enqueue(function.__qualname__, args))


def after_ticks(listener: Callable[[str, float, str], None]) -> Callable[[str, float, str], None]:
    """Decorator: call this after each run of a task by the clock, with its name, its seconds and what it failed with.

    The last is the name of the exception, "" where there was none.
    """
    _listeners.append(listener)
    return listener


def open_queue(path: Path, side: str = "both") -> "Huey":
    """The Huey object on the SQLite file `path`, with every task of the side bound to it."""
    make_private(path)
    huey = Huey("jobsite", filename=str(path), results=False, serializer=AsJson())
    _bound.clear()
    for name, function in _tasks.items():
        if not exists_on(_sides[name], side):
            continue
        _bound[name] = huey.task(name=name)(_guarded(function))
        if name in _every:
            huey.periodic_task(_minutes(_every[name]), name=f"{name}.tick")(_guarded(function, told=True))
    return huey


class Huey(SqliteHuey):
    """Huey on SQLite that wakes a sleeping worker at once instead of letting it poll."""

    def enqueue(self, task: Task) -> Any:
        """Store the task, then wake a worker (Huey's own signal fires before the row is there)."""
        global _enqueued
        result = super().enqueue(task)
        with _wake:
            _enqueued += 1
            _wake.notify()
        return result

    def consumer(self, workers: int) -> "InProcess":
        """Worker threads to run inside the server; call `start()` and `stop(graceful=True)`."""
        return InProcess(self, workers=workers, shutdown_timeout=20, check_worker_health=False)


class AsJson(Serializer):
    """Messages as JSON instead of Huey's pickles: who can write to the queue starts a task of ours, never code of theirs."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class WakingWorker(Worker):
    """A worker that sleeps until something is enqueued, at most a second."""

    _seen = 0

    def loop(self, now: datetime | None = None) -> None:
        """One turn: remember how much has been enqueued so far, then work."""
        self._seen = _enqueued
        super().loop(now)

    def sleep(self) -> None:
        """Wait for the next enqueue or the stop of the consumer."""
        with _wake:
            _wake.wait_for(lambda: self._seen != _enqueued or self.stop_flag.is_set(), 1.0)


class InProcess(Consumer):
    """Huey's consumer for use inside a server, which owns the signals."""

    worker_class = WakingWorker

    def _set_signal_handlers(self) -> None:
        """Leave the signals alone."""


def _enqueue(name: str, args: tuple[Any, ...]) -> None:
    if name in _bound:
        _bound[name](*args)


def _guarded(function: Callable[..., None], *, told: bool = False) -> Callable[..., None]:
    def run(*args: Any) -> None:
        began, failure = time.monotonic(), ""
        try:
            function(*args)
        except Exception as error:
            failure = type(error).__name__
            log.exception("task %s failed", function.__qualname__)
        finally:
            for listener in _listeners if told else ():
                listener(function.__qualname__, time.monotonic() - began, failure)
            close_database()

    run.__qualname__ = run.__name__ = function.__qualname__
    return run


def _minutes(minutes: int) -> Callable[[datetime], bool]:
    return lambda moment: moment.minute % minutes == 0
