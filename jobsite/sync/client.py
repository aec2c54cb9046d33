"""Asking the public side over `/api/v2/`: every call goes out from here, has time-outs, and follows no redirect.

What comes back is judged by its status alone; a body need not be JSON (specification of output checking, 8.1).
"""

import json as json_format
import logging
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from jobsite.core.clock import now
from jobsite.core.errors import Refused
from jobsite.core.outgoing import Answer as Raw
from jobsite.core.outgoing import NoAnswer, exchange
from jobsite.settings import current
from jobsite.sync.contact import note_failure, note_success

READ, UPLOAD = 30.0, 60.0
"""Seconds that a call may take, and one that sends a file; 5 of them for the connection."""
MOST_BYTES = 32 * 2**20
SHOWN = 200
REST = timedelta(seconds=5)
FAILURES = 2
"""After so many failures one after the other, who is in a hurry is told at once for `REST`, without a try."""
LONGEST_WAIT = 3600.0

TOKEN_REFUSED = ("Invalid token", "Authorization header is missing", "Authorization header is empty")
"""What the public side says of the token of a backend (8.1): no judgement about the person a call is about."""

log = logging.getLogger("jobsite.sync")


class Unreachable(Refused):
    """The public side gave no answer that can be used; the sentence says why."""


@dataclass(frozen=True)
class Answer:
    """An answer of any status but a redirect. `data` is its JSON, None where it has none; `text` its first 200 characters."""

    status: int
    data: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def detail(self) -> str:
        """What it says in words: its `detail`, or how its body begins."""
        said = self.data.get("detail") if isinstance(self.data, dict) else None
        return said if isinstance(said, str) else self.text

    @property
    def retry_after(self) -> float:
        """For how many seconds it asks to be left alone, at most an hour; 0 where it does not."""
        return min(max(_seconds(self.headers.get("Retry-After", "")), 0.0), LONGEST_WAIT)

    @property
    def is_our_token(self) -> bool:
        """Whether it refuses the token of this backend, whoever the call was about."""
        return self.status == 403 and self.detail in TOKEN_REFUSED


class PublicSide:
    """The public side at an address, asked with the token of this backend. Threads may share it."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._guard = threading.Lock()
        self._failures, self._failed_at = 0, datetime.min

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, Any] = {},
        headers: Mapping[str, str] = {},
        seconds: float = READ,
    ) -> Answer:
        """The answer to a GET of `path` below `/api/v2/`. Raises `Unreachable`."""
        query = f"?{urlencode(params)}" if params else ""
        return self._ask("GET", path + query, headers, None, seconds)

    def post(self, path: str, *, json: Any, headers: Mapping[str, str] = {}, seconds: float = READ) -> Answer:
        """The answer to a POST of this value as JSON. Sent twice when the connection breaks off. Raises `Unreachable`."""
        body = json_format.dumps(json).encode()
        sent = {"Content-Type": "application/json", **headers}
        return self._ask("POST", path, sent, lambda: body, seconds)

    def upload(
        self, path: str, *, pieces: Callable[[], Iterable[bytes]], size: int, headers: Mapping[str, str]
    ) -> Answer:
        """The answer to a POST of `size` bytes; `pieces` begins anew at each call, of which there may be two. Raises `Unreachable`."""
        sent = {"Content-Type": "application/octet-stream", "Content-Length": str(size), **headers}
        return self._ask("POST", path, sent, pieces, UPLOAD)

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Callable[[], bytes | Iterable[bytes]] | None,
        seconds: float,
    ) -> Answer:
        if seconds < READ:
            self._stop_while_it_rests()
        address = f"{self.url}/api/v2/{path}"
        sent = {"Authorization": self._token, **headers}

        def once() -> Raw:
            given = body() if body else None
            return exchange(
                address, seconds=seconds, method=method, headers=sent, body=given, most=MOST_BYTES
            )

        try:
            answer = _read(_twice_when_lost(once))
        except NoAnswer as cause:
            raise self._failed(f"The public side {cause}.") from None
        self._answered(answer)
        return answer

    def _stop_while_it_rests(self) -> None:
        """Raise at once what the last calls were told, for a few seconds after they failed."""
        with self._guard:
            if self._failures >= FAILURES and abs(now() - self._failed_at) < REST:
                raise Unreachable("The public side could not be reached a moment ago.")

    def _failed(self, sentence: str) -> Unreachable:
        with self._guard:
            self._failures, self._failed_at = self._failures + 1, now()
        note_failure(sentence)
        return Unreachable(sentence)

    def _answered(self, answer: Answer) -> None:
        with self._guard:
            self._failures = 0
        if answer.status >= 500:
            note_failure(f"The public side answered with status {answer.status}.")
        elif answer.is_our_token:
            note_failure("The public side does not accept the token of this backend (setting BACKEND_TOKEN).")
        elif answer.status < 300 and answer.data is None and answer.text:
            note_failure("Something that is not the public side answers at its address (setting PUBLIC_URL).")
        else:
            note_success()


class Backoff:
    """How long to wait between tries that fail: a second, then twice as long each time up to 5 minutes, give or take a fifth."""

    FIRST, MOST, SPREAD = 1.0, 300.0, 0.2

    def __init__(self) -> None:
        self.failures = 0

    def failed(self) -> float:
        """Note a failure; how many seconds to wait now."""
        self.failures += 1
        seconds = min(self.FIRST * 2 ** min(self.failures - 1, 20), self.MOST)
        return seconds * random.uniform(1 - self.SPREAD, 1 + self.SPREAD)  # noqa: S311  no secret depends on it

    def worked(self) -> None:
        """Begin anew: the last try went well."""
        self.failures = 0


def current_side() -> PublicSide | None:
    """The public side of this instance; None where it has none elsewhere."""
    settings = current()
    return _side(settings.public_url, settings.backend_token) if settings.is_apart else None


def side() -> PublicSide:
    """The public side of an instance that has one elsewhere. Raises `Unreachable` where there is none."""
    found = current_side()
    if found is None:
        raise Unreachable("No public side is set (setting PUBLIC_URL).")
    return found


def segment(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


@lru_cache(maxsize=4)
def _side(url: str, token: str) -> PublicSide:
    return PublicSide(url, token)


def _twice_when_lost(once: Callable[[], Raw]) -> Raw:
    try:
        return once()
    except NoAnswer as cause:
        if not cause.is_lost:
            raise
    return once()


def _read(raw: Raw) -> Answer:
    text = raw.body[: 4 * SHOWN].decode("utf-8", "replace")[:SHOWN]
    try:
        data = json_format.loads(raw.body) if raw.body else None
    except (ValueError, RecursionError):
        data = None
        log.warning("an answer of status %s is no JSON: %r", raw.status, text)
    return Answer(raw.status, data, raw.headers, text)


def _seconds(words: str) -> float:
    """What a `Retry-After` says: a number of seconds, or a date of HTTP."""
    if words.strip().isdecimal():
        return float(words)
    try:
        return (parsedate_to_datetime(words) - now().replace(tzinfo=UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0.0
