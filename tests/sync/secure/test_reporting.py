"""What becomes of jobs here is told to the public side: all of a request, in order, until it has accepted it, and no more."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.clock import wire
from jobsite.core.events import Event
from jobsite.jobs.backend_alerts import open_alerts
from jobsite.jobs.models import Job
from jobsite.jobs.moving import move
from jobsite.jobs.reports import reports_of
from jobsite.sync import reporting as rules
from jobsite.sync.answers import NotNow
from jobsite.sync.client import PublicSide
from jobsite.sync.models import FetchedRequest

from ..peer import TOKEN, Received, Reply
from .conftest import JOBS, LIST, SecureWorld

MINUTE = timedelta(minutes=1)


def end(job: Job, code: str = "succeeded", message: str = "") -> None:
    """Take a job to its end by the real steps."""
    for step in ("initiated", "executing", "finalizing", code):
        move(job, step, message if step == code else "")


def states(body: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(job["action"], job["status"]) for job in body]


def test_every_change_is_told_once_with_all_jobs_of_its_request(world: SecureWorld) -> None:
    world.lists(1, "table")
    world.poll()
    assert world.reporting.push() == 2
    assert world.reporting.push() == 0
    (first,) = world.told()
    assert states(first) == [("clean", "pending"), ("table", "pending")]
    assert {job["job_request_id"] for job in first} == {"0000000000000001"}
    jobs = world.jobs(1)
    end(jobs["clean"])
    world.reporting.push()
    end(jobs["table"], "nonzero_exit", "Job exited with an error: secret.csv")
    world.reporting.push()
    world.reporting.push()
    assert [states(body) for body in world.told()[1:]] == [
        [("clean", "succeeded"), ("table", "pending")],
        [("clean", "succeeded"), ("table", "failed")],
    ]
    last = {job["action"]: job for job in world.told()[-1]}
    assert all(job["completed_at"] and job["started_at"] for job in last.values())
    assert last["table"]["status_message"] == "Job exited with an error"
    assert world.row(1).is_settled
    assert "secret" not in json.dumps(world.told())


def test_a_cancelled_job_has_failed_on_the_wire_and_has_an_end(world: SecureWorld) -> None:
    world.lists(1, "clean", cancelled_actions=["clean"])
    world.poll()
    world.reporting.push()
    ((told,),) = world.told()
    assert (told["status"], told["status_code"]) == ("failed", "cancelled_by_user")
    assert told["completed_at"] == wire(world.jobs(1)["clean"].completed_at)


def test_a_request_that_became_no_jobs_is_told_once(world: SecureWorld) -> None:
    world.lists(1, "nothing_of_the_kind")
    world.poll()
    assert [world.reporting.push(), world.reporting.push()] == [1, 0]
    assert states(world.told()[0]) == [("__error__", "failed")]
    assert world.row(1).is_settled


def test_days_of_separation_are_caught_up_with_the_last_states_alone_in_order(world: SecureWorld) -> None:
    for number in (1, 2, 3):
        world.lists(number, "clean", force_run_dependencies=True)
        world.poll()
        if number < 3:
            end(world.jobs(number)["clean"])
    world.peer.answers[JOBS] = (503, None, {"Retry-After": "90"})
    with pytest.raises(NotNow) as away:
        world.reporting.push()
    assert away.value.seconds == 90
    end(world.jobs(3)["clean"])
    world.peer.answers[JOBS] = (200, {"status": "success"})
    world.peer.clear()
    with clock.at(clock.now() + timedelta(days=3)):
        assert world.reporting.push() == 3
        assert world.reporting.push() == 0
    (body,) = world.told()
    assert [(job["job_request_id"][-1], job["status"]) for job in body] == [
        ("1", "succeeded"),
        ("2", "succeeded"),
        ("3", "succeeded"),
    ]


def test_what_was_accepted_before_a_kill_could_be_noted_is_sent_again_word_for_word(
    world: SecureWorld,
) -> None:
    world.lists(1, "clean")
    world.poll()
    end(world.jobs(1)["clean"])
    world.reporting.push()
    assert world.told() == [reports_of(world.request(1), clock.now())]
    FetchedRequest.update(accepted="", accepted_at=None, is_settled=False).execute()  # the note was lost
    after_the_kill = rules.Reporting(PublicSide(world.peer.url, TOKEN))
    assert [after_the_kill.push(), after_the_kill.push()] == [1, 0]
    first, second = world.told()
    assert first == second


def test_one_report_that_is_refused_stops_no_other_and_is_told_of_once(world: SecureWorld) -> None:
    for number in (1, 2, 3):
        world.lists(number, "clean", force_run_dependencies=True)
        world.poll()
        end(world.jobs(number)["clean"])

    def refuse_the_second(received: Received) -> Reply:
        bad = any(job["job_request_id"].endswith("2") for job in received.json)
        return (400, {"0": {"action": ["Too strange."]}}) if bad else (200, {"status": "success"})

    world.peer.answers[JOBS] = refuse_the_second
    world.reporting.push()
    assert [world.row(number).is_settled for number in (1, 2, 3)] == [True, False, True]
    calls = len(world.told())
    world.reporting.push()
    assert len(world.told()) == calls  # not again at once
    with clock.at(clock.now() + 11 * MINUTE):
        world.reporting.push()
        types = Counter(event.type for event in Event.select())
        assert types["request:report-refused"] == 1
        assert "status 400" in world.row(2).refusal
        (alert,) = open_alerts()
        assert alert.sentence.startswith("The public side refused")
    world.peer.answers[JOBS] = (200, {"status": "success"})
    with clock.at(clock.now() + 22 * MINUTE):
        world.reporting.push()
    assert world.row(2).is_settled
    assert world.row(2).refusal == ""


def test_a_public_side_that_has_forgotten_how_a_request_ended_is_told_again(world: SecureWorld) -> None:
    world.lists(1, "clean")
    world.poll()
    end(world.jobs(1)["clean"])
    world.reporting.push()
    world.poll()  # the list was made before the report came
    assert world.reporting.push() == 0
    with clock.at(clock.now() + 2 * MINUTE):
        world.poll()
        assert world.reporting.push() == 1
        world.poll()
        assert world.reporting.push() == 0
    first, second = world.told()
    assert first == second


def test_what_runs_gives_a_sign_of_life_each_minute_and_what_waits_is_repeated_now_and_then(
    world: SecureWorld,
) -> None:
    world.lists(1, "clean")
    world.poll()
    move(world.jobs(1)["clean"], "initiated")
    world.reporting.push()
    later = clock.now() + MINUTE
    with clock.at(later):
        assert world.reporting.push() == 1
    assert world.told()[-1][0]["updated_at"] == wire(later)
    world.lists(2, "table")  # which waits, and has nothing to tell
    world.poll()
    world.reporting.push()
    with clock.at(later + MINUTE):
        world.reporting.push()
    assert [job["job_request_id"] for job in world.told()[-1]] == ["0000000000000001"]
    with clock.at(later + 12 * MINUTE):
        world.reporting.push()
    assert {job["job_request_id"][-1] for job in world.told()[-1]} == {"1", "2"}


def test_a_call_holds_whole_requests_up_to_a_number_of_jobs(
    world: SecureWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "AT_ONCE", 3)
    for number in (1, 2, 3):
        world.lists(number, "table", force_run_dependencies=True)
        world.poll()
        for job in world.jobs(number).values():
            end(job)
    world.reporting.push()
    assert [len(body) for body in world.told()] == [4, 2]


def test_both_calls_say_whether_the_backend_is_in_maintenance_or_paused(world: SecureWorld) -> None:
    world.lists(1, "clean")
    world.poll()
    backend = Backend.get()
    backends.start_maintenance(by="system", backend=backend)
    backends.pause(by="system", backend=backend)
    world.poll()
    world.reporting.push()
    for call in world.peer.received[-2:]:
        flags = json.loads(call.headers["flags"])
        assert (flags["mode"]["v"], flags["paused"]["v"]) == ("db-maintenance", "true")
        assert flags["paused"]["ts"] == wire(backend.paused_since)
    assert [f"{call.method} {call.path}" for call in world.peer.received[-2:]] == [LIST, JOBS]


def test_a_request_that_can_be_none_here_is_told_to_have_failed_and_not_tried_again(
    world: SecureWorld,
) -> None:
    world.lists(1, "clean", sha="main")
    world.lists(2, "clean")
    world.poll()
    other = world.lists(3, "clean")
    other["workspace"] = {**other["workspace"], "branch": "another"}
    world.poll()
    world.reporting.push()
    told = {job["job_request_id"][-1]: job for body in world.told() for job in body}
    assert [told[number]["action"] for number in "123"] == ["__error__", "clean", "__error__"]
    assert (
        told["3"]["status_message"] == "This backend cannot take the request. Its operators have been told."
    )
    world.poll()
    assert world.reporting.push() == 0
    with clock.at(clock.now() + 2 * MINUTE):
        world.poll()  # and the public side lists it still
        world.reporting.push()
    assert [job["job_request_id"][-1] for job in world.told()[-1]] == ["1", "3"]
    assert [world.row(number).tries for number in (1, 3)] == [0, 1]
