"""When waiting jobs start, as arithmetic; and how a stretch of time is said."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsite.jobs.forecast import Work, starts
from jobsite.jobs.history import RunTime, spread, stretch


def test_a_job_starts_when_enough_of_those_that_run_have_ended() -> None:
    running = [Work(1, 60, 120), Work(1, 300, 600)]
    assert starts(running, [Work(1, 10, 20), Work(1, 10, 20)], 2) == [(60, 120), (70, 140)]


def test_a_heavy_job_waits_for_all_it_needs() -> None:
    running = [Work(1, 60, 120), Work(1, 300, 600)]
    assert starts(running, [Work(2, 10, 20), Work(1, 1, 1)], 2) == [(300, 600), (310, 620)]


def test_a_job_heavier_than_its_pool_starts_when_the_pool_is_empty() -> None:
    assert starts([Work(1, 5, 9)], [Work(8, 1, 1)], 2) == [(5, 9)]
    assert starts([], [Work(8, 1, 1)], 2) == [(0, 0)]


def test_without_history_nobody_knows_how_late_it_starts() -> None:
    assert starts([Work(1, None, None)], [Work(1, 10, 20)], 1) == [(0, math.inf)]
    assert starts([Work(1, 30, None)], [Work(1, 10, 20)], 1) == [(30, math.inf)]
    assert starts([Work(1, 30, 40), Work(1, 10, None)], [Work(1, 10, 20)], 2) == [(10, 40)]


WORK = st.builds(
    lambda weight, best, more: Work(weight, best, best + more),
    st.sampled_from([0.5, 1, 2, 3]),
    st.integers(0, 1000),
    st.integers(0, 1000),
)


@given(st.lists(WORK, max_size=8), st.lists(WORK, max_size=12), st.sampled_from([1, 2, 4]))
def test_nobody_starts_before_the_one_before_and_never_later_at_best_than_at_worst(
    running: list[Work], waiting: list[Work], room: float
) -> None:
    found = starts(running, waiting, room)
    assert len(found) == len(waiting)
    assert all(best <= worst for best, worst in found)
    for each in zip(*found, strict=True):
        assert list(each) == sorted(each)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0, "up to 1 s"),
        (0, 20, "up to 20 s"),
        (3, 20, "3 to 20 s"),
        (0, 600, "up to 10 min"),
        (130, 590, "2 to 10 min"),
        (2 * 3600, 5 * 3600 + 1, "2 to 6 h"),
        (3 * 86400, 4.5 * 86400, "3 to 5 days"),
        (45 * 60, 45 * 60 + 20, "about 46 min"),
    ],
)
def test_a_stretch_of_time_is_said_in_the_unit_that_fits_its_end(low: float, high: float, words: str) -> None:
    assert stretch(low, high) == words


def test_the_spread_of_runs_leaves_out_the_extremes() -> None:
    found = spread([float(n) for n in range(1, 101)])
    assert found == RunTime(100, 50.0, 90.0, 10.0)
    assert found.words == "It ran up to 2 min the last 100 times."
    assert spread([]) is None


def test_one_run_is_told_as_one() -> None:
    found = spread([240.0])
    assert found is not None
    assert found.words == "It ran about 4 min the one time so far."
