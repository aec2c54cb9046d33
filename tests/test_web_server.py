"""A server that is told to stop loses nobody's request, so that it can be exchanged while others serve."""

import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .servers import Server, until

pytestmark = pytest.mark.xdist_group("server")

BODY = b"user=ada&token=none"
ASKED = (
    b"POST /login-with-token/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n%b"
)


def test_who_has_begun_to_ask_is_answered_and_nobody_else_is_let_in(tmp_path: Path) -> None:
    with Server(tmp_path / "instance") as server:
        where = (urlsplit(server.address).hostname, urlsplit(server.address).port)
        with socket.create_connection(where) as begun, socket.create_connection(where) as idle:
            half = ASKED % (len(BODY), BODY)
            begun.sendall(half[:-5])
            idle.sendall(b"GET /login/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(12) == b"HTTP/1.1 200", (
                "what was sent before on the other connection is read by now"
            )
            server.process.send_signal(signal.SIGTERM)
            until(lambda: is_refused(where))
            begun.sendall(half[-5:])
            assert begun.recv(12) == b"HTTP/1.1 400", "it is told what is wrong with it"
        assert server.process.wait(timeout=60) == 0


def is_refused(where: tuple[str | None, int | None]) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(where) != 0
