"""What home shows of job requests, and when code first ran."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.jobs.first_runs import PRIVATE_FOR, first_run
from jobsite.jobs.home_rows import home_rows
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects import changes
from jobsite.projects.models import Repo, Workspace

from .conftest import Study, project_yaml


@pytest.fixture
def asked(study: Study, ask: Callable[..., JobRequest]) -> Callable[[], JobRequest]:
    """`asked()`: one more request of ada's, for an action that has not run."""
    study.commit(
        project__yaml=project_yaml(make=("python:v2 m.py", [], {"moderately_sensitive": {"x": "x.csv"}}))
    )
    return lambda: ask("make", force=True)


def ended(request: JobRequest, status: str, **fields: object) -> int:
    change = {"status": status, "completed_at": now(), "started_at": now(), **fields}
    JobRequest.update(**change).where(JobRequest.id == request.id).execute()
    return request.id


def ids(rows: tuple) -> list[int]:
    return [row.request.id for row in rows]


def test_home_tells_what_runs_what_failed_and_what_others_finished(
    asked: Callable[[], JobRequest], cast: SimpleNamespace
) -> None:
    running, failed, theirs, good = (asked() for _ in range(4))
    ended(failed, "failed")
    ended(theirs, "succeeded", created_by=cast.ben)
    ended(good, "succeeded")
    rows = home_rows(cast.ada)
    assert ids(rows.running) == [running.id]
    assert ids(rows.failed) == [failed.id]
    assert ids(rows.finished) == [theirs.id]
    assert ids(rows.own) == [good.id, failed.id, running.id]
    assert ids(rows.newest) == [good.id, theirs.id, failed.id, running.id]
    assert rows.total == 3
    stranger = home_rows(cast.dan)
    assert (stranger.own, stranger.failed, stranger.finished) == ((), (), ())
    assert len(stranger.newest) == 4


def test_a_request_that_was_only_cancelled_waits_for_nobody(
    asked: Callable[[], JobRequest], cast: SimpleNamespace
) -> None:
    cancelled = asked()
    Job.update(state="cancelled").where(Job.job_request == cancelled).execute()
    ended(cancelled, "failed")
    JobRequest.update(only_cancelled=True).where(JobRequest.id == cancelled.id).execute()
    assert home_rows(cast.ada).failed == ()
    assert ids(home_rows(cast.ada).own) == [cancelled.id]


def test_what_was_marked_as_seen_is_no_news(asked: Callable[[], JobRequest], cast: SimpleNamespace) -> None:
    failed, theirs = asked(), asked()
    ended(failed, "failed", completed_at=now() - timedelta(minutes=1))
    ended(theirs, "succeeded", completed_at=now() - timedelta(minutes=1), created_by=cast.ben)
    assert home_rows(cast.ada).failed and home_rows(cast.ada).finished
    Event.update(at=now()).execute()
    changes.mark_seen(by=cast.ada, cursor=2**40)
    assert not home_rows(cast.ada).failed and not home_rows(cast.ada).finished


def test_requests_on_a_backend_that_is_not_active_are_nobodys_news(
    asked: Callable[[], JobRequest], cast: SimpleNamespace
) -> None:
    request = asked()
    request.backend.is_active = False
    request.backend.save()
    assert ids(home_rows(cast.ada).own) == [request.id]
    assert home_rows(cast.ada).newest == () == home_rows(cast.dan).newest


def test_what_runs_is_a_region_that_asks_again_and_goes_when_all_has_ended(
    asked: Callable[[], JobRequest], app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    request = asked()
    client = sign_in(app.test_client(), "ada")
    wants = {"HX-Request": "true", "HX-Target": "running"}
    part = client.get("/", headers=wants).text
    assert 'hx-trigger="every 5s"' in part and "<html" not in part
    ended(request, "succeeded")
    assert client.get("/", headers=wants).text.strip() == ""
    assert 'id="running"' not in client.get("/").text


def test_the_region_alone_is_cheap_and_the_whole_page_comes_to_those_who_want_it(
    asked: Callable[[], JobRequest], app: Flask, sign_in: Callable[..., FlaskClient], queries
) -> None:
    asked()
    client = sign_in(app.test_client(), "ada")
    wants = {"HX-Request": "true", "HX-Target": "running"}
    with queries() as seen:
        client.get("/", headers=wants)
    assert len(seen) <= 2, "\n".join(map(str, seen))
    for more in ({"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}):
        assert "<h1>Your work</h1>" in client.get("/", headers={**wants, **more}).text
    assert app.test_client().get("/", headers=wants).text.strip() == ""


def test_home_asks_ten_queries_at_most(
    asked: Callable[[], JobRequest], app: Flask, sign_in: Callable[..., FlaskClient], queries
) -> None:
    for status in ("failed", "succeeded", "failed"):
        ended(asked(), status)
    client = sign_in(app.test_client(), "ada")
    with queries() as seen:
        client.get("/")
    assert len(seen) <= 10, "\n".join(map(str, seen))


def test_a_project_tells_when_its_code_first_ran(
    asked: Callable[[], JobRequest], client: FlaskClient
) -> None:
    project = Workspace.get().project
    assert first_run(project) is None
    assert "Code first run" not in client.get("/projects/air/").text
    moment = now() - timedelta(days=3)
    ended(asked(), "succeeded", started_at=moment)
    ended(asked(), "succeeded")
    assert first_run(project) == moment
    assert "Code first run" in client.get("/projects/air/").text


@pytest.mark.parametrize(
    ("name", "age", "is_private", "warned"),
    [
        ("ada", PRIVATE_FOR + timedelta(days=1), True, True),
        ("ben", PRIVATE_FOR + timedelta(days=1), None, True),
        ("ada", PRIVATE_FOR + timedelta(days=1), False, False),
        ("ada", PRIVATE_FOR - timedelta(days=1), True, False),
        ("dan", PRIVATE_FOR + timedelta(days=1), True, False),
    ],
)
def test_members_are_reminded_after_eleven_months_of_private_code(
    asked: Callable[[], JobRequest],
    app: Flask,
    sign_in,
    name: str,
    age: timedelta,
    is_private: bool,
    warned: bool,
) -> None:
    ended(asked(), "succeeded", started_at=now() - age)
    Repo.update(is_private=is_private, visibility_checked_at=now()).execute()
    page = sign_in(app.test_client(), name).get("/asthma/").text
    assert ("The code is still private." in page) == warned


def test_a_failed_request_can_be_marked_as_seen(
    asked: Callable[[], JobRequest], cast: SimpleNamespace, client: FlaskClient, sign_in: Callable
) -> None:
    changes.mark_seen(by=cast.ada, cursor=2**40)
    request = asked()
    home = sign_in(client, "ada")
    assert "Mark as seen" not in home.get("/").text
    ended(request, "failed", completed_at=now() + timedelta(minutes=1))
    assert "Mark as seen" in home.get("/").text


def test_the_newest_requests_do_not_repeat_ones_own(
    asked: Callable[[], JobRequest], cast: SimpleNamespace, client: FlaskClient, sign_in: Callable
) -> None:
    asked()
    theirs = asked()
    home = sign_in(client, "ada")
    assert "Your job requests" in home.get("/").text
    assert "Newest job requests" not in home.get("/").text
    ended(theirs, "succeeded", created_by=cast.ben)
    assert "Newest job requests" in home.get("/").text
