"""What a hostile job finds in the sandbox. Each test lets one try and looks at what came of it."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from jobsite.jobs.executors import cgroups, records, seccomp
from jobsite.jobs.executors.bubblewrap import interpreter_paths
from jobsite.jobs.executors.sandbox import Sandbox
from jobsite.jobs.executors.unsafe import Unsafe

from .conftest import PYTHON, Study, ended, log_shows, output, processes_with, run, said, until

ROOT = Path(__file__).parents[3]

TRY = """
import ctypes, json, os, socket, sys
def attempt(deed):
    try:
        return repr(deed())
    except BaseException as problem:
        return type(problem).__name__
def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    return result if result >= 0 else os.strerror(ctypes.get_errno())
"""


def tell(sandbox: Sandbox, study: Study, expression: str, *arguments: str, **changes: Any) -> Any:
    """What the expression gives inside the sandbox."""
    spec = study.script(f"{TRY}\nprint(json.dumps({expression}))\n", *arguments, **changes)
    assert run(sandbox, spec).exit_code == 0, output(spec)
    return json.loads(output(spec))


def test_a_sandbox_can_be_made_here() -> None:
    assert Sandbox().available() is None


def test_without_bubblewrap_the_refusal_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert "apt-get install bubblewrap" in Sandbox().available()


def test_a_bubblewrap_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(broken))
    assert "No permissions to create new namespace" in Sandbox().available()


# --- files


def test_nothing_of_the_instance_can_be_read(sandbox: Sandbox, study: Study) -> None:
    secrets = [study.root / name for name in ("jobsite.db", "secret.key", "work/other-001/cohort.csv")]
    for secret in secrets:
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("secret")
        secret.chmod(0o644)
    spec = study.script("")
    places = [
        *map(str, secrets),
        str(study.repo),
        spec.attempt_dir,
        spec.work_dir,
        str(study.root),
        "/etc/shadow",
    ]
    seen = tell(sandbox, study, "[attempt(lambda: open(one).read()) for one in sys.argv[1:]]", *places)
    assert seen == ["FileNotFoundError"] * len(places)


def test_only_the_system_the_interpreter_and_the_workspace_are_there(sandbox: Sandbox, study: Study) -> None:
    top, etc, home = tell(
        sandbox,
        study,
        "[os.listdir('/'), os.listdir('/etc'), os.listdir(os.environ['HOME'])]",
        read_only_binds=("/etc/hostname",),
    )
    assert set(top) <= {
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "sbin",
        "tmp",
        "usr",
        "workspace",
    }
    assert set(etc) <= {"R", "alternatives", "fonts", "ld.so.cache", "passwd", "hostname"}
    assert "hostname" in etc
    assert home == []


def test_only_the_workspace_and_scratch_can_be_written(sandbox: Sandbox, study: Study) -> None:
    bound = study.root / "bound"
    bound.mkdir()
    bound.chmod(0o777)
    places = [
        "/workspace",
        "/tmp",
        "/dev/shm",
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/dev",
        "/proc",
        "/proc/sys/kernel",
        str(bound),
    ]
    seen = tell(
        sandbox,
        study,
        "[attempt(lambda: open(one + '/made', 'w').write('x')) for one in sys.argv[1:]]",
        *places,
        read_only_binds=(str(bound),),
    )
    assert seen[:3] == ["1", "1", "1"]
    assert not any(one.isdigit() for one in seen[3:])
    assert os.listdir(bound) == []
    assert not Path("/tmp/made").exists()


def test_a_way_up_from_the_workspace_ends_inside(sandbox: Sandbox, study: Study) -> None:
    (study.root / "work").mkdir()
    (study.root / "work" / "secret").write_text("secret")
    seen = tell(
        sandbox, study, "[attempt(lambda: open(p).read()) for p in ('../secret', '/proc/1/root/../secret')]"
    )
    assert set(seen) <= {"FileNotFoundError", "PermissionError"}


def test_the_environment_and_arguments_of_the_server_stay_out(
    sandbox: Sandbox, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBSITE_SECRET_KEY", "hunter2")
    code = (
        "import os, glob\n"
        "for name in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'):\n"
        "    try: print(name, open(name).read())\n"
        "    except OSError as problem: print(name, problem)\n"
    )
    spec = study.script(code)
    run(sandbox, spec)
    seen = output(spec).decode()
    assert "/proc/1/cmdline" in seen
    assert "hunter2" not in seen
    assert str(study.root) not in seen


# --- network


def test_no_network_is_there_not_even_this_machines_own(sandbox: Sandbox, study: Study) -> None:
    accepted: list[Any] = []
    server = socket.create_server(("127.0.0.1", 0))
    local = socket.socket(socket.AF_UNIX)
    local.bind("\0jobsite-test-" + str(os.getpid()))
    local.listen()
    for listener in (server, local):
        threading.Thread(target=_accept, args=(listener, accepted), daemon=True).start()
    seen = tell(
        sandbox,
        study,
        "[attempt(lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=5)),"
        " attempt(lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + sys.argv[2])),"
        " attempt(lambda: socket.create_connection(('192.0.2.1', 80), timeout=5)),"
        " attempt(lambda: socket.gethostbyname('example.org')),"
        " [name for _, name in socket.if_nameindex()]]",
        str(server.getsockname()[1]),
        "jobsite-test-" + str(os.getpid()),
    )
    for listener in (server, local):
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    assert seen == ["ConnectionRefusedError", "ConnectionRefusedError", "OSError", "gaierror", ["lo"]]
    assert accepted == []


def _accept(listener: socket.socket, accepted: list[Any]) -> None:
    try:
        accepted.append(listener.accept())
    except OSError:
        return


def test_sockets_that_no_network_view_holds_back_are_refused(sandbox: Sandbox, study: Study) -> None:
    # AF_VSOCK reaches the hypervisor, AF_ALG and AF_PACKET the kernel.
    seen = tell(sandbox, study, "[attempt(lambda: socket.socket(family, 1)) for family in (40, 38, 17)]")
    assert seen[0] == "OSError"
    assert set(seen) <= {"OSError", "PermissionError"}


# --- processes


def test_no_process_of_the_host_can_be_seen_or_reached(sandbox: Sandbox, study: Study) -> None:
    seen, killed, name = tell(
        sandbox,
        study,
        "[[n for n in os.listdir('/proc') if n.isdigit()], attempt(lambda: os.kill(int(sys.argv[1]), 0)), os.uname().nodename]",
        str(max(os.getpid(), 1000)),
    )
    assert len(seen) <= 3
    assert killed == "ProcessLookupError"
    assert name == "job"


def test_no_rights_are_held_and_none_can_be_gained(sandbox: Sandbox, study: Study) -> None:
    code = TRY + (
        "print(json.dumps([os.getuid(), os.getgid(), os.getgroups(), "
        "dict(l.split(':\\t') for l in open('/proc/self/status').read().splitlines() if ':\\t' in l), "
        "attempt(lambda: os.setuid(0)), attempt(lambda: os.setgroups([0])), attempt(lambda: os.chroot('/tmp'))]))"
    )
    spec = study.script(code)
    run(sandbox, spec)
    uid, gid, groups, status, *gained = json.loads(output(spec))
    assert (uid, gid) == spec.user
    assert 0 not in groups
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["CapBnd"] == "0" * 16 or os.geteuid() != 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert set(gained) <= {
        "PermissionError",
        "OSError",
    }  # EINVAL: a user that this user namespace does not have


def test_a_program_with_the_set_user_bit_gains_nothing(sandbox: Sandbox, study: Study) -> None:
    seen = tell(sandbox, study, "[os.popen('id -u; su -c id 2>&1').read()]")[0]
    assert seen.startswith("10000\n")
    assert "uid=0" not in seen


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers tried are those of x86_64")
@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("mount", "call(165, b'none', b'/tmp', b'tmpfs', 0, None)"),
        ("unshare user", "call(272, 0x10000000)"),
        ("unshare net", "call(272, 0x40000000)"),
        ("clone user", "call(56, 0x10000000 | 17, 0, 0, 0, 0)"),
        ("setns", "call(308, 0, 0)"),
        ("ptrace", "call(101, 0, 0, 0, 0)"),
        ("process_vm_readv", "call(310, 1, 0, 0, 0, 0, 0)"),
        ("bpf", "call(321, 0, 0, 0)"),
        ("keyctl", "call(250, 0, 0)"),
        ("userfaultfd", "call(323, 0)"),
        ("perf_event_open", "call(298, 0, 0, 0, 0, 0)"),
        ("io_uring_setup", "call(425, 1, 0)"),
        ("typing into a terminal", "call(16, 0, 0x5412, 0)"),
    ],
)
def test_dangerous_system_calls_are_refused(
    sandbox: Sandbox, study: Study, name: str, expression: str
) -> None:
    assert tell(sandbox, study, expression) == "Operation not permitted", name


def test_threads_and_processes_work_as_usual(sandbox: Sandbox, study: Study) -> None:
    code = (
        "import concurrent.futures, multiprocessing, subprocess, sys\n"
        "if __name__ == '__main__':\n"
        "    with concurrent.futures.ThreadPoolExecutor() as pool: print(sum(pool.map(abs, range(9))))\n"
        "    with multiprocessing.Pool(2) as pool: print(sum(pool.map(abs, range(9))))\n"
        "    print(subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout)\n"
    )
    spec = study.script(code)
    assert run(sandbox, spec).exit_code == 0, output(spec)
    assert output(spec) == b"36\n36\nb'7\\n'\n"


def test_the_number_of_processes_is_limited(sandbox: Sandbox, study: Study) -> None:
    code = (
        "import os, time\nmade = 0\n"
        "try:\n"
        "    while made < 200:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        made += 1\n"
        "except BlockingIOError: pass\n"
        "print(made)\n"
    )
    spec = study.script(code, limits={"processes": 30})
    run(sandbox, spec)
    assert 20 <= int(output(spec)) <= 30


@pytest.mark.parametrize("made", [Sandbox, Unsafe])
def test_each_process_has_its_limits_from_its_first_instruction(study: Study, made: type[Sandbox]) -> None:
    code = (
        "import resource\n"
        "for name in ('AS', 'NPROC', 'FSIZE', 'NOFILE', 'CORE'):\n"
        "    print(*resource.getrlimit(getattr(resource, f'RLIMIT_{name}')))\n"
    )
    spec = study.script(code, limits={"processes": 30, "disk_bytes": 10**9})
    assert run(made(), spec).exit_code == 0
    space, processes, size, files, core = [
        tuple(map(int, line.split())) for line in output(spec).splitlines()
    ]
    assert space == (spec.limits.memory_bytes + 16 * 1024**3,) * 2
    assert processes[0] == processes[1] and processes[0] % 16384 == 30
    assert (size, files, core) == ((10**9,) * 2, (4096,) * 2, (0, 0))


def test_scratch_space_is_limited(sandbox: Sandbox, study: Study) -> None:
    sizes = "[(lambda s: s.f_frsize * s.f_blocks)(os.statvfs(one)) for one in ('/tmp', '/dev/shm')]"
    assert tell(sandbox, study, sizes, limits={"memory_bytes": 512 * 1024**2}) == [256 * 1024**2] * 2


# --- the end


def test_the_end_of_the_supervisor_is_the_end_of_every_process(sandbox: Sandbox, study: Study) -> None:
    word = f"orphan-of-{os.getpid()}"
    spec = study.script(
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)', sys.argv[1]])\n"
        "print('up', flush=True)\ntime.sleep(1000)\n",
        word,
    )
    sandbox.launch(spec)
    until(lambda: log_shows(spec, b"up") and len(processes_with(word)) >= 2)
    os.kill(records.read(spec.attempt_dir, records.SUPERVISOR)["pid"], signal.SIGKILL)
    until(lambda: not processes_with(word))
    supervisor = records.read(spec.attempt_dir, records.SUPERVISOR)["pid"]
    sandbox.clean(spec)
    assert not Path(spec.work_dir).exists()
    until(lambda: sandbox.clean(spec) or groups_of(spec.attempt, supervisor) == set())


def test_a_bind_that_cannot_be_made_is_the_platforms_fault(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("print('ran')", read_only_binds=("/no/such/folder",))
    end = run(sandbox, spec)
    assert (end.reason, end.exit_code) == ("platform", None)
    assert "/no/such/folder" in end.detail
    assert b"ran" not in output(spec)
    assert said(spec)[-1] == "A platform fault: the program could not be started."


def test_a_sweep_ends_what_a_job_that_nobody_knows_still_runs(sandbox: Sandbox, study: Study) -> None:
    word = f"unknown-of-{os.getpid()}"
    spec = study.script("import time\nprint('up', flush=True)\ntime.sleep(1000)\n", word)
    sandbox.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    assert sandbox.sweep(study.root / "work", active=lambda: {spec.attempt}).removed == ()
    assert processes_with(word) != []
    assert sandbox.sweep(study.root / "work", active=set).removed == (spec.attempt,)
    assert processes_with(word) == []
    ended(sandbox, spec)


def test_cpus_are_limited(sandbox: Sandbox, study: Study) -> None:
    code = "import os, time\nprint(len(os.sched_getaffinity(0)), flush=True)\ntime.sleep(1000)\n"
    spec = study.script(code, f"cpus-of-{os.getpid()}", limits={"cpus": 1.0})
    sandbox.launch(spec)
    until(lambda: log_shows(spec, b"\n"))
    pid = max(processes_with(f"cpus-of-{os.getpid()}"))
    group = cpu_group(pid)
    sandbox.kill_now(spec.attempt_dir)
    how = sandbox.observe(spec.attempt_dir).exit.enforced["cpus"]
    assert how in ("cgroup", "affinity")
    if how == "cgroup":
        assert group.startswith(f"jobsite-{spec.attempt}-")
    else:
        assert output(spec) == b"1\n"


def cpu_group(pid: int) -> str:
    """The last part of the name of the process's control group for CPU, of whichever version."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    return max((path.rpartition("/")[2] for _, names, path in lines if names in ("", "cpu")), key=len)


