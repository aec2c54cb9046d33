"""What becomes of a job that an agent carries out: by its results, when it is cancelled, silent, lost, or late."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from jobsite.accounts.backends import end_maintenance, pause, prepare_for_reboot, resume, start_maintenance
from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core.clock import now
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir
from jobsite.jobs.executors import records
from jobsite.jobs.models import Attempt, Job
from jobsite.jobs.planning import plan_request
from jobsite.jobs.stopping import kill
from jobsite.notifications.watching import MISSING, watch_backends
from jobsite.projects.models import Workspace
from jobsite.settings import Settings, current, use
from jobsite.sync.tasks.actions import declare_lost, end_overdue, set_agent

from .conftest import Agent
from .registry import DIGEST, Registry

Ask = Callable[..., dict[str, Job]]
Handed = Callable[[str], Job]
DONE = (200, {"response": "Update successful"})
BASE = "Job exited with an error"
SECRET = "output/secret_table.csv"

ENDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("finalized", {"exit_code": "0"}, "succeeded", "Completed successfully"),
    ("", {"exit_code": 0, "unmatched_patterns": [], "level4_excluded_files": {}}, "succeeded", "Completed successfully"),
    ("finalized", {"exit_code": "0", "has_level4_excluded_files": True}, "succeeded",
     "Completed successfully, but some file(s) marked as moderately_sensitive were excluded. See job log for details."),
    ("finalized", {"exit_code": "0", "level4_excluded_files": {SECRET: "too large"}}, "succeeded",
     "Completed successfully, but some file(s) marked as moderately_sensitive were excluded. See job log for details."),
    ("finalized", {"exit_code": "0", "has_unmatched_patterns": True, "hint": f"Did you mean {SECRET}?"},
     "unmatched_patterns", "Outputs matching expected patterns were not found. See job log for details."),
    ("finalized", {"exit_code": "0", "unmatched_patterns": [SECRET]}, "unmatched_patterns",
     "Outputs matching expected patterns were not found. See job log for details."),
    ("finalized", {"exit_code": "1"}, "nonzero_exit", BASE),
    ("finalized", {"exit_code": "1", "status_message": BASE}, "nonzero_exit", BASE),
    ("finalized", {"exit_code": "1", "status_message": f"{SECRET} is odd"}, "nonzero_exit", BASE),
    ("finalized", {"exit_code": "127"}, "nonzero_exit", f"{BASE}: the command could not be started in this image"),
    ("finalized", {"exit_code": "4", "status_message": "New data are coming in"}, "nonzero_exit", BASE),
    ("finalized", {"exit_code": "137", "oom_killed": True}, "nonzero_exit", f"{BASE}: Job ran out of memory (limit was 4.29GB)"),
    ("error", {"error": {"exception": "LocalJobError", "message": f"{SECRET} was mislaid", "traceback": SECRET}}, "job_error",
     "The job could not be run: a file that it needs is not there, or its code cannot be read; the records of the agent say which"),
    ("error", {"error": {"exception": "ValueError", "message": SECRET}}, "waiting_on_new_task",
     "The agent of the backend could not carry it out; attempt 2 of 2 starts now"),
    ("error", {}, "waiting_on_new_task", "The agent of the backend could not carry it out; attempt 2 of 2 starts now"),
    ("finalized", {}, "waiting_on_new_task", "The agent of the backend could not carry it out; attempt 2 of 2 starts now"),
    ("finalized", {"exit_code": "ha"}, "waiting_on_new_task", "The agent of the backend could not carry it out; attempt 2 of 2 starts now"),
    ("finalized", {"exit_code": "137", "cancelled": True}, "waiting_on_new_task", "The server ended it; attempt 2 of 6 starts now"),
]  # fmt: skip


def test_results_decide_what_becomes_of_a_job_and_no_name_of_a_file_is_kept(
    agent: Agent, ask: Ask, engine: Engine, instance: Any, run_until: Any
) -> None:
    for stage, results, code, message in ENDS:
        job = ask("other")["other"]
        run_until(lambda: ("runjob", "other") in agent.types())
        task = agent.fetch()[0]["id"]
        assert agent.tell(task, stage, results) == DONE
        assert agent.fetch() == []
        run_until(lambda job=job: Job.get_by_id(job.id).status_code not in ("initiated", "finalizing"))
        ended = Job.get_by_id(job.id)
        if code == "waiting_on_new_task":
            event = Event.select().where(
                Event.type == f"job:{code}", Event.subject == f"job:{job.identifier}"
            )
            assert event.exists(), results
            Job.update(state="failed", completed_at=now()).where(Job.id == job.id).execute()
            continue
        assert (ended.status_code, ended.status_message) == (code, message), results
        assert not ended.output_files.exists()
        assert not [path for path in instance.glob("workspaces/*/*/**/*") if path.is_file()], (
            "no log, no manifest"
        )
    kept = str([list(table.select().tuples()) for table in (Job, Attempt, Event)])
    assert "is odd" not in kept and "mislaid" not in kept
    for path in (instance / "jobs").rglob("*"):
        if path.name not in (records.TASK, records.SPEC) and path.is_file():
            assert "secret" not in path.read_text(), path


def test_stages_are_shown_as_they_come_and_never_go_back(
    agent: Agent, handed: Handed, engine: Engine
) -> None:
    job = handed("other")
    assert job.status_message == "Handed to the agent of the backend, which has not begun"
    task = f"{job.identifier}-001"
    told = [
        ("preparing", "preparing"), ("unknown", "preparing"), ("executing", "executing"), ("prepared", "executing"),
        ("", "executing"), ("executed", "executed"), ("executing", "executed"), ("finalized", "finalizing"),
        ("preparing", "finalizing"),
    ]  # fmt: skip
    for stage, code in told:
        assert agent.tell(task, stage) == DONE
        engine.turn()
        assert Job.get_by_id(job.id).status_code == code, stage
    assert agent.types() == [("runjob", "other")], "finalized alone is no end"


def test_what_is_told_of_time_and_machine_is_kept(agent: Agent, handed: Handed, run_until: Any) -> None:
    job = handed("other")
    task, start = f"{job.identifier}-001", records.now() * 1000
    agent.tell(task, "executing", timestamp_ns=start)
    agent.tell(task, "executed", timestamp_ns=start + 10**15)
    metrics = {"mem_mb_peak": 512, "cpu_cumsum": 250.0, "cpu_peak": "many"}
    agent.tell(task, "finalized", {"exit_code": "3", "docker_image_id": DIGEST, "job_metrics": metrics})
    run_until(lambda: Job.get_by_id(job.id).state == "failed")
    (attempt,) = Attempt.select()
    assert (attempt.exit_code, attempt.peak_memory, attempt.cpu_seconds) == (3, 512 * 2**20, 2.5)
    assert attempt.started_at <= attempt.ended_at <= now(), (
        "a clock that is fast there sets none here forward"
    )
    assert records.read(attempt_dir(job, attempt), records.EXIT)["image"] == DIGEST


def test_a_clock_that_is_slow_there_ends_nothing_and_makes_no_run_longer(
    agent: Agent, handed: Handed, run_until: Any
) -> None:
    job = handed("other")
    task = f"{job.identifier}-001"
    agent.tell(task, "executing", timestamp_ns=1)
    end_overdue()
    assert agent.types() == [("runjob", "other")]
    agent.tell(task, "finalized", {"exit_code": "0"}, timestamp_ns=2)
    run_until(lambda: Job.get_by_id(job.id).state == "succeeded")
    (attempt,) = Attempt.select()
    assert attempt.created_at <= attempt.started_at <= attempt.ended_at


def test_what_an_agent_carries_out_ends_there_when_its_backend_is_taken_from_it(
    agent: Agent, handed: Handed, settings: Settings, run_until: Any
) -> None:
    job = handed("other")
    done = CliRunner().invoke(main, ["backend", "agent", "far", "off", "--instance", str(settings.instance)])
    use(settings)
    assert "1 job is with its agent, and ends there." in done.stdout
    assert agent.types() == [("runjob", "other")]
    assert agent.tell(f"{job.identifier}-001", "finalized", {"exit_code": "0"}) == DONE
    run_until(lambda: Job.get_by_id(job.id).state == "succeeded")
    assert agent.call("tasks/")[0] == 404


def test_an_end_that_comes_twice_or_late_changes_nothing(
    agent: Agent, handed: Handed, run_until: Any
) -> None:
    job = handed("other")
    task = f"{job.identifier}-001"
    assert agent.tell(task, "finalized", {"exit_code": "0"}) == DONE
    for _ in range(2):
        assert agent.tell(task, "finalized", {"exit_code": "1"}) == DONE
        assert agent.tell(task, "preparing") == DONE
        run_until(lambda: Job.get_by_id(job.id).state == "succeeded")
    assert Attempt.select().count() == 1


def test_a_task_that_no_agent_fetched_is_cancelled_at_once(
    agent: Agent, ask: Ask, run_until: Any, cast: SimpleNamespace, engine: Engine
) -> None:
    job = ask("other")["other"]
    run_until(lambda: (attempt_dir(job, Attempt.get()) / records.TASK).exists())
    cancel(by=cast.ada, request=job.job_request, may_cancel=True)
    run_until(lambda: Job.get_by_id(job.id).state == "cancelled")
    assert agent.fetch() == []
    assert agent.tell(f"{job.identifier}-001", "finalized", {"exit_code": "0"}) == DONE
    engine.turn()
    assert Job.get_by_id(job.id).status_code == "cancelled_by_user"


@pytest.mark.parametrize(
    ("ending", "results"),
    [("-cancel", {"cancelled": True, "exit_code": "137"}), ("-cancel", {}), ("", {"exit_code": "0"}),
     ("-cancel", {"error": {"exception": "Odd"}})],
)  # fmt: skip
def test_a_fetched_task_is_cancelled_when_the_agent_has_ended_it_in_whichever_way(
    agent: Agent,
    handed: Handed,
    run_until: Any,
    cast: SimpleNamespace,
    engine: Engine,
    ending: str,
    results: Any,
) -> None:
    job = handed("other")
    agent.tell(f"{job.identifier}-001", "executing")
    cancel(by=cast.ada, request=job.job_request, may_cancel=True)
    run_until(lambda: agent.types() == [("canceljob", "other")])
    (task,) = agent.fetch()
    assert (task["id"], task["definition"]["image_sha"]) == (f"{job.identifier}-001-cancel", None)
    assert task["definition"]["task_id"] == f"{job.identifier}-001"
    assert agent.tell(task["id"], "executed") == DONE
    engine.turn()
    assert Job.get_by_id(job.id).state == "running", "until it has ended it holds its room"
    assert agent.tell(f"{job.identifier}-001{ending}", "finalized", results) == DONE
    run_until(lambda: Job.get_by_id(job.id).status_code == "cancelled_by_user")
    assert agent.fetch() == []


def test_an_operator_stops_a_job_for_good_or_for_another_attempt(
    agent: Agent, handed: Handed, run_until: Any, engine: Engine
) -> None:
    job = handed("other")
    kill(by="system", job=job, reason="It is stuck", retry=True)
    run_until(lambda: agent.types() == [("canceljob", "other")])
    agent.tell(f"{job.identifier}-001-cancel", "finalized", {"cancelled": True})
    run_until(lambda: agent.types() == [("runjob", "other")])
    assert agent.fetch()[0]["id"] == f"{job.identifier}-002"
    kill(by="system", job=Job.get_by_id(job.id), reason="It is stuck")
    run_until(lambda: agent.types() == [("canceljob", "other")])
    agent.tell(f"{job.identifier}-002-cancel", "finalized", {"cancelled": True})
    run_until(lambda: Job.get_by_id(job.id).status_code == "killed_by_admin")
    assert Job.get_by_id(job.id).status_message == "Stopped by an administrator: It is stuck"


def test_pause_maintenance_and_restart_have_their_effect_on_what_an_agent_runs(
    agent: Agent, handed: Handed, ask: Ask, run_until: Any, far: Backend, engine: Engine
) -> None:
    job = handed("visits")
    start_maintenance(by="system", backend=far)
    run_until(lambda: agent.types() == [("canceljob", "visits")])
    agent.tell(f"{job.identifier}-001-cancel", "finalized", {"cancelled": True})
    run_until(lambda: Job.get_by_id(job.id).status_code == "waiting_db_maintenance")
    end_maintenance(by="system", backend=Backend.get_by_id(far.id))
    run_until(lambda: agent.types() == [("runjob", "visits")])
    prepare_for_reboot(by="system", backend=Backend.get_by_id(far.id))
    run_until(lambda: agent.types() == [("canceljob", "visits")])
    agent.tell(f"{job.identifier}-002-cancel", "finalized", {"cancelled": True})
    run_until(lambda: Job.get_by_id(job.id).status_code == "waiting_on_reboot")
    resume(by="system", backend=Backend.get_by_id(far.id))
    run_until(lambda: agent.types() == [("runjob", "visits")])
    pause(by="system", backend=Backend.get_by_id(far.id))
    other = ask("other")["other"]
    engine.turn()
    assert Job.get_by_id(other.id).status_code == "paused" and agent.types() == [("runjob", "visits")]


def test_what_executes_for_too_long_is_ended_with_its_reason(
    agent: Agent, handed: Handed, run_until: Any, settings: Settings
) -> None:
    job = handed("other")
    task, limit = f"{job.identifier}-001", int(settings.job_time_limit.total_seconds())
    agent.tell(task, "executing")

    def executes_since(seconds: int) -> None:
        stage = {"stage": "executing", "times": {"executing": records.now() - seconds * 10**6}}
        records.write(attempt_dir(job, Attempt.get()), records.STAGE, stage)

    executes_since(limit - 1000)
    end_overdue()
    assert agent.types() == [("runjob", "other")]
    executes_since(limit + 1000)
    for _ in range(2):
        end_overdue()
        assert agent.types() == [("canceljob", "other")]
    agent.tell(f"{task}-cancel", "finalized", {"cancelled": True, "exit_code": "137"})
    run_until(lambda: Job.get_by_id(job.id).state == "failed")
    assert Job.get_by_id(job.id).status_message == f"{BASE}: stopped at the time limit of 7 days, 0:00:00"


def test_a_silent_agent_is_told_of_and_its_jobs_stay_until_it_is_declared_lost(
    agent: Agent, handed: Handed, run_until: Any, far: Backend, client: FlaskClient, engine: Engine
) -> None:
    job = handed("other")
    long_ago = now() - timedelta(hours=1)
    Backend.update(last_seen_at=long_ago).where(Backend.id == far.id).execute()
    Job.update(updated_at=long_ago).where(Job.id == job.id).execute()
    watch_backends()
    assert Event.select().where(Event.type == MISSING, Event.subject == "backend:far").exists()
    assert "Missing" in client.get("/status/").text
    page = client.get(f"/asthma/{job.job_request_id}/{job.identifier}/").text
    assert "Far has sent no report for 60 minutes" in page
    engine.turn()
    assert Job.get_by_id(job.id).state == "running"
    assert declare_lost(by="system", backend=far) == 1 and declare_lost(by="system", backend=far) == 0
    run_until(lambda: agent.types() == [("runjob", "other")])
    assert agent.fetch()[0]["id"] == f"{job.identifier}-002"
    assert agent.tell(f"{job.identifier}-001", "finalized", {"exit_code": "0"}) == DONE
    engine.turn()
    assert Job.get_by_id(job.id).state == "running", "the first attempt has ended already"


def test_an_image_that_is_not_there_ends_the_job_and_a_registry_that_is_away_holds_it_up(
    agent: Agent, ask: Ask, run_until: Any, registry: Registry
) -> None:
    wrong = ask("typo")["typo"]
    run_until(lambda: Job.get_by_id(wrong.id).status_code == "job_error")
    assert Job.get_by_id(wrong.id).status_message == (
        f"The job could not be run: There is no image {registry.prefix}/pyhton:v2; check its name and version."
    )
    for number, mode in enumerate(("closed", "broken", "odd", "elsewhere"), 1):
        registry.mode = mode
        job = ask("other")["other"]
        run_until(lambda job=job: Job.get_by_id(job.id).status_code == "waiting_on_new_task")
        said = Job.get_by_id(job.id).status_message
        assert said.startswith("The store of images could not be reached; attempt 2 of 4"), mode
        Job.update(state="failed", completed_at=now()).where(Job.id == job.id).execute()
        assert Attempt.select().where(Attempt.fault == "image_store").count() == number
    registry.mode = "token"
    ask("other")
    run_until(lambda: agent.types() == [("runjob", "other")])


def test_without_a_store_of_images_nothing_is_handed_out(ask: Ask, engine: Engine) -> None:
    object.__setattr__(current(), "agent_images", "")
    job = ask("other")["other"]
    assert (Job.get_by_id(job.id).status_code, Attempt.select().count()) == ("waiting_on_workers", 0)
    assert "AGENT_IMAGES" in Job.get_by_id(job.id).status_message


def test_outputs_count_as_there_for_whoever_has_them(
    agent: Agent, handed: Handed, run_until: Any, workspace: Workspace, far: Backend, engine: Engine
) -> None:
    job = handed("clean")
    agent.tell(f"{job.identifier}-001", "finalized", {"exit_code": "0"})
    run_until(lambda: Job.get_by_id(job.id).state == "succeeded")

    def new() -> list[str]:
        there = Backend.get_by_id(far.id)
        return list(plan_request(workspace, there, newest_definition(workspace), ["table"], force=False).new)

    assert new() == ["table"], "its inputs are with the agent"
    set_agent(by="system", backend=far, to=False)
    assert new() == ["clean", "table"], "this server has no outputs of the agent's"


def test_pages_say_where_log_and_files_are_and_lead_nowhere(
    agent: Agent, handed: Handed, run_until: Any, client: FlaskClient, sign_in: Any, cast: SimpleNamespace
) -> None:
    job = handed("other")
    agent.tell(f"{job.identifier}-001", "finalized", {"exit_code": "1"})
    run_until(lambda: Job.get_by_id(job.id).state == "failed")
    sign_in(client, "ada")
    request = f"/asthma/{job.job_request_id}/"
    page = client.get(f"{request}{job.identifier}/").text
    assert "on the machine of the backend's agent" in page.replace("&#39;", "'") and "/log/" not in page
    assert "/log/" not in client.get(request).text
    for path in ("log/", "log/raw", "log/stream"):
        answer = client.get(f"{request}{job.identifier}/{path}")
        assert answer.status_code == 404 and "the machine of the agent" in answer.text, path
    places = client.get("/asthma/level-4/").text
    assert "log in on the machine of its agent" in places and "/asthma/level-4/far/" not in places
    answer = client.get("/asthma/level-4/far/")
    assert answer.status_code == 404 and "the machine of its agent" in answer.text
