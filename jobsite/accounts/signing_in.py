"""Signing in: single-use tokens of three words, and the sessions they start (reference/jobs-site.md, 5.2, 5.3)."""

import importlib.resources
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache

import peewee
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from jobsite import settings
from jobsite.accounts.models import Session, User, permissions_everywhere, token_hash, username_of
from jobsite.accounts.queries import backends_of, membership_asked_for, user_signing_in
from jobsite.accounts.rules import neighbourhood, why_not_manage, why_not_token
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Conflict, Refused, require
from jobsite.core.events import record
from jobsite.core.limits import Limits

FAILED = "Login failed. The user or token may be incorrect, or the token may have expired."
RENEWED_EVERY = timedelta(hours=1)

# Argon2id, RFC 9106's second recommended cost: 64 MiB and a sixth of a second, so never inside a transaction.
hasher = PasswordHasher()
# One guess at a time: it makes the count of wrong tries exact and bounds the memory that guesses can take.
_guessing = threading.Lock()


class LoginFailed(Refused):
    """The name or the token was wrong, used or old; the sentence does not say which."""


@cache
def words() -> Sequence[str]:
    """The words tokens are made of: those of the EFF long list with 5 to 9 letters, about 7,000."""
    text = importlib.resources.files("xkcdpass").joinpath("static/eff-long").read_text("utf-8")
    return tuple(word for word in text.split() if 5 <= len(word.replace("-", "")) <= 9)


def plain(token: str) -> str:
    """A token as it is hashed and compared: lower case, without white space and hyphens."""
    return "".join(token.lower().split()).replace("-", "")


def why_no_token(user: User) -> str | None:
    """Why this person gets no single-use token, and cannot use one, or None."""
    return why_not_token(user.is_active, backends_of(user) if membership_asked_for() else (None,))


def make_token(*, by: User | str, user: User) -> str:
    """A new single-use token: three words with single spaces, given back this once. The old one ends now.

    It signs in once, within `TOKEN_LIFETIME`. People make their own; staff and commands anybody's. Raises
    `Denied` with the sentence of `why_no_token`.
    """
    if username_of(by) != user.username:
        require(why_not_manage(permissions_everywhere(by)))
    require(why_no_token(user))
    token = " ".join(secrets.choice(words()) for _ in range(3))
    hashed = hasher.hash(plain(token))
    expires = now() + settings.current().token_lifetime
    with writing():
        change = User.update(login_token_hash=hashed, login_token_expires_at=expires)
        changed_one(
            change.where((User.id == user.id) & User.is_active),
            "This account has been deactivated. Ask staff.",
        )
        record("token:made", by=username_of(by), subject=f"user:{user.username}")
    return token


def sign_in(*, user: str, token: str, address: str, limits: Limits) -> tuple[User, str]:
    """Sign in with a username or confirmed e-mail address and a single-use token.

    Gives the person and the token of a new session. Of two uses of one token at once, one wins. Raises
    `LoginFailed` whatever was wrong, after the same time whoever was named, and `TooMany` once the tries
    of 15 minutes are used up (10 for an account, 30 for an address).
    """
    person = user_signing_in(user)
    account = f"user:{person.id}" if person else f"name:{user.strip().lower()[:254]}"
    keys = {"sign-in per account": account, "sign-in per address": neighbourhood(address)}
    with _guessing:
        for limit, key in keys.items():
            limits.check(limit, key)
        checked = _checked(person, token)
        if checked is None:
            for limit, key in keys.items():
                limits.count(limit, key)
            raise LoginFailed(FAILED)
    return _use_token(checked)


def _checked(person: User | None, token: str) -> User | None:
    """The person, if the token is theirs and can be used. Hashes once in every case: it takes equal time."""
    try:
        if person is None or person.login_token_hash is None:
            hasher.hash(plain(token))
            return None
        hasher.verify(person.login_token_hash, plain(token))
    except VerifyMismatchError:
        return None
    usable = person.login_token_expires_at > now() and why_no_token(person) is None
    return person if usable else None


def _use_token(person: User) -> tuple[User, str]:
    """Clear the token and start a session, in one transaction; a token cleared meanwhile fails."""
    unused = (User.id == person.id) & (User.login_token_hash == person.login_token_hash) & User.is_active
    cleared = {User.login_token_hash: None, User.login_token_expires_at: None, User.last_login: now()}
    try:
        with writing():
            changed_one(User.update(cleared).where(unused), FAILED)
            session = _start_session(person)
            record("token:used", by=person.username, subject=f"user:{person.username}")
    except Conflict:
        raise LoginFailed(FAILED) from None
    return User.get_by_id(person.id), session


def _start_session(person: User) -> str:
    """A new session for the person, whose dead ones are removed: the events tell of them."""
    unused = Session.last_seen_at <= now() - settings.current().session_idle
    Session.delete().where((Session.user == person) & (unused | Session.ended_at.is_null(False))).execute()
    token = secrets.token_urlsafe(32)
    Session.create(token_hash=token_hash(token), user=person, created_at=now(), last_seen_at=now())
    return token


def person_of(token: str) -> User | None:
    """The active person whose session this token is, while it lasts, or None. One query.

    A session lasts `SESSION_IDLE` after its last use and at most `SESSION_MAX`; a use is written down at
    most once an hour. The person's `session_token` is set; `session_renewed` says if the use was written.
    """
    query = Session.select(Session, User).join(User)
    found = query.where(
        Session.token_hash == token_hash(token), Session.ended_at.is_null(), User.is_active
    ).first()
    if found is None or now() >= _end_of(found):
        return None
    person = found.user
    person.session_token = token
    person.session_renewed = now() - found.last_seen_at >= RENEWED_EVERY
    if person.session_renewed:
        # A full disk keeps nobody from reading; the next use writes it.
        with suppress(peewee.OperationalError):
            Session.update(last_seen_at=now()).where(Session.id == found.id).execute()
    return person


def _end_of(session: Session) -> datetime:
    current = settings.current()
    return min(session.last_seen_at + current.session_idle, session.created_at + current.session_max)


def sign_out(*, by: User) -> None:
    """End the session this person acts in; one that has ended already stays as it is."""
    with writing():
        mine = (Session.token_hash == token_hash(by.session_token)) & Session.ended_at.is_null()
        if Session.update(ended_at=now()).where(mine).execute():
            record("session:ended", by=by.username, subject=f"user:{by.username}")


def sign_out_everywhere(*, by: User | str, user: User) -> int:
    """End all sessions of a person, from the next request on; gives how many there were."""
    if username_of(by) != user.username:
        require(why_not_manage(permissions_everywhere(by)))
    with writing():
        theirs = (Session.user == user) & Session.ended_at.is_null()
        ended = Session.update(ended_at=now()).where(theirs).execute()
        record("session:all-ended", by=username_of(by), subject=f"user:{user.username}", sessions=ended)
    return ended
