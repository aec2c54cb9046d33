"""The status page, and the plain text that monitors read, to the letter."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend, end_maintenance, pause, start_maintenance
from jobsite.accounts.models import Backend
from jobsite.application import create_app
from jobsite.core import clock
from jobsite.core.db import close_database, writing
from jobsite.core.ids import short_id
from jobsite.jobs.actions import move
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.projects.actions import add_organisation, add_project
from jobsite.projects.models import Repo, Workspace
from jobsite.settings import Settings

NOON = datetime(2026, 11, 23, 12, 0, 0, 250)


@pytest.fixture
def noon() -> Iterator[None]:
    """It is noon for the whole test."""
    with clock.at(NOON):
        yield


@pytest.fixture
def public(instance: Path, settings: Settings) -> FlaskClient:
    """A visitor of the public side of this test's instance."""
    close_database()
    return create_app(replace(settings, side="public")).test_client()


def seen(backend: Backend, seconds_ago: float) -> None:
    moment = NOON - timedelta(seconds=seconds_ago)
    Backend.update(last_seen_at=moment).where(Backend.id == backend.id).execute()


def ask(backend: Backend, user: Any, count: int = 1) -> list[Job]:
    """Jobs that wait on the backend, in a workspace of their own."""
    with writing():
        number = Workspace.select().count()
        org = add_organisation(by="system", name=f"Org {number}")
        project = add_project(by="system", name=f"Project {number}", orgs=[org])
        repo = Repo.create(url=f"/repo/{number}")
        workspace = Workspace.create(
            name=f"space{number}",
            project=project,
            repo=repo,
            branch="main",
            created_by="system",
            updated_by="system",
        )
        file, _ = ProjectFile.get_or_create(sha256="0" * 64, defaults={"text": ""})
        about = {"workspace": workspace, "backend": backend, "created_at": NOON}
        request = JobRequest.create(
            **about,
            identifier=short_id(),
            requested_actions=[],
            commit="a" * 40,
            project_file=file,
            created_by=user,
        )
        for position in range(count):
            times = {"updated_at": NOON, "status_code_updated_at": NOON}
            Job.create(
                **about,
                **times,
                identifier=short_id(),
                job_request=request,
                action=f"action_{number}_{position}",
                position=position,
                run_command="python:v2 x.py",
            )
    return list(Job.select().where(Job.job_request == request).order_by(Job.position))


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("seconds_ago", "status"), [(0, 200), (299, 200), (300, 200), (301, 503), (86400, 503)]
)
def test_a_monitor_learns_whether_a_backend_is_in_contact(
    public: FlaskClient, local: Backend, seconds_ago: int, status: int
) -> None:
    seen(local, seconds_ago)
    answer = public.get("/status/local/")
    assert answer.status_code == status
    assert answer.text == clock.wire(NOON - timedelta(seconds=seconds_ago))
    assert answer.content_type == "text/plain; charset=utf-8"


@pytest.mark.usefixtures("noon")
def test_a_backend_never_seen_is_not_missing(public: FlaskClient, local: Backend) -> None:
    answer = public.get("/status/local/")
    assert (answer.status_code, answer.text) == (200, "2026-11-23T12:00:00.000250Z")
    assert 'data-state="missing"' not in public.get("/status/").text


@pytest.mark.usefixtures("noon")
def test_the_threshold_is_the_backends_own(public: FlaskClient, local: Backend) -> None:
    seen(local, 400)
    assert public.get("/status/local/").status_code == 503
    Backend.update(alert_timeout=500).execute()
    assert public.get("/status/local/").status_code == 200


@pytest.mark.usefixtures("noon")
def test_jobs_that_run_in_this_program_are_never_missing(client: FlaskClient, local: Backend) -> None:
    seen(local, 86400)
    assert client.get("/status/local/").status_code == 200
    assert 'data-state="missing"' not in client.get("/status/").text


@pytest.mark.usefixtures("noon")
def test_a_missing_backend_is_marked(public: FlaskClient, local: Backend) -> None:
    seen(local, 301)
    assert 'data-state="missing"' in public.get("/status/").text


