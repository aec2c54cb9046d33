"""What keeps the messages of the queue and runs its tasks: Huey, on a SQLite file or on Redis, with threads of the server.

A file of its own, because Huey takes a fifth of a second to load, and commands only nudge.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import huey.api
from huey.api import Task
from huey.consumer import Consumer, Worker
from huey.registry import Message
from huey.serializer import Serializer
from huey.storage import BlackHoleStorage, SqliteStorage

from jobsite.core.queue import guarded, send_by, tasks, ticks
from jobsite.core.redis import Away, Redis
from jobsite.core.sqlite import make_private

MOST = 10_000
"""So many messages are kept at most where nobody takes them; of the oldest the next tick finds the work."""

_wake = threading.Condition()
_enqueued = 0


def open_queue(place: Path | Redis, side: str = "both") -> "Huey":
    """The Huey object on the SQLite file or the Redis `place`, with every task of the side bound to it; nudges go there."""
    if isinstance(place, Path):
        make_private(place)
        opened = Huey("jobsite", storage_class=SqliteStorage, filename=str(place), **_PLAIN)
    else:
        opened = Huey("jobsite", storage_class=RedisStorage, server=place, **_PLAIN)
    bound, by_clock = tasks(side), ticks(side)
    send_by({name: opened.task(name=name)(guarded(function)) for name, function in bound.items()})
    for name, minutes in by_clock.items():
        run = guarded(bound[name], by_clock=True)
        opened.periodic_task(_minutes(minutes), name=f"{name}.tick")(run)
    return opened


class Huey(huey.api.Huey):
    """Huey that wakes a sleeping worker of this process at once instead of letting it poll."""

    def enqueue(self, task: Task) -> Any:
        """Store the task, then wake a worker (Huey's own signal fires before the row is there)."""
        global _enqueued
        result = super().enqueue(task)
        with _wake:
            _enqueued += 1
            _wake.notify()
        return result

    def consumer(self, workers: int) -> "InProcess":
        """Worker threads to run inside the server; call `start()` and `stop(graceful=True)`."""
        return InProcess(self, workers=workers, shutdown_timeout=20, check_worker_health=False)


class RedisStorage(BlackHoleStorage):
    """Messages in a list of Redis, which any process puts there and the one that leads takes.

    While Redis is away they are kept in this process: where it leads, they run all the same. Nothing else of Huey's
    is used, neither results nor its own schedule, so nothing else is stored.
    """

    priority = False

    def __init__(self, name: str, server: Redis) -> None:
        super().__init__(name)
        self._server, self._key = server, f"{server.name}:queue"
        self._here: deque[bytes] = deque(maxlen=MOST)

    @property
    def blocking(self) -> bool:
        """Whether `dequeue` has waited when it gives nothing, so that a worker need not sleep."""
        return not self._server.is_away

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Put a message into the list."""
        try:
            self._server.ask(lambda: self._put(data))
        except Away:
            self._here.append(data)

    def dequeue(self) -> bytes | None:
        """Take the oldest message out; when there is none, wait for one, but not for long: a worker may have to stop."""
        with suppress(IndexError):
            return self._here.popleft()
        with suppress(Away):
            taken = self._server.ask(lambda: self._server.client.brpop(self._key, timeout=0.5))
            return taken[1] if taken else None
        return None

    def _put(self, data: bytes) -> None:
        with self._server.client.pipeline() as both:
            both.lpush(self._key, data)
            both.ltrim(self._key, 0, MOST - 1)
            both.execute()


class AsJson(Serializer):
    """Messages as JSON instead of Huey's pickles: who can write to the queue starts a task of ours, never code of theirs."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class WakingWorker(Worker):
    """A worker that sleeps until something is enqueued, at most a second."""

    _seen = 0

    def loop(self, now: datetime | None = None) -> None:
        """One turn: remember how much has been enqueued so far, then work."""
        self._seen = _enqueued
        super().loop(now)

    def sleep(self) -> None:
        """Wait for the next enqueue or the stop of the consumer."""
        with _wake:
            _wake.wait_for(lambda: self._seen != _enqueued or self.stop_flag.is_set(), 1.0)


class InProcess(Consumer):
    """Huey's consumer for use inside a server, which owns the signals."""

    worker_class = WakingWorker

    @property
    def threads(self) -> list[threading.Thread]:
        """All of its threads."""
        return [self.scheduler, *(thread for _, thread in self.worker_threads)]

    def stop(self, graceful: bool = False) -> None:
        """Stop, graceful after what is being run; workers that sleep leave at once."""
        self.stop_flag.set()
        with _wake:
            _wake.notify_all()
        super().stop(graceful=graceful)

    def _set_signal_handlers(self) -> None:
        """Leave the signals alone."""


_PLAIN: dict[str, Any] = {"results": False, "serializer": AsJson()}


def _minutes(minutes: int) -> Callable[[datetime], bool]:
    return lambda moment: moment.minute % minutes == 0
