"""Two threads of a secure side that stands apart: one fetches job requests, the other pushes what becomes of their jobs."""

import logging
import threading
import time

from jobsite.core import hub
from jobsite.core.db import close_database
from jobsite.settings import current
from jobsite.sync.answers import NotNow
from jobsite.sync.client import Backoff, PublicSide, Unreachable, current_side
from jobsite.sync.fetching import Fetching
from jobsite.sync.reporting import Reporting

ONE_AFTER_THE_OTHER = 1.0
"""Seconds at least between two pushes, so that changes that come together go out together."""
LOOK_AGAIN = 30.0
"""Seconds after which it is looked for what to push, rung or not: a command in another process cannot ring."""
LAST_TAKES = 10.0

log = logging.getLogger("jobsite.sync")


def fetch_requests(stop: threading.Event) -> None:
    """Fetch job requests every POLL_EVERY until `stop` is set, less often while the public side is away."""
    side = current_side()
    if side is not None:
        _fetch(side, stop)


def push_jobs(stop: threading.Event) -> None:
    """Push the states of jobs, at every ring of the hub, until `stop` is set."""
    side = current_side()
    if side is not None:
        _push(side, stop)


def _fetch(side: PublicSide, stop: threading.Event) -> None:
    fetching, backoff, due = Fetching(side), Backoff(), 0.0
    while not stop.is_set():
        seen = hub.heard()
        try:
            if time.monotonic() >= due:
                due = time.monotonic() + current().poll_every.total_seconds()
                fetching.poll()
                backoff.worked()
            fetching.begin()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the next look follows
            due = time.monotonic() + _pause(fault, backoff)
        close_database()
        stop.wait(0.2)
        hub.wait(seen, max(0.0, due - time.monotonic()))
    fetching.wait(LAST_TAKES)


def _push(side: PublicSide, stop: threading.Event) -> None:
    reporting, backoff = Reporting(side), Backoff()
    while not stop.is_set():
        seen, pause = hub.heard(), ONE_AFTER_THE_OTHER
        try:
            reporting.push()
            backoff.worked()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the next push follows
            pause = max(pause, _pause(fault, backoff))
        close_database()
        stop.wait(pause)
        hub.wait(seen, LOOK_AGAIN)


def _pause(fault: Exception, backoff: Backoff) -> float:
    """How many seconds to wait after a fault; one that nobody foresaw is logged."""
    seconds = backoff.failed()
    if isinstance(fault, NotNow):
        return max(seconds, fault.seconds)
    if not isinstance(fault, Unreachable):
        log.exception("the exchange with the public side failed; it goes on")
    return seconds