@pytest.mark.usefixtures("noon")
def test_the_database_is_told_to_the_letter(public: FlaskClient, local: Backend) -> None:
    address = "/status/local/db-availability/"
    assert public.get(address).text == "DB maintenance mode not implemented in Local"
    start_maintenance(by="system", backend=local)
    assert public.get(address).text == "DB maintenance mode on (since 2026-11-23T12:00:00.000250Z) "
    end_maintenance(by="system", backend=local)
    assert public.get(address).text == "DB maintenance mode off (since 2026-11-23T12:00:00.000250Z) "
    Backend.update(is_in_maintenance_mode=True, maintenance_since=None).execute()
    answer = public.get(address)
    assert (answer.status_code, answer.text) == (200, "DB maintenance mode on ")


def test_only_active_backends_are_shown(client: FlaskClient, local: Backend) -> None:
    add_backend(by="system", slug="old", name="Old")
    Backend.update(is_active=False).where(Backend.slug == "old").execute()
    page = client.get("/status/").text
    assert ">Local<" in page and ">Old<" not in page
    assert client.get("/status/old/").status_code == 404
    assert client.get("/status/nosuch/").status_code == 404
    assert client.get("/status/nosuch/db-availability/").status_code == 404


def test_a_card_tells_pause_maintenance_and_counts(client: FlaskClient, local: Backend, cast: Any) -> None:
    first, *_ = ask(local, cast.ada, 3)
    move(first, "initiated")
    pause(by="system", backend=local)
    start_maintenance(by="system", backend=local)
    page = client.get("/status/").text
    assert 'data-state="paused"' in page
    assert page.count("On since") == 2
    assert ">1 job</a>" in page and "<dd>2 jobs</dd>" in page


def test_the_queue_tells_what_runs_and_why_the_others_wait(
    client: FlaskClient, local: Backend, cast: Any
) -> None:
    runs, second, third = ask(local, cast.ada, 3)
    move(runs, "initiated")
    for job in (second, third):
        move(job, "waiting_on_workers")
    other = ask(local, cast.ben)[0]
    move(other, "waiting_on_dependencies", "Waiting on dependencies: clean")
    page = client.get("/status/").text.replace("<wbr>", "")
    order = [page.index(job.action) for job in (runs, second, third, other)]
    assert order == sorted(order)
    assert "It is the next to start." in page and "1 job before it." in page
    assert "Waiting on dependencies: clean" in page


def test_the_project_with_the_least_running_is_next(client: FlaskClient, local: Backend, cast: Any) -> None:
    runs, mine = ask(local, cast.ada, 2)
    move(runs, "initiated")
    theirs = ask(local, cast.ben)[0]
    for job in (mine, theirs):
        move(job, "waiting_on_workers")
    page = client.get("/status/").text
    row = page[page.index(f'id="job-{theirs.identifier}"') :]
    assert "It is the next to start." in row[: row.index("</tr>")]


def test_the_page_updates_itself_and_faster_while_jobs_are_active(
    client: FlaskClient, local: Backend, cast: Any
) -> None:
    assert 'hx-trigger="every 10s"' in client.get("/status/").text
    ask(local, cast.ada)
    page = client.get("/status/").text
    assert 'hx-trigger="every 2s"' in page
    part = client.get("/status/", headers={"HX-Request": "true", "HX-Target": "live"}).text
    assert "<html" not in part and part.count('id="live"') == 1


def test_the_page_asks_the_database_as_often_however_many_jobs(
    client: FlaskClient,
    local: Backend,
    cast: Any,
    sign_in: Callable[[FlaskClient, str], FlaskClient],
    queries: Callable[[], Any],
) -> None:
    for job in ask(local, cast.ada, 150):
        move(job, "waiting_on_workers")
    sign_in(client, "ada")
    with queries() as asked:
        page = client.get("/status/").text
    assert "1 to 50 of 150" in page
    assert len(asked) <= 9, asked
