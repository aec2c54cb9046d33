"""Where no sandbox can be made: the start says so, no job runs, and only EXECUTOR_UNSAFE changes that.

bubblewrap itself hides bubblewrap here: the server sees a system on which it is not installed.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ..databases import copied_instance
from ..servers import COMMAND, Server, jobs_in, jobsite_json, until

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("server")]

BWRAP = Path("/usr/bin/bwrap")
WITHOUT = (
    "bwrap",
    "--die-with-parent",
    "--dev-bind",
    "/",
    "/",
    "--ro-bind",
    "/dev/null",
    str(BWRAP.resolve()),
    "--",
    *COMMAND,
)
"""The command where bubblewrap is not installed."""


@pytest.fixture
def instance(made: Path) -> Iterator[Path]:
    """The small instance in a folder that every user of the machine can reach."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield copied_instance(made, Path(folder, "instance"))


def test_the_start_says_so_and_no_job_is_started(instance: Path) -> None:
    with Server(instance, command=WITHOUT) as server:
        assert any(line.startswith("Jobs do not run here: Bubblewrap is missing") for line in server.lines)
        jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")
        job = until(lambda: _told(instance))
        assert job["state"] == "pending"
        assert "Bubblewrap is missing" in job["status_message"]
        assert not list((instance / "work").iterdir())


def test_it_runs_jobs_unprotected_only_when_told_to(instance: Path) -> None:
    # Without mounts of its own the job's user must be able to reach the program: Debian's, not one below a home.
    with Server(
        instance,
        command=WITHOUT,
        JOBSITE_EXECUTOR_UNSAFE="1",
        JOBSITE_RUNTIMES='{"python": "/usr/bin/python3"}',
    ) as server:
        assert not any("do not run here" in line for line in server.lines)
        jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")
        until(lambda: jobs_in(instance)[0]["status_code"] in ("executing", "nonzero_exit", "job_error"))
        if os.geteuid() == 0:
            assert _users_of("slow.py") == {10_000}, "never root, also without a sandbox"
        until(lambda: jobs_in(instance)[0]["state"] == "succeeded")


def _told(instance: Path) -> dict[str, Any] | None:
    job = jobs_in(instance)[0]
    return job if job["status_code"] != "created" else None


def _users_of(script: str) -> set[int]:
    """The user numbers of the processes that run the script."""
    listed = subprocess.run(["ps", "-eo", "uid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 1) for line in listed.splitlines()[1:]]
    return {
        int(uid) for uid, args in rows if args.split()[0] == "/usr/bin/python3" and args.split()[-1] == script
    }