def test_no_control_group_outlives_its_attempt(sandbox: Sandbox, study: Study) -> None:
    spec = study.script("")
    run(sandbox, spec)
    supervisor = records.read(spec.attempt_dir, records.SUPERVISOR)["pid"]
    assert groups_of(spec.attempt, supervisor) == set()


def test_groups_of_lost_supervisors_are_swept(sandbox: Sandbox, study: Study) -> None:
    if cgroups.make("probe-001", study.spec("0" * 40, ("/bin/true",)).limits) is None:
        pytest.skip("no control group can be made here by this user")
    before = groups_of("probe-001", os.getpid())
    assert before
    sandbox.sweep(study.root / "work", active=set)
    assert groups_of("probe-001", os.getpid()) == before
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from jobsite.jobs.executors import cgroups, contract\n"
        "print(cgroups.make('lost-001', contract.Limits()).folders[0], flush=True); sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(ROOT)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        lost = Path(supervisor.stdout.readline().strip())
        sandbox.sweep(study.root / "work", active=set)
        assert lost.exists()  # until its supervisor is gone; then any sweep of this machine may take it
        supervisor.kill()
    sandbox.sweep(study.root / "work", active=set)
    assert not lost.exists()
    for folder in before:
        folder.rmdir()


def groups_of(attempt: str, pid: int) -> set[Path]:
    """The control groups made for this attempt by supervisors, or by this process, that still exist."""
    found = set(Path("/sys/fs/cgroup").rglob(f"jobsite-{attempt}-*"))
    return {folder for folder in found if folder.name.split("-")[-2] == str(pid)}


