"""How long what was last confirmed of a person is good enough: a minute for changing anything, 15 minutes for looking.

The gate stands once, before every page of a secure side whose public side is elsewhere (OC18, OC19).
"""

from datetime import timedelta

from flask import Response, g, request
from flask_login import current_user

from jobsite.accounts.models import Session, User
from jobsite.core.clock import now
from jobsite.core.web import error_page
from jobsite.sync.client import Unreachable
from jobsite.sync.link_models import Confirmation
from jobsite.sync.people import confirm

VIEWING, COMMANDS = timedelta(minutes=15), timedelta(seconds=60)
PATIENCE = 5.0
"""Seconds that somebody who presses a button waits for the answer."""

CANNOT_CONFIRM = (
    "The public side does not answer, so that this site cannot confirm your permissions. Nothing has been changed; "
    "you can look at everything for {minutes} more minutes."
)
CANNOT_VIEW = (
    "The public side has not answered for 15 minutes, so that this site cannot confirm your permissions. "
    "It goes on by itself once the public side answers again."
)
LET_OUT = "The public side does not let you in here any more, so that you have been logged out."

KNOWN = {
    "confirmed_at": Confirmation.select(Confirmation.confirmed_at).where(Confirmation.user == Session.user)
}
"""What is read along with every session."""

OPEN = ("static", "accounts.login", "accounts.login_with_token", "accounts.logout", "projects.health_check")


def may_look(person: User) -> bool:
    """Whether what was last confirmed of this person, read along with their session, is good enough to look at pages."""
    return age_of(person) < VIEWING


def age_of(person: User) -> timedelta:
    """How long ago they were confirmed; a clock that was set back does not make it shorter."""
    confirmed_at = Confirmation.confirmed_at.python_value(person.known.get("confirmed_at"))
    return abs(now() - confirmed_at) if confirmed_at else timedelta.max


def gate() -> Response | None:
    """Refuse what cannot be confirmed; None lets the request go on. Asks the public side before a change, never for a page."""
    if request.endpoint in OPEN:
        return None
    if not current_user.is_authenticated:
        return error_page(503, CANNOT_VIEW, Retry_After="15") if g.get("unconfirmed") else None
    person: User = current_user._get_current_object()
    if request.method in ("GET", "HEAD", "OPTIONS") or age_of(person) < COMMANDS:
        return None
    try:
        confirmed = confirm(person, exactly=False, seconds=PATIENCE)
    except Unreachable:
        minutes = int((VIEWING - age_of(person)).total_seconds() // 60)
        return error_page(503, CANNOT_CONFIRM.format(minutes=minutes), Retry_After="60")
    if confirmed is None:
        return error_page(403, LET_OUT)
    person.roles, person.is_active = confirmed.roles, confirmed.is_active
    return None
