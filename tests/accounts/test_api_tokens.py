"""API tokens: their form, what is kept, who they are for, when they end; and the answer that tells it."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts import actions
from jobsite.accounts.api_tokens import api_tokens_of, make_api_token, person_with_token, revoke_api_token
from jobsite.accounts.models import ApiToken, User
from jobsite.core import clock
from jobsite.core.db import database
from jobsite.core.errors import Conflict, Denied, Invalid
from jobsite.core.events import Event
from jobsite.core.limits import NAMED

MONDAY = datetime(2026, 3, 2, 9)
pytestmark = pytest.mark.usefixtures("instance")


def make(person: User, name: str = "ci", days: int = 90) -> str:
    return make_api_token(by=person, user=person, name=name, days=days)


def test_a_token_is_64_hexadecimal_digits_and_the_day_it_ends_and_only_a_hash_is_kept(
    cast: SimpleNamespace,
) -> None:
    with clock.at(MONDAY):
        token = make(cast.ada)
    assert re.fullmatch(r"[0-9a-f]{64}-2026-05-31", token)
    row = ApiToken.get()
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    kept = str(database.execute_sql("SELECT * FROM api_token").fetchall())
    kept += "".join(event.data for event in Event.select())
    assert token[:64] not in kept


@pytest.mark.parametrize("header", ["ada:{}", "ADA:{}", " ada:{} ", "Bearer {}", "bearer  {}"])
def test_a_program_acts_for_the_owner_by_either_header(cast: SimpleNamespace, header: str) -> None:
    found = person_with_token(header.format(make(cast.ada)))
    assert (found, found.api_token.name) == (cast.ada, "ci")
    assert found.permissions == cast.ada.permissions


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("nobody:{}", "Invalid user"),
        ("nobody:", "Invalid user"),
        ("ben:{}", "You do not have permission to perform this action."),
        ("ada:{}x", "You do not have permission to perform this action."),
        ("ada:", "You do not have permission to perform this action."),
        (":{}", "You do not have permission to perform this action."),
        ("{}", "You do not have permission to perform this action."),
        ("", "You do not have permission to perform this action."),
        ("Bearer", "You do not have permission to perform this action."),
        ("Bearer {} {}", "You do not have permission to perform this action."),
        ("Basic {}", "You do not have permission to perform this action."),
        ("Bearer é", "You do not have permission to perform this action."),
    ],
)
def test_every_other_header_is_refused(cast: SimpleNamespace, header: str, sentence: str) -> None:
    with pytest.raises(Denied) as refusal:
        person_with_token(header.format(*[make(cast.ada)] * 2))
    assert str(refusal.value) == sentence


def test_a_token_works_on_its_last_day_and_not_after(cast: SimpleNamespace) -> None:
    with clock.at(MONDAY):
        token = make(cast.ada, days=1)
    with clock.at(datetime(2026, 3, 3, 23, 59, 59)):
        assert person_with_token(f"ada:{token}") == cast.ada
    with clock.at(datetime(2026, 3, 4)), pytest.raises(Denied):
        person_with_token(f"ada:{token}")


def test_the_day_in_the_token_cannot_be_changed(cast: SimpleNamespace) -> None:
    token = make(cast.ada, days=1)
    with pytest.raises(Denied):
        person_with_token(f"ada:{token[:64]}-2099-01-01")


def test_revoking_deactivating_and_a_lost_role_count_at_once(cast: SimpleNamespace) -> None:
    first, second = make(cast.cat, "one"), make(cast.cat, "two")
    number = ApiToken.get(ApiToken.name == "one").id
    with pytest.raises(Conflict):
        revoke_api_token(by=cast.ada, user=cast.ada, number=number)
    revoke_api_token(by=cast.cat, user=cast.cat, number=number)
    with pytest.raises(Denied):
        person_with_token(f"cat:{first}")
    with pytest.raises(Conflict):
        revoke_api_token(by=cast.cat, user=cast.cat, number=number)
    assert "release_file_view" in person_with_token(f"cat:{second}").permissions
    actions.set_roles(by=cast.sam, user=cast.cat, roles=[])
    assert person_with_token(f"cat:{second}").permissions == frozenset()
    actions.deactivate(by=cast.sam, user=cast.cat)
    actions.reactivate(by=cast.sam, user=cast.cat)
    with pytest.raises(Denied):
        person_with_token(f"cat:{second}")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "there"}, "name"),
        ({"days": 0}, "days"),
        ({"days": 91}, "days"),
        ({"days": 10**30}, "days"),
    ],
)
def test_what_cannot_be_made_names_its_field(cast: SimpleNamespace, wish: dict[str, Any], field: str) -> None:
    make(cast.ada, "there")
    with pytest.raises(Invalid) as refusal:
        make_api_token(by=cast.ada, user=cast.ada, **{"name": "ci", "days": 90} | wish)
    assert list(refusal.value.fields) == [field]
    assert ApiToken.select().count() == 1


def test_a_person_has_at_most_twenty_that_work(cast: SimpleNamespace) -> None:
    for number in range(20):
        make(cast.ada, f"program {number}")
    with pytest.raises(Invalid, match="20 tokens already"):
        make(cast.ada, "one more")
    revoke_api_token(by=cast.ada, user=cast.ada, number=api_tokens_of(cast.ada)[0].id)
    make(cast.ada, "one more")


def test_people_make_and_revoke_their_own_and_staff_anybodys(cast: SimpleNamespace) -> None:
    for person in (cast.ben, cast.cat, cast.dan):
        with pytest.raises(Denied):
            make_api_token(by=person, user=cast.ada, name="x")
    make_api_token(by=cast.sam, user=cast.ada, name="x")
    with pytest.raises(Denied):
        revoke_api_token(by=cast.ben, user=cast.ada, number=ApiToken.get().id)
    revoke_api_token(by=cast.sam, user=cast.ada, number=ApiToken.get().id)
    told = [
        (event.type, event.by, event.subject) for event in Event.select().order_by(Event.id.desc()).limit(2)
    ]
    assert told == [
        ("user:api-token-revoked", "sam", "user:ada"),
        ("user:api-token-made", "sam", "user:ada"),
    ]


def test_the_last_use_is_noted_at_most_once_an_hour(cast: SimpleNamespace, queries: Any) -> None:
    with clock.at(MONDAY):
        header = f"ada:{make(cast.ada)}"
    for minutes, noted in ((1, 1), (60, 1), (61, 61)):
        with clock.at(MONDAY + timedelta(minutes=minutes)):
            person_with_token(header)
            assert ApiToken.get().last_used_at == MONDAY + timedelta(minutes=noted)


# The answer


def ask(client: FlaskClient, header: str | None) -> Any:
    return client.get("/api/v2/token/", headers={} if header is None else {"Authorization": header})


def test_a_token_tells_whose_it_is_when_it_ends_and_what_it_may_do(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    bot = actions.add_user(by="system", username="ci", fullname="CI", bot=True, roles=["OutputChecker"])
    with clock.at(MONDAY):
        token = make_api_token(by="system", user=bot, name="nightly", days=2)
        answer = ask(client, f"ci:{token}")
    assert answer.status_code == 200
    assert answer.json == {
        "username": "ci",
        "name": "nightly",
        "bot": True,
        "expires_at": "2026-03-05T00:00:00.000000Z",
        "roles": ["OutputChecker"],
        "permissions": [
            "release_file_delete",
            "release_file_upload",
            "release_file_view",
            "unreleased_outputs_view",
        ],
    }
    assert "Set-Cookie" not in answer.headers
    assert client.get("/settings/", headers={"Authorization": f"ci:{token}"}).status_code == 302


def test_every_failure_is_403_json(client: FlaskClient, cast: SimpleNamespace) -> None:
    for header, detail in (
        (None, "Authorization header is missing"),
        ("nobody:x", "Invalid user"),
        ("ada:x", "You do not have permission to perform this action."),
        ("\xff" * 5000, "You do not have permission to perform this action."),
    ):
        answer = ask(client, header)
        assert (answer.status_code, answer.mimetype) == (403, "application/json")
        assert json.loads(answer.text) == {"detail": detail}


def test_guesses_are_limited_for_an_address(client: FlaskClient, cast: SimpleNamespace) -> None:
    token = make(cast.ada)
    for _ in range(NAMED["wrong API tokens per address"].amount):
        ask(client, "ada:x")
    answer = ask(client, f"ada:{token}")
    assert (answer.status_code, "Too many attempts" in answer.json["detail"]) == (403, True)
    assert int(answer.headers["Retry-After"]) > 0


# The pages


def test_a_token_is_made_shown_once_used_and_revoked_on_the_pages(
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: Callable[..., FlaskClient],
    csrf: Callable[..., str],
) -> None:
    sign_in(client, "ada")
    assert "You have no API token." in client.get("/settings/tokens/").text
    field = {"csrf_token": csrf(client, "/settings/tokens/")}
    made = client.post("/settings/tokens/", data={**field, "name": "<b>CI</b>", "days": "7"})
    token = re.search(r"[0-9a-f]{64}-\d{4}-\d\d-\d\d", made.text)[0]
    assert (made.status_code, made.headers["Cache-Control"]) == (200, "no-store")
    assert ask(client, f"Bearer {token}").status_code == 200
    page = client.get("/settings/tokens/").text
    assert token[:64] not in page
    assert "&lt;b&gt;CI&lt;/b&gt;" in page
    assert "never" not in page
    number = ApiToken.get().id
    assert f'href="/settings/tokens/{number}/revoke/"' in page
    question = client.get(f"/settings/tokens/{number}/revoke/").text
    assert "Revoke &lt;b&gt;CI&lt;/b&gt;?" in question
    assert ask(client, f"Bearer {token}").status_code == 200, "looking at the question revokes nothing"
    assert client.post(f"/settings/tokens/{number}/revoke/").status_code == 400
    assert client.post(f"/settings/tokens/{number}/revoke/", data=field).status_code == 303
    assert client.get(f"/settings/tokens/{number}/revoke/").status_code == 404
    assert ask(client, f"Bearer {token}").status_code == 403


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "", "days": "7"}, "Enter a name, such as the program that will use it."),
        ({"name": "ci", "days": "many"}, "Enter a number of days from 1 to 90."),
        ({"name": "ci", "days": "99999999999999999999"}, "Enter a number of days from 1 to 90."),
        ({}, "Enter a name, such as the program that will use it."),
    ],
)
def test_a_refused_form_says_why_and_repeats_what_was_typed(
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: Callable[..., FlaskClient],
    csrf: Callable[..., str],
    form: dict[str, str],
    sentence: str,
) -> None:
    sign_in(client, "ada")
    field = {"csrf_token": csrf(client, "/settings/tokens/")}
    answer = client.post("/settings/tokens/", data={**field, **form})
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert all(f'value="{value}"' in answer.text for value in form.values() if value)


def test_the_page_needs_at_most_five_queries_however_many_there_are(
    client: FlaskClient, cast: SimpleNamespace, sign_in: Callable[..., FlaskClient], queries: Any
) -> None:
    for number in range(20):
        make(cast.ada, f"program {number}")
    sign_in(client, "ada").get("/settings/tokens/")
    with queries() as seen:
        client.get("/settings/tokens/")
    assert len(seen) <= 5, seen
