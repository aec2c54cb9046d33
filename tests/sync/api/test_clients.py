"""What programs that exist today send and expect, as it was seen when they were run against this interface (docs/api.md)."""

from collections.abc import Callable
from typing import Any

import pytest

from jobsite.accounts.models import Backend
from jobsite.jobs.models import Job, JobRequest

from .conftest import World

Reported = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(("sent", "kept"), [(0, False), (1, True), (None, False), ("", False), (True, True)])
def test_a_runner_says_as_its_database_does_whether_a_job_needs_data(
    world: World, job: Reported, sent: Any, kept: bool
) -> None:
    request = world.request()
    answer = world.call("POST", "jobs/", world.near_token, [job(request, "one", requires_db=sent)])
    assert answer.json == {"status": "success"}
    assert Job.get().is_database_action is kept


def test_what_a_runner_says_at_too_much_length_is_cut_and_its_report_is_taken(
    world: World, job: Reported
) -> None:
    request, error = world.request(), world.request()
    long = job(request, "one", run_command="r" * 100_001, status_message="m" * 10_001)
    none = job(error, "two", action="__error__", status="failed", status_message="é" * 50_000)
    answer = world.call("POST", "jobs/", world.near_token, [long, none])
    assert answer.json == {"status": "success"}
    row, told = Job.get(), JobRequest.get_by_id(error.id).status_message
    assert row.status_message == "m" * 9_999 + "…" and row.run_command == "r" * 99_999 + "…"
    assert told.startswith("é" * 100) and len(told) <= 10_000
    assert JobRequest.get_by_id(error.id).status == "failed"


def test_a_pause_is_one_however_a_runner_writes_true(world: World) -> None:
    for written, paused in (('"True"', True), ("null", False), ("true", True), ('"False"', False)):
        flags = f'{{"paused":{{"v":{written},"ts":"2026-11-20T13:00:00Z"}}}}'
        world.call("GET", "job-requests/?backend=near", world.near_token, Flags=flags)
        assert Backend.get_by_id(world.near.id).is_paused is paused, written
