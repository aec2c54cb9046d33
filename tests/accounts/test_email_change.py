"""A new e-mail address counts only after the link sent to it was followed."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts import actions, email_change
from jobsite.accounts.models import User
from jobsite.accounts.queries import user_or_stop, user_signing_in
from jobsite.core import clock
from jobsite.core.errors import Invalid, NotFound
from jobsite.core.events import Event
from jobsite.core.limits import NAMED

MONDAY = datetime(2026, 3, 2, 9)
pytestmark = pytest.mark.usefixtures("instance")


def _ask(person: User, address: str) -> str:
    email_change.ask(by=person, email=address)
    return email_change.confirmation_path(user_or_stop(person.username), address).split("/")[-2]


def _types() -> list[str]:
    return [event.type for event in Event.select().order_by(Event.id) if event.type.startswith("user:email")]


def test_until_the_link_is_followed_the_address_there_is_counts(cast: SimpleNamespace) -> None:
    signed = _ask(cast.ada, " New@Example.org ")
    assert user_or_stop("ada").email == "ada@example.org"
    assert user_signing_in("new@example.org") is None
    assert user_signing_in("ada@example.org") == cast.ada
    assert email_change.confirm(by=cast.ada, signed=signed) == "new@example.org"
    ada = user_or_stop("ada")
    assert (ada.email, ada.old_email, ada.new_email) == ("new@example.org", "ada@example.org", None)
    assert (user_signing_in("NEW@example.org"), user_signing_in("ada@example.org")) == (ada, None)
    assert _types() == ["user:email-asked", "user:email-changed"]


def test_no_event_and_no_link_holds_an_address(cast: SimpleNamespace) -> None:
    signed = _ask(cast.ada, "new@example.org")
    email_change.confirm(by=cast.ada, signed=signed)
    assert not [event for event in Event.select() if "@" in event.data]
    path = email_change.confirmation_path(user_or_stop("ada"), "other@example.org")
    assert re.fullmatch(r"/settings/email/[\w.-]+/", path)
    assert "other" not in path


def test_a_link_works_once(cast: SimpleNamespace) -> None:
    signed = _ask(cast.ada, "new@example.org")
    email_change.confirm(by=cast.ada, signed=signed)
    with pytest.raises(NotFound, match="cannot be used any more"):
        email_change.confirm(by=cast.ada, signed=signed)
    assert _types().count("user:email-changed") == 1


def test_a_link_works_for_a_day(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY):
        signed = _ask(cast.ada, "new@example.org")
    with clock.at(MONDAY + timedelta(hours=24)), pytest.raises(NotFound):
        email_change.confirm(by=user_or_stop("ada"), signed=signed)
    with clock.at(MONDAY + timedelta(hours=23, minutes=59)):
        assert email_change.confirm(by=user_or_stop("ada"), signed=signed) == "new@example.org"


def test_a_link_that_was_replaced_or_withdrawn_is_worth_nothing(cast: SimpleNamespace) -> None:
    first = _ask(cast.ada, "first@example.org")
    again = _ask(cast.ada, "first@example.org")
    second = _ask(cast.ada, "second@example.org")
    for signed in (first, again):
        with pytest.raises(NotFound):
            email_change.confirm(by=cast.ada, signed=signed)
    email_change.withdraw(by=cast.ada)
    with pytest.raises(NotFound):
        email_change.confirm(by=cast.ada, signed=second)
    assert user_or_stop("ada").email == "ada@example.org"


def test_a_link_is_for_the_one_who_asked(cast: SimpleNamespace) -> None:
    signed = _ask(cast.ada, "new@example.org")
    email_change.ask(by=cast.ben, email="new@example.org")
    with pytest.raises(NotFound, match="another account"):
        email_change.confirm(by=user_or_stop("ben"), signed=signed)


@pytest.mark.parametrize("signed", ["", "x", "W10.x", "WzEsMiwzXQ.AAAA", "é", "a" * 5000])
def test_a_forged_link_is_a_sentence(cast: SimpleNamespace, signed: str) -> None:
    with pytest.raises(NotFound, match="cannot be used any more"):
        email_change.confirm(by=cast.ada, signed=signed)


def test_an_address_that_became_anothers_meanwhile_is_refused(cast: SimpleNamespace) -> None:
    signed = _ask(cast.ada, "new@example.org")
    actions.add_user(by="system", username="eve", fullname="Eve", email="new@example.org")
    with pytest.raises(Invalid, match="belongs to another user"):
        email_change.confirm(by=cast.ada, signed=signed)
    assert user_or_stop("ada").email == "ada@example.org"


def test_two_may_ask_for_one_address_and_the_first_to_follow_has_it(cast: SimpleNamespace) -> None:
    ada, ben = _ask(cast.ada, "new@example.org"), _ask(cast.ben, "new@example.org")
    email_change.confirm(by=cast.ben, signed=ben)
    with pytest.raises(Invalid):
        email_change.confirm(by=cast.ada, signed=ada)


def test_no_address_at_all_counts_at_once(cast: SimpleNamespace) -> None:
    actions.edit_user(by=cast.ada, user=cast.ada, fullname="Ada", email="")
    ada = user_or_stop("ada")
    assert (ada.email, ada.email_confirmed_at, ada.old_email) == (None, None, "ada@example.org")
    assert _types() == ["user:email-changed"]


# Through the pages


def _save(client: FlaskClient, csrf: Any, address: str) -> Any:
    form = {"fullname": "Ada Adewale", "email": address, "csrf_token": csrf(client, "/settings/")}
    return client.post("/settings/", data=form)


def test_the_pages_ask_for_the_link_and_then_for_a_click(
    app: Flask,
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: Callable[..., FlaskClient],
    csrf: Callable[..., str],
) -> None:
    sign_in(client, "ada")
    assert _save(client, csrf, "new@example.org").status_code == 303
    page = client.get("/settings/").text
    assert "ask staff to set new@example.org for you" in page
    assert 'value="ada@example.org"' in page
    path = email_change.confirmation_path(user_or_stop("ada"), "new@example.org")
    assert app.test_client().get(path).location == f"/login/?next={path}"
    assert sign_in(app.test_client(), "ben").get(path).status_code == 404
    asked = client.get(path)
    assert (asked.status_code, "new@example.org" in asked.text) == (200, True)
    assert user_or_stop("ada").email == "ada@example.org", "a GET changes nothing: mail programs follow links"
    assert client.post(path).status_code == 400
    answer = client.post(path, data={"csrf_token": csrf(client, path)})
    assert (answer.status_code, user_or_stop("ada").email) == (303, "new@example.org")
    assert client.get(path).status_code == 404


def test_the_address_asked_for_can_be_withdrawn_on_the_page(
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: Callable[..., FlaskClient],
    csrf: Callable[..., str],
) -> None:
    sign_in(client, "ada")
    _save(client, csrf, "new@example.org")
    assert "You asked to use <strong>new@example.org</strong>" in client.get("/settings/").text
    field = {"csrf_token": csrf(client, "/settings/")}
    assert client.post("/settings/email/withdraw/", data=field).status_code == 303
    assert "new@example.org" not in client.get("/settings/").text.replace("stays as it is", "")


def test_mails_to_addresses_of_others_are_limited(
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: Callable[..., FlaskClient],
    csrf: Callable[..., str],
) -> None:
    sign_in(client, "ada")
    most = NAMED["e-mail changes per person"].amount
    answers = [_save(client, csrf, f"victim{number}@example.org").status_code for number in range(most + 1)]
    assert answers == [303] * most + [429]
    assert _types().count("user:email-asked") == most
    assert _save(client, csrf, "ada@example.org").status_code == 303, "the name can still be changed"
