"""The supervisor after a crash of itself or its server, between any two of its steps."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobsite.jobs.executors import processes, records
from jobsite.jobs.executors.contract import Refused
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.preparing import JobError, Stopped, prepare

from .executors.conftest import Study, ended, log_shows, output, run, study, until

ROOT = Path(__file__).parents[2]

__all__ = ["study"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox()
    if reason := made.available():
        pytest.fail(reason)
    yield made


def test_it_needs_neither_web_nor_database_nor_any_package() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import jobsite.jobs.supervisor; import jobsite.jobs.logs.reader\n"
        "print([name for name in sys.modules if name.split('.')[0] not in sys.stdlib_module_names | {'jobsite'}])\n"
        "print([name for name in sys.modules if name.startswith(('jobsite.core', 'sqlite3', 'asyncio'))])\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "['__main__']\n[]\n"


@pytest.mark.parametrize("first", ["", 'IFS= read -r line; printf "%s\\n" "$line" | {git} "$@"; '])
def test_a_git_that_is_killed_is_no_fault_of_the_study(
    sandbox: Sandbox, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Before it has said anything, and when it has given the names of the files but not their contents."""
    (tmp_path / "git").write_text(f"#!/bin/sh\n{first.format(git=shutil.which('git'))}kill -9 $$\n")
    (tmp_path / "git").chmod(0o755)
    spec = study.script("print('ran')")
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        end = run(sandbox, spec)
    assert (end.reason, end.fault, end.exit_code) == ("platform", "files", None)
    assert "git was ended by signal 9" in end.detail


@pytest.mark.parametrize("stage", ["preparing", "prepared"])
def test_a_half_made_directory_is_thrown_away_and_the_program_starts_once(
    sandbox: Sandbox, study: Study, stage: str
) -> None:
    spec = study.script("import os; print(sorted(os.listdir('.')))")
    Path(spec.attempt_dir).mkdir(parents=True)
    records.enter_stage(spec.attempt_dir, stage)
    left = Path(spec.work_dir)
    (left / "half").mkdir(parents=True)
    (left / "half" / "made").write_text("x")
    assert run(sandbox, spec).exit_code == 0
    assert output(spec) == b"['analysis']\n"


@pytest.mark.parametrize("stage", ["executing", "executed"])
def test_what_was_started_is_never_started_again(sandbox: Sandbox, study: Study, stage: str) -> None:
    spec = study.script("print('ran')")
    Path(spec.attempt_dir).mkdir(parents=True)
    records.enter_stage(spec.attempt_dir, stage)
    end = run(sandbox, spec)
    assert (end.reason, end.exit_code) == ("platform", None)
    assert output(spec) == b""


@pytest.mark.parametrize("harm", ["{", "[]", "{}", '{"attempt": "x"}', "\x00", '{"argv": 5}'])
def test_a_spec_that_cannot_be_read_ends_with_a_record(study: Study, harm: str) -> None:
    spec = study.script("")
    folder = Path(spec.attempt_dir)
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(harm)
    boot = "import sys; sys.path.insert(0, sys.argv[1]); from jobsite.jobs.supervisor import main; main(sys.argv[2])"
    subprocess.run([sys.executable, "-c", boot, str(ROOT), str(folder)], check=True, timeout=60)
    end = ended(Sandbox(), spec)
    assert end.reason == "platform"
    assert "spec.json" in end.detail


def test_a_supervisor_that_cannot_start_says_why(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("")
    folder = Path(spec.attempt_dir)
    (folder / "supervisor.lock").mkdir(parents=True)
    with pytest.raises(Refused, match="supervisor.lock"):
        sandbox.launch(spec)
    (folder / "supervisor.lock").rmdir()


def test_it_holds_nothing_of_the_server(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("import time; print('up', flush=True); time.sleep(1000)")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    sandbox.launch(spec)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)
    until(lambda: log_shows(spec, b"up"))
    pid = records.read(spec.attempt_dir, records.SUPERVISOR)["pid"]
    assert os.getsid(pid) != os.getsid(0)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)} == {"/dev/null"}
    sandbox.kill_now(spec.attempt_dir)


