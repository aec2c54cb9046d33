"""Who people are and what they may do, asked of the public side: at sign-in, each minute, and before they change anything.

A refusal ends all their logins at once (OC17). No answer changes nothing here: how long that is good enough is for `gate` to say.
"""

import logging
import threading
from datetime import timedelta

from peewee import JOIN, fn

from jobsite import settings
from jobsite.accounts.mirror import shut_out
from jobsite.accounts.models import Session, User
from jobsite.accounts.rules import neighbourhood, why_not_username
from jobsite.accounts.sessions import start
from jobsite.accounts.signing_in import WAY, LoginFailed, NobodyAnswers
from jobsite.core.clock import now
from jobsite.core.db import close_database, writing
from jobsite.core.events import record
from jobsite.core.limits import Limits
from jobsite.sync.client import READ, Answer, Backoff, Unreachable, segment, side
from jobsite.sync.link_models import Confirmation
from jobsite.sync.mirroring import forget, store
from jobsite.sync.user_object import PersonThere, Roles, person_there, roles_there

REFUSED = "The user or token is not valid, or the token has expired."
NO_ANSWER = "The public side cannot be reached, so that nobody can log in. Try again in a minute."

PATIENCE = 15.0
"""Seconds that somebody who signs in waits for each answer."""
OLD = timedelta(seconds=45)
AWAY = timedelta(hours=1)
"""Who is not logged in is asked about now and then: their reviews count only as long as they may review."""
LOOK_EVERY = 15.0
"""Who is logged in is asked about when what is known is older than `OLD`, so that it never becomes older than a minute."""

log = logging.getLogger("jobsite.people")


class Unusable(Unreachable):
    """The public side answered, but not with anything that tells about this person."""


def sign_in(*, user: str, token: str, address: str, limits: Limits, user_agent: str = "") -> tuple[User, str]:
    """Sign in with a single-use token of the public side, which uses it up; gives the person and the token of a new session.

    Raises `LoginFailed` for whatever was wrong, `NobodyAnswers`, and `TooMany` once the tries of 15 minutes are used up
    here: 10 for a name, 30 for an address.
    """
    tries = {
        "sign-in per account": f"name:{user.strip().lower()[:254]}",
        "sign-in per address": neighbourhood(address),
    }
    for limit, key in tries.items():
        limits.check(limit, key)
    asked_at = now()
    try:
        there = _person_in(_authenticate(user, token))
    except Unreachable as cause:
        log.warning("nobody can log in: %s", cause)
        raise NobodyAnswers(NO_ANSWER) from None
    if there is None:
        for limit, key in tries.items():
            limits.count(limit, key)
        raise LoginFailed(REFUSED)
    with writing():
        person = store(there, asked_at=asked_at)
        session = start(person=person, way=WAY, user_agent=user_agent)
        User.update(last_login=now()).where(User.id == person.id).execute()
        record("session:started", by=person.username, subject=f"user:{person.username}", way=WAY)
    return User.get_by_id(person.id), session


def confirm(person: User, *, exactly: bool = True, seconds: float = READ) -> User | None:
    """The person with what they may do now; None for one who is refused, whose logins have been ended then.

    `exactly` asks for their roles by name as well; else those known here stand as far as the rest allows. Raises
    `Unreachable`.
    """
    asked_at = now()
    answer = side().post("releases/authorise", json={"user": person.username}, seconds=seconds)
    if answer.status in (403, 404) and not answer.is_our_token:
        with writing():
            forget(person)
            shut_out(person)
        return None
    there = _person_in(answer, exactly=exactly)
    if there is None or there.username.lower() != person.username.lower():
        raise Unusable(f"The public side gave no answer about {person.username} that can be used.")
    return store(there, asked_at=asked_at)


def refresh() -> bool:
    """Confirm everybody who was not confirmed for a while. Gives whether that went well for all."""
    answered = True
    for person in _due():
        try:
            confirm(person)
        except Unusable as cause:
            log.warning("%s", cause)
            answered = False
        except Unreachable as cause:
            log.warning("nobody's permissions can be confirmed: %s", cause)
            return False
    return answered


def follow_people(stop: threading.Event) -> None:
    """Keep what is known of those who are logged in younger than a minute, until `stop` is set."""
    backoff = Backoff()
    while not stop.is_set():
        seconds = LOOK_EVERY
        try:
            if refresh():
                backoff.worked()
            else:
                seconds = min(backoff.failed(), LOOK_EVERY)
        except Exception:
            log.exception("the permissions of people cannot be refreshed")
        close_database()
        stop.wait(seconds)


def _authenticate(user: str, token: str) -> Answer:
    said = {"user": user.strip(), "token": token}
    return side().post("releases/authenticate", json=said, seconds=PATIENCE)


def _person_in(answer: Answer, *, exactly: bool = True) -> PersonThere | None:
    """The person of a user object; None where one is refused. Raises `Unreachable` for any other answer."""
    if answer.status in (400, 403, 404) and not answer.is_our_token:
        return None
    found = person_there(answer.data, None) if answer.status == 200 else None
    if found is None or why_not_username(found.username):
        raise Unusable(f"The public side answered with status {answer.status}, and names no person.")
    roles = _exact_roles(found.username) if exactly else None
    return person_there(answer.data, roles)


def _exact_roles(username: str) -> Roles | None:
    """Their roles by name: none where the public side cannot say, None where it did not answer as it should."""
    try:
        answer = side().get(f"users/{segment(username)}/", seconds=PATIENCE)
    except Unreachable:
        return None
    if answer.status == 200:
        return roles_there(answer.data)
    return None if answer.status >= 500 or answer.status == 429 else Roles()


def _due() -> list[User]:
    """Everybody whom nobody confirmed for a while: a short one for those with a login that lasts. A confirmation of the future
    is one from before the clock was set back: nobody knows how old it is."""
    used = Session.last_seen_at > now() - settings.current().session_idle
    alive = (Session.user == User.id) & (Session.epoch == User.session_epoch) & Session.ended_at.is_null()
    is_here = fn.EXISTS(Session.select(Session.id).where(alive, used))
    people = User.select().join(Confirmation, JOIN.LEFT_OUTER, on=(Confirmation.user == User.id))
    fresh = (Confirmation.confirmed_at > now() - OLD) & (Confirmation.confirmed_at <= now())
    old = Confirmation.confirmed_at.is_null() | ~fresh
    due = (is_here & old) | (Confirmation.confirmed_at <= now() - AWAY)
    return list(people.where(User.is_active, due).order_by(Confirmation.confirmed_at))
