"""Two threads of a secure side that stands apart: one fetches job requests, the other pushes what becomes of their jobs."""

import logging
import math
import threading
import time
from collections.abc import Callable

from jobsite.core import hub
from jobsite.core.db import close_database
from jobsite.settings import current
from jobsite.sync.answers import NotNow
from jobsite.sync.client import Backoff, PublicSide, Unreachable, current_side
from jobsite.sync.fetching import Fetching
from jobsite.sync.reporting import Reporting

GATHER = 0.2
"""Seconds for which the rings of the hub that come together are gathered before requests are taken."""
ONE_AFTER_THE_OTHER = 1.0
"""Seconds at least between two pushes, so that changes that come together go out together."""
LOOK_AGAIN = 30.0
"""Seconds after which it is looked for what to push, rung or not: a command in another process cannot ring."""
LAST_TAKES = 10.0

log = logging.getLogger("jobsite.sync")

_reached = 0.0
"""When one of the threads last reached the public side after it had failed to."""


class Pace:
    """When the next turn of a thread is due: after a failure later and later, but at once when the other thread has reached
    the public side again."""

    def __init__(self) -> None:
        self._backoff = Backoff()
        self._due = 0.0
        self._failed = math.inf

    @property
    def is_failing(self) -> bool:
        """Whether the last turn failed."""
        return self._failed < math.inf

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next turn."""
        return time.monotonic() >= self._due or _reached > self._failed

    @property
    def left(self) -> float:
        """In how many seconds the next turn is due by itself."""
        return max(0.0, self._due - time.monotonic())

    def turn(self, work: Callable[[], object], every: float) -> None:
        """Do the work; the next turn is due in so many seconds, or, when it fails, whenever the back-off says."""
        global _reached
        try:
            work()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the next turn follows
            self._failed = time.monotonic()
            self._due = self._failed + self._pause(fault)
            return
        self._due = time.monotonic() + every
        if self.is_failing:
            self._failed, _reached = math.inf, time.monotonic()
            hub.ring()
        self._backoff.worked()

    def _pause(self, fault: Exception) -> float:
        """How many seconds to wait after a fault; one that nobody foresaw is logged."""
        seconds = self._backoff.failed()
        if isinstance(fault, NotNow):
            return max(seconds, fault.seconds)
        if not isinstance(fault, Unreachable):
            log.error("the exchange with the public side failed; it goes on", exc_info=fault)
        return seconds


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
    fetching, pace = Fetching(side), Pace()
    while not stop.is_set():
        seen = hub.heard()
        if pace.is_due:
            pace.turn(fetching.poll, current().poll_every.total_seconds())
        try:
            fetching.begin()
        except Exception:
            log.exception("what was fetched could not be taken; it is fetched again")
        close_database()
        stop.wait(GATHER)
        hub.wait(seen, pace.left)
    fetching.wait(LAST_TAKES)


def _push(side: PublicSide, stop: threading.Event) -> None:
    reporting, pace = Reporting(side), Pace()
    while not stop.is_set():
        seen = hub.heard()
        if pace.is_due or not pace.is_failing:
            pace.turn(reporting.push, LOOK_AGAIN)
        close_database()
        stop.wait(ONE_AFTER_THE_OTHER)
        hub.wait(seen, pace.left)
