"""Background work: tasks that a nudge starts at once and that also run by the clock.

The queue is a trigger, never a ledger: what is due is found again from the tables, so losing the whole
queue loses seconds. A task therefore carries at most an id, may run twice and may run late.
Kill -9 loses a running task (its message is taken before it runs); the next tick finds its work again.
What keeps the messages and runs the tasks is in `core/consumer.py`.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from jobsite.core.db import close_database, database
from jobsite.core.sides import exists_on

log = logging.getLogger("jobsite.queue")

_tasks: dict[str, Callable[..., None]] = {}
_every: dict[str, int] = {}
_sides: dict[str, str] = {}
_listeners: list[Callable[[str, float, str], None]] = []
_senders: dict[str, Callable[..., Any]] = {}


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


def tasks(side: str) -> dict[str, Callable[..., None]]:
    """The tasks of a side (`both`, `public`, `secure`) by their names."""
    return {name: function for name, function in _tasks.items() if exists_on(_sides[name], side)}


def ticks(side: str) -> dict[str, int]:
    """What runs by the clock on a side (`both`, `public`, `secure`): its name, and each how many minutes."""
    return {name: minutes for name, minutes in _every.items() if exists_on(_sides[name], side)}


def nudge(function: Callable[..., None], *args: Any) -> None:
    """Run the task soon, in the background, once the present transaction has been committed.

    Without an open queue (a short command line call) nothing happens: the server's next tick finds the work.
    """
    if function.__qualname__ not in _tasks:
        raise LookupError(f"{function.__qualname__} is not a task")
    database.after_commit(lambda: _send(function.__qualname__, args))


def send_by(senders: dict[str, Callable[..., Any]]) -> None:
    """Nudges of these tasks go through these functions from now on, which get what the task gets; others do nothing."""
    _senders.clear()
    _senders.update(senders)


def after_ticks(listener: Callable[[str, float, str], None]) -> Callable[[str, float, str], None]:
    """Decorator: call this after each run of a task by the clock, with its name, its seconds and what it failed with.

    The last is the name of the exception, "" where there was none.
    """
    _listeners.append(listener)
    return listener


def guarded(function: Callable[..., None], *, by_clock: bool = False) -> Callable[..., None]:
    """The task as it is run in the background: a failure is logged and goes no further, no connection stays open."""

    def run(*args: Any) -> None:
        began, failure = time.monotonic(), ""
        try:
            function(*args)
        except Exception as error:
            failure = type(error).__name__
            log.exception("task %s failed", function.__qualname__)
        finally:
            for listener in _listeners if by_clock else ():
                listener(function.__qualname__, time.monotonic() - began, failure)
            close_database()

    run.__qualname__ = run.__name__ = function.__qualname__
    return run


def _send(name: str, args: tuple[Any, ...]) -> None:
    if name in _senders:
        _senders[name](*args)
