"""What operators type: kill, prepare-for-reboot, flags, weights."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core.db import close_database
from jobsite.core.events import since
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.weights import weights_path
from jobsite.settings import Settings, use

from .conftest import Study, project_yaml

Command = Callable[..., Result]


@pytest.fixture
def jobsite(settings: Settings, local: object) -> Command:
    """`jobsite("jobs", "kill", …)`: run a command on this test's instance."""

    def run(*words: str) -> Result:
        close_database()
        result = CliRunner().invoke(main, [*words, "--instance", str(settings.instance)])
        use(settings)
        return result

    return run


@pytest.fixture
def waiting(study: Study, ask: Callable[..., JobRequest]) -> Job:
    """A job that has not started."""
    study.commit(
        project__yaml=project_yaml(only=("python:v2 a.py", [], {"highly_sensitive": {"o": "a.csv"}}))
    )
    ask("only")
    return Job.get()


def test_kill_stops_a_job_by_the_beginning_of_its_identifier(jobsite: Command, waiting: Job) -> None:
    result = jobsite("jobs", "kill", waiting.identifier[:8], "--reason", "It fills the disk")
    assert (result.exit_code, result.output) == (0, f"{waiting.identifier} (only) is stopped.\n")
    assert Job.get().status_message == "Stopped by an administrator: It fills the disk"
    again = jobsite("jobs", "kill", waiting.identifier, "--reason", "x")
    assert (again.exit_code, again.output) == (1, "only has already finished.\n")


def test_kill_wants_a_reason(jobsite: Command, waiting: Job) -> None:
    assert jobsite("jobs", "kill", waiting.identifier).exit_code == 2
    assert jobsite("jobs", "kill", waiting.identifier, "--reason", " ").exit_code == 1
    assert Job.get().state == "pending"


def test_the_list_of_jobs_is_still_there(jobsite: Command, waiting: Job) -> None:
    assert json.loads(jobsite("jobs", "--active", "--json").output)[0]["identifier"] == waiting.identifier


def test_preparing_a_restart_says_when_it_is_safe(jobsite: Command, waiting: Job) -> None:
    assert jobsite("backend", "prepare-for-reboot", "local", "--status").output.startswith("Not prepared")
    assert jobsite("backend", "prepare-for-reboot", "local").output.startswith("Safe to reboot")
    Job.update(state="running", status_code="executing").execute()
    status = json.loads(jobsite("backend", "prepare-for-reboot", "local", "--status", "--json").output)
    assert status == {"safe_to_reboot": False, "running": [waiting.identifier]}


def test_flags_are_shown_and_set(jobsite: Command) -> None:
    assert "paused  on" in jobsite("backend", "flags", "local", "paused=on", "paused=on").output
    shown = json.loads(jobsite("backend", "flags", "local", "mode=db-maintenance", "--json").stdout)
    assert (shown["mode"]["on"], shown["manual-db-maintenance"]["on"]) == (True, False)
    shown = json.loads(jobsite("backend", "flags", "local", "manual-db-maintenance=on", "--json").stdout)
    assert shown["manual-db-maintenance"]["on"]


def test_the_operator_s_name_is_written_down(jobsite: Command, waiting: Job) -> None:
    """Each command and the event it leaves."""
    typed = {
        "backend:paused": ("backend", "pause", "local"),
        "backend:resumed": ("backend", "resume", "local"),
        "backend:maintenance-started": ("backend", "maintenance", "local"),
        "backend:maintenance-ended": ("backend", "maintenance", "local", "off"),
        "backend:reboot-prepared": ("backend", "prepare-for-reboot", "local"),
        "job:killed_by_admin": ("jobs", "kill", waiting.identifier, "--reason", "x"),
        "workspace:archived": ("workspace", "archive", "asthma"),
        "workspace:unarchived": ("workspace", "restore", "asthma"),
    }
    for type, words in typed.items():
        result = jobsite(*words, "--by", "sam", "--json")
        assert result.exit_code == 0, result.output
        assert isinstance(json.loads(result.stdout), dict | list)
        written = [event for event in since(0) if event.type == type]
        assert [event.by for event in written] == ["sam"], type
    refused = jobsite("backend", "maintenance", "local", "--by", "ben")
    assert refused.exit_code == 1 and not Backend.get().is_in_maintenance_mode


@pytest.mark.parametrize(
    "words",
    [("pause", "local"), ("resume", "local"), ("maintenance", "local"), ("maintenance", "local", "off")],
)
def test_a_command_may_be_repeated(jobsite: Command, local: Backend, words: tuple[str, ...]) -> None:
    if words[0] == "resume":
        jobsite("backend", "pause", "local")
    first = jobsite("backend", *words, "--json")
    events = len(since(0))
    again = jobsite("backend", *words, "--json")
    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert len(since(0)) == events


def test_a_backend_is_told_as_it_is_now(jobsite: Command) -> None:
    paused = json.loads(jobsite("backend", "pause", "local", "--json").stdout)
    assert (paused["slug"], paused["is_paused"]) == ("local", True)
    assert not json.loads(jobsite("backend", "resume", "local", "--json").stdout)["is_paused"]
    shown = json.loads(jobsite("backend", "maintenance", "local", "on", "--json").stdout)
    assert shown["is_in_maintenance_mode"]
    window = ("--from", "2099-01-01T10:00:00Z", "--until", "2099-01-01T12:00:00Z")
    planned = json.loads(jobsite("backend", "maintenance", "local", *window, "--json").stdout)
    assert planned["maintenance_from"].startswith("2099-01-01T10:00:00")
    assert planned["is_in_maintenance_mode"]


@pytest.mark.parametrize(
    "change", ["paused", "paused=maybe", "colour=on", "rebooting=on", "mode=perhaps", "="]
)
def test_a_flag_that_is_none_is_refused(jobsite: Command, change: str) -> None:
    result = jobsite("backend", "flags", "local", change)
    assert result.exit_code == 1
    assert "flag" in result.output or "check of the database" in result.output


def test_weights_are_shown_or_what_is_wrong_in_them(jobsite: Command, settings: Settings) -> None:
    assert "every job counts 1" in jobsite("backend", "weights", "local").output
    path = weights_path(settings.instance, "local")
    path.parent.mkdir()
    path.write_text('[asthma]\n"big_.*" = { weight = 3, memory = "8 GiB" }\n')
    assert "[asthma]  big_.*  3  job_memory=8589934592" in jobsite("backend", "weights", "local").output
    path.write_text('[asthma]\n"(" = 3\n')
    result = jobsite("backend", "weights", "local")
    assert result.exit_code == 1
    assert "is not a regular expression" in result.output
