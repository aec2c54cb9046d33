"""Asking the controller: every call goes out from here, has time-outs, and follows no redirect (specification 10.1 and 10.2).

Nothing of what it answers is written into a log: who knows what a fault there puts into it.
"""

import json
from functools import lru_cache
from typing import Any

from jobsite.core.outgoing import Answer as Raw
from jobsite.core.outgoing import NoAnswer, exchange
from jobsite.settings import current
from jobsite.sync.answers import NotNow
from jobsite.sync.calls import json_in
from jobsite.sync.client import Answer, Unreachable
from jobsite.sync.pushing.contact import note_failure, note_refused

SECONDS = 20.0
"""A call may take so long: 5 seconds for the connection, 15 for the answer."""
MOST_BYTES = 16 * 2**20
NOT_NOW = (429, 502, 503, 504)
"""Answers of a controller that is not there at the moment, or is asked too much: of it, or of a proxy before it."""

HANDED_ON = (502, 504)
"""Those of them with which a proxy says that it has waited for the controller in vain."""

TOKEN_REFUSED = "The controller does not accept the token of this site (setting CONTROLLER_TOKEN)."  # noqa: S105
NO_CONTROLLER = "Something that is not a controller answers at its address (setting CONTROLLER_URL)."


class Unanswered(Unreachable):
    """The call may have reached the controller, and there is no answer."""


class HandedOn(NotNow):
    """A proxy has no answer of the controller, to which it may have handed the call on."""


class Controller:
    """The controller at an address, asked with the token of this site. Threads may share it.

    That there is no answer that can be used is noted here; that one can, by whoever has read it.
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token

    def get(self, path: str) -> Answer:
        """The answer to a GET of `path` below its address. Raises `Unreachable`."""
        return self._ask("GET", path, None)

    def post(self, path: str, sent: Any) -> Answer:
        """The answer to a POST of this value as JSON. Sent twice when the connection breaks off. Raises `Unreachable`."""
        return self._ask("POST", path, json.dumps(sent).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        try:
            answer = _read(self._twice_when_lost(method, path, body))
        except NoAnswer as cause:
            sentence = f"The controller {cause}."
            note_failure(sentence)
            raise (Unanswered if cause.was_sent else Unreachable)(sentence) from None
        if answer.status == 401:
            note_refused(TOKEN_REFUSED)
            raise NotNow(TOKEN_REFUSED)
        if answer.status in NOT_NOW:
            sentence = f"The controller cannot answer at the moment (status {answer.status})."
            note_failure(sentence)
            raise (HandedOn if answer.status in HANDED_ON else NotNow)(sentence, answer.retry_after)
        if answer.data is None or answer.status >= 500:
            note_failure(f"The controller gave no answer that can be used (status {answer.status}).")
        return answer

    def _twice_when_lost(self, method: str, path: str, body: bytes | None) -> Raw:
        try:
            return self._once(method, path, body)
        except NoAnswer as cause:
            if not cause.is_lost:
                raise
        try:
            return self._once(method, path, body)
        except NoAnswer as cause:
            raise NoAnswer(str(cause)) from None  # the first may have arrived, whatever became of the second

    def _once(self, method: str, path: str, body: bytes | None) -> Raw:
        headers = {"Authorization": self._token}
        if body is not None:
            headers["Content-Type"] = "application/json"
        address = f"{self.url}/{path}"
        return exchange(address, seconds=SECONDS, method=method, headers=headers, body=body, most=MOST_BYTES)


def current_controller() -> Controller | None:
    """The controller of this instance; None where there is none."""
    settings = current()
    return _controller(settings.controller_url, settings.controller_token) if settings.drives else None


@lru_cache(maxsize=4)
def _controller(url: str, token: str) -> Controller:
    return Controller(url, token)


def sound(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer of status 200. Raises `NotNow` for any other: 200 alone may come from a proxy."""
    if answer.status == 200 and isinstance(answer.data, dict):
        return answer.data
    sentence = (
        NO_CONTROLLER
        if answer.status in (200, 404, 405)
        else f"The controller refuses to say (status {answer.status})."
    )
    note_failure(sentence)
    raise NotNow(sentence)


def _read(raw: Raw) -> Answer:
    try:
        data = json_in(raw.body) if raw.body else None
    except ValueError:
        data = None
    return Answer(raw.status, data, raw.headers)
