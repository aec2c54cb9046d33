"""Feeds: what all who follow the same log wait for together (docs/live.md).

One thread of the process looks at every log that somebody follows, and at its job, and wakes those who wait. A
stretch of a log is read and rendered once, for all who are at the same place and want the same look.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
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
KEPT = 8
AT_ONCE = 4
BREATH = 0.0005

Bell = SimpleQueue[None]
"""What one viewer waits at. A condition shared by all would make each wait for the others as it is woken."""

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
        self._bells: list[Bell] = []
        self._rung = 0.0
        self._ask_due = False
        self._rendering = threading.Lock()
        self._kept: OrderedDict[Hashable, Stretch] = OrderedDict()
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
        if news != self.news or hub.stopping():
            self.news, self._rung = news, time.monotonic()
            self._ring()

    def _ring(self) -> None:
        """Ring all bells, some at a time: threads that all wake at once spend their time on passing on the lock of
        the interpreter."""
        bells = list(self._bells)
        for start in range(0, len(bells), AT_ONCE):
            for bell in bells[start : start + AT_ONCE]:
                bell.put(None)
            time.sleep(BREATH)

    def wait(self, bell: Bell, position: int, situation: Situation, seconds: float) -> News:
        """The news as soon as there is a line at `position`, the situation is another, or the server stops; at the
        latest after `seconds`."""
        until = time.monotonic() + seconds
        while not self._is_new(position, situation) and (left := until - time.monotonic()) > 0:
            with suppress(Empty):
                bell.get(timeout=left)
        return self.news

    def _is_new(self, position: int, situation: Situation) -> bool:
        return self.news.lines >= position or self.news.situation != situation or hub.stopping()

    def listen(self) -> Bell:
        """A bell that is rung for news, for one who waits."""
        bell: Bell = SimpleQueue()
        self._bells.append(bell)
        return bell

    def forget(self, bell: Bell) -> None:
        """Ring this bell no more."""
        self._bells.remove(bell)

    @property
    def viewers(self) -> int:
        """How many wait for news here."""
        return len(self._bells)

    def stretch(self, key: Hashable, make: Callable[[], Stretch]) -> Stretch:
        """What `make` gives, made once for all who ask by the same key. The log only grows, so it stays right."""
        with self._rendering:
            if key not in self._kept:
                self._kept[key] = make()
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]


class Seat:
    """A place among those who follow logs. It has to be left once it is not used any more."""

    def __init__(self, feeds: "Feeds", key: Hashable, feed: Feed) -> None:
        self._feeds, self._key = feeds, key
        self._taken = threading.Lock()
        self.feed, self.bell = feed, feed.listen()

    def leave(self) -> None:
        """Make room for somebody else; doing so twice does no harm."""
        if self._taken.acquire(blocking=False):
            self._feeds.left(self._key, self.bell)


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
                self._thread = threading.Thread(target=self._run, name="log-feeds", daemon=True)
                self._thread.start()
            return seat

    def left(self, key: Hashable, bell: Bell) -> None:
        """A seat was left. A feed without viewers is given up."""
        with self._lock:
            feed = self._feeds[key]
            feed.forget(bell)
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
            if ask_job:
                close_database()
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
