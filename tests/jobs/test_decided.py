"""A server that is killed while it publishes, and a cancellation before the next one comes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.jobs.actions import cancel
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.jobs.models import Job, JobOutput, JobRequest
from jobsite.settings import Settings

from .conftest import Study
from .stages import QUICK, commit_pair, job, wait

FINISH = """
import sys
from pathlib import Path
from jobsite.instance import open_instance
from jobsite.jobs.finishing import finish
from jobsite.settings import Settings
open_instance(Settings(instance=Path(sys.argv[1]), database_url=sys.argv[2]))
finish(int(sys.argv[3]))
"""


@pytest.fixture
def cut_off(
    study: Study, ask: Callable[..., JobRequest], settings: Settings, instance: Path, cast: SimpleNamespace
) -> Callable[[str], Job]:
    """`cut_off(point)`: a job that has ended, whose server was killed at this point of its publication, and that was
    cancelled afterwards. The next engine has seen it."""

    def at(point: str) -> Job:
        commit_pair(study, QUICK)
        request, ended = ask("only"), list[int]()
        first = Engine(executor(), finish=ended.append)
        wait(lambda: first.turn() and ended)
        command = [sys.executable, "-c", FINISH, str(instance), settings.database_url, str(ended[0])]
        killed = subprocess.run(command, env={**os.environ, "JOBSITE_FAIL_AT": point}, check=False)
        assert killed.returncode == 137
        cancel(by=cast.ada, request=request, jobs=[job()], may_cancel=True)
        after = Engine(executor(), finish=finish)
        after.begin()
        wait(lambda: not after.turn())
        return job()

    return at


def listed(instance: Path) -> dict[str, str]:
    """Which job the manifest names for each output."""
    file = instance / "workspaces/level4/asthma/metadata/manifest.json"
    return {path: row["job_id"] for path, row in json.loads(file.read_text())["outputs"].items()}


@pytest.mark.parametrize(
    "point", ["store.after_plan", "store.after_move", "store.after_manifest", "store.after_clean"]
)
def test_what_was_decided_before_the_kill_stays_though_it_is_cancelled_afterwards(
    cut_off: Callable[[str], Job], instance: Path, point: str
) -> None:
    ended = cut_off(point)
    assert (ended.state, ended.status_code) == ("succeeded", "succeeded")
    assert listed(instance) == {"only.csv": ended.identifier}
    assert [row.path for row in JobOutput.select()] == ["only.csv"]


@pytest.mark.parametrize("point", ["store.before_stage", "store.after_stage"])
def test_what_was_not_decided_is_dropped_by_the_cancellation(
    cut_off: Callable[[str], Job], instance: Path, point: str
) -> None:
    ended = cut_off(point)
    assert (ended.state, ended.status_code) == ("cancelled", "cancelled_by_user")
    assert JobOutput.select().count() == 0
    assert not [path for path in instance.glob("workspaces/*/asthma/*") if path.name != "metadata"]
