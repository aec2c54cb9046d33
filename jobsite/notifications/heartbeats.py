"""Signs of life of what runs by the clock, for staff: a row a tick, with its last run and its last failure."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import PeeweeException

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.queue import after_ticks
from jobsite.notifications.models import Heartbeat

RARELY = 20.0
"""Seconds between two rows of the same tick that went well."""

log = logging.getLogger("jobsite.heartbeats")
_noted: dict[str, float] = {}


@contextmanager
def beat(name: str) -> Iterator[None]:
    """The block is one run of a tick: note that it ran. A failure is logged and noted, and stops nothing."""
    began, failure = time.monotonic(), ""
    try:
        yield
    except Exception as error:
        log.exception("%s failed", name)
        failure = type(error).__name__
    if failure or time.monotonic() - _noted.get(name, -RARELY) >= RARELY:
        note(name, time.monotonic() - began, failure)


@after_ticks
def note(name: str, seconds: float, failure: str = "") -> None:
    """Store that a tick ran for so many seconds, and the name of what it failed with. Raises nothing."""
    values = {"at": now(), "seconds": round(seconds, 3)}
    if failure:
        values |= {"failed_at": now(), "failure": failure}
    try:
        with writing():
            if not Heartbeat.update(values).where(Heartbeat.name == name).execute():
                Heartbeat.create(name=name, **values)
    except PeeweeException:
        log.exception("the run of %s could not be noted", name)
    _noted[name] = time.monotonic()
