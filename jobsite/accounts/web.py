"""What the views of this room share: who I am, the limits, how a login begins and ends in the cookie."""

from datetime import datetime

from flask import Flask, Request, current_app, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import current_user, login_user, logout_user
from itsdangerous import BadSignature

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


class Cookies(SecureCookieSessionInterface):
    """Flask's cookie, which also holds when it seems to be of the future: else a clock that is set back by a second would log
    out whoever asks for a page just then. When a login ends is said by its row in any case."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the cookie holds, if it is genuine and not too old."""
        reader, value = self.get_signing_serializer(app), request.cookies.get(self.get_cookie_name(app))
        if reader is None:
            return None
        longest = app.permanent_session_lifetime.total_seconds()
        try:
            held, signed_at = reader.loads(value or "", return_timestamp=True)
        except BadSignature:
            return self.session_class()
        is_old = (datetime.now(signed_at.tzinfo) - signed_at).total_seconds() > longest
        return self.session_class() if is_old else self.session_class(held)
