"""The controller: a site elsewhere has jobs run here, asks how they stand and cancels them (pipelines and jobs, appendix A).

A request that a site makes here is proved and planned as one that is fetched from a public side, and what is told of its jobs
is what would be reported there: no log, no name of an output.
"""

import functools
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Response, jsonify, request

from jobsite.accounts.models import Backend
from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.web import limits
from jobsite.core.api_errors import CONTROLLER
from jobsite.core.clock import now, wire
from jobsite.core.errors import Conflict, Invalid
from jobsite.core.web import ANYONE, Routes
from jobsite.core.wording import counted
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.refusals import refusal_in
from jobsite.jobs.reports import reports_of
from jobsite.jobs.taken import Order, cancel_taken, take
from jobsite.projects.repositories import RepositoryUnreachable
from jobsite.sync.api.callers import WRONG
from jobsite.sync.api.endpoints import MOST_JSON
from jobsite.sync.api.shapes import Shape, Wrong
from jobsite.sync.controller.bodies import CANCEL, CREATE, STATUS, order_in
from jobsite.sync.controller.models import ControllerToken
from jobsite.sync.controller.tokens import backend_for, site_with_token

routes = Routes("controller")

Told = tuple[dict[str, Any], int]
Endpoint = Callable[[ControllerToken, Any], Told]

METHODS = ("GET", "POST")
"""Those that every address takes, so that the wrong one of them is refused here and not led to another page."""

NO_JOBS, OTHER, BAD = "Error creating jobs", "Inconsistent request data", "Validation error"
NOT_FOR_IT = "The token may not be used for this backend"


class _Refused(Exception):
    """A call that is refused: the status, in a word why, and the details."""

    def __init__(self, status: int, error: str, details: str, **more: Any) -> None:
        super().__init__(details)
        self.told, self.status = {"error": error, "details": details, **more}, status


def _endpoint(path: str, method: str, body: Shape | None = None) -> Callable[[Endpoint], Endpoint]:
    """Decorator: this function answers at `path` who has a token, with the body that was read."""

    def add(answer: Endpoint) -> Endpoint:
        @functools.wraps(answer)
        def view() -> Response:
            try:
                if request.method != method:
                    raise _Refused(405, "Method not allowed", f"This is asked by {method}")
                told, status = answer(_caller(), _body(body) if body else None)
            except _Refused as refused:
                told, status = refused.told, refused.status
            response = jsonify(told)
            response.status_code = status
            if status == 405:
                response.headers["Allow"] = method
            return response

        routes(f"{CONTROLLER}v1/{path}", needs=ANYONE, side="secure", methods=METHODS)(view)
        return answer

    return add


@_endpoint("backend/status/", "GET")
def backend_status(site: ControllerToken, body: None) -> Told:
    """How the backends stand that the token is for."""
    found = (backend_for(site, slug) for slug in site.backends)
    return {"backends": [_status(backend) for backend in found if backend]}, 200


@_endpoint("rap/create/", "POST", CREATE)
def create(site: ControllerToken, body: dict[str, Any]) -> Told:
    """Have jobs made of a request. The same request again changes nothing."""
    backend = backend_for(site, body["backend"])
    if backend is None:
        raise _Refused(400, NO_JOBS, NOT_FOR_IT)
    try:
        order = order_in(body)
    except Invalid as refusal:
        raise _Refused(400, BAD, f"Invalid request body received: {refusal}") from None
    known = _consistent(order, backend)
    made = _taken(order, backend)
    if made.status == "failed" and not made.jobs_total:
        raise _Refused(400, NO_JOBS, refusal_in(made.status_message).sentence)
    told: dict[str, Any] = {"rap_id": made.identifier, "count": made.jobs_total}
    if made.status == "nothing_to_do":
        return {"result": "Nothing to do", "details": made.status_message, **told}, 200
    if known:
        return {"result": "No change", "details": "Jobs were created for this request before", **told}, 200
    return {"result": "Success", "details": f"{counted(made.jobs_total, 'job')} created", **told}, 201


