"""What goes to the controller, and how its answers are read (specification 10.1)."""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from jobsite.core.clock import now
from jobsite.jobs.data_needs import allowed_in
from jobsite.jobs.models import JobRequest
from jobsite.jobs.reported import Report
from jobsite.projects.models import Organisation, Project, ProjectCollaboration
from jobsite.sync.api.shapes import Many, Moment, Optional, OrNull, Shape, Text, Truth, Wrong
from jobsite.sync.pushing.rules import measures_of, message_of, scope_of, trace_of

MOST_JOBS = 20_000
AHEAD = timedelta(hours=1)
"""A time that lies further ahead counts as now: the clock there is wrong."""

_JOB = Shape(
    {
        "rap_id": Text(16),
        "backend": Text(),
        "identifier": Text(100),
        "action": Text(),
        "run_command": OrNull(Text(100_000, blank=True), ""),
        "status": Text(50, blank=True),
        "status_code": OrNull(Text(100, blank=True), ""),
        "status_message": OrNull(Text(1_000_000, blank=True), ""),
        "created_at": Moment(),
        "updated_at": Optional(OrNull(Moment())),
        "started_at": Optional(OrNull(Moment())),
        "completed_at": Optional(OrNull(Moment())),
        "requires_db": Optional(Truth(), False),
    }
)
_FLAG = Shape({"status": Text(choices=("on", "off")), "since": Optional(OrNull(Moment()))})
_BACKEND = Shape(
    {
        "slug": Text(),
        "last_seen": Optional(OrNull(Moment())),
        "paused": _FLAG,
        "db_maintenance": Shape({**_FLAG.fields, "type": Optional(OrNull(Text(blank=True)))}),
    }
)
_IDS = Many(Text(100), most=10_000)

log = logging.getLogger("jobsite.controller")


def creation(request: JobRequest) -> dict[str, Any]:
    """What is sent to have jobs made of a request. A fixed number of queries."""
    workspace = request.workspace
    scope = scope_of(allowed_in(workspace))
    return {
        "rap_id": request.identifier,
        "backend": request.backend.slug,
        "workspace": workspace.name,
        "repo_url": workspace.repo.url,
        "branch": workspace.branch,
        "commit": request.commit,
        "database_name": "default",
        "requested_actions": request.requested_actions,
        "codelists_ok": request.codelists_ok,
        "force_run_dependencies": request.force_run_dependencies,
        "created_by": request.created_by.username,
        "project": workspace.project.slug,
        "orgs": _orgs(workspace.project),
    } | ({"analysis_scope": scope} if scope else {})


def jobs_in(told: dict[str, Any], asked: Collection[str]) -> list[tuple[str, Report]] | None:
    """The jobs of an answer that are of the requests that were asked for, each with the slug of its backend.

    A job that cannot be read is left out and noted, without what stands in it. None where there is no list of jobs.
    """
    jobs = told.get("jobs")
    if not isinstance(jobs, list) or len(jobs) > MOST_JOBS:
        return None
    found = [_job(one, asked) for one in jobs]
    if left_out := found.count(None):
        log.warning("the controller told of %s jobs that cannot be read, or that nobody asked for", left_out)
    return [one for one in found if one is not None]


def unrecognised_in(told: dict[str, Any], asked: Collection[str]) -> set[str]:
    """Those of the requests that were asked for that the controller does not know."""
    try:
        return set(_IDS.read(told.get("unrecognised_rap_ids"))) & set(asked)
    except Wrong:
        return set()


def standings_in(told: dict[str, Any]) -> list[dict[str, Any]]:
    """How backends stand, as far as that can be read. Raises `Wrong` where there is no list of them."""
    given = told.get("backends")
    if not isinstance(given, list):
        raise Wrong(["There is no list of backends."])
    return list(_readable(given))


def _readable(given: Iterable[Any]) -> Iterable[dict[str, Any]]:
    for one in given:
        try:
            yield _BACKEND.read(one)
        except Wrong:
            log.warning("the controller told of a backend what cannot be read")


def _job(given: Any, asked: Collection[str]) -> tuple[str, Report] | None:
    try:
        read = _JOB.read(given)
    except Wrong:
        return None
    if read["rap_id"] not in asked:
        return None
    for name in ("created_at", "updated_at", "started_at", "completed_at"):
        read[name] = _moment(read[name])
    read["status_message"] = message_of(read["status_code"], read["status_message"])
    read["trace_context"], read["metrics"] = (
        trace_of(given.get("trace_context")),
        measures_of(given.get("metrics")),
    )
    slug = read.pop("backend")
    return slug, Report(job_request_id=read.pop("rap_id"), **read)


def _moment(given: datetime | None) -> datetime | None:
    return now() if given and given > now() + AHEAD else given


def _orgs(project: Project) -> list[str]:
    rows = Organisation.select(Organisation.slug).join(ProjectCollaboration)
    rows = rows.where(ProjectCollaboration.project == project)
    lead_first = (ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    return [slug for (slug,) in rows.order_by(*lead_first).tuples()]
