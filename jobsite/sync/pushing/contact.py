"""How it stands with the controller: when it last answered, what went wrong since, and whether it accepts our token.

A success is written down at most every 15 seconds. That the token is not accepted is told of once to those who look after
the backends, as is that it is again.
"""

import logging
from datetime import timedelta
from typing import Any

from peewee import fn

from jobsite.accounts.models import Backend
from jobsite.accounts.rules import PUSH, SYSTEM
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.sync.pushing.models import ControllerContact

EVERY = timedelta(seconds=15)
ALERT, CLEARED = "backend:alert", "backend:alert-cleared"
KIND, FAILURE = "controller", "token_refused"

log = logging.getLogger("jobsite.controller")


def contact() -> ControllerContact:
    """What is known of the last contact; `succeeded_at` is None where there never was one. One query."""
    return ControllerContact.select().first() or ControllerContact(problem="")


def pushed_backends() -> list[Backend]:
    """The active backends whose job requests are sent to the controller, by slug. One query."""
    theirs = (Backend.dispatch == PUSH) & Backend.is_active
    return list(Backend.select().where(theirs).order_by(Backend.slug))


def note_success() -> None:
    """The controller has answered, and accepts our token."""
    known = contact()
    if known.failing_since is None and known.succeeded_at and abs(now() - known.succeeded_at) < EVERY:
        return
    with writing():
        if known.refused_at is not None:
            _tell(CLEARED, "The controller accepts the token of this site again")
        _write(succeeded_at=now(), failing_since=None, refused_at=None)


def note_failure(sentence: str) -> None:
    """The controller did not answer as it should; `sentence` says how."""
    known = contact()
    if known.failing_since is None or known.problem != sentence:
        log.warning("%s", sentence)
    with writing():
        _write(
            failed_at=now(),
            failing_since=fn.COALESCE(ControllerContact.failing_since, now()),
            problem=sentence,
        )


def note_refused(sentence: str) -> None:
    """The controller does not accept our token: told of once, until it does again."""
    note_failure(sentence)
    with writing():
        if contact().refused_at is None:
            _write(refused_at=now())
            _tell(ALERT, sentence.rstrip("."))


def _tell(what: str, sentence: str) -> None:
    """An event of each backend that waits for it. In a transaction."""
    for backend in pushed_backends():
        facts: dict[str, Any] = {"kind": KIND, "failures": {FAILURE: 1}, "sentence": sentence}
        record(what, by=SYSTEM, subject=f"backend:{backend.slug}", **facts)


def _write(**values: Any) -> None:
    if not ControllerContact.update(values).execute():
        ControllerContact.create()
        ControllerContact.update(values).execute()
