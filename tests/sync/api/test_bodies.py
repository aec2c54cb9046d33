"""Bodies at the real web server: uploads with and without their length, what is too large, what breaks off; always JSON."""

import hashlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.releases.models import ReleaseFile
from jobsite.settings import Settings
from jobsite.sync.api.bodies import Receiving
from jobsite.web_server import MOST_BODY, web_server

from ...releases.released import made

ID = "01HZ0000000000000000000001"
LIMIT = 4 * 2**20
DATA = b"0123456789abcdef" * 2**16 * 3
TOO_LARGE = {"detail": "File is too large, it must be below 4.0Mb"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Files of at most 4 MiB are released."""
    return Settings(instance=tmp_path / "instance", level4_max_filesize=LIMIT)


@pytest.fixture
def served(app: Flask, settings: Settings, cast: Any) -> Iterator[tuple[int, dict[str, str]]]:
    """The port of a real server, and the headers of an upload to a release of one file."""
    backend = add_backend(by="system", slug="near", name="Near")
    token = rotate_token(by="system", backend=backend)
    made(cast, backend).create({"output/a.csv": DATA}, ID)
    server = web_server(app, settings, host="127.0.0.1", port=0)
    app.extensions["jobsite.test.server"] = server
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    named = {"Authorization": token, "OS-User": "cat", "Content-Type": "application/octet-stream"}
    yield server.effective_port, named | {"Content-Disposition": 'attachment; filename="output/a.csv"'}
    server.close()
    thread.join(timeout=60)


Channels = Callable[[int], Receiving]


@pytest.fixture
def channels(served: tuple[int, dict[str, str]], app: Flask) -> Channels:
    """`channels(number)`: the connection on which so many bytes of a body have come in, once they have."""
    server = app.extensions["jobsite.test.server"]

    def waited_for(number: int) -> Receiving:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for one in list(server._map.values()):
                if isinstance(one, Receiving) and one.request and one.request.body_bytes_received == number:
                    return one
            time.sleep(0.01)
        raise AssertionError("the bytes did not come in")

    return waited_for


def asked(port: int, path: str, headers: dict[str, str], body: Any, **how: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body=body, headers=headers, **how)
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None
    finally:
        connection.close()


def in_pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def left(instance: Path) -> list[str]:
    """What lies where arrivals and released files are."""
    return sorted(path.name for path in (instance / "releases").rglob("*") if path.is_file())


def test_a_file_comes_whole_or_not_at_all(served: tuple[int, dict[str, str]], instance: Path) -> None:
    port, headers = served
    where = f"/api/v2/releases/release/{ID}"
    for size in (LIMIT + 1, 2 * LIMIT):
        assert asked(port, where, headers, b"x" * size) == (400, TOO_LARGE)
    assert asked(port, where, headers, in_pieces(b"x" * (LIMIT + 1)), encode_chunked=True) == (400, TOO_LARGE)
    much = {**headers, "Content-Length": str(2**40)}
    assert asked(port, where, much, b"x" * 10) == (413, TOO_LARGE)
    assert asked(port, where, headers, b"") == (400, {"detail": "No data uploaded"})
    _break_off(port, where, headers)
    assert left(instance) == [] and ReleaseFile.get().uploaded_at is None
    assert asked(port, where, headers, in_pieces(DATA), encode_chunked=True) == (201, None)
    assert left(instance) == [hashlib.sha256(DATA).hexdigest()]
    status, told = asked(port, where, headers, DATA)
    assert status == 400 and "has already been uploaded" in told["detail"]


def test_other_bodies_that_are_too_large_are_refused_in_json(served: tuple[int, dict[str, str]]) -> None:
    port, headers = served
    told = {"detail": "The body of the request is too large."}
    for path in ("/api/v2/jobs/", "/api/v2/nothing/", f"/api/v2/releases/release/{ID}/reviews"):
        assert asked(port, path, {**headers, "Content-Length": str(MOST_BODY)}, b"x") == (413, told)
    broken = {**headers, "Transfer-Encoding": "chunked"}
    assert asked(port, "/api/v2/jobs/", broken, b"zz\r\n")[0] == 400


def test_a_file_may_come_slowly_but_not_for_ever(
    served: tuple[int, dict[str, str]], channels: Channels
) -> None:
    port, headers = served
    for path, late, is_lost in (
        (
            f"/api/v2/releases/release/{ID}",
            75,
            False,
        ),  # a mebibyte is worth half a minute beyond the minute of all
        (f"/api/v2/releases/release/{ID}", 110, True),
        ("/api/v2/jobs/", 75, True),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(_head(path, headers) + DATA[: 2**20])
            channel = channels(2**20)
            channel._began -= late
            connection.sendall(DATA[2**20 : 2**20 + 1])
            channels(2**20 + 1)
            channel.server.maintenance(time.time())
            assert channel.will_close is is_lost, (path, late)


ODD = [
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", 200),
    ("GET http://elsewhere.example{} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", 200),
    ("GET {} HTTP/1.0\r\nAuthorization: {}\r\n\r\n", 200),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization:\r\n {}\r\n\r\n", 200),
    ("HEAD {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", 200),
    ("get {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", 400),
    ("TRACE {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n", 405),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: bad\r\nAuthorization: {}\r\n\r\n", 403),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nAuthorization: bad\r\n\r\n", 403),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization_: {}\r\n\r\n", 403),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization : {}\r\n\r\n", 400),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\0\r\n\r\n", 400),
    ("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nFlags: " + "x" * 70_000 + "\r\n\r\n", 431),
]
IN_TWO_WAYS = "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n[]\r\n0\r\n\r\n"
ODD_BODIES = [
    ("Content-Length: 2\r\n\r\n[]", 200),
    ("Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n[]\r\n0\r\n\r\n", 200),
    ("Content-Length: 2\r\nExpect: 100-continue\r\n\r\n[]", 100),
    (IN_TWO_WAYS, 400),
    (IN_TWO_WAYS.replace("chunked", "gzip, chunked"), 501),
    ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n[] ", 400),
    ("Content-Length: +2\r\n\r\n[]", 400),
    ("Content-Length: -1\r\n\r\n[]", 400),
    ("Content-Length: 5\r\n\r\n\u00ef\u00bb\u00bf[]", 400),
    ("Content-Length: 4\r\nContent-Encoding: gzip\r\n\r\n\x1f\u008b\x08\x00", 400),
]


def test_requests_of_odd_forms_are_served_or_refused_and_never_taken_for_others(
    served: tuple[int, dict[str, str]],
) -> None:
    port, headers = served
    token = headers["Authorization"]
    cases = [(head.format("/api/v2/backend/", token), status) for head, status in ODD]
    post = f"POST /api/v2/jobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
    for sent, wanted in cases + [(post + body, status) for body, status in ODD_BODIES]:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(sent.encode("latin-1"))
            answer = connection.recv(65536).decode("latin-1")
        assert int(answer.split(" ")[1]) == wanted, (sent[:200], answer[:200])
        assert "elsewhere.example" not in answer


def _break_off(port: int, where: str, headers: dict[str, str]) -> None:
    """Send half of a file and hang up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(_head(where, headers) + DATA[: len(DATA) // 2])


def _head(where: str, headers: dict[str, str]) -> bytes:
    """The head of a request with a body as long as `DATA`."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {where} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(DATA)}\r\n{head}\r\n".encode()
