"""Failures that are not the users' raise one alert a backend, not one for each job (B63)."""

import logging
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.jobs.backend_alerts import QUIET, clear_quiet_alerts, open_alerts
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.executors import records
from jobsite.jobs.models import Attempt, BackendAlert, Job, JobRequest
from jobsite.jobs.rules import CODES

from .conftest import Study, project_yaml
from .stages import HIGH, folder, job

Ask = Callable[..., JobRequest]
Run = Callable[[JobRequest], dict[str, Job]]
SLEEP = "import time; time.sleep(600)"
QUICK = "import sys; open(sys.argv[1], 'w').write('x')"


@pytest.fixture(autouse=True)
def nothing_left(instance: object) -> object:
    """Whatever a test started is ended."""
    yield
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def commit(study: Study, code: str, *names: str) -> None:
    steps = {name: (f"python:v2 run.py {name}.csv", [], {HIGH: {"out": f"{name}.csv"}}) for name in names}
    study.commit(project__yaml=project_yaml(**steps), run__py=code)


def give_up(study: Study, ask: Ask, run: Run, *names: str) -> None:
    """Jobs that are tried again and then given up, as no fault of their author."""
    commit(study, QUICK, *names)
    request = ask(*names, force=True)
    Job.update(outputs={HIGH: {"out": 5}}).where(Job.job_request == request).execute()
    assert {one.status_code for one in run(request).values()} == {"internal_error"}


def raised() -> list[Event]:
    return list(Event.select().where(Event.type == "backend:alert"))


def test_jobs_that_are_given_up_raise_one_alert_together(
    study: Study, ask: Ask, run: Run, local: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "jobsite.alerts"):
        give_up(study, ask, run, "one", "two", "three")
    assert [event.subject for event in raised()] == ["backend:local"]
    lines = [one.getMessage() for one in caplog.records if one.name == "jobsite.alerts"]
    assert len(lines) == 1 and lines[0].startswith("backend local fails: A platform fault stopped it")
    (alert,) = open_alerts()
    assert (alert.backend.slug, alert.kind, alert.failures) == ("local", "jobs", 6)
    assert "The team has been told" in CODES["internal_error"].sentence


def test_a_job_that_fails_by_its_own_code_raises_nothing(study: Study, ask: Ask, run: Run) -> None:
    commit(study, "raise SystemExit(1)", "one")
    assert run(ask("one"))["one"].status_code == "nonzero_exit"
    assert BackendAlert.select().count() == 0


def test_faults_that_pass_are_counted_and_told_of_at_the_third(
    study: Study, ask: Ask, run_until: Callable[[Callable[[], bool]], None]
) -> None:
    commit(study, SLEEP, "one")
    ask("one")
    for number in (1, 2, 3):
        run_until(lambda: job("one").status_code == "executing")
        assert (len(raised()), len(open_alerts())) == (0, 0)
        os.kill((records.read(folder(), records.SUPERVISOR) or {})["pid"], signal.SIGKILL)
        run_until(lambda: job("one").status_code == "waiting_on_new_task")
        assert BackendAlert.get().failures == {"supervisor_lost": number}
        Job.update(retry_at=None).execute()
    assert len(raised()) == 1
    assert open_alerts()[0].sentence == "The process that looked after it was lost (3 times)"


def test_an_alert_ends_when_jobs_have_run_well_for_a_while_and_the_next_is_a_new_one(
    study: Study, ask: Ask, run: Run
) -> None:
    give_up(study, ask, run, "one")
    clear_quiet_alerts()
    with clock.at(clock.now() + QUIET):
        clear_quiet_alerts()
    assert len(open_alerts()) == 1, "nothing has shown yet that it works again"
    commit(study, QUICK, "one", "fine")
    assert run(ask("fine"))["fine"].status_code == "succeeded"
    clear_quiet_alerts()
    assert len(open_alerts()) == 1, "one job that ran is not enough at once"
    with clock.at(clock.now() + QUIET):
        clear_quiet_alerts()
    assert open_alerts() == []
    assert Event.select().where(Event.type == "backend:alert-cleared").count() == 1
    commit(study, QUICK, "one")
    give_up_again = ask("one", force=True)
    Job.update(outputs={HIGH: {"out": 5}}).where(Job.job_request == give_up_again).execute()
    run(give_up_again)
    assert len(raised()) == 2


def test_a_new_failure_takes_back_that_it_worked(study: Study, ask: Ask, run: Run) -> None:
    give_up(study, ask, run, "one")
    commit(study, QUICK, "one", "fine")
    run(ask("fine"))
    bad = ask("one", force=True)
    Job.update(outputs={HIGH: {"out": 5}}).where(Job.job_request == bad).execute()
    run(bad)
    with clock.at(clock.now() + 2 * QUIET):
        clear_quiet_alerts()
    assert (len(open_alerts()), len(raised())) == (1, 1)


def test_each_backend_has_its_own_alert(study: Study, ask: Ask, run: Run, local: Backend) -> None:
    other = add_backend(by="system", slug="other", name="Other")
    give_up(study, ask, run, "one")
    commit(study, QUICK, "two")
    request = ask("two")
    Job.update(outputs={HIGH: {"out": 5}}, backend=other).where(Job.job_request == request).execute()
    run(request)
    assert [event.subject for event in raised()] == ["backend:local", "backend:other"]


def test_staff_sees_the_alert_on_the_status_page_and_others_do_not(
    study: Study,
    ask: Ask,
    run: Run,
    client: FlaskClient,
    sign_in: Callable[[FlaskClient, str], FlaskClient],
    cast: SimpleNamespace,
) -> None:
    give_up(study, ask, run, "one")
    words = "A platform fault stopped it (2 times)"
    assert words not in client.get("/status/").text
    assert words not in sign_in(client.application.test_client(), "ada").get("/status/").text
    page = sign_in(client, "sam").get("/status/").text
    assert words in page


def test_the_event_tells_counts_and_kinds_and_nothing_of_the_job(study: Study, ask: Ask, run: Run) -> None:
    give_up(study, ask, run, "one")
    said = raised()[0].as_json()["data"]
    assert set(said) == {"kind", "failures", "sentence"}
    assert "one" not in said["sentence"].split() and "csv" not in str(said)


def test_an_alert_lasts_at_least_a_quarter_of_an_hour() -> None:
    assert timedelta(minutes=15) <= QUIET
