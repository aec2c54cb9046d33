"""An agent in a process of its own takes a whole pipeline through, over real HTTP, killed and started again on its way."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from jobsite.accounts.models import Backend
from jobsite.jobs.actions import Wish, cancel, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.projects.models import Workspace
from jobsite.serve import web_server
from jobsite.settings import Settings
from jobsite.sync.tasks.tokens import add_agent_token

from ...jobs.conftest import Study, project_yaml

PROGRAM = Path(__file__).with_name("agent_program.py")
YAML = project_yaml(
    clean=("python:v2 clean.py", [], {"highly_sensitive": {"rows": "output/rows.csv"}}),
    table=("python:v2 table.py", ["clean"], {"moderately_sensitive": {"table": "output/table.csv"}}),
    broken=("python:v2 broken.py", [], {"moderately_sensitive": {"x": "output/x.csv"}}),
    after=("python:v2 after.py", ["broken"], {"moderately_sensitive": {"y": "output/y.csv"}}),
    slow=("python:v2 slow.py", [], {"moderately_sensitive": {"z": "output/z.csv"}}),
)  # fmt: skip
CODE = {
    "clean__py": "import os, time\nwhile not os.path.exists(os.environ['GO']): time.sleep(0.02)\n"
    "os.makedirs('output')\nopen('output/rows.csv', 'w').write('25 secret rows')\n",
    "table__py": "open('output/table.csv', 'w').write(open('output/rows.csv').read().upper())\n",
    "broken__py": "import sys\nsys.exit(9)\n",
    "after__py": "raise SystemExit(0)\n",
    "slow__py": "import time\ntime.sleep(600)\n",
}


@pytest.fixture
def base(app: Flask, settings: Settings) -> Iterator[str]:
    """The base address of the interface, served over real HTTP."""
    server = web_server(app, settings, host="127.0.0.1", port=0)

    def serve() -> None:
        with suppress(OSError):  # of a socket that was closed at the end
            server.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}/agent/"
    server.close()
    server.task_dispatcher.shutdown()


@contextmanager
def running(words: list[str], go: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The agent as a process; killed at the end of the block."""
    environment = {"GO": str(go), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    process = subprocess.Popen([sys.executable, str(PROGRAM), *words], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_agent_takes_a_pipeline_through_and_is_killed_on_its_way(
    base: str,
    far: Backend,
    workspace: Workspace,
    study: Study,
    cast: SimpleNamespace,
    run_until: Callable[..., None],
    tmp_path: Path,
    instance: Path,
) -> None:
    study.commit(project__yaml=YAML, **CODE)
    token = add_agent_token(by="system", backend=far, name="first")
    store, go = tmp_path / "agent", tmp_path / "go"
    store.mkdir()
    wish = Wish(workspace, far, newest_definition(workspace), ("run_all",))
    request: JobRequest = submit(by=cast.ada, wish=wish)[0]

    def code(action: str) -> str:
        return Job.get(Job.action == action).status_code

    words = [base, "far", token, str(store)]
    with running(words, go):
        run_until(lambda: code("clean") == "executing" and code("broken") == "nonzero_exit")
    go.touch()
    run_until(lambda: code("slow") == "initiated")
    with running(words, go):
        run_until(lambda: code("table") == "succeeded" and code("slow") == "executing")
        cancel(by=cast.ada, request=request, may_cancel=True)
        run_until(lambda: not JobRequest.get_by_id(request.id).is_active)
    assert {job.action: job.status_code for job in Job.select()} == {
        "clean": "succeeded", "table": "succeeded", "broken": "nonzero_exit", "after": "dependency_failed",
        "slow": "cancelled_by_user",
    }  # fmt: skip
    assert sorted((store / "runs").read_text().split()) == ["broken", "clean", "slow", "table"], "once each"
    assert [attempt.by_agent for attempt in Attempt.select()] == [True] * 4
    (table,) = store.glob("store/*/output/table.csv")
    assert table.read_text() == "25 SECRET ROWS"
    _nothing_of_a_file_is_here(instance)


def _nothing_of_a_file_is_here(instance: Path) -> None:
    for path in instance.rglob("*"):
        if path.is_file():
            held: Any = path.read_bytes().lower()
            assert b"secret rows" not in held, path
