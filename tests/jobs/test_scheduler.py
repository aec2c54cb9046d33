"""The decision which jobs start: no overcommit, no starvation, fair, the same whatever the order of asking."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsite.jobs.scheduler import GOES_FIRST, MAY_BE_OVERTAKEN, Candidate, Capacity, choose, queue_order

AT = datetime(2026, 11, 2, 9)
HOUR = timedelta(hours=1)


def job(id: int, **facts: Any) -> Candidate:
    plain = {"project": 1, "workspace": 1, "is_database_action": False, "running": False, "ready": True}
    return Candidate(
        **{"id": id, "created_at": AT - timedelta(minutes=100 - id), "ready_at": AT, **plain, **facts}
    )


def running(id: int, **facts: Any) -> Candidate:
    return job(id, **{"running": True, "ready": False, **facts})


jobs = st.lists(
    st.builds(
        Candidate,
        id=st.integers(),
        project=st.integers(1, 4),
        workspace=st.integers(1, 3),
        is_database_action=st.booleans(),
        created_at=st.datetimes(AT - 3 * GOES_FIRST, AT),
        running=st.booleans(),
        ready=st.booleans(),
        weight=st.sampled_from((0.25, 0.5, 1.0, 1.5, 3.0, 20.0)),
        ready_at=st.none() | st.datetimes(AT - 2 * GOES_FIRST, AT),
    ),
    max_size=40,
    unique_by=lambda one: one.id,
)
capacities = st.builds(Capacity, st.integers(1, 8), st.integers(1, 8))


@given(jobs, capacities)
def test_a_pool_never_gets_more_weight_than_it_holds_except_one_job_alone(
    found: list[Candidate], capacity: Capacity
) -> None:
    by_id = {one.id: one for one in found}
    started = choose(found, capacity, AT)
    assert len(set(started)) == len(started)
    assert all(by_id[key].ready and not by_id[key].running for key in started)
    for pool in (True, False):
        weight = sum(one.weight for one in found if one.running and one.is_database_action == pool)
        for key in started:
            one = by_id[key]
            if one.is_database_action == pool:
                assert weight == 0 or weight + one.weight <= capacity.of(pool) + 1e-6
                weight += one.weight


@given(jobs, capacities, st.randoms(use_true_random=False))
def test_the_decision_does_not_depend_on_the_order_of_asking(
    found: list[Candidate], capacity: Capacity, chance: random.Random
) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert choose(found, capacity, AT) == choose(shuffled, capacity, AT)


@given(jobs, capacities)
def test_room_is_not_left_empty_without_a_reason(found: list[Candidate], capacity: Capacity) -> None:
    """Where nobody has waited for long, no job that would still fit is left waiting."""
    fresh = [replace(one, ready_at=AT) for one in found]
    started = set(choose(fresh, capacity, AT))
    for pool in (True, False):
        here = [one for one in fresh if one.is_database_action == pool]
        used = sum(one.weight for one in here if one.running or one.id in started)
        left = [one for one in here if one.ready and not one.running and one.id not in started]
        assert not any(used == 0 or used + one.weight <= capacity.of(pool) - 1e-6 for one in left)


@given(jobs)
def test_everybody_who_is_ready_has_one_place_in_the_queue(found: list[Candidate]) -> None:
    ready = [one.id for one in found if one.ready and not one.running]
    assert sorted(queue_order(found, AT)) == sorted(ready)


def test_the_project_with_least_running_weight_goes_first_then_the_workspace_then_the_oldest() -> None:
    found = [
        running(1, project=1, workspace=1, weight=2),
        running(2, project=2, workspace=2, weight=0.5),
        job(3, project=1, workspace=1),
        job(4, project=2, workspace=2),
        job(5, project=2, workspace=3),
        job(6, project=3, workspace=4),
    ]
    assert queue_order(found, AT) == [6, 5, 4, 3]


def test_the_order_is_recomputed_after_each_start() -> None:
    found = [job(1), job(2), job(3), job(4, project=2, workspace=2)]
    assert choose(found, Capacity(4, 1), AT) == [1, 4, 2, 3]


def test_database_jobs_go_first_and_have_a_pool_of_their_own() -> None:
    found = [job(1), job(2), job(3, is_database_action=True), job(4, is_database_action=True)]
    assert choose(found, Capacity(1, 1), AT) == [3, 1]


def test_a_job_heavier_than_its_pool_starts_only_when_the_pool_is_empty() -> None:
    heavy = job(1, weight=9)
    assert choose([heavy, running(2)], Capacity(4, 4), AT) == []
    assert choose([heavy, running(2, is_database_action=True)], Capacity(4, 4), AT) == [1]
    assert choose([heavy, job(3)], Capacity(4, 4), AT) == [1]


def test_what_does_not_fit_is_overtaken_for_half_an_hour_and_then_its_pool_waits() -> None:
    def decision(waited: timedelta) -> list[int]:
        heavy = job(1, weight=3, ready_at=AT - waited)
        found = [heavy, running(2, weight=2), job(3), job(4, is_database_action=True)]
        return choose(found, Capacity(4, 4), AT)

    assert decision(MAY_BE_OVERTAKEN - timedelta(seconds=1)) == [4, 3]
    assert decision(MAY_BE_OVERTAKEN) == [4]


def test_who_has_waited_for_a_day_goes_before_everybody_else() -> None:
    busy = [running(number, project=1, workspace=1) for number in range(10, 13)]
    old = job(1, project=1, workspace=1, ready_at=AT - GOES_FIRST)
    older = job(2, project=1, workspace=1, ready_at=AT - 2 * GOES_FIRST)
    assert queue_order([*busy, job(3, project=2, workspace=2), old, older], AT) == [2, 1, 3]


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 1000))
def test_nobody_starves_among_a_thousand_jobs_of_twenty_projects(seed: int) -> None:
    """A few projects ask without end, heavy jobs are among them; everybody starts within two days."""
    chance = random.Random(seed)
    waiting = [
        Candidate(
            id=number,
            project=(project := min(int(chance.expovariate(0.25)), 19)),
            workspace=project * 3 + chance.randrange(3),
            is_database_action=chance.random() < 0.3,
            created_at=AT + timedelta(minutes=chance.randrange(3000)),
            running=False,
            ready=True,
            weight=chance.choice((0.5, 1.0, 1.0, 1.0, 3.0, 12.0)),
        )
        for number in range(1000)
    ]
    ends: dict[int, datetime] = {}
    active: dict[int, Candidate] = {}
    capacity = Capacity(8, 8)
    most = timedelta(0)
    at, pending = AT, sorted(waiting, key=lambda one: (one.created_at, one.id))
    while pending or active:
        active = {key: one for key, one in active.items() if not (one.running and ends[key] <= at)}
        while pending and pending[0].created_at <= at:
            one = pending.pop(0)
            active[one.id] = replace(one, ready_at=at)
        for key in choose(active.values(), capacity, at):
            most = max(most, at - (active[key].ready_at or at))
            ends[key] = at + timedelta(minutes=chance.choice((5, 10, 15, 60)))
            active[key] = replace(active[key], running=True)
        weights = Counter({True: 0.0, False: 0.0})
        for one in active.values():
            weights[one.is_database_action] += one.weight if one.running else 0
        assert all(weight <= 12 for weight in weights.values())
        at += timedelta(minutes=10)
        assert at < AT + timedelta(days=30), "somebody never started"
    assert len(ends) == 1000
    assert most < 7 * GOES_FIRST


def test_a_heavy_job_starts_within_a_day_and_one_run_although_light_ones_never_stop_coming() -> None:
    capacity, at, started = Capacity(4, 4), AT, None
    heavy = job(0, project=1, workspace=1, weight=4)
    light: dict[int, datetime] = {}
    number = 1
    while started is None and at < AT + 2 * GOES_FIRST:
        light = {key: end for key, end in light.items() if end > at}
        busy = [running(key, project=key + 10, workspace=key) for key in light]
        fresh = [
            job(number + more, project=number + more + 10, workspace=number + more, ready_at=at)
            for more in range(4)
        ]
        for key in choose([heavy, *busy, *fresh], capacity, at):
            if key == 0:
                started = at
            light[key] = at + HOUR * 0.7
        number += 4
        at += timedelta(minutes=10)
    assert started is not None
    assert started - AT <= GOES_FIRST + HOUR
