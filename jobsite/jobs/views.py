"""The pages of job requests and jobs, their lists, and the home page."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Response, abort, flash, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from jobsite.accounts.queries import user_or_stop
from jobsite.core.errors import Denied, NotFound, require
from jobsite.core.web import ANYONE, CONTENT_POLICY, LOGIN, Routes, page, see
from jobsite.jobs import actions, code_compare, queries
from jobsite.jobs.export import CONTENT_TYPES, exported
from jobsite.jobs.job_page import job_page
from jobsite.jobs.listing import CANCELLED, RequestRow, all_requests, filters_in, page_in, requests_page
from jobsite.jobs.request_page import request_page
from jobsite.jobs.rules import REQUEST_STATUSES, why_not_cancel
from jobsite.projects.queries import org_or_stop, project_or_stop, workspace_or_stop

routes = Routes("jobs")

NUMBER = "<int(max=9007199254740991):number>"
"""The number of a request in an address; a larger one is no number of a row."""

REQUEST_REGIONS = ("live", "status", "notices", "controls", "progress", "timeline", "announce")
PIPELINE = ("pipeline-picture", "pipeline-table")
"""Sent again only when a state changed: a large picture is dear, and a reader may have scrolled in it."""
JOB_REGIONS = ("live", "status", "notices", "controls", "announce")
ONLY_THEIRS = why_not_cancel(active=True, already_asked=False, may_cancel=False)

NOT_THEIRS = "Only people with a role see what changed in the code between two requests."


@routes("/event-log/", needs=ANYONE)
def event_log() -> Response:
    return _list("Event log", "event-log", wide=True)


@routes("/event-list/", needs=ANYONE)
def event_list() -> ResponseReturnValue:
    return _to_event_log()


@routes("/jobs/", needs=ANYONE)
def all_jobs() -> ResponseReturnValue:
    return _to_event_log()


@routes("/<name>/logs/", needs=ANYONE)
def workspace_logs(name: str) -> Response:
    workspace = workspace_or_stop(name)
    return _list(f"Logs of {workspace.name}", f"{workspace.name}-logs", workspace=workspace)


@routes("/projects/<slug>/logs/", needs=ANYONE)
def project_logs(slug: str) -> Response:
    project = project_or_stop(slug)
    return _list(f"Logs of {project.name}", f"{project.slug}-logs", project=project, wide=True)


@routes("/orgs/<slug>/logs/", needs=ANYONE)
def org_logs(slug: str) -> Response:
    org = org_or_stop(slug)
    return _list(f"Logs of {org.name}", f"{org.slug}-logs", wide=True, fixed={"org": org.slug})


@routes("/users/<username>/logs/", needs=ANYONE)
def person_logs(username: str) -> Response:
    person = user_or_stop(username)
    name = person.username
    return _list(f"Logs of {person.fullname}", f"{name}-logs", wide=True, fixed={"username": name})


@routes(f"/job-requests/{NUMBER}/", needs=ANYONE)
def request_link(number: int) -> ResponseReturnValue:
    found = queries.whole_request(str(number))
    if found.id != number:
        raise NotFound(f"There is no job request {number}.")
    return redirect(url_for("jobs.show_request", name=found.workspace.name, number=found.id))


@routes("/jobs/<identifier>/", needs=ANYONE)
def job_link(identifier: str) -> ResponseReturnValue:
    return redirect(_address(queries.whole_job(identifier)))


@routes(f"/<name>/{NUMBER}/", needs=ANYONE)
def show_request(name: str, number: int) -> Response:
    workspace = workspace_or_stop(name)
    found = queries.request_in(workspace, number)
    view = request_page(found, workspace, current_user)
    seen = request.args.get("seen", "")
    regions = REQUEST_REGIONS if seen == view.seen else REQUEST_REGIONS + PIPELINE
    data: dict[str, Any] = {"view": view, "workspace": workspace, "announce": view.news(seen)}
    return page("jobs/request.html", fragments=regions, **data)


@routes(f"/<name>/{NUMBER}/project.yaml", needs=ANYONE)
def project_file(name: str, number: int) -> Response:
    found = queries.request_in(workspace_or_stop(name), number)
    headers = {"Content-Security-Policy": CONTENT_POLICY}
    return Response(found.project_file.text, headers=headers, content_type="text/plain; charset=utf-8")


@routes(f"/<name>/{NUMBER}/compare/{NUMBER.replace('number', 'older')}/", needs=LOGIN)
def compare_code(name: str, number: int, older: int) -> Response:
    workspace = workspace_or_stop(name)
    newer, before = queries.request_in(workspace, number), queries.request_in(workspace, older)
    require(None if workspace.permissions or workspace.is_member else NOT_THEIRS)
    url, pair = workspace.repo.url, (before.commit, newer.commit)
    return page(
        "jobs/compare.html",
        workspace=workspace,
        older=before,
        newer=newer,
        changes=code_compare.changes(url, *pair),
        commits=code_compare.commits(url, *pair),
        address=code_compare.compare_address(workspace.repo, *pair),
        most=code_compare.MOST_FILES,
    )


@routes(f"/<name>/{NUMBER}/cancel/", needs=LOGIN, methods=("GET", "POST"))
def cancel_request(name: str, number: int) -> Response:
    workspace = workspace_or_stop(name)
    found = queries.request_in(workspace, number)
    view = request_page(found, workspace, current_user)
    require(None if view.may_cancel else ONLY_THEIRS)
    if request.method == "GET":
        return page("jobs/cancel.html", view=view, workspace=workspace, job=None)
    _cancel(found, None, "The requested actions have been cancelled.")
    return see("jobs.show_request", name=name, number=number)


@routes(f"/<name>/{NUMBER}/<identifier>/", needs=ANYONE)
def show_job(name: str, number: int, identifier: str) -> ResponseReturnValue:
    workspace = workspace_or_stop(name)
    job, attempts = queries.job_in(workspace, number, identifier)
    if job.identifier != identifier:
        return redirect(_address(job))
    view = job_page(job, attempts, current_user)
    data: dict[str, Any] = {
        "view": view,
        "workspace": workspace,
        "announce": view.news(request.args.get("seen", "")),
    }
    return page("jobs/job.html", fragments=JOB_REGIONS, level4=view.may_read_log, **data)


@routes(f"/<name>/{NUMBER}/<identifier>/cancel/", needs=LOGIN, methods=("GET", "POST"))
def cancel_job(name: str, number: int, identifier: str) -> Response:
    workspace = workspace_or_stop(name)
    job, _ = queries.job_in(workspace, number, identifier)
    allowed = queries.may_cancel(job.job_request, workspace, current_user)
    require(None if allowed else ONLY_THEIRS)
    if request.method == "GET":
        view = request_page(job.job_request, workspace, current_user)
        return page("jobs/cancel.html", view=view, workspace=workspace, job=job)
    _cancel(job.job_request, [job], f'Your request to cancel "{job.action}" was successful')
    return see("jobs.show_job", name=name, number=number, identifier=job.identifier)


def _to_event_log() -> ResponseReturnValue:
    """301 from an old address, with its filters."""
    query = request.query_string.decode("ascii", "ignore")
    return redirect(url_for("jobs.event_log") + (f"?{query}" if query else ""), 301)


def _cancel(found: Any, jobs: list[Any] | None, sentence: str) -> None:
    """Ask for the end, and say how that went: a job that has just finished is no error."""
    by = current_user._get_current_object()
    try:
        actions.cancel(by=by, request=found, jobs=jobs, may_cancel=True)
    except Denied as refusal:
        flash(str(refusal), "warn")
    else:
        flash(sentence, "good")


def _address(job: Any) -> str:
    request_of = job.job_request
    name = job.workspace.name
    return url_for("jobs.show_job", name=name, number=request_of.id, identifier=job.identifier)


def _list(
    title: str, name: str, *, wide: bool = False, fixed: Mapping[str, Any] = {}, **scope: Any
) -> Response:
    """A list of requests as a page, or as the file asked for: of all, of one workspace or project, or with `fixed`
    filters, which the reader cannot take off.
    """
    asked = filters_in(request.args)
    filters = replace(asked, **fixed)
    if request.args.get("format"):
        return _file(name, all_requests(filters, **scope))
    listing = requests_page(filters, page_in(request.args), **scope)
    if listing.number > 1 and not listing.rows:
        abort(404)
    return page(
        "jobs/logs.html",
        fragments=("requests", "notices"),
        title=title,
        listing=listing,
        statuses=(*REQUEST_STATUSES, CANCELLED),
        live=any(row.request.is_active for row in listing.rows),
        wide=wide,
        fixed=fixed,
        narrowed=bool(asked),
        **{"workspace": None, "project": None, **scope},
    )


def _file(name: str, rows: Iterator[RequestRow]) -> Response:
    """The list as a download that is made while it is sent."""
    kind = request.args["format"]
    pieces = stream_with_context(exported(kind, rows))
    disposition = f'attachment; filename="{name}.{kind}"'
    return Response(pieces, headers={"Content-Disposition": disposition}, content_type=CONTENT_TYPES[kind])
