"""The controller: a site elsewhere has jobs run here, asks how they stand and cancels them (pipelines and jobs, appendix A).

A request that a site makes here is proved and planned as one that is fetched from a public side, and what is told of its jobs
is what would be reported there: no log, no name of an output.
"""

import json
from datetime import datetime
from typing import Any

from flask import request

from jobsite.accounts.models import Backend
from jobsite.core.api_errors import CONTROLLER
from jobsite.core.clock import now, wire
from jobsite.core.errors import Conflict, Invalid
from jobsite.core.web import Routes
from jobsite.core.wording import counted
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.refusals import refusal_in
from jobsite.jobs.reports import reports_of
from jobsite.jobs.taken import Order, cancel_taken, take
from jobsite.projects.repositories import RepositoryUnreachable
from jobsite.sync.api.endpoints import MOST_JSON
from jobsite.sync.api.shapes import Shape, Wrong
from jobsite.sync.calls import RefusedCall, Told, endpoint, json_in, token_given, wrong_token
from jobsite.sync.controller.bodies import CANCEL, CREATE, STATUS, order_in
from jobsite.sync.controller.models import ControllerToken
from jobsite.sync.controller.tokens import backend_for, site_with_token

routes = Routes("controller")

V1 = f"{CONTROLLER}v1/"
NO_JOBS, OTHER, BAD = "Error creating jobs", "Inconsistent request data", "Validation error"
NOT_FOR_IT = "The token may not be used for this backend"


@endpoint(routes, f"{V1}backend/status/", "GET")
def backend_status() -> Told:
    """How the backends stand that the token is for."""
    site = _caller()
    found = (backend_for(site, slug) for slug in site.backends)
    return {"backends": [_status(backend) for backend in found if backend]}, 200


@endpoint(routes, f"{V1}rap/create/", "POST")
def create() -> Told:
    """Have jobs made of a request. The same request again changes nothing."""
    site, body = _caller(), _body(CREATE)
    backend = backend_for(site, body["backend"])
    if backend is None:
        raise RefusedCall(400, NO_JOBS, NOT_FOR_IT)
    try:
        order = order_in(body)
    except Invalid as refusal:
        raise RefusedCall(400, BAD, f"Invalid request body received: {refusal}") from None
    known = _consistent(order, backend)
    made = _taken(order, backend)
    if made.status == "failed" and not made.jobs_total:
        raise RefusedCall(400, NO_JOBS, refusal_in(made.status_message).sentence)
    told: dict[str, Any] = {"rap_id": made.identifier, "count": made.jobs_total}
    if made.status == "nothing_to_do":
        return {"result": "Nothing to do", "details": made.status_message, **told}, 200
    if known:
        return {"result": "No change", "details": "Jobs were created for this request before", **told}, 200
    return {"result": "Success", "details": f"{counted(made.jobs_total, 'job')} created", **told}, 201


@endpoint(routes, f"{V1}rap/cancel/", "POST")
def cancel() -> Told:
    """Cancel actions of a request; one that it has not refuses all of them."""
    site, body = _caller(), _body(CANCEL)
    rap_id = body["rap_id"]
    found = next(iter(_requests(site, [rap_id])), None)
    if found is None:
        raise RefusedCall(404, "jobs not found", "There are no jobs of this request", rap_id=rap_id)
    there = {action for (action,) in Job.select(Job.action).where(Job.job_request == found).tuples()}
    missing = [one for one in dict.fromkeys(body["actions"]) if one not in there]
    if missing:
        raise RefusedCall(
            404, "jobs not found", "The request has no such actions", rap_id=rap_id, not_found=missing
        )
    count = cancel_taken(found, set(body["actions"]))
    return {"result": "Success", "details": f"{counted(count, 'action')} cancelled", "count": count}, 200


@endpoint(routes, f"{V1}rap/status/", "POST")
def rap_status() -> Told:
    """How the jobs of requests stand. A request of a backend that the token is not for is not recognised."""
    site, body = _caller(), _body(STATUS)
    wanted = list(dict.fromkeys(body["rap_ids"]))
    found = {one.identifier: one for one in _requests(site, wanted)}
    jobs = [_job(one, report) for one in found.values() for report in reports_of(one, now())]
    return {"jobs": jobs, "unrecognised_rap_ids": [one for one in wanted if one not in found]}, 200


def _caller() -> ControllerToken:
    site = site_with_token(token_given())
    if site is None:
        raise wrong_token("Invalid token")
    return site


def _body(shape: Shape) -> Any:
    request.max_content_length = MOST_JSON
    try:
        sent = json_in(request.get_data(cache=False).decode("utf-8"))
    except ValueError:
        raise RefusedCall(400, BAD, "could not parse JSON from request body") from None
    try:
        return shape.read(sent)
    except Wrong as refusal:
        said = json.dumps(refusal.messages)[:1000]
        raise RefusedCall(400, BAD, f"Invalid request body received: {said}") from None


def _consistent(order: Order, backend: Backend) -> bool:
    """Whether this very request is here already. Raises `RefusedCall` when another is, under its identifier."""
    made = JobRequest.get_or_none(JobRequest.identifier == order.identifier)
    if made is None:
        return False
    if made.backend_id != backend.id or set(made.requested_actions) != set(order.actions):
        raise RefusedCall(400, OTHER, "There is another request of this id")
    return True


def _taken(order: Order, backend: Backend) -> JobRequest:
    try:
        return take(order, backend)
    except Conflict:
        raise RefusedCall(400, OTHER, "There is another request of this id") from None
    except Invalid as refusal:
        raise RefusedCall(400, OTHER, str(refusal)) from None
    except RepositoryUnreachable:
        raise RefusedCall(400, NO_JOBS, "The repository could not be reached. Ask again later.") from None


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
