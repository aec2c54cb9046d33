"""The queue: a nudge runs after the commit, a broken task breaks nothing, the clock runs tasks too."""

import pickle
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobsite.core.consumer import open_queue
from jobsite.core.db import writing
from jobsite.core.queue import nudge, task
from jobsite.core.redis import Redis

from ..redis_server import RedisServer, needs_redis

ran: list[int] = []
happened = threading.Event()


@task(side="any")
def remember(number: int) -> None:
    """A task for these tests."""
    if number < 0:
        raise ValueError("broken on purpose")
    ran.append(number)
    happened.set()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def place(request: pytest.FixtureRequest, instance: Path) -> Iterator[Path | Redis]:
    """Where the messages are."""
    if request.param == "sqlite":
        yield instance / "huey.db"
        return
    with RedisServer(instance) as server:
        redis = Redis(server.address, "jobsite:tests")
        yield redis
        redis.close()


@pytest.fixture
def running(place: Path | Redis) -> Iterator[None]:
    ran.clear()
    happened.clear()
    consumer = open_queue(place).consumer(workers=2)
    consumer.start()
    yield
    consumer.stop(graceful=True)


def test_a_nudge_runs_the_task_soon(running: None) -> None:
    nudge(remember, 7)
    assert happened.wait(60)
    assert ran == [7]


def test_a_nudge_waits_for_the_commit_and_goes_with_a_rollback(running: None) -> None:
    with writing():
        nudge(remember, 1)
        assert not happened.wait(0.2)
    assert happened.wait(60)
    happened.clear()
    with pytest.raises(ZeroDivisionError), writing():
        nudge(remember, 2)
        raise ZeroDivisionError
    assert not happened.wait(0.3)
    assert ran == [1]


def test_a_task_that_fails_does_not_stop_the_next(running: None) -> None:
    nudge(remember, -1)
    nudge(remember, 3)
    assert happened.wait(60)
    assert ran == [3]


def test_what_is_no_task_cannot_be_nudged(instance: Path) -> None:
    with pytest.raises(LookupError):
        nudge(print, 1)


class Planted:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return ran.append, (99,)


def test_what_somebody_wrote_into_the_queue_is_not_run_as_code(place: Path | Redis, running: None) -> None:
    planted = pickle.dumps(Planted())
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as queue, queue:
            queue.execute("insert into task (queue, data, priority) values ('jobsite', ?, 9)", (planted,))
    else:
        place.client.lpush("jobsite:tests:queue", planted)
    nudge(remember, 4)
    assert happened.wait(60)
    assert ran == [4]
