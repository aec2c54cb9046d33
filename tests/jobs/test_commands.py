"""The commands on jobs, as scripts use them: one JSON document, refusals as a sentence and exit status 1."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jobsite.core.clock import now
from jobsite.core.db import close_database
from jobsite.core.events import Event
from jobsite.jobs.actions import move
from jobsite.jobs.commands import COMMANDS
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.logs.writer import LogWriter
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.settings import Settings, use

from .conftest import Study, project_yaml

MODERATE = "moderately_sensitive"
Command = Callable[..., Result]


@pytest.fixture
def jobsite(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`jobsite("jobs", "--json")`: run a command on this test's instance."""
    monkeypatch.setenv("JOBSITE_ALLOWED_REPOS", " ".join(settings.allowed_repos))
    commands = {command.name: command for command in COMMANDS}

    def run(name: str, *words: str) -> Result:
        close_database()
        result = CliRunner().invoke(commands[name], [*words, "--instance", str(settings.instance)])
        use(settings)
        return result

    return run


@pytest.fixture
def asked(study: Study, ask: Callable[..., JobRequest]) -> JobRequest:
    """A request of two jobs."""
    study.commit(
        project__yaml=project_yaml(
            first=("python:v2 a.py", [], {MODERATE: {"out": "a.csv"}}),
            second=("python:v2 b.py", ["first"], {MODERATE: {"out": "b.csv"}}),
        )
    )
    return ask("second")


def job(action: str) -> Job:
    return Job.get(Job.action == action)


def write_log(job: Job, *parts: bytes) -> None:
    attempt = Attempt.create(job=job, number=1, identifier=f"{job.identifier}-001", created_at=now())
    folder = attempt_dir(job, attempt)
    folder.mkdir(parents=True)
    writer = LogWriter(folder / "log")
    for part in parts:
        writer.feed("stdout", part)
    writer.flush()
    writer.close()


def test_jobs_are_listed_newest_first(jobsite: Command, asked: JobRequest) -> None:
    move(job("first"), "initiated")
    move(job("first"), "succeeded")
    listed = json.loads(jobsite("jobs", "--json").stdout)
    assert [(one["action"], one["status"], one["request"]) for one in listed] == [
        ("second", "pending", asked.id),
        ("first", "succeeded", asked.id),
    ]
    assert [one["action"] for one in json.loads(jobsite("jobs", "--json", "--active").stdout)] == ["second"]
    assert "first: Completed successfully" in jobsite("jobs").stdout


@pytest.mark.parametrize("by", ["number", "identifier"])
def test_a_request_is_cancelled_by_number_or_shortened_identifier(
    jobsite: Command, asked: JobRequest, by: str
) -> None:
    name = str(asked.id) if by == "number" else asked.identifier[:7]
    result = jobsite("cancel", name, "--by", "ada", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["id"], told["cancelled"]) == (asked.id, 2)
    assert [one["status_code"] for one in told["jobs"]] == ["cancelled_by_user"] * 2
    assert [one.state for one in Job.select()] == ["cancelled", "cancelled"]
    again = jobsite("cancel", name, "--by", "ada")
    assert (again.exit_code, again.stderr) == (1, "It has already finished.\n")


def test_one_job_is_cancelled_by_its_action_or_identifier(jobsite: Command, asked: JobRequest) -> None:
    assert jobsite("cancel", str(asked.id), "second", "--by", "ada").exit_code == 0
    assert (job("first").state, job("second").state) == ("pending", "cancelled")
    assert jobsite("cancel", str(asked.id), job("first").identifier[:9], "--by", "ada").exit_code == 0
    assert job("first").state == "cancelled"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("{id}", "--by", "ben"),
            "Only the person who asked for it, or a developer of the project, can cancel it.",
        ),
        (("{id}", "--by", "nobody"), "There is no user nobody."),
        (("777", "--by", "ada"), "There is no job request 777."),
        (("{id}", "third", "--by", "ada"), "has no job third."),
    ],
)
def test_a_refusal_is_a_sentence_and_exit_status_1(
    jobsite: Command, asked: JobRequest, words: tuple[str, ...], sentence: str
) -> None:
    result = jobsite("cancel", *(word.format(id=asked.id) for word in words))
    assert result.exit_code == 1 and sentence in result.stderr
    assert all(one.state == "pending" for one in Job.select())


def test_the_log_is_printed_byte_for_byte(jobsite: Command, asked: JobRequest) -> None:
    write_log(job("first"), b"one\n", b"two \xff\r\n", b"no end")
    assert jobsite("log", job("first").identifier[:8]).stdout_bytes == b"one\ntwo \xff\r\nno end"


def test_following_a_log_ends_with_the_job(jobsite: Command, asked: JobRequest) -> None:
    first = job("first")
    write_log(first, b"all of it\n")
    move(first, "initiated")
    move(first, "succeeded")
    assert jobsite("log", first.identifier, "--follow").stdout_bytes == b"all of it\n"


def test_a_job_without_a_log_says_so(jobsite: Command, asked: JobRequest) -> None:
    result = jobsite("log", job("first").identifier)
    assert result.exit_code == 1 and "has no log yet" in result.stderr


def test_the_public_side_prints_no_log(
    jobsite: Command, asked: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(job("first"), b"secret\n")
    monkeypatch.setenv("JOBSITE_SIDE", "public")
    result = jobsite("log", job("first").identifier)
    assert result.exit_code == 1 and "secret" not in result.output
    assert "This is done on the secure side; this instance is the public side" in result.stderr


def test_events_go_on_from_a_cursor(jobsite: Command, asked: JobRequest) -> None:
    found: list[dict[str, Any]] = json.loads(jobsite("events", "--json").stdout)
    assert [one["cursor"] for one in found] == sorted(one["cursor"] for one in found)
    assert found[-1]["type"] == "request:submit" and found[-1]["by"] == "ada"
    assert json.loads(jobsite("events", "--json", "--since", str(found[-2]["cursor"])).stdout) == found[-1:]
    assert json.loads(jobsite("events", "--json", "--since", "99999").stdout) == []
    assert "request:submit" in jobsite("events").stdout


def test_a_changed_event_is_found(jobsite: Command, asked: JobRequest) -> None:
    sound = jobsite("verify-log")
    assert sound.exit_code == 0 and "sound" in sound.stdout
    changed = Event.get(Event.type == "request:submit")
    Event.update(by="ben").where(Event.id == changed.id).execute()
    result = jobsite("verify-log")
    assert result.exit_code == 1
    assert f"row {changed.id} (request:submit" in result.stderr


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "-1", "\x1b[31m"])
def test_a_number_that_no_row_has_is_a_sentence(jobsite: Command, asked: JobRequest, number: str) -> None:
    for words in (
        ("cancel", "--by", "ada", "--", number),
        ("log", "--", number),
        ("events", "--since", number),
    ):
        done = jobsite(*words)
        assert done.exit_code in (1, 2), (words, done.exception)
        assert isinstance(done.exception, SystemExit), (words, done.exception)
