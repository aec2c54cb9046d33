"""What the engine knows of active jobs from turn to turn: always what the database holds, and nothing read twice."""

from collections.abc import Callable
from typing import Any

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.core.db import writing
from jobsite.jobs.active import ActiveJobs
from jobsite.jobs.holding import Supplier
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.moving import move
from jobsite.projects.models import Workspace

from .conftest import Study, project_yaml

HIGH = "highly_sensitive"


@pytest.fixture
def two(study: Study, ask: Callable[..., JobRequest]) -> tuple[Job, Job]:
    """A job, and one that needs it."""
    study.commit(
        project__yaml=project_yaml(
            first=("python:v2 a.py", [], {HIGH: {"a": "a.csv"}}),
            second=("python:v2 b.py", ["first"], {HIGH: {"b": "b.csv"}}),
        )
    )
    ask("second")
    return Job.get(Job.action == "first"), Job.get(Job.action == "second")


@pytest.fixture
def active(two: tuple[Job, Job]) -> ActiveJobs:
    """It has read once."""
    made = ActiveJobs()
    assert [job.action for job in made.read()] == ["first", "second"]
    return made


def test_what_has_not_changed_is_the_same_object_and_costs_three_queries(
    active: ActiveJobs, queries: Callable[[], Any]
) -> None:
    before = active.read()
    with queries() as seen:
        after = active.read()
        active.attempts()
        active.suppliers()
    assert all(one is other for one, other in zip(before, after, strict=True))
    assert len(seen) == 3, seen


def test_a_job_that_somebody_else_moved_is_read_again(active: ActiveJobs, two: tuple[Job, Job]) -> None:
    move(two[0], "paused")
    assert [job.status_code for job in active.read()] == ["paused", "created"]


def test_a_job_that_the_engine_moved_is_not_read_again(
    active: ActiveJobs, queries: Callable[[], Any]
) -> None:
    mine = active.read()[0]
    move(mine, "paused")
    with queries() as seen:
        assert active.read()[0] is mine
    assert len(seen) == 3, seen
    assert mine.status_code == Job.get_by_id(mine.id).status_code == "paused"


def test_a_step_that_was_not_stored_is_forgotten(active: ActiveJobs) -> None:
    mine = active.read()[0]
    with pytest.raises(ZeroDivisionError), writing():
        move(mine, "paused")
        raise ZeroDivisionError
    assert mine.status_code == "paused"
    assert active.read()[0].status_code == "created"


def test_backends_and_workspaces_are_as_they_are_now(active: ActiveJobs, local: Backend) -> None:
    backends.pause(by="system", backend=local)
    Workspace.update(purpose="another").execute()
    for job in active.read():
        assert job.backend.is_paused
        assert job.workspace.purpose == "another"


def test_a_job_that_has_ended_is_active_no_more_and_still_supplies(
    active: ActiveJobs, two: tuple[Job, Job], queries: Callable[[], Any]
) -> None:
    first, second = two
    assert active.suppliers() == {first.identifier: Supplier("first", "pending")}
    for code in ("initiated", "succeeded"):
        move(first, code)
    assert [job.id for job in active.read()] == [second.id]
    assert active.suppliers() == {first.identifier: Supplier("first", "succeeded")}
    with queries() as seen:
        assert active.suppliers() == {first.identifier: Supplier("first", "succeeded")}
    assert not seen


def test_the_newest_attempt_counts(active: ActiveJobs, two: tuple[Job, Job]) -> None:
    assert active.attempts() == {}
    for number in (1, 2):
        job = Job.get_by_id(two[0].id)
        move(job, "initiated", attempts_made=number)
        Attempt.create(
            job=job, number=number, identifier=f"{job.identifier}-00{number}", created_at=job.updated_at
        )
        active.read()
        assert [attempt.number for attempt in active.attempts().values()] == [number]
        move(job, "waiting_on_new_task")
        active.read()
        assert active.attempts() == {}
