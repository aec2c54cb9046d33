"""A secure side in the test process, whose public side is a peer that lists job requests and keeps what it is told."""

import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from jobsite.core.clock import wire
from jobsite.jobs.models import Job, JobRequest
from jobsite.settings import Settings
from jobsite.sync.client import PublicSide
from jobsite.sync.fetching import Fetching
from jobsite.sync.models import FetchedRequest
from jobsite.sync.reporting import Reporting

from ...jobs.conftest import Study, project_yaml
from ..peer import TOKEN, Peer, Received, Reply

ASKED = datetime(2026, 11, 2, 9, 30)
LIST, JOBS = "GET job-requests/", "POST jobs/"
STUDY = project_yaml(
    clean=("python:v2 a.py", [], {"highly_sensitive": {"data": "output/secret_rows.csv"}}),
    table=(
        "python:v2 b.py",
        ["clean"],
        {"moderately_sensitive": {"table": "output/secret_table.csv"}},
    ),
)


def listed(number: int, study: Study, commit: str, *actions: str) -> dict[str, Any]:
    """A job request as the public side lists it: by ada, in the workspace `asthma` of the project `air`."""
    where = {"name": "asthma", "repo": str(study.path), "branch": "main"}
    return {
        "identifier": f"{number:016}",
        "backend": "tpp",
        "sha": commit,
        "force_run_dependencies": False,
        "requested_actions": list(actions),
        "cancelled_actions": [],
        "created_by": "ada",
        "created_at": wire(ASKED),
        "workspace": {**where, "created_by": "ada", "created_at": wire(ASKED)},
        "database_name": "default",
        "project": "air",
        "orgs": ["northfield", "southfield"],
        "codelists_ok": True,
    }


@dataclass
class SecureWorld:
    """The peer, the study, and this side's two halves. `items` is what the peer lists, newest first."""

    peer: Peer
    study: Study
    commit: str
    fetching: Fetching
    reporting: Reporting
    items: list[dict[str, Any]] = field(default_factory=list)

    def lists(self, number: int, *actions: str, **changes: Any) -> dict[str, Any]:
        """Let the peer list a request for the newest commit, by ada in the workspace `asthma`; gives the item."""
        item = listed(number, self.study, self.commit, *actions) | changes
        self.items.insert(0, item)
        return item

    def poll(self) -> None:
        """One look at the list, and all that follows from it."""
        self.fetching.poll()
        while not self.fetching.is_idle:
            self.fetching.wait(60)
            self.fetching.begin()

    def anew(self) -> None:
        """As after a restart of this side: no call rests because those before it failed."""
        self.peer.faults.clear()
        side = PublicSide(self.peer.url, TOKEN)
        self.fetching, self.reporting = Fetching(side), Reporting(side)

    def request(self, number: int) -> JobRequest:
        """The request of that number here."""
        return JobRequest.get(JobRequest.identifier == f"{number:016}")

    def row(self, number: int) -> FetchedRequest:
        """Its row in the journal."""
        return FetchedRequest.get(FetchedRequest.identifier == f"{number:016}")

    def jobs(self, number: int) -> dict[str, Job]:
        """Its jobs by action."""
        rows = Job.select().where(Job.job_request == self.request(number)).order_by(Job.position)
        return {job.action: job for job in rows}

    def told(self) -> list[list[dict[str, Any]]]:
        """The bodies of all reports so far."""
        return [one.json for one in self.peer.received if f"{one.method} {one.path}" == JOBS]


@pytest.fixture
def settings(tmp_path: Path, server: Peer) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="secure",
        public_url=server.url,
        backend_token=TOKEN,
        backend="tpp",
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,), "ehrql": (sys.executable,)},
    )


@pytest.fixture
def world(server: Peer, instance: Path, tmp_path: Path) -> SecureWorld:
    study = Study(tmp_path / "repositories" / "study")
    commit = study.commit(project__yaml=STUDY)
    side = PublicSide(server.url, TOKEN)
    world = SecureWorld(server, study, commit, Fetching(side), Reporting(side))

    def listing(_: Received) -> Reply:
        count = len(world.items)
        return 200, {"count": count, "next": None, "previous": None, "results": world.items}

    server.answers, server.faults = {LIST: listing, JOBS: (200, {"status": "success"})}, []
    server.clear()
    return world
