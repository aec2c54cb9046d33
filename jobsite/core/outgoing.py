"""Asking another server over HTTP: one answer, with a limit on its size and on every wait, and nothing followed elsewhere."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError

MOST_BYTES = 2**20
TO_CONNECT = 5.0
"""Seconds after which a server that does not take the connection counts as not there."""
_UNCONNECTED = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "jobsite"}


@dataclass(frozen=True)
class Answer:
    """The status of an answer, its bytes, and its headers (names in any case)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class NoAnswer(Exception):
    """There is no answer that can be used; the text goes on after the name of the server, without a full stop.

    `is_lost`: the connection broke off before an answer came, so that asking again at once may help. `was_sent`: what was
    asked may have arrived.
    """

    def __init__(self, cause: str, *, is_lost: bool = False, was_sent: bool = True) -> None:
        super().__init__(cause)
        self.is_lost, self.was_sent = is_lost, was_sent


def exchange(
    address: str,
    *,
    seconds: float,
    method: str = "GET",
    headers: Mapping[str, str] = {},
    body: bytes | Iterable[bytes] | None = None,
    most: int = MOST_BYTES,
) -> Answer:
    """The answer of the server at `address`, of any status but a redirect, with at most `most` bytes.

    A body that comes in pieces needs its `Content-Length` among the headers. Takes at most `seconds` in all, apart from
    looking up the name of the host. Follows no redirect, so that no other host ever gets what is sent. Raises `NoAnswer`.
    """
    deadline = time.monotonic() + seconds
    cause, answer, is_lost, was_sent = "", Answer(0, b""), False, True
    try:
        answer = _exchange(urlsplit(address), method, {**_HEADERS, **headers}, body, most, deadline)
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        cause, is_lost, was_sent = _cause(error), _broke_off(error), not isinstance(error, _UNCONNECTED)
    if time.monotonic() >= deadline:
        cause, is_lost = f"did not answer within {seconds:g} seconds", False
    elif 300 <= answer.status < 400:
        cause = "answered with a redirect, which is not followed"
    elif len(answer.body) > most:
        cause = "gave an answer that is too long"
    if cause:
        raise NoAnswer(cause, is_lost=is_lost, was_sent=was_sent)
    return answer


def _exchange(
    parts: SplitResult,
    method: str,
    headers: dict[str, str],
    body: bytes | Iterable[bytes] | None,
    most: int,
    deadline: float,
) -> Answer:
    """The socket's own time-out is for each read; the timer is for all of them."""
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=min(_left(deadline), TO_CONNECT))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
        connection.timeout = _left(deadline)
        timer = threading.Timer(_left(deadline), _hang_up, (connection.sock,))
        timer.daemon = True
        timer.start()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # a refusal may come before all was sent
                connection.request(method, path, body, headers, preload_content=False, decode_content=False)
            response = connection.getresponse()
            found = response.read(most + 1)
            if response.length_remaining and len(found) <= most:
                raise ProtocolError("the answer broke off")
            return Answer(response.status, found, response.headers)
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


def _broke_off(error: Exception) -> bool:
    """Whether the server was there and hung up before it had answered whole."""
    cut = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, ProtocolError)
    return isinstance(error, (*cut, http.client.IncompleteRead))
