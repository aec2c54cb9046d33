"""A secure side is killed between telling and noting that it has told: nothing comes twice, nothing is lost.

Between storing and noting: `test_fetching`."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ...jobs.conftest import Study, project_yaml
from ...servers import Server, jobs_in
from ..peer import TOKEN, Peer
from .conftest import JOBS, LIST, listed

pytestmark = pytest.mark.crash
SECONDS = 60
ORDER = ["pending", "running", "succeeded"]
YAML = project_yaml(
    clean=("python:v2 make.py a.csv", [], {"highly_sensitive": {"data": "a.csv"}}),
    table=("python:v2 make.py b.csv", ["clean"], {"highly_sensitive": {"table": "b.csv"}}),
)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "nothing of the kind has happened within a minute"
        time.sleep(0.02)


def test_a_server_that_is_killed_in_the_middle_of_the_exchange_takes_it_up_where_it_was(
    server: Peer, tmp_path: Path
) -> None:
    study = Study(tmp_path / "repositories" / "study")
    commit = study.commit(project__yaml=YAML, make__py="import sys; open(sys.argv[1], 'w').write('1')")
    page = {"count": 1, "next": None, "previous": None}
    page |= {"results": [listed(1, study, commit, "table")]}
    server.answers, server.faults = {LIST: (200, page), JOBS: (200, {"status": "success"})}, []
    server.clear()
    instance = tmp_path / "instance"
    environ = {
        "JOBSITE_SIDE": "secure",
        "JOBSITE_PUBLIC_URL": server.url,
        "JOBSITE_BACKEND_TOKEN": TOKEN,
        "JOBSITE_BACKEND": "tpp",
        "JOBSITE_POLL_EVERY": "1",
        "JOBSITE_ALLOWED_REPOS": f"{tmp_path}/repositories/",
        "JOBSITE_RUNTIMES": json.dumps({"python": sys.executable}),
    }

    def told() -> list[dict[str, str]]:
        return [job for one in server.received if f"{one.method} {one.path}" == JOBS for job in one.json]

    with Server(instance, **environ, JOBSITE_FAIL_AT="reporting.sent") as killed:
        assert killed.process.wait(SECONDS) == 137
    before = len(told())
    assert before  # it may have been the end of both: the public side is told of jobs once a second
    with Server(instance, **environ):
        until(
            lambda: (
                {job["action"]: job["status"] for job in told()[before:]}
                == dict.fromkeys(("clean", "table"), "succeeded")
            )
        )
    rows = jobs_in(instance)
    assert {row["action"]: row["attempts_made"] for row in rows} == {"clean": 1, "table": 1}
    assert {job["identifier"] for job in told()} == {row["identifier"] for row in rows}
    for row in rows:
        states = [job["status"] for job in told() if job["identifier"] == row["identifier"]]
        assert sorted(states, key=ORDER.index) == states
        assert len(states) >= 2
