"""What only containers do: images, an engine between the supervisor and the program, containers by name.

What they share with every executor is asked by test_conformance.py.
"""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jobsite.jobs.executors import containing, oci, processes, records
from jobsite.jobs.executors.container import Container
from jobsite.jobs.executors.contract import AttemptSpec, Refused

from .conftest import Study, ended, log_shows, output, processes_with, run, said, until

pytestmark = pytest.mark.xdist_group("container")
# Podman without root makes no groups on version 1.
GROUPED = os.geteuid() == 0 or os.path.exists("/sys/fs/cgroup/cgroup.controllers")
WAIT = "import time\nprint('up', flush=True)\ntime.sleep(1000)\n"


@pytest.fixture
def container(study: Study, image: str) -> Container:
    """The executor, and attempts of the study in the test image."""
    study.image, study.executor = image, Container()
    return study.executor


def podman(*words: str, said: str | None = None) -> str:
    return subprocess.run(["podman", *words], check=True, capture_output=True, text=True, input=said).stdout


def containers() -> list[str]:
    return podman("ps", "--all", "--format", "{{.Names}}").split()


def supervisor_of(spec: AttemptSpec) -> int:
    return records.read(spec.attempt_dir, records.SUPERVISOR)["pid"]


def lose(container: Container, spec: AttemptSpec) -> None:
    """Kills the supervisor of an attempt that has said `up`."""
    container.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    os.kill(supervisor_of(spec), signal.SIGKILL)
    until(lambda: not container.observe(spec.attempt_dir).alive)


# --- what a job can do


def test_nothing_but_the_workspace_and_private_memory_can_be_written(
    container: Container, study: Study
) -> None:
    code = (
        "import os\n"
        "for folder, _, _ in os.walk('/', followlinks=False):\n"
        "    if not folder.startswith(('/proc', '/sys', '/workspace/')):\n"
        "        try:\n"
        "            open(folder + '/written', 'w').close()\n"
        "            print(folder)\n"
        "        except OSError:\n"
        "            pass\n"
    )
    spec = study.script(code)
    run(container, spec)
    assert sorted(output(spec).split()) == [b"/dev/mqueue", b"/dev/shm", b"/tmp", b"/workspace"]


def test_a_job_has_no_network_no_capability_and_gains_none(container: Container, study: Study) -> None:
    code = (
        "import os\n"
        "print(sorted(os.listdir('/sys/class/net')), os.getuid(), os.getgid(), os.uname().nodename)\n"
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
        "print({int(status[name], 16) for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')})\n"
        "print(status['NoNewPrivs'].strip(), status['Seccomp'].strip())\n"
    )
    spec = study.script(code)
    run(container, spec)
    assert output(spec).decode().splitlines() == ["['lo'] 10000 10000 job", "{0}", "1 2"]


def test_the_engine_keeps_the_limits(container: Container, study: Study) -> None:
    code = (
        "import os, resource, time\n"
        "print([resource.getrlimit(one)[1] for one in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)])\n"
        "made = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        made += 1\n"
        "except BlockingIOError:\n"
        "    print(made)\n"
    )
    spec = study.script(code, limits={"processes": 20})
    end = run(container, spec)
    assert output(spec).decode().splitlines() == ["[4096, 0]", "18"]
    means = ("cgroup", "cgroup", "cgroup") if GROUPED else ("watch", "none", "rlimit")
    walls = {"walls": "podman", "system_calls": "seccomp", "disk": "watch"}
    assert end.enforced == {**dict(zip(("memory", "cpus", "processes"), means, strict=True)), **walls}


def test_values_of_several_lines_reach_the_job_whole(container: Container, study: Study) -> None:
    certificate = "-----BEGIN-----\n'\"$HOME`id`=\n-----END-----\n"
    spec = study.script(
        "import os; print(os.environ['TLS_CERT'], end='')", environment={"TLS_CERT": certificate}
    )
    run(container, spec)
    assert output(spec).decode() == certificate


