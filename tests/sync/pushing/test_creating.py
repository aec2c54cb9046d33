"""What is sent to the controller, and what each of its answers makes of a job request (specification 10.1)."""

import json
from datetime import timedelta
from typing import Any

import pytest

from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel
from jobsite.jobs.models import Job, JobRequest
from jobsite.notifications.models import Notice
from jobsite.notifications.reading import read_news
from jobsite.projects import data_permissions
from jobsite.sync.client import Unreachable
from jobsite.sync.pushing import creating
from jobsite.sync.pushing.client import Controller
from jobsite.sync.pushing.contact import contact
from jobsite.sync.pushing.following import Pushing
from jobsite.sync.pushing.models import SentRequest
from jobsite.sync.pushing.rules import LONGEST_DETAILS

from ..peer import TOKEN, Received, Reply
from .conftest import AT, BACKENDS, CANCEL, CREATE, ROOT, SHA, STATUS, PublicWorld, job_of

UNCERTAIN = "unknown_error_creating_jobs"
LATER = timedelta(minutes=6)


def events(request: JobRequest) -> list[str]:
    rows = Event.select().where(Event.subject == f"request:{request.id}").order_by(Event.id)
    return [event.type for event in rows]


def attempt(world: PublicWorld) -> None:
    """A round, whether or not the controller can be asked."""
    try:
        world.at_once()
    except Unreachable:
        pass


def test_a_request_is_sent_whole_once_and_its_jobs_show_at_once(world: PublicWorld) -> None:
    data_permissions.add(by="system", project=world.workspace.project, kind="dataset", value="icnarc")
    data_permissions.add(by="system", project=world.workspace.project, kind="component", value="sqlrunner")
    request = world.asks("clean", "table", force_run_dependencies=True)
    world.at_once()
    world.at_once()
    (sent,) = world.sent(CREATE)
    assert sent == {
        "rap_id": request.identifier, "backend": "tpp", "workspace": "asthma", "repo_url": world.workspace.repo.url,
        "branch": "main", "commit": SHA, "database_name": "default", "requested_actions": ["clean", "table"],
        "codelists_ok": True, "force_run_dependencies": True, "created_by": "ada", "project": "asthma-and-air-quality",
        "orgs": ["university-of-northfield"], "analysis_scope": {"dataset_permissions": ["icnarc"]},
    }  # fmt: skip
    assert (world.now(request).status, world.states(request)) == (
        "pending",
        {"clean": "pending", "table": "pending"},
    )
    assert events(request) == ["request:sent"]
    assert {one.headers["authorization"] for one in world.peer.received} == {TOKEN}


def test_a_project_without_data_permissions_sends_no_scope(world: PublicWorld) -> None:
    world.asks()
    world.at_once()
    assert "analysis_scope" not in world.sent(CREATE)[0]


def told(result: str, count: Any, **more: Any) -> dict[str, Any]:
    return {"result": result, "details": "In words", "count": count, **more}


SETTLED: list[tuple[int, Any, str, str]] = [
    (201, told("Success", 2), "pending", ""),
    (200, told("No change", 2), "pending", ""),
    (200, told("Nothing to do", 0), "nothing_to_do", "In words"),
    (200, told("No change", 0), "nothing_to_do", "In words"),
    (
        400,
        {"error": "Error creating jobs", "details": "No such <b>commit</b>"},
        "failed",
        "No such <b>commit</b>",
    ),
    (400, {"error": "Inconsistent request data", "details": ""}, "failed", "Inconsistent request data"),
    (400, {"detail": "other"}, "failed", "The controller refused it without saying why (status 400)"),
    (400, ["x"], "failed", "The controller refused it without saying why (status 400)"),
    (403, {"error": "Forbidden", "details": "Not\nyours\x00"}, "failed", "Not yours"),
    (404, {"error": "Not found"}, "failed", "Not found"),
    (500, {"error": "Oh", "details": "It broke"}, "failed", "It broke"),
    (
        400,
        {"error": "Oh", "details": "long " * 10_000},
        "failed",
        ("long " * 10_000)[: LONGEST_DETAILS - 1] + "…",
    ),
]
UNCLEAR: list[tuple[int, Any]] = [
    (500, b"<html>Internal Server Error</html>"), (200, b"<html>Welcome</html>"), (200, None), (200, b"\xff"),
    (201, b"[" * 100_000), (201, {"result": "Success"}), (201, told("Success", "2")), (201, told("Success", -1)),
    (201, told("Success", True)), (201, told("Success", 2, rap_id="b" * 16)), (201, [1]), (200, b'"\\ud800"'),
    (404, b"Not Found"), (204, None),
]  # fmt: skip


