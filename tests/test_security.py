"""What protects the site itself: headers, forms from elsewhere, sizes, methods, strange paths and slow clients."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.application import UNSUBSCRIBE
from jobsite.core.events import Event
from jobsite.core.web import CONTENT_POLICY, MOST_FIELDS, PAGE_POLICY
from jobsite.sync.api.mounting import WITHOUT_FORMS
from jobsite.sync.controller.views import WITHOUT_FORMS as OF_CONTROLLER
from jobsite.sync.tasks.views import WITHOUT_FORMS as OF_AGENTS
from jobsite.web_server import MOST_BODY, THREADS

from .conftest import csrf_of
from .jobs.conftest import ask, engine, project_yaml, run, run_until, settings, study, workspace  # noqa: F401
from .servers import Server
from .test_routes import address, routes, world  # noqa: F401

SignIn = Callable[[FlaskClient, str], FlaskClient]
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
SOUND = {"jobs": "none"}
"""A form of `/settings/notifications/` that is taken."""

# Headers


def test_every_answer_of_every_address_carries_the_headers(
    world: dict[str, str],  # noqa: F811
    app: Flask,
    sign_in: SignIn,
) -> None:
    """OC26."""
    kinds = set()
    for client in (sign_in(app.test_client(), "ada"), sign_in(app.test_client(), "sam"), app.test_client()):
        asked = [address(route, world) for route in routes(app) if "GET" in route.methods]
        for where in (*asked, "/nothing/at/all", "/static/site.css", "/static/nothing", "/static/../app.py"):
            answer = client.get(where, buffered=True)
            kinds.add((answer.mimetype, answer.status_code // 100))
            assert_guarded(answer, where)
    assert {("text/event-stream", 2), ("application/json", 4), ("text/html", 3), ("text/html", 4)} <= kinds


def assert_guarded(answer: object, where: str) -> None:
    headers = answer.headers
    policy = headers["Content-Security-Policy"]
    stricter = {"Referrer-Policy": "no-referrer"} if policy == CONTENT_POLICY else {}
    assert {name: headers.get(name) for name in FIXED} in (FIXED, FIXED | stricter), where
    assert "camera=()" in headers["Permissions-Policy"], where
    assert "Access-Control-Allow-Origin" not in headers, where
    assert policy in (PAGE_POLICY, CONTENT_POLICY) or "/login/" in where, where
    assert policy.removeprefix("sandbox; ").startswith("default-src 'none'"), where
    assert "unsafe" not in policy or policy.startswith("sandbox;"), where
    if not where.startswith("/static/"):
        assert "no-store" in headers["Cache-Control"] or "private" in headers["Cache-Control"], where


def test_answers_to_what_is_refused_carry_the_headers_too(client: FlaskClient) -> None:
    for answer in (
        client.post("/login-with-token/", data={}),
        client.post("/seen/", headers=CROSS),
        client.put("/"),
        client.post("/login-with-token/", data=b"x" * 3 * 2**20),
    ):
        assert 400 <= answer.status_code < 500
        assert_guarded(answer, f"/{answer.status_code}")


# Forms from elsewhere


def test_every_form_needs_the_field_that_proves_where_it_came_from(
    world: dict[str, str],  # noqa: F811
    app: Flask,
    sign_in: SignIn,
) -> None:
    """OC23."""
    client = sign_in(app.test_client(), "sam")
    before = Event.select().count()
    posted = [route for route in routes(app) if "POST" in route.methods]
    for route in posted:
        view = f"{route.view.__module__}.{route.view.__name__}"
        for fields in ({}, {"csrf_token": "made-up"}):
            names = world | ({"repo": "1"} if "int:repo" in route.rule else {})
            answer = client.post(address(route, names), data=fields)
            if view in WITHOUT_FORMS:  # programs: a login alone changes nothing
                assert answer.status_code in (403, 404), route.rule
            elif view in OF_CONTROLLER:  # programs of other sites, likewise
                assert answer.status_code in (401, 405), route.rule
            elif view in OF_AGENTS:  # so are these
                assert answer.status_code in (404, 405), route.rule
            else:
                assert (answer.status_code == 400) != (view == UNSUBSCRIBE), route.rule
    assert len(posted) > 50
    assert Event.select().count() == before


def test_a_method_cannot_be_put_on_by_a_header_or_a_field(
    world: dict[str, str],  # noqa: F811
    app: Flask,
    sign_in: SignIn,
) -> None:
    client = sign_in(app.test_client(), "ada")
    before = Event.select().count()
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert client.get("/settings/?_method=POST", headers={header: "POST"}).status_code == 200
        assert client.get("/logout/", headers={header: "POST"}).status_code in (404, 405)
    assert client.get("/settings/").status_code == 200, "still logged in"
    assert Event.select().count() == before


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "CONNECT", "PROPFIND", "TRACK"])
def test_other_methods_are_refused_everywhere(client: FlaskClient, method: str) -> None:
    for where in ("/", "/login/", "/static/site.css", "/health-check/"):
        answer = client.open(
            where, method=method, headers={"Cookie": "jobsite=secret", "X-Mine": "4711-mine"}
        )
        assert answer.status_code == 405
        assert "4711-mine" not in answer.text and "secret" not in answer.text


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_form_that_another_site_sends_is_refused_even_with_the_right_field(
    client: FlaskClient, cast: object, sign_in: SignIn, site: str
) -> None:
    sign_in(client, "ada")
    fields = SOUND | {"csrf_token": csrf_of(client.get("/settings/notifications/").text)}
    for mode in ("navigate", "cors", "no-cors"):
        answer = client.post(
            "/settings/notifications/", data=fields, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        )
        assert answer.status_code == 403
        assert "Another site asked for this" in answer.text
    for own in ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}, {}):
        assert client.post("/settings/notifications/", data=fields, headers=own).status_code == 303


def test_another_site_can_lead_to_a_page_and_cannot_read_frame_or_embed_it(
    client: FlaskClient, cast: object, sign_in: SignIn
) -> None:
    sign_in(client, "ada")
    assert client.get("/settings/", headers=CROSS).status_code == 200
    for mode, dest in (
        ("no-cors", "image"),
        ("cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "embed"),
    ):
        answer = client.get("/settings/", headers=CROSS | {"Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest})
        assert answer.status_code == 403
        assert "ada" not in answer.text.lower().replace("adapt", "") or "Log out" in answer.text


# Sizes


def test_a_form_of_too_many_fields_is_413_however_it_is_written(client: FlaskClient) -> None:
    most = [("x", "")] * MOST_FIELDS
    for fields, status in ((most, 400), ([*most, ("x", "")], 413)):
        plain = "&".join(f"{name}={value}" for name, value in fields)
        kind = "application/x-www-form-urlencoded"
        assert client.post("/login-with-token/", data=plain, content_type=kind).status_code == status
    parts = {f"x{number}": "" for number in range(MOST_FIELDS + 100)}
    answer = client.post("/login-with-token/", data=parts, content_type="multipart/form-data")
    assert answer.status_code == 413


def test_a_form_of_too_many_bytes_is_413(client: FlaskClient) -> None:
    for size in (600_000, 3 * 2**20):
        assert client.post("/login-with-token/", data={"user": "x" * size}).status_code == 413


# Addresses

TRICKS = (
    "//evil.example/", "///evil.example", "/\\evil.example/", "/%2e%2e/%2e%2e/etc/passwd", "/static/../../etc/passwd",
    "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%00", "/static//etc/passwd", "/%00", "/a%00b/", "/%ff%fe/",
    "/asthma%2flogs/", "/projects/%2e%2e/", "/" + "x" * 5000 + "/", "/" + "a/" * 1000, "/%E2%80%AE/", "/\u202eada/",
    "/users/%0d%0aSet-Cookie:x=y/", "/projects/%0d%0aLocation:%20x/", "/users/{{7*7}}/", "/users/<script>/",
    "/login/?next=//evil.example", "/login/?next=https:evil.example", "/login/?next=/%5Cevil.example",
    "/login/?next=%09//evil.example", "/?q=%ff%00", "/event-log/?page=999999999999999999999", "/event-log/?page=-1",
    "/search/?q=%25%25%25", "/search/?q=%27%22)%20OR%201=1--", "/jobs/%20/", "/job-requests/99999999999999999999/",
    "/event-log/?" + "a=b&" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("where", TRICKS, ids=range(len(TRICKS)))
def test_strange_addresses_are_pages_or_refusals_and_lead_nowhere_else(
    client: FlaskClient, cast: object, sign_in: SignIn, where: str
) -> None:
    for browser in (client, sign_in(client, "ada")):
        answer = browser.get(where, buffered=True)
        assert answer.status_code < 500
        to = answer.headers.get("Location", "/")
        assert to.startswith("/") and not urlsplit(to).netloc and "\\" not in to
        assert "root:" not in answer.text and "create_app" not in answer.text
        assert "Set-Cookie" not in where or "x=y" not in str(answer.headers.getlist("Set-Cookie"))


def test_nothing_in_a_page_follows_the_host_that_the_client_names(client: FlaskClient, cast: object) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
    ):
        for where in ("/", "/login/", "/settings/", "/projects", "/nothing/"):
            answer = client.get(where, headers=headers)
            assert "evil.example" not in answer.text + str(answer.headers), (headers, where)


# What is noted


def test_wrong_tries_and_refusals_are_noted_on_one_line_each(
    client: FlaskClient, cast: object, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {
        "user": "ada\nforged",
        "token": "wrong words here",
        "csrf_token": csrf_of(client.get("/login/").text),
    }
    client.post("/login-with-token/", data=fields)
    sign_in(client, "dan").get("/staff/users/?q=%0aforged")
    client.get("/staff/users/%0aforged/")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("jobsite")]
    assert [line for line in lines if line.startswith("a wrong try from '127.0.0.1'")]
    assert len([line for line in lines if line.startswith("dan was refused: GET '/staff/users/")]) == 2
    assert not any("\n" in line or "wrong words" in line or "ada" in line.split() for line in lines)


# The real server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own for the tests below, which leave it as it is."""
    instance: Path = tmp_path_factory.mktemp("guarded") / "instance"
    with Server(instance, SIDE="public") as running:
        yield running


