"""What a secure side keeps of people: a copy of who they are and what they may do, as the public side last said."""

from collections.abc import Sequence

from jobsite.accounts.models import Backend, BackendMembership, User
from jobsite.accounts.queries import user_named
from jobsite.accounts.rules import SYSTEM, why_not_fullname, why_not_username
from jobsite.accounts.sessions import sign_out_everywhere
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import refuse
from jobsite.core.events import record


def mirrored_person(*, username: str, fullname: str, roles: Sequence[str]) -> User:
    """The person here, made or brought up to date: name, exactly these global roles, active, a member of every backend.

    Raises `Invalid` for what cannot be a username. An event is written when something changed.
    """
    refuse(username=why_not_username(username))
    name = fullname.strip() if why_not_fullname(fullname) is None else username
    with writing():
        person = user_named(username)
        before = _facts(person) if person else None
        if person is None:
            person = User.create(username=username, fullname=name, date_joined=now(), created_by=SYSTEM)
        after = (name, list(roles), True)
        if before != after:
            User.update(fullname=name, roles=after[1], is_active=True).where(User.id == person.id).execute()
            changed = {"before": before[1] if before else [], "after": after[1]}
            record("user:mirrored", by=SYSTEM, subject=f"user:{person.username}", **changed)
        _belongs(person)
    return User.get_by_id(person.id)


def shut_out(person: User) -> None:
    """End all logins of a person whom the public side refuses, and take away what they might do here, at once."""
    with writing():
        current = User.get_by_id(person.id)
        if not current.is_active:
            return
        User.update(roles=[], is_active=False).where(User.id == current.id).execute()
        BackendMembership.delete().where(BackendMembership.user == current).execute()
        record("user:refused", by=SYSTEM, subject=f"user:{current.username}")
        sign_out_everywhere(by=SYSTEM, user=current)


def _facts(person: User) -> tuple[str, list[str], bool]:
    return person.fullname, person.roles, person.is_active


def _belongs(person: User) -> None:
    """Who could log in through the public side is a member of the backend that asked."""
    theirs = BackendMembership.select(BackendMembership.backend).where(BackendMembership.user == person)
    for backend in Backend.select().where(Backend.is_active, Backend.id.not_in(theirs)):
        BackendMembership.create(backend=backend, user=person, created_at=now(), created_by=SYSTEM)
