"""Staff and operators see how it stands with the public side: when it last answered, what went wrong, what waits."""

# ruff: noqa: F811 - fixtures of the tests of releases, asked for by name

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from jobsite.accounts.actions import set_roles
from jobsite.accounts.sessions import start
from jobsite.cli import main
from jobsite.core import clock
from jobsite.core.db import writing
from jobsite.releases.requests.uploading import run_due
from jobsite.settings import Settings
from jobsite.sync.contact import Absence, note_failure, note_success
from jobsite.sync.events import read_steps
from jobsite.sync.link import link
from jobsite.sync.mirroring import store
from jobsite.sync.uploads import send
from jobsite.sync.user_object import person_there

from ..releases.conftest import first_world, world  # noqa: F401
from ..releases.world import World
from .apart import person
from .peer import TOKEN


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        instance=tmp_path / "instance", side="secure", public_url="http://127.0.0.1:9", backend_token=TOKEN
    )


def doctor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[bool, str]]:
    monkeypatch.setenv("JOBSITE_SIDE", "secure")
    monkeypatch.setenv("JOBSITE_PUBLIC_URL", settings.public_url)
    monkeypatch.setenv("JOBSITE_BACKEND_TOKEN", TOKEN)
    done = CliRunner().invoke(main, ["doctor", "--json", "--instance", str(settings.instance)])
    return {row["name"]: (row["ok"], row["sentence"]) for row in json.loads(done.output)}


def test_what_waits_and_what_went_wrong_is_on_the_pages_and_in_the_doctors_words(
    world: World, app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = clock.now()
    assert link().sentence == "It has never answered."
    note_success()
    assert (link().is_well, link().waits) == (True, "Nothing waits for it.")
    request = world.approved()
    read_steps()
    with clock.at(request.undo_until + timedelta(seconds=1)):
        run_due(send)
        found = link()
        assert not found.is_well and "could not be reached" in found.last_error
        assert (found.uploads, found.messages, found.stuck) == (5, 5, 0)
    with clock.at(began + timedelta(hours=3, minutes=1)):
        note_failure("The public side could not be reached.")
        assert link().sentence.startswith("It last answered 3 hours ago. The public side could not be")
        told = page_of(app, world, "/staff/health/")
        for words in ("Does not answer", "The public side could not be reached.", "5 waiting"):
            assert words in told
        assert "Does not answer" in page_of(app, world, "/status/")
        assert "Public side" not in app.test_client().get("/status/").text
        numbers = app.test_client().get("/metrics").text
        for line in ("silence_seconds 10", 'waiting{what="uploads"} 5.0', 'waiting{what="messages"} 5.0'):
            assert f"jobsite_public_side_{line}" in numbers
        assert doctor(settings, monkeypatch)["public side"][0] is False
    sentence = doctor(settings, monkeypatch)["waiting"][1]
    assert sentence == "Waiting: 5 parts of uploads, 5 messages about release requests."


def test_it_is_back_once_after_it_was_away_for_two_minutes_and_at_the_start(world: World) -> None:
    began, absence = clock.now(), Absence()
    assert not absence.is_over(), "it has never answered"
    note_success()
    assert absence.is_over() and not absence.is_over()
    for away, is_over in ((60, False), (180, True)):
        with clock.at(began + timedelta(hours=away)):
            note_failure(f"The public side is away {away}.")
            assert not absence.is_over()
        with clock.at(began + timedelta(hours=away, seconds=away)):
            note_success()
            assert absence.is_over() == is_over


def page_of(app: Flask, world: World, path: str) -> str:
    """A page as sam sees it, whom the public side has just confirmed."""
    set_roles(by="system", user=world.cast.sam, roles=["StaffAreaAdministrator"])
    store(person_there(person("sam"), None), asked_at=clock.now())
    client = app.test_client()
    with writing():
        token = start(person=world.cast.sam, way="a single-use token", user_agent="")
    with client.session_transaction() as kept:
        kept["_user_id"], kept["_fresh"] = token, True
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.text


class TestAlone:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(instance=tmp_path / "instance", side="secure")

    def test_a_secure_side_without_a_public_side_says_so(
        self, instance: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert link() is None
        ok, sentence = doctor(settings, monkeypatch)["public side"]
        assert not ok and "PUBLIC_URL" in sentence
