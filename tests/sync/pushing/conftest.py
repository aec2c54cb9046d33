"""A public side in the test process, whose controller is a peer that makes jobs of what it is sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.ids import short_id
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.settings import Settings
from jobsite.sync.pushing.client import Controller
from jobsite.sync.pushing.following import Pushing
from jobsite.sync.pushing.models import SentRequest
from jobsite.sync.pushing.switching import set_dispatch

from ...releases.released import made
from ..peer import TOKEN, Peer, Received, Reply

SHA = "0123456789abcdef0123456789abcdef01234567"
ROOT = "/controller/v1/"
CREATE, CANCEL, STATUS = (f"POST {ROOT}rap/{name}/" for name in ("create", "cancel", "status"))
BACKENDS = f"GET {ROOT}backend/status/"
OFF = {"status": "off", "since": None}
AT = "2026-01-01T00:00:00.000001Z"


def job_of(request: JobRequest | str, action: str = "clean", **changed: Any) -> dict[str, Any]:
    """A job as a controller tells of it."""
    name = request if isinstance(request, str) else request.identifier
    return {
        "identifier": f"{name[:12]}{action[:4]}", "rap_id": name, "backend": "tpp", "action": action,
        "run_command": "python:v2 a.py", "status": "pending", "status_code": "created", "status_message": "Created",
        "created_at": AT, "updated_at": AT, "started_at": None, "completed_at": None, "trace_context": {}, "metrics": {},
        "requires_db": False,
    } | changed  # fmt: skip


@dataclass
class PublicWorld:
    """The peer, the backend whose requests it is sent, and the rounds. `jobs` are those that the peer tells of, by rap id."""

    peer: Peer
    tpp: Backend
    workspace: Any
    ada: Any
    pushing: Pushing
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def asks(self, *actions: str, **columns: Any) -> JobRequest:
        """A job request by ada, as it is stored when she submits it."""
        file, _ = ProjectFile.get_or_create(sha256="0" * 64, defaults={"text": "version: 5\n"})
        values = {
            "identifier": short_id(), "workspace": self.workspace, "backend": self.tpp, "commit": SHA,
            "requested_actions": list(actions or ("clean",)), "project_file": file, "created_at": now(),
            "created_by": self.ada, "status": "unknown",
        }  # fmt: skip
        return JobRequest.create(**values | columns)

    def round(self) -> None:
        """A turn in which everything is asked, as if the interval was over."""
        SentRequest.update(asked_at=None).execute()
        self.at_once()

    def at_once(self) -> None:
        """A turn of a process that has just started."""
        Pushing(Controller(self.peer.url + ROOT, TOKEN)).round()

    def now(self, request: JobRequest) -> JobRequest:
        """The request as it stands."""
        return JobRequest.get_by_id(request.id)

    def row(self, request: JobRequest) -> SentRequest:
        """Its row in the journal."""
        return SentRequest.get(SentRequest.job_request == request)

    def states(self, request: JobRequest) -> dict[str, str]:
        """The states of its jobs by action."""
        return {job.action: job.state for job in Job.select().where(Job.job_request == request)}

    def sent(self, path: str) -> list[Any]:
        """What was sent to an address, in order."""
        return [one.json for one in self.peer.received if f"{one.method} {one.path}" == path]


@pytest.fixture
def settings(tmp_path: Path, server: Peer) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="public",
        controller_url=server.url + "/controller/v1",
        controller_token=TOKEN,
    )


@pytest.fixture
def world(server: Peer, cast: SimpleNamespace) -> Iterator[PublicWorld]:
    tpp = add_backend(by="system", slug="tpp", name="TPP")
    set_dispatch(by="system", backend=tpp, to="push")
    world = PublicWorld(
        server, tpp, made(cast, tpp).workspace, cast.ada, Pushing(Controller(server.url + ROOT, TOKEN))
    )

    def create(received: Received) -> Reply:
        sent = received.json
        known = sent["rap_id"] in world.jobs
        jobs = world.jobs.setdefault(
            sent["rap_id"], [job_of(sent["rap_id"], one) for one in sent["requested_actions"]]
        )
        told = {"result": "No change" if known else "Success", "details": "Jobs", "rap_id": sent["rap_id"]}
        return 200 if known else 201, {**told, "count": len(jobs)}

    def status(received: Received) -> Reply:
        wanted = received.json["rap_ids"]
        jobs = [job for name in wanted for job in world.jobs.get(name, ())]
        return 200, {"jobs": jobs, "unrecognised_rap_ids": [one for one in wanted if one not in world.jobs]}

    server.answers = {
        CREATE: create,
        STATUS: status,
        CANCEL: (200, {"result": "Success", "details": "1 action cancelled", "count": 1}),
        BACKENDS: (200, {"backends": []}),
    }
    server.faults = []
    server.clear()
    yield world
