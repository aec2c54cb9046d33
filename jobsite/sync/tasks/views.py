"""The interface of agents: they fetch the tasks of their backend and tell how these go (pipelines and jobs, appendix B)."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request

from jobsite.accounts.contact import note_contact
from jobsite.accounts.models import Backend
from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.web import limits
from jobsite.core.api_errors import AGENT
from jobsite.core.web import ANYONE, Routes
from jobsite.sync.api.callers import WRONG
from jobsite.sync.tasks.listing import active_tasks
from jobsite.sync.tasks.tokens import backend_with_agent, is_token_of
from jobsite.sync.tasks.updates import Unusable, take_update, update_in

routes = Routes("agent")

Told = tuple[dict[str, Any], int]

METHODS = ("GET", "POST")
"""Those that every address takes, so that the wrong one of them is refused here and not led to another page."""

log = logging.getLogger("jobsite.agents")


class _Refused(Exception):
    """A call that is refused: the status, in a word why, and the details."""

    def __init__(self, status: int, error: str, details: str) -> None:
        super().__init__(details)
        self.told, self.status = {"error": error, "details": details}, status


def _endpoint(path: str, method: str) -> Callable[[Callable[..., Told]], Callable[..., Told]]:
    """Decorator: this function answers at `path`."""

    def add(answer: Callable[..., Told]) -> Callable[..., Told]:
        @functools.wraps(answer)
        def view(**values: str) -> Response:
            try:
                if (request.method if request.method != "HEAD" else "GET") != method:
                    raise _Refused(405, "Method not allowed", f"This is asked by {method}")
                told, status = answer(**values)
            except _Refused as refused:
                told, status = refused.told, refused.status
            response = jsonify(told)
            response.status_code = status
            if status == 405:
                response.headers["Allow"] = method
            return response

        routes(f"{AGENT}{path}", needs=ANYONE, side="secure", methods=METHODS)(view)
        return answer

    return add


@_endpoint("", "GET")
def index() -> Told:
    """Say that there is somebody, to anybody."""
    return {"method": "GET"}, 200


@_endpoint("<backend>/tasks/", "GET")
def tasks(backend: str) -> Told:
    """The active tasks of the backend. That its agent asked is noted, and what it has fetched."""
    there = _backend(backend)
    note_contact(by=there, flags=None)
    return {"tasks": active_tasks(there)}, 200


@_endpoint("<backend>/task/update/", "POST")
def update(backend: str) -> Told:
    """Take what the agent tells of a task."""
    there = _backend(backend)
    try:
        take_update(there, update_in(request.form.get("payload", "")))
    except Unusable as problem:
        log.warning("the agent of %s sent an update that cannot be used: %s", there.slug, problem)
        return {"error": "Error updating task"}, 500
    return {"response": "Update successful"}, 200


def _backend(slug: str) -> Backend:
    """The backend of the address, for who has a token of its agent."""
    found = backend_with_agent(slug)
    if found is None:
        raise _Refused(404, "Not found", f"Backend '{slug}' not found")
    token = request.headers.get("Authorization", "").strip()
    if not token:
        raise _Refused(401, "Unauthorized", "No token provided")
    if is_token_of(found, token):
        return found
    where = neighbourhood(request.remote_addr or "")
    limits().count(WRONG, where)
    limits().check(WRONG, where)
    raise _Refused(401, "Unauthorized", f"Invalid token for backend '{slug}'")


WITHOUT_FORMS = tuple(f"{__name__}.{one.__name__}" for one in (index, tasks, update))
"""The views that no form of a page is sent to: a token protects them."""
