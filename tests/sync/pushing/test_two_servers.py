"""Two servers of this very program, both ends of the interface: what is asked for on a public side is sent to a secure side, which
runs it. The public side is killed just before it calls."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.queries import backends, user_or_stop
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.actions import cancel
from jobsite.jobs.asking import Order, ask, wish_of
from jobsite.jobs.models import JobRequest
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings
from jobsite.sync.controller.tokens import add_controller_token
from jobsite.sync.pushing.state import drive
from jobsite.sync.pushing.switching import set_dispatch

from ...databases import database_environ, everything, rows
from ...jobs.conftest import Study, project_yaml
from ...servers import COMMAND, Server, jobs_in, until

MARK = "QUITESECRET"
WRITES = f"""
import pathlib, sys, time
pathlib.Path("output").mkdir(exist_ok=True)
pathlib.Path("output/{MARK}.csv").write_text("{MARK},1")
print("{MARK} on a line of the log", flush=True)
time.sleep(float(sys.argv[1]))
"""
PLACE = {"highly_sensitive": {"rows": f"output/{MARK[:5]}*.csv"}}
YAML = project_yaml(
    write=("python:v2 write.py 0", [], PLACE),
    table=("python:v2 miss.py", ["write"], {"moderately_sensitive": {"table": "never/*.csv"}}),
    slow=("python:v2 write.py 600", [], {"highly_sensitive": {"slow": "other/*.csv"}}),
)


class Ends:
    """The secure side as a server, and the instance of a public side whose backend `tpp` it is."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        study = Study(folder / "repositories" / "study")
        study.commit(project__yaml=YAML, write__py=WRITES, miss__py="print(1)")
        repos = f"{folder}/repositories/"
        self.secure, self.public = folder / "secure", folder / "public"
        token = self._token(Settings(instance=self.secure, side="secure", backend="tpp"))
        runtimes = json.dumps({"python": sys.executable})
        self.server = stack.enter_context(
            Server(
                self.secure, JOBSITE_SIDE="secure", JOBSITE_BACKEND="tpp", JOBSITE_ALLOWED_REPOS=repos,
                JOBSITE_RUNTIMES=runtimes,
            )
        )  # fmt: skip
        url = f"{self.server.address}/controller/v1"
        self.environ = {
            "JOBSITE_SIDE": "public", "JOBSITE_ALLOWED_REPOS": repos, "JOBSITE_CONTROLLER_URL": url,
            "JOBSITE_CONTROLLER_TOKEN": token, "JOBSITE_CONTROLLER_EVERY": "1",
        }  # fmt: skip
        self.settings = Settings(
            instance=self.public, side="public", allowed_repos=(repos,), controller_url=url
        )
        self._people(str(study.path))

    def _token(self, settings: Settings) -> str:
        open_instance(settings)
        tpp = add_backend(by="system", slug="tpp", name="TPP")
        token = add_controller_token(by="system", name="site", backends=[tpp])
        close_instance()
        return token

    def _people(self, repo: str) -> None:
        with self.opened():
            ada = add_user(by="system", username="ada", fullname="Ada Adewale")
            org = add_organisation(by="system", name="Northfield")
            project = add_project(by="system", name="Air", orgs=[org])
            add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
            create_workspace(by="system", project=project, name="asthma", repo=repo, branch="main")
            set_dispatch(by="system", backend=add_backend(by="system", slug="tpp", name="TPP"), to="push")

    @contextmanager
    def opened(self) -> Iterator[None]:
        """The public side in this process, as a command has it beside the server."""
        open_instance(self.settings)
        try:
            yield
        finally:
            close_instance()

    def asks(self, action: str) -> int:
        """A job request by ada; its number."""
        with self.opened():
            ada, asthma = user_or_stop("ada"), Workspace.get(name="asthma")
            made, _ = ask(ada, wish_of(ada, asthma, Order((action,))), dry_run=False)
            assert made is not None and (made.status, made.jobs.count()) == ("unknown", 0)
            return int(made.id)

    def cancels(self, number: int) -> None:
        """Ada cancels a request."""
        with self.opened():
            cancel(by=user_or_stop("ada"), request=JobRequest.get_by_id(number), may_cancel=True)

    def dies_at(self, point: str) -> int:
        """Start the public side to be killed at that point, perhaps before it says that it is ready; its exit status."""
        words = [*COMMAND, "serve", "--port", "0", "--instance", str(self.public)]
        environ = {**os.environ, **database_environ(self.public), **self.environ, "JOBSITE_FAIL_AT": point}
        return subprocess.run(words, env=environ, capture_output=True, timeout=120, check=False).returncode

    def states(self) -> dict[str, str]:
        """The state of the newest job of each action, as the public side knows it."""
        return {row["action"]: row["state"] for row in reversed(jobs_in(self.public))}

    def statuses(self) -> list[str]:
        """The statuses of the requests there, oldest first."""
        found = rows(self.public, "SELECT status FROM job_request ORDER BY id")
        return [row["status"] for row in found]


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    with ExitStack() as stack:
        yield Ends(tmp_path, stack)


def test_a_request_runs_once_on_the_other_server_although_this_one_is_killed_and_no_secret_comes_back(
    ends: Ends,
) -> None:
    ends.asks("table")
    assert ends.dies_at("pushing.begun") == 137
    with Server(ends.public, **ends.environ):
        until(lambda: ends.states() == {"write": "succeeded", "table": "failed"})
        there = jobs_in(ends.secure)
        assert {row["action"]: row["attempts_made"] for row in there} == {"write": 1, "table": 1}
        assert {row["identifier"] for row in there} == {row["identifier"] for row in jobs_in(ends.public)}
        codes = {row["action"]: row["status_code"] for row in jobs_in(ends.public)}
        assert codes == {"write": "succeeded", "table": "unmatched_patterns"}
        slow = ends.asks("slow")
        until(lambda: ends.states().get("slow") == "running")
        ends.cancels(slow)
        until(lambda: ends.states().get("slow") == "cancelled")
        assert ends.statuses() == ["failed", "failed"]
        with ends.opened():
            found = drive(backends())
            assert found and (found.is_well, found.waiting, found.backends) == (True, 0, ("tpp",))
    files = [path for path in ends.public.rglob("*") if path.is_file() and "repos" not in path.parts]
    log = ends.public.parent / "public-server.log"
    assert [path.name for path in (*files, log) if MARK.encode() in path.read_bytes()] == []
    assert MARK.encode() not in everything(ends.public)
