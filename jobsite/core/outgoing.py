"""Asking another server over HTTP: one answer, with a limit on its size and on every wait, and nothing followed elsewhere."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError

MOST_BYTES = 2**20
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "jobsite"}


@dataclass(frozen=True)
class Answer:
    """The status of an answer and its bytes."""

    status: int
    body: bytes


class NoAnswer(Exception):
    """There is no answer that can be used; the text goes on after the name of the server, without a full stop."""


def exchange(
    address: str,
    *,
    seconds: float,
    method: str = "GET",
    headers: Mapping[str, str] = {},
    body: bytes | None = None,
    most: int = MOST_BYTES,
) -> Answer:
    """The answer of the server at `address`, of any status but a redirect, with at most `most` bytes.

    Takes at most `seconds` in all, apart from looking up the name of the host. Follows no redirect, so that no other
    host ever gets what is sent. Raises `NoAnswer`.
    """
    deadline = time.monotonic() + seconds
    cause, answer = "", Answer(0, b"")
    try:
        answer = _exchange(urlsplit(address), method, {**_HEADERS, **headers}, body, most, deadline)
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        cause = _cause(error)
    if time.monotonic() >= deadline:
        cause = f"did not answer within {seconds:g} seconds"
    elif 300 <= answer.status < 400:
        cause = "answered with a redirect, which is not followed"
    elif len(answer.body) > most:
        cause = "gave an answer that is too long"
    if cause:
        raise NoAnswer(cause)
    return answer


def _exchange(
    parts: SplitResult, method: str, headers: dict[str, str], body: bytes | None, most: int, deadline: float
) -> Answer:
    """The socket's own time-out is for each read; the timer is for all of them."""
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_left(deadline))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
        timer = threading.Timer(_left(deadline), _hang_up, (connection.sock,))
        timer.daemon = True
        timer.start()
        try:
            connection.request(method, path, body, headers, preload_content=False, decode_content=False)
            response = connection.getresponse()
            return Answer(response.status, response.read(most + 1))
        finally:
            timer.cancel()
    finally:
        connection.close()


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _hang_up(connected: socket.socket) -> None:
    """End what waits for this socket. TLS is left as it is: another thread is in the middle of it."""
    with suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _cause(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "could not be reached over a secure connection"
    if isinstance(error, ProtocolError | http.client.HTTPException) and not isinstance(error, OSError):
        return "gave an answer that cannot be understood"
    return "could not be reached"
