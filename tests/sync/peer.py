"""A public side in the test process: it keeps what it was sent, answers as it is told to, and can fail in every way."""

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

TOKEN = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Received:
    """A request as it arrived: header names in lower case; `path` without `/api/v2/`."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The value in the body."""
        return json.loads(self.body)


Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclass
class Peer:
    """A server on a free port. `answers` has a reply for each method and path, or a function that makes one of what was
    received. `faults` are what happens to the next requests, one each: drop, half, 500, 503, 429, html, redirect, silent, slow,
    denied. With a `certificate` it speaks TLS.
    """

    answers: dict[str, Reply | Callable[[Received], Reply]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    certificate: Path | None = None
    token: str = TOKEN

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self._server.server_port}"

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [f"{one.method} {one.path}" for one in self.received]

    def clear(self) -> None:
        """Forget what was received."""
        self.received.clear()


def _handler(peer: Peer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = self.path.removeprefix("/api/v2/")
            request = Received(self.command, path, headers, body)
            peer.received.append(request)
            fault = peer.faults.pop(0) if peer.faults else ""
            if fault in _FAULTS:
                _FAULTS[fault](self)
            else:
                self._answer(request)

        do_POST = do_GET

        def _answer(self, request: Received) -> None:
            if request.headers.get("authorization") != peer.token:
                return self.reply(403, {"detail": "Invalid token"})
            found = peer.answers.get(f"{request.method} {request.path}", (404, {"detail": "Not found."}))
            self.reply(*(found(request) if callable(found) else found))

        def reply(self, status: int, data: Any, headers: Mapping[str, str] = {}) -> None:
            body = b"" if data is None else data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    return Handler


def _drop(handler: Any) -> None:
    """Hang up at once, by a reset: with nothing said."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def _half(handler: Any) -> None:
    """Promise more than comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"a": ')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def _silent(handler: Any) -> None:
    """Take the request and say nothing for longer than anybody waits here."""
    time.sleep(1.5)


def _slow(handler: Any) -> None:
    """Promise much and send it byte by byte, for longer than anybody waits here."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    with suppress(OSError):
        for _ in range(30):
            handler.wfile.write(b" ")
            time.sleep(0.05)


_FAULTS: dict[str, Callable[[Any], None]] = {
    "drop": _drop,
    "half": _half,
    "silent": _silent,
    "slow": _slow,
    "500": lambda handler: handler.reply(500, {"detail": "It is our fault."}),
    "503": lambda handler: handler.reply(503, None, {"Retry-After": "90"}),
    "429": lambda handler: handler.reply(429, {"detail": "Later."}, {"Retry-After": "90"}),
    "html": lambda handler: handler.reply(200, b"<html><body>Welcome to the proxy</body></html>"),
    "redirect": lambda handler: handler.reply(302, None, {"Location": "http://127.0.0.1:1/elsewhere"}),
    "denied": lambda handler: handler.reply(403, {"detail": "Authentication credentials were not provided."}),
}