def connect(server: Server) -> socket.socket:
    parts = urlsplit(server.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def first_line(server: Server, *parts: bytes) -> bytes:
    """The first line of the answer to these bytes; empty where the connection is closed without one."""
    with connect(server) as client:
        try:
            for part in parts:
                client.sendall(part)
        except OSError:
            pass  # it may have answered and closed before the end
        try:
            return client.recv(4096).partition(b"\r\n")[0]
        except ConnectionError:
            return b""


def test_hundreds_of_slow_clients_keep_nobody_from_being_served(server: Server) -> None:
    with ExitStack() as opened:
        for number in range(200):
            client = opened.enter_context(connect(server))
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            else:
                client.sendall(
                    b"POST /login-with-token/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nuser="
                )
        for _ in range(THREADS * 2):
            client = opened.enter_context(connect(server))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /manual/ HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        assert server.get("/")[0] == 200
        assert server.get("/health-check/")[0] == 200


def test_requests_that_two_servers_could_read_differently_are_refused(server: Server) -> None:
    head = b"POST /login-with-token/ HTTP/1.1\r\nHost: x\r\n"
    for odd in (
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: +5\r\n\r\nabcde",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"X-Odd : a\r\nContent-Length: 0\r\n\r\n",
        b"X-Odd: a\rb\r\nContent-Length: 0\r\n\r\n",
    ):
        line = first_line(server, head + odd)
        assert re.match(rb"HTTP/1\.[01] (400|501) ", line), (odd, line)


def test_a_request_that_is_too_large_is_refused_before_it_is_read(server: Server) -> None:
    line = first_line(
        server, b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"X-Much: " + b"y" * 8000 + b"\r\n"] * 20, b"\r\n"
    )
    assert b" 431 " in line
    head = b"POST /login-with-token/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY + 1)
    assert b" 413 " in first_line(server, head)
    assert server.get("/health-check/")[0] == 200


def test_bytes_that_are_no_request_end_nothing(server: Server) -> None:
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\0" * 3000 + b"\r\n\r\n", b"GET\r\n\r\n",
                 b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):  # fmt: skip
        line = first_line(server, junk)
        assert not re.match(rb"HTTP/1\.[01] 5", line), (junk, line)
    assert server.get("/")[0] == 200
