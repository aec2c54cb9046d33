"""The interface of agents: they fetch the tasks of their backend and tell how these go (pipelines and jobs, appendix B)."""

import logging

from flask import request

from jobsite.accounts.contact import note_contact
from jobsite.accounts.models import Backend
from jobsite.core.api_errors import AGENT
from jobsite.core.web import Routes
from jobsite.sync.calls import RefusedCall, Told, endpoint, token_given, wrong_token
from jobsite.sync.tasks.listing import active_tasks
from jobsite.sync.tasks.tokens import backend_with_agent, is_token_of
from jobsite.sync.tasks.updates import Unusable, take_update, update_in

routes = Routes("agent")

log = logging.getLogger("jobsite.agents")


@endpoint(routes, AGENT, "GET")
def index() -> Told:
    """Say that there is somebody, to anybody."""
    return {"method": "GET"}, 200


@endpoint(routes, f"{AGENT}<backend>/tasks/", "GET")
def tasks(backend: str) -> Told:
    """The active tasks of the backend. That its agent asked is noted, and what it has fetched."""
    there = _backend(backend)
    note_contact(by=there, flags=None)
    return {"tasks": active_tasks(there)}, 200


@endpoint(routes, f"{AGENT}<backend>/task/update/", "POST")
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
        raise RefusedCall(404, "Not found", f"Backend '{slug}' not found")
    if not is_token_of(found, token_given()):
        raise wrong_token(f"Invalid token for backend '{slug}'")
    return found


WITHOUT_FORMS = tuple(f"{__name__}.{one.__name__}" for one in (index, tasks, update))
"""The views that no form of a page is sent to: a token protects them."""
