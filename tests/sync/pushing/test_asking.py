"""How jobs and backends stand at the controller, how cancellations get there, and what a hostile one cannot do."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.clock import now, wire
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel
from jobsite.jobs.models import Job, JobRequest
from jobsite.sync.client import Unreachable
from jobsite.sync.pushing import asking
from jobsite.sync.pushing.client import MOST_BYTES
from jobsite.sync.pushing.contact import contact
from jobsite.sync.pushing.models import SentRequest

from ..peer import Received, Reply
from .conftest import AT, BACKENDS, CANCEL, OFF, STATUS, PublicWorld, job_of

MARK = "QUITESECRET"


def test_jobs_move_as_the_controller_tells_and_none_is_taken_away(world: PublicWorld) -> None:
    request = world.asks("clean", "table")
    world.at_once()
    started = {"started_at": AT, "status": "running", "status_code": "executing"}
    world.jobs[request.identifier] = [
        job_of(
            request, "clean", **started, metrics={"cpu_mean": 80.5}, trace_context={"traceparent": "00-ab"}
        )
    ]
    world.round()
    assert (world.now(request).status, world.states(request)) == (
        "running",
        {"clean": "running", "table": "pending"},
    )
    clean = Job.get(Job.action == "clean")
    assert (clean.metrics, clean.trace_context) == ({"cpu_mean": 80.5}, {"traceparent": "00-ab"})
    ended = {"started_at": AT, "completed_at": AT, "status": "succeeded", "status_code": "succeeded"}
    world.jobs[request.identifier] = [job_of(request, "clean", **ended), job_of(request, "table", **ended)]
    world.round()
    now = world.now(request)
    assert (now.status, now.jobs_total, now.jobs_succeeded, wire(now.completed_at)) == ("succeeded", 2, 2, AT)
    asked = len(world.sent(STATUS))
    world.round()
    assert len(world.sent(STATUS)) == asked, "what is over is not asked about"
    told = [event.type for event in Event.select() if event.subject.startswith("job:")]
    assert sorted(told) == ["job:created", "job:created", "job:executing", "job:succeeded", "job:succeeded"]


def test_the_same_answer_again_changes_nothing(world: PublicWorld) -> None:
    world.asks("clean")
    world.at_once()
    before, events = list(Job.select().tuples()), Event.select().count()
    for _ in range(3):
        world.round()
    assert (list(Job.select().tuples()), Event.select().count()) == (before, events)


def test_requests_are_asked_about_in_batches_and_each_within_the_interval(
    world: PublicWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "AT_ONCE", 2)
    requests = [world.asks("clean") for _ in range(5)]
    world.at_once()
    assert [len(one["rap_ids"]) for one in world.sent(STATUS)] == [2, 2, 1]
    world.at_once()
    assert len(world.sent(STATUS)) == 3
    with clock.at(now() + timedelta(seconds=61)):
        world.at_once()
    assert {name for one in world.sent(STATUS)[3:] for name in one["rap_ids"]} == {
        one.identifier for one in requests
    }


def test_one_request_that_the_controller_will_not_tell_of_keeps_back_no_other(world: PublicWorld) -> None:
    requests = [world.asks("clean") for _ in range(4)]
    tell, bad = world.peer.answers[STATUS], requests[1].identifier

    def refuses(received: Received) -> Reply:
        if bad in received.json["rap_ids"]:
            return 400, {"error": "Validation error", "details": "Invalid request body received"}
        return tell(received)

    world.peer.answers[STATUS] = refuses
    world.at_once()
    assert "does not tell how it stands" in world.row(requests[1]).problem
    assert [bool(world.states(one)) for one in requests] == [True, False, True, True]


def test_a_request_that_the_controller_has_lost_is_left_alone_and_said_to_staff(world: PublicWorld) -> None:
    request = world.asks("clean")
    world.at_once()
    world.jobs.clear()
    world.round()
    assert (world.now(request).status, world.states(request)) == ("pending", {"clean": "pending"})
    assert "does not know it" in world.row(request).problem
    world.peer.answers[CANCEL] = (404, {"error": "jobs not found", "details": "No jobs of it"})
    cancel(by=world.ada, request=request, may_cancel=True)
    world.round()
    assert world.states(request) == {"clean": "cancelled"}, "nobody else could end it"
    assert (world.now(request).only_cancelled, len(world.sent(CANCEL))) == (True, 1)


def test_backends_stand_as_the_controller_tells_each_on_its_own(world: PublicWorld) -> None:
    other = add_backend(by="system", slug="other", name="Other")  # its requests are fetched
    later = wire(now() + timedelta(hours=2))
    on = {"status": "on", "since": AT}
    backends: list[Any] = [
        {"slug": "unknown", "last_seen": AT, "paused": on, "db_maintenance": {**on, "type": "manual"}},
        {"slug": "other", "last_seen": AT, "paused": on, "db_maintenance": {**on, "type": "manual"}},
        {"slug": "tpp", "last_seen": 5, "paused": "x"}, "nonsense", None,
        {"slug": "tpp", "last_seen": AT, "paused": on, "db_maintenance": {**on, "type": "manual"}},
    ]  # fmt: skip
    world.peer.answers[BACKENDS] = (200, {"backends": backends})
    world.asks()
    world.at_once()
    tpp, untouched = Backend.get(slug="tpp"), Backend.get_by_id(other.id)
    assert (tpp.is_paused, tpp.is_in_maintenance_mode, tpp.is_maintenance_manual) == (True, True, True)
    assert [wire(one) for one in (tpp.last_seen_at, tpp.paused_since, tpp.maintenance_since)] == [AT] * 3
    assert (untouched.is_paused, untouched.last_seen_at) == (False, None)
    off = {"slug": "tpp", "last_seen": None, "paused": OFF, "db_maintenance": {**OFF, "type": None}}
    world.peer.answers[BACKENDS] = (200, {"backends": [off]})
    world.at_once()
    tpp = Backend.get(slug="tpp")
    assert (tpp.is_paused, tpp.is_in_maintenance_mode, tpp.is_maintenance_manual) == (False, False, False)
    assert wire(tpp.last_seen_at) == AT, "never heard of is no contact"
    world.peer.answers[BACKENDS] = (200, {"backends": [{**off, "last_seen": later}]})
    world.at_once()
    assert Backend.get(slug="tpp").last_seen_at <= now()
    told = [event.type for event in Event.select() if event.subject == "backend:tpp" and event.by == "system"]
    kinds = ("paused", "maintenance-started", "manual-maintenance-on")
    kinds += ("resumed", "maintenance-ended", "manual-maintenance-off")
    assert sorted(one for one in told if one.removeprefix("backend:") in kinds) == sorted(
        f"backend:{one}" for one in kinds
    )


def cancelling(world: PublicWorld, *actions: str) -> JobRequest:
    """A request that the controller has, of which the person cancels everything."""
    request = world.asks(*actions)
    world.at_once()
    cancel(by=world.ada, request=request, may_cancel=True)
    return request


def test_a_cancellation_is_told_once_and_shows_when_the_controller_says_so(world: PublicWorld) -> None:
    request = cancelling(world, "clean", "table")
    ended = {"status": "failed", "status_code": "cancelled_by_user"}
    world.jobs[request.identifier] = [job_of(request, one, **ended) for one in ("clean", "table")]
    world.at_once()
    world.at_once()
    assert world.sent(CANCEL) == [{"rap_id": request.identifier, "actions": ["clean", "table"]}]
    assert (world.now(request).status, world.now(request).only_cancelled) == ("failed", True)


def test_actions_that_the_controller_has_not_are_left_out_and_the_others_cancelled(
    world: PublicWorld,
) -> None:
    def some(received: Received) -> Reply:
        missing = sorted({"table"} & set(received.json["actions"]))
        if missing:
            return 404, {
                "error": "jobs not found",
                "details": "None such",
                "rap_id": "x",
                "not_found": missing,
            }
        return 200, {"result": "Success", "details": "1 action cancelled", "count": 1}

    world.peer.answers[CANCEL] = some
    request = cancelling(world, "clean", "table")
    world.at_once()
    assert [one["actions"] for one in world.sent(CANCEL)] == [["clean", "table"], ["clean"]]
    assert world.row(request).cancelled == ["clean", "table"]


REFUSALS: list[tuple[int, Any, str]] = [
    (
        404,
        {"error": "jobs not found", "details": "No jobs of it"},
        "It could not be cancelled: No jobs of it",
    ),
    (
        404,
        {"error": "jobs not found", "details": "No", "not_found": ["else"]},
        "It could not be cancelled: No",
    ),
    (400, {"error": "Validation error"}, "It could not be cancelled: Validation error"),
    (403, {}, "It could not be cancelled: The controller refused it without saying why (status 403)"),
]


def test_a_cancellation_that_is_refused_says_why_and_is_not_asked_for_again(world: PublicWorld) -> None:
    for status, data, message in REFUSALS:
        world.peer.answers[CANCEL] = (status, data)
        request = cancelling(world, "clean")
        calls = len(world.sent(CANCEL))
        world.at_once()
        world.at_once()
        assert world.now(request).status_message == message, (status, data)
        assert len(world.sent(CANCEL)) == calls + 1
    assert Event.select().where(Event.type == "request:cancel-refused").count() == len(REFUSALS)


@pytest.mark.parametrize("answer", [(500, {"error": "x"}), (200, b"<html>"), (404, b"<html>"), (503, None)])
def test_a_cancellation_without_an_answer_is_told_again(world: PublicWorld, answer: Reply) -> None:
    sound = world.peer.answers[CANCEL]
    request = cancelling(world, "clean")
    world.peer.answers[CANCEL] = answer
    with pytest.raises(Unreachable):
        world.at_once()
    world.peer.answers[CANCEL] = sound
    world.at_once()
    assert world.row(request).cancelled == ["clean"] and world.now(request).status_message == ""


def test_a_hostile_answer_reaches_no_request_but_those_asked_for_and_brings_no_text_of_a_log(
    world: PublicWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mine, over = world.asks("clean"), world.asks("over", status="succeeded", completed_at=now())
    elsewhere = world.asks("far", backend=add_backend(by="system", slug="far", name="Far"), status="pending")
    world.at_once()
    log = f"line 1\n{MARK} on a line of the log\n" * 50
    good = job_of(mine, "clean", status_message=log, log=log, outputs=[f"{MARK}.csv"])
    good |= {
        "metrics": {"cpu": 1, "log": log, "x" * 99: 2, "nan": float("nan")},
        "trace_context": {"log": log, "traceparent": "00"},
    }
    hostile: list[Any] = [
        good, None, 5, [], {}, "x", job_of(over, "over"), job_of(elsewhere, "far"), job_of(elsewhere, "far", backend="far"),
        job_of(mine, "other", backend="far"), job_of("b" * 16, "clean"), job_of(mine, "n\0l"), job_of(mine, "x" * 300),
        job_of(mine, "late", created_at="yesterday"), job_of(mine, "early", created_at=5), job_of(mine, "", identifier="i"),
        job_of(mine, "deep", identifier="i" * 101), job_of(mine, "none", status=None),
    ]  # fmt: skip
    identifiers = [mine.identifier, elsewhere.identifier, "c" * 16]
    world.peer.answers[STATUS] = (200, {"jobs": hostile, "unrecognised_rap_ids": [*identifiers, 5, None]})
    world.round()
    assert world.states(mine) == {"clean": "pending"} and world.now(mine).status == "pending"
    assert not world.states(over) and not world.states(elsewhere)
    (job,) = Job.select()
    assert (job.status_message, job.metrics, job.trace_context) == (
        "Created",
        {"cpu": 1},
        {"traceparent": "00"},
    )
    kept = str([list(one.select().tuples()) for one in (Job, JobRequest, SentRequest, Event)])
    assert MARK not in kept and MARK not in caplog.text


GARBAGE: list[Reply] = [
    (200, b"<html>Welcome</html>"), (200, b"["), (200, []), (200, {}), (200, {"jobs": {}}), (200, {"jobs": None}), (200, None),
    (404, {"detail": "Not found."}), (500, b"<html>"), (200, b'{"jobs": [], "x": "' + b"x" * MOST_BYTES + b'"}'),
    (200, {"jobs": [None] * 20_001, "unrecognised_rap_ids": []}), (302, None, {"Location": "http://127.0.0.1:1/"}),
]  # fmt: skip


def test_an_answer_that_is_none_changes_nothing_and_is_known_as_a_failure(world: PublicWorld) -> None:
    request = world.asks("clean")
    world.at_once()
    before = list(Job.select().tuples())
    for answer in GARBAGE:
        for path in (STATUS, BACKENDS):
            kept = world.peer.answers[path]
            world.peer.answers[path] = answer
            with pytest.raises(Unreachable):
                world.round()
            world.peer.answers[path] = kept
    assert list(Job.select().tuples()) == before
    assert (world.now(request).status, world.now(request).status_message) == ("pending", "")
    world.round()
    assert json.dumps(world.states(request)) == '{"clean": "pending"}'


def test_since_when_something_else_answers_there_is_kept_and_said_once(
    world: PublicWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world.asks("clean")
    world.peer.answers[BACKENDS] = (404, {"detail": "Not found."})
    began = []
    for minutes in (0, 5):
        with clock.at(clock.now() + timedelta(minutes=minutes)), pytest.raises(Unreachable):
            world.round()
        began.append(contact().failing_since)
    assert began[0] is not None and began[0] == began[1]
    assert caplog.text.count("Something that is not a controller") == 1
