"""Logging in again on the page of a release, in place, where the login is too old for it (specification 11, OC15)."""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, request

from jobsite.accounts import sessions, signing_in
from jobsite.accounts.rules import why_not_token_login
from jobsite.accounts.views import PROVIDERS
from jobsite.accounts.web import begin, limits
from jobsite.core.errors import require
from jobsite.core.web import PAGE_POLICY
from jobsite.releases.desk.pages import me
from jobsite.releases.requests.second_login import why_not_login
from jobsite.settings import current

LOG_IN = "log-in"
"""The value of `do` of its button."""


def needed_for(action: str) -> Mapping[str, Any]:
    """What the page of a step shows of it: why the login is too old, the ways to log in again. At most one query."""
    why = why_not_login(me()) if action == "approve" else None
    if why is None:
        return {"old_login": None}
    why_no_token = why_not_token_login(request.remote_addr or "", current().token_login_networks)
    ways = [(f"accounts.start_{key}", way.name()) for key, way in PROVIDERS.items() if way.name()]
    return {"old_login": why, "why_no_token": why_no_token, "ways": ways, "next": request.path}


def log_in_again() -> None:
    """Begin a new login of the same person with a single-use token; the old one ends.

    Raises `LoginFailed`, `NobodyAnswers`, `TooMany`, `Denied` where tokens are not taken.
    """
    require(why_not_token_login(request.remote_addr or "", current().token_login_networks))
    before, agent = me(), request.user_agent.string
    sign_in = current_app.extensions.get("jobsite.sign_in", signing_in.sign_in)
    person, token = sign_in(
        user=before.username,
        token=request.form.get("token", ""),
        address=request.remote_addr or "",
        limits=limits(),
        user_agent=agent,
    )
    sessions.sign_out(by=before)
    begin(person, token)


def let_forms_reach_providers(response: Response) -> Response:
    """Let the buttons of providers work: browsers hold the redirect after a form to what the page allows."""
    origins = [origin for way in PROVIDERS.values() if way.name() for origin in way.origins()]
    policy = PAGE_POLICY.replace("form-action 'self'", " ".join(["form-action 'self'", *origins]))
    response.headers["Content-Security-Policy"] = policy
    return response
