"""Logins: started at sign-in, slid by use, listed, ended (specification 5.2)."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

import peewee

from jobsite import settings
from jobsite.accounts.models import Session, User, permissions_everywhere, token_hash, username_of
from jobsite.accounts.rules import browser_in_words, why_not_manage
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import require
from jobsite.core.events import record
from jobsite.core.prepared import Prepared, place, stored

RENEWED_EVERY = timedelta(hours=1)


def start(*, person: User, way: str, user_agent: str) -> str:
    """Start a session and give its token, inside the transaction that signs in; the person's dead ones are removed.

    `way` says how they signed in. Of the browser only its family is kept.
    """
    unused = Session.last_seen_at <= now() - settings.current().session_idle
    Session.delete().where((Session.user == person) & (unused | Session.ended_at.is_null(False))).execute()
    token = secrets.token_urlsafe(32)
    Session.create(
        token_hash=token_hash(token),
        user=person,
        created_at=now(),
        last_seen_at=now(),
        epoch=person.session_epoch,
        way=way,
        browser=browser_in_words(user_agent),
    )
    return token


def person_of(token: str, more: Mapping[str, peewee.Node] = {}) -> User | None:
    """The active person whose session this token is, while it lasts, or None. One query.

    `more` are columns to be read along, in which no value stands; the person has what the database holds by name as `known`.

    A session lasts `SESSION_IDLE` after its last use and at most `SESSION_MAX`, and ends when the person's
    `session_epoch` is raised; a use is written down at most once an hour. The person's `session_token` is set;
    `session_renewed` says if the use was written.
    """
    names = tuple(more)
    if names not in _STATEMENTS:
        _STATEMENTS[names] = Prepared(lambda: _with_person(more))
    row = _STATEMENTS[names].run(token_hash=token_hash(token)).fetchone()
    if row is None:
        return None
    ours, theirs = len(Session._meta.sorted_fields), len(User._meta.sorted_fields)
    found, person = stored(Session, row[:ours]), stored(User, row[ours : ours + theirs])
    if now() >= _end_of(found):
        return None
    person.session_token = token
    person.known = dict(zip(names, row[ours + theirs :], strict=True))
    person.session_renewed = now() - found.last_seen_at >= RENEWED_EVERY
    if person.session_renewed:
        # A full disk keeps nobody from reading; the next use writes it.
        with suppress(peewee.OperationalError):
            Session.update(last_seen_at=now()).where(Session.id == found.id).execute()
    return person


_STATEMENTS: dict[tuple[str, ...], Prepared] = {}
"""By the names of what is read along: every page begins with this query."""


def _with_person(more: Mapping[str, peewee.Node]) -> peewee.ModelSelect:
    columns = (column.alias(name) for name, column in more.items())
    rows = Session.select(Session, User, *columns).join(User)
    return rows.where(Session.token_hash == place("token_hash"), _alive(), User.is_active)


def sessions_of(person: User) -> list[Session]:
    """The logins of a person that last, the one used last first; `is_this` marks the one `person` acts in. One query."""
    query = Session.select(Session, User).join(User).where(Session.user == person, _alive())
    found = [
        one for one in query.order_by(Session.last_seen_at.desc(), Session.id.desc()) if now() < _end_of(one)
    ]
    here = token_hash(person.session_token)
    for session in found:
        session.is_this = session.token_hash == here
    return found


def _alive() -> peewee.Expression:
    return Session.ended_at.is_null() & (Session.epoch == User.session_epoch)


def _end_of(session: Session) -> datetime:
    current = settings.current()
    return min(session.last_seen_at + current.session_idle, session.created_at + current.session_max)


def began_at(person: User) -> datetime | None:
    """When the login began that this person acts in; None for who acts in none. One query."""
    here = Session.token_hash == token_hash(person.session_token)
    found = Session.select(Session.created_at).where(here, Session.user == person).first()
    return found.created_at if found else None


def sign_out(*, by: User) -> None:
    """End the session this person acts in; one that has ended already stays as it is."""
    with writing():
        mine = (Session.token_hash == token_hash(by.session_token)) & Session.ended_at.is_null()
        if Session.update(ended_at=now()).where(mine).execute():
            record("session:ended", by=by.username, subject=f"user:{by.username}")


def end_session(*, by: User, number: int) -> None:
    """End one of one's own sessions, by its number. Raises `Conflict` when it is not theirs or has ended."""
    with writing():
        mine = (Session.id == number) & (Session.user == by) & Session.ended_at.is_null()
        changed_one(Session.update(ended_at=now()).where(mine), "This login has ended already.")
        record("session:ended", by=by.username, subject=f"user:{by.username}")


def sign_out_everywhere(*, by: User | str, user: User) -> int:
    """End all sessions of a person, from the next request on, by raising `session_epoch`; gives how many there were."""
    if username_of(by) != user.username:
        require(why_not_manage(permissions_everywhere(by)))
    with writing():
        User.update(session_epoch=User.session_epoch + 1).where(User.id == user.id).execute()
        theirs = (Session.user == user) & Session.ended_at.is_null()
        ended = Session.update(ended_at=now()).where(theirs).execute()
        record("session:all-ended", by=username_of(by), subject=f"user:{user.username}", sessions=ended)
    return ended
