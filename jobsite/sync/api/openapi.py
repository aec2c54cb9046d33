"""The OpenAPI 3.1 document of the interface, made from the declarations of its endpoints; and its table for people."""

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jobsite.sync.api.callers import SCHEMES
from jobsite.sync.api.endpoints import ROOT, Answer, Endpoint
from jobsite.sync.api.shapes import Optional, described

_PLACE = re.compile(r"<(?:([a-z]+)(?:\([^)]*\))?:)?([a-z_]+)>")
_REFUSED = described(detail=str)
_ERRORS = {
    403: "Who calls is not known, or may not do this.",
    404: "What the address names is not here.",
    409: "Somebody was quicker.",
    429: "Too many calls; `Retry-After` says for how many seconds to wait.",
    503: "The database cannot be used at the moment.",
}
_WITH_BODY = {
    400: "The body cannot be used: `detail`, or sentences by field, items of lists by their index.",
    413: "The body is too large.",
    415: "The body is not JSON.",
}


def document(endpoints: Iterable[Endpoint], *, site: str, version: str) -> dict[str, Any]:
    """The document of these endpoints, for the site of this address."""
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(_PLACE.sub(r"{\2}", ROOT + one.path), {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jobsite",
            "version": version,
            "description": "The programming interface of the public side. Times are UTC, errors are JSON with `detail` or fields.",
        },
        "servers": [{"url": site or "/"}],
        "paths": paths,
        "components": {"securitySchemes": {name: _scheme(*parts) for name, parts in SCHEMES.items()}},
    }


def table(endpoints: Iterable[Endpoint]) -> str:
    """The endpoints as a table of Markdown: method and address, who calls, what it does."""
    ordered = sorted(endpoints, key=lambda one: (one.path, one.method))
    rows = [f"| `{one.method} {_shown(one.path)}` | {one.caller.what} | {_summary(one)} |" for one in ordered]
    return "\n".join(["| endpoint | called by | what it does |", "|---|---|---|", *rows])


def _shown(path: str) -> str:
    return _PLACE.sub(r"⟨\2⟩", path)


def _operation(one: Endpoint) -> dict[str, Any]:
    operation = {
        "operationId": one.name,
        "summary": _summary(one),
        "security": [dict(way) for way in one.caller.security],
        "parameters": _parameters(one),
        "responses": _responses(one),
    }
    if one.body is not None:
        operation["requestBody"] = _content("application/json", one.body.schema()) | {"required": True}
    if one.raw:
        operation["requestBody"] = _content(one.raw, {"type": "string", "format": "binary"}) | {
            "required": True
        }
    return operation


def _summary(one: Endpoint) -> str:
    return " ".join((inspect.getdoc(one.answer) or one.name).split())


def _parameters(one: Endpoint) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _of_converter(kind)}
        for kind, name in _PLACE.findall(one.path)
    ]
    for name, kind in one.query.items():
        inner = kind.kind if isinstance(kind, Optional) else kind
        found.append({"name": name, "in": "query", "required": False, "schema": inner.schema()})
    for name, what in one.headers.items():
        found.append(
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": what,
                "schema": {"type": "string"},
            }
        )
    return found


def _of_converter(kind: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string", "pattern": "^[^/]+$"}


def _responses(one: Endpoint) -> dict[str, Any]:
    refusals = {**_ERRORS, **(_WITH_BODY if one.body is not None or one.raw else {})}
    if one.thing is None:
        del refusals[404]
    found = {str(status): _answer(answer) for status, answer in one.answers.items()}
    for status, what in refusals.items():
        schema = {"type": "object"} if status == 400 else _REFUSED
        found.setdefault(str(status), {"description": what} | _content("application/json", schema))
    return dict(sorted(found.items()))


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.what}
    if answer.headers:
        told["headers"] = {
            name: {"description": what, "schema": {"type": "string"}} for name, what in answer.headers.items()
        }
    if answer.schema is not None:
        return told | _content(answer.media_type, answer.schema)
    return told | (_content(answer.media_type, {}) if answer.media_type != "application/json" else {})


def _content(media_type: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": {media_type: {"schema": dict(schema)}}}


def _scheme(place: str, name: str, what: str) -> dict[str, str]:
    return {"type": "apiKey", "in": place, "name": name, "description": what}
