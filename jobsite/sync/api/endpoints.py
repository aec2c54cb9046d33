"""The programming interface `/api/v2/`: one declaration for each endpoint.

It says where the endpoint is, who calls, what the body and the query hold and what is answered. From it come the route, the
checks before the endpoint is called, and its part of the OpenAPI document.
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from jobsite.accounts.models import Backend, User
from jobsite.core.errors import Invalid
from jobsite.core.web import ANYONE, Routes
from jobsite.sync.api.callers import Caller, CallerKind
from jobsite.sync.api.shapes import Described, Kind, Optional, Wrong, nested

ROOT = "/api/v2/"
MOST_JSON = 8 * 2**20
"""Bytes of a body of JSON: a push names all jobs of a request."""

NOT_JSON = "JSON parse error - the body is not JSON in UTF-8."

Values = Mapping[str, str]


@dataclass(frozen=True)
class Call:
    """One call of an endpoint: `thing` is what its address names, `query` and `body` hold what was sent, read and checked."""

    thing: Any
    caller: Caller
    query: Mapping[str, Any]
    body: Any

    @property
    def backend(self) -> Backend:
        """The backend that calls, of an endpoint that only backends call."""
        if self.caller.backend is None:
            raise LookupError("no backend calls here")
        return self.caller.backend

    @property
    def person(self) -> User:
        """The person who calls, or for whom a backend does, of an endpoint that nobody else calls."""
        if self.caller.person is None:
            raise LookupError("no person calls here")
        return self.caller.person


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers with a status: `what` it tells, the JSON of it (None: an empty body), or bytes of a media type."""

    what: str
    schema: Described | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it was declared. `raw`: the body is bytes of this media type, which the endpoint itself takes."""

    method: str
    path: str
    answer: Callable[[Call], Response]
    caller: CallerKind
    answers: Mapping[int, Answer]
    thing: Callable[[Values], Any] | None = None
    body: Kind | None = None
    query: Mapping[str, Kind] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str = ""

    @property
    def name(self) -> str:
        """What the endpoint is called."""
        return self.answer.__name__


class Endpoints:
    """The endpoints of one topic, and their routes."""

    def __init__(self, topic: str) -> None:
        self.routes = Routes(topic)
        self.all: list[Endpoint] = []

    def __call__(self, method: str, path: str, **declared: Any) -> Any:
        """Decorator: `path` below `/api/v2/` is answered by this function; `declared` are the further fields of `Endpoint`."""

        def add(answer: Callable[[Call], Response]) -> Callable[[Call], Response]:
            endpoint = Endpoint(method, path, answer, **declared)
            self.all.append(endpoint)
            self.routes(ROOT + path, needs=ANYONE, side="public", methods=(method,))(_view(endpoint))
            return answer

        return add


def answer(data: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of this data as JSON; without any, an empty one."""
    response = Response(b"", mimetype="text/plain") if data is None else jsonify(data)
    response.status_code = status
    response.headers.update(headers or {})
    return response


def _view(endpoint: Endpoint) -> Callable[..., Response]:
    """What an address names is found before it is asked who calls, and what was sent is read last (specification 8.1)."""

    @functools.wraps(endpoint.answer)
    def view(**values: str) -> Response:
        try:
            thing = endpoint.thing(values) if endpoint.thing else None
            caller = endpoint.caller.identify(thing)
            return endpoint.answer(Call(thing, caller, _query(endpoint), _body(endpoint)))
        except Wrong as refusal:
            return answer(refusal.messages, 400)
        except Invalid as refusal:
            return answer(nested(refusal.fields), 400)

    return view


def _query(endpoint: Endpoint) -> dict[str, Any]:
    """The values of the query that can be used; the others are as if they had not been sent."""
    found: dict[str, Any] = {}
    for name, kind in endpoint.query.items():
        given = request.args.get(name, "")
        try:
            found[name] = kind.read(int(given) if given.isdecimal() and len(given) < 16 else given)
        except Wrong:
            found[name] = kind.instead if isinstance(kind, Optional) else None
    return found


def _body(endpoint: Endpoint) -> Any:
    if endpoint.body is None:
        return None
    if request.mimetype and request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise UnsupportedMediaType
    request.max_content_length = MOST_JSON
    return endpoint.body.read(_json(request.get_data(cache=False)))


def _json(data: bytes) -> Any:
    """The JSON in a body. Half a character is none, though Python would take it: nothing could show or store it."""
    if len(data) > MOST_JSON:
        raise RequestEntityTooLarge
    try:
        read = json.loads(data.decode("utf-8"))
        if b"\\u" in data:
            json.dumps(read, ensure_ascii=False).encode("utf-8")
        return read
    except (ValueError, RecursionError):
        raise Invalid({"detail": NOT_JSON}) from None
