"""Calls of programs below `/controller/` and `/agent/`: answered with JSON, refused with an `error` and its `details`
(pipelines and jobs, appendices A and B)."""

import functools
import json
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.web import limits
from jobsite.core.web import ANYONE, Routes
from jobsite.sync.api.callers import WRONG

Told = tuple[dict[str, Any], int]

METHODS = ("GET", "POST")
"""Those that every address takes, so that the wrong one of them is refused here and not led to another page."""


class RefusedCall(Exception):
    """A call that is refused: the status, in a word why, and the details."""

    def __init__(self, status: int, error: str, details: str, **more: Any) -> None:
        super().__init__(details)
        self.told, self.status = {"error": error, "details": details, **more}, status


def endpoint(routes: Routes, path: str, method: str) -> Callable[[Callable[..., Told]], Callable[..., Told]]:
    """Decorator: this function answers at `path`, with JSON and a status, or raises `RefusedCall`."""

    def add(answer: Callable[..., Told]) -> Callable[..., Told]:
        @functools.wraps(answer)
        def view(**values: str) -> Response:
            try:
                if (request.method if request.method != "HEAD" else "GET") != method:
                    raise RefusedCall(405, "Method not allowed", f"This is asked by {method}")
                told, status = answer(**values)
            except RefusedCall as refused:
                told, status = refused.told, refused.status
            response = jsonify(told)
            response.status_code = status
            if status == 405:
                response.headers["Allow"] = method
            return response

        routes(path, needs=ANYONE, side="secure", methods=METHODS)(view)
        return answer

    return add


def token_given() -> str:
    """The token of the call, as it is in its header. Raises `RefusedCall` where there is none."""
    token = request.headers.get("Authorization", "").strip()
    if not token:
        raise RefusedCall(401, "Unauthorized", "No token provided")
    return token


def wrong_token(details: str) -> RefusedCall:
    """The refusal of a token that is none, which counts against its address. Raises `TooMany` after too many."""
    where = neighbourhood(request.remote_addr or "")
    limits().count(WRONG, where)
    limits().check(WRONG, where)
    return RefusedCall(401, "Unauthorized", details)


def json_in(text: str | bytes) -> Any:
    """The value of a JSON text. Half a character is none: nothing could show or store it. Raises ValueError."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return value
