"""The preview of the run-jobs page: what would run, what is there already, what waits for what, and why."""

import html
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.jobs.actions import cancel, move
from jobsite.jobs.models import Job, JobOutput, JobRequest
from jobsite.projects.models import Workspace

PAGE = "/asthma/run-jobs/"

CHAIN = """version: 5
actions:
  clean:
    run: python:v2 analysis/clean.py
    outputs: {highly_sensitive: {data: output/clean.feather}}
  table1:
    run: python:v2 analysis/table1.py
    needs: [clean]
    outputs: {moderately_sensitive: {table: output/table1.csv}}
  report:
    run: python:v2 analysis/report.py
    needs: [table1]
    outputs: {moderately_sensitive: {report: output/report.html}}
"""


@pytest.fixture
def ada(
    client: FlaskClient, sign_in: Callable[..., FlaskClient], workspace: Workspace, study: SimpleNamespace
) -> FlaskClient:
    """ada's browser; the study has a chain of three actions."""
    study.commit(project__yaml=CHAIN)
    return sign_in(client, "ada")


@pytest.fixture
def end(ask: Callable[..., JobRequest]) -> Callable[..., dict[str, Job]]:
    """`end("table1", clean="succeeded", table1="nonzero_exit")`: a request whose jobs have come to these codes."""

    def jobs_of(*actions: str, **codes: str) -> dict[str, Job]:
        made = ask(*actions)
        jobs = {job.action: job for job in Job.select().where(Job.job_request == made).order_by(Job.position)}
        for action, code in codes.items():
            move(jobs[action], "initiated")
            if code != "initiated":
                move(jobs[action], code)
        return jobs

    return jobs_of


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def preview(browser: FlaskClient, *actions: str, **fields: str) -> str:
    """The region `plan` for these ticks, as htmx asks for it."""
    query = {"requested_actions": list(actions), "backend": "local"} | fields
    answer = browser.get(PAGE, query_string=query, headers={"HX-Request": "true", "HX-Target": "plan"})
    assert answer.status_code == 200
    return answer.text


def address(job: Job) -> str:
    return f'href="/asthma/{job.job_request_id}/{job.identifier}/"'


def test_nothing_chosen_says_what_choosing_will_show(ada: FlaskClient) -> None:
    assert "Choose actions to see what will run" in words(preview(ada))


def test_what_is_needed_and_never_ran_runs_first(ada: FlaskClient) -> None:
    told = words(preview(ada, "table1"))
    assert "clean will run Has not run in this workspace" in told
    assert "table1 waits, then runs Has not run in this workspace; runs after clean" in told
    assert told.index("clean will run") < told.index("table1 waits")
    assert "1 runs at once and 1 runs after others." in told


def test_outputs_that_are_there_are_reused_with_the_job_as_a_link(
    ada: FlaskClient, end: Callable[..., dict[str, Job]]
) -> None:
    job = end("clean", clean="succeeded")["clean"]
    shown = preview(ada, "table1")
    assert "clean is reused Succeeded on" in words(shown)
    assert f"its outputs are used (job {job.identifier} )" in words(shown)
    assert address(job) in shown
    assert "table1 will run" in words(shown)
    assert "1 runs at once and 1 is reused." in words(shown)


def test_outputs_of_older_code_are_reused_and_marked(
    ada: FlaskClient, end: Callable[..., dict[str, Job]], study: SimpleNamespace
) -> None:
    end("clean", clean="succeeded")
    study.commit(project__yaml=CHAIN + "# a later commit\n")
    assert "its outputs are used (made by older code)" in words(preview(ada, "table1"))


def test_outputs_that_are_gone_are_made_again(ada: FlaskClient, end: Callable[..., dict[str, Job]]) -> None:
    job = end("clean", clean="succeeded")["clean"]
    JobOutput.create(job=job, path="output/clean.feather", level="high", sha256="0" * 64, size=1)
    told = words(preview(ada, "table1"))
    assert "clean will run Output files of its last run are missing" in told


def test_a_job_under_way_is_waited_for_and_linked(
    ada: FlaskClient, end: Callable[..., dict[str, Job]]
) -> None:
    job = end("clean", clean="initiated")["clean"]
    shown = preview(ada, "clean", "table1")
    assert f"clean is under way Already running as job {job.identifier}" in words(shown)
    assert address(job) in shown
    assert "table1 waits, then runs Has not run in this workspace; runs after clean" in words(shown)
    assert 'hx-trigger="every 5s"' in shown
    move(job, "succeeded")
    assert "hx-trigger" not in preview(ada, "clean", "table1")


