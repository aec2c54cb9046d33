"""Jobs for people with a personal token: ask for them, see how they stand, cancel them. The documents are those of the
commands `request`, `jobs` and `cancel`; no log and no name of an output is among them."""

from collections.abc import Mapping

from flask import Response

from jobsite.accounts.web import limits
from jobsite.jobs.actions import cancel
from jobsite.jobs.asking import Order, ask, wish_of
from jobsite.jobs.documents import cancelled_json, listed_json, newest_jobs, request_json
from jobsite.jobs.models import JobRequest
from jobsite.jobs.queries import job_named, whole_request
from jobsite.jobs.run_forms import MOST_ACTIONS
from jobsite.projects.queries import permissions_in
from jobsite.sync.api.callers import PERSON
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.shapes import Flag, Many, Optional, Shape, Text, described
from jobsite.sync.api.things import workspace_of

api = Endpoints("api")

_LIMIT = "requests per person"

ORDER = Shape(
    {
        "requested_actions": Many(Text(), most=MOST_ACTIONS, fewest=1),
        "backend": Optional(Text(blank=True), ""),
        "ref": Optional(Text(blank=True), ""),
        "force_run_dependencies": Optional(Flag(), False),
        "dry_run": Optional(Flag(), False),
        "key": Optional(Text(64, blank=True), ""),
    }
)

_OR_NULL = {"type": ["string", "null"]}
_FACTS = {"identifier": str, "action": str, "status": str, "status_code": str, "status_message": str}
_REQUEST = described(
    id={"type": ["integer", "null"]},
    identifier=_OR_NULL,
    status=_OR_NULL,
    status_message=str,
    jobs=[described(**_FACTS)],
    plan=[described(action=str, verdict=str, reason=str)],
)
_TIMES = {"created_at": str, "started_at": _OR_NULL, "completed_at": _OR_NULL}
_LISTED = {"type": "array", "items": described(request=int, workspace=str, **_FACTS, **_TIMES)}
_CANCELLED = described(id=int, identifier=str, cancelled=int, jobs=[described(cancelling=bool, **_FACTS)])
_SENTENCE = described(detail=str)


def request_of(values: Mapping[str, str]) -> JobRequest:
    """The request whose number, identifier or beginning of it stands in the address. Raises `NotFound`."""
    return whole_request(values["request"])


@api(
    "POST",
    "workspaces/<name>/requests/",
    caller=PERSON,
    thing=workspace_of,
    body=ORDER,
    answers={
        200: Answer("what would be done (`dry_run`)", _REQUEST),
        201: Answer("the request, its jobs as far as they are known, and what was decided", _REQUEST),
    },
)
def ask_for_jobs(call: Call) -> Response:
    """Ask for actions (or `run_all`) to be run in a workspace. What is sent again with the same `key` is one request."""
    whose, sent = f"user:{call.person.id}", call.body
    limits().check(_LIMIT, whose)
    actions, force = tuple(sent["requested_actions"]), sent["force_run_dependencies"]
    order = Order(actions, backend=sent["backend"], ref=sent["ref"], force=force, key=sent["key"])
    wish = wish_of(call.person, call.thing, order)
    limits().count(_LIMIT, whose)
    made, plan = ask(call.person, wish, dry_run=sent["dry_run"])
    return answer(request_json(made, plan.decisions, plan.nothing_to_do), 201 if made else 200)


@api(
    "GET",
    "requests/<request>/",
    caller=PERSON,
    thing=request_of,
    answers={200: Answer("the request and its jobs; `plan` is empty", _REQUEST)},
)
def show_request(call: Call) -> Response:
    """How a request and its jobs stand."""
    return answer(request_json(call.thing))


@api(
    "POST",
    "requests/<request>/cancel",
    caller=PERSON,
    thing=request_of,
    body=Shape({"jobs": Optional(Many(Text(), most=MOST_ACTIONS), [])}),
    answers={
        200: Answer("how many jobs are cancelled, or being cancelled", _CANCELLED),
        409: Answer("a job has just moved on", _SENTENCE),
    },
)
def cancel_jobs(call: Call) -> Response:
    """Cancel a request, or only the jobs that are named by action or identifier."""
    by, found = call.person, call.thing
    allowed = by.id == found.created_by_id or "job_cancel" in permissions_in(by, found.workspace.project_id)
    chosen = [job_named(found, name) for name in call.body["jobs"]] or None
    count = cancel(by=by, request=found, jobs=chosen, may_cancel=allowed)
    return answer(cancelled_json(found, count))


@api(
    "GET",
    "newest-jobs/",
    caller=PERSON,
    query={"active": Optional(Text(choices=("true",)), ""), "workspace": Optional(Text(), "")},
    answers={200: Answer("at most 1,000 jobs, newest first", _LISTED)},
)
def list_jobs(call: Call) -> Response:
    """The newest jobs: of one `workspace`, or only those that run or wait (`active=true`), where that is asked for."""
    wanted = newest_jobs(active=bool(call.query["active"]), workspace=call.query["workspace"])
    return answer([listed_json(job) for job in wanted])
