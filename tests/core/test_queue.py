"""The queue: a nudge runs after the commit, a broken task breaks nothing, the clock runs tasks too."""

import pickle
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsite.core.db import writing
from jobsite.core.queue import nudge, open_queue, task

ran: list[int] = []
happened = threading.Event()


@task(side="any")
def remember(number: int) -> None:
    """A task for these tests."""
    if number < 0:
        raise ValueError("broken on purpose")
    ran.append(number)
    happened.set()


@pytest.fixture
def running(instance: Path) -> Iterator[None]:
    ran.clear()
    happened.clear()
    consumer = open_queue(instance / "huey.db").consumer(workers=2)
    consumer.start()
    yield
    consumer.stop(graceful=True)


def test_a_nudge_runs_the_task_soon(running: None) -> None:
    nudge(remember, 7)
    assert happened.wait(5)
    assert ran == [7]


def test_a_nudge_waits_for_the_commit_and_goes_with_a_rollback(running: None) -> None:
    with writing():
        nudge(remember, 1)
        assert not happened.wait(0.2)
    assert happened.wait(5)
    happened.clear()
    with pytest.raises(ZeroDivisionError), writing():
        nudge(remember, 2)
        raise ZeroDivisionError
    assert not happened.wait(0.3)
    assert ran == [1]


def test_a_task_that_fails_does_not_stop_the_next(running: None) -> None:
    nudge(remember, -1)
    nudge(remember, 3)
    assert happened.wait(5)
    assert ran == [3]


def test_what_is_no_task_cannot_be_nudged(instance: Path) -> None:
    with pytest.raises(LookupError):
        nudge(print, 1)


class Planted:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return ran.append, (99,)


def test_what_somebody_wrote_into_the_queue_is_not_run_as_code(instance: Path, running: None) -> None:
    with sqlite3.connect(instance / "huey.db") as queue:
        planted = pickle.dumps(Planted())
        queue.execute("insert into task (queue, data, priority) values ('jobsite', ?, 9)", (planted,))
    queue.close()
    nudge(remember, 4)
    assert happened.wait(60)
    assert ran == [4]
