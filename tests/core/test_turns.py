"""Turns: whoever comes first goes first."""

import threading
from collections.abc import Callable

from jobsite.core.turns import Turns

LONG = 60.0


def come(turns: Turns, work: Callable[[], None], patience: float = LONG) -> threading.Thread:
    """A thread that works when it is its turn. Gives it when it waits, or is at work."""
    comes = threading.Event()

    def run() -> None:
        comes.set()
        with turns.turn(patience):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    assert comes.wait(LONG)
    return thread


def wait_for(number: int, turns: Turns) -> None:
    """Return when so many wait."""
    while len(turns._waiting) < number:
        threading.Event().wait(0.001)


def test_those_who_wait_go_in_the_order_in_which_they_came_and_one_at_a_time() -> None:
    turns, went, inside = Turns(), list[int](), list[int]()
    threads = []

    def work(number: int) -> Callable[[], None]:
        def at_work() -> None:
            inside.append(number)
            went.append(number)
            assert inside == [number]
            inside.pop()

        return at_work

    with turns.turn(LONG):
        for number in range(5):
            threads.append(come(turns, work(number)))
            wait_for(number + 1, turns)
        went.append(-1)
    with turns.turn(LONG):
        went.append(5)
    for thread in threads:
        thread.join(LONG)
    assert went == [-1, 0, 1, 2, 3, 4, 5]


def test_a_turn_within_a_turn_waits_for_nobody() -> None:
    turns, went = Turns(), list[str]()
    with turns.turn(LONG):
        thread = come(turns, lambda: went.append("other"))
        wait_for(1, turns)
        with turns.turn(LONG):
            went.append("within")
        went.append("after")
    thread.join(LONG)
    assert went == ["within", "after", "other"]


def test_whoever_has_waited_too_long_goes_on_and_holds_up_nobody() -> None:
    turns, went = Turns(), list[str]()
    with turns.turn(LONG):
        come(turns, lambda: went.append("impatient"), patience=0.0).join(LONG)
        assert went == ["impatient"]
    come(turns, lambda: went.append("next")).join(LONG)
    assert went == ["impatient", "next"]


def test_a_turn_that_fails_is_over() -> None:
    turns = Turns()

    def fail() -> None:
        try:
            with turns.turn(LONG):
                raise LookupError("no")
        except LookupError:
            went.append("failed")

    went = list[str]()
    fail()
    come(turns, lambda: went.append("next")).join(LONG)
    assert went == ["failed", "next"]