@pytest.mark.parametrize("name", ["CONTAINERS_CONF", "LD_PRELOAD", "DOCKER_HOST", "PATH", "A=B", "-v"])
def test_a_variable_that_would_steer_the_engine_is_refused(
    container: Container, study: Study, name: str
) -> None:
    end = run(container, study.script("print('ran')", environment={name: "/x"}))
    assert (end.reason, end.exit_code) == ("platform", None)
    assert f"the variable {name} cannot be given" in end.detail
    assert output(study.specs[-1]) == b""


# --- the image


def test_the_words_follow_the_entry_point_of_the_image(container: Container, study: Study) -> None:
    recipe = f'FROM {study.image}\nENTRYPOINT ["/usr/bin/python3"]\nENV FROM_THE_IMAGE=1\nWORKDIR /nowhere\n'
    podman("build", "--quiet", "--tag", "localhost/jobsite-test/entry:v1", "-", said=recipe)
    commit = study.commit(
        {"a.py": "import os, sys; print(sys.argv, os.environ['FROM_THE_IMAGE'], os.getcwd())"}
    )
    spec = study.spec(commit, ("a.py", "--x", "a b"), image="localhost/jobsite-test/entry:v1")
    assert run(container, spec).exit_code == 0
    assert output(spec) == b"['a.py', '--x', 'a b'] 1 /workspace\n"


def test_the_record_names_the_image_by_its_digest(container: Container, study: Study) -> None:
    end = run(container, study.script(""))
    repository, _, digest = end.image.partition("@")
    assert repository == "localhost/jobsite-test/python"
    assert digest == json.loads(podman("image", "inspect", study.image))[0]["Digest"]
    assert end.image in "".join(said(study.specs[-1]))


def test_a_missing_image_is_a_job_error_that_names_it(container: Container, study: Study) -> None:
    spec = replace(study.script("print('ran')"), image="localhost/jobsite-test/nothing:v9")
    end = run(container, spec)
    assert (end.reason, end.exit_code) == ("job_error", None)
    assert "The image localhost/jobsite-test/nothing:v9 is not on this server." in end.sentence
    assert end.sentence == said(spec)[-1]


# --- fetching images


