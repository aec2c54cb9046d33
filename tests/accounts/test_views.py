"""Signing in, settings and signing out through the real pages."""

import html
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts import actions, sessions, signing_in
from jobsite.accounts.models import Identity, Session, User
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.signing_in import FAILED
from jobsite.application import create_app
from jobsite.core import clock
from jobsite.core.db import close_database, database
from jobsite.core.limits import NAMED
from jobsite.settings import Settings, SettingsError, load

MONDAY = datetime(2026, 3, 2, 9)
Csrf = Callable[[FlaskClient, str], str]
SignIn = Callable[[FlaskClient, str], FlaskClient]


def _send(client: FlaskClient, csrf: Csrf, user: str, token: str, **more: str) -> Any:
    form = {"user": user, "token": token, "csrf_token": csrf(client, "/login/")} | more
    return client.post("/login-with-token/", data=form)


def _token(username: str) -> str:
    return signing_in.make_token(by="system", user=user_or_stop(username))


def _text(response: Any) -> str:
    return html.unescape(response.text)


# Signing in


def test_the_sign_in_page_has_the_fields_of_the_contract(client: FlaskClient) -> None:
    page = client.get("/login/")
    assert page.status_code == 200
    form = re.search(r'<form[^>]*action="/login-with-token/".*?</form>', page.text, re.DOTALL)[0]
    assert {"user", "token", "csrf_token"} <= set(re.findall(r'name="([^"]+)"', form))
    assert "github" not in page.text.lower()


def test_signing_in_says_that_the_token_is_used(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
) -> None:
    answer = _send(client, csrf, "Ada@example.org", _token("ada").upper())
    assert (answer.status_code, answer.location) == (303, "/")
    page = client.get("/settings/")
    assert "You have been logged in using a single use token. That token is now invalid." in page.text
    assert "Ada Adewale (ada)" in page.text


@pytest.mark.parametrize(
    ("user", "token"), [("ada", "wrong words here"), ("nobody", "wrong words here"), ("", "")]
)
def test_every_failure_is_the_same_sentence_and_repeats_the_name_only(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf, user: str, token: str
) -> None:
    _token("ada")
    answer = _send(client, csrf, user, token)
    assert answer.status_code == 422
    assert FAILED in answer.text
    assert f'name="user" required spellcheck="false" type="text" value="{user}"' in answer.text
    assert token == "" or token not in answer.text
    assert client.get("/settings/").status_code == 302


def test_hostile_names_are_repeated_harmlessly(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
) -> None:
    answer = _send(client, csrf, '"><script>alert(1)</script>', "\x00\ud7ff")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_a_missing_field_is_a_failure_not_an_error(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
) -> None:
    answer = client.post("/login-with-token/", data={"csrf_token": csrf(client, "/login/")})
    assert (answer.status_code, FAILED in answer.text) == (422, True)


def test_too_many_tries_answer_429_with_retry_after_on_the_form(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
) -> None:
    token = _token("ada")
    for _ in range(NAMED["sign-in per account"].amount):
        assert _send(client, csrf, "ada", "wrong words here").status_code == 422
    answer = _send(client, csrf, "ada", token)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60 + 1
    assert "Too many attempts. Wait" in answer.text
    assert 'name="token"' in answer.text


