"""Maintenance, pause, restart, operators and faults, by their effect on real running jobs."""

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend, User
from jobsite.core import clock
from jobsite.core.errors import Denied, Invalid
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel
from jobsite.jobs.engine import GIVE_UP_AFTER, Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.executors import records
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.stopping import kill, left_to_stop
from jobsite.jobs.weights import weights_path

from .conftest import Study, project_yaml

HIGH = "highly_sensitive"
Ask = Callable[..., JobRequest]
Run = Callable[[JobRequest], dict[str, Job]]
Until = Callable[[Callable[[], bool]], None]
SLEEP = "import time; print('started', flush=True); time.sleep(600)"
QUICK = "open('out.txt', 'w').write('x')"


@pytest.fixture
def asked(study: Study, ask: Ask) -> Callable[..., JobRequest]:
    """`asked(code, database=True)`: a request of one job that runs this Python code."""

    def one(code: str, *, database: bool = False) -> JobRequest:
        text = project_yaml(only=("python:v2 only.py", [], {HIGH: {"out": "out.txt"}}))
        study.commit(project__yaml=text, only__py=code)
        request = ask("only", force=True)
        Job.update(is_database_action=database).where(Job.job_request == request).execute()
        return request

    return one


@pytest.fixture
def executing(asked: Callable[..., JobRequest], run_until: Until) -> Callable[..., Job]:
    """`executing(database=True)`: a job that sleeps, once it runs."""

    def start(*, database: bool = False) -> Job:
        asked(SLEEP, database=database)
        run_until(lambda: Job.get().status_code == "executing")
        return Job.get()

    return start


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine) -> object:
    """Whatever a test started is ended."""
    yield
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def folder() -> Path:
    attempt = Attempt.select(Attempt, Job).join(Job).order_by(Attempt.number.desc()).get()
    return attempt_dir(attempt.job, attempt)


def make_study_write(study: Study) -> None:
    study.commit(only__py=QUICK)


def test_maintenance_stops_a_running_database_job_and_it_runs_again_afterwards(
    executing: Callable[..., Job], local: Backend, run_until: Until
) -> None:
    executing(database=True)
    backends.start_maintenance(by="system", backend=local)
    run_until(lambda: Job.get().state == "pending")
    assert Job.get().status_code == "waiting_db_maintenance"
    assert not executor().observe(folder()).alive
    assert Job.get().started_at is None
    backends.end_maintenance(by="system", backend=local)
    run_until(lambda: Job.get().status_code == "executing")
    assert [row.fault for row in Attempt.select().order_by(Attempt.number)] == ["", ""]


def test_maintenance_leaves_other_jobs_alone(
    executing: Callable[..., Job], local: Backend, engine: Engine
) -> None:
    executing()
    backends.start_maintenance(by="system", backend=local)
    engine.turn()
    assert (Job.get().state, Job.get().stop_code) == ("running", "")


def test_pause_lets_running_jobs_go_on(executing: Callable[..., Job], local: Backend, engine: Engine) -> None:
    executing()
    backends.pause(by="system", backend=local)
    engine.turn()
    assert (Job.get().state, Job.get().stop_code) == ("running", "")


def test_a_restart_is_safe_only_when_no_job_is_left_and_jobs_start_again_after_it(
    executing: Callable[..., Job], local: Backend, run_until: Until
) -> None:
    executing()
    backends.prepare_for_reboot(by="system", backend=local)
    assert [job.action for job in left_to_stop(local.id)] == ["only"]
    run_until(lambda: not left_to_stop(local.id))
    assert Job.get().status_code == "waiting_on_reboot"
    backends.prepare_for_reboot(by="system", backend=local)
    run_until(lambda: Job.get().status_code == "waiting_on_reboot")
    backends.resume(by="system", backend=local)
    run_until(lambda: Job.get().status_code == "executing")


def test_an_operator_stops_a_running_job_with_a_reason(
    executing: Callable[..., Job], run_until: Until
) -> None:
    kill(by="system", job=executing(), reason="It used  all the disk")
    run_until(lambda: not Job.get().is_active)
    job = Job.get()
    assert (job.state, job.status_code) == ("failed", "killed_by_admin")
    assert job.status_message == "Stopped by an administrator: It used all the disk"
    assert Event.select().where(Event.type == "job:stop-asked").count() == 1