@_endpoint("rap/cancel/", "POST", CANCEL)
def cancel(site: ControllerToken, body: dict[str, Any]) -> Told:
    """Cancel actions of a request; one that it has not refuses all of them."""
    rap_id = body["rap_id"]
    found = next(iter(_requests(site, [rap_id])), None)
    if found is None:
        raise _Refused(404, "jobs not found", "There are no jobs of this request", rap_id=rap_id)
    there = {action for (action,) in Job.select(Job.action).where(Job.job_request == found).tuples()}
    missing = [one for one in dict.fromkeys(body["actions"]) if one not in there]
    if missing:
        raise _Refused(
            404, "jobs not found", "The request has no such actions", rap_id=rap_id, not_found=missing
        )
    count = cancel_taken(found, set(body["actions"]))
    return {"result": "Success", "details": f"{counted(count, 'action')} cancelled", "count": count}, 200


@_endpoint("rap/status/", "POST", STATUS)
def rap_status(site: ControllerToken, body: dict[str, Any]) -> Told:
    """How the jobs of requests stand. A request of a backend that the token is not for is not recognised."""
    wanted = list(dict.fromkeys(body["rap_ids"]))
    found = {one.identifier: one for one in _requests(site, wanted)}
    jobs = [_job(one, report) for one in found.values() for report in reports_of(one, now())]
    return {"jobs": jobs, "unrecognised_rap_ids": [one for one in wanted if one not in found]}, 200


def _caller() -> ControllerToken:
    token = request.headers.get("Authorization", "").strip()
    if not token:
        raise _Refused(401, "Unauthorized", "No token provided")
    if (site := site_with_token(token)) is not None:
        return site
    where = neighbourhood(request.remote_addr or "")
    limits().count(WRONG, where)
    limits().check(WRONG, where)
    raise _Refused(401, "Unauthorized", "Invalid token")


def _body(shape: Shape) -> Any:
    request.max_content_length = MOST_JSON
    data = request.get_data(cache=False)
    try:
        sent = json.loads(data.decode("utf-8"))
        json.dumps(sent, ensure_ascii=False).encode("utf-8")  # half a character is none
    except (ValueError, RecursionError):
        raise _Refused(400, BAD, "could not parse JSON from request body") from None
    try:
        return shape.read(sent)
    except Wrong as refusal:
        said = json.dumps(refusal.messages)[:1000]
        raise _Refused(400, BAD, f"Invalid request body received: {said}") from None


def _consistent(order: Order, backend: Backend) -> bool:
    """Whether this very request is here already. Raises `_Refused` when another is, under its identifier."""
    made = JobRequest.get_or_none(JobRequest.identifier == order.identifier)
    if made is None:
        return False
    if made.backend_id != backend.id or set(made.requested_actions) != set(order.actions):
        raise _Refused(400, OTHER, "There is another request of this id")
    return True


def _taken(order: Order, backend: Backend) -> JobRequest:
    try:
        return take(order, backend)
    except Conflict:
        raise _Refused(400, OTHER, "There is another request of this id") from None
    except Invalid as refusal:
        raise _Refused(400, OTHER, str(refusal)) from None
    except RepositoryUnreachable:
        raise _Refused(400, NO_JOBS, "The repository could not be reached. Ask again later.") from None


def _requests(site: ControllerToken, identifiers: list[str]) -> list[JobRequest]:
    """Those of these requests that are here and of backends that the token is for. One query."""
    rows = JobRequest.select(JobRequest, Backend).join(Backend)
    return list(rows.where(JobRequest.identifier.in_(identifiers), Backend.slug.in_(site.backends)))


def _job(made: JobRequest, report: dict[str, Any]) -> dict[str, Any]:
    """A job as the interface has it."""
    kept = {name: value for name, value in report.items() if name != "job_request_id"}
    objects = {name: kept[name] or {} for name in ("trace_context", "metrics")}
    return {**kept, **objects, "rap_id": made.identifier, "backend": made.backend.slug}


def _status(backend: Backend) -> dict[str, Any]:
    kind = "manual" if backend.is_maintenance_manual else "scheduled"
    is_in = backend.is_in_maintenance_mode
    return {
        "slug": backend.slug,
        "last_seen": wire(now()),
        "paused": _flag(backend.is_paused, backend.paused_since),
        "db_maintenance": _flag(is_in, backend.maintenance_since) | {"type": kind if is_in else None},
    }


def _flag(is_on: bool, since: datetime | None) -> dict[str, str | None]:
    return {"status": "on" if is_on else "off", "since": wire(since)}


WITHOUT_FORMS = tuple(f"{__name__}.{one.__name__}" for one in (backend_status, create, cancel, rap_status))
"""The views that no form of a page is sent to: a token protects them."""