def test_each_answer_settles_the_request_in_words_as_the_table_says(world: PublicWorld) -> None:
    for status, data, becomes, message in SETTLED:
        world.peer.answers[CREATE] = (status, data)
        request = world.asks()
        attempt(world)
        now = world.now(request)
        assert (now.status, now.status_message) == (becomes, message), (status, data)
        assert (now.completed_at is None) == (becomes == "pending"), (status, data)
        assert world.row(request).answered_at and not world.row(request).not_before
        calls = len(world.sent(CREATE))
        attempt(world)
        assert len(world.sent(CREATE)) == calls, "it is settled for good"
    assert not Job.select().exists()
    assert {event.type for event in Event.select()} >= {
        "request:sent",
        "request:nothing-to-do",
        "request:no-jobs",
    }


def test_an_answer_that_says_nothing_is_uncertain_until_the_next_question_settles_it(
    world: PublicWorld,
) -> None:
    for number, (status, data) in enumerate(UNCLEAR):
        world.peer.answers[CREATE] = (status, data)
        request = world.asks()
        attempt(world)
        assert world.now(request).status == UNCERTAIN, (status, data)
        assert "<" not in world.now(request).status_message
        if number % 2:
            world.jobs[request.identifier] = []
        attempt(world)
        assert world.now(request).status == UNCERTAIN, "not before the interval is over"
        world.round()
        expected = (UNCERTAIN, "") if number % 2 else ("failed", "Unknown error creating jobs")
        assert (world.now(request).status, expected[1] in world.now(request).status_message) == (
            expected[0],
            True,
        )
        JobRequest.delete().execute()
    assert {len(world.sent(CREATE))} == {len(UNCLEAR)}


def test_a_request_that_was_uncertain_goes_on_when_the_controller_turns_out_to_have_it(
    world: PublicWorld,
) -> None:
    def crashes_after(received: Received) -> Reply:
        create(received)
        return 500, b"<html>"

    create = world.peer.answers[CREATE]
    world.peer.answers[CREATE] = crashes_after
    request = world.asks()
    attempt(world)
    assert world.now(request).status == UNCERTAIN and not world.states(request)
    world.round()
    assert (world.now(request).status, world.now(request).status_message) == ("pending", "")
    assert world.states(request) == {"clean": "pending"}
    assert events(request) == ["request:unanswered", "request:sent"]


@pytest.mark.parametrize("fault", ["drop", "half", "redirect"])
def test_a_call_that_breaks_off_is_made_again_and_makes_one_request(world: PublicWorld, fault: str) -> None:
    request = world.asks()
    world.peer.faults = [fault] * 2
    with pytest.raises(Unreachable):
        world.at_once()
    assert world.now(request).status == UNCERTAIN
    assert world.now(request).status_message.startswith("The controller ")
    world.peer.faults = []
    world.at_once()
    assert len(world.jobs) == 0, "not at once again: the wait is not over"
    with clock.at(clock.now() + LATER):
        world.at_once()
    assert world.states(request) == {"clean": "pending"} and world.now(request).status == "pending"


def test_a_call_that_never_gets_an_answer_is_given_up_when_the_controller_does_not_know_of_it(
    world: PublicWorld,
) -> None:
    request = world.asks()
    for number in range(4):
        world.peer.faults = ["half"] * 2
        with clock.at(clock.now() + number * LATER):
            attempt(world)
    assert world.row(request).not_before is None and world.row(request).tries == 3
    world.peer.faults = []
    world.round()
    assert world.now(request).status_message == "Unknown error creating jobs"