def test_an_operator_gives_a_running_job_a_new_attempt(
    executing: Callable[..., Job], run_until: Until
) -> None:
    kill(by="system", job=executing(), reason="Moved to a faster disk", retry=True)
    run_until(lambda: Attempt.select().count() == 2)
    assert Job.get().attempts_made == 2


def test_an_operator_stops_a_waiting_job_at_once_and_an_ended_one_not_at_all(
    asked: Callable[..., JobRequest],
) -> None:
    asked(SLEEP)
    with pytest.raises(Denied, match="does not run"):
        kill(by="system", job=Job.get(), reason="x", retry=True)
    with pytest.raises(Invalid, match="reason"):
        kill(by="system", job=Job.get(), reason=" ")
    kill(by="system", job=Job.get(), reason="Nonsense")
    assert Job.get().status_code == "killed_by_admin"
    with pytest.raises(Denied, match="already finished"):
        kill(by="system", job=Job.get(), reason="x")


def test_a_cancellation_wins_over_a_stop(
    executing: Callable[..., Job], local: Backend, engine: Engine, run_until: Until
) -> None:
    executing()
    cancel(by=User.get(User.username == "ada"), request=JobRequest.get(), may_cancel=True)
    backends.prepare_for_reboot(by="system", backend=local)
    run_until(lambda: not Job.get().is_active)
    assert Job.get().status_code == "cancelled_by_user"


def test_a_lost_supervisor_is_a_passing_fault_and_the_job_waits_for_its_next_attempt(
    executing: Callable[..., Job], run_until: Until, engine: Engine
) -> None:
    executing()
    os.kill(records.read(folder(), records.SUPERVISOR)["pid"], signal.SIGKILL)
    run_until(lambda: Job.get().state == "pending")
    job = Job.get()
    assert job.status_code == "waiting_on_new_task"
    assert "looked after it was lost; attempt 2 of 4 starts at " in job.status_message
    assert Attempt.get().fault == "supervisor_lost"
    engine.turn()
    assert Job.get().status_code == "waiting_on_new_task"
    with clock.at(job.retry_at + timedelta(seconds=1)):
        engine.turn()
    assert Attempt.select().count() == 2


def test_a_restart_of_the_machine_is_told_apart_from_a_crash(
    executing: Callable[..., Job], run_until: Until
) -> None:
    executing()
    who = records.read(folder(), records.SUPERVISOR)
    os.kill(who["pid"], signal.SIGKILL)
    records.write(folder(), records.SUPERVISOR, {**who, "boot": "before the power cut"})
    run_until(lambda: Attempt.select().count() == 2)
    assert Attempt.get(Attempt.number == 1).fault == "host_restarted"
    run_until(lambda: Job.get().status_code == "executing")


def test_a_signal_from_outside_is_not_taken_for_the_wish_of_the_user(
    executing: Callable[..., Job], run_until: Until
) -> None:
    executing()
    os.kill(records.read(folder(), records.SUPERVISOR)["pid"], signal.SIGTERM)
    run_until(lambda: Attempt.select().count() == 2)
    assert Attempt.get(Attempt.number == 1).fault == "ended_from_outside"


def test_a_passing_database_error_is_tried_again_and_ends_as_the_users_after_the_last_try(
    asked: Callable[..., JobRequest], run_until: Until
) -> None:
    asked("raise SystemExit(3)", database=True)
    for number in (1, 2, 3):
        run_until(lambda: Job.get().status_code == "waiting_on_new_task")
        assert f"attempt {number + 1} of 4 starts at" in Job.get().status_message
        Job.update(retry_at=None).execute()
        run_until(lambda number=number: Attempt.select().count() == number + 1)
    run_until(lambda: not Job.get().is_active)
    assert Job.get().status_code == "nonzero_exit"
    assert Job.get().status_message.endswith("contact support if it keeps failing")


def test_the_same_exit_code_of_another_job_is_never_tried_again(
    asked: Callable[..., JobRequest], run: Run
) -> None:
    assert run(asked("raise SystemExit(3)"))["only"].status_code == "nonzero_exit"
    assert Attempt.select().count() == 1


def test_an_unforeseen_fault_is_tried_once_more_and_then_told(
    asked: Callable[..., JobRequest], run_until: Until, instance: Path
) -> None:
    request = asked(QUICK)
    Job.update(outputs={"highly_sensitive": {"out": 5}}).where(Job.job_request == request).execute()
    run_until(lambda: Attempt.select().count() == 2 or not Job.get().is_active)
    run_until(lambda: not Job.get().is_active)
    assert Job.get().status_code == "internal_error"
    assert "The team has been told" in Job.get().status_message
    assert [row.fault for row in Attempt.select()] == ["platform", "platform"]


