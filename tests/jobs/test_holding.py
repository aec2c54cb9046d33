"""What keeps a pending job from starting, in its order; and the active jobs as the engine reads them turn after turn."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.jobs.active import ActiveJobs
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.holding import Facts, Hold, Supplier, can_write_the_same, hold, patterns_of, room_code
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.projects.models import Workspace
from jobsite.settings import Settings

from .conftest import Study, project_yaml
from .stages import HIGH, job

AT = datetime(2026, 11, 2, 9)
FREE = Facts(
    code="created", is_database_action=False, is_paused=False, is_in_maintenance=False, retry_at=None
)


def test_a_job_that_nothing_holds_waits_only_for_room() -> None:
    assert hold(FREE, AT) is None
    ended = (Supplier("a", "succeeded"), Supplier("b", "succeeded"))
    assert hold(replace(FREE, suppliers=ended), AT) is None
    assert hold(replace(FREE, retry_at=AT), AT) is None


def test_the_first_reason_in_the_order_is_the_one_that_is_told() -> None:
    everything = replace(
        FREE,
        code="waiting_on_new_task",
        is_database_action=True,
        is_paused=True,
        is_in_maintenance=True,
        retry_at=AT + timedelta(minutes=1),
        suppliers=(Supplier("a", "running"), Supplier("b", "failed")),
        writers=("c",),
        refusal="No job can run.",
    )
    told = []
    for change in (
        {},
        {"retry_at": None},
        {"is_paused": False},
        {"is_in_maintenance": False},
        {"suppliers": (Supplier("a", "running"),)},
        {"suppliers": ()},
        {"writers": ()},
        {"refusal": None},
    ):
        everything = replace(everything, **change)
        held = hold(everything, AT)
        told.append(held and held.code)
    assert told == [
        "waiting_on_new_task",
        "paused",
        "waiting_db_maintenance",
        "dependency_failed",
        "waiting_on_dependencies",
        "waiting_on_dependencies",
        "waiting_on_workers",
        None,
    ]


def test_a_job_that_waits_for_its_next_try_or_for_a_restart_keeps_its_words() -> None:
    retried = replace(FREE, code="waiting_on_new_task", retry_at=AT + timedelta(seconds=1))
    assert hold(retried, AT) == Hold("waiting_on_new_task", keeps=True)
    stopped = replace(FREE, code="waiting_on_reboot", is_paused=True)
    assert hold(stopped, AT) == Hold("paused", keeps=True)
    assert hold(replace(stopped, code="created"), AT) == Hold("paused")


def test_maintenance_of_the_database_holds_database_jobs_alone() -> None:
    assert hold(replace(FREE, is_in_maintenance=True), AT) is None
    assert hold(replace(FREE, is_in_maintenance=True, is_database_action=True), AT) == Hold(
        "waiting_db_maintenance"
    )


@pytest.mark.parametrize(("state", "how"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_a_supplier_that_ended_badly_ends_the_job_and_is_named(state: str, how: str) -> None:
    held = hold(replace(FREE, suppliers=(Supplier("a", "running"), Supplier("b", state))), AT)
    assert held == Hold("dependency_failed", f"Not starting as dependency failed: b ({how})", names=("b",))


def test_all_suppliers_that_are_waited_for_are_named() -> None:
    states = ("pending", "succeeded", "running")
    held = hold(replace(FREE, suppliers=tuple(Supplier(f"of-{state}", state) for state in states)), AT)
    assert held and held.names == ("of-pending", "of-running")
    assert held.message == "Waiting on dependencies: of-pending, of-running"


def test_what_waits_only_for_room_is_told_which_room() -> None:
    assert room_code(False, 1) == ("waiting_on_workers", "Waiting on available workers")
    assert room_code(True, 1) == ("waiting_on_db_workers", "Waiting on available database workers")
    assert room_code(False, 2)[1] == "Waiting on available workers for resource intensive job"


def test_patterns_of_all_levels_count_and_those_that_can_name_one_file_collide() -> None:
    outputs = {"highly_sensitive": {"a": "out/*.csv"}, "moderately_sensitive": {"b": "out/t.txt"}}
    assert patterns_of(outputs) == ("out/*.csv", "out/t.txt")
    assert can_write_the_same(("out/*.csv",), ("out/x.csv", "other.csv"))
    assert not can_write_the_same(("out/*.csv",), ("out/x.txt", "out/deep/x.csv"))


# --- the jobs of a turn --------------------------------------------------------------------------------------------

SLEEP = "import time; time.sleep(600)"
NAMES = ("one", "two", "three")


@pytest.fixture
def three(study: Study, ask: Callable[..., JobRequest]) -> JobRequest:
    """A request of three independent jobs."""
    steps = {name: (f"python:v2 s.py {name}", [], {HIGH: {"x": f"{name}.csv"}}) for name in NAMES}
    study.commit(project__yaml=project_yaml(**steps), s__py=SLEEP)
    return ask("run_all")


def test_active_jobs_are_those_that_run_or_wait_oldest_first(three: JobRequest) -> None:
    active = ActiveJobs()
    assert [one.action for one in active.read()] == list(NAMES)
    Job.update(state="succeeded", status_code="succeeded").where(Job.action == "two").execute()
    assert [one.action for one in active.read()] == ["one", "three"]
    Job.update(state="pending", status_code="created").where(Job.action == "two").execute()
    assert [one.action for one in active.read()] == list(NAMES)


def test_a_row_is_read_again_only_when_it_has_changed(three: JobRequest) -> None:
    active = ActiveJobs()
    before = active.read()
    Job.update(status_code="paused", status_message="x").where(Job.action == "two").execute()
    after = active.read()
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert after[1].status_code == "paused"


def test_backend_and_workspace_are_as_they_are_now_though_the_job_has_not_changed(three: JobRequest) -> None:
    active = ActiveJobs()
    assert [one.backend.is_paused for one in active.read()] == [False, False, False]
    backends.pause(by="system", backend=Backend.get())
    Workspace.update(branch="other").execute()
    assert {(one.backend.is_paused, one.workspace.branch) for one in active.read()} == {(True, "other")}


def test_a_turn_reads_jobs_and_surroundings_in_three_queries(
    three: JobRequest, queries: Callable[[], Any]
) -> None:
    active = ActiveJobs()
    active.read()
    with queries() as counted:
        active.read()
    assert len(counted) == 3


# --- jobs that can write the same files (B25) ----------------------------------------------------------------------

RUNNING = {"one": "one/*.csv", "two": "two/*.csv", "three": "three/*.csv"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Room for many jobs at once, so that only their outputs hold them."""
    return replace(settings, max_workers=10)


