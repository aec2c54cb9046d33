"""The issue of a sign-off, at a real web server in the place of GitHub."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

from jobsite.core import clock
from jobsite.core.db import writing
from jobsite.core.events import record
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.models import Delivery
from jobsite.notifications.reading import read_news

from .conftest import SITE, WebServer


@pytest.fixture(autouse=True)
def github(cast: SimpleNamespace, web: WebServer, configure: Callable[..., None]) -> WebServer:
    """An Enterprise server of GitHub, where the site has a token and a repository for sign-offs."""
    read_news()
    configure(github_url=web.url, github_token="hush-hush", sign_off_repo="org/tracker")
    return web


def sign_off(name: str = "org/study") -> Delivery:
    """Staff sign off a repository; the delivery after one try."""
    with writing():
        record(
            "repo:signed-off-internally",
            by="sam",
            subject=f"repo:https://github.com/{name}",
            repo=name,
            url=name,
        )
    read_news()
    deliver_due("issue")
    return Delivery.get(Delivery.channel == "issue")


def test_an_issue_is_made_with_the_repository_and_a_link(github: WebServer) -> None:
    github.answers = [201]
    row = sign_off()
    assert row.state == "sent", row.last_error
    [call] = github.calls
    assert (call.method, call.path) == ("POST", "/api/v3/repos/org/tracker/issues")
    assert call.headers["Authorization"] == "Bearer hush-hush"
    sent = json.loads(call.body)
    assert sent["title"] == "Make the repository org/study public"
    assert f"{SITE}/publish-repo/" in sent["body"]
    assert row.identifier in sent["body"]


def test_a_name_calls_nobody_and_formats_nothing(github: WebServer) -> None:
    github.answers = [201]
    sign_off("org/`@everyone`**bold**")
    body = json.loads(github.calls[0].body)["body"]
    assert body.startswith("`sam signed off the repository org/@everyone**bold**.`")


def test_before_a_second_try_it_is_looked_for_and_not_made_twice(github: WebServer) -> None:
    github.answers = [502]
    row = sign_off()
    assert row.last_error == "GitHub answered with status 502."
    there = json.dumps([{"body": "another"}, {"body": f"… jobsite delivery {row.identifier}"}, None]).encode()
    github.answers = [(200, {}, there)]
    with clock.at(clock.now() + timedelta(minutes=2)):
        deliver_due("issue")
    assert Delivery.get_by_id(row.id).state == "sent"
    assert [call.method for call in github.calls] == ["POST", "GET"]


def test_when_it_is_not_there_the_second_try_makes_it(github: WebServer) -> None:
    github.answers = [502, (200, {}, b"[]"), 201]
    row = sign_off()
    with clock.at(clock.now() + timedelta(minutes=2)):
        deliver_due("issue")
    assert Delivery.get_by_id(row.id).state == "sent"
    assert [call.method for call in github.calls] == ["POST", "GET", "POST"]


@pytest.mark.parametrize(
    "answer", [401, 404, (200, {}, b"not json"), (200, {}, b"{}"), (302, {"Location": "/"}, b"")]
)
def test_a_strange_answer_makes_no_issue_and_is_tried_again(github: WebServer, answer: object) -> None:
    github.answers = [502, answer]
    row = sign_off()
    with clock.at(clock.now() + timedelta(minutes=2)):
        deliver_due("issue")
    again = Delivery.get_by_id(row.id)
    assert again.state == "waiting"
    assert again.last_error.startswith("GitHub answered")
    assert "hush" not in again.last_error


def test_without_a_token_nobody_is_asked(github: WebServer, configure: Callable[..., None]) -> None:
    configure(github_token="")
    assert sign_off().state == "logged"
    assert github.calls == []
