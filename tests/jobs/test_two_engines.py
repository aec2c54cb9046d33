"""Two engines on one database at the same time, which the instance's lock forbids: still nothing is done twice."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jobsite.core.events import Event, verify
from jobsite.jobs.models import Attempt, Job, JobOutput, JobRequest
from jobsite.settings import Settings

from .conftest import Study, project_yaml
from .stages import HIGH, wait

SCRIPT = Path(__file__).with_name("engine_process.py")
CHECKOUT = Path(__file__).parents[2]
NAMES = tuple(f"job{number}" for number in range(8))
RUN = """
import os, sys
open("ran", "a").write("x")
print("ran", os.getpid(), flush=True)
open(sys.argv[1] + ".csv", "w").write(sys.argv[1])
"""


@contextmanager
def another_engine(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """An engine that runs in a process of its own until the end of the block; it must not have failed."""
    given = json.dumps(
        {
            "instance": str(settings.instance),
            "database_url": settings.database_url,
            "allowed_repos": settings.allowed_repos,
        }
    )
    command = [sys.executable, "-W", "error", str(SCRIPT), given]
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "runs\n"
        yield process
        said = process.communicate(timeout=60)[1]
    assert (process.returncode, "Traceback" in said) == (0, False), said


@pytest.mark.xdist_group("server")
def test_two_engines_start_and_finish_each_job_once(
    study: Study, settings: Settings, ask: Callable[..., JobRequest], instance: Path
) -> None:
    steps = {name: (f"python:v2 run.py {name}", [], {HIGH: {"x": f"{name}.csv"}}) for name in NAMES}
    last = {"last": ("python:v2 run.py last", list(NAMES), {HIGH: {"x": "last.csv"}})}
    study.commit(project__yaml=project_yaml(**steps, **last), run__py=RUN)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(another_engine(settings))
        for _ in range(2):
            request = ask("run_all", force=True)
            wait(lambda request=request: not JobRequest.get_by_id(request.id).is_active)
        time.sleep(0.2)  # for what one of them may do too late
    assert {one.status for one in JobRequest.select()} == {"succeeded"}
    assert Counter(one.job_id for one in Attempt.select()) == Counter(one.id for one in Job.select())
    told = Counter((one.subject, one.type) for one in Event.select() if one.subject.startswith("job:"))
    steps_told = ("job:initiated", "job:finalizing", "job:finalized", "job:succeeded")
    assert {told[f"job:{one.identifier}", step] for one in Job.select() for step in steps_told} == {1}
    assert verify()[1] is None
    assert Counter(one.path for one in JobOutput.select()) == dict.fromkeys(
        [f"{name}.csv" for name in (*NAMES, "last")], 2
    )
    logs = [path.read_text() for path in instance.glob("jobs/*/*/logs.txt")]
    assert [text.count("ran ") for text in logs] == [1] * (2 * len(NAMES) + 2), "each program ran once"
    wait(lambda: not any((instance / "work").iterdir()))
