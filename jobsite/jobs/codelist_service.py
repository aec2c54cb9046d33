"""Asks a codelist service whether the codelists of a study are those that it has now.

The interface is that of OpenCodelists: POST /api/v1/check/ with the form fields `codelists` and `manifest`; the answer
is JSON whose `status` is "ok" or "error".
"""

import http.client
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from urllib.parse import SplitResult, urlencode, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError

CHECK = "/api/v1/check/"
MOST_BYTES = 2**20
_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "jobsite",
}


class ServiceFailed(Exception):
    """The service gave no verdict; the text names it and says what happened, without a full stop."""


def ask(address: str, listed: bytes, recorded: bytes, *, seconds: float) -> bool:
    """Whether the service at `address` finds the two files up to date: codelists.txt and codelists.json.

    Takes at most `seconds` in all, apart from looking up the name of the host. Follows no redirect, so that no
    other host ever gets the files. Raises `ServiceFailed`.
    """
    parts = urlsplit(address)
    body = urlencode({"codelists": listed, "manifest": recorded}).encode()
    deadline = time.monotonic() + seconds
    try:
        status, data = _exchange(parts, body, deadline)
        cause = _why_no_verdict(status, data)
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        cause = _cause(error)
    if time.monotonic() >= deadline:
        cause = f"did not answer within {seconds:g} seconds"
    if cause:
        raise ServiceFailed(f"the codelist service {parts.hostname} {cause}")
    return _status(data) == "ok"


def _exchange(parts: SplitResult, body: bytes, deadline: float) -> tuple[int, bytes]:
    """Status and bytes of the answer. The socket's own time-out is for each read; the timer is for all of them."""
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_left(deadline))
    try:
        connection.connect()
        timer = threading.Timer(_left(deadline), _hang_up, (connection.sock,))
        timer.daemon = True
        timer.start()
        try:
            connection.request(
                "POST", parts.path + CHECK, body, _HEADERS, preload_content=False, decode_content=False
            )
            response = connection.getresponse()
            return response.status, response.read(MOST_BYTES + 1)
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


def _why_no_verdict(status: int, data: bytes) -> str:
    if 300 <= status < 400:
        return "answered with a redirect, which is not followed"
    if status != 200:
        return f"answered with status {status}"
    if len(data) > MOST_BYTES:
        return "gave an answer that is too long"
    return "" if _status(data) in ("ok", "error") else "gave an answer that cannot be understood"


def _status(data: bytes) -> object:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return answer.get("status") if isinstance(answer, dict) else None
