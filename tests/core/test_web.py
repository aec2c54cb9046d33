"""The one way of the web: routes that declare, pages with fragments, refusals as pages, headers on everything."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request, send_file
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader

from jobsite.application import create_app
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.limits import TooMany
from jobsite.core.web import ANYONE, LOGIN, PAGE_POLICY, Routes, granted, page, redirect_here, safe_next, see
from jobsite.settings import Settings

TEMPLATES = {
    "lab/list.html": """{% extends "base.html" %}{% block title %}Lab{% endblock %}
{% block announce %}<p class="vh" role="status" id="announce" hx-swap-oob="innerHTML">{{ sentence }}</p>{% endblock %}
{% block content %}<h1>Lab</h1>
{% block job_list %}<ul id="job-list">{% for job in jobs %}<li>{{ job }}</li>{% endfor %}</ul>{% endblock %}
{% block counters %}<p id="counters">{{ jobs | length }} jobs</p>{% endblock %}{% endblock %}""",
    "lab/broken.html": "{{ missing }}",
}

routes = Routes("lab")


@routes("/lab/", needs=ANYONE)
def listing() -> Response:
    return page(
        "lab/list.html",
        fragments=("job-list", "counters", "announce"),
        jobs=["a", "<b>"],
        sentence="Two jobs",
    )


@routes("/lab/refused/<kind>/", needs=ANYONE)
def refused(kind: str) -> Response:
    raise {
        "unknown": NotFound("There is no such sample."),
        "denied": Denied("Only <checkers> may do this. Ask cat."),
        "late": Conflict("Somebody else has taken it."),
        "invalid": Invalid({"a": "Enter a.", "b": "Enter b."}),
        "often": TooMany("Too many attempts. Wait 7 seconds and try again.", 7),
        "bug": ZeroDivisionError("secret detail"),
    }[kind]


@routes("/lab/forgot/", needs="job_run")
def forgot() -> Response:
    return Response("should never be seen")


@routes("/lab/other/", needs="job_run")
def other() -> Response:
    granted("job_cancel")
    return Response("should never be seen")


@routes("/lab/checked/", needs="job_run")
def checked() -> Response:
    granted("job_run")
    return Response("done")


@routes("/lab/mine/", needs=LOGIN)
def mine() -> Response:
    return Response("yours")


@routes("/lab/act/", needs=ANYONE, methods=("POST",))
def act() -> Response:
    return redirect_here(safe_next("/lab/"))


@routes("/lab/moved/", needs=ANYONE)
def moved() -> Response:
    return see("lab.listing", page=2)


@routes("/lab/broken/", needs=ANYONE)
def broken() -> Response:
    return page("lab/broken.html")


@routes("/lab/secure/", needs=ANYONE, side="secure")
def only_secure() -> Response:
    return Response("at Level 4")


@routes("/lab/public/", needs=ANYONE, side="public")
def only_public() -> Response:
    return Response("for anybody")


@pytest.fixture
def app(instance: Path, settings: Settings) -> Flask:
    """An application of this test's own, with the lab as one more room."""
    app = create_app(settings)
    app.jinja_loader = ChoiceLoader([app.jinja_loader, DictLoader(TEMPLATES)])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    routes.register(app, settings.side)
    return app


def _ask(client: FlaskClient, target: str, **headers: str) -> Any:
    return client.get("/lab/", headers={"HX-Request": "true", "HX-Target": target} | headers)


# Routes


def test_a_route_cannot_be_added_without_saying_what_it_needs() -> None:
    with pytest.raises(TypeError):
        Routes("lab")("/x/")


def test_a_permission_nobody_checked_answers_500_instead_of_the_page(
    client: FlaskClient, cast: Any, sign_in: Any
) -> None:
    sign_in(client, "ada")
    for path in ("/lab/forgot/", "/lab/other/"):
        answer = client.get(path)
        assert (answer.status_code, "should never be seen" in answer.text) == (500, False)
    assert client.get("/lab/checked/").text == "done"


def test_what_needs_a_login_or_a_permission_sends_a_visitor_to_the_sign_in_page(client: FlaskClient) -> None:
    for path in ("/lab/mine/", "/lab/checked/", "/lab/forgot/"):
        answer = client.get(path + "?q=a%26b")
        assert (answer.status_code, answer.location) == (302, f"/login/?next={path}%3Fq%3Da%2526b")


class TestSides:
    """A route exists only on its side."""

    @pytest.fixture(params=["both", "public", "secure"])
    def settings(self, request: pytest.FixtureRequest, tmp_path: Any) -> Settings:
        return Settings(instance=tmp_path / "instance", side=request.param)

    def test_a_route_exists_only_on_its_side(self, client: FlaskClient, settings: Settings) -> None:
        found = {side: client.get(f"/lab/{side}/").status_code == 200 for side in ("public", "secure")}
        assert found == {"public": settings.side != "secure", "secure": settings.side != "public"}


