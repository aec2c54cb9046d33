"""What the views of this room share: who I am, the limits, how a login begins and ends in the cookie."""

from flask import current_app, session
from flask_login import current_user, login_user, logout_user

from jobsite.accounts.models import User
from jobsite.core.limits import Limits


def me() -> User:
    """The person who is logged in."""
    return current_user._get_current_object()


def limits() -> Limits:
    """The counters of this server."""
    return current_app.extensions["jobsite.limits"]


def begin(person: User, token: str) -> None:
    """Start over with an empty cookie, so that nothing from before the sign-in is kept."""
    session.clear()
    session.permanent = True
    person.session_token = token
    login_user(person)


def leave() -> None:
    """Forget the login in the cookie."""
    logout_user()
    session.clear()
