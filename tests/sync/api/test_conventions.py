"""What holds at every endpoint: who is let in, what is refused and how, always in JSON, and a document that says so (9.1)."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jobsite.accounts.actions import deactivate
from jobsite.accounts.backends import rotate_token
from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.jobs.models import JobRequest
from jobsite.sync.api.endpoints import Endpoint
from jobsite.sync.api.mounting import ENDPOINTS

from .conftest import World
from .test_releases import ID, announced, create, upload

BY_BACKEND = [
    one for one in ENDPOINTS if one.caller.security and all("backend" in way for way in one.caller.security)
]
NAMED = {"name": "asthma", "username": "ada", "release_id": ID, "file_id": "F" * 26, "number": "1"}


def path_of(one: Endpoint) -> str:
    found = one.path
    for name, value in NAMED.items():
        for kind in ("", "int:", "int(max=9007199254740992):"):
            found = found.replace(f"<{kind}{name}>", value)
    return found


def refused(answer: Any) -> tuple[int, Any]:
    return answer.status_code, answer.json


@pytest.mark.parametrize("one", BY_BACKEND, ids=lambda one: one.name)
def test_a_token_that_is_missing_empty_wrong_old_or_cut_is_refused_with_its_sentence(
    world: World, one: Endpoint
) -> None:
    create(world, announced())
    call = lambda token: refused(world.call(one.method, path_of(one), token, {}))
    assert call(None) == (403, {"detail": "Authorization header is missing"})
    assert call("") == call("  ") == (403, {"detail": "Authorization header is empty"})
    old = world.near_token
    rotate_token(by="system", backend=world.near)
    for token in (
        "x",
        old,
        world.far_token[:-1],
        f"{world.far_token}0",
        f"Bearer {world.far_token}",
        "\u00e9" * 40,
    ):
        assert call(token) == (403, {"detail": "Invalid token"}), token


def test_a_token_before_the_last_works_as_long_as_was_said_and_an_inactive_backend_not_at_all(
    world: World,
) -> None:
    new = rotate_token(by="system", backend=world.near, overlap=timedelta(hours=1))
    call = lambda token: world.call("GET", "backend/", token).status_code
    assert call(world.near_token) == call(new) == 200
    with clock.at(clock.now() + timedelta(hours=1)):
        assert (call(world.near_token), call(new)) == (403, 200)
    Backend.update(is_active=False).execute()
    assert call(new) == 403


def test_whoever_guesses_tokens_is_held_back_and_noted_and_right_ones_work_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        codes = [world.call("GET", "backend/", f"{number:040x}").status_code for number in range(61)]
    assert codes[0] == 403 and codes[-1] == 429
    answer = world.call("GET", "backend/", "guessed")
    assert answer.json["detail"].startswith("Too many attempts") and int(answer.headers["Retry-After"]) > 0
    assert world.call("GET", "backend/", world.near_token).status_code == 200
    assert "wrong API tokens per address" in caplog.text and "guessed" not in caplog.text


def test_an_inactive_person_has_no_backend_and_no_token(world: World) -> None:
    create(world, announced())
    deactivate(by="system", user=world.cast.cat)
    told = (403, {"detail": "Authentication credentials were not provided."})
    assert refused(create(world, announced())) == refused(upload(world)) == told


def test_a_clock_that_is_an_hour_off_changes_no_answer(world: World) -> None:
    for hours in (-1, 1):
        with clock.at(clock.now() + timedelta(hours=hours)):
            assert world.call("GET", "backend/", world.near_token).status_code == 200
            assert create(world, announced()).status_code == 201


ELSEWHERE = (
    "nothing/",
    "jobs/nothing",
    "releases",
    "releases/release/x/y/z",
    "workspaces/asthma/snapshots/x",
)


def test_every_error_below_api_is_json_and_says_what_is_wrong(world: World) -> None:
    for path in ELSEWHERE:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            assert refused(world.call(method, path, world.near_token)) == (404, {"detail": "Not found."}), (
                method,
                path,
            )
    assert world.client.get("/api/v1/x").json == world.client.get("/api/x/y").json == {"detail": "Not found."}
    for one in ENDPOINTS:
        there = {other.method for other in ENDPOINTS if path_of(other) == path_of(one)}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - there:
            answer = world.call(method, path_of(one), world.near_token)
            assert refused(answer) == (405, {"detail": f'Method "{method}" not allowed.'}), (method, one.path)
            assert set(answer.headers["Allow"].split(", ")) >= there
    head = world.client.open("/api/v2/jobs/", method="STRANGE")
    assert (head.status_code, head.mimetype) == (405, "application/json")


def test_a_missing_slash_is_led_on_to_and_keeps_the_query(world: World) -> None:
    answer = world.call("GET", "job-requests?limit=1")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/api/v2/job-requests/?limit=1")
    assert world.call("GET", "workspaces/asthma/status/").status_code == 404


NOT_JSON = (b"", b"{", b"\xff", b'{"user":"\\ud800"}', b"[" * 100_000, b"NaN-", b'{"a":' + b"9" * 5000 + b"}")
WITH_BODY = [one for one in BY_BACKEND if one.body is not None]


@pytest.mark.parametrize("one", WITH_BODY, ids=lambda one: one.name)
def test_a_body_that_is_no_json_or_of_another_type_is_refused_in_words(world: World, one: Endpoint) -> None:
    create(world, announced())
    headers = {"OS_User": "cat"}
    for data in NOT_JSON:
        answer = world.call(
            one.method, path_of(one), world.near_token, data, **headers, Content_Type="application/json"
        )
        assert answer.status_code == 400 and isinstance(answer.json["detail"], str), data[:20]
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        answer = world.call(one.method, path_of(one), world.near_token, b"{}", **headers, Content_Type=kind)
        told = f'Unsupported media type "{kind.partition(";")[0]}" in request.'
        assert refused(answer) == (415, {"detail": told})
    for value in (
        None,
        5,
        "x",
        True,
        [[]],
        {"x": {}},
        [None],
        {"user": None},
        ["\0"],
        {"files": [None], "metadata": {}, "review": 5},
    ):
        answer = world.call(
            one.method,
            path_of(one),
            world.near_token,
            json.dumps(value).encode(),
            **headers,
            Content_Type="application/json",
        )
        assert answer.status_code == 400 and answer.json, value


def test_what_another_page_makes_a_browser_ask_for_is_refused_in_json(world: World) -> None:
    answer = world.call("GET", "job-requests/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
    assert answer.status_code == 403 and answer.json["detail"]


def test_the_interface_is_not_on_the_secure_side(world: World) -> None:
    assert {
        route.side
        for route in world.client.application.extensions["jobsite.routes"]
        if route.rule.startswith("/api/")
    } == {"public"}


def test_the_document_has_every_endpoint_with_who_calls_and_what_is_answered(world: World) -> None:
    document = world.call("GET", "openapi.json").json
    assert document["openapi"] == "3.1.0" and document["servers"] == [{"url": "http://localhost"}]
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert (
        len(operations) == len(ENDPOINTS) and ("POST", "/api/v2/releases/release/{release_id}") in operations
    )
    upload = document["paths"]["/api/v2/releases/release/{release_id}"]["post"]
    assert upload["security"] == [{"backend": [], "person": []}]
    assert set(upload["responses"]["201"]["headers"]) == {"File-Id", "Location"}
    reports = document["paths"]["/api/v2/jobs/"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert "job_request_id" in reports["items"]["required"] and "metrics" not in reports["items"]["required"]
    names = [item["operationId"] for path in document["paths"].values() for item in path.values()]
    assert len(names) == len(set(names))


def test_reports_that_come_at_once_are_stored_once(world: World, job: Callable[..., dict[str, Any]]) -> None:
    request = world.request()
    reports = [job(request, f"j{number}", status="running", status_code="executing") for number in range(5)]
    app = world.client.application

    def push() -> Any:
        return (
            app.test_client()
            .post("/api/v2/jobs/", json=reports, headers={"Authorization": world.near_token})
            .json
        )

    with ThreadPoolExecutor(4) as together:
        answers = [one.result() for one in [together.submit(push) for _ in range(4)]]
    assert answers == [{"status": "success"}] * 4
    assert JobRequest.get().jobs_total == 5
    assert Event.select().where(Event.type == "job:executing").count() == 5