@pytest.mark.parametrize(
    ("wanted", "followed"),
    [
        ("/settings/", "/settings/"),
        ("/demo/?q=a%20b&x=1", "/demo/?q=a%20b&x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example/", "/"),
        ("/ok\r\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
        ("http:evil.example", "/"),
        (" //evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("settings/", "/"),
        ("", "/"),
    ],
)
def test_next_is_followed_only_to_a_path_of_this_site(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf, wanted: str, followed: str
) -> None:
    """OC22."""
    answer = _send(client, csrf, "ada", _token("ada"), next=wanted)
    assert (answer.status_code, answer.location) == (303, followed)
    assert client.get("/login/", query_string={"next": wanted}).location == followed


def test_next_survives_a_refused_form(client: FlaskClient, cast: SimpleNamespace, csrf: Csrf) -> None:
    asked = client.get("/settings/?tab=x")
    assert (asked.status_code, asked.location) == (302, "/login/?next=/settings/%3Ftab%3Dx")
    assert 'name="next" value="/settings/?tab=x"' in client.get(asked.location).text
    assert (
        'name="next" value="/settings/?tab=x"'
        in _send(client, csrf, "ada", "no", next="/settings/?tab=x").text
    )


def test_an_htmx_request_of_somebody_logged_out_is_sent_to_the_sign_in_page_whole(
    client: FlaskClient,
) -> None:
    answer = client.get("/settings/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/login/?next=/settings/")


def test_a_form_sent_after_the_login_has_ended_says_so(client: FlaskClient, cast: SimpleNamespace) -> None:
    answer = client.post("/settings/", data={"fullname": "Ada L.", "csrf_token": "of the session before"})
    assert answer.status_code == 400
    assert "You are not logged in any more, so nothing has been changed." in answer.text
    assert 'href="/login/"' in answer.text


def test_signing_in_without_the_csrf_field_is_a_400_page(client: FlaskClient, cast: SimpleNamespace) -> None:
    client.get("/login/")
    token = _token("ada")
    for form in ({"user": "ada", "token": token}, {"user": "ada", "token": token, "csrf_token": "x"}):
        answer = client.post("/login-with-token/", data=form)
        assert answer.status_code == 400
        assert "not sent from a page of this site" in answer.text
    assert user_or_stop("ada").login_token_hash is not None


def test_the_address_of_a_refused_form_can_be_reloaded(client: FlaskClient) -> None:
    assert client.get("/login-with-token/").location == "/login/"


class TestNetworks:
    """Where `TOKEN_LOGIN_NETWORKS` is set."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(instance=tmp_path / "instance", token_login_networks=("10.0.0.0/8",))

    def test_elsewhere_there_is_no_form_and_no_way_past_it(
        self, client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
    ) -> None:
        page = client.get("/login/")
        assert "Token login only allowed from Level 4" in page.text
        assert 'name="token"' not in page.text
        client.environ_base["REMOTE_ADDR"] = "10.1.2.3"
        form = {"user": "ada", "token": _token("ada"), "csrf_token": csrf(client, "/login/")}
        client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
        answer = client.post("/login-with-token/", data=form)
        assert (answer.status_code, "Token login only allowed from Level 4" in answer.text) == (403, True)
        client.environ_base["REMOTE_ADDR"] = "10.1.2.3"
        assert client.post("/login-with-token/", data=form).status_code == 303


# The session


def _cookie(response: Any) -> Any:
    jar: SimpleCookie = SimpleCookie()
    for line in response.headers.getlist("Set-Cookie"):
        jar.load(line)
    return next(iter(jar.values())) if jar else None


def test_the_cookie_is_for_http_only_and_changes_at_sign_in(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
) -> None:
    before = _cookie(client.get("/login/"))
    answer = _send(client, csrf, "ada", _token("ada"))
    after = _cookie(answer)
    assert (after.key, after["httponly"], after["samesite"], after["secure"]) == ("jobsite", True, "Lax", "")
    assert after["path"] == "/"
    assert after.value != before.value
    assert after["expires"]


def test_what_was_in_the_cookie_before_does_not_survive_sign_in(
    client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by a stranger"
    _send(client, csrf, "ada", _token("ada"))
    with client.session_transaction() as session:
        assert "planted" not in session


class TestHttps:
    """Where the address people use is https."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(instance=tmp_path / "instance", base_url="https://jobs.example.org")

    def test_the_cookie_is_secure_and_bound_to_the_host(
        self, client: FlaskClient, cast: SimpleNamespace
    ) -> None:
        page = client.get("/login/", base_url="https://jobs.example.org")
        cookie = _cookie(page)
        assert (cookie.key, cookie["secure"], cookie["domain"]) == ("__Host-jobsite", True, "")
        assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_the_cookie_slides_once_an_hour(client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn) -> None:
    with clock.at(MONDAY):
        sign_in(client, "ada")
        client.get("/settings/")
    for minutes, slides in ((59, False), (60, True), (90, False)):
        with clock.at(MONDAY + timedelta(minutes=minutes)):
            assert (_cookie(client.get("/settings/")) is not None) == slides
    with clock.at(MONDAY + timedelta(minutes=60, days=14)):
        assert client.get("/settings/").status_code == 302


def test_a_copied_cookie_is_worth_nothing_after_logging_out(
    app: Flask, client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, csrf: Csrf
) -> None:
    sign_in(client, "ada")
    stolen = app.test_client()
    stolen.set_cookie("jobsite", client.get_cookie("jobsite").value)
    assert stolen.get("/settings/").status_code == 200
    answer = client.post("/logout/", data={"csrf_token": csrf(client, "/settings/")})
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/settings/").status_code == stolen.get("/settings/").status_code == 302


def test_logging_out_is_a_post_with_csrf_and_harmless_twice(
    client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, csrf: Csrf
) -> None:
    """OC23."""
    sign_in(client, "ada")
    assert client.get("/logout/").status_code in (404, 405)
    assert client.post("/logout/").status_code == 400
    assert client.get("/settings/").status_code == 200
    client.post("/logout/", data={"csrf_token": csrf(client, "/settings/")})
    again = client.post("/logout/", data={"csrf_token": csrf(client, "/login/")})
    assert again.status_code == 303


def test_log_out_everywhere_ends_every_browser(
    app: Flask, client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, csrf: Csrf
) -> None:
    there = sign_in(app.test_client(), "ada")
    ben = sign_in(app.test_client(), "ben")
    sign_in(client, "ada")
    answer = client.post("/settings/log-out-everywhere/", data={"csrf_token": csrf(client, "/settings/")})
    assert (answer.status_code, answer.location) == (303, "/login/")
    assert "You have been logged out everywhere." in client.get("/login/").text
    assert (client.get("/settings/").status_code, there.get("/settings/").status_code) == (302, 302)
    assert ben.get("/settings/").status_code == 200


def test_deactivation_and_role_changes_count_from_the_next_request(
    client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn
) -> None:
    sign_in(client, "ada")
    assert "Output Checker" not in client.get("/settings/").text
    actions.set_roles(by=cast.sam, user=cast.ada, roles=["OutputChecker"])
    assert "Output Checker" in client.get("/settings/").text
    actions.deactivate(by=cast.sam, user=cast.ada)
    assert client.get("/settings/").status_code == 302


@pytest.mark.parametrize("token", ["", "x" * 43, 7, None, ["a"], {"a": 1}])
def test_a_forged_session_is_nobody(client: FlaskClient, cast: SimpleNamespace, token: Any) -> None:
    with client.session_transaction() as session:
        session["_user_id"] = token
    assert client.get("/settings/").status_code == 302


def test_a_tampered_cookie_is_nobody(client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn) -> None:
    sign_in(client, "ada")
    value = client.get_cookie("jobsite").value
    client.set_cookie("jobsite", value[:-2] + ("aa" if value[-2:] != "aa" else "bb"))
    assert client.get("/settings/").status_code == 302


# Settings


def test_settings_tell_what_one_may_do(
    client: FlaskClient, cast: SimpleNamespace, local: Any, sign_in: SignIn
) -> None:
    page = _text(sign_in(client, "sam").get("/settings/"))
    assert "Staff Area Administrator" in page
    assert "Manages people, organisations and backends in the staff area." in page
    assert "Service Administrator" in page
    assert "Output Checker" not in page
    assert "Local" in page


def test_a_role_that_no_longer_exists_breaks_no_page(
    client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn
) -> None:
    User.update(roles=["Gone"]).where(User.id == cast.dan.id).execute()
    page = sign_in(client, "dan").get("/settings/")
    assert (page.status_code, "You have no role on the whole site" in page.text) == (200, True)


def test_settings_need_ten_queries_whatever_there_is_to_show(
    app: Flask, client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, queries: Any
) -> None:
    for _ in range(5):
        sign_in(app.test_client(), "sam")
    sign_in(client, "sam").get("/settings/")
    with queries() as seen:
        client.get("/settings/")
    assert len(seen) <= 10, seen


def test_the_name_is_saved_and_the_address_asked_for(
    client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, csrf: Csrf
) -> None:
    sign_in(client, "ada")
    form = {"fullname": "Ada Lovelace", "email": "Ada@New.example", "csrf_token": csrf(client, "/settings/")}
    answer = client.post("/settings/", data=form)
    assert (answer.status_code, answer.location) == (303, "/settings/")
    page = client.get("/settings/").text
    assert 'value="Ada Lovelace"' in page
    assert 'value="ada@example.org"' in page
    assert "You asked to use <strong>ada@new.example</strong>." in page
    client.post("/settings/", data={**form, "email": "ada@example.org"})
    assert "Your details have been saved." in client.get("/settings/").text
    assert "Your details have been saved." not in client.get("/settings/").text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("fullname", "  ", "Enter a name."),
        ("fullname", "x" * 101, "A name has at most 100 characters."),
        ("email", "no address <b>", "Enter an e-mail address in the form name@example.org."),
        ("email", "BEN@example.org", "This e-mail address belongs to another user."),
    ],
)
def test_a_refused_form_says_why_at_the_field_and_repeats_what_was_typed(
    client: FlaskClient,
    cast: SimpleNamespace,
    sign_in: SignIn,
    csrf: Csrf,
    field: str,
    value: str,
    sentence: str,
) -> None:
    sign_in(client, "ada")
    form = {"fullname": "Ada L", "email": "x@example.org", "csrf_token": csrf(client, "/settings/")} | {
        field: value
    }
    answer = client.post("/settings/", data=form)
    assert answer.status_code == 422
    page = answer.text
    assert f'<a href="#{field}">{sentence}</a>' in page
    assert re.search(rf'id="{field}-error">.*{re.escape(sentence)}', page, re.DOTALL)
    box = re.search(rf'<input[^>]*id="{field}"[^>]*>', page)[0]
    assert re.search(rf'aria-describedby="[^"]*{field}-error"', box)
    assert 'aria-invalid="true"' in box
    assert f'value="{html.escape(value)}"' in page
    assert user_or_stop("ada").fullname == "Ada Adewale"


