"""What is built, and what it is built from: locks, wheel, the one file, the words make says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.request
import warnings
import zipfile
from pathlib import Path

import pytest

from .crash.conftest import LINES, make_instance
from .servers import Server, jobs_in, jobsite, jobsite_json, until

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted(ROOT.glob("requirements*.txt"))
# Written in halves, so that this file passes its own test.
HOSTS = [
    f"{name}.{end}"
    for name, end in [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("debian", "org")]
]


@pytest.mark.xdist_group("kept together")
def test_tests_that_share_something_of_the_machine_are_kept_in_one_process(request):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("there is one process only")
    assert request.node.nodeid.endswith("@kept together")


def committed() -> list[Path]:
    """Give the text files that git tracks; without a git checkout there is nothing to ask."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def requirements(lock: Path) -> list[str]:
    """Give the entries of a lock, each as one line with its hashes."""
    return [line for line in lock.read_text().replace("\\\n", " ").splitlines() if line.strip()]


def plain(name: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", name)[0].lower().replace("_", "-")


@pytest.mark.parametrize("lock", [*LOCKS, ROOT / "package-lock.json"], ids=lambda path: path.name)
def test_no_lock_names_an_address(lock):
    assert not re.search(
        r"[a-z]+://|--(index-url|extra-index-url|find-links|trusted-host)|resolved", lock.read_text()
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_one_version_and_a_hash(lock):
    assert requirements(lock)
    for entry in requirements(lock):
        assert re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


def test_every_browser_script_is_locked_by_its_hash():
    lock = (ROOT / "package-lock.json").read_text()
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/') > 0


def test_the_locks_hold_every_dependency_and_the_docs_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    reasons = (ROOT / "docs/dependencies.md").read_text()
    groups = {"requirements.txt": project["project"]["dependencies"]}
    for group, members in project["dependency-groups"].items():
        groups[f"requirements-{group}.txt"] = [member for member in members if isinstance(member, str)]
    for lock, wanted in groups.items():
        locked = {plain(entry) for entry in requirements(ROOT / lock)}
        for name in map(plain, wanted):
            assert name in locked, f"{name} is not in {lock}: run `make locks`"
            assert f"`{name}`" in reasons, f"{name} is not in docs/dependencies.md"


def test_nothing_committed_names_a_registry_host_or_a_path_of_this_machine():
    homes = [home for home in (f"{Path.home()}/",) if home != "/root/"]  # every machine has that one
    forbidden = [*HOSTS, *homes, f"{ROOT}/", "/root/." + "pyenv", "/opt/" + "wheels", "/opt/" + "pypi"]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in committed()
        for word in forbidden
        if word.encode() in path.read_bytes()
    ]
    assert not found


def test_nothing_of_others_is_committed():
    ours = [path.relative_to(ROOT) for path in committed()]
    assert not [path for path in ours if {"node_modules", "vendor", ".venv", ".venv-study"} & set(path.parts)]


def build_wheel(target: Path) -> Path:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1763769600"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return next(target.glob("jobsite-*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.xdist_group("build")
def test_the_wheel_holds_templates_static_files_scripts_and_the_demo_study(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {"jobsite/demo/requirements-study.txt", "jobsite/manual/words.md"}
    wanted |= {
        f"jobsite/static/vendor/{name}"
        for name in ("htmx.min.js", "sse.min.js", "idiomorph-ext.min.js", "icons.svg")
    }
    for folder, inside in (("templates", "jobsite/"), ("static", "jobsite/"), ("jobsite/demo/study", "")):
        files = [
            path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert files, folder
        wanted |= {inside + path.relative_to(ROOT).as_posix() for path in files}
    assert wanted <= held, sorted(wanted - held)


@pytest.mark.xdist_group("build")
def test_the_wheel_holds_nothing_but_the_program(wheel):
    for name in zipfile.ZipFile(wheel).namelist():
        assert re.match(r"jobsite(-[\d.]+\.dist-info)?/", name), name
        assert "__pycache__" not in name and "/output/" not in name


def test_whoever_may_not_install_is_told_the_one_command(tmp_path):
    for tool in ("sh", "make", "python3"):
        (tmp_path / tool).symlink_to(sys.executable if tool == "python3" else shutil.which(tool))
    for name, prints in (("id", "1000"), ("git", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {prints}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["make", "-s", "system"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "sudo apt-get install -y bubblewrap" in done.stderr


def bare_python() -> list[str]:
    """Give the words that start a Python without any package: the system's, or ours kept to itself."""
    system = "/usr/bin/python3"
    ask = [system, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if os.path.exists(system) and subprocess.run(ask, check=False).returncode == 0:
        return [system]
    return [sys.executable, "-I"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """The one file, as `make artifact` makes it."""
    folder = tmp_path_factory.mktemp("artifact")
    subprocess.run(
        ["make", "-s", "artifact", f"DIST={folder}", f"BUILD={folder / 'build'}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / "jobsite.pyz"


@pytest.mark.xdist_group("build")
def test_the_artifact_serves_with_a_bare_python_and_stops_when_asked(artifact, tmp_path):
    home, instance, port = tmp_path / "home", tmp_path / "instance", free_port()
    home.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    serve = ["serve", "--host", "127.0.0.1", "--port", str(port), "--instance", str(instance)]
    with subprocess.Popen(
        [*bare_python(), str(artifact), *serve],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        alarm = threading.Timer(90, server.kill)  # so that a server that never gets ready fails, not hangs
        alarm.start()
        said = []
        for line in server.stdout:
            said.append(line)
            if "ready on" in line:
                break
        assert "ready on" in said[-1] if said else False, "".join(said)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health-check/") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/static/vendor/htmx.min.js") as answer:
            assert answer.read() == (ROOT / "static/vendor/htmx.min.js").read_bytes()
        server.send_signal(signal.SIGTERM)
        said += server.stdout.readlines()
        alarm.cancel()
    assert server.returncode == 0, "".join(said)


def of_the_next_version(artifact, folder):
    """Give the file that the next version would be: it has one more migration."""
    later = Path(shutil.copy(artifact, folder / "later.pyz"))
    with zipfile.ZipFile(later, "a") as file, warnings.catch_warnings(action="ignore"):
        facts = json.loads(file.read("environment.json"))
        file.writestr("environment.json", json.dumps(facts | {"build_id": "later"}))  # what is last counts
        step = 'def up(migrator, db):\n    db.execute_sql("CREATE TABLE later (id INTEGER)")\n'
        file.writestr("site-packages/jobsite/core/migrations/9999_later.py", step)
    return later


@pytest.mark.xdist_group("build")
def test_the_artifact_is_replaced_while_a_job_runs_which_goes_on_and_there_is_no_way_back(artifact, tmp_path):
    installed, instance = tmp_path / "jobsite.pyz", make_instance(tmp_path)
    shutil.copy(artifact, installed)
    command = (sys.executable, str(installed))
    with Server(instance, command=command, SHIV_ROOT=str(tmp_path / "unpacked")) as server:
        jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")
        until(lambda: jobs_in(instance)[0]["status_code"] == "executing")
        of_the_next_version(artifact, tmp_path).replace(installed)
        assert server.stop() == 0
    with Server(instance, command=command, SHIV_ROOT=str(tmp_path / "unpacked")):
        until(lambda: jobs_in(instance)[0]["state"] == "succeeded")
    (log,) = instance.glob("jobs/*/*/log")  # one attempt, not two
    assert log.read_bytes().count(b" of the slow job") == LINES
    shutil.copy(artifact, installed)
    refused = jobsite(instance, "doctor", command=command, SHIV_ROOT=str(tmp_path / "unpacked"))
    assert refused.returncode == 1
    assert "written by a newer version of jobsite (it has 9999_later" in refused.stderr
    assert "Traceback" not in refused.stderr
