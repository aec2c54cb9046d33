"""kill -9 of the server while a job runs: the job runs on, is found again, and not a line of its log is lost."""

import json
from pathlib import Path

import pytest

from ..databases import copied_instance
from ..servers import Server, jobs_in, jobsite, jobsite_json, until
from .conftest import LINES

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("server")]


@pytest.fixture
def instance(made: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return copied_instance(made, tmp_path / "instance")


def state_of(instance: Path) -> str:
    return jobs_in(instance)[0]["status_code"]


def log_of(instance: Path) -> bytes:
    return b"".join(path.read_bytes() for path in instance.glob("jobs/*/*/log"))


def test_a_job_outlives_the_server_with_every_line_of_its_log(instance: Path) -> None:
    with Server(instance) as server:
        made = jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")
        job = made["jobs"][0]["identifier"]
        until(lambda: b"line 0005" in log_of(instance))
        server.kill()
    with Server(instance) as server:
        until(lambda: state_of(instance) == "succeeded")
        log = jobsite(instance, "log", job).stdout
        assert server.stop() == 0
    wanted = [f"line {number:04} of the slow job" for number in range(LINES)]
    assert [line for line in log.splitlines() if line.startswith("line")] == wanted
    assert [line for line in log.splitlines() if line.startswith("note")] == [
        f"note {n:04}" for n in range(0, LINES, 7)
    ]
    assert (instance / "workspaces/level4/asthma/done.csv").read_text() == f"lines\n{LINES}\n"
    assert len(list((instance / "jobs" / job).iterdir())) == 1, "one attempt, not two"
    assert jobsite(instance, "verify-log").returncode == 0


def test_losing_the_queue_file_loses_nothing(instance: Path) -> None:
    with Server(instance) as server:
        jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")
        until(lambda: state_of(instance) == "executing")
        server.kill()
    for path in instance.glob("huey.db*"):
        path.unlink()
    with Server(instance):
        until(lambda: state_of(instance) == "succeeded")


def test_sigterm_leaves_jobs_running_and_exits_cleanly(instance: Path) -> None:
    with Server(instance) as server:
        jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")
        until(lambda: state_of(instance) == "executing")
        assert server.stop() == 0
    with Server(instance):
        until(lambda: state_of(instance) == "succeeded")


@pytest.mark.sqlite_only("with PostgreSQL a second server stands by")
@pytest.mark.sqlite_only("with PostgreSQL several servers share an instance")
def test_a_second_server_on_one_instance_refuses_with_a_sentence(instance: Path) -> None:
    with Server(instance):
        done = jobsite(instance, "serve", "--port", "0")
        assert done.returncode == 1
        assert "Another jobsite server is already running" in done.stderr
        assert "Traceback" not in done.stderr


def test_waiting_runs_the_jobs_itself_where_no_server_does(instance: Path) -> None:
    done = jobsite(instance, "request", "asthma", "slow", "--by", "ada", "--wait", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["status"]) == (0, "succeeded")
    assert document["jobs"][0] | {"identifier": "-"} == {
        "identifier": "-",
        "action": "slow",
        "status": "succeeded",
        "status_code": "succeeded",
        "status_message": "Completed successfully",
    }
    assert [one["verdict"] for one in document["plan"]] == ["run"]