def test_the_token_is_shown_once_large_with_its_rules(
    app: Flask, client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, csrf: Csrf
) -> None:
    sign_in(client, "ada")
    assert "Generate a Single Use Token" in client.get("/settings/").text
    answer = client.post("/settings/token/", data={"csrf_token": csrf(client, "/settings/")})
    assert answer.status_code == 200
    token = re.search(r'class="token"[^>]*>([a-z -]+)<', answer.text)[1]
    assert len(token.split()) == 3
    for rule in ("Do not share it", "one login, within 1 hour", "as soon as you make a new one"):
        assert rule in _text(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/settings/token/").location == "/settings/"
    page = client.get("/settings/").text
    assert "Generate a new Single Use Token" in page
    assert not any(f">{word}" in page for word in token.split())
    assert _send(app.test_client(), csrf, "ada", token).status_code == 303


def test_a_token_is_made_by_post_with_csrf_only(
    client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn
) -> None:
    sign_in(client, "ada")
    assert client.post("/settings/token/").status_code == 400
    assert user_or_stop("ada").login_token_hash is None


def test_tokens_are_limited_to_twenty_an_hour(
    client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, csrf: Csrf
) -> None:
    field = {"csrf_token": csrf(sign_in(client, "ada"), "/settings/")}
    assert [client.post("/settings/token/", data=field).status_code for _ in range(20)] == [200] * 20
    answer = client.post("/settings/token/", data=field)
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)


