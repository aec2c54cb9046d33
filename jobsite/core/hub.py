"""The hub: threads of this process that wait for news, and the ring that wakes them.

It carries no facts, so nothing is lost when it is: whoever wakes looks at files and rows.
"""

import threading

_condition = threading.Condition()
_rings = 0


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
