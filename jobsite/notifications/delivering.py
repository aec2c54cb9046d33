"""Handing over what waits in the outbox: each on its own, at least once, with growing waits between tries.

Whoever takes a delivery puts its next try off by a lease, in one conditional update: two workers never hold the same
one, and what a killed worker held is due again when the lease is over.
"""

import logging
import threading
from collections.abc import Callable, Mapping

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.issues import send_issue
from jobsite.notifications.mailing import send_mail
from jobsite.notifications.models import Delivery
from jobsite.notifications.review_issues import send_review_issue
from jobsite.notifications.rules import (
    FIRST_WAIT,
    GIVEN_UP,
    ISSUE,
    LEASE,
    MAIL,
    SENT,
    WAITING,
    WEBHOOK,
    wait_after,
)
from jobsite.notifications.told_rules import REVIEWS
from jobsite.notifications.webhook import send_webhook


def _send_issue(delivery: Delivery) -> str:
    return send_review_issue(delivery) if delivery.kind in REVIEWS else send_issue(delivery)


SENDERS: Mapping[str, Callable[[Delivery], str]] = {
    MAIL: send_mail,
    WEBHOOK: send_webhook,
    ISSUE: _send_issue,
}

log = logging.getLogger("jobsite.notifications")
_busy = {channel: threading.Lock() for channel in SENDERS}


def due_channels() -> list[str]:
    """The channels for which something is due."""
    due = (Delivery.state == WAITING) & (Delivery.next_try_at <= now())
    return [channel for (channel,) in Delivery.select(Delivery.channel).where(due).distinct().tuples()]


def deliver_due(channel: str) -> int:
    """Hand over everything of one channel that is due, oldest first; gives how many were tried.

    When nobody can be reached the others are put off untried, so that a dead server costs one wait a minute and not one
    for each delivery. Does nothing where another thread is at it: that one takes what comes meanwhile.
    """
    if not _busy[channel].acquire(blocking=False):
        return 0
    try:
        tried, reached = 0, True
        while reached and (delivery := take(channel)):
            reached = hand_over(delivery)
            tried += 1
        if not reached:
            _put_off(channel)
        return tried
    finally:
        _busy[channel].release()


def take(channel: str) -> Delivery | None:
    """The oldest delivery that is due, held by the caller alone for the time of the lease; None when none is due."""
    moment = now()
    due = (Delivery.state == WAITING) & (Delivery.channel == channel) & (Delivery.next_try_at <= moment)
    while row := Delivery.select().where(due).order_by(Delivery.next_try_at, Delivery.id).first():
        held = {Delivery.next_try_at: moment + LEASE, Delivery.attempts: row.attempts + 1}
        with writing():
            same = (Delivery.id == row.id) & (Delivery.attempts == row.attempts) & due
            if Delivery.update(held).where(same).execute():
                row.attempts += 1
                return row
    return None


def hand_over(delivery: Delivery) -> bool:
    """Try a delivery that was taken, and note what became of it. Gives whether the others are worth a try now."""
    try:
        _close(delivery, SENDERS[delivery.channel](delivery))
        return True
    except Undelivered as failure:
        _fail(delivery, str(failure), final=failure.final)
        return not failure.unreachable
    except Exception as fault:
        log.exception("delivery %s cannot be tried", delivery.identifier)
        _fail(delivery, f"A fault of this program: {type(fault).__name__}.", final=False)
        return True


def _put_off(channel: str) -> None:
    """Let what is due wait for a minute, without counting that as a try."""
    moment = now()
    with writing():
        due = (Delivery.state == WAITING) & (Delivery.channel == channel) & (Delivery.next_try_at <= moment)
        Delivery.update(next_try_at=moment + FIRST_WAIT).where(due).execute()


def _close(delivery: Delivery, state: str) -> None:
    values = {Delivery.state: state, Delivery.sent_at: now() if state == SENT else None}
    _note(delivery, {**values, Delivery.last_error: ""})


def _fail(delivery: Delivery, sentence: str, *, final: bool) -> None:
    wait = None if final else wait_after(delivery.attempts)
    log.warning("%s %s, try %s: %s", delivery.channel, delivery.identifier, delivery.attempts, sentence)
    if wait is None:
        _note(delivery, {Delivery.state: GIVEN_UP, Delivery.last_error: sentence})
    else:
        _note(delivery, {Delivery.next_try_at: now() + wait, Delivery.last_error: sentence})


def _note(delivery: Delivery, values: dict[object, object]) -> None:
    """Store the end of a try, unless it took so long that somebody else has taken the delivery meanwhile."""
    with writing():
        mine = (Delivery.id == delivery.id) & (Delivery.state == WAITING)
        Delivery.update(values).where(mine & (Delivery.attempts == delivery.attempts)).execute()
