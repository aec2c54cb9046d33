"""The clock of the server is set back while jobs run and wait: no time is negative, and the order stays."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.core.events import verify
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.waiting_reasons import why

from .conftest import Study, project_yaml
from .stages import HIGH, job

DAYS = timedelta(days=2)
ENDS = "import sys; open(sys.argv[1], 'w').write('x')"
NAMES = ("first", "second", "third", "fourth")


@pytest.fixture
def queue(study: Study, ask: Callable[..., JobRequest], engine: Engine) -> Iterator[JobRequest]:
    """Two jobs run for long, two wait for room."""
    steps = {name: (f"python:v2 run.py {name}.csv", [], {HIGH: {"out": f"{name}.csv"}}) for name in NAMES}
    late = {"late": ("python:v2 end.py late.csv", [], {HIGH: {"out": "late.csv"}})}
    study.commit(
        project__yaml=project_yaml(**steps, **late), run__py="import time; time.sleep(600)", end__py=ENDS
    )
    made = ask(*NAMES)
    engine.turn()
    yield made
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def places() -> list[tuple[str, int]]:
    """The jobs that wait for room, with their places."""
    waiting = Job.select().where(Job.state == "pending")
    found = [(one.action, reason.place) for one in waiting if (reason := why(one))]
    return sorted(found, key=lambda pair: pair[1])


def test_the_order_stays_and_what_is_asked_for_then_comes_after(
    queue: JobRequest, engine: Engine, ask: Callable[..., JobRequest]
) -> None:
    assert places() == [("third", 1), ("fourth", 2)]
    with clock.at(clock.now() - DAYS):
        engine.turn()
        assert places() == [("third", 1), ("fourth", 2)]
        ask("late")
        engine.turn()
        assert places() == [("third", 1), ("fourth", 2), ("late", 3)]


def test_pages_show_no_negative_time_and_rows_keep_theirs(
    queue: JobRequest, engine: Engine, client: FlaskClient, run_until: Callable[[Callable[[], bool]], None]
) -> None:
    started = job("first").started_at
    with clock.at(clock.now() - DAYS):
        run_until(lambda: job("first").status_code == "executing")
        for where in (f"/asthma/{queue.id}/", f"/asthma/{queue.id}/{job('first').identifier}/", "/status/"):
            page = client.get(where)
            assert page.status_code == 200
            assert not re.search(r"-\d+:|-\d+ (s|min|h)\b|in \d+ min", page.text), where
        executor().kill_now(attempt_dir(job("first"), Attempt.get(Attempt.job == job("first"))))
        Job.update(cancel_asked_at=clock.now(), cancel_asked_by="ada").where(Job.action == "first").execute()
        run_until(lambda: not job("first").is_active)
    ended = job("first")
    assert ended.created_at <= ended.started_at <= ended.completed_at
    assert ended.started_at == started
    assert verify()[1] is None


def test_a_further_attempt_is_not_put_off_by_days(queue: JobRequest, engine: Engine) -> None:
    """Its pause was counted by a clock that was ahead."""
    Job.update(retry_at=clock.now() + timedelta(minutes=10), status_code="waiting_on_new_task").where(
        Job.action == "third"
    ).execute()
    engine.turn()
    assert job("third").status_code == "waiting_on_new_task"
    with clock.at(clock.now() - DAYS):
        engine.turn()
    assert job("third").status_code == "waiting_on_workers"
