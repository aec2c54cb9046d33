"""A backend whose jobs run elsewhere: its requests wait without jobs, its jobs are left alone, a cancellation waits."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.core.clock import at, now
from jobsite.core.errors import Denied
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel
from jobsite.jobs.engine import Engine
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.moving import move
from jobsite.jobs.stopping import kill

from .conftest import Study, project_yaml

HIGH = "highly_sensitive"
TWO = project_yaml(
    clean=("matlab:v9 a.m", [], {HIGH: {"a": "a.csv"}}),  # an image that this server has not
    table=("matlab:v9 b.m", ["clean"], {HIGH: {"b": "b.csv"}}),
)
ONE = project_yaml(clean=("python:v2 a.py", [], {HIGH: {"a": "a.csv"}}))


@pytest.fixture
def away(local: Backend) -> Backend:
    backends.rotate_token(by="system", backend=local)
    return Backend.get_by_id(local.id)


def test_the_first_token_of_a_backend_makes_its_jobs_run_elsewhere_unless_told_otherwise(
    local: Backend,
) -> None:
    def after(**how: Any) -> bool:
        backends.rotate_token(by="system", backend=local, **how)
        return runs_here(Backend.get_by_id(local.id))

    assert runs_here(local)
    assert after(runs_here=True)
    assert after()  # a later token leaves it as it is
    assert not after(runs_here=False)
    assert not after()
    types = [event.type for event in Event.select() if "here" in event.type]
    assert types == ["backend:fetched-elsewhere"]


def test_a_request_waits_without_jobs_and_needs_no_runtime_of_this_server(
    study: Study, away: Backend, ask: Callable[..., JobRequest]
) -> None:
    study.commit(project__yaml=TWO)
    request = ask("table")
    assert (request.status, request.jobs_total, request.completed_at) == ("pending", 0, None)
    assert Job.select().count() == 0


def test_jobs_elsewhere_are_neither_started_nor_ended_here_and_those_begun_here_go_on(
    study: Study, local: Backend, ask: Callable[..., JobRequest], engine: Engine
) -> None:
    study.commit(project__yaml=ONE)
    request = ask("clean")
    (begun,) = Job.select()
    backends.rotate_token(by="system", backend=local)
    engine.turn()
    assert Job.get().state == "pending"
    columns = begun.__data__ | {"id": None, "identifier": "a" * 16, "job_request": request.id}
    Job.create(**columns | {"state": "running", "status_code": "executing", "started_at": now()})
    engine.turn()
    assert Job.get(Job.identifier == "a" * 16).status_code == "executing"
    assert engine._active.read() == []
    move(begun, "initiated", attempts_made=1)
    assert [job.id for job in engine._active.read()] == [begun.id]


def test_a_cancellation_before_any_report_names_every_action_that_could_start(
    study: Study, away: Backend, ask: Callable[..., JobRequest], cast: SimpleNamespace
) -> None:
    study.commit(project__yaml=TWO)
    one, all_of_them = ask("table"), ask("run_all")
    assert cancel(by=cast.ada, request=one, may_cancel=True) == 2
    assert cancel(by=cast.ada, request=all_of_them, may_cancel=True) == 2
    for request in (one, all_of_them):
        found = JobRequest.get_by_id(request.id)
        assert (found.cancelled_actions, found.status) == (["clean", "table"], "pending")
        assert found.words([])[1] == "Cancelling"
    with pytest.raises(Denied, match="It is being cancelled"):
        cancel(by=cast.ada, request=one, may_cancel=True)


def test_a_job_that_waits_elsewhere_is_cancelling_until_its_end_is_reported(
    study: Study, local: Backend, ask: Callable[..., JobRequest], cast: SimpleNamespace
) -> None:
    study.commit(project__yaml=ONE)
    request = ask("clean")
    backends.rotate_token(by="system", backend=local)
    assert cancel(by=cast.ada, request=request, may_cancel=True) == 1
    job = Job.get()
    assert (job.state, job.cancelling) == ("pending", True)
    assert JobRequest.get_by_id(request.id).cancelled_actions == ["clean"]
    with pytest.raises(Denied, match="it is stopped on Local"):
        kill(by="system", job=Job.select(Job).get(), reason="Too long.")


def test_the_page_says_that_the_request_waits_to_be_fetched_and_when_the_backend_was_heard_of(
    study: Study,
    away: Backend,
    ask: Callable[..., JobRequest],
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: Callable[..., FlaskClient],
) -> None:
    study.commit(project__yaml=TWO)
    browser = sign_in(client, "ada")
    form = browser.get("/asthma/run-jobs/?backend=local&requested_actions=table").text
    assert "1 runs at once and 1 runs after others." in form
    assert "Local decides by its own jobs and files when it fetches the request" in form
    request = ask("table")
    address = f"/asthma/{request.id}/"
    page = browser.get(address).text
    assert "Waiting for Local to fetch it" in page
    assert "No job was started" not in page
    assert "Not reported yet" in page and "Not in this request" not in page
    assert f"{address}cancel/" in page
    asked = browser.get(f"{address}cancel/").text
    assert "Everything that the request could start: no job has been reported yet." in asked
    assert "Local hears of it when it next asks" in asked
    Backend.update(last_seen_at=now()).execute()
    assert "was last heard of" in client.get(address).text
    with at(now() + timedelta(minutes=40)):
        assert "Local has sent no report for 40 minutes" in client.get(address).text
    cancel(by=cast.ada, request=request, may_cancel=True)
    page = client.get(address).text
    assert "Cancellation was asked for before Local told of any job" in page
    assert "It is being cancelled." in page
