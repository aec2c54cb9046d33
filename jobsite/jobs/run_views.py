"""The run-jobs page: choose actions, see what will happen, submit."""

from typing import Any

from flask import Response, current_app, flash, request
from flask_login import current_user
from htmx_flask import request as htmx_request

from jobsite.core.errors import Denied, Invalid
from jobsite.core.queue import nudge
from jobsite.core.web import Routes, page, redirect_here, see
from jobsite.jobs.actions import submit
from jobsite.jobs.run_forms import read_answers
from jobsite.jobs.run_queries import RunPage, refusals, run_page, wish_of, with_errors
from jobsite.jobs.tasks import check_codelists
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspace_or_stop
from jobsite.projects.rules import why_not_run_jobs
from jobsite.projects.tasks import refresh_repository

routes = Routes("run")

BOTH = ("GET", "POST")
NEED_PIPELINE = ("plan", "actions", "run-form", "codelists")
FRAGMENTS = (*NEED_PIPELINE, "freshness")
SCHEDULED = "Requested actions have been scheduled to run."


@routes("/<name>/run-jobs/", needs="job_run", side="public", methods=BOTH)
def run_jobs(name: str) -> Response:
    return _answer(workspace_or_stop(name, "job_run"), "")


@routes("/<name>/run-jobs/<path:ref>/", needs="job_run", side="public", methods=BOTH)
def run_jobs_at(name: str, ref: str) -> Response:
    return _answer(workspace_or_stop(name, "job_run"), ref)


def _answer(workspace: Workspace, ref: str) -> Response:
    if why_not := why_not_run_jobs(
        workspace.permissions, is_archived=workspace.is_archived, has_backend=True
    ):
        flash(why_not, "warn")
        return redirect_here(f"/{workspace.name}/")
    if typed := request.args.get("ref", "").strip():
        return see("run.run_jobs_at", name=workspace.name, ref=typed)
    answers = read_answers(request.values)
    submits = request.method == "POST" and not answers.wants_page
    shown = run_page(current_user, workspace, ref, answers, asks=submits)
    if shown.codelists.due and shown.study.definition:
        nudge(check_codelists, workspace.repo_id, shown.study.definition.commit)
    if submits:
        return _submit(shown)
    if shown.copy and shown.copy.asks:
        nudge(refresh_repository, workspace.repo_id)
    return _show(shown, status=404 if ref and shown.study.asked_badly and request.method == "GET" else 200)


def _submit(shown: RunPage) -> Response:
    """Submit what is chosen, or show the form again with every reason against it beside its field."""
    if errors := refusals(shown):
        return _show(with_errors(shown, errors), status=422)
    limits, person = current_app.extensions["jobsite.limits"], f"user:{current_user.id}"
    limits.check("requests per person", person)
    try:
        made, _ = submit(by=current_user, wish=wish_of(current_user, shown))
    except Invalid as refusal:
        return _show(with_errors(shown, refusal.fields), status=422)
    except Denied as refusal:
        return _show(with_errors(shown, {"backend": str(refusal)}), status=422)
    limits.count("requests per person", person)
    flash(made.status_message or SCHEDULED, "info" if made.status_message else "good")
    if shown.study.left_behind:
        flash(shown.study.left_behind, "info")
    return redirect_here(f"/{shown.workspace.name}/{made.id}/")


def _show(shown: RunPage, *, status: int) -> Response:
    target = htmx_request.htmx.target if htmx_request.htmx else None
    if target in NEED_PIPELINE and not shown.study.runs:
        return redirect_here(request.path)
    data: dict[str, Any] = {"run": shown, "workspace": shown.workspace, "study": shown.study}
    data["chosen_anew"] = target == "plan" and htmx_request.htmx.trigger == "run-form"
    return page("run/run.html", fragments=FRAGMENTS, status=status, **data)