# --- interpreters


def test_a_virtual_environment_in_a_closed_home_works(sandbox: Sandbox, study: Study) -> None:
    home = study.root / "home" / "ada"
    home.mkdir(parents=True)
    environment = home / "envs" / "study"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    home.chmod(0o700)
    (home / "private").write_text("secret")
    commit = study.commit({"a.py": "import sys, ssl, os; print([sys.prefix, os.path.exists(sys.argv[1])])"})
    spec = study.spec(commit, (str(environment / "bin" / "python"), "a.py", str(home / "private")))
    assert run(sandbox, spec).exit_code == 0, output(spec)
    assert ast.literal_eval(output(spec).decode()) == [str(environment), False]


def test_a_home_or_a_folder_of_the_instance_is_never_shown_whole(tmp_path: Path) -> None:
    for name in ("bin/tool", "lib/x.so", "instance/secret.key", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    shown = interpreter_paths(str(tmp_path / "bin" / "tool"), private=[str(tmp_path / "instance" / "work")])
    assert shown == [str(tmp_path / "bin"), str(tmp_path / "lib")]
    assert interpreter_paths(str(tmp_path / "bin" / "tool"), private=[]) == [str(tmp_path)]
    assert "/" not in interpreter_paths("/bin/sh", private=[])


def test_the_links_of_an_interpreter_are_followed_to_its_real_place(tmp_path: Path) -> None:
    real = tmp_path / "opt" / "python-9" / "bin" / "python9"
    real.parent.mkdir(parents=True)
    real.touch()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(real)
    (tmp_path / "venv" / "pyvenv.cfg").write_text(f"home = {tmp_path}/base/bin\n")
    (tmp_path / "base").symlink_to(tmp_path / "opt" / "python-9")
    shown = interpreter_paths(str(tmp_path / "venv" / "bin" / "python"), private=[])
    assert set(shown) == {str(tmp_path / name) for name in ("venv", "opt/python-9", "base")}


def test_the_filter_is_known_for_two_architectures_and_no_other() -> None:
    for machine in ("x86_64", "aarch64"):
        program = seccomp.filter_program(machine)
        assert program and len(program) % 8 == 0
    assert seccomp.filter_program("pdp11") is None


# --- the other kind of user


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole suite runs as an ordinary user already")
@pytest.mark.skipif(
    not os.access(PYTHON, os.X_OK) or not PYTHON.startswith("/usr/"), reason="no Python for all users"
)
def test_an_ordinary_user_gets_the_same_walls(study: Study) -> None:
    spec = study.script(
        "import os, resource, time\nprint(os.getuid(), os.path.exists('/root'), os.listdir('/tmp'))\n"
        "print(*resource.getrlimit(resource.RLIMIT_NPROC))\nmade = 0\n"
        "try:\n"
        "    while made < 200:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        made += 1\n"
        "except BlockingIOError: print(10 < made < 30)\n",
        limits={"processes": 30},
    )
    for folder in ("jobs", "work"):
        (study.root / folder).mkdir()
        os.chown(study.root / folder, 65534, 65534)
    (study.root / "jobsite").symlink_to(ROOT / "jobsite")
    server = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True\n"
        "from jobsite.jobs.executors.sandbox import Sandbox\n"
        "from jobsite.jobs.executors.contract import AttemptSpec\n"
        "sandbox = Sandbox(); spec = AttemptSpec.from_json(json.loads(sys.argv[2]))\n"
        "sys.exit(sandbox.available()) if sandbox.available() else sandbox.launch(spec)\n"
    )
    drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]
    command = [*drop, PYTHON, "-c", server, str(ROOT), json.dumps(spec.as_json())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if "No module named 'jobsite'" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("this checkout is closed to other users")
    assert done.returncode == 0, done.stderr
    end = ended(Sandbox(), spec)
    assert (end.exit_code, output(spec)) == (0, b"10000 False []\n30 30\nTrue\n")
    assert end.enforced["walls"] == "bubblewrap"
    assert os.stat(Path(spec.work_dir, "analysis/job.py")).st_uid == 65534
