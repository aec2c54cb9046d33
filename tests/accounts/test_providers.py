"""Signing in with GitHub and OpenID Connect against a real provider, which also lies, delays and breaks."""

import hmac
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import OctKey

from jobsite.accounts import actions, oidc
from jobsite.accounts.commands import COMMANDS
from jobsite.accounts.identities import link
from jobsite.accounts.models import Identity, Session, User
from jobsite.accounts.queries import user_or_stop
from jobsite.application import create_app
from jobsite.core import clock
from jobsite.core.db import close_database
from jobsite.core.errors import Denied
from jobsite.core.events import Event
from jobsite.core.limits import NAMED
from jobsite.settings import Settings, use

from ..databases import everything
from ..servers import until
from .provider import ED, OTHER, RSA, SECOND, Answer, Provider, drips, says, says_nothing

Csrf = Callable[[FlaskClient, str], str]
KINDS = ("github", "oidc")
WAYS = {"github": "GitHub", "oidc": "Northfield"}
TOKEN = {"github": "/login/oauth/access_token", "oidc": "/token"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(tmp_path: Path, provider: Provider) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        github_client_id="jobsite",
        github_client_secret="s3cret",
        github_url=provider.address,
        oidc_issuer=provider.address,
        oidc_client_id="jobsite",
        oidc_client_secret="s3cret",
        oidc_name="Northfield",
        support="help@example.org",
        login_timeout=timedelta(seconds=5),
    )


def begin(client: FlaskClient, csrf: Csrf, kind: str, **form: str) -> str:
    """Press the button; gives where the browser is sent."""
    field = {"csrf_token": csrf(client, "/login/"), **form}
    answer = client.post(f"/login/{kind}/", data=field)
    assert answer.status_code == 303, answer.text
    return answer.location


def come_back(client: FlaskClient, address: str) -> Any:
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")


def log_in(client: FlaskClient, csrf: Csrf, provider: Provider, kind: str, **form: str) -> Any:
    return come_back(client, provider.authorise(begin(client, csrf, kind, **form)))


def is_somebody(client: FlaskClient) -> bool:
    return client.get("/settings/").status_code == 200


def with_query(address: str, **changes: str | None) -> str:
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return f"{parts.path}?{urlencode({name: value for name, value in query.items() if value is not None})}"


