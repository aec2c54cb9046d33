"""The database is asked whether it is in maintenance: by real programs, and by effect on a running job."""

import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.core import clock, queue
from jobsite.core.events import Event
from jobsite.jobs import tasks
from jobsite.jobs.backend_alerts import QUIET, open_alerts
from jobsite.jobs.database_status import LONGEST_ANSWER, NoAnswer, check_database, run_program
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.settings import Settings, use

from ..databases import everything
from .conftest import Study, project_yaml
from .stages import HIGH, job

MARK = "MARK-OF-THE-DATABASE-5518"
SLEEP = "import time; time.sleep(600)"
Answers = Callable[[str], None]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Where the program's code lies."""
    return tmp_path / "in_maintenance_mode.py"


@pytest.fixture
def answers(program: Path, settings: Settings, local: Backend) -> Answers:
    """`answers("print('none;0')")`: from now on the program that is asked runs this code."""

    def run(code: str) -> None:
        program.write_text(code)
        command = (sys.executable, "-I", str(program))
        use(replace(settings, database_status_command=command, database_env={"DATABASE_URL": f"db://{MARK}"}))

    return run


def state() -> tuple[bool, int]:
    """Whether the backend is in maintenance, and how many alerts stand."""
    return Backend.get().is_in_maintenance_mode, len(open_alerts())


@pytest.mark.parametrize(
    ("said", "expected"),
    [("db-maintenance", True), ("db-maintenance;2", True), ("none;1", False), ("", False)],
)
def test_an_answer_of_the_list_sets_the_mode(answers: Answers, said: str, expected: bool) -> None:
    answers(f"print('looking at {MARK}')\nprint('{said}')" if said else "")
    check_database()
    assert state() == (expected, 0)