class TestGitHub:
    """Where GitHub is set up, tokens are for members of a backend."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(instance=tmp_path / "instance", github_client_id="x")

    def test_without_a_backend_the_button_says_why_and_the_server_refuses(
        self, client: FlaskClient, cast: SimpleNamespace
    ) -> None:
        token = sessions.start(person=cast.dan, way="GitHub", user_agent="")
        with client.session_transaction() as session:
            session["_user_id"] = token
        page = client.get("/settings/").text
        assert "Log in once without a token first" in page
        Identity.create(provider="github", uid="1", user=cast.dan, name_there="dan", created_at=clock.now())
        page = client.get("/settings/").text
        assert "You do not have access to log in to any backends" in page
        assert 'aria-disabled="true" aria-describedby="why-token"' in page
        field = {"csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1]}
        assert client.post("/settings/token/", data=field).status_code == 403


def test_settings_need_a_login(client: FlaskClient) -> None:
    assert client.get("/settings/").location == "/login/?next=/settings/"
    assert client.get("/settings/token/").location == "/login/?next=/settings/token/"


# When things break


def test_when_the_database_fails_the_page_says_so(app: Flask, cast: SimpleNamespace, sign_in: SignIn) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = sign_in(app.test_client(), "ada")
    database.execute_sql("DROP TABLE session")
    answer = client.get("/settings/")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "no such table" not in answer.text


def test_sessions_survive_a_restart(
    app: Flask, client: FlaskClient, cast: SimpleNamespace, sign_in: SignIn, settings: Settings
) -> None:
    sign_in(client, "ada")
    close_database()
    again = create_app(settings).test_client()
    again.set_cookie("jobsite", client.get_cookie("jobsite").value)
    assert again.get("/settings/").status_code == 200


def test_anonymous_pages_cost_no_query_and_set_no_session(client: FlaskClient, queries: Any) -> None:
    with queries() as seen:
        answer = client.get("/login/")
    assert (answer.status_code, seen) == (200, [])
    assert Session.select().count() == 0


@pytest.mark.sqlite_only("its file is written by this process")
def test_a_full_disk_refuses_forms_with_a_sentence_and_keeps_nobody_from_reading(
    client: FlaskClient, instance: Path, cast: Any, sign_in: SignIn, csrf: Csrf, failing_disk: Any
) -> None:
    sign_in(client, "ada")
    scheduler = sqlite3.connect(instance / "jobsite.db")  # in a server, one connection always is open
    scheduler.execute("SELECT * FROM user").fetchall()
    field = {"csrf_token": csrf(client, "/settings/"), "fullname": "Another", "email": "ada@example.org"}
    assert client.get("/nowhere/").status_code == 404  # the template of errors is compiled now
    with failing_disk(), clock.at(clock.now() + timedelta(hours=2)):
        read = client.get("/settings/")
        refused = client.post("/settings/", data=field)
    assert (read.status_code, "Ada Adewale" in read.text) == (200, True)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert "Nothing has been changed." in refused.text
    assert "Ada Adewale" in client.get("/settings/").text
    assert client.post("/settings/", data=field).status_code == 303
    scheduler.close()


class TestLimits:
    """Where `RATE_LIMITS` changes a limit."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        environ = {"JOBSITE_RATE_LIMITS": '{"sign-in per address": "2 per hour"}'}
        return load(tmp_path / "instance", environ)

    def test_it_counts_and_the_others_stay(
        self, client: FlaskClient, cast: SimpleNamespace, csrf: Csrf
    ) -> None:
        answers = [_send(client, csrf, f"nobody{number}", "a b c").status_code for number in range(3)]
        assert answers == [422, 422, 429]


@pytest.mark.parametrize(
    "text", ['{"sign-in per planet": "1 per hour"}', '{"sign-in per address": "many"}', "[]"]
)
def test_a_limit_that_cannot_be_is_a_sentence_at_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="RATE_LIMITS (has no limit|must (give|be))"):
        load(tmp_path, {"JOBSITE_RATE_LIMITS": text})
