"""Signing in with a single-use token, and signing out."""

from typing import Any

from flask import Response, current_app, flash, request
from flask_login import current_user

from jobsite import settings
from jobsite.accounts import github, oidc, sessions, signing_in
from jobsite.accounts.forms import SignInForm
from jobsite.accounts.rules import why_not_token_login
from jobsite.accounts.web import begin, leave, limits, me
from jobsite.core.errors import require
from jobsite.core.limits import TooMany
from jobsite.core.web import ANYONE, PAGE_POLICY, Routes, page, redirect_here, safe_next, see

USED = "You have been logged in using a single use token. That token is now invalid."

PROVIDERS = {"github": github, "oidc": oidc}

routes = Routes("accounts")


@routes("/login/", needs=ANYONE)
def login() -> Response:
    """The sign-in page; somebody who is logged in goes on at once."""
    if current_user.is_authenticated:
        return redirect_here(safe_next("/"))
    return login_page(SignInForm(formdata=None))


@routes("/login-with-token/", needs=ANYONE, methods=("POST",))
def login_with_token() -> Response:
    """Sign in with a single-use token: the form again with a sentence, or on to `next`."""
    form = SignInForm()
    require(_why_not_here())
    try:
        person, token = current_app.extensions["jobsite.sign_in"](
            user=form.user.data or "",
            token=form.token.data or "",
            address=request.remote_addr or "",
            limits=limits(),
            user_agent=request.user_agent.string,
        )
    except TooMany as refusal:
        return login_page(form, str(refusal), 429, {"Retry-After": str(refusal.retry_after)})
    except signing_in.NobodyAnswers as refusal:
        return login_page(form, str(refusal), 503, {"Retry-After": "60"})
    except signing_in.LoginFailed as refusal:
        return login_page(form, str(refusal), 422)
    begin(person, token)
    flash(USED, "good")
    return redirect_here(safe_next("/"))


@routes("/login-with-token/", needs=ANYONE)
def login_again() -> Response:
    """Where a refused form was shown: somebody who reloads or shares that address gets the empty form."""
    return see("accounts.login")


@routes("/logout/", needs=ANYONE, methods=("POST",))
def logout() -> Response:
    """End this session and go home."""
    if current_user.is_authenticated:
        sessions.sign_out(by=me())
    leave()
    flash("You have been logged out.", "info")
    return redirect_here("/")


def _why_not_here() -> str | None:
    return why_not_token_login(request.remote_addr or "", settings.current().token_login_networks)


def login_page(
    form: SignInForm, failure: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """The sign-in page, with what went wrong."""
    ways = {key: way for key, way in PROVIDERS.items() if way.name() and settings.current().public}
    data: dict[str, Any] = {
        "entry": form,
        "failure": failure,
        "why_not": _why_not_here(),
        "next": safe_next(""),
        "ways": [(f"accounts.start_{key}", way.name()) for key, way in ways.items()],
        "sign_up": f"{github.PUBLIC}/signup" if settings.current().github_url == github.PUBLIC else "",
    }
    response = page("accounts/login.html", status=status, **data)
    response.headers.update(headers or {})
    # Browsers hold the redirect after a form to what the page with the form allows.
    origins = [origin for way in ways.values() for origin in way.origins()]
    policy = PAGE_POLICY.replace("form-action 'self'", " ".join(["form-action 'self'", *origins]))
    response.headers["Content-Security-Policy"] = policy
    return response