def test_limits_come_from_the_weights_and_stand_in_the_sentence(
    asked: Callable[..., JobRequest], run: Run, instance: Path
) -> None:
    path = weights_path(instance, "local")
    path.parent.mkdir()
    path.write_text('[asthma]\n"only" = { memory = "64 MiB", time_limit = "3 h" }\n')
    job = run(asked("x = bytearray(300_000_000); import time; time.sleep(60)"))["only"]
    limits = json.loads((attempt_dir(job, Attempt.get()) / records.EXIT).read_text())["limits"]
    assert (limits["memory_bytes"], limits["time_seconds"]) == (64 * 2**20, 3 * 3600)
    assert job.status_code == "nonzero_exit"
    assert "Job ran out of memory (limit was 0.07GB" in job.status_message


def test_a_time_limit_is_told_apart_from_a_failure(
    asked: Callable[..., JobRequest], run: Run, instance: Path
) -> None:
    path = weights_path(instance, "local")
    path.parent.mkdir()
    path.write_text('[asthma]\n"only" = { time_limit = "1 s" }\n')
    job = run(asked(SLEEP))["only"]
    assert job.status_message == "Job exited with an error: stopped at the time limit of 0:00:01"


def test_two_jobs_that_can_write_the_same_file_never_run_at_once(
    study: Study, ask: Ask, engine: Engine
) -> None:
    text = project_yaml(
        left=("python:v2 sleep.py", [], {HIGH: {"out": "out/*.csv"}}),
        right=("python:v2 sleep.py 2", [], {HIGH: {"out": "out/right*.csv"}}),
    )
    study.commit(project__yaml=text, sleep__py=SLEEP)
    ask("run_all")
    engine.turn()
    assert sorted(job.state for job in Job.select()) == ["pending", "running"]
    engine.turn()
    waits = Job.get(Job.state == "pending")
    assert waits.status_code == "waiting_on_dependencies"
    assert "left (running, and can write the same files)" in waits.status_message


def test_heavy_jobs_take_several_workers_and_say_so(
    study: Study, ask: Ask, engine: Engine, instance: Path
) -> None:
    weights_path(instance, "local").parent.mkdir()
    weights_path(instance, "local").write_text('[default]\n".*" = 2\n')
    text = project_yaml(**{f"a{n}": (f"python:v2 s.py {n}", [], {HIGH: {"x": f"{n}.csv"}}) for n in (1, 2)})
    study.commit(project__yaml=text, s__py=SLEEP)
    ask("run_all")
    engine.turn()
    waits = Job.get(Job.state == "pending")
    assert waits.status_message == "Waiting on available workers for resource intensive job"
    assert waits.ready_at is not None


def test_database_jobs_wait_for_their_own_workers(study: Study, ask: Ask, engine: Engine) -> None:
    names = ("a", "b", "c")
    text = project_yaml(**{n: (f"python:v2 s.py {n}", [], {HIGH: {"x": f"{n}.csv"}}) for n in names})
    study.commit(project__yaml=text, s__py=SLEEP)
    ask("run_all")
    Job.update(is_database_action=True).execute()
    engine.turn()
    assert [job.status_code for job in Job.select().where(Job.state == "pending")] == [
        "waiting_on_db_workers"
    ]


def test_times_never_go_backwards_when_the_clock_is_set_back(
    asked: Callable[..., JobRequest], run: Run, engine: Engine
) -> None:
    request = asked(QUICK)
    with clock.at(Job.get().created_at - timedelta(days=2)):
        job = run(request)["only"]
    attempt = Attempt.get()
    assert job.status_code == "succeeded"
    assert job.created_at <= job.started_at <= job.completed_at
    assert attempt.created_at <= attempt.started_at <= attempt.ended_at


def test_a_job_that_cannot_be_handled_for_minutes_ends_and_says_so(
    asked: Callable[..., JobRequest], engine: Engine
) -> None:
    asked(QUICK)
    Job.update(needs={"other": ["not", "an", "identifier"]}).execute()  # as no program of ours writes it
    moment = Job.get().created_at
    with clock.at(moment):
        engine.turn()
        assert Job.get().state == "pending"
    with clock.at(moment + GIVE_UP_AFTER):
        engine.turn()
    assert Job.get().status_code == "internal_error"