def test_a_cancel_while_preparing_stops_it_between_two_files(study: Study) -> None:
    spec = study.spec(study.commit({f"f{number}": "x" for number in range(9)}), ("/bin/true",))
    Path(spec.attempt_dir).mkdir(parents=True)
    answers = iter([False, False, False, True])
    with pytest.raises(Stopped):
        prepare(spec, lambda: next(answers))
    assert len(os.listdir(spec.work_dir)) == 3
    assert not Path(spec.attempt_dir, records.PREPARED).exists()


def test_a_cancel_that_is_already_there_ends_it_while_preparing(sandbox: Sandbox, study: Study) -> None:
    spec = study.spec(study.commit({"f": "x"}), ("/bin/true",))
    sandbox.cancel(spec.attempt_dir)
    assert run(sandbox, spec).reason == "cancelled"
    assert tuple(sandbox.observe(spec.attempt_dir).times) == ("preparing",)
    assert os.listdir(spec.work_dir) == []


def test_a_repository_that_lacks_a_part_is_the_platforms_fault(sandbox: Sandbox, study: Study) -> None:
    spec = study.spec(study.commit({"f": "some content"}), ("/bin/true",))
    blob = study.git("rev-parse", f"{spec.commit}:f", at=study.repo)
    (study.repo / "objects" / blob[:2] / blob[2:]).unlink()
    end = run(sandbox, spec)
    assert end.reason == "platform"
    assert blob in end.detail


@pytest.mark.parametrize(
    "name", [".git/config", "a/.GIT/x", "../x", "a//b", "/etc/x", "./x", "", "a/..", "nul\0"]
)
def test_an_input_with_a_name_that_leads_elsewhere_is_refused(study: Study, name: str) -> None:
    good = study.recorded("good.csv", b"1")
    spec = study.spec(study.commit({}), ("/bin/true",), inputs=(replace(good, path=name),))
    with pytest.raises(JobError, match="name that cannot be used"):
        prepare(spec, lambda: False)
    assert not Path(spec.work_dir).exists()


def test_a_kill_at_any_moment_leaves_a_whole_story(sandbox: Sandbox, study: Study) -> None:
    commit = study.commit({f"f{number}": str(number) for number in range(20)})
    for wait in (0.0, 0.004, 0.01, 0.02, 0.04, 0.08):
        spec = study.spec(commit, ("/bin/sh", "-c", "echo ran; sleep 0.05; echo done"))
        sandbox.launch(spec)
        time.sleep(wait)
        processes.signal_if_alive(records.read(spec.attempt_dir, records.SUPERVISOR), signal.SIGKILL)
        until(lambda spec=spec: not sandbox.observe(spec.attempt_dir).alive)
        end = run(sandbox, spec)
        assert (end.reason, output(spec)) in [
            ("exited", b"ran\ndone\n"),
            ("platform", b""),
            ("platform", b"ran\n"),
            ("platform", b"ran\ndone\n"),
        ]
        sandbox.clean(spec)


def test_records_are_whole_or_absent(tmp_path: Path) -> None:
    records.write(tmp_path, "exit.json", {"reason": "exited"})
    assert json.loads((tmp_path / "exit.json").read_text()) == {"reason": "exited"}
    assert os.listdir(tmp_path) == ["exit.json"]
    assert records.read(tmp_path, "nothing.json") is None


def test_a_number_that_another_process_took_over_is_not_mistaken() -> None:
    mine = processes.identity(os.getpid())
    assert processes.is_alive(mine)
    assert not processes.is_alive({**mine, "start": mine["start"] - 1})
    assert not processes.is_alive({**mine, "boot": "another"})
    assert not processes.signal_if_alive({**mine, "start": mine["start"] - 1}, signal.SIGKILL)
    assert not processes.is_alive(None)


def test_a_dead_process_nobody_reaped_is_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    who = processes.identity(child.pid)
    until(lambda: not processes.is_alive(who))
    child.wait()