def test_days_of_separation_lose_nothing_and_make_nothing_twice(world: PublicWorld) -> None:
    gone = Pushing(Controller("http://127.0.0.1:1/controller/v1", TOKEN))
    first, second = world.asks("clean"), world.asks("table")
    for day in range(8):
        with clock.at(clock.now() + timedelta(days=day)), pytest.raises(Unreachable):
            gone.round()
    assert world.now(first).status == UNCERTAIN
    assert world.now(first).status_message == "The controller could not be reached."
    assert contact().failing_since and contact().problem == "The controller could not be reached."
    world.at_once()
    assert [one["rap_id"] for one in world.sent(CREATE)] == [first.identifier, second.identifier]
    assert [world.now(one).status for one in (first, second)] == ["pending", "pending"]
    assert contact().failing_since is None
    assert events(first).count("request:unanswered") == 1


@pytest.mark.parametrize(
    ("status", "headers"), [(503, {"Retry-After": "90"}), (429, {}), (502, {}), (504, {})]
)
def test_a_controller_that_cannot_answer_now_is_asked_again(
    world: PublicWorld, status: int, headers: dict[str, str]
) -> None:
    create = world.peer.answers[CREATE]
    world.peer.answers[CREATE] = (status, {"error": "later"}, headers)
    request = world.asks()
    with pytest.raises(Unreachable) as refusal:
        world.at_once()
    assert getattr(refusal.value, "seconds", None) == (90 if headers else 0)
    world.peer.answers[CREATE] = create
    world.at_once()
    assert world.states(request) == {"clean": "pending"}


def test_a_token_that_is_not_accepted_is_told_of_once_and_fails_no_request(world: PublicWorld) -> None:
    refused = (401, {"error": "Unauthorized", "details": "Invalid token"})
    answers = dict(world.peer.answers)
    world.peer.answers = dict.fromkeys(answers, refused)
    requests = [world.asks(), world.asks("table")]
    for _ in range(3):
        with pytest.raises(Unreachable, match="CONTROLLER_TOKEN"):
            world.at_once()
    alerts = list(Event.select().where(Event.type == "backend:alert"))
    assert [event.subject for event in alerts] == ["backend:tpp"] and "does not accept the token" in alerts[
        0
    ].data
    assert TOKEN not in str(list(Event.select().tuples())) + str(list(SentRequest.select().tuples()))
    assert all(world.now(one).is_active for one in requests)
    read_news()
    told = Notice.select().where(Notice.kind == "backend-alert")
    assert [one.user.username for one in told] == ["sam"]
    world.peer.answers = answers
    world.at_once()
    world.at_once()
    assert [world.now(one).status for one in requests] == ["pending", "pending"]
    assert Event.select().where(Event.type == "backend:alert-cleared").count() == 1


def test_what_was_made_before_a_kill_could_be_noted_is_sent_again_and_makes_nothing_twice(
    world: PublicWorld,
) -> None:
    request = world.asks()
    world.at_once()
    lost = {"answered_at": None, "not_before": clock.now(), "unanswered": 1}
    SentRequest.update(lost).execute()  # the note was lost
    JobRequest.update(status="unknown", jobs_total=0).execute()
    Job.delete().execute()
    world.at_once()
    assert len(world.sent(CREATE)) == 2 and world.sent(CREATE)[0] == world.sent(CREATE)[1]
    assert (world.now(request).status, world.states(request)) == ("pending", {"clean": "pending"})


def test_a_request_that_was_brought_here_under_way_goes_on_where_it_runs(world: PublicWorld) -> None:
    request = world.asks("clean", status="running", jobs_total=1)
    started = {"started_at": AT, "status": "running", "status_code": "executing"}
    world.jobs[request.identifier] = [job_of(request, "clean", **started)]
    world.at_once()
    assert (world.now(request).status, world.states(request)) == ("running", {"clean": "running"})
    assert world.row(request).answered_at


