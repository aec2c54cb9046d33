"""What runners fetch and report: requests of their own, jobs as they stand, each status that follows (9.2, 12.2)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.events import Event, verify
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.rules import reported_state, reported_status
from jobsite.notifications.models import Notice
from jobsite.notifications.reading import read_news
from jobsite.notifications.wording import worded

from .conftest import SHA, World

Reported = Callable[..., dict[str, Any]]
DONE = {"status": "succeeded", "status_code": "succeeded", "started_at": "2026-01-01T00:00:30Z"}
RUNS = {"status": "running", "status_code": "executing", "started_at": "2026-01-01T00:00:30Z"}


def test_a_request_goes_over_the_wire_as_clients_know_it(world: World) -> None:
    moment = datetime(2026, 11, 22, 22, 32, 48, 933338)
    request = world.request(created_at=moment, cancelled_actions=["b"])
    with clock.at(moment + timedelta(days=1)):
        page = world.call("GET", "job-requests/").json
    workspace = world.made.workspace
    assert page == {
        "count": 1, "next": None, "previous": None,
        "results": [{
            "backend": "near", "sha": SHA, "identifier": request.identifier, "force_run_dependencies": False,
            "requested_actions": ["a", "b"], "cancelled_actions": ["b"], "created_by": "ada",
            "created_at": "2026-11-22T22:32:48.933338Z", "database_name": "default",
            "project": workspace.project.slug, "orgs": ["university-of-northfield"], "codelists_ok": True,
            "workspace": {
                "name": "asthma", "repo": "https://github.com/northfield/asthma", "branch": "main",
                "created_by": "ada", "created_at": clock.wire(workspace.created_at),
            },
        }],
    }  # fmt: skip


def test_a_backend_is_given_all_its_active_requests_and_nobody_elses(world: World, job: Reported) -> None:
    others = world.request(world.far)
    ended = world.request(status="succeeded")
    old = world.request(created_at=clock.now() - timedelta(days=366))
    old_but_busy = world.request(created_at=clock.now() - timedelta(days=366))
    assert world.call("POST", "jobs/", world.near_token, [job(old_but_busy, "busy")]).json == {
        "status": "success"
    }
    mine = [world.request() for _ in range(101)]
    page = world.call("GET", "job-requests/?backend=far", world.near_token).json
    names = [one["identifier"] for one in page["results"]]
    assert names == [*(one.identifier for one in reversed(mine)), old_but_busy.identifier]
    assert page["count"] == 102 and page["next"] is None
    assert not {others.identifier, ended.identifier, old.identifier} & set(names)
    assert world.call("GET", "job-requests/").json["count"] == 103


def test_pages_of_requests_lead_to_one_another(world: World) -> None:
    for _ in range(5):
        world.request()
    page = world.call("GET", "job-requests/?limit=2&offset=2").json
    assert len(page["results"]) == 2 and page["count"] == 5
    assert page["next"] == "http://localhost/api/v2/job-requests/?limit=2&offset=4"
    assert page["previous"] == "http://localhost/api/v2/job-requests/?limit=2&offset=0"
    for query in ("limit=x", "limit=-1", "limit=0", "offset=-1", "limit=" + "9" * 400):
        assert world.call("GET", f"job-requests/?{query}").json["count"] == 5


def test_a_jobs_whole_life_is_stored_as_it_is_reported(world: World, job: Reported) -> None:
    request = world.request()
    metrics = {"cpu_mean": 80.1, "mem_mb_peak": 1500}
    first = job(
        request,
        "zhgksvaob3u5opzv",
        **RUNS,
        metrics=metrics,
        trace_context={"traceparent": "00"},
        requires_db=True,
    )
    world.call("POST", "jobs/", world.near_token, [first])
    row = Job.get()
    assert (row.state, row.status_code, row.run_command, row.metrics) == (
        "running",
        "executing",
        "r:v2 a.R",
        metrics,
    )
    assert (
        row.started_at == datetime(2026, 1, 1, 0, 0, 30)
        and row.completed_at is None
        and row.is_database_action
    )
    assert row.trace_context == {"traceparent": "00"}
    last = job(
        request, "zhgksvaob3u5opzv", **DONE, completed_at="2026-01-01T01:00:00+01:00", run_command=None
    )
    world.call("POST", "jobs/", world.near_token, [last])
    row, request = Job.get(), JobRequest.get()
    assert (row.state, row.run_command, row.completed_at) == ("succeeded", "", datetime(2026, 1, 1))
    assert (request.status, request.jobs_total, request.jobs_succeeded) == ("succeeded", 1, 1)
    assert (request.started_at, request.completed_at) == (row.started_at, row.completed_at)
    types = [
        one.type for one in Event.select().where(Event.subject == "job:zhgksvaob3u5opzv").order_by(Event.id)
    ]
    assert types == ["job:executing", "job:succeeded"] and verify()[1] is None


def test_a_repeated_report_changes_nothing_and_a_late_one_takes_no_end_back(
    world: World, job: Reported
) -> None:
    request = world.request(will_notify=True)
    ended = [
        job(request, "one", **DONE, completed_at="2026-01-01T00:02:00Z", updated_at="2026-01-01T00:02:00Z")
    ]
    for _ in range(2):
        assert world.call("POST", "jobs/", world.near_token, ended).status_code == 200
    events = Event.select().count()
    world.call("POST", "jobs/", world.near_token, [job(request, "one", **RUNS)])
    assert Job.get().state == "succeeded" and JobRequest.get().status == "succeeded"
    assert Event.select().count() == events
    read_news()
    assert Notice.select().where(Notice.kind == "job-ended").count() == 1


def test_identifiers_of_any_length_are_kept_whole(world: World, job: Reported) -> None:
    request = world.request()
    names = [f"{request.identifier}{number}" for number in range(20)] + ["x" * 100, "é/ ?#"]
    reports = [job(request, name) for name in names]
    for _ in range(2):
        world.call("POST", "jobs/", world.near_token, reports)
    assert [one.identifier for one in Job.select().order_by(Job.id)] == names
    assert Event.select().where(Event.type == "job:created").count() == len(names)
    longer = [job(f"{request.identifier}x", "other", action="stolen")]
    assert world.call("POST", "jobs/", world.near_token, longer).json == {"status": "success"}
    assert Job.select().count() == len(names)
    assert world.client.get(f"/asthma/{request.id}/").status_code == 200


def test_jobs_left_out_are_removed_and_jobs_of_other_requests_are_not(world: World, job: Reported) -> None:
    first, second = world.request(), world.request()
    world.call(
        "POST", "jobs/", world.near_token, [job(first, "one"), job(first, "two"), job(second, "three")]
    )
    world.call("POST", "jobs/", world.near_token, [job(first, "two"), job(first, "three", action="stolen")])
    world.call(
        "POST", "jobs/", world.near_token, [job(first, "two"), job(second, "two"), job(second, "three")]
    )
    assert {(one.identifier, one.job_request_id, one.action) for one in Job.select()} == {
        ("two", first.id, "a"), ("three", second.id, "a"),
    }  # fmt: skip
    assert world.call("POST", "jobs/", world.near_token, []).json == {"status": "success"}
    assert Job.select().count() == 2


def test_a_backend_cannot_report_jobs_of_anothers_request(world: World, job: Reported) -> None:
    request = world.request()
    world.call("POST", "jobs/", world.near_token, [job(request, "one", **RUNS)])
    for reports in ([job(request, "one", **DONE)], [job(request, "two")], [job("nothing4711aaaaa", "three")]):
        assert world.call("POST", "jobs/", world.far_token, reports).json == {"status": "success"}
    assert [(one.identifier, one.state) for one in Job.select()] == [("one", "running")]
    assert JobRequest.get().status == "running"


def test_why_there_are_no_jobs_stands_on_the_request_and_is_no_job(world: World, job: Reported) -> None:
    request = world.request(will_notify=True)
    read_news()
    Notice.delete().execute()
    why = job(
        request,
        "e",
        action="__error__",
        status="failed",
        status_code="job_error",
        status_message="No such branch.",
    )
    world.call("POST", "jobs/", world.near_token, [why])
    request = JobRequest.get()
    assert (request.status, request.status_message, request.jobs_total) == ("failed", "No such branch.", 0)
    assert Job.select().count() == 0 and request.completed_at is not None
    world.call("POST", "jobs/", world.near_token, [why])
    read_news()
    notice = Notice.get()
    assert (
        notice.user == world.cast.ada
        and ("Message", "No such branch.") in worded(notice.kind, notice.facts).table
    )
    assert world.client.get(f"/asthma/{request.id}/").text.count("No such branch.")
    done = world.request()
    nothing = {"status": "succeeded", "status_code": "succeeded", "status_message": "Nothing to do at all"}
    world.call("POST", "jobs/", world.near_token, [job(done, "n", **nothing)])
    done = JobRequest.get_by_id(done.id)
    assert (done.status, done.status_message) == ("succeeded", "Nothing to do at all")


def test_a_cancelled_job_has_an_end_and_an_unknown_word_is_shown_as_unknown(
    world: World, job: Reported, sign_in: Callable[..., Any]
) -> None:
    request = world.request()
    reports = [
        job(request, "one", status="failed", status_code="cancelled_by_user"),
        job(request, "two", action="b", status="strange", status_code="odd"),
    ]
    world.call("POST", "jobs/", world.near_token, reports)
    cancelled, strange = Job.select().order_by(Job.identifier)
    assert (cancelled.state, cancelled.completed_at) == ("cancelled", cancelled.updated_at)
    assert (strange.state, strange.status_code, strange.completed_at) == ("unknown", "odd", None)
    assert JobRequest.get().status == "unknown"
    for page in (f"/asthma/{request.id}/", f"/asthma/{request.id}/two/", "/asthma/logs/", "/event-log/"):
        answer = world.client.get(page)
        assert answer.status_code == 200 and "nknown" in answer.text, page
    for page in ("/", "/status/", "/status/near/", "/asthma/", "/search/?q=b", f"/asthma/{request.id}/one/"):
        assert world.client.get(page).status_code == 200, page
    sign_in(world.client, "ada")
    for page in ("/asthma/", "/asthma/run-jobs/", "/workspaces/", f"/asthma/{request.id}/"):
        assert world.client.get(page).status_code < 500, page
    world.call("POST", "jobs/", world.near_token, reports[:1])
    assert JobRequest.get().only_cancelled


STATUSES = [
    ("pending", [], "pending"),
    ("unknown_error_creating_jobs", [], "unknown_error_creating_jobs"),
    ("pending", ["pending", "pending"], "pending"),
    ("pending", ["running", "running"], "running"),
    ("running", ["succeeded", "succeeded"], "succeeded"),
    ("running", ["failed", "failed"], "failed"),
    ("running", ["", ""], "pending"),
    ("running", ["strange", "strange"], "unknown"),
    ("unknown", ["running", "failed", "succeeded", "strange"], "running"),
    ("pending", ["pending", "succeeded"], "running"),
    ("pending", ["pending", "failed"], "running"),
    ("running", ["failed", "succeeded"], "failed"),
    ("running", ["strange", "succeeded"], "unknown"),
    ("running", ["", "succeeded"], "unknown"),
    ("running", ["strange", "odd"], "unknown"),
    ("unknown_error_creating_jobs", ["running"], "running"),
    *((ended, ["running", "pending"], ended) for ended in ("succeeded", "failed", "nothing_to_do")),
]


@pytest.mark.parametrize(("before", "statuses", "after"), STATUSES)
def test_the_status_of_a_request_follows_from_its_jobs(before: str, statuses: list[str], after: str) -> None:
    assert reported_status(before, statuses) == after


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("pending", "created", "pending"), ("running", "x", "running"), ("succeeded", "", "succeeded"),
        ("failed", "nonzero_exit", "failed"), ("failed", "cancelled_by_user", "cancelled"), ("", "", "pending"),
        ("cancelled", "", "unknown"), ("odd", "", "unknown"),
    ],
)  # fmt: skip
def test_a_reported_word_is_a_state_of_ours_or_unknown(status: str, code: str, state: str) -> None:
    assert reported_state(status, code) == state


def test_what_is_wrong_with_a_report_stands_under_its_index_and_field(world: World, job: Reported) -> None:
    request = world.request()
    left_out = job(request, "one")
    del left_out["status"]
    cases: list[tuple[Any, Any]] = [
        ([left_out], {"0": {"status": ["This field is required."]}}),
        ({}, {"non_field_errors": ['Expected a list of items but got type "dict".']}),
        (["x"], {"0": {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}}),
        (
            [job(request, "x" * 101)],
            {"0": {"identifier": ["Ensure this field has no more than 100 characters."]}},
        ),
        ([job(request, "x"), job(request, 5)], {"1": {"identifier": ["Not a valid string."]}}),
    ]
    for body, told in cases:
        answer = world.call("POST", "jobs/", world.near_token, body)
        assert (answer.status_code, answer.json) == (400, told)
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"x": deep}
    for wrong in (deep, {"x": "y" * 30_000}, {"x": float("nan")}, {"x": float("inf")}, [], "x", 5):
        answer = world.call("POST", "jobs/", world.near_token, [job(request, "x", metrics=wrong)])
        assert answer.status_code == 400 and answer.json["0"]["metrics"], str(wrong)[:50]
    for wrong in ("yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", 5, None, "2026-01-01"):
        answer = world.call("POST", "jobs/", world.near_token, [job(request, "x", created_at=wrong)])
        assert answer.status_code == 400 and "created_at" in answer.json["0"], wrong
    assert Job.select().count() == 0


def test_the_number_of_queries_does_not_grow_with_jobs_or_requests(
    world: World, job: Reported, queries: Callable[[], Any]
) -> None:
    counts = []
    for number in (1, 15):
        requests = [world.request() for _ in range(number)]
        reports = [job(one, f"{one.identifier}{n}") for one in requests for n in range(number)]
        with queries() as seen:
            world.call("POST", "jobs/", world.near_token, reports)
        with queries() as fetched:
            world.call("GET", "job-requests/", world.near_token)
        counts.append((len(seen), len(fetched)))
    assert counts[0] == counts[1], counts
    assert max(counts[0]) <= 14


def test_flags_say_how_a_runner_stands_and_every_call_that_it_is_there(world: World) -> None:
    moment = datetime(2026, 11, 20, 12)
    flags = '{"mode":{"v":"db-maintenance","ts":"2026-11-20T10:00:00Z"},"paused":{"v":"true","ts":"2026-11-20T13:00:00+00:00"}}'
    with clock.at(moment):
        world.call("GET", "job-requests/", world.near_token, Flags=flags)
    near = Backend.get_by_id(world.near.id)
    assert near.is_in_maintenance_mode and near.maintenance_since == datetime(2026, 11, 20, 10)
    assert near.is_paused and near.paused_since == near.last_seen_at == moment  # that clock is an hour fast
    assert not Backend.get_by_id(world.far.id).is_paused
    with clock.at(moment + timedelta(minutes=1)):
        for unreadable in ("{", "[]", '"x"', "9" * 9000):
            world.call("GET", "job-requests/", world.near_token, Flags=unreadable)
        world.call("POST", "jobs/", world.near_token, [])
    near = Backend.get_by_id(world.near.id)
    assert near.is_paused and near.last_seen_at == moment + timedelta(minutes=1)
    seen = '{"last-seen-at":{"v":"2026-11-20T11:00:00Z","ts":"2026-11-20T11:00:00Z"},"mode":5}'
    world.call("POST", "jobs/", world.near_token, [], Flags=seen)
    near = Backend.get_by_id(world.near.id)
    assert not near.is_paused and not near.is_in_maintenance_mode
    assert near.last_seen_at == datetime(2026, 11, 20, 11)
    types = [one.type for one in Event.select().where(Event.subject == "backend:near").order_by(Event.id)]
    assert types[-4:] == [
        "backend:maintenance-started", "backend:paused", "backend:maintenance-ended", "backend:resumed",
    ]  # fmt: skip


def test_roles_and_permissions_of_a_person_are_listed_by_name(world: World) -> None:
    slug = world.made.workspace.project.slug
    ada = world.call("GET", "users/ADA/", world.near_token).json
    assert ada["roles"] == {"global": [], "projects": [{"slug": slug, "roles": ["ProjectDeveloper"]}]}
    held = ada["permissions"]["projects"][0]["permissions"]
    assert held == sorted(held) and "job_run" in held
    cat = world.call("GET", "users/cat/", world.near_token).json
    assert cat["roles"] == {"global": ["OutputChecker"], "projects": []}
    nobody = world.call("GET", "users/nobody/", world.near_token)
    assert (nobody.status_code, nobody.json) == (404, {"detail": "Not found."})


def test_statuses_are_those_of_the_latest_job_of_each_action(world: World, job: Reported) -> None:
    near, far = world.request(), world.request(world.far)
    world.call("POST", "jobs/", world.near_token, [
        job(near, "old", **DONE), job(near, "new", status="failed", status_code="cancelled_by_user", created_at="2026-01-02T00:00:00Z"),
    ])  # fmt: skip
    world.call("POST", "jobs/", world.far_token, [job(far, "far", action="b", **RUNS)])
    assert world.call("GET", "workspaces/asthma/statuses/").json == {"a": "failed", "b": "running"}
    assert world.call("GET", "workspaces/asthma/statuses/?backend=near").json == {"a": "failed"}
    assert world.call("GET", "workspaces/asthma/statuses/?backend=none").json == {}
    unknown = world.call("GET", "workspaces/nothing/statuses/")
    assert (unknown.status_code, unknown.data) == (404, b"")
    assert world.call("GET", "workspaces/asthma/status").json == {"uses_new_release_flow": True}
    unknown = world.call("GET", "workspaces/nothing/status")
    assert (unknown.status_code, unknown.json) == (404, {"detail": "No Workspace matches the given query."})
