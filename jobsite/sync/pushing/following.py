"""The thread that keeps up with the controller: it sends what is asked for at once, and asks how everything stands by the clock."""

import logging
import threading
import time
from datetime import datetime

from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import close_database
from jobsite.settings import current
from jobsite.sync.answers import NotNow
from jobsite.sync.client import Backoff, Unreachable
from jobsite.sync.pushing.asking import ask_backends, ask_jobs
from jobsite.sync.pushing.cancelling import cancel_due
from jobsite.sync.pushing.client import Controller, current_controller
from jobsite.sync.pushing.contact import pushed_backends
from jobsite.sync.pushing.creating import send_due
from jobsite.sync.pushing.journal import note_new

ONE_AFTER_THE_OTHER = 0.5
"""Seconds at least between two rounds, so that what is asked for together goes out together."""

log = logging.getLogger("jobsite.controller")


class Pushing:
    """Keeps up with a controller. `round` is one turn, which may be made at any time and any number of times."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._asked_at = datetime.min

    def round(self) -> None:
        """Send and cancel what is due, then ask how backends and jobs stand where that is due. Raises `Unreachable`."""
        if not pushed_backends():
            return
        note_new()
        send_due(self._controller)
        cancel_due(self._controller)
        if abs(now() - self._asked_at) >= current().controller_every:
            ask_backends(self._controller)
            self._asked_at = now()
        ask_jobs(self._controller)


def follow_controller(stop: threading.Event) -> None:
    """Make rounds until `stop` is set: at every ring of the hub, and often enough to ask in time; where the controller is
    away, later and later."""
    controller = current_controller()
    if controller is None:
        return
    pushing, backoff, due = Pushing(controller), Backoff(), 0.0
    while not stop.is_set():
        seen = hub.heard()
        pause = _turn(pushing, backoff) if time.monotonic() >= due else 0.0
        due = max(due, time.monotonic() + pause)
        close_database()
        stop.wait(ONE_AFTER_THE_OTHER)
        hub.wait(seen, max(due - time.monotonic(), _patience()))


def _turn(pushing: Pushing, backoff: Backoff) -> float:
    """One round; gives for how many seconds there is to be none, 0 where it went well."""
    try:
        pushing.round()
    except Unreachable as away:
        return max(backoff.failed(), away.seconds if isinstance(away, NotNow) else 0.0)
    except Exception:
        log.exception("the exchange with the controller failed; it goes on")
        return backoff.failed()
    backoff.worked()
    return 0.0


def _patience() -> float:
    """Seconds after which it is looked for what is due, rung or not."""
    return min(5.0, current().controller_every.total_seconds())