class Registry(ThreadingHTTPServer):
    """An image registry (OCI distribution specification, only what a pull asks) over a folder that
    `podman push dir:` has filled. Every answer waits for `go`; one that `refuses` answers 503."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folder = folder
        self.asked: list[str] = []
        self.refuses = False
        self.go = threading.Event()
        self.go.set()
        self.name = f"127.0.0.1:{self.server_address[1]}/images"


class _Answers(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.go.wait()
        kind, name = self.path.split("/")[-2:]
        file = self.server.folder / ("manifest.json" if kind == "manifests" else name.removeprefix("sha256:"))
        known = self.path == "/v2/" or (self.path.startswith("/v2/images/python/") and file.is_file())
        body = file.read_bytes() if known and file.is_file() else b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'
        self.send_response(503 if self.server.refuses else 200 if known else 404)
        manifest = "application/vnd.oci.image.manifest.v1+json"
        self.send_header("Content-Type", manifest if kind == "manifests" and known else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture
def registry(
    container: Container, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Registry]:
    podman("push", "--quiet", "--format", "oci", study.image, f"dir:{tmp_path}/image")
    made = Registry(tmp_path / "image")
    conf = tmp_path / "registries.conf"
    conf.write_text(f'[[registry]]\nlocation = "{made.name.partition("/")[0]}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.go.set()
    made.shutdown()
    thread.join()
    made.server_close()


def test_an_image_is_fetched_only_where_that_is_allowed(
    container: Container, study: Study, registry: Registry
) -> None:
    image = f"{registry.name}/python:v2"
    assert run(container, replace(study.script("print('ran')"), image=image)).reason == "job_error"
    assert registry.asked == []
    spec = replace(study.script("print('ran')"), image=image, pull=True)
    end = run(container, spec)
    assert output(spec) == b"ran\n"
    assert end.image.startswith(f"{registry.name}/python@sha256:")
    podman("rmi", image)


def test_an_image_the_registry_does_not_know_is_a_job_error(
    container: Container, study: Study, registry: Registry
) -> None:
    end = run(container, replace(study.script(""), image=f"{registry.name}/other:v2", pull=True))
    assert end.reason == "job_error"
    assert f"{registry.name}/other:v2" in end.sentence


@pytest.mark.parametrize("how", ["away", "refuses"])
def test_a_registry_that_does_not_answer_is_a_passing_fault(
    container: Container, study: Study, registry: Registry, how: str
) -> None:
    registry.refuses = how == "refuses"
    if how == "away":
        registry.shutdown()
        registry.server_close()
    spec = replace(study.script("print('ran')"), image=f"{registry.name}/python:v2", pull=True)
    end = run(container, spec)
    assert (end.reason, end.fault, end.exit_code) == ("platform", "image_store", None)
    assert f"the image {spec.image} could not be fetched" in end.detail
    assert end.sentence == said(spec)[-1] == "A platform fault: its image could not be fetched."
    assert output(spec) == b""


def test_a_disk_that_fills_while_an_image_is_fetched_is_told_as_such() -> None:
    full = "writing blob: storing blob to file: write /var/tmp/storage1: no space left on device"
    assert containing.ImageAway(full).fault == "disk_full"
    assert containing.ImageAway("dial tcp 127.0.0.1:1: connect: connection refused").fault == "image_store"


def test_a_cancel_is_heard_while_an_image_is_fetched(
    container: Container, study: Study, registry: Registry
) -> None:
    registry.go.clear()
    spec = replace(study.script(""), image=f"{registry.name}/python:v2", pull=True)
    container.launch(spec)
    until(lambda: registry.asked)
    container.cancel(spec.attempt_dir)
    assert ended(container, spec).reason == "cancelled"
    assert processes_with(spec.image) == []


# --- the engine and its containers


def test_the_labels_and_the_name_tell_whose_container_it_is(container: Container, study: Study) -> None:
    spec = study.script(WAIT, labels={"workspace": "asthma", "action": "tables", "job": "job1"})
    container.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    name = oci.name(spec.work_dir)
    labels = json.loads(podman("container", "inspect", name))[0]["Config"]["Labels"]
    assert {key: labels[f"jobsite.{key}"] for key in ("workspace", "action", "job", "attempt")} == {
        **spec.labels,
        "attempt": spec.attempt,
    }
    assert spec.attempt in name
    container.kill_now(spec.attempt_dir)
    assert name not in containers()


def test_two_instances_with_the_same_attempt_have_different_containers() -> None:
    assert oci.name("/one/work/job1-001") != oci.name("/two/work/job1-001")
    assert oci.name("/one/work/job1-001") == oci.name("/one/work/../work/job1-001/")


def test_a_killed_client_does_not_lose_the_container(container: Container, study: Study) -> None:
    word = f"client-of-{os.getpid()}"
    spec = study.script(WAIT, word)
    container.launch(spec)
    until(lambda: log_shows(spec, b"up"))
    clients = [processes.identity(pid) for pid in processes.children(supervisor_of(spec))]
    assert any(processes.signal_if_alive(one, signal.SIGKILL) for one in clients)
    end = ended(container, spec)
    assert (end.reason, end.fault) == ("platform", "ended_from_outside")
    assert "client was ended by signal 9" in end.detail
    assert processes_with(word) == []
    assert oci.name(spec.work_dir) not in containers()


def test_what_a_lost_supervisor_leaves_is_found_by_name(container: Container, study: Study) -> None:
    word = f"lost-of-{os.getpid()}"
    spec = study.script(WAIT, word)
    lose(container, spec)
    assert processes_with(word)
    container.clean(spec)
    assert processes_with(word) == []
    assert oci.name(spec.work_dir) not in containers()
    assert not os.path.lexists(spec.work_dir)


def test_a_client_killed_before_the_program_starts_leaves_nothing(container: Container, study: Study) -> None:
    spec = study.script("")
    Path(spec.work_dir).mkdir(parents=True)
    pid_file = study.root / "pid"
    runtime = podman("info", "--format", "{{.Host.OCIRuntime.Path}}").strip()
    for _ in range(3):
        pid_file.unlink(missing_ok=True)
        client = subprocess.Popen(oci.run_command(spec, str(pid_file)), env=oci.run_environment(spec))
        while not (pid_file.exists() and pid_file.read_text()):
            assert client.poll() is None
        known = oci.identity("podman", oci.name(spec.work_dir))
        client.kill()
        client.wait()
        containing.end_left_behind("podman", spec.work_dir)
        assert processes_with(oci.name(spec.work_dir)) == []
        until(lambda: not os.path.exists(f"/proc/{pid_file.read_text()}"))
        assert known and not list(Path("/sys/fs/cgroup").rglob(f"*{known}*"))
        assert subprocess.run([runtime, "state", known], check=False, capture_output=True).returncode != 0
        assert oci.name(spec.work_dir) not in containers()


def test_kill_now_ends_a_container_without_a_supervisor(container: Container, study: Study) -> None:
    word = f"alone-of-{os.getpid()}"
    spec = study.script(WAIT, word)
    lose(container, spec)
    container.kill_now(spec.attempt_dir)
    assert processes_with(word) == []


def test_a_sweep_finds_containers_by_label_and_leaves_others_alone(
    container: Container, study: Study
) -> None:
    kept, lost = study.script(WAIT, "kept"), study.script(WAIT, "lost")
    lose(container, lost)
    container.launch(kept)
    until(lambda: log_shows(kept, b"up"))
    os.rename(lost.work_dir, study.root / "moved")
    podman("create", "--name", "somebody-elses", "--ulimit", "nofile=4096:4096", study.image, "/bin/true")
    swept = container.sweep(study.root / "work", active=lambda: {kept.attempt})
    assert swept.failed == ()
    assert set(containers()) >= {oci.name(kept.work_dir), "somebody-elses"}
    assert oci.name(lost.work_dir) not in containers()
    assert container.observe(kept.attempt_dir).alive
    podman("rm", "somebody-elses")


def test_an_engine_that_fails_is_told_and_nothing_is_taken_for_done(
    container: Container, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = study.script("")
    run(container, spec)
    with monkeypatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(study.root / "nothing.conf"))
        assert "nothing.conf" in container.available()
        with pytest.raises(Refused, match="nothing.conf"):
            container.clean(spec)
        swept = container.sweep(study.root / "work", active=set)
        end = run(container, study.script("print('ran')"))
    assert swept.removed == ()
    assert "nothing.conf" in swept.failed[0][1]
    assert os.path.isdir(spec.work_dir)
    assert (end.reason, end.exit_code) == ("platform", None)
    assert "nothing.conf" in end.detail


# --- the command line, for both engines


def command(engine: str, **changes: Any) -> list[str]:
    spec = AttemptSpec("a-001", "/i/jobs/a/a-001", "/i/work/a-001", "/i/r.git", "0" * 40, ("x.py",))
    return oci.run_command(replace(spec, engine=engine, image="sha256:0", **changes), "/i/jobs/a/a-001/pid")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Programs by the names of engines, so that command lines can be made where none is installed."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(name: str) -> None:
        (tmp_path / name).touch(mode=0o755)

    return install


@pytest.mark.parametrize("engine", oci.ENGINES)
def test_both_engines_are_given_the_same_walls(engine: str, installed: Callable[[str], None]) -> None:
    installed(engine)
    words = command(engine, environment={"DATABASE_URL": "postgresql://secret"})
    walls = {
        "--network=none",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--read-only",
        "--init",
        "--pull=never",
    }
    limits = {
        "--memory=4294967296",
        "--memory-swap=4294967296",
        "--cpus=2",
        "--pids-limit=512",
    }
    assert walls | (limits if GROUPED or engine == "docker" else set()) <= set(words)
    assert "--env=DATABASE_URL" in words
    assert not any("secret" in word for word in words)
    assert words[-2:] == ["sha256:0", "x.py"]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_a_network_is_given_by_name_only_where_the_spec_has_one(
    engine: str, installed: Callable[[str], None]
) -> None:
    installed(engine)
    assert [word for word in command(engine) if "network" in word] == ["--network=none"]
    given = command(engine, network="database-only")
    assert [word for word in given if "network" in word] == ["--network=database-only"]


def test_a_folder_that_an_engine_would_split_is_refused(installed: Callable[[str], None]) -> None:
    installed("podman")
    with pytest.raises(oci.EngineFailed, match="colon"):
        command("podman", work_dir="/i:ro/work/a-001")
