"""Steps of release requests that are reviewed elsewhere: told once, to the right people, with an issue that is kept (9.6)."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobsite import settings as all_settings
from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.models import Delivery, Notice
from jobsite.notifications.reading import read_news
from jobsite.notifications.told_models import ReviewIssue, ToldReview
from jobsite.notifications.wording import worded
from jobsite.projects.models import Organisation
from jobsite.releases.requests.models import ReleaseRequest

from .conftest import World

REQUEST = "01HZ0000000000000000000000"
LABELS = ("external", "internal", "Pending review", "Under review", "With requester", "kept")


class GitHub:
    """A real web server in the place of GitHub: the issues of one repository, their comments and labels."""

    def __init__(self) -> None:
        self.issues: dict[int, dict[str, Any]] = {}
        self.failing = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer()

            do_POST = do_PATCH = do_PUT = do_GET

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, found = outer.asked(self.command, self.path, json.loads(body or b"{}"))
                data = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def asked(self, method: str, path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if self.failing:
            self.failing -= 1
            return 502, {}
        parts = path.partition("?")[0].removeprefix("/api/v3/repos/org/reviews/").split("/")
        if parts == ["labels"]:
            return 200, [{"name": name} for name in LABELS]
        if parts == ["issues"]:
            return self.listed_or_made(method, sent)
        issue = self.issues.get(int(parts[1]))
        if issue is None:
            return 404, {}
        if parts[2:] == ["comments"]:
            if method == "POST":
                issue["comments"].append(sent["body"])
            return (201, {}) if method == "POST" else (200, [{"body": one} for one in issue["comments"]])
        if parts[2:] == ["labels"]:
            issue["labels"] = sent["labels"] if method == "PUT" else issue["labels"]
            return 200, [{"name": name} for name in issue["labels"]]
        issue["state"] = sent["state"]
        return 200, issue

    def listed_or_made(self, method: str, sent: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            return 200, [{"number": number, "body": one["body"]} for number, one in self.issues.items()]
        number = max(self.issues, default=0) + 1
        self.issues[number] = sent | {"number": number, "comments": [], "state": "open"}
        return 201, self.issues[number]


@pytest.fixture
def github(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """GitHub, and a site that opens issues there."""
    github = GitHub()
    read_news()
    Notice.delete().execute()
    Delivery.delete().execute()
    changed = replace(
        all_settings.current(), github_url=github.url, github_token="hush", review_repo="org/reviews",
        webhook_url="https://hooks.example.org/x", smtp_url="smtp://localhost",
    )  # fmt: skip
    monkeypatch.setattr(all_settings, "_current", changed)
    yield github
    github.server.shutdown()
    github.server.server_close()


def step(name: str, **changes: Any) -> dict[str, Any]:
    """What a program sends of a step."""
    told = {
        "event_type": name,
        "workspace": "asthma",
        "request": REQUEST,
        "request_author": "ada",
        "user": "cat",
    }
    return told | {"updates": None, "org": None, "repo": None} | changes


def tell(world: World, name: str, **changes: Any) -> Any:
    return world.call("POST", "airlock/events/", world.near_token, step(name, **changes))


def delivered(channel: str = "issue") -> list[str]:
    """What is told, and handed to GitHub; the kinds on this channel."""
    read_news()
    deliver_due("issue")
    return [one.kind for one in Delivery.select().where(Delivery.channel == channel).order_by(Delivery.id)]


def test_an_issue_follows_a_request_from_submission_to_release(world: World, github: GitHub) -> None:
    said = tell(world, "REQUEST_SUBMITTED", updates=[{"update": "2 files"}])
    assert (said.status_code, said.json) == (201, {"status": "ok"})
    delivered()
    issue = github.issues[1]
    assert issue["title"] == f"asthma {REQUEST}" and issue["labels"] == ["external", "Pending review"]
    assert (
        "`ada`" in issue["body"]
        and REQUEST in issue["body"]
        and "`https://github.com/northfield/asthma`" in issue["body"]
    )
    issue["labels"].append("kept")
    updates = [{"update_type": "file added", "group": "g1", "user": "@everyone"}, {"update": "x"}]
    tell(world, "request_returned", updates=updates)
    delivered()
    comment = issue["comments"][0].splitlines()
    assert comment[:3] == [
        "- request returned by user cat",
        "- file added (filegroup g1) by user @\u200beveryone",
        "- x",
    ]
    assert issue["labels"] == ["external", "kept", "With requester"] and issue["state"] == "open"
    tell(world, "request_released")
    delivered()
    assert issue["state"] == "closed" and len(github.issues) == 1
    assert ReviewIssue.get().number == 1 and {
        one.state for one in Delivery.select().where(Delivery.channel == "issue")
    } == {"sent"}


def test_who_is_mailed_and_what_goes_to_the_webhook(world: World, github: GitHub) -> None:
    for name in (
        "submitted",
        "resubmitted",
        "partially_reviewed",
        "reviewed",
        "returned",
        "approved",
        "released",
        "rejected",
        "withdrawn",
        "revoked",
    ):
        tell(world, f"request_{name}", updates=[{"update": "A line."}])
    assert delivered("webhook") == [
        "review-resubmitted", "review-reviewed", "review-reviewed", "review-returned", "review-approved", "review-revoked",
    ]  # fmt: skip
    mails = Delivery.select().where(Delivery.channel == "mail").order_by(Delivery.id)
    mailed = [(one.user.username, worded(one.kind, one.facts)) for one in mails]
    assert [(who, words.subject) for who, words in mailed] == [
        ("ada", f"Release request returned: asthma ({REQUEST})"),
        ("ada", "Release request approved for workspace asthma"),
        ("ada", "Files released for workspace asthma"),
        ("ada", f"Release request rejected: asthma ({REQUEST})"),
        ("ada", f"Release request recalled: asthma ({REQUEST})"),
        ("ben", f"Release request recalled: asthma ({REQUEST})"),
    ]
    assert all("A line." in words.lines for _, words in mailed)
    assert mailed[1][1].path == mailed[2][1].path == f"/asthma/releases/{REQUEST}/"


def test_a_step_that_is_told_again_is_told_once(world: World, github: GitHub) -> None:
    for _ in range(2):
        tell(world, "request_submitted", turn=1)
        tell(world, "request_returned", turn=1, updates=[{"update": "x"}])
    tell(world, "request_resubmitted", turn=2)
    tell(world, "request_returned", turn=2, updates=[{"update": "x"}])
    assert [(one.step, one.turn) for one in ToldReview.select().order_by(ToldReview.id)] == [
        ("request_submitted", 1), ("request_returned", 1), ("request_resubmitted", 2), ("request_returned", 2),
    ]  # fmt: skip
    for _ in range(2):
        tell(world, "request_submitted", request="R2")
    tell(world, "request_returned", request="R2")
    tell(world, "request_submitted", request="R2")
    assert ToldReview.select().where(ToldReview.request == "R2").count() == 3
    assert Event.select().where(Event.type == "release-request:told").count() == 7


def test_a_comment_is_made_once_and_a_missing_issue_is_opened_again(world: World, github: GitHub) -> None:
    tell(world, "request_submitted")
    delivered()
    github.issues.clear()
    tell(world, "request_approved")
    delivered()
    assert [len(one["comments"]) for one in github.issues.values()] == [1]
    tell(world, "request_rejected")
    read_news()
    delivery = Delivery.get(Delivery.kind == "review-rejected", Delivery.channel == "issue")
    Delivery.update(attempts=1).where(Delivery.id == delivery.id).execute()
    github.issues[1]["comments"].append(f"- made\njobsite delivery {delivery.identifier}")
    delivered()
    assert len(github.issues[1]["comments"]) == 2 and github.issues[1]["state"] == "closed"


def test_github_that_fails_is_tried_again_and_makes_no_second_issue(world: World, github: GitHub) -> None:
    github.failing = 1
    tell(world, "request_submitted")
    delivered()
    assert github.issues == {} and Delivery.get(Delivery.channel == "issue").state == "waiting"
    with clock.at(clock.now() + timedelta(minutes=2)):
        delivered()
    ReviewIssue.delete().execute()  # as if the server had died before it noted the number
    Delivery.update(state="waiting", next_try_at=clock.now()).where(Delivery.channel == "issue").execute()
    delivered()
    assert len(github.issues) == 1


def test_the_repository_may_be_that_of_an_organisation_or_be_named(
    world: World, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    slug = Organisation.get().slug
    own = replace(all_settings.current(), review_repos={slug: "org/own"})
    monkeypatch.setattr(all_settings, "_current", own)
    tell(world, "request_submitted")
    tell(world, "request_submitted", request="R2", org="other", repo="tracker")
    read_news()
    issues = Delivery.select().where(Delivery.channel == "issue").order_by(Delivery.id)
    assert [one.facts["repo"] for one in issues] == ["org/own", "other/tracker"]
    assert tell(world, "request_submitted", request="R3", org="..", repo="../x").json["status"] == "error"


def test_what_it_names_and_is_not_here_is_told_back_with_201(world: World) -> None:
    for changes, sentence in (
        ({"event_type": "FOO"}, "Unknown event type 'FOO'"),
        ({"workspace": "nothing"}, "Unknown workspace 'nothing'"),
        ({"user": "nobody"}, "Unknown user 'nobody'"),
        ({"event_type": "FOO", "request_author": "nobody"}, "Unknown event type 'FOO'; Unknown user 'nobody'"),
    ):  # fmt: skip
        answer = world.call("POST", "airlock/events/", world.near_token, step("request_approved") | changes)
        assert (answer.status_code, answer.json) == (201, {"status": "error", "message": sentence})
    assert ToldReview.select().count() == 0
    for field in ("event_type", "workspace", "request", "request_author", "user"):
        body = step("request_approved")
        del body[field]
        answer = world.call("POST", "airlock/events/", world.near_token, body)
        assert (answer.status_code, answer.json) == (400, {field: ["This field is required."]})
    for body in (
        [],
        "x",
        step("x", updates=5),
        step("x", updates=[5]),
        step("x", turn="1"),
        step("x", user="u" * 999),
    ):
        assert world.call("POST", "airlock/events/", world.near_token, body).status_code == 400


def test_heads_of_the_log_and_releases_by_another_way_are_noted(world: World, github: GitHub) -> None:
    head = {"seq": 4711, "head": "ab", "at": "2026-01-01T00:00:00Z", "key": "k", "signature": "s"}
    for _ in range(2):
        assert world.call("POST", "level4/checkpoints/", world.near_token, head).status_code == 201
    assert (
        world.call("POST", "level4/checkpoints/", world.near_token, head | {"head": "cd"}).status_code == 400
    )
    assert (
        world.call("POST", "level4/checkpoints/", world.far_token, head | {"head": "cd"}).status_code == 201
    )
    assert Event.select().where(Event.type == "level4:checkpoint").count() == 2
    body = {"created_by": "cat", "path": "/srv/asthma/release", "files": ["output/secret_name.csv"]}
    answer = world.call("POST", "release-notifications/", world.near_token, body)
    assert (answer.status_code, answer.data) == (201, b"")
    assert delivered("webhook") == ["release-elsewhere"]
    assert "secret_name" not in "".join(event.data for event in Event.select())


def test_a_request_of_this_very_site_is_told_by_its_own_events_only(world: World) -> None:
    moment, workspace = clock.now(), world.made.workspace
    ReleaseRequest.create(
        id=REQUEST, workspace=workspace, backend=world.near, project=workspace.project, author=world.cast.ada,
        created_at=moment, moved_at=moment, moved_by="ada", policy="default", policy_version=1,
    )  # fmt: skip
    assert tell(world, "request_approved").json == {"status": "ok"}
    assert ToldReview.select().count() == 0
