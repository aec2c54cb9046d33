"""The review desk of a secure side whose public side is elsewhere: nothing is released in the name of who is not confirmed now."""

# ruff: noqa: F811 - fixtures of the tests of releases, asked for by name

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.sessions import start
from jobsite.core import clock
from jobsite.core.db import writing
from jobsite.notifications.reading import read_news
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.uploading import run_due
from jobsite.settings import Settings
from jobsite.sync.link_models import Confirmation
from jobsite.sync.uploads import send

from ..releases.conftest import first_world, world  # noqa: F401
from ..releases.world import World
from .apart import knows, person
from .peer import TOKEN, Peer


@pytest.fixture
def settings(tmp_path: Path, peer: Peer) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="secure",
        public_url=peer.url,
        backend_token=TOKEN,
        backend="local",
    )


def logged_in(app: Flask, who: object) -> FlaskClient:
    """A browser of somebody whom the public side has just confirmed."""
    client = app.test_client()
    Confirmation.create(user=who, confirmed_at=clock.now())
    with writing():
        token = start(person=who, way="a single-use token", user_agent="")
    with client.session_transaction() as kept:
        kept["_user_id"], kept["_fresh"] = token, True
    return client


def release(client: FlaskClient, request: ReleaseRequest) -> tuple[int, str]:
    """The button of the page with which a request is approved."""
    address = f"/requests/{request.id}/-/release/"
    page = client.get(address).text
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    answer = client.post(address, data=hidden | {"do": "release"})
    return answer.status_code, answer.text


def test_a_release_needs_a_role_that_was_confirmed_within_a_minute(
    world: World, app: Flask, peer: Peer
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    request, client = world.reviewed(), logged_in(app, world.cast.cyd)
    knows(peer, person("cyd", output_checker=True), "OutputChecker")
    with clock.at(clock.now() + timedelta(seconds=61)):
        peer.faults = ["503"]
        status, said = release(client, request)
        assert status == 503 and "cannot confirm your permissions" in said
        assert world.again(request).status == "REVIEWED"

        knows(peer, person("cyd"))
        status, said = release(client, request)
        assert status in (403, 404) and world.again(request).status == "REVIEWED"

        peer.answers["POST releases/authorise"] = (200, person("cyd", output_checker=True))
        with clock.at(clock.now() + timedelta(seconds=61)):
            assert release(client, request)[0] == 303
    assert world.again(request).status == "APPROVED"


def test_what_was_released_is_seen_on_the_public_site_and_links_lead_there(
    world: World, app: Flask, peer: Peer
) -> None:
    request = world.approved()
    peer.answers["POST releases/workspace/asthma"] = (201, None)
    peer.answers[f"POST releases/release/{request.id}"] = (201, None)
    with clock.at(request.undo_until + timedelta(seconds=1)):
        run_due(send)
    read_news()
    ada = logged_in(app, world.cast.ada)
    assert f'href="{peer.url}/asthma/releases/{request.id}/"' in ada.get("/inbox/").text
    assert f'href="{peer.url}/asthma/releases/"' in ada.get(f"/requests/{request.id}/").text
