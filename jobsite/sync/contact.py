"""How it stands with the public side: when it last answered, what went wrong since. Kept in a row, for pages and commands.

A success is written down at most every 15 seconds, a failure when it is the first, when it is another one, or after so long.
"""

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path

import peewee

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.settings import current
from jobsite.sync.link_models import PublicContact

EVERY = timedelta(seconds=15)

log = logging.getLogger("jobsite.sync")
_guard = threading.Lock()
_written: tuple[Path, str, datetime] = (Path(), "", datetime.min)


def contact() -> PublicContact:
    """What is known of the last contact; `succeeded_at` is None where there never was one."""
    return PublicContact.select().first() or PublicContact(failures=0, last_error="")


def note_success() -> None:
    """The public side has answered."""
    if _is_news(""):
        _write(succeeded_at=now(), failing_since=None, failures=0)


def note_failure(sentence: str) -> None:
    """The public side did not answer as it should; `sentence` says how."""
    if _is_news(sentence):
        log.warning("%s", sentence)
        began = peewee.fn.COALESCE(PublicContact.failing_since, now())
        failures = PublicContact.failures + 1
        _write(failed_at=now(), failing_since=began, failures=failures, last_error=sentence)


class Absence:
    """Whether the public side is back after it was away for long, so that what waits for it need not wait its time out.

    A program that has just started takes it for having been away.
    """

    LONG = timedelta(minutes=2)

    def __init__(self) -> None:
        self._since: datetime | None = datetime.min

    def is_over(self) -> bool:
        """Whether it answers again since the last time this was asked."""
        known, since = contact(), self._since
        if known.failing_since is not None:
            self._since = known.failing_since if since is None else min(since, known.failing_since)
            return False
        if known.succeeded_at is None or since is None:
            return False
        self._since = None
        return known.succeeded_at - since >= self.LONG


def _is_news(said: str) -> bool:
    """Whether this has to be written down: it is not what was written a moment ago."""
    global _written
    with _guard:
        where, before, at = _written
        if (where, before) == (current().instance, said) and abs(now() - at) < EVERY:
            return False
        _written = (current().instance, said, now())
    return True


def _write(**values: object) -> None:
    """Store what is known, unless the database cannot be written now: a later call stores it."""
    try:
        with writing():
            if not PublicContact.update(values).execute():
                PublicContact.create(failures=0, last_error="")
                PublicContact.update(values).execute()
    except peewee.OperationalError as error:
        log.warning("the contact with the public side is not written down: %s", error)
