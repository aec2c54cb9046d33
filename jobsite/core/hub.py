"""The hub: threads of this process that wait for news, and the ring that wakes them.

It carries no facts, so nothing is lost when it is: whoever wakes looks at files and rows. Where the database is PostgreSQL
the processes of an instance ring each other's (`core/leader.py`).
"""

import os
import secrets
import threading

_begun = secrets.token_hex(8)
_condition = threading.Condition()
_rings = 0
_stopping = False


def name() -> str:
    """By which this process knows its own among the rings it hears of; one forked from it has another."""
    return f"{_begun}-{os.getpid()}"


def ring() -> None:
    """Wake everybody who waits: something may have changed."""
    global _rings
    with _condition:
        _rings += 1
        _condition.notify_all()


def heard() -> int:
    """How often it has rung: take it before looking, hand it to `wait` after."""
    return _rings


def wait(seen: int, seconds: float) -> int:
    """Return at once if it has rung since `seen`, else at the next ring, at the latest after `seconds`."""
    with _condition:
        _condition.wait_for(lambda: _rings != seen, seconds)
        return _rings


def stop() -> None:
    """The server stops: wake everybody, so that answers without an end come to one."""
    global _stopping
    _stopping = True
    ring()


def stopping() -> bool:
    """Whether the server stops."""
    return _stopping
