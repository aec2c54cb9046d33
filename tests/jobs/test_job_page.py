"""The page of one job: its life, what it used, and what of its outputs may be known where."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.core.clock import now
from jobsite.jobs.actions import move
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.settings import Settings

from ..sided import public_side_of
from .conftest import Study, project_yaml

HIGH = "highly_sensitive"
MODERATE = "moderately_sensitive"
SignIn = Callable[[FlaskClient, str], FlaskClient]
LIVE = {"HX-Request": "true", "HX-Target": "live", "HX-Together": "1"}
UNRELEASED = ("output/secret_rows.csv", "output/deaths_by_ward.csv")


@pytest.fixture
def done(study: Study, ask: Callable[..., JobRequest]) -> Job:
    """A job that succeeded and left two files, known by patterns in project.yaml."""
    outputs = {HIGH: {"rows": "output/*rows.csv"}, MODERATE: {"table": "output/*ward.csv"}}
    study.commit(project__yaml=project_yaml(only=("python:v2 only.py --flag", [], outputs)))
    job = Job.get(Job.job_request == ask("only"))
    started = now()
    for code in ("initiated", "preparing", "executing", "finalizing", "succeeded"):
        move(job, code)
    attempt(
        job, exit_code=0, end_reason="exited", peak_memory=123_000_000, cpu_seconds=75.0, ended_at=started
    )
    for path, level in zip(UNRELEASED, (HIGH, MODERATE), strict=True):
        JobOutput.create(job=job, path=path, level=level, sha256="0" * 64, size=2048)
    return job


def attempt(job: Job, number: int = 1, **facts: Any) -> Attempt:
    return Attempt.create(
        job=job, number=number, identifier=f"{job.identifier}-{number:03}", created_at=now(), **facts
    )


def path(job: Job) -> str:
    return f"/asthma/{job.job_request_id}/{job.identifier}/"


def test_the_life_of_a_job_is_told_step_by_step(client: FlaskClient, done: Job) -> None:
    page = client.get(path(done)).text
    told = [
        "Created",
        "Job executing on the backend",
        "Preparing its files",
        "Running",
        "Saving outputs",
        "Completed",
    ]
    places = [page.index(f"{words}", page.index('<ol class="timeline">')) for words in told]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("asked", "end", "words"),
    [
        ("executing", "cancelled_by_user", "Saving its log"),
        ("finalizing", "cancelled_by_user", "Saving outputs"),
        ("", "nonzero_exit", "Saving its log"),
        ("", "unmatched_patterns", "Saving its log"),
        ("", "internal_error", "Saving outputs"),
    ],
)
def test_the_timeline_says_what_was_saved(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest], asked: str, end: str, words: str
) -> None:
    study.commit(project__yaml=project_yaml(only=("python:v2 a.py", [], {HIGH: {"x": "x.csv"}})))
    job = Job.get(Job.job_request == ask("only"))
    for code in ("initiated", "executing", "finalizing", end):
        move(job, code)
        if code == asked:
            Job.update(cancel_asked_at=now(), cancel_asked_by="ada").execute()
    timeline = client.get(path(job)).text.partition('<ol class="timeline">')[2].partition("</ol>")[0]
    assert re.findall("Saving [a-z ]+", timeline) == [words]


def test_the_page_says_what_ran(client: FlaskClient, done: Job) -> None:
    page = client.get(path(done)).text
    for fact in (
        "<h1>only</h1>",
        done.identifier,
        "python:v2 only.py --flag",
        done.job_request.commit,
        "Ada Adewale",
    ):
        assert fact in page
    assert "hx-trigger" not in page


@pytest.mark.parametrize("person", [None, "ben", "dan", "pat", "sam"])
def test_names_of_unreleased_files_are_kept_from_who_may_not_see_them(
    client: FlaskClient, done: Job, sign_in: SignIn, person: str | None
) -> None:
    if person:
        sign_in(client, person)
    page = client.get(path(done)).text
    assert not any(name in page for name in UNRELEASED)
    assert "output/*rows.csv" in page, "what project.yaml asks for is no secret"
    assert "/log/" not in page


@pytest.mark.parametrize("person", ["ada", "cat"])
def test_who_may_see_unreleased_outputs_finds_them_from_the_job(
    client: FlaskClient, done: Job, sign_in: SignIn, person: str
) -> None:
    sign_in(client, person)
    page = client.get(path(done)).text
    assert all(name in page for name in UNRELEASED)
    assert 'href="/asthma/level-4/local/output/deaths_by_ward.csv"' in page
    assert 'href="/asthma/level-4/local/output/secret_rows.csv"' not in page
    assert "Highly sensitive: 1 file" in page and "Moderately sensitive: 1 file" in page


def test_the_public_side_shows_no_file_to_anybody(settings: Settings, done: Job, sign_in: SignIn) -> None:
    public = create_app(public_side_of(settings)).test_client()
    sign_in(public, "ada")
    page = public.get(path(done)).text
    assert not any(name in page for name in UNRELEASED)
    assert "/log/" not in page and "Highly sensitive: 1 file" not in page


def test_what_it_used_is_shown_to_people_with_a_role(client: FlaskClient, done: Job, sign_in: SignIn) -> None:
    assert "Peak memory" not in client.get(path(done)).text
    sign_in(client, "ben")
    assert "Peak memory 117.3 MiB of 4.0 GiB, CPU time 00:01:15" in client.get(path(done)).text


def test_a_failed_job_says_what_to_do_and_where_its_log_is(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest]
) -> None:
    study.commit(project__yaml=project_yaml(only=("python:v2 only.py", [], {MODERATE: {"out": "out.csv"}})))
    job = Job.get(Job.job_request == ask("only"))
    move(job, "initiated")
    attempt(job, exit_code=137, end_reason="out_of_memory")
    move(job, "nonzero_exit", "Job exited with an error: Job ran out of memory (limit was 4.29GB)")
    page = client.get(path(job)).text
    assert "Job ran out of memory (limit was 4.29GB)" in page
    assert "<code>metadata/only.log</code>" in page
    assert "out of memory, exit code 137" in page
    assert "Its exit code was 137: killed by an administrator or by a memory limit." in page
    assert "Read the end of its log" in page


def test_every_attempt_is_listed(client: FlaskClient, done: Job, sign_in: SignIn) -> None:
    attempt(done, 2, exit_code=1, end_reason="exited")
    sign_in(client, "ada")
    page = client.get(path(done)).text
    assert page.count("<strong>Attempt 1</strong>") == page.count("<strong>Attempt 2</strong>") == 1
    assert f"{path(done)}log/?attempt=1" in page and f"{path(done)}log/?attempt=2" in page


def test_the_page_follows_a_job_and_stops_when_it_has_ended(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest]
) -> None:
    study.commit(project__yaml=project_yaml(only=("python:v2 only.py", [], {MODERATE: {"out": "out.csv"}})))
    job = Job.get(Job.job_request == ask("only"))
    assert client.get(path(job)).text.count('hx-trigger="every 1s"') == 1
    move(job, "initiated")
    told = client.get(f"{path(job)}?seen=created", headers=LIVE).text
    assert "only: Running. Job executing on the backend" in told and "hx-trigger" in told
    assert 'hx-swap-oob="innerHTML"></p>' in client.get(f"{path(job)}?seen=initiated", headers=LIVE).text
    move(job, "succeeded")
    last = client.get(f"{path(job)}?seen=initiated", headers=LIVE).text
    assert "only: Succeeded. Completed successfully" in last and "hx-trigger" not in last


def test_a_cancellation_that_is_not_yet_confirmed_is_told(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest]
) -> None:
    study.commit(project__yaml=project_yaml(only=("python:v2 only.py", [], {MODERATE: {"out": "out.csv"}})))
    job = Job.get(Job.job_request == ask("only"))
    move(job, "initiated", cancel_asked_at=now(), cancel_asked_by="ada")
    page = client.get(path(job)).text
    assert "Cancellation was asked for by ada." in page and "Cancelling" in page
    assert "It is being cancelled." in page


def test_the_needs_of_a_job_lead_to_the_jobs_that_supplied_them(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest]
) -> None:
    study.commit(
        project__yaml=project_yaml(
            first=("python:v2 a.py", [], {MODERATE: {"out": "a.csv"}}),
            second=("python:v2 b.py", ["first"], {MODERATE: {"out": "b.csv"}}),
        )
    )
    request = ask("second")
    jobs = {job.action: job for job in Job.select().where(Job.job_request == request)}
    assert f'href="/jobs/{jobs["first"].identifier}/">first</a>' in client.get(path(jobs["second"])).text


def test_a_job_of_another_machine_is_told_by_its_times(client: FlaskClient, done: Job) -> None:
    moment = now() - timedelta(days=400)
    Job.update(identifier="fromelsewhere234", started_at=moment, completed_at=moment).execute()
    page = client.get(f"/asthma/{done.job_request_id}/fromelsewhere234/").text
    timeline = page[page.index('<ol class="timeline">') :]
    assert "Started" in timeline and "Succeeded" in timeline


def test_the_page_asks_the_database_ten_times_at_most(
    client: FlaskClient, done: Job, sign_in: SignIn, queries: Callable[[], Any]
) -> None:
    for number in range(200):
        JobOutput.create(job=done, path=f"output/{number}.csv", level=MODERATE, sha256="0" * 64, size=1)
    sign_in(client, "ada")
    with queries() as seen:
        client.get(path(done))
    assert len(seen) <= 10, seen


def test_a_job_that_failed_with_inputs_asks_the_database_ten_times_at_most(
    client: FlaskClient,
    study: Study,
    ask: Callable[..., JobRequest],
    sign_in: SignIn,
    queries: Callable[[], Any],
) -> None:
    wanted = {MODERATE: {"out": "a.csv"}}
    study.commit(
        project__yaml=project_yaml(
            first=("python:v2 a.py", [], wanted),
            second=("python:v2 b.py", ["first"], {MODERATE: {"out": "b.csv"}}),
        )
    )
    request = ask("second")
    jobs = {job.action: job for job in Job.select().where(Job.job_request == request)}
    for name in ("first", "second"):
        move(jobs[name], "initiated")
        move(jobs[name], "succeeded")
    JobOutput.create(job=jobs["first"], path=UNRELEASED[0], level=HIGH, sha256="0" * 64, size=1)
    again = Job.get((Job.job_request == ask("second")) & (Job.action == "second"))
    move(again, "initiated")
    attempt(again, exit_code=1, end_reason="exited", ended_at=now())
    move(again, "nonzero_exit")
    Job.update(needs={"first": jobs["first"].identifier}).where(Job.id == again.id).execute()
    sign_in(client, "ada")
    with queries() as seen:
        page = client.get(path(again)).text
    assert len(seen) <= 10, seen
    assert (
        f'The outputs of its last success stay as they were: request <a href="/asthma/{request.id}/"' in page
    )
    assert UNRELEASED[0] in page and ": 1 file" in page
    other = client.application.test_client()
    sign_in(other, "ben")
    told = other.get(path(again)).text
    assert UNRELEASED[0] not in told and ": 1 file" in told
    assert ": 1 file" not in client.application.test_client().get(path(again)).text
