"""Before a release the installation may ask for a young login: on the page, in place, and in the verb (T10, OC15)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite import settings as all_settings
from jobsite.accounts import signing_in
from jobsite.accounts.models import Session
from jobsite.core import clock
from jobsite.core.errors import Denied
from jobsite.releases.requests.releasing import approve
from jobsite.setting_kinds import age

from .test_desk import at, people, words_of  # noqa: F401
from .world import World

LATER = timedelta(minutes=20)


@pytest.fixture
def asked(world: World, app: Flask) -> Iterator[None]:
    """An installation that asks for a login of the last 15 minutes."""
    before = all_settings.current()
    all_settings.use(replace(before, release_login=timedelta(minutes=15)))
    yield
    all_settings.use(before)


def test_an_old_login_releases_nothing_until_the_person_logs_in_again_on_that_page(
    world: World,
    asked: None,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    request = world.reviewed()
    cyd, release = people("cyd"), at(request, "-", "release", "")
    assert "Log in again" not in cyd.get(release).text, "this login is young enough"
    with clock.at(clock.now() + LATER):
        page = words_of(cyd.get(release).text)
        assert "A release asks for a login that is at most 15 minutes old here" in page
        assert "Single-use token of cyd" in page
        assert cyd.post(release).status_code == 403, "the verb looks as well"
        wrong = cyd.post(release, data={"do": "log-in", "token": "not my token"})
        assert wrong.status_code == 422 and signing_in.FAILED in wrong.text
        assert world.again(request).status == "REVIEWED"
        token = signing_in.make_token(by="system", user=world.cast.cyd)
        other = signing_in.make_token(by="system", user=world.cast.eve)
        assert cyd.post(release, data={"do": "log-in", "token": other}).status_code == 422, "nobody else's"
        answer = cyd.post(release, data={"do": "log-in", "token": token})
        assert (answer.status_code, answer.location) == (303, release)
        assert Session.select().where(Session.user == world.cast.cyd, Session.ended_at.is_null()).count() == 1
        page = cyd.get(release).text
        assert "You have logged in again." in page and "Single-use token of" not in page
        assert cyd.post(release).status_code == 303
    assert world.again(request).status == "APPROVED"


def test_where_providers_are_set_up_their_buttons_lead_back_to_the_page(
    world: World,
    asked: None,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    request = world.reviewed()
    cyd, release = people("cyd"), at(request, "-", "release", "")
    known = {"github_client_id": "a", "github_client_secret": "b"}
    all_settings.use(replace(all_settings.current(), **known, token_login_networks=("10.0.0.0/8",)))
    _make_members(world)
    with clock.at(clock.now() + LATER):
        answer = cyd.get(release)
        assert 'action="/login/github/"' in answer.text and f'name="next" value="{release}"' in answer.text
        assert "https://github.com" in answer.headers["Content-Security-Policy"]
        assert "Token login only allowed from Level 4" in answer.text
        token = {"do": "log-in", "token": "three small words"}
        assert cyd.post(release, data=token).status_code == 403, "no tokens from this network"


def _make_members(world: World) -> None:
    from_now = {"created_at": clock.now(), "created_by": "sam"}
    for person in (world.cast.cat, world.cast.cyd):
        world.backend.memberships.model.create(backend=world.backend, user=person, **from_now)


def test_who_acts_without_a_login_releases_nothing_where_one_is_asked_for(world: World, asked: None) -> None:
    request = world.reviewed()
    with pytest.raises(Denied, match="log in again"):
        approve(by=world.cast.cyd, request_id=request.id)


@pytest.mark.parametrize(
    ("given", "found"), [("0", timedelta(0)), ("15 min", timedelta(minutes=15)), ("1 d", timedelta(days=1))]
)
def test_the_setting_is_a_time_of_at_most_a_day_or_none(given: Any, found: timedelta) -> None:
    assert age(given) == found
    with pytest.raises(ValueError, match="at most 1 d"):
        age("25 h")
