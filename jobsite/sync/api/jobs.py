"""What runners fetch and report: job requests, jobs, what a person may do, and how the actions of a workspace stand
(specification 9.2)."""

from flask import Response, request

from jobsite.accounts.contact import note_contact
from jobsite.jobs.reported import Report, report_jobs
from jobsite.releases.downloads import whole_address
from jobsite.sync.api.callers import ANYBODY, BACKEND, BACKEND_OR_ANYBODY
from jobsite.sync.api.endpoints import ROOT, Answer, Call, Endpoints, answer
from jobsite.sync.api.listing import active_requests, memberships_of, statuses_of
from jobsite.sync.api.shapes import (
    Anything,
    Many,
    Moment,
    Optional,
    OrNull,
    Shape,
    Text,
    Truth,
    Whole,
    described,
)
from jobsite.sync.api.things import user_of, workspace_if_any, workspace_of

api = Endpoints("api")

PAGE, MOST = 100, 1000
"""Requests of a page where nobody asks for a number; of any page."""

FLAGS = {"Flags": 'How the runner stands: JSON, flag name → `{"v": value, "ts": time}`.'}

# A report that is refused comes again as it is, and until it is taken nothing of its backend is seen to move. So what only
# tells more is never the reason: it is cut, or read as far as it can be. SQLite's 0 and 1 are what runners know as booleans.
REPORTS = Many(
    Shape(
        {
            "job_request_id": Text(),
            "identifier": Text(100),
            "action": Text(blank=True),
            "run_command": OrNull(Text(100_000, blank=True, cut=True), ""),
            "status": Text(50, blank=True),
            "status_code": Text(100, blank=True),
            "status_message": Text(10_000, blank=True, cut=True),
            "created_at": Moment(),
            "updated_at": OrNull(Moment()),
            "started_at": OrNull(Moment()),
            "completed_at": OrNull(Moment()),
            "trace_context": Optional(OrNull(Anything())),
            "metrics": Optional(OrNull(Anything())),
            "requires_db": Optional(Truth(), False),
        }
    ),
    most=10_000,
)

_TIME = {"type": "string", "format": "date-time"}
_REQUEST = described(
    identifier=str,
    backend=str,
    sha=str,
    force_run_dependencies=bool,
    requested_actions=[str],
    cancelled_actions=[str],
    created_by=str,
    created_at=_TIME,
    database_name={"const": "default"},
    project=str,
    orgs=[str],
    codelists_ok=bool,
    workspace=described(name=str, repo=str, branch=str, created_by=str, created_at=_TIME),
)
_LINK = {"type": ["string", "null"]}
_PAGE = described(count=int, next=_LINK, previous=_LINK, results=[_REQUEST])
_HELD = described(projects=[described(slug=str)], **{"global": [str]})


@api(
    "GET",
    "job-requests/",
    caller=BACKEND_OR_ANYBODY,
    query={"limit": Optional(Whole(1)), "offset": Optional(Whole(), 0), "backend": Optional(Text(), "")},
    headers=FLAGS,
    answers={200: Answer("active job requests, newest first", _PAGE)},
)
def job_requests(call: Call) -> Response:
    """The job requests that are active, newest first; a backend sees its own, all of them unless it asks for a page.

    `backend` has no effect: it is the token that says which.
    """
    backend = call.caller.backend
    if backend is not None:
        note_contact(by=backend, flags=request.headers.get("Flags"))
    limit = min(call.query["limit"] or (MOST if backend else PAGE), MOST)
    offset = call.query["offset"]
    count, results = active_requests(backend, limit=limit, offset=offset)
    following = _page(limit, offset + limit) if offset + limit < count else None
    before = _page(limit, max(offset - limit, 0)) if offset else None
    return answer({"count": count, "next": following, "previous": before, "results": results})


@api(
    "POST",
    "jobs/",
    caller=BACKEND,
    body=REPORTS,
    headers=FLAGS,
    answers={200: Answer("they are stored", described(status={"const": "success"}))},
)
def report(call: Call) -> Response:
    """All jobs of each request that is mentioned; those that are left out are removed. Repeating a report changes nothing."""
    note_contact(by=call.backend, flags=request.headers.get("Flags"))
    report_jobs(by=call.backend, reports=[Report(**one) for one in call.body])
    return answer({"status": "success"})


@api(
    "GET",
    "users/<username>/",
    caller=BACKEND,
    thing=user_of,
    answers={200: Answer("roles and permissions", described(permissions=_HELD, roles=_HELD))},
)
def user(call: Call) -> Response:
    """What a person may do, on the whole site and in each project: the names of permissions and roles, sorted."""
    return answer(memberships_of(call.thing))


@api(
    "GET",
    "workspaces/<name>/statuses/",
    caller=ANYBODY,
    thing=workspace_if_any,
    query={"backend": Optional(Text(), "")},
    answers={
        200: Answer("status by action", {"type": "object", "additionalProperties": {"type": "string"}}),
        404: Answer("there is no such workspace; the body is empty"),
    },
)
def statuses(call: Call) -> Response:
    """The status of the latest job of each action of a workspace, on one backend where `backend` names it."""
    if call.thing is None:
        return answer(status=404)
    return answer(statuses_of(call.thing, call.query["backend"] or ""))


@api(
    "GET",
    "workspaces/<name>/status",
    caller=ANYBODY,
    thing=workspace_of,
    answers={200: Answer("how it is released from", described(uses_new_release_flow={"const": True}))},
)
def release_flow(call: Call) -> Response:
    """That outputs of this workspace are released in the way described here; there is no other."""
    return answer({"uses_new_release_flow": True})


def _page(limit: int, offset: int) -> str:
    return whole_address(f"{ROOT}job-requests/?limit={limit}&offset={offset}")
