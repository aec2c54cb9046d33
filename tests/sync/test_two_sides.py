"""The real public side as a process of its own, and a secure side beside it: what is asked there runs here, and only how it
stands goes back."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts import backends
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.engine import Engine
from jobsite.jobs.models import Job
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings
from jobsite.sync.client import PublicSide
from jobsite.sync.fetching import Fetching
from jobsite.sync.reporting import Reporting

from ..databases import everything
from ..jobs.conftest import Study, engine, project_yaml, run_until  # noqa: F401
from ..servers import Server, jobs_in, jobsite, jobsite_json

MARK = "QUITESECRET"
WRITES = f"""
import pathlib
pathlib.Path("output").mkdir(exist_ok=True)
pathlib.Path("output/{MARK}.csv").write_text("{MARK},1")
print("{MARK} on a line of the log")
"""
YAML = project_yaml(
    write=("python:v2 write.py", [], {"highly_sensitive": {"rows": "output/*.csv"}}),
    miss=("python:v2 miss.py", ["write"], {"moderately_sensitive": {"table": "never/*.csv"}}),
)


class Public:
    """The public side: its instance, its server, and the token that it gave to the backend `tpp`."""

    def __init__(self, folder: Path, repositories: Path) -> None:
        self.instance = folder / "public"
        self.environ = {"JOBSITE_SIDE": "public", "JOBSITE_ALLOWED_REPOS": f"{repositories}/"}
        self.study = Study(repositories / "study")
        self.study.commit(project__yaml=YAML, write__py=WRITES, miss__py="print(1)")
        settings = Settings(instance=self.instance, side="public", allowed_repos=(f"{repositories}/",))
        open_instance(settings)
        self.token = self._people_and_backend()
        close_instance()
        self.server = self._serve()

    def _people_and_backend(self) -> str:
        ada = add_user(by="system", username="ada", fullname="Ada Adewale")
        org = add_organisation(by="system", name="Northfield")
        project = add_project(by="system", name="Air", orgs=[org])
        add_member(by="system", project=project, user=ada, roles=["ProjectDeveloper"])
        create_workspace(
            by="system", project=project, name="asthma", repo=str(self.study.path), branch="main"
        )
        return rotate_token(by="system", backend=add_backend(by="system", slug="tpp", name="TPP"))

    def _serve(self) -> Server:
        return Server(self.instance, **self.environ)

    def asks(self, *words: str) -> Any:
        """A job request by ada, from the command line."""
        made = jobsite_json(self.instance, "request", "asthma", *words, "--by", "ada", **self.environ)
        assert made["jobs"] == [] and made["status"] == "pending"
        return made

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The newest job of each action there, without those that only say that there was nothing to run."""
        return {row["action"]: row for row in reversed(jobs_in(self.instance)) if row["run_command"]}

    def backup(self, place: Path) -> Path:
        """All that it holds now, in one file."""
        jobsite_json(self.instance, "backup", str(place), **self.environ)
        return place

    def goes_back(self, backup: Path) -> None:
        """An older backup is put in the place of what it holds, and the server begins anew."""
        self.server.__exit__()
        jobsite_json(self.instance, "restore", str(backup), "--force", **self.environ)
        self.server = self._serve()


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Public]:
    there = Public(tmp_path, tmp_path / "repositories")
    yield there
    there.server.__exit__()


@pytest.fixture
def settings(public: Public, tmp_path: Path) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="secure",
        public_url=public.server.address,
        backend_token=public.token,
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,)},
    )


class Secure:
    """The two halves of this side, without their threads."""

    def __init__(self, public: Public) -> None:
        side = PublicSide(public.server.address, public.token)
        self.fetching, self.reporting = Fetching(side), Reporting(side)

    def poll(self) -> int:
        listed = self.fetching.poll()
        self.fetching.wait(60)
        return listed


def test_a_request_made_there_runs_here_and_only_how_it_stands_goes_back(
    public: Public,
    instance: Path,
    engine: Engine,  # noqa: F811
    run_until: Callable[[Callable[[], bool]], None],  # noqa: F811
    tmp_path: Path,
) -> None:
    first = public.asks("run_all")
    page = f"/asthma/{first['id']}/"
    assert "Waiting for TPP to fetch it" in public.server.get(page)[1]
    secure = Secure(public)
    assert secure.poll() == 1
    assert secure.reporting.push() == 2
    assert {name: job["state"] for name, job in public.jobs().items()} == {
        "write": "pending",
        "miss": "pending",
    }
    nothing = public.asks("write")
    secure.poll()
    secure.reporting.push()
    text = public.server.get(f"/asthma/{nothing['id']}/")[1]
    assert "All requested actions were already scheduled to run" in text
    plan = jobsite_json(
        public.instance, "request", "asthma", "write", "--by", "ada", "--dry-run", **public.environ
    )["plan"]
    assert [(one["verdict"], one["reason"][:17]) for one in plan] == [("reuse", "already scheduled")]
    backup = public.backup(tmp_path / "older.tar")

    run_until(lambda: not Job.select().where(Job.state.in_(("pending", "running"))).exists())
    backends.start_maintenance(by="system", backend=Backend.get())
    secure.reporting.push()
    here = {job.action: job for job in Job.select()}
    there = public.jobs()
    assert {name: (job["identifier"], job["state"], job["status_code"]) for name, job in there.items()} == {
        "write": (here["write"].identifier, "succeeded", "succeeded"),
        "miss": (here["miss"].identifier, "failed", "unmatched_patterns"),
    }
    assert json.loads(there["write"]["metrics"])["cpu_mean"] >= 0
    assert "Failed" in public.server.get(page)[1]
    assert "aintenance" in public.server.get("/status/")[1]

    second = public.asks("write")
    jobsite(public.instance, "cancel", str(second["id"]), "--by", "ada", **public.environ)
    secure.poll()
    secure.reporting.push()
    assert public.jobs()["write"]["status_code"] == "cancelled_by_user"
    assert secure.poll() == 0

    public.goes_back(backup)
    secure = Secure(public)
    attempts = sum(job.attempts_made for job in Job.select())
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert secure.poll() == 1  # it has forgotten how the first ended, and that the second was asked for
        assert secure.reporting.push() == 2
    assert {name: job["state"] for name, job in public.jobs().items()} == {
        "write": "succeeded",
        "miss": "failed",
    }
    assert sum(job.attempts_made for job in Job.select()) == attempts

    for path in public.instance.rglob("*"):
        if path.is_file():
            assert MARK.encode() not in path.read_bytes(), path
    assert MARK.encode() not in everything(public.instance)
    for address in (page, f"{page}{here['write'].identifier}/", f"{page}{here['miss'].identifier}/"):
        text = public.server.get(address)[1]
        assert MARK not in text
