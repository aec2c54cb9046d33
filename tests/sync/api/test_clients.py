"""What programs that exist today send and expect, as it was seen when they were run against this interface (docs/api.md)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.api_tokens import make_api_token
from jobsite.accounts.models import Backend
from jobsite.core.events import Event
from jobsite.jobs.models import Job, JobRequest
from jobsite.releases.models import Release, ReleaseFile

from .conftest import World
from .test_releases import DATA, ID, announced, create, upload

Reported = Callable[..., dict[str, Any]]
SignIn = Callable[[FlaskClient, str], FlaskClient]


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


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ('output/a "b".csv', 'output/a "b".csv'),
        ("output/a; b, c.csv", "output/a; b, c.csv"),
        ('output/a"; b=c.csv', 'output/a\\"; b=c.csv'),
        ("output/100%'s [1]=x.csv", "output/100%'s [1]=x.csv"),
        ("output/caf\u00e9.csv", "output/caf\u00e9.csv"),
        ("output/UTF-8''x.csv", "output/UTF-8''x.csv"),
    ],
)
def test_the_name_of_a_file_is_read_where_a_program_writes_it_as_it_is(
    world: World, name: str, sent: str
) -> None:
    create(world, announced(name))
    assert upload(world, name=sent).status_code == 201


def test_a_header_that_names_a_file_a_thousand_times_costs_nothing(world: World) -> None:
    create(world, announced())
    for header in ('filename="' * 20_000, 'filename= " ' * 20_000, "filename*=UTF-8''" * 10_000):
        assert upload(world, Content_Disposition=header).status_code == 400


def test_what_is_said_of_a_release_as_a_whole_has_whatever_fields(world: World) -> None:
    body = announced(review={"status": "APPROVED", "comments": {"by": "cat"}})
    create(world, {**body, "review": {"tool": "hatch"}})
    assert Release.get().review == {"tool": "hatch"}
    where = f"releases/release/{ID}/reviews"
    said = lambda review: world.call(
        "POST", where, world.near_token, {**body, "review": review}, OS_User="cat"
    )
    for review in ({}, {"comments": ["fine"]}, {"status": "REJECTED", "comments": {}}, None):
        assert said(review).status_code == 200, review
    assert Release.get().status == "REJECTED" and Release.get().review["status"] == "REJECTED"
    for review in ([], "fine"):
        assert said(review).status_code == 400


def test_the_script_of_a_page_sends_an_empty_header_with_the_cookie(world: World, sign_in: SignIn) -> None:
    create(world, announced())
    upload(world)
    sign_in(world.client, "ben")
    for path in ("releases/workspace/asthma", f"releases/release/{ID}"):
        index = world.call("GET", path, "")
        assert index.json["files"][0]["size"] == len(DATA)
        url = index.json["files"][0]["url"]
        assert world.client.get(url, headers={"Authorization": " "}, buffered=True).data == DATA
    assert world.call("GET", "newest-jobs/", "").status_code == 403  # a login does not do there
    assert world.client.application.test_client().get(
        "/api/v2/releases/workspace/asthma", headers={"Authorization": ""}
    ).json == {"detail": "Invalid user or token"}


def test_a_site_of_reports_asks_by_head_and_reads_the_day_of_what_is_public_and_what_is_not(
    world: World, sign_in: SignIn, csrf: Callable[..., str]
) -> None:
    create(world, announced("output/report.html"))
    upload(world, name="output/report.html")
    file = ReleaseFile.get()
    day = Release.get().created_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    for who, path, body in (
        ("ada", "snapshots", {"file_ids": [file.id]}),
        ("pat", "snapshots/1/publish", None),
    ):
        person = sign_in(world.client.application.test_client(), who)
        named = {"X-CSRFToken": csrf(person, "/settings/"), "Content-Type": "application/json"}
        where = f"/api/v2/workspaces/asthma/{path}"
        answer = person.post(where, data=json.dumps(body) if body else b"", headers=named)
        assert answer.status_code in (200, 201)
    site = world.client.application.test_client()
    right = "ben:" + make_api_token(by="system", user=world.cast.ben, name="Reports")
    public, inside = f"/asthma/published/{file.id}/", f"/api/v2/releases/file/{file.id}"
    for path, token, code in (
        (public, right, 200), (public, "ben:wrong", 200), (public, "", 200), (inside, right, 200),
        (inside, "ben:wrong", 403), ("/api/v2/workspaces/asthma/snapshots/1", "ben:wrong", 200),
    ):  # fmt: skip
        named = {"User-Agent": "reports", "Authorization": token}
        head, got = (site.open(path, method=one, headers=named, buffered=True) for one in ("HEAD", "GET"))
        assert (head.status_code, got.status_code, head.data) == (code, code, b""), (path, token)
        if code == 200 and "snapshots" not in path:
            assert got.headers["Last-Modified"] == day and head.headers["Last-Modified"] == day
            assert got.data == DATA and got.headers["Content-Type"] == "text/html; charset=utf-8"
            again = site.get(path, headers={**named, "If-None-Match": got.headers["ETag"]}, buffered=True)
            assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("files", [{}, {"files": None}, {"files": []}, {"files": ["output/a.csv"]}])
def test_a_release_by_another_way_is_noted_with_or_without_its_files(
    world: World, files: dict[str, Any]
) -> None:
    body = {"created_by": "cat", "path": "/srv/asthma", **files}
    assert world.call("POST", "release-notifications/", world.near_token, body).status_code == 201
    noted = Event.get(Event.type == "release:elsewhere")
    assert json.loads(noted.data)["files"] == len(files.get("files") or [])