def test_what_failed_last_time_is_told_with_why(ada: FlaskClient, end: Callable[..., dict[str, Job]]) -> None:
    end("clean", clean="nonzero_exit")
    assert "clean will run Its last run failed: Job exited with an error" in words(preview(ada, "table1"))


def test_a_cancelled_job_counts_as_never_run(
    ada: FlaskClient, ask: Callable[..., JobRequest], cast: SimpleNamespace
) -> None:
    cancel(by=cast.ada, request=ask("clean"), may_cancel=True)
    assert "clean will run Has not run in this workspace" in words(preview(ada, "table1"))


def test_force_runs_what_is_there_and_says_what_is_replaced(
    ada: FlaskClient, end: Callable[..., dict[str, Job]]
) -> None:
    end("table1", clean="succeeded", table1="succeeded")
    told = words(preview(ada, "report", force_run_dependencies="True"))
    assert (
        "clean will run Dependencies are forced to run Replaces output/clean.feather of its last run" in told
    )
    assert "Replaces output/table1.csv of its last run" in told
    assert "1 runs at once and 2 run after others." in told


def test_what_is_asked_for_runs_again(ada: FlaskClient, end: Callable[..., dict[str, Job]]) -> None:
    end("clean", clean="succeeded")
    assert "clean will run You asked for it Replaces output/clean.feather" in words(preview(ada, "clean"))


def test_nothing_to_do_is_an_answer_before_and_after_submitting(
    ada: FlaskClient, end: Callable[..., dict[str, Job]]
) -> None:
    end("report", clean="succeeded", table1="succeeded", report="succeeded")
    shown = preview(ada, "run_all")
    assert "All actions have already completed successfully" in words(shown)
    page = ada.get(PAGE).text
    form = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]
        for name in ("csrf_token", "sha", "form_key")
    }
    answer = ada.post(PAGE, data=form | {"backend": "local", "requested_actions": "run_all"})
    made = JobRequest.select().order_by(JobRequest.id.desc()).get()
    assert answer.headers["Location"] == f"/asthma/{made.id}/"
    assert (made.status, made.jobs_total) == ("nothing_to_do", 0)
    with ada.session_transaction() as session:
        assert session["_flashes"] == [("info", "All actions have already completed successfully")]


def test_the_preview_is_of_the_chosen_backend(ada: FlaskClient, end: Callable[..., dict[str, Job]]) -> None:
    add_backend(by="system", slug="harbour", name="Harbour")
    end("clean", clean="succeeded")
    assert "clean is reused" in words(preview(ada, "table1"))
    assert "clean will run" in words(preview(ada, "table1", backend="harbour"))
    assert "Select a backend" in words(preview(ada, "table1", backend=""))


def test_the_preview_is_what_submitting_then_does(
    ada: FlaskClient, end: Callable[..., dict[str, Job]], ask: Callable[..., JobRequest]
) -> None:
    old = end("clean", clean="succeeded")["clean"]
    assert "1 runs at once, 1 runs after others and 1 is reused." in words(preview(ada, "report"))
    made = ask("report")
    assert [job.action for job in made.jobs.order_by(Job.position)] == ["table1", "report"]
    assert made.jobs.order_by(Job.position)[0].needs == {"clean": old.identifier}


def test_an_unknown_action_in_a_link_is_told_in_the_preview(ada: FlaskClient) -> None:
    assert "Action 'reprot' not found in project.yaml. Did you mean 'report'?" in words(
        preview(ada, "reprot")
    )


def test_the_preview_button_shows_the_same_without_javascript(ada: FlaskClient) -> None:
    token = re.search(r'csrf_token" value="([^"]+)', ada.get(PAGE).text)[1]
    form = {"csrf_token": token, "backend": "local", "requested_actions": "table1", "preview": "1"}
    page = ada.post(PAGE, data=form)
    assert page.status_code == 200
    assert "1 runs at once and 1 runs after others." in words(page.text)
    assert re.search(r'value="table1" checked', page.text)
    assert JobRequest.select().count() == 0
