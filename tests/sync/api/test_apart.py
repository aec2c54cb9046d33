"""The interface on a public side that stands alone: without the tables of Level 4 all of it works."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts.signing_in import make_token
from jobsite.core.db import database
from jobsite.jobs.models import Job, JobRequest
from jobsite.notifications.models import Notice
from jobsite.notifications.reading import read_news
from jobsite.releases.models import ReleaseFile
from jobsite.settings import Settings

from .conftest import World
from .test_releases import ID, announced, create, upload
from .test_review_steps import step


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A public side."""
    return Settings(instance=tmp_path / "instance", side="public")


def test_jobs_releases_people_and_steps_need_nothing_of_level_4(
    world: World, job: Callable[..., dict[str, Any]]
) -> None:
    assert "attempt" not in database.get_tables() and "release_request" not in database.get_tables()
    request = world.request(will_notify=True)
    reports = [
        job(request, "one", status="succeeded", status_code="succeeded", started_at="2026-01-01T00:00:00Z")
    ]
    assert world.call("POST", "jobs/", world.near_token, reports).status_code == 200
    read_news()
    assert world.call("POST", "jobs/", world.near_token, [job(request, "two")]).status_code == 200
    assert [one.identifier for one in Job.select()] == ["two"] and JobRequest.get().status == "succeeded"
    assert create(world, announced()).status_code == upload(world).status_code == 201
    told = {"public_reason": "A small count was found in it.", "files": None}
    assert (
        world.call("POST", f"releases/release/{ID}/revoke", world.near_token, told, OS_User="cat").status_code
        == 200
    )
    assert ReleaseFile.get().deleted_at
    words = make_token(by="system", user=world.cast.ada)
    said = world.call("POST", "releases/authenticate", world.near_token, {"user": "ada", "token": words})
    assert said.json["workspaces"].keys() == {"asthma"}
    for name in ("request_approved", "request_revoked"):
        assert world.call("POST", "airlock/events/", world.near_token, step(name)).json == {"status": "ok"}
    read_news()
    kinds = {one.kind for one in Notice.select().where(Notice.user == world.cast.ada)}
    assert kinds >= {"job-ended", "review-approved", "review-revoked"}
    for path in ("job-requests/", "users/ada/", "workspaces/asthma/statuses/", "openapi.json", "backend/"):
        assert world.call("GET", path, world.near_token).status_code == 200, path
    for page in ("/", "/status/", "/event-log/", f"/asthma/{request.id}/", f"/asthma/{request.id}/two/"):
        assert world.client.get(page).status_code == 200, page