# The way in


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_login_makes_a_user_and_the_next_finds_them(
    app: Flask, client: FlaskClient, csrf: Csrf, provider: Provider, kind: str
) -> None:
    provider.person |= {"name": "Octo Cat", "preferred_username": "octo"}
    answer = log_in(client, csrf, provider, kind)
    assert (answer.status_code, answer.location) == (303, "/")
    octo = user_or_stop("octo")
    assert (octo.fullname, octo.roles, octo.created_by, octo.is_bot) == ("Octo Cat", [], "octo", False)
    assert octo.last_login is not None
    assert is_somebody(client)
    again = app.test_client()
    provider.person |= {"login": "renamed", "preferred_username": "renamed", "name": "Other"}
    assert log_in(again, csrf, provider, kind).location == "/"
    assert [(one.user, one.name_there) for one in Identity.select()] == [(octo, "renamed")]
    assert (user_or_stop("octo").fullname, User.select().count()) == ("Octo Cat", 1)
    events = [event.type for event in Event.select().order_by(Event.id)]
    assert events == ["user:added", "user:identity-added", "session:started", "session:started"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_providers_token_stays_in_the_server_and_is_not_kept(
    client: FlaskClient, csrf: Csrf, provider: Provider, instance: Path, kind: str
) -> None:
    answer = log_in(client, csrf, provider, kind)
    (token,) = provider.tokens
    kept = everything(instance) + b"".join(file.read_bytes() for file in instance.iterdir() if file.is_file())
    assert b"user:identity-added" in kept
    assert token.encode() not in kept
    with client.session_transaction() as session:
        assert token not in f"{answer.headers}{answer.text}{dict(session)}"


def test_the_sign_in_page_offers_what_is_set_up_and_both_are_posts(client: FlaskClient) -> None:
    page = client.get("/login/").text
    for kind, words in (("github", "Log in with GitHub"), ("oidc", "Log in with Northfield")):
        assert words in page
        assert f'action="/login/{kind}/"' in page
        assert client.get(f"/login/{kind}/").status_code in (404, 405)
        assert client.post(f"/login/{kind}/").status_code == 400
    assert page.index("Log in with GitHub") < page.index('name="token"')


def test_the_policy_of_the_sign_in_page_lets_the_browser_go_to_the_provider_and_nowhere_else(
    client: FlaskClient, provider: Provider
) -> None:
    policy = client.get("/login/").headers["Content-Security-Policy"]
    directive = next(part for part in policy.split("; ") if part.startswith("form-action"))
    assert set(directive.split()) == {"form-action", "'self'", provider.address}
    assert provider.address not in client.get("/health-check/").headers["Content-Security-Policy"]


def test_what_is_not_set_up_is_not_there(provider: Provider, tmp_path: Path, client: FlaskClient) -> None:
    close_database()
    plain = create_app(Settings(instance=tmp_path / "plain")).test_client()
    assert "Log in with GitHub" not in plain.get("/login/").text
    for kind in KINDS:
        assert plain.get(f"/complete/{kind}/").status_code == 404
    half = Settings(instance=tmp_path / "half", oidc_issuer=provider.address)
    close_database()
    assert create_app(half).test_client().get("/complete/oidc/").status_code == 404


class TestSecureSide:
    """Inside the secure server, where GitHub cannot be reached."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(instance=tmp_path / "instance", side="secure", github_client_id="x")

    def test_only_the_token_lets_in(self, client: FlaskClient) -> None:
        page = client.get("/login/").text
        assert 'name="token"' in page
        assert "GitHub" not in page


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wanted", "followed"),
    [("/settings/", "/settings/"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
def test_next_is_followed_only_to_a_path_of_this_site(
    client: FlaskClient, csrf: Csrf, provider: Provider, kind: str, wanted: str, followed: str
) -> None:
    """OC22."""
    provider.person |= {"name": "Octo Cat"}
    assert log_in(client, csrf, provider, kind, next=wanted).location == followed


@pytest.mark.parametrize("kind", KINDS)
def test_the_session_begins_anew_at_sign_in(
    client: FlaskClient, csrf: Csrf, provider: Provider, kind: str
) -> None:
    provider.person |= {"name": "Octo Cat"}
    address = begin(client, csrf, kind)
    before = client.get_cookie("jobsite").value
    with client.session_transaction() as session:
        session["planted"] = "by a stranger"
    come_back(client, provider.authorise(address))
    with client.session_transaction() as session:
        assert not {"planted", "provider"} & set(session)
    assert client.get_cookie("jobsite").value != before
    assert Session.get().way == WAYS[kind]


def test_where_no_name_came_one_is_asked_for(client: FlaskClient, csrf: Csrf, provider: Provider) -> None:
    answer = log_in(client, csrf, provider, "github", next="/settings/")
    assert answer.location == "/enter-your-name/?next=/settings/"
    page = client.get(answer.location)
    assert (page.status_code, 'value="/settings/"' in page.text) == (200, True)
    field = {"csrf_token": csrf(client, answer.location), "next": "/settings/"}
    refused = client.post("/enter-your-name/", data={**field, "fullname": " "})
    assert (refused.status_code, "Enter a name." in refused.text) == (422, True)
    assert client.post("/enter-your-name/", data={**field, "fullname": "Octo"}).location == "/settings/"
    assert user_or_stop("octo").fullname == "Octo"
    assert log_in(client, csrf_of_settings(client), provider, "github").location == "/", "asked once only"


def csrf_of_settings(client: FlaskClient) -> Csrf:
    """Somebody who is logged in has no sign-in page, but may go on with a form they had open."""
    page = client.get("/settings/").text
    value = page.split('name="csrf_token" value="')[1].split('"')[0]
    return lambda client, path: value


# Who somebody is


@pytest.mark.parametrize("kind", KINDS)
def test_an_account_made_by_staff_is_adopted_by_its_name_once(
    app: Flask, client: FlaskClient, csrf: Csrf, cast: SimpleNamespace, provider: Provider, kind: str
) -> None:
    provider.person |= {"login": "CAT", "preferred_username": "CAT", "name": "Somebody"}
    assert log_in(client, csrf, provider, kind).location == "/"
    cat = user_or_stop("cat")
    assert (cat.fullname, cat.roles, cat.email) == ("Cat Castell", ["OutputChecker"], "cat@example.org")
    assert Identity.get().user == cast.cat
    provider.person |= {"sub": "another", "id": 7}
    answer = log_in(app.test_client(), csrf, provider, kind)
    assert answer.status_code == 403
    assert "There is an account cat here already" in answer.text
    assert f"Write to help@example.org. Your number at {WAYS[kind]} is" in answer.text
    assert Identity.select().count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_was_registered_again_inherits_nothing(
    app: Flask, csrf: Csrf, provider: Provider, kind: str
) -> None:
    provider.person |= {"name": "Octo Cat", "preferred_username": "octo"}
    log_in(app.test_client(), csrf, provider, kind)
    actions.set_roles(by="system", user=user_or_stop("octo"), roles=["OutputChecker"])
    provider.person |= {"sub": "thief", "id": 666}
    thief = app.test_client()
    assert log_in(thief, csrf, provider, kind).status_code == 403
    assert not is_somebody(thief)


def test_a_bot_and_a_deactivated_account_are_not_adopted(
    app: Flask, csrf: Csrf, cast: SimpleNamespace, provider: Provider
) -> None:
    actions.add_user(by="system", username="octo", fullname="Bot", bot=True)
    assert log_in(app.test_client(), csrf, provider, "github").status_code == 403
    actions.deactivate(by="system", user=cast.dan)
    provider.person |= {"login": "dan"}
    assert log_in(app.test_client(), csrf, provider, "github").status_code == 403
    assert (Identity.select().count(), Session.select().count()) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_deactivated_is_told_and_not_let_in(
    app: Flask, csrf: Csrf, provider: Provider, kind: str
) -> None:
    provider.person |= {"name": "Octo Cat", "preferred_username": "octo"}
    here = app.test_client()
    log_in(here, csrf, provider, kind)
    actions.deactivate(by="system", user=user_or_stop("octo"))
    assert not is_somebody(here), "from the next request on"
    answer = log_in(app.test_client(), csrf, provider, kind)
    assert (answer.status_code, "This account has been deactivated." in answer.text) == (403, True)


def test_only_an_address_that_github_has_checked_is_taken(
    app: Flask, csrf: Csrf, provider: Provider, cast: SimpleNamespace
) -> None:
    for number, (emails, taken) in enumerate(
        (
            ([{"email": "Octo0@x.org", "verified": True, "primary": True}], "octo0@x.org"),
            ([{"email": "octo1@x.org", "verified": False, "primary": True}], None),
            ([{"email": "octo2@x.org", "verified": True, "primary": False}], None),
            ([{"email": "ADA@example.org", "verified": True, "primary": True}], None),
            ([{"email": "no address", "verified": True, "primary": True}], None),
            ({"message": "Not Found"}, None),
            ([7, None, {"email": 7, "verified": True, "primary": True}], None),
        )
    ):
        provider.emails = emails
        provider.person = {"id": number + 1, "login": f"octo{number}", "name": "Octo"}
        assert log_in(app.test_client(), csrf, provider, "github").location == "/"
        octo = user_or_stop(f"octo{number}")
        assert (octo.email, octo.email_confirmed_at is not None) == (taken, taken is not None)
    assert user_or_stop("ada").email == "ada@example.org"


@pytest.mark.parametrize(
    ("said", "username"),
    [
        ({"preferred_username": "octo"}, "octo"),
        ({"preferred_username": "octo@corp.example"}, "octo"),
        ({"email": "Octo.Cat@corp.example"}, "octo.cat"),
        ({"email": "ada@corp.example"}, "ada-2"),
        ({"preferred_username": "ada@corp.example"}, "ada-2"),
        ({"given_name": "Óctø Çat"}, "ct-at"),
        ({}, "user"),
        ({"preferred_username": "system"}, "system-2"),
        ({"preferred_username": "x" * 5000, "email": ["a"], "name": {"a": 1}}, "user"),
        ({"preferred_username": "<b>"}, "b"),
    ],
)
def test_a_provider_without_usernames_has_them_made_and_none_is_taken_over(
    client: FlaskClient,
    csrf: Csrf,
    provider: Provider,
    cast: SimpleNamespace,
    said: dict[str, Any],
    username: str,
) -> None:
    provider.person = {"sub": "1", "name": "Octo", **said}
    assert log_in(client, csrf, provider, "oidc").status_code == 303
    assert Identity.get().user.username.lower() == username
    assert user_or_stop("ada").id == cast.ada.id


def test_without_usernames_the_account_of_staff_is_found_by_the_address_that_was_checked(
    app: Flask, csrf: Csrf, provider: Provider, cast: SimpleNamespace
) -> None:
    said = {"name": "A", "email": "ada@example.org", "preferred_username": "ada.adewale@corp.example"}
    provider.person = {"sub": "1", **said}
    log_in(app.test_client(), csrf, provider, "oidc")
    assert Identity.get().user != cast.ada, "the address was not checked"
    provider.person = {"sub": "2", **said, "email_verified": True}
    log_in(app.test_client(), csrf, provider, "oidc")
    assert Identity.get(Identity.uid == "2").user == cast.ada


def test_what_is_not_in_the_id_token_comes_from_userinfo_of_the_same_person(
    app: Flask, csrf: Csrf, provider: Provider
) -> None:
    provider.person = {"sub": "1"}
    provider.userinfo = {
        "name": "Octo", "preferred_username": "octo", "email": "o@x.org", "email_verified": True
    }  # fmt: skip
    log_in(app.test_client(), csrf, provider, "oidc")
    octo = user_or_stop("octo")
    assert (octo.fullname, octo.email) == ("Octo", "o@x.org")
    provider.userinfo |= {"sub": "2"}
    answer = log_in(app.test_client(), csrf, provider, "oidc")
    assert (answer.status_code, "cannot be relied on" in answer.text) == (503, True)


def test_an_address_and_that_it_was_checked_come_from_one_place(
    app: Flask, csrf: Csrf, provider: Provider
) -> None:
    provider.person = {"sub": "1", "name": "O", "preferred_username": "octo", "email": "claimed@x.org"}
    provider.userinfo = {"email": "checked@x.org", "email_verified": True}
    log_in(app.test_client(), csrf, provider, "oidc")
    assert user_or_stop("octo").email == "checked@x.org"
    provider.person |= {"sub": "2", "preferred_username": "octo2", "email_verified": False}
    provider.userinfo = {"email": "other@x.org", "email_verified": True}
    log_in(app.test_client(), csrf, provider, "oidc")
    assert user_or_stop("octo2").email is None


def test_whoever_runs_the_site_finds_in_the_log_what_was_wrong(
    client: FlaskClient, csrf: Csrf, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.claims = {"aud": "another"}
    log_in(client, csrf, provider, "oidc")
    assert "/complete/oidc/" in caplog.text
    assert "aud" in caplog.text
    assert not any(secret in caplog.text for secret in (provider.secret, *provider.tokens))


def test_two_servers_numbers_are_two_people(
    app: Flask, csrf: Csrf, provider: Provider, settings: Settings
) -> None:
    provider.person |= {"name": "Octo", "preferred_username": "octo-too"}
    log_in(app.test_client(), csrf, provider, "github")
    log_in(app.test_client(), csrf, provider, "oidc")
    assert [one.provider for one in Identity.select()] == [provider.address] * 2
    assert len({one.user for one in Identity.select()}) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_staff_link_somebody_who_was_refused_by_their_number(
    app: Flask, csrf: Csrf, cast: SimpleNamespace, provider: Provider, settings: Settings, kind: str
) -> None:
    User.update(created_by="cat").where(User.id == cast.cat.id).execute()
    provider.person |= {"login": "cat", "preferred_username": "cat"}
    here = app.test_client()
    refused = log_in(here, csrf, provider, kind)
    number = {"github": "248289", "oidc": "248289761001"}[kind]
    assert (refused.status_code, f"is {number}." in refused.text) == (403, True)
    with pytest.raises(Denied):
        link(by=cast.ada, user=cast.cat, provider=provider.address, uid=number)
    words = ["link", "cat", "--provider", provider.address, "--uid", number]
    assert command(settings, *words).exit_code == 0
    again = command(settings, *words)
    assert (again.exit_code, again.stderr) == (1, "This is cat already.\n")
    assert log_in(here, csrf, provider, kind).status_code == 303
    assert is_somebody(here)
    assert command(settings, "unlink", "cat").output == "Forgot 1 identities of cat.\n"
    assert not is_somebody(here)
    assert log_in(here, csrf, provider, kind).status_code == 403


def command(settings: Settings, *words: str) -> Any:
    close_database()
    group = next(one for one in COMMANDS if one.name == "user")
    done = CliRunner().invoke(group, [*words, "--instance", str(settings.instance)])
    use(settings)  # a command of its own process leaves those of the server as they are
    return done


# What must not work


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", ["", "x", "é", None])
def test_a_wrong_state_signs_nobody_in_and_asks_the_provider_nothing(
    client: FlaskClient, csrf: Csrf, provider: Provider, kind: str, state: str | None
) -> None:
    address = provider.authorise(begin(client, csrf, kind))
    provider.asked.clear()
    answer = client.get(with_query(address, state=state))
    assert (answer.status_code, "not started in this browser" in answer.text) == (400, True)
    assert TOKEN[kind] not in provider.asked
    assert come_back(client, address).status_code == 400, "a try uses the start up"
    assert not is_somebody(client)


@pytest.mark.parametrize("kind", KINDS)
def test_a_login_begun_elsewhere_is_worth_nothing_here(
    app: Flask, csrf: Csrf, provider: Provider, kind: str
) -> None:
    address = provider.authorise(begin(app.test_client(), csrf, kind))
    victim = app.test_client()
    assert come_back(victim, address).status_code == 400
    begin(victim, csrf, kind)
    assert come_back(victim, address).status_code == 400
    assert not is_somebody(victim)


def test_one_providers_answer_is_not_taken_for_anothers(
    client: FlaskClient, csrf: Csrf, provider: Provider
) -> None:
    address = provider.authorise(begin(client, csrf, "github"))
    assert client.get(with_query(address).replace("github", "oidc")).status_code == 400
    address = provider.authorise(begin(client, csrf, "oidc"))
    answer = client.get(with_query(address, iss="https://evil.example"))
    assert (answer.status_code, "another provider" in answer.text) == (503, True)
    assert not is_somebody(client)


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_works_once_and_a_start_for_ten_minutes(
    app: Flask, client: FlaskClient, csrf: Csrf, provider: Provider, kind: str
) -> None:
    provider.person |= {"name": "Octo"}
    address = provider.authorise(begin(client, csrf, kind))
    cookie = client.get_cookie("jobsite").value
    assert come_back(client, address).status_code == 303
    assert come_back(client, address).location == "/", "somebody who reloads stays logged in"
    replayed = app.test_client()
    replayed.set_cookie("jobsite", cookie)
    assert come_back(replayed, address).status_code == 503
    late = app.test_client()
    address = provider.authorise(begin(late, csrf, kind))
    with clock.at(clock.now() + timedelta(minutes=10)):
        assert come_back(late, address).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        ("access_denied", 403, "you did not agree"),
        ("server_error", 503, "did not let you in"),
        ("<script>", 503, "did not let you in"),
    ],
)
def test_a_refusal_at_the_provider_is_a_sentence_of_ours(
    client: FlaskClient, csrf: Csrf, provider: Provider, kind: str, error: str, status: int, sentence: str
) -> None:
    address = provider.authorise(begin(client, csrf, kind))
    hostile = "<script>alert(1)</script>"
    answer = client.get(with_query(address, code=None, error=error, error_description=hostile))
    assert (answer.status_code, sentence in answer.text, hostile in answer.text) == (status, True, False)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": ["jobsite", "another"]},
        {"aud": None},
        {"azp": "another"},
        {"exp": 1},
        {"exp": None},
        {"exp": "never"},
        {"iat": 99999999999},
        {"nbf": 99999999999},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 5000},
        {"at_hash": "wrong"},
    ],
    ids=str,
)
def test_an_id_token_with_a_wrong_claim_signs_nobody_in(
    client: FlaskClient, csrf: Csrf, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    answer = log_in(client, csrf, provider, "oidc")
    assert (answer.status_code, "cannot be relied on" in answer.text) == (503, True)
    assert not is_somebody(client)
    assert User.select().count() == 0


def with_public_key_as_secret(claims: dict[str, Any], secret: bytes) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "one"}, claims)]
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = hmac.digest(secret, signed, "sha256")
    return (signed + b"." + urlsafe_b64encode(mac).rstrip(b"=")).decode()


@pytest.mark.parametrize("how", ["another key", "no kid", "shared secret", "public key as secret"])
def test_an_id_token_with_a_wrong_signature_signs_nobody_in(
    client: FlaskClient, csrf: Csrf, provider: Provider, how: str
) -> None:
    if how == "another key":
        provider.key = OTHER
    elif how == "no kid":
        provider.key, provider.header = OTHER, {"alg": "RS256"}
    elif how == "shared secret":
        provider.key, provider.header = OctKey.import_key(provider.secret * 8), {"alg": "HS256", "kid": "one"}
        provider.published = [RSA, OctKey.import_key(provider.secret * 8, {"kid": "one"})]
    else:
        provider.sign = lambda claims: with_public_key_as_secret(claims, RSA.as_pem(private=False))
    answer = log_in(client, csrf, provider, "oidc")
    assert (answer.status_code, "cannot be relied on" in answer.text) == (503, True)
    assert User.select().count() == 0


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        7,
        None,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "x" * 100_000,
    ],
    ids=lambda token: str(token)[:20],
)
def test_an_id_token_that_is_none_signs_nobody_in(
    client: FlaskClient, csrf: Csrf, provider: Provider, token: object
) -> None:
    answer = json.dumps({"access_token": "x", "id_token": token}).encode()
    provider.answers["/token"] = says(answer)
    assert log_in(client, csrf, provider, "oidc").status_code == 503
    assert User.select().count() == 0


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # the name that providers still use
def test_a_provider_may_change_its_keys_at_any_time(app: Flask, csrf: Csrf, provider: Provider) -> None:
    provider.person |= {"name": "Octo"}
    assert log_in(app.test_client(), csrf, provider, "oidc").status_code == 303
    for key, algorithm in ((SECOND, "ES256"), (ED, "Ed25519"), (ED, "EdDSA")):
        provider.key, provider.header = key, {"alg": algorithm, "kid": key.kid}
        provider.published = [key, RSA]
        assert log_in(app.test_client(), csrf, provider, "oidc").status_code == 303
    provider.asked.clear()
    assert log_in(app.test_client(), csrf, provider, "oidc").status_code == 303
    assert "/keys" not in provider.asked, "known keys are not asked for again"


def test_keys_that_are_not_understood_are_left_out(
    client: FlaskClient, csrf: Csrf, provider: Provider
) -> None:
    provider.person |= {"name": "Octo"}
    strange = [{"kty": "new"}, {}, 7, None, {"kty": "RSA", "n": "!"}, {"kty": "RSA", "use": "enc", "n": "A"}]
    keys = {"keys": [*strange, RSA.as_dict(private=False)]}
    provider.answers["/keys"] = says(json.dumps(keys).encode())
    assert log_in(client, csrf, provider, "oidc").status_code == 303


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "ftp://x/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
        {"authorization_endpoint": "http://[/"},
        {"authorization_endpoint": "http://x;script-src *;/"},
        {"authorization_endpoint": "http://x /"},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_provider_that_describes_itself_wrongly_is_not_used(
    client: FlaskClient, csrf: Csrf, provider: Provider, about: dict[str, Any]
) -> None:
    provider.about = about
    field = {"csrf_token": csrf(client, "/login/")}
    assert client.post("/login/oidc/", data=field).status_code == 503
    page = client.get("/login/")
    assert (page.status_code, "*" in page.headers["Content-Security-Policy"]) == (200, False)
    provider.about = {}
    assert client.post("/login/oidc/", data=field).status_code == 303, "once it is mended, it works"


@pytest.mark.parametrize(
    "methods", [["client_secret_post"], ["client_secret_post", "client_secret_basic"], 7, None, []], ids=str
)
def test_the_secret_is_shown_in_the_way_the_provider_takes(
    client: FlaskClient, csrf: Csrf, provider: Provider, methods: object
) -> None:
    provider.about = {"token_endpoint_auth_methods_supported": methods}
    provider.person |= {"name": "Octo"}
    assert log_in(client, csrf, provider, "oidc").status_code == 303
    assert provider.shown == ["post" if methods == ["client_secret_post"] else "basic"]


def test_another_origin_for_the_login_is_reached_by_a_page_of_ours(
    client: FlaskClient, csrf: Csrf, provider: Provider
) -> None:
    """Browsers would block the redirect after the form: the policy of the page with the form cannot know it."""
    provider.about = {"authorization_endpoint": "http://login.example/authorize"}
    answer = client.post("/login/oidc/", data={"csrf_token": csrf(client, "/login/")})
    assert answer.status_code == 200
    assert answer.headers["Refresh"].startswith("0; url=http://login.example/authorize?response_type=code&")
    assert 'href="http://login.example/authorize?' in answer.text


# The network


BROKEN: dict[str, tuple[Answer, str]] = {
    "no answer": (says_nothing, "did not answer within 0.8 seconds"),
    "drips": (drips, "did not answer within 0.8 seconds"),
    "huge": (says(b"[" * (2**20 + 1)), "gave an answer that is too long"),
    "deep": (says(b"[" * 100_000), "gave an answer that cannot be understood"),
    "elsewhere": (says(b"", 302, Location="http://evil.example/"), "a redirect, which is not followed"),
    "error": (says(b"oops", 500), "answered with status 500"),
    "html": (says(b"<h1>hello</h1>"), "gave an answer that cannot be understood"),
    "list": (says(b"[]"), ""),
    "null": (says(b"null"), ""),
    "text": (says(b'"access_token"'), ""),
    "binary": (says(b"\xff\xfe{}"), "gave an answer that cannot be understood"),
    "refused": (says(b'{"error": "x"}', 400), ""),
}


class TestBroken:
    """Where the provider breaks at any of its answers."""

    @pytest.fixture
    def settings(self, settings: Settings, how: str) -> Settings:
        seconds = 0.8 if how in ("no answer", "drips") else 10
        return Settings(**{**settings.__dict__, "login_timeout": timedelta(seconds=seconds)})

    @pytest.mark.parametrize("how", BROKEN)
    @pytest.mark.parametrize(
        ("kind", "path"),
        [
            ("github", "/login/oauth/access_token"),
            ("github", "/api/v3/user"),
            ("oidc", "/token"),
            ("oidc", "/keys"),
            ("oidc", "/userinfo"),
        ],
    )
    def test_it_is_a_sentence_that_names_the_provider_and_nobody_is_let_in(
        self, client: FlaskClient, csrf: Csrf, provider: Provider, kind: str, path: str, how: str
    ) -> None:
        answer, sentence = BROKEN[how]
        provider.answers[path] = answer
        page = log_in(client, csrf, provider, kind)
        assert page.status_code == 503
        assert sentence in page.text
        assert WAYS[kind] in page.text
        assert 'name="token"' in page.text, "the other way in stays open"
        assert User.select().count() == 0
        provider.answers.clear()
        provider.person |= {"name": "Octo"}
        assert log_in(client, csrf, provider, kind).status_code == 303

    @pytest.mark.parametrize("how", ["no answer", "elsewhere", "html", "list"])
    def test_so_it_is_when_the_provider_cannot_say_where_to_go(
        self, client: FlaskClient, csrf: Csrf, provider: Provider, how: str
    ) -> None:
        provider.answers["/.well-known/openid-configuration"] = BROKEN[how][0]
        answer = client.post("/login/oidc/", data={"csrf_token": csrf(client, "/login/")})
        assert (answer.status_code, "Northfield" in answer.text) == (503, True)


def test_a_provider_that_hangs_takes_only_a_few_threads_of_the_server(
    app: Flask, csrf: Csrf, provider: Provider
) -> None:
    clients = [app.test_client() for _ in range(5)]
    addresses = [provider.authorise(begin(client, csrf, "github")) for client in clients]
    provider.answers[TOKEN["github"]] = says_nothing

    def wait(number: int) -> int:
        try:
            return come_back(clients[number], addresses[number]).status_code
        finally:
            close_database()

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(wait, number) for number in range(4)]
        until(lambda: provider.asked.count(TOKEN["github"]) == 4)
        answer = come_back(clients[4], addresses[4])
        started = clients[4].post("/login/oidc/", data={"csrf_token": csrf(clients[4], "/login/")})
        provider.over.set()
        assert [done.result() for done in waiting] == [503] * 4
    for refused in (answer, started):
        assert (refused.status_code, "Many people are logging in" in refused.text) == (503, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_that_is_down_is_a_sentence(
    client: FlaskClient, csrf: Csrf, provider: Provider, kind: str
) -> None:
    address = provider.authorise(begin(client, csrf, kind))
    provider.shutdown()
    provider.server_close()
    answer = come_back(client, address)
    assert (answer.status_code, "could not be reached. Try again in a minute" in answer.text) == (503, True)
    assert client.get("/login/").status_code == 200, "pages do not ask the provider"


def test_starts_are_limited_for_an_address(client: FlaskClient, csrf: Csrf, provider: Provider) -> None:
    field = {"csrf_token": csrf(client, "/login/")}
    most = NAMED["sign-in starts per address"].amount
    answers = [client.post("/login/github/", data=field).status_code for _ in range(most + 1)]
    assert answers == [303] * most + [429]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """What a provider said of itself is kept for an hour, by its address; a port may be used again."""
    yield
    oidc._kept.clear()
