"""A bad network between two sides: a proxy that drops, delays, repeats and cuts what goes through it."""

import http.client
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

FAULTS = ("drop", "delay", "repeat", "lose the answer", "cut the request", "cut the answer")
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Proxy:
    """Listens on a port of its own and passes calls on to `there`. Each fault in turn befalls every so many-th call of a
    path, none where that is 0."""

    def __init__(self, there: str, *, every: int = 3) -> None:
        self.there = there
        self.is_open = True
        self.every = every
        self.done: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            network = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault_for(self, path: str) -> str:
        """What befalls this call; "" for nothing. Never two calls of a path one after the other: there is one more try."""
        with self._lock:
            self.calls[path] += 1
            if not self.is_open:
                return "drop"
            if not self.every or self.calls[path] % self.every != 1:
                return ""
            fault = FAULTS[sum(self.done.values()) % len(FAULTS)]
            self.done[fault] += 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    network: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: Any) -> None:
        """Nothing: what goes wrong here does so on purpose."""

    def _pass_on(self) -> None:
        body = self._body()
        fault = self.network.fault_for(urlsplit(self.path).path)
        if fault == "drop":
            return self._break_off()
        if fault == "delay":
            time.sleep(0.5)
        if fault == "cut the request":
            self._send_half(body)
            return self._break_off()
        try:
            if fault == "repeat":
                self._ask(body)
            status, headers, text = self._ask(body)
        except OSError:
            return self._break_off()
        if fault == "lose the answer":
            return self._break_off()
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[: len(text) // 2] if fault == "cut the answer" else text)
        if fault == "cut the answer":
            self._break_off()

    do_GET = do_POST = _pass_on

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        there = http.client.HTTPConnection(urlsplit(self.network.there).netloc, timeout=60)
        try:
            there.request(self.command, self.path, body or None, self._headers())
            answer = there.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
        finally:
            there.close()

    def _headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower() not in HOP}

    def _send_half(self, body: bytes) -> None:
        """The other side gets the head of the call and half of its body, and then nothing."""
        place = urlsplit(self.network.there)
        with socket.create_connection((place.hostname or "", place.port or 80), timeout=10) as there:
            head = [f"{self.command} {self.path} HTTP/1.1", f"Content-Length: {max(len(body), 1)}"]
            head += [f"{name}: {value}" for name, value in self._headers().items()]
            there.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body[: len(body) // 2])

    def _break_off(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