# Pages and fragments


def test_a_visitor_gets_the_page_and_htmx_the_region_it_asks_for(client: FlaskClient) -> None:
    whole = client.get("/lab/").text
    assert whole.startswith("<!doctype html>")
    for target in ("job-list", "counters", "announce"):
        part = _ask(client, target).text
        assert part.startswith(("<ul", "<p"))
        assert f'id="{target}"' in part
        assert part in whole
    assert "<li>&lt;b&gt;</li>" in _ask(client, "job-list").text


def test_a_region_that_asks_for_all_gets_all_of_them(client: FlaskClient) -> None:
    together = _ask(client, "counters", **{"HX-Together": "true"}).text
    assert re.findall(r'id="([^"]+)"', together) == ["counters", "job-list", "announce"]


@pytest.mark.parametrize(
    "headers", [{"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}, {"HX-Request": "false"}]
)
def test_whole_pages_are_given_where_htmx_swaps_whole_pages(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    assert _ask(client, "job-list", **headers).text.startswith("<!doctype html>")


@pytest.mark.parametrize("target", ["main", "content", "job_list", "title", "../base", "", "head"])
def test_a_client_cannot_choose_any_block(client: FlaskClient, target: str) -> None:
    assert _ask(client, target).text.startswith("<!doctype html>")


def test_caches_keep_pages_and_fragments_apart(client: FlaskClient) -> None:
    for answer in (client.get("/lab/"), _ask(client, "job-list")):
        assert {"HX-Request", "HX-Target"} <= set(answer.vary)
        assert answer.headers["Cache-Control"] == "no-store"


def test_an_undefined_template_variable_is_an_error(client: FlaskClient) -> None:
    assert client.get("/lab/broken/").status_code == 500


# Where to go after a form


def test_after_a_form_a_browser_is_sent_on_by_303_and_htmx_by_a_header(
    client: FlaskClient, csrf: Any
) -> None:
    field = {"csrf_token": csrf(client, "/login/"), "next": "/lab/?page=3"}
    plain = client.post("/lab/act/", data=field)
    assert (plain.status_code, plain.location) == (303, "/lab/?page=3")
    htmx = client.post("/lab/act/", data=field, headers={"HX-Request": "true"})
    assert (htmx.status_code, htmx.headers["HX-Redirect"]) == (204, "/lab/?page=3")
    assert client.get("/lab/moved/").location == "/lab/?page=2"


@pytest.mark.parametrize("kind", [{}, {"HX-Request": "true"}])
def test_a_path_of_any_script_can_be_where_to_look(
    client: FlaskClient, csrf: Any, kind: dict[str, str]
) -> None:
    field = {"csrf_token": csrf(client, "/login/"), "next": "/日本/?q=é"}
    answer = client.post("/lab/act/", data=field, headers=kind)
    assert (answer.headers.get("HX-Redirect") or answer.location) == "/%E6%97%A5%E6%9C%AC/?q=%C3%A9"


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "lab/",
        "/a\nb",
        "/\x00",
        "",
        "//[",
        "http://[::1",
        "//\u2100.example",
    ],
)
def test_next_never_leads_to_another_site(client: FlaskClient, csrf: Any, wanted: str) -> None:
    field = {"csrf_token": csrf(client, "/login/"), "next": wanted}
    assert client.post("/lab/act/", data=field).location == "/lab/"


# Refusals and errors


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        ("unknown", 404, "There is no such sample."),
        ("denied", 403, "Only &lt;checkers&gt; may do this. Ask cat."),
        ("late", 409, "Somebody else has taken it."),
        ("invalid", 422, "Enter a.; Enter b."),
        ("often", 429, "Too many attempts. Wait 7 seconds and try again."),
        ("bug", 500, "Something went wrong here"),
    ],
)
def test_a_refusal_is_a_page_with_its_sentence_and_what_to_do(
    client: FlaskClient, kind: str, status: int, says: str
) -> None:
    answer = client.get(f"/lab/refused/{kind}/")
    assert answer.status_code == status
    assert says in answer.text
    assert f"Error {status}" in answer.text
    assert len(re.findall("<h1>", answer.text)) == 1
    assert "secret detail" not in answer.text
    assert ("Retry-After" in answer.headers) == (kind == "often")


