"""What the tests of the interface share: two backends that fetch their requests, ada's workspace, and a caller."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.ids import short_id
from jobsite.jobs.models import JobRequest, ProjectFile

from ...releases.released import Made, made

SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class World:
    """A backend `near` and another `far`, each with a token; ada develops the workspace `asthma`, ben collaborates."""

    client: FlaskClient
    cast: SimpleNamespace
    made: Made
    near: Backend
    far: Backend
    near_token: str
    far_token: str

    def request(self, backend: Backend | None = None, **columns: Any) -> JobRequest:
        """A job request that waits without jobs."""
        file, _ = ProjectFile.get_or_create(sha256="0" * 64, defaults={"text": "version: 5\n"})
        values = {
            "identifier": short_id(), "workspace": self.made.workspace, "backend": backend or self.near,
            "requested_actions": ["a", "b"], "commit": SHA, "project_file": file, "created_at": now(),
            "created_by": self.cast.ada,
        }  # fmt: skip
        return JobRequest.create(**values | columns)

    def call(
        self, method: str, path: str, token: str | None = None, data: Any = None, **headers: str
    ) -> TestResponse:
        """Call an endpoint below `/api/v2/`; `data` goes as JSON, bytes as they are. Underscores of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["Authorization"] = token
        if data is not None and not isinstance(data, bytes):
            data = json.dumps(data).encode()
            named.setdefault("Content-Type", "application/json")
        return self.client.open(f"/api/v2/{path}", method=method, data=data, headers=named, buffered=True)


@pytest.fixture
def world(cast: SimpleNamespace, client: FlaskClient) -> World:
    """Two backends, a workspace, and a caller without a login."""
    near, far = (add_backend(by="system", slug=slug, name=slug.title()) for slug in ("near", "far"))
    near_token, far_token = (rotate_token(by="system", backend=one) for one in (near, far))
    near, far = (Backend.get_by_id(one.id) for one in (near, far))
    return World(client, cast, made(cast, near), near, far, near_token, far_token)


@pytest.fixture
def job() -> Callable[..., dict[str, Any]]:
    """`job(request, "id1", action="a", status="running")`: what a runner reports of a job."""

    def reported(request: JobRequest | str, identifier: str, **fields: Any) -> dict[str, Any]:
        number = request if isinstance(request, str) else request.identifier
        return {
            "job_request_id": number, "identifier": identifier, "action": "a", "run_command": "r:v2 a.R",
            "status": "pending", "status_code": "created", "status_message": "Created",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:01:00Z", "started_at": None,
            "completed_at": None,
        } | fields  # fmt: skip

    return reported
