"""What every executor does, by the numbers of its contract (docs/executors.md)."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import STAGES, AttemptSpec, InputFile, Refused, read_samples, read_spec
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.logs.reader import LogReader

from .conftest import PYTHON, Study, ended, log_shows, output, processes_with, run, said, until

ROOT = Path(__file__).parents[3]
WAIT_FOR_EVER = "import time\nprint('up', flush=True)\ntime.sleep(1000)\n"


def test_a_spec_survives_its_way_through_json(study: Study) -> None:
    spec = study.spec(
        "0" * 40, ("/bin/true",), inputs=(InputFile("a", "/b", "c"),), labels={"action": "tables"}
    )
    assert AttemptSpec.from_json(json.loads(json.dumps(spec.as_json()))) == spec


# --- the run itself


@pytest.mark.parametrize(
    ("code", "exit_code", "number"),
    [
        ("", 0, None),
        ("raise SystemExit(3)", 3, None),
        ("import os; os.kill(os.getpid(), 6)", 134, 6),
        ("import os; os.kill(os.getpid(), 9)", 137, 9),
    ],
)
def test_the_exit_code_is_the_programs_own(
    executor: Sandbox, study: Study, code: str, exit_code: int, number: int | None
) -> None:
    end = run(executor, study.script(code))
    assert (end.reason, end.exit_code, end.signal) == ("exited", exit_code, number)


def test_a_program_that_is_not_there_ends_with_127(executor: Sandbox, study: Study) -> None:
    end = run(executor, study.spec(study.commit({}), ("/usr/bin/no-such-program",)))
    assert (end.reason, end.exit_code) == ("exited", 127)
    assert (b"No such file" if executor.name == "container" else b"no-such-program") in output(
        study.specs[-1]
    )


def test_the_record_tells_times_use_and_limits(executor: Sandbox, study: Study) -> None:
    before = records.now()
    spec = study.script("data = bytearray(60_000_000)\nsum(range(4_000_000))\nprint('done')\n")
    end = run(executor, spec)
    assert before <= end.started_at < end.ended_at <= records.now()
    assert end.cpu_seconds > 0
    assert 60_000_000 < end.peak_memory_bytes < spec.limits.memory_bytes
    assert end.limits["memory_bytes"] == spec.limits.memory_bytes
    assert set(end.enforced) >= {"memory", "cpus", "processes", "disk", "walls"}
    assert end.log_bytes == len(b"done\n")
    with LogReader(Path(spec.attempt_dir, "log")) as log:
        assert end.log_lines == log.line_count()


def test_stages_come_in_order_with_their_times(executor: Sandbox, study: Study) -> None:
    spec = study.script("")
    assert executor.observe(spec.attempt_dir).stage is None
    run(executor, spec)
    seen = executor.observe(spec.attempt_dir)
    assert seen.stage == "executed"
    assert tuple(seen.times) == STAGES
    assert list(seen.times.values()) == sorted(seen.times.values())


def test_use_is_sampled_while_the_job_runs(executor: Sandbox, study: Study) -> None:
    spec = study.script("data = bytearray(50_000_000)\nwhile True: pass\n")
    executor.launch(spec)
    until(lambda: any(one.memory_bytes > 50_000_000 for one in read_samples(spec.attempt_dir, 5)))
    last = until(lambda: [one for one in read_samples(spec.attempt_dir) if one.cpu_seconds > 0.1])[0]
    assert last.processes == 1
    assert len(read_samples(spec.attempt_dir, 100)) > 1
    executor.kill_now(spec.attempt_dir)


def test_both_streams_are_logged_in_the_order_they_were_written(executor: Sandbox, study: Study) -> None:
    code = (
        "import os, time\n"
        "for number in range(20):\n"
        "    os.write(1 + number % 2, b'%d\\n' % number)\n"
        "    time.sleep(0.02)\n"
    )
    spec = study.script(code)
    run(executor, spec)
    with LogReader(Path(spec.attempt_dir, "log")) as log:
        shown = [(line.stream, line.text) for line in log.window(1, 100).lines if line.stream != "system"]
    assert shown == [(("stdout", "stderr")[number % 2], str(number)) for number in range(20)]


def test_lines_can_be_read_while_the_job_runs(executor: Sandbox, study: Study) -> None:
    spec = study.script(WAIT_FOR_EVER)
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up\n"))
    assert executor.observe(spec.attempt_dir).alive
    executor.kill_now(spec.attempt_dir)


def test_a_flood_of_output_is_kept_whole(executor: Sandbox, study: Study) -> None:
    spec = study.script("import sys\nfor n in range(200_000): print(n)\nsys.stdout.write('no newline')\n")
    run(executor, spec)
    assert output(spec) == b"".join(b"%d\n" % number for number in range(200_000)) + b"no newline"


# --- what the job finds


def test_the_job_sees_the_files_of_its_commit_and_its_inputs(executor: Sandbox, study: Study) -> None:
    commit = study.commit(
        {"a.txt": "old", "deep/er/b.bin": b"\0\xff", "in/put.csv": "from the repository", "run.sh": "true"},
        {"link": "deep/er/b.bin", "deep/up": "../a.txt"},
    )
    later = study.commit({"a.txt": "new", "other.txt": "x"})
    assert later != commit
    spec = study.spec(
        commit,
        ("/bin/sh", "-c", "find . ! -type d | sort; cat a.txt in/put.csv deep/up"),
        inputs=(study.recorded("in/put.csv", b"from the store"), study.recorded("new/in.csv", b"1,2\n")),
    )
    assert run(executor, spec).exit_code == 0
    names = ["./a.txt", "./deep/er/b.bin", "./deep/up", "./in/put.csv", "./link", "./new/in.csv", "./run.sh"]
    assert output(spec).decode() == "".join(f"{name}\n" for name in names) + "oldfrom the storeold"
    listing = json.loads(Path(spec.attempt_dir, "prepared.json").read_text())
    assert sorted(f"./{name}" for name in listing) == names
    for name, (size, modified, inode, sha256) in listing.items():
        facts = os.lstat(Path(spec.work_dir, name))
        assert (facts.st_size, facts.st_mtime_ns, facts.st_ino) == (size, modified, inode)
        assert sha256 == next((one.sha256 for one in spec.inputs if one.path == name), None)


def test_the_environment_is_the_one_of_the_contract(executor: Sandbox, study: Study) -> None:
    spec = study.script(
        "import os, json; print(json.dumps(dict(os.environ)))",
        environment={"OPENSAFELY_BACKEND": "north", "DATABASE_URL": "postgresql://secret"},
    )
    run(executor, spec)
    seen = json.loads(output(spec))
    for engines_own in ("PWD", *(("HOSTNAME", "TERM", "container") if executor.name == "container" else ())):
        seen.pop(engines_own, None)
    assert seen == {
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PATH": seen["PATH"]
        if executor.name == "container" or not PYTHON.startswith("/usr/bin/")
        else "/usr/bin:/usr/local/bin:/usr/bin:/bin",
        "OPENSAFELY_BACKEND": "north",
        "DATABASE_URL": "postgresql://secret",
    }


def test_secrets_never_stand_on_a_command_line(executor: Sandbox, study: Study) -> None:
    word = f"secret-of-{os.getpid()}-{executor.name}"
    spec = study.script(WAIT_FOR_EVER, word, environment={"DATABASE_URL": "postgresql://user:hunter2@db"})
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    lines = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_with(word))
    assert b"analysis/job.py" in lines
    assert b"hunter2" not in lines
    executor.kill_now(spec.attempt_dir)


def test_a_job_is_an_ordinary_user_with_nothing_to_read_from(executor: Sandbox, study: Study) -> None:
    spec = study.script(
        "import os, sys\n"
        "print(os.getuid() == 0, os.getgid() == 0, 0 in os.getgroups(), sys.stdin.read() == '')\n"
        "print(sorted(os.listdir('/proc/self/fd')))\n"
    )
    run(executor, spec)
    assert output(spec).decode().splitlines() == ["False False False True", "['0', '1', '2', '3']"]


# --- refusals before the run


@pytest.mark.parametrize(
    ("files", "links", "words"),
    [
        ({}, {"out": "/etc/passwd"}, "out -> /etc/passwd"),
        ({}, {"a/out": "../../x"}, "a/out -> ../../x"),
        ({}, {"up": "..", "b": "up/x"}, "leads outside"),
        ({"s/x": ""}, {"s/l": "..", "t": "s/l/.."}, "t -> s/l/.."),
    ],
)
def test_a_link_that_leads_outside_is_refused(
    executor: Sandbox, study: Study, files: dict, links: dict, words: str
) -> None:
    spec = study.spec(study.commit(files, links), ("/bin/true",))
    end = run(executor, spec)
    assert (end.reason, end.exit_code) == ("job_error", None)
    assert words in end.sentence
    assert words in said(spec)[-1]


def test_links_that_stay_inside_are_made(executor: Sandbox, study: Study) -> None:
    links = {
        "a": "x/../y",
        "x/up": "..",
        "b": "x/up/y",
        "round": "trip",
        "trip": "round",
        "dangling": "nothing",
    }
    spec = study.spec(study.commit({"y": "here", "x/f": ""}, links), ("/bin/cat", "a", "b"))
    assert run(executor, spec).exit_code == 0
    assert output(spec) == b"herehere"


def test_a_commit_that_is_gone_is_a_job_error(executor: Sandbox, study: Study) -> None:
    end = run(executor, study.spec("1" * 40, ("/bin/true",)))
    assert end.reason == "job_error"
    assert "1" * 40 in end.sentence


def test_a_repository_that_is_gone_is_the_platforms_fault(executor: Sandbox, study: Study) -> None:
    end = run(executor, study.spec("1" * 40, ("/bin/true",), repo=str(study.root / "nothing.git")))
    assert end.reason == "platform"
    assert "nothing.git" in end.detail


@pytest.mark.parametrize("harm", ["missing", "changed", "link", "folder"])
def test_an_input_that_is_not_the_recorded_one_is_named(executor: Sandbox, study: Study, harm: str) -> None:
    recorded = study.recorded("cohort.csv", b"patient_id\n1\n")
    source = Path(recorded.source)
    if harm == "changed":
        source.write_bytes(b"patient_id\n2\n")
    else:
        source.unlink()
    if harm == "link":
        (study.root / "elsewhere").write_bytes(b"patient_id\n1\n")
        source.symlink_to(study.root / "elsewhere")
    if harm == "folder":
        source.mkdir()
    end = run(executor, study.spec(study.commit({}), ("/bin/true",), inputs=(recorded,)))
    assert end.reason == "job_error"
    assert "cohort.csv" in end.sentence


def test_an_input_below_a_link_of_the_repository_is_refused(executor: Sandbox, study: Study) -> None:
    commit = study.commit({"data/x": ""}, {"output": "data"})
    end = run(executor, study.spec(commit, ("/bin/true",), inputs=(study.recorded("output/a.csv", b"1"),)))
    assert end.reason == "job_error"
    assert "output/a.csv" in end.sentence


def test_submodules_and_git_attributes_do_not_change_the_files(executor: Sandbox, study: Study) -> None:
    commit = study.commit(
        {".gitattributes": "*.txt export-ignore\n*.md eol=crlf\n", "a.txt": "a\n", "b.md": "b\n"}
    )
    spec = study.spec(commit, ("/bin/cat", "a.txt", "b.md"))
    run(executor, spec)
    assert output(spec) == b"a\nb\n"


# --- 2. launch


def test_launching_many_times_at_once_runs_the_program_once(executor: Sandbox, study: Study) -> None:
    spec = study.script("import time\nprint('ran')\ntime.sleep(0.3)\n")
    threads = [threading.Thread(target=executor.launch, args=(spec,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
        seen = executor.observe(spec.attempt_dir)
        assert seen.alive or seen.exit
    ended(executor, spec)
    executor.launch(spec)
    assert output(spec) == b"ran\n"
    assert executor.observe(spec.attempt_dir).exit.log_bytes == 4


def test_launch_writes_the_spec_that_recovery_reads(executor: Sandbox, study: Study) -> None:
    spec = study.script("")
    with pytest.raises(Refused, match="cannot be read"):
        read_spec(spec.attempt_dir)
    run(executor, spec)
    assert read_spec(spec.attempt_dir) == replace(spec, executor=executor.name)


@pytest.mark.parametrize(
    "relative", [{"repo": "repos/study.git"}, {"work_dir": "work"}, {"attempt_dir": "jobs"}]
)
def test_relative_paths_are_refused(executor: Sandbox, study: Study, relative: dict[str, str]) -> None:
    with pytest.raises(Refused, match="absolute"):
        executor.launch(replace(study.script(""), **relative))


def test_a_program_of_this_machine_is_named_by_its_absolute_path(sandbox: Sandbox, study: Study) -> None:
    with pytest.raises(Refused, match="absolute"):
        sandbox.launch(replace(study.script(""), argv=("python",)))


def test_a_job_outlives_the_killed_server_without_losing_a_byte(executor: Sandbox, study: Study) -> None:
    code = "import time\nfor n in range(150):\n    print(n, flush=True)\n    time.sleep(0.005)\n"
    spec = study.script(code)
    server = (
        "import sys, json, time; sys.path.insert(0, sys.argv[1])\n"
        f"from jobsite.jobs.executors.{type(executor).__module__.rsplit('.', 1)[1]} import {type(executor).__name__}\n"
        "from jobsite.jobs.executors.contract import AttemptSpec\n"
        f"{type(executor).__name__}().launch(AttemptSpec.from_json(json.loads(sys.argv[2])))\n"
        "print('launched', flush=True); time.sleep(1000)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", server, str(ROOT), json.dumps(spec.as_json())],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"launched\n"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert ended(executor, spec).exit_code == 0
    assert output(spec) == b"".join(b"%d\n" % number for number in range(150))


# --- 3. observe


def test_observing_nothing_gives_nothing(executor: Sandbox, tmp_path: Path) -> None:
    seen = executor.observe(tmp_path / "nothing")
    assert (seen.stage, seen.alive, seen.exit, seen.times) == (None, False, None, {})
    (tmp_path / "exit.json").write_text('{"reason":')
    (tmp_path / "stage.json").write_text("[]")
    assert executor.observe(tmp_path).exit is None


def test_a_lost_supervisor_is_seen_and_its_program_is_not_run_again(executor: Sandbox, study: Study) -> None:
    word = f"lost-of-{os.getpid()}-{executor.name}"
    spec = study.script(WAIT_FOR_EVER, word)
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    os.kill(records.read(spec.attempt_dir, records.SUPERVISOR)["pid"], signal.SIGKILL)
    until(lambda: not executor.observe(spec.attempt_dir).alive)
    seen = executor.observe(spec.attempt_dir)
    assert (seen.exit, seen.stage, seen.host_restarted) == (None, "executing", False)
    end = run(executor, spec)
    assert end.reason == "platform"
    assert output(spec) == b"up\n"
    for pid in processes_with(word) if executor.name == "unsafe" else ():
        os.kill(pid, signal.SIGKILL)


def test_a_restart_of_the_machine_is_told_from_a_crash(
    executor_of_this_machine: Sandbox, study: Study
) -> None:
    executor = executor_of_this_machine
    spec = study.script("")
    Path(spec.attempt_dir).mkdir(parents=True)
    supervisor = Path(spec.attempt_dir, records.SUPERVISOR)
    earlier = {"pid": os.getpid(), "start": 1, "boot": "an earlier one"}
    records.write(spec.attempt_dir, records.SUPERVISOR, earlier)
    seen = executor.observe(spec.attempt_dir)
    assert (seen.alive, seen.host_restarted) == (False, True)
    supervisor.write_text("")  # as a power cut may leave it
    assert not executor.observe(spec.attempt_dir).host_restarted
    stage = {"stage": "executing", "times": {}, "boot": "an earlier one"}
    records.write(spec.attempt_dir, records.STAGE, stage)
    assert executor.observe(spec.attempt_dir).host_restarted
    end = run(executor, spec)
    assert (end.reason, end.fault) == ("platform", "host_restarted")


# --- 4. cancel, 5. kill_now, limits


POLITE = (
    "import os, signal, time\n"
    "def stop(*_):\n    os.write(1, b'saving\\n')\n    os._exit(5)\n"
    "signal.signal(signal.SIGTERM, stop)\n"
    "print('up', flush=True)\ntime.sleep(1000)\n"
)
STUBBORN = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)', sys.argv[1]])\n"
    "    os._exit(0)\n"
    "print('up', flush=True)\n"
    "while True: time.sleep(1)\n"
)


def test_cancel_lets_the_program_tidy_up(executor: Sandbox, study: Study) -> None:
    spec = study.script(POLITE)
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    executor.cancel(spec.attempt_dir)
    end = ended(executor, spec)
    assert (end.reason, end.exit_code) == ("cancelled", 5)
    assert output(spec) == b"up\nsaving\n"


def test_a_cancelled_attempt_ends_only_when_all_its_processes_are_gone(
    executor: Sandbox, study: Study
) -> None:
    word = f"stray-of-{os.getpid()}-{executor.name}"
    spec = study.script(STUBBORN, word, limits={"grace_seconds": 0.3})
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up") and len(processes_with(word)) >= 2)
    executor.cancel(spec.attempt_dir)
    executor.cancel(spec.attempt_dir)
    until(lambda: executor.observe(spec.attempt_dir).exit)
    assert processes_with(word) == []
    assert executor.observe(spec.attempt_dir).exit.reason == "cancelled"


def test_whoever_cancels_does_not_wait_for_a_program_that_will_not_end(
    executor: Sandbox, study: Study
) -> None:
    spec = study.script(STUBBORN, "deaf", limits={"grace_seconds": 3600})
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    executor.cancel(spec.attempt_dir)
    assert ended(executor, spec).reason == "cancelled"


def test_a_program_that_leaves_processes_behind_ends_with_them(executor: Sandbox, study: Study) -> None:
    word = f"left-of-{os.getpid()}-{executor.name}"
    spec = study.script(STUBBORN.replace("while True: time.sleep(1)", "sys.exit(0)"), word)
    assert run(executor, spec).exit_code == 0
    assert processes_with(word) == []


def test_kill_now_returns_when_nothing_is_left(executor: Sandbox, study: Study) -> None:
    word = f"killed-of-{os.getpid()}-{executor.name}"
    spec = study.script(STUBBORN, word)
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    executor.kill_now(spec.attempt_dir)
    assert processes_with(word) == []
    seen = executor.observe(spec.attempt_dir)
    assert (seen.alive, seen.exit.reason) == (False, "cancelled")


def test_a_cancel_before_the_launch_holds(executor: Sandbox, study: Study) -> None:
    spec = study.script("print('ran')")
    executor.cancel(spec.attempt_dir)
    end = run(executor, spec)
    assert (end.reason, end.exit_code) == ("cancelled", None)
    assert output(spec) == b""


def test_a_cancel_in_the_moment_of_the_start_is_heard(executor: Sandbox, study: Study) -> None:
    for _ in range(1 if executor.name == "container" else 3):
        spec = study.script(WAIT_FOR_EVER)
        executor.launch(spec)
        until(lambda spec=spec: executor.observe(spec.attempt_dir).stage == "executing")
        executor.cancel(spec.attempt_dir)
        assert ended(executor, spec).reason == "cancelled", "long before the grace is over"


def test_a_cancel_after_the_end_changes_nothing(executor: Sandbox, study: Study) -> None:
    spec = study.script("raise SystemExit(4)")
    end = run(executor, spec)
    executor.cancel(spec.attempt_dir)
    executor.kill_now(spec.attempt_dir)
    executor.launch(spec)
    assert executor.observe(spec.attempt_dir).exit == end


def test_a_bare_sigterm_means_cancel(executor: Sandbox, study: Study) -> None:
    spec = study.script(POLITE)
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    os.kill(records.read(spec.attempt_dir, records.SUPERVISOR)["pid"], signal.SIGTERM)
    end = ended(executor, spec)
    assert (end.reason, end.exit_code) == ("cancelled", 5)


def test_the_time_limit_ends_the_program(executor: Sandbox, study: Study) -> None:
    spec = study.script(POLITE, limits={"time_seconds": 0.5})
    end = run(executor, spec)
    assert (end.reason, end.exit_code) == ("time_limit", 5)
    assert "time limit of 0.5 s" in end.sentence


def test_too_much_memory_is_told_apart_from_a_failure(executor: Sandbox, study: Study) -> None:
    code = (
        "import time\nkept = []\nwhile True:\n    kept.append(bytearray(4_000_000))\n    time.sleep(0.01)\n"
    )
    spec = study.script(code, limits={"memory_bytes": 96 * 1024**2})
    end = run(executor, spec)
    assert end.reason == "out_of_memory"
    assert end.sentence == "Job ran out of memory (limit was 0.09GB)."
    assert said(spec)[-1] == end.sentence


def test_memory_is_counted_over_all_processes_together(executor: Sandbox, study: Study) -> None:
    code = (
        "import os, time\n"
        "for _ in range(6):\n"
        "    if os.fork() == 0:\n"
        "        kept = bytearray(30_000_000)\n"
        "        for at in range(0, len(kept), 4096): kept[at] = 1\n"
        "        time.sleep(1000)\n"
        "    time.sleep(0.1)\n"
        "time.sleep(1000)\n"
    )
    end = run(executor, study.script(code, limits={"memory_bytes": 128 * 1024**2}))
    assert end.reason == "out_of_memory"


def test_the_disk_limit_counts_all_files_together(executor: Sandbox, study: Study) -> None:
    code = (
        "import os, time\n"
        "for number in range(40):\n"
        "    os.makedirs(f'd{number}')\n"
        "    open(f'd{number}/f', 'wb').write(bytes(1_000_000))\n"
        "print('up', flush=True)\ntime.sleep(1000)\n"
    )
    end = run(executor, study.script(code, limits={"disk_bytes": 20_000_000}))
    assert end.reason == "disk_limit"
    assert "20,000,000 bytes" in end.sentence


def test_the_log_limit_does_not_stop_the_job(executor: Sandbox, study: Study) -> None:
    spec = study.script("for n in range(5000): print(n, 'x' * 50)", limits={"log_bytes": 50_000})
    assert run(executor, spec).exit_code == 0
    assert any(re.search(r"\d lines .* were left out here", line) for line in said(spec))
    assert output(spec).endswith(b"4999 " + b"x" * 50 + b"\n")


# --- 6. clean, 7. sweep


def test_clean_removes_all_a_job_can_make_and_follows_no_link(executor: Sandbox, study: Study) -> None:
    outside = study.root / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    spec = study.script(
        "import os, sys\n"
        f"os.symlink({str(outside)!r}, 'link')\n"
        "os.makedirs('closed/in'); open('closed/in/f', 'w').close(); os.chmod('closed/in', 0); os.chmod('closed', 0)\n"
        "for _ in range(1500):\n    os.mkdir('deep'); os.chdir('deep')\n"
    )
    assert run(executor, spec).exit_code == 0
    executor.clean(spec)
    executor.clean(spec)
    assert not os.path.lexists(spec.work_dir)
    assert (outside / "kept").read_text() == "kept"


def test_clean_refuses_while_the_attempt_runs(executor: Sandbox, study: Study) -> None:
    spec = study.script(WAIT_FOR_EVER)
    executor.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    with pytest.raises(Refused, match="still runs"):
        executor.clean(spec)
    assert Path(spec.work_dir, "analysis/job.py").exists()
    executor.kill_now(spec.attempt_dir)
    executor.clean(spec)


def test_sweep_removes_what_belongs_to_no_active_attempt(executor: Sandbox, study: Study) -> None:
    work = study.root / "work"
    for name in ("a-001", "b-001", "c-002"):
        (work / name / "deep").mkdir(parents=True)
    (work / "stray").write_text("a file")
    os.symlink(study.root / "repos", work / "link")
    swept = executor.sweep(work, active=lambda: {"b-001"})
    assert swept.removed == ("a-001", "c-002", "link", "stray")
    assert swept.failed == ()
    assert os.listdir(work) == ["b-001"]
    assert study.repo.exists()
    assert executor.sweep(study.root / "not there", active=set).removed == ()