def test_a_failure_is_told_to_whoever_runs_the_site_with_where_it_happened(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/lab/refused/bug/?name=x")
    (told,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "/lab/refused/bug/" in told.getMessage()
    assert told.exc_info is not None
    assert told.exc_info[0] is not None


def test_the_error_page_is_the_same_for_htmx(client: FlaskClient) -> None:
    answer = client.get("/lab/refused/denied/", headers={"HX-Request": "true", "HX-Target": "job-list"})
    assert (answer.status_code, "Ask cat" in answer.text) == (403, True)


def test_a_visitor_is_offered_to_log_in_where_that_may_help(
    client: FlaskClient, cast: Any, sign_in: Any
) -> None:
    link = 'href="/login/?next=/lab/refused/unknown/?x%3D1"'
    assert link in client.get("/lab/refused/unknown/?x=1").text
    sign_in(client, "dan")
    assert "/login/" not in client.get("/lab/refused/unknown/?x=1").text


def test_a_wrong_method_is_a_page_that_says_which_are_right(client: FlaskClient) -> None:
    answer = client.post("/lab/moved/")
    assert (answer.status_code, "Not possible this way" in answer.text) == (405, True)
    assert "GET" in answer.headers["Allow"]


def test_a_page_asked_for_without_its_final_slash_redirects(client: FlaskClient) -> None:
    answer = client.get("/lab?q=1")
    assert (answer.status_code, answer.location) == (308, "/lab/?q=1")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:99", "a b<i>", ""])
@pytest.mark.parametrize("path", ["/lab", "//lab", "/lab//moved/", "//evil.example//lab"])
def test_no_redirect_leads_to_the_host_that_the_client_names(
    client: FlaskClient, host: str, path: str
) -> None:
    answer = client.open(path, headers={"Host": host})
    assert answer.status_code < 500
    assert answer.location is None or re.match("/(?!/)", answer.location), answer.location


def test_too_large_a_form_is_413(client: FlaskClient) -> None:
    assert client.post("/lab/act/", data={"x": "y" * 3_000_000}).status_code == 413


def test_the_support_address_stands_on_error_pages(client: FlaskClient, app: Flask) -> None:
    app.jinja_env.globals["site"]["support"] = "help@example.org"
    assert "mailto:help@example.org" in client.get("/lab/refused/bug/").text


# Headers and assets


def test_every_answer_carries_the_headers(client: FlaskClient) -> None:
    asked = ("/lab/", "/login/", "/nowhere.txt", "/lab/mine/", "/lab/refused/bug/", "/static/site.css")
    for answer in (client.get(path, buffered=True) for path in asked):
        assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in answer.headers
    assert "default-src 'none'" in PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY


def test_strict_transport_is_asked_for_on_https_only(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" in client.get("/lab/", base_url="https://localhost").headers


def test_assets_are_named_by_their_content_and_kept_for_a_year(client: FlaskClient) -> None:
    whole = client.get("/lab/").text
    for name in ("site.css", "site.js", "mark.svg", "vendor/icons.svg"):
        address = re.search(rf"/static/{name}\?v=[0-9a-f]{{12}}", whole)[0]
        assert client.get(address, buffered=True).headers["Cache-Control"] == "public, max-age=31536000"
        assert client.get(f"/static/{name}", buffered=True).headers["Cache-Control"] == "no-cache"
    of_another_version = client.get("/static/site.css?v=0123456789ab", buffered=True)
    assert (of_another_version.status_code, of_another_version.headers["Cache-Control"]) == (200, "no-cache")
    assert client.get("/static/..%2f..%2fREADME.md?v=0123456789ab").status_code == 404


def test_assets_set_no_cookie(client: FlaskClient, cast: Any, sign_in: Any) -> None:
    answer = sign_in(client, "ada").get("/static/site.css", buffered=True)
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.vary


def test_a_file_sent_by_a_view_is_not_kept(app: Flask, tmp_path: Any) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    app.add_url_rule("/lab/rows.csv", "lab.rows", lambda: send_file(tmp_path / "rows.csv"))
    answer = app.test_client().get("/lab/rows.csv?v=1", buffered=True)
    assert "max-age" not in answer.headers["Cache-Control"]


class TestBehindProxies:
    """With `TRUSTED_PROXIES` the address in front counts, without it nobody can make one up."""

    @pytest.fixture(params=[0, 1])
    def settings(self, request: pytest.FixtureRequest, tmp_path: Any) -> Settings:
        return Settings(instance=tmp_path / "instance", trusted_proxies=request.param)

    @pytest.fixture
    def seen(self, app: Flask) -> Iterator[list[tuple[str | None, bool]]]:
        noted: list[tuple[str | None, bool]] = []
        app.before_request(lambda: noted.append((request.remote_addr, request.is_secure)))
        return noted

    def test_forwarded_headers_count_only_as_often_as_set(
        self, app: Flask, settings: Settings, seen: list[tuple[str | None, bool]]
    ) -> None:
        headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
        app.test_client().get("/lab/", headers=headers)
        assert seen == [("203.0.113.9", True) if settings.trusted_proxies else ("127.0.0.1", False)]
