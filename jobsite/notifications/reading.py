"""Reading the event log: each event becomes news in the transaction that notes that it was read.

So nothing is told twice and nothing is lost, however often and wherever the program is killed. News that is old when
it is read (the site was off for days) goes to the inboxes, and each person gets one message about all of it.
"""

import logging
import threading
import time
from collections import Counter
from datetime import datetime

from jobsite.accounts.models import User
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, close_database, writing
from jobsite.core.events import Event, since
from jobsite.core.queue import nudge
from jobsite.notifications.choices import choices_of
from jobsite.notifications.delivering import due_channels
from jobsite.notifications.heartbeats import beat
from jobsite.notifications.models import Delivery, Notice, Reading
from jobsite.notifications.news import News
from jobsite.notifications.rules import ISSUE, MAIL, WEBHOOK, is_old_news, wants_mail
from jobsite.notifications.tasks import deliver
from jobsite.notifications.telling import news_of
from jobsite.notifications.told_rules import REVIEWS
from jobsite.notifications.wording import KINDS
from jobsite.settings import current

BATCH = 200
PAUSE = 0.01
"""Seconds between batches in which another process can write: there may be hundreds of thousands of events."""
EVERY = 30.0
"""Seconds between two looks when nothing rings."""

log = logging.getLogger("jobsite.notifications")


def read_news() -> int:
    """Read the events since the last time, and store what is to be told of them. Gives how many it read."""
    read = 0
    while count := _read_batch():
        read += count
        if count < BATCH:
            break
        time.sleep(PAUSE)
    return read


def follow_events(stop: threading.Event) -> None:
    """Read news and start what is due, at every ring of the hub and every 30 seconds, until `stop` is set."""
    heard = hub.heard()
    while not stop.is_set():
        with beat("notifications"):
            _look()
        close_database()
        stop.wait(1.0)  # so that jobs that move one after the other are looked at together
        heard = hub.wait(heard, EVERY)


def _look() -> None:
    read_news()
    for channel in due_channels() if current().public else ():
        nudge(deliver, channel)


def _read_batch() -> int:
    if not since(_cursor(), limit=1):
        return 0
    with writing():
        before = _cursor()
        events = since(before, limit=BATCH)
        for event in events:
            for news in _news_of(event):
                _store(news, event)
        if len(events) < BATCH:
            _sum_up()
        if events:
            moved = Reading.update(cursor=events[-1].id).where(Reading.cursor == before)
            changed_one(moved, "Somebody else has read these events.")
    return len(events)


def _cursor() -> int:
    return Reading.select(Reading.cursor).scalar()


def _news_of(event: Event) -> list[News]:
    """The news of an event. One that cannot be worded stops nobody else's: it is noted and skipped."""
    try:
        return news_of(event)
    except (LookupError, ValueError, TypeError, AttributeError):
        log.exception("event %s (%s) is told to nobody", event.id, event.type)
        return []


def _store(news: News, event: Event) -> None:
    held = is_old_news(event.at, now())
    for person in (one for one in news.people if not one.is_bot):
        _tell(person, news, event, held)
    if held or not current().public:
        return
    if news.address and not news.people:
        Delivery.create(channel=MAIL, kind=news.kind, facts=news.facts, recipient=news.address)
    if news.kind in current().webhook_kinds and current().webhook_url:
        Delivery.create(channel=WEBHOOK, kind=news.kind, facts=news.facts)
    at_github = news.facts.get("repo") if news.kind in REVIEWS else current().sign_off_repo
    if news.kind in ("sign-off-internal", *REVIEWS) and at_github:
        Delivery.create(channel=ISSUE, kind=news.kind, facts=news.facts)


def _tell(person: User, news: News, event: Event, held: bool) -> None:
    """The entry of one person's inbox, and the mail beside it if the person wants it: the public side alone sends any."""
    if news.address:
        Delivery.create(channel=MAIL, kind=news.kind, facts=news.facts, user=person, recipient=news.address)
        return
    key = news.key or f"event:{event.id}"
    if Notice.get_or_none(Notice.user == person, Notice.key == f"{news.kind}:{key}"):
        return
    wanted = news.mailed and current().public and _mails(person, news.kind)
    Notice.create(
        user=person,
        kind=news.kind,
        key=f"{news.kind}:{key}",
        facts=news.facts,
        created_at=event.at,
        held=held and wanted,
    )
    if wanted and not held:
        Delivery.create(channel=MAIL, kind=news.kind, facts=news.facts, user=person)


def _mails(person: User, kind: str) -> bool:
    choice = choices_of(person)
    return wants_mail(KINDS[kind].group, jobs=choice.jobs, off=choice.off)


def _sum_up() -> None:
    """One message to each person for all old news that was read; nothing where there was none."""
    held: dict[int, list[Notice]] = {}
    for notice in Notice.select().where(Notice.held).order_by(Notice.id):
        held.setdefault(notice.user_id, []).append(notice)
    for user_id, notices in held.items():
        facts = {
            "counts": dict(Counter(notice.kind for notice in notices)),
            "first": _minute(notices[0].created_at),
            "last": _minute(notices[-1].created_at),
        }
        key = f"catch-up:{notices[-1].id}"
        Notice.create(user=user_id, kind="catch-up", key=key, facts=facts)
        Delivery.create(channel=MAIL, kind="catch-up", facts=facts, user=user_id)
    if held:
        Notice.update(held=False).where(Notice.held).execute()


def _minute(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