def test_the_end_of_maintenance_is_taken_over_too(answers: Answers) -> None:
    answers("print('db-maintenance')")
    check_database()
    answers("print('none;0')")
    check_database()
    assert state() == (False, 0)
    types = [one.type for one in Event.select().where(Event.type.startswith("backend:maintenance"))]
    assert types == ["backend:maintenance-started", "backend:maintenance-ended"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f"print('{MARK}')", "gave an answer that is none of those allowed"),
        ("print('db-maintenance;3')", "gave an answer that is none of those allowed"),
        ("print('db-maintenance'); raise SystemExit(1)", "ended with an error"),
        (f"import sys; sys.stdout.buffer.write(b'\\xff{MARK}' * 100)", "none of those allowed"),
    ],
)
def test_anything_else_changes_nothing_and_tells_the_operator_once(
    answers: Answers, instance: Path, code: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers("print('db-maintenance')")
    check_database()
    answers(code)
    with caplog.at_level(logging.INFO):
        check_database()
        check_database()
    assert state() == (True, 1), "it stays as it was"
    assert words in open_alerts()[0].sentence and "(2 times)" in open_alerts()[0].sentence
    assert Event.select().where(Event.type == "backend:alert").count() == 1
    assert MARK.encode() not in everything(instance) + caplog.text.encode(), "what it printed goes nowhere"


def test_a_program_that_is_not_there_is_told(
    settings: Settings, local: Backend, answers: Answers, tmp_path: Path
) -> None:
    use(replace(settings, database_status_command=(str(tmp_path / "nothing"),)))
    check_database()
    assert open_alerts()[0].sentence.startswith("The program of DATABASE_STATUS_COMMAND could not be started")


def test_a_program_that_hangs_is_ended_with_all_that_it_started(answers: Answers, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    answers(f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open({str(pids)!r}, "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)
""")
    check_database(patience=1.0)
    assert state() == (False, 1)
    assert "gave no answer in time" in open_alerts()[0].sentence
    assert pids.exists(), "it was there"
    for pid in pids.read_text().split():
        until = time.monotonic() + 10
        while Path(f"/proc/{pid}/stat").exists() and ") Z " not in Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_program_that_prints_without_end_is_ended_and_fills_no_memory(answers: Answers) -> None:
    answers("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    with pytest.raises(NoAnswer, match="too_slow"):
        run_program((sys.executable, "-c", "import sys\nwhile True: sys.stdout.write('x' * 65536)"), 0.5)
    long = f"print('x' * {10 * LONGEST_ANSWER})\nprint('none;0')"
    assert run_program((sys.executable, "-c", long)) == "none;0"


def test_the_program_gets_the_variables_of_the_database_and_no_other(
    answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")
    seen = tmp_path / "seen.json"
    answers(f"import json, os\njson.dump(dict(os.environ), open({str(seen)!r}, 'w'))")
    check_database()
    found = json.loads(seen.read_text())
    assert found["DATABASE_URL"] == f"db://{MARK}"
    assert set(found) <= {"DATABASE_URL", "PATH", "HOME", "LC_ALL", "LC_CTYPE"}


def test_words_are_never_read_by_a_shell(answers: Answers, tmp_path: Path) -> None:
    answers("")
    marker = tmp_path / "made"
    code = "import sys; print(sys.argv[1] == sys.argv[2] and 'none;0')"
    word = f"$(touch {marker}); touch {marker}"
    assert run_program((sys.executable, "-c", code, word, word)) == "none;0"
    assert not marker.exists()


def test_what_a_person_switched_on_wins(answers: Answers, local: Backend) -> None:
    backends.start_maintenance(by="system", backend=local)
    answers("print('none;0')")
    check_database()
    assert state() == (True, 0)


def test_with_checks_disabled_nobody_is_asked(answers: Answers, local: Backend, tmp_path: Path) -> None:
    backends.set_checks(by="system", backend=local, disabled=True)
    asked = tmp_path / "asked"
    answers(f"open({str(asked)!r}, 'w'); print('db-maintenance')")
    check_database()
    assert state() == (False, 0) and not asked.exists()


def test_an_answer_ends_the_alert_after_a_while(answers: Answers) -> None:
    answers("print('?')")
    check_database()
    answers("print('none;0')")
    check_database()
    tasks.end_alerts()
    assert len(open_alerts()) == 1
    with clock.at(clock.now() + QUIET):
        tasks.end_alerts()
    assert open_alerts() == []


def test_where_nobody_is_asked_any_more_the_alert_ends_too(answers: Answers, local: Backend) -> None:
    answers("print('?')")
    check_database()
    backends.set_checks(by="system", backend=local, disabled=True)
    check_database()
    with clock.at(clock.now() + QUIET):
        tasks.end_alerts()
    assert open_alerts() == []


def test_a_running_database_job_is_stopped_by_the_answer_and_runs_again_after_it(
    answers: Answers, study: Study, ask: Callable[..., JobRequest], run_until: Callable[..., None]
) -> None:
    text = project_yaml(only=("python:v2 only.py", [], {HIGH: {"out": "only.csv"}}))
    study.commit(project__yaml=text, only__py=SLEEP)
    ask("only")
    Job.update(is_database_action=True).execute()
    run_until(lambda: job().status_code == "executing")
    answers("print('db-maintenance')")
    tasks.ask_database()
    run_until(lambda: job().state == "pending")
    assert job().status_code == "waiting_db_maintenance"
    assert not executor().observe(attempt_dir(job(), Attempt.get())).alive
    answers("print('none;0')")
    tasks.ask_database()
    run_until(lambda: job().status_code == "executing")
    executor().kill_now(attempt_dir(job(), Attempt.select().order_by(Attempt.id.desc()).get()))


def test_it_is_asked_every_five_minutes_where_jobs_run(
    answers: Answers, settings: Settings, tmp_path: Path
) -> None:
    assert queue.ticks("secure")["ask_database"] == 5
    assert "ask_database" not in queue.ticks("public")
    asked = tmp_path / "asked"
    command = (sys.executable, "-c", f"open({str(asked)!r}, 'w')")
    use(replace(settings, database_status_command=command))
    tasks.ask_database()
    assert asked.exists()