def test_a_slow_controller_is_asked_how_others_stand_between_two_requests(
    world: PublicWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "AT_MOST", 0.0)
    request = world.asks("clean", status="running")
    SentRequest.create(job_request=request, answered_at=clock.now())
    waiting = world.asks("table")
    world.at_once()
    assert world.sent(CREATE) == [] and len(world.sent(STATUS)) == 1
    monkeypatch.setattr(creating, "AT_MOST", 60.0)
    world.at_once()
    assert world.states(waiting) == {"table": "pending"}


def test_what_may_have_arrived_is_not_ended_here_when_it_is_cancelled(world: PublicWorld) -> None:
    request = world.asks()
    world.peer.faults = ["half"] * 2
    attempt(world)
    cancel(by=world.ada, request=request, may_cancel=True)
    world.peer.faults = []
    with clock.at(clock.now() + LATER):
        world.at_once()
    assert len(world.jobs) == 1 and world.sent(CANCEL) == [
        {"rap_id": request.identifier, "actions": ["clean"]}
    ]


@pytest.mark.parametrize("status", [502, 504])
def test_what_a_proxy_may_have_handed_on_is_not_ended_here_when_it_is_cancelled(
    world: PublicWorld, status: int
) -> None:
    create = world.peer.answers[CREATE]

    def handed_on(received: Received) -> Reply:
        create(received)
        return status, {"error": "the answer did not come"}

    world.peer.answers[CREATE] = handed_on
    request = world.asks()
    for _ in range(4):  # however often: a proxy that is there does not mean that it is given up
        attempt(world)
    cancel(by=world.ada, request=request, may_cancel=True)
    world.peer.answers[CREATE] = create
    world.at_once()
    assert world.sent(CANCEL) == [{"rap_id": request.identifier, "actions": ["clean"]}]


def test_one_request_that_is_refused_stops_no_other(world: PublicWorld) -> None:
    create = world.peer.answers[CREATE]
    bad, good = world.asks("bad"), world.asks("good")

    def some(received: Received) -> Reply:
        if "bad" in received.json["requested_actions"]:
            return 400, {"error": "Error creating jobs", "details": "There is no action bad"}
        return create(received)

    world.peer.answers[CREATE] = some
    world.at_once()
    assert (world.now(bad).status, world.now(good).status) == ("failed", "pending")


def test_what_was_cancelled_before_it_could_be_sent_ends_here_and_is_never_sent(world: PublicWorld) -> None:
    request = world.asks("clean")
    cancel(by=world.ada, request=request, may_cancel=True)
    world.at_once()
    assert world.sent(CREATE) == []
    now = world.now(request)
    assert (now.status, now.only_cancelled, world.states(request)) == ("failed", True, {"clean": "cancelled"})
    assert now.completed_at


def test_requests_of_backends_that_are_fetched_or_not_active_are_not_sent(world: PublicWorld) -> None:
    type(world.tpp).update(dispatch="poll").execute()
    world.asks()
    world.at_once()
    type(world.tpp).update(dispatch="push", is_active=False).execute()
    world.at_once()
    assert world.peer.received == []


def test_whoever_wants_to_hear_of_the_end_is_told_that_there_was_nothing_to_do(world: PublicWorld) -> None:
    world.peer.answers[CREATE] = (200, told("Nothing to do", 0))
    request = world.asks(will_notify=True)
    world.at_once()
    read_news()
    assert "In words" in json.dumps([list(row) for row in _notices(request)])


def _notices(request: JobRequest) -> Any:
    return Notice.select(Notice.kind, Notice.facts).tuples()


def test_nothing_is_asked_for_more_than_once_in_its_interval(world: PublicWorld) -> None:
    pushing = Pushing(Controller(world.peer.url + ROOT, TOKEN))
    world.asks()
    for _ in range(5):
        pushing.round()
    paths = world.peer.paths()
    assert [paths.count(path) for path in (CREATE, STATUS, BACKENDS)] == [1, 1, 1]
