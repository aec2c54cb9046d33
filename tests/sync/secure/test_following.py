"""The two threads: after a failure each waits longer and longer, and when one reaches the public side the other follows."""

import logging
import threading
from collections.abc import Callable

import pytest

from jobsite.core import hub
from jobsite.sync.answers import NotNow
from jobsite.sync.client import Unreachable
from jobsite.sync.following import Pace, fetch_requests, push_jobs

from .conftest import JOBS, LIST, SecureWorld
from .test_killed import until


def failing(fault: Exception) -> Callable[[], None]:
    def work() -> None:
        raise fault

    return work


def test_a_failure_puts_the_next_turn_off_longer_and_longer_up_to_some_minutes() -> None:
    pace, waits = Pace(), []
    for _ in range(12):
        pace.turn(failing(Unreachable("The public side is away.")), 10.0)
        waits.append(pace.left)
    assert pace.is_failing and not pace.is_due
    assert 0 < waits[0] <= 1.2
    assert 240 - 1 <= waits[-1] <= 360
    pace.turn(lambda: None, 10.0)
    assert not pace.is_failing and pace.left <= 10.0


def test_who_asks_to_be_left_alone_for_a_while_is() -> None:
    pace = Pace()
    pace.turn(failing(NotNow("Later.", 90.0)), 10.0)
    assert pace.left > 80


def test_when_one_thread_reaches_the_public_side_again_the_other_is_due_at_once() -> None:
    fetching, pushing = Pace(), Pace()
    for _ in range(6):
        for pace in (fetching, pushing):
            pace.turn(failing(Unreachable("The public side is away.")), 10.0)
    assert not pushing.is_due
    fetching.turn(lambda: None, 10.0)
    assert pushing.is_due


def test_a_fault_that_nobody_foresaw_is_logged_and_the_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pace = Pace()
    with caplog.at_level(logging.ERROR):
        pace.turn(failing(ZeroDivisionError("oh")), 10.0)
    assert "the exchange with the public side failed" in caplog.text
    assert pace.is_failing


def test_the_threads_fetch_and_push_until_they_are_told_to_stop(world: SecureWorld) -> None:
    world.lists(1, "table")
    stop = threading.Event()
    threads = [threading.Thread(target=run, args=(stop,)) for run in (fetch_requests, push_jobs)]
    for thread in threads:
        thread.start()
    until(lambda: JOBS in world.peer.paths())
    stop.set()
    hub.ring()
    for thread in threads:
        thread.join(60)
    assert LIST in world.peer.paths()
    assert [job["action"] for job in world.told()[0]] == ["clean", "table"]


@pytest.mark.parametrize("fault", ["drop", "half", "500", "503", "html", "redirect"])
def test_whatever_the_connection_does_nothing_is_lost_and_nothing_counts_as_told_that_is_not(
    world: SecureWorld, fault: str
) -> None:
    world.lists(1, "table")
    world.peer.faults = [fault, fault]
    with pytest.raises(Unreachable):
        world.fetching.poll()
    world.anew()
    world.poll()
    world.peer.faults = [fault, fault]
    with pytest.raises(Unreachable):
        world.reporting.push()
    assert world.row(1).accepted == ""
    world.anew()
    assert world.reporting.push() == 2
    assert [job["action"] for job in world.told()[-1]] == ["clean", "table"]
    assert list(world.jobs(1)) == ["clean", "table"]
