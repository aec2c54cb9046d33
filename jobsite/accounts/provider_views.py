"""Signing in with GitHub and with OpenID Connect: a POST sends the browser there, and it comes back with a code.

Coming back is the one page that waits for the network, and only a few at a time do.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import ModuleType
from urllib.parse import urlsplit

from flask import Response, current_app, flash, request, session, url_for
from flask_login import current_user

from jobsite import settings
from jobsite.accounts import actions, github, identities, oidc
from jobsite.accounts.forms import NameForm, SignInForm
from jobsite.accounts.providers import NOT_BEGUN, NotAllowed, ProviderFailed
from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.views import login_page
from jobsite.accounts.web import begin, limits, me
from jobsite.core.clock import now
from jobsite.core.errors import Denied, Invalid, NotFound
from jobsite.core.web import ANYONE, LOGIN, Routes, page, redirect_here, safe_next, show_refusal

LONGEST = timedelta(minutes=10)
KEPT = "provider"
BUSY = "Many people are logging in at this moment. Try again in a minute."
_waiting = threading.BoundedSemaphore(4)

routes = Routes("accounts")


@routes("/login/github/", needs=ANYONE, side="public", methods=("POST",))
def start_github() -> Response:
    """Go to GitHub."""
    return _start(github, "accounts.complete_github")


@routes("/complete/github/", needs=ANYONE, side="public")
def complete_github() -> Response:
    """Come back from GitHub."""
    return _complete(github, "accounts.complete_github")


@routes("/login/oidc/", needs=ANYONE, side="public", methods=("POST",))
def start_oidc() -> Response:
    """Go to the OpenID Connect provider."""
    return _start(oidc, "accounts.complete_oidc")


@routes("/complete/oidc/", needs=ANYONE, side="public")
def complete_oidc() -> Response:
    """Come back from the OpenID Connect provider."""
    return _complete(oidc, "accounts.complete_oidc")


@routes("/enter-your-name/", needs=LOGIN, side="public")
def name_page() -> Response:
    """Ask for the name that no provider gave."""
    return page("accounts/name.html", entry=NameForm(formdata=None), next=safe_next("/"))


@routes("/enter-your-name/", needs=LOGIN, side="public", methods=("POST",))
def enter_name() -> Response:
    """Take the name and go on."""
    form, person = NameForm(), me()
    try:
        name, email = form.fullname.data or "", person.email or ""
        actions.edit_user(by=person, user=person, fullname=name, email=email)
    except Invalid as refusal:
        show_refusal(form, refusal)
        return page("accounts/name.html", status=422, entry=form, next=safe_next("/"))
    return redirect_here(safe_next("/"))


def _start(provider: ModuleType, back: str) -> Response:
    _require_set_up(provider)
    where = neighbourhood(request.remote_addr or "")
    limits().check("sign-in starts per address", where)
    limits().count("sign-in starts per address", where)
    try:
        with _turn():
            address, kept = provider.begin(_return_to(back))
    except ProviderFailed as failure:
        return _refused(failure, 503)
    session[KEPT] = {**kept, "back": back, "next": safe_next("/"), "at": now().isoformat()}
    return _go_to(provider, address)


@contextmanager
def _turn() -> Iterator[None]:
    """Within the block one of the few waits for a provider: a provider that hangs must not take all of the server."""
    if not _waiting.acquire(blocking=False):
        raise ProviderFailed(BUSY)
    try:
        yield
    finally:
        _waiting.release()


def _go_to(provider: ModuleType, address: str) -> Response:
    """Send the browser there. The sign-in page's policy allows known origins alone; to another a page of ours leads."""
    parts = urlsplit(address)
    if f"{parts.scheme}://{parts.netloc}" in provider.origins()[:1]:
        return Response(status=303, headers={"Location": address})
    response = page("accounts/going_on.html", address=address, provider=provider.name())
    response.headers["Refresh"] = f"0; url={address}"
    return response


def _complete(provider: ModuleType, back: str) -> Response:
    _require_set_up(provider)
    kept = session.pop(KEPT, None)
    if not _fresh(kept, back):
        return redirect_here("/") if current_user.is_authenticated else _refused(NOT_BEGUN, 400)
    try:
        with _turn():
            profile = provider.finish(kept, request.args, _return_to(back))
        agent = request.user_agent.string
        person, token, nameless = identities.sign_in_with(profile=profile, user_agent=agent)
    except (NotAllowed, Denied) as refusal:
        return _refused(refusal, 403)
    except ProviderFailed as failure:
        return _refused(failure, 400 if str(failure) == NOT_BEGUN else 503)
    begin(person, token)
    flash(f"You have been logged in with {profile.way}.", "good")
    return redirect_here(url_for("accounts.name_page", next=kept["next"]) if nameless else kept["next"])


def _require_set_up(provider: ModuleType) -> None:
    if not provider.name():
        raise NotFound("This way to log in is not set up here.")


def _fresh(kept: object, back: str) -> bool:
    """Whether this browser went out on this way, less than ten minutes ago."""
    if not isinstance(kept, dict) or kept.get("back") != back:
        return False
    return now() - datetime.fromisoformat(kept["at"]) < LONGEST


def _return_to(back: str) -> str:
    """Where the provider sends the browser back to: the address that is registered there."""
    site = settings.current().base_url or request.host_url.rstrip("/")
    return f"{site}{url_for(back)}"


def _refused(why: object, status: int) -> Response:
    if isinstance(why, ProviderFailed):  # whoever runs the site has to know what the person cannot mend
        current_app.logger.warning("%s: %s (%r)", request.path, why, why.__cause__)
    return login_page(SignInForm(formdata=None), str(why), status)
