"""The steps of a request on pages of their own: submit, one's review, and those that need a reason."""

from typing import Any

from flask import Response, flash, request

from jobsite.accounts.signing_in import LoginFailed, NobodyAnswers
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound, Refused
from jobsite.core.limits import TooMany
from jobsite.core.web import Routes
from jobsite.outputs.access import LOOK
from jobsite.releases.desk import second_login
from jobsite.releases.desk.acts import STEP_VERBS, At, submit, submit_review
from jobsite.releases.desk.pages import answer, back, known, loaded, me, sent
from jobsite.releases.desk.steps import STEPS, Step
from jobsite.releases.desk.views import REQUEST
from jobsite.releases.requests import queries
from jobsite.releases.requests.pages import Overview
from jobsite.releases.requests.repeating import ahead
from jobsite.releases.requests.rules import CHECKLIST

routes = Routes("desk")

EARLY = ("SUBMITTED", "PARTIALLY_REVIEWED")


@routes(f"{REQUEST}-/submit/", needs=LOOK, side="secure")
def submit_page(request_id: str, refusal: Refused | None = None) -> Response:
    shown = loaded(queries.overview, request_id)
    data: dict[str, Any] = {"shown": shown, "checklist": CHECKLIST, "fields": {"checklist"}}
    return answer("requests/submit.html", shown.head, refusal=refusal, **data)


@routes(f"{REQUEST}-/submit/", needs=LOOK, side="secure", methods=("POST",))
def submit_request(request_id: str) -> Response:
    try:
        sent(At(me(), request_id, request.form), submit)
    except (Invalid, Denied, Conflict) as refusal:
        return submit_page(request_id, refusal)
    flash("The request has been submitted.", "good")
    return back("desk.show_request", "", request_id=request_id)


@routes(f"{REQUEST}-/my-review/", needs=LOOK, side="secure")
def my_review(request_id: str, refusal: Refused | None = None) -> Response:
    shown = loaded(queries.overview, request_id)
    return answer("requests/my_review.html", shown.head, refusal=refusal, shown=shown, fields=set())


@routes(f"{REQUEST}-/my-review/", needs=LOOK, side="secure", methods=("POST",))
def submit_my_review(request_id: str) -> Response:
    try:
        sent(At(me(), request_id, request.form), submit_review)
    except (Invalid, Denied, Conflict) as refusal:
        return my_review(request_id, refusal)
    flash("Your review has been submitted.", "good")
    return back("desk.show_request", "", request_id=request_id)


@routes(f"{REQUEST}-/<step>/", needs=LOOK, side="secure")
def show_step(request_id: str, step: str, refusal: Refused | None = None) -> Response:
    shown = loaded(queries.overview, request_id)
    asked = _step(step, shown.head.status)
    data: dict[str, Any] = {
        "shown": shown,
        "step": asked,
        "why_not": shown.head.why.get(asked.action),
        "blocked": shown.in_the_way.get(asked.action, ()),
        "released": _released(asked, shown),
        "changes": ahead(request_id, me()) if asked.action == "request_again" else (),
        "fields": {"token", *(ask.name for ask in asked.fields)},
        **second_login.needed_for(asked.action),
    }
    response = answer("requests/step.html", shown.head, refusal=refusal, **data)
    return second_login.let_forms_reach_providers(response) if data["old_login"] else response


@routes(f"{REQUEST}-/<step>/", needs=LOOK, side="secure", methods=("POST",))
def take_step(request_id: str, step: str) -> Response:
    asked = _step(step, known(request_id).request.status)
    if request.form.get("do") == second_login.LOG_IN:
        return _logged_in_again(request_id, step)
    name = next(name for name, one in STEPS.items() if one is asked)
    try:
        moved = sent(At(me(), request_id, request.form), STEP_VERBS[name])
    except (Invalid, Denied, Conflict) as refusal:
        return show_step(request_id, step, refusal)
    flash(asked.done, "good")
    return back("desk.show_request", "", request_id=moved.id)


def _logged_in_again(request_id: str, step: str) -> Response:
    try:
        second_login.log_in_again()
    except (LoginFailed, NobodyAnswers, TooMany, Denied) as refusal:
        return show_step(request_id, step, refusal)
    flash("You have logged in again.", "good")
    return back("desk.show_step", "", request_id=request_id, step=step)


def _step(name: str, status: str) -> Step:
    """The step of that address; a return before all reviews are in is an early one. Raises `NotFound`."""
    early = name == "return" and status in EARLY
    found = STEPS.get("return-early" if early else name)
    if found is None or name == "return-early":
        raise NotFound("A request has no such step.")
    return found


def _released(step: Step, shown: Overview) -> list[str]:
    """The files that can be recalled, where the step is that."""
    files = (file for group in shown.groups for file in group.files)
    return [file.path for file in files if file.released_at] if step.action == "recall" else []