@pytest.fixture
def asked(
    study: Study, ask: Callable[..., JobRequest], engine: Engine, instance: Path
) -> Iterator[Callable[..., None]]:
    """`asked(same="two/t.csv")`: three jobs of one workspace run, and these are asked for and looked at once."""

    def more(**outputs: str) -> None:
        paths = RUNNING | outputs
        steps = {name: (f"python:v2 s.py {name}", [], {HIGH: {"x": path}}) for name, path in paths.items()}
        study.commit(project__yaml=project_yaml(**steps), s__py=SLEEP)
        ask(*RUNNING)
        engine.turn()
        assert {one.state for one in Job.select()} == {"running"}
        ask(*outputs)
        engine.turn()

    yield more
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def said(action: str) -> tuple[str, str]:
    return job(action).state, job(action).status_message


def test_a_job_waits_for_each_running_job_that_can_write_its_files_and_for_no_other(
    asked: Callable[..., None], engine: Engine
) -> None:
    asked(same="two/t.csv", both="t*/a.csv", apart="apart/*.csv")
    assert said("same") == ("pending", "Waiting on dependencies: two (running, and can write the same files)")
    assert said("both") == (
        "pending",
        "Waiting on dependencies: two, three (running, and can write the same files)",
    )
    assert job("apart").state == "running"
    Job.update(state="succeeded", status_code="succeeded").where(Job.action == "two").execute()
    engine.turn()
    assert job("same").state == "running"
    assert said("both") == (
        "pending",
        "Waiting on dependencies: three (running, and can write the same files)",
    )
    Job.update(state="failed", status_code="nonzero_exit").where(Job.action == "three").execute()
    engine.turn()
    assert job("both").state == "running"


def test_of_two_that_could_start_in_one_turn_and_write_the_same_only_one_starts(
    asked: Callable[..., None], engine: Engine
) -> None:
    asked(left="new/*.csv", right="new/t.csv", apart="apart/*.csv")
    assert sorted(job(name).state for name in ("left", "right")) == ["pending", "running"]
    assert job("apart").state == "running"
