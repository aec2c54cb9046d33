"""Feeds: what all who follow the same log wait for together (docs/live.md).

One thread of the process looks at every log that somebody follows, and at its job, and wakes those who wait. A
stretch of a log is read and rendered once, for all who are at the same place and want the same look.
"""

import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

import peewee

from jobsite.core import hub
from jobsite.core.db import close_database
from jobsite.jobs.logs.growth import Growth
from jobsite.jobs.models import Attempt, Job

TICK = 0.04
"""Seconds between two looks at the logs that are followed."""
ASK = 1.0
"""Seconds between two looks at their jobs, when the hub does not ring before."""
PACE = 0.1
"""Seconds between two rings for lines: a log that grows fast comes in larger pieces, not in more."""
GLANCE = 5.0
"""Seconds between two rings without news, at which it is looked whether a viewer is still there and may be."""
PERMIT, SPREAD = 15.0, 10.0
"""Seconds after which it is looked again whether somebody may still read the log, and by how many it varies: all who
came at once are not looked at at once."""
KEPT = 8

log = logging.getLogger("jobsite.live")


class Situation(NamedTuple):
    """The state of a job, and whether the attempt whose log is followed may still write."""

    state: str
    live: bool


def situation_of(job_id: int, number: int) -> Situation:
    """How a job stands, seen from its attempt of that number: a later one means that this one writes no more."""
    job = Job.get_or_none(Job.id == job_id)
    if job is None:
        return Situation("", False)
    later = Attempt.select().where((Attempt.job == job_id) & (Attempt.number > number)).exists()
    return Situation(job.state, job.is_active and not later)


class News(NamedTuple):
    """What is known of a log at one moment: how many lines it has at least, and how its job stood before they were
    counted."""

    lines: int
    situation: Situation


class Stretch(NamedTuple):
    """A part of a log ready to be sent, and the position behind it."""

    data: bytes
    next_line: int


class Feed:
    """One log that is followed: how many lines it has, and how its job stands."""

    def __init__(self, path: Path, ask: Callable[[], Situation]) -> None:
        self._growth = Growth(path)
        self._ask = ask
        self._seats: list[Seat] = []
        self._rung = 0.0
        self._ask_due = False
        self._rendering = threading.Lock()
        self._kept: OrderedDict[Hashable, Stretch] = OrderedDict()
        self._permits: dict[Hashable, float] = {}
        self.news = News(0, ask())
        self.look(ask_job=False)

    def look(self, *, ask_job: bool) -> None:
        """See what is new and wake those who wait for it. The job is read first: a log that has ended is whole."""
        self._ask_due = self._ask_due or ask_job
        if time.monotonic() - self._rung < PACE and not hub.stopping():
            return
        situation = self._ask() if self._ask_due else self.news.situation
        self._ask_due = False
        news = News(self._growth.lines(), situation)
        is_new = news != self.news or hub.stopping()
        if is_new or time.monotonic() - self._rung > GLANCE:
            self.news, self._rung = news, time.monotonic()
            for seat in list(self._seats):
                seat.ring()

    def is_new(self, position: int, situation: Situation) -> bool:
        """Whether there is a line at `position`, the situation is another, or the server stops."""
        return self.news.lines >= position or self.news.situation != situation or hub.stopping()

    def add(self, seat: "Seat") -> None:
        """Ring the seat from now on."""
        self._seats.append(seat)

    def forget(self, seat: "Seat") -> None:
        """Ring the seat no more."""
        self._seats.remove(seat)

    @property
    def viewers(self) -> int:
        """How many wait for news here."""
        return len(self._seats)

    def permit(self, who: Hashable) -> None:
        """Note that `who` may read the log, as was seen just now."""
        self._permits[who] = time.monotonic() + PERMIT + random.uniform(0, SPREAD)  # noqa: S311 (it keeps no secret)

    def permits(self, who: Hashable, may: Callable[[], bool]) -> bool:
        """Whether `who` may read the log. `may` is asked when it was seen long ago, once for all who are the same."""
        if self._permits[who] > time.monotonic():
            return True
        if is_permitted := may():
            self.permit(who)
        return is_permitted

    def stretch(self, key: Hashable, make: Callable[[], Stretch]) -> Stretch:
        """What `make` gives, made once for all who ask by the same key. The log only grows, so it stays right."""
        with self._rendering:
            if key not in self._kept:
                self._kept[key] = make()
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]


class Seat:
    """A place among those who follow logs. It has to be left once it is not used any more.

    `ring` is called from the thread of the feeds at news, and now and then without; it must neither block nor raise.
    At first it wakes the one who is in `wait`.
    """

    def __init__(self, feeds: "Feeds", key: Hashable, feed: Feed) -> None:
        self._feeds, self._key = feeds, key
        self._taken = threading.Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.feed = feed
        self.ring: Callable[[], None] = partial(self._bell.put, None)
        feed.add(self)

    def wait(self, position: int, situation: Situation) -> None:
        """Return as soon as there is news for who is at `position` and knows `situation`, or after a glance."""
        if not self.feed.is_new(position, situation):
            with suppress(Empty):
                self._bell.get(timeout=GLANCE)

    def leave(self) -> None:
        """Make room for somebody else; doing so twice does no harm."""
        if self._taken.acquire(blocking=False):
            self._feeds.left(self._key, self)


class Feeds:
    """The logs that are followed in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._feeds: dict[Hashable, Feed] = {}
        self._thread: threading.Thread | None = None

    def take_seat(self, key: Hashable, open_feed: Callable[[], Feed], most: int) -> Seat | None:
        """A seat at the feed of that key, which is opened for the first; None when `most` seats are taken."""
        with self._lock:
            if hub.stopping() or self.viewers >= most:
                return None
            feed = self._feeds.get(key) or self._feeds.setdefault(key, open_feed())
            seat = Seat(self, key, feed)
            if self._thread is None or not self._thread.is_alive():
                # Not a daemon, as the thread that starts it may be: a process that ends waits until all have been told.
                self._thread = threading.Thread(target=self._run, name="log-feeds", daemon=False)
                self._thread.start()
            return seat

    def left(self, key: Hashable, seat: Seat) -> None:
        """A seat was left. A feed without viewers is given up."""
        with self._lock:
            feed = self._feeds[key]
            feed.forget(seat)
            if not feed.viewers:
                del self._feeds[key]

    @property
    def viewers(self) -> int:
        """How many seats are taken."""
        return sum(feed.viewers for feed in self._feeds.values())

    def _run(self) -> None:
        """Look at everything that is followed until nothing is."""
        heard, asked = hub.heard(), time.monotonic()
        while feeds := self._followed():
            seen = hub.heard()
            ask_job = seen != heard or time.monotonic() - asked >= ASK
            if ask_job:
                heard, asked = seen, time.monotonic()
            for feed in feeds:
                _look(feed, ask_job)
            close_database()  # also of a feed that asks later than it was told to
            hub.wait(heard, TICK)

    def _followed(self) -> list[Feed]:
        with self._lock:
            if not self._feeds:
                self._thread = None
            return list(self._feeds.values())


def _look(feed: Feed, ask_job: bool) -> None:
    try:
        feed.look(ask_job=ask_job)
    except (peewee.PeeweeException, OSError):
        log.warning("a log that is followed could not be looked at; the next look may", exc_info=True)


feeds = Feeds()
