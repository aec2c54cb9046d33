"""Signing in and out, and one's own settings."""

from typing import Any

from flask import Response, current_app, flash, request, session
from flask_login import current_user, login_user, logout_user

from jobsite import settings
from jobsite.accounts import actions, signing_in
from jobsite.accounts.forms import PersonForm, SignInForm
from jobsite.accounts.models import User
from jobsite.accounts.queries import backends_of
from jobsite.accounts.rules import ROLES, why_not_token_login
from jobsite.core.errors import Invalid, require
from jobsite.core.limits import Limits, TooMany
from jobsite.core.web import ANYONE, LOGIN, Routes, page, redirect_here, safe_next, see, show_refusal

USED = "You have been logged in using a single use token. That token is now invalid."

routes = Routes("accounts")


@routes("/login/", needs=ANYONE)
def login() -> Response:
    """The sign-in page; somebody who is logged in goes on at once."""
    if current_user.is_authenticated:
        return redirect_here(safe_next("/"))
    return _login_page(SignInForm(formdata=None))


@routes("/login-with-token/", needs=ANYONE, methods=("POST",))
def login_with_token() -> Response:
    """Sign in with a single-use token: the form again with a sentence, or on to `next`."""
    form = SignInForm()
    require(_why_not_here())
    try:
        person, token = signing_in.sign_in(
            user=form.user.data or "",
            token=form.token.data or "",
            address=request.remote_addr or "",
            limits=_limits(),
        )
    except TooMany as refusal:
        return _login_page(form, str(refusal), 429, {"Retry-After": str(refusal.retry_after)})
    except signing_in.LoginFailed as refusal:
        return _login_page(form, str(refusal), 422)
    _begin(person, token)
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
        signing_in.sign_out(by=current_user._get_current_object())
    _leave()
    flash("You have been logged out.", "info")
    return redirect_here("/")


@routes("/settings/", needs=LOGIN)
def settings_page() -> Response:
    """Who I am, what I may do, my token, my sessions."""
    person = _me()
    form = PersonForm(formdata=None, data={"fullname": person.fullname, "email": person.email or ""})
    return _settings(form)


@routes("/settings/", needs=LOGIN, methods=("POST",))
def edit_person() -> Response:
    """Change my name and e-mail address."""
    form = PersonForm()
    try:
        actions.edit_user(
            by=_me(), user=_me(), fullname=form.fullname.data or "", email=form.email.data or ""
        )
    except Invalid as refusal:
        show_refusal(form, refusal)
        return _settings(form, status=422)
    flash("Your details have been saved.", "good")
    return see("accounts.settings_page")


@routes("/settings/token/", needs=LOGIN, methods=("POST",))
def make_token() -> Response:
    """Make a single-use token and show it, this once."""
    person = _me()
    _limits().check("tokens per person", person.username)
    token = signing_in.make_token(by=person, user=person)
    _limits().count("tokens per person", person.username)
    return page("accounts/token.html", token=token, lifetime=settings.current().token_lifetime)


@routes("/settings/token/", needs=LOGIN)
def token_again() -> Response:
    """The page that showed a token shows it once; afterwards its address leads back."""
    return see("accounts.settings_page")


@routes("/settings/log-out-everywhere/", needs=LOGIN, methods=("POST",))
def log_out_everywhere() -> Response:
    """End all my sessions, this one as well."""
    signing_in.sign_out_everywhere(by=_me(), user=_me())
    _leave()
    flash("You have been logged out everywhere.", "info")
    return see("accounts.login")


def _me() -> User:
    return current_user._get_current_object()


def _limits() -> Limits:
    return current_app.extensions["jobsite.limits"]


def _begin(person: User, token: str) -> None:
    """Start over with an empty cookie, so that nothing from before the sign-in is kept."""
    session.clear()
    session.permanent = True
    person.session_token = token
    login_user(person)


def _leave() -> None:
    logout_user()
    session.clear()


def _why_not_here() -> str | None:
    return why_not_token_login(request.remote_addr or "", settings.current().token_login_networks)


def _login_page(
    form: SignInForm, failure: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    data: dict[str, Any] = {
        "entry": form,
        "failure": failure,
        "why_not": _why_not_here(),
        "next": safe_next(""),
    }
    response = page("accounts/login.html", status=status, **data)
    response.headers.update(headers or {})
    return response


def _settings(form: PersonForm, status: int = 200) -> Response:
    person = _me()
    facts: dict[str, Any] = {
        "entry": form,
        "person": person,
        "held": [ROLES[name] for name in person.roles if name in ROLES],
        "backends": backends_of(person),
        "why_no_token": signing_in.why_no_token(person),
        "has_token": person.login_token_hash is not None,
        "lifetime": settings.current().token_lifetime,
        "idle": settings.current().session_idle,
    }
    return page("accounts/settings.html", status=status, **facts)
