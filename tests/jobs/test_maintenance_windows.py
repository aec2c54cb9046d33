"""A planned maintenance of the database is told of, and which jobs would not end before it (B42)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core import clock
from jobsite.core.db import close_database
from jobsite.core.errors import Denied, Invalid
from jobsite.core.events import Event
from jobsite.jobs.maintenance_windows import late_actions, plan_maintenance
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.waiting_reasons import why
from jobsite.projects.models import Workspace
from jobsite.settings import Settings, use

from .conftest import Study, project_yaml
from .stages import HIGH, job

HOUR = timedelta(hours=1)
WORDS = "not end before the"
SignIn = Callable[[FlaskClient, str], FlaskClient]


@pytest.fixture
def waiting(study: Study, ask: Callable[..., JobRequest], local: Backend) -> Job:
    """A database job that waits, and whose action ran 2 to 3 hours so far; `quick` ran a minute."""
    text = project_yaml(
        slow=("ehrql:v1 generate-dataset slow.py --output slow.csv", [], {HIGH: {"out": "slow.csv"}}),
        quick=("ehrql:v1 generate-dataset quick.py --output quick.csv", [], {HIGH: {"out": "quick.csv"}}),
    )
    study.commit(project__yaml=text)
    ask("run_all")
    for name, lengths in (("slow", (2 * HOUR, 3 * HOUR)), ("quick", (timedelta(minutes=1),))):
        for number, length in enumerate(lengths):
            begun = clock.now() - timedelta(days=2)
            past = {**job(name).__data__, "identifier": f"{name}{number:011}", "state": "succeeded"}
            past |= {"status_code": "succeeded", "started_at": begun, "completed_at": begun + length}
            del past["id"]
            Job.create(**past)
    return Job.get((Job.action == "slow") & (Job.state == "pending"))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, runtimes={**settings.runtimes, "ehrql": settings.runtimes["python"]})


def plan(backend: Backend, starts_in: timedelta) -> None:
    start = clock.now() + starts_in
    plan_maintenance(by="system", backend=backend, start=start, until=start + HOUR)


def warned(waiting: Job) -> bool:
    found = why(Job.get_by_id(waiting.id))
    assert found is not None and found.run_time is not None
    return bool(found.warning)


def test_a_database_job_that_would_not_end_before_it_is_warned_of(waiting: Job, local: Backend) -> None:
    assert not warned(waiting)
    plan(local, 2 * HOUR)
    assert warned(waiting)
    found = why(Job.get_by_id(waiting.id))
    assert found and "it ran 2 to 3 h so far" in found.warning


def test_one_that_would_end_before_it_is_not(waiting: Job, local: Backend) -> None:
    plan(local, 4 * HOUR)
    assert not warned(waiting)


def test_neither_is_one_that_does_not_read_the_database(waiting: Job, local: Backend) -> None:
    plan(local, HOUR)
    Job.update(is_database_action=False).execute()
    assert not warned(waiting)


def test_a_maintenance_that_is_over_or_taken_back_is_forgotten(waiting: Job, local: Backend) -> None:
    plan(local, HOUR)
    with clock.at(clock.now() + 3 * HOUR):
        assert not warned(waiting)
    plan_maintenance(by="system", backend=local, start=None, until=None)
    assert not warned(waiting)


def test_the_job_page_the_request_page_and_the_run_page_tell_it(
    waiting: Job, local: Backend, client: FlaskClient, sign_in: SignIn
) -> None:
    request = f"/asthma/{waiting.job_request_id}/"
    pages = {
        "request": request,
        "job": f"{request}{waiting.identifier}/",
        "run": "/asthma/run-jobs/?requested_actions=slow&force_run_dependencies=True",
    }
    sign_in(client, "ada")
    assert not [name for name, where in pages.items() if WORDS in client.get(where).text]
    plan(local, 2 * HOUR)
    shown = {name: client.get(where).text for name, where in pages.items()}
    assert [name for name, text in shown.items() if WORDS not in text or "is planned from" not in text] == []


def test_only_what_would_be_late_is_named(waiting: Job, local: Backend) -> None:
    plan(local, 2 * HOUR)
    workspace = Workspace.get()
    local = Backend.get()
    assert late_actions(workspace, local, ["quick", "slow", "never_ran"], clock.now()) == ["slow"]


def test_times_that_are_no_window_are_refused(local: Backend, cast: SimpleNamespace) -> None:
    at = clock.now()
    for start, until in ((at, None), (None, at), (at + HOUR, at), (at - 2 * HOUR, at - HOUR)):
        with pytest.raises(Invalid):
            plan_maintenance(by="system", backend=local, start=start, until=until)
    with pytest.raises(Denied):
        plan_maintenance(by=cast.ada, backend=local, start=at + HOUR, until=at + 2 * HOUR)
    assert Event.select().where(Event.type == "backend:maintenance-planned").count() == 0


def test_the_command_plans_it_takes_it_back_and_still_turns_it_on(settings: Settings, local: Backend) -> None:
    def maintenance(*words: str) -> str:
        close_database()
        where = ["--instance", str(settings.instance)]
        done = CliRunner().invoke(main, ["backend", "maintenance", "local", *words, *where])
        use(settings)
        return done.output

    year = clock.now().year + 1
    told = maintenance("--from", f"{year}-02-01T18:00", "--until", f"{year}-02-01T20:30Z")
    assert told.startswith(f"Database maintenance of local is planned from {year}-02-01T18:00:00")
    there = Backend.get()
    assert there.is_maintenance_planned and not there.is_in_maintenance_mode
    assert (there.maintenance_until - there.maintenance_from) == timedelta(hours=2.5)
    assert "Give both times" in maintenance("--from", f"{year}-02-01T18:00")
    assert "not planned any more" in maintenance("--no-plan")
    assert not Backend.get().is_maintenance_planned
    assert maintenance() == "Database maintenance of local is on.\n"
    assert maintenance("off") == "Database maintenance of local is off.\n"
