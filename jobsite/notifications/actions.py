"""What people do with notifications: read them, and have a delivery tried again."""

from jobsite.accounts.models import User, permissions_everywhere, username_of
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, database, writing
from jobsite.core.errors import Denied, NotFound, require
from jobsite.core.events import record
from jobsite.notifications.models import Delivery, Notice
from jobsite.notifications.rules import GIVEN_UP, WAITING, why_not_retry


def mark_read(*, by: User, number: int) -> None:
    """Note that somebody has read a notice of their own inbox; done twice, nothing changes.

    Raises `NotFound` for one that is not in it.
    """
    with writing():
        mine = (Notice.id == number) & (Notice.user == by)
        if not Notice.select().where(mine).exists():
            raise NotFound("This message is not in your inbox.")
        Notice.update(read_at=now()).where(mine & Notice.read_at.is_null()).execute()


def mark_all_read(*, by: User, up_to: int) -> int:
    """Note that somebody has read their inbox up to this notice; what came later stays unread. Gives how many."""
    with writing():
        unread = (Notice.user == by) & Notice.read_at.is_null() & (Notice.id <= up_to)
        return Notice.update(read_at=now()).where(unread).execute()


def retry(*, by: User | str, delivery: Delivery) -> None:
    """Have a delivery that was given up tried again at once, from the first try on.

    Raises `Conflict` when it is tried already, `Denied` for people who may not use the staff area.
    """
    if "staff_area_access" not in permissions_everywhere(by):
        raise Denied("Only staff can have a delivery tried again.")
    require(why_not_retry(delivery.state))
    again = {Delivery.state: WAITING, Delivery.attempts: 0, Delivery.next_try_at: now()}
    with writing():
        given_up = (Delivery.id == delivery.id) & (Delivery.state == GIVEN_UP)
        changed_one(Delivery.update(again).where(given_up), "This delivery is tried again already.")
        facts = {"channel": delivery.channel, "kind": delivery.kind}
        record("delivery:retried", by=username_of(by), subject=f"delivery:{delivery.identifier}", **facts)
        database.after_commit(hub.ring)
