"""What is done to backends: added, given a token, paused, put into maintenance, opened to people."""

import hashlib
import secrets

from jobsite.accounts.models import Backend, BackendMembership, User, permissions_everywhere, username_of
from jobsite.accounts.rules import why_not_manage_backends, why_not_slug
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Conflict, Invalid, require
from jobsite.core.events import record


def add_backend(*, by: User | str, slug: str, name: str) -> Backend:
    """Add a backend, active and without a token. Raises `Invalid` with the field's sentence."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    name = name.strip()
    why_not = why_not_slug(slug)
    with writing():
        if why_not is None and Backend.get_or_none(Backend.slug == slug) is not None:
            why_not = f"There is already a backend {slug}."
        problems = {"slug": why_not, "name": None if name else "Enter a name."}
        if any(problems.values()):
            raise Invalid({field: sentence for field, sentence in problems.items() if sentence})
        backend = Backend.create(slug=slug, name=name, created_at=now(), created_by=username_of(by))
        _record("added", by, backend, name=name)
    return backend


def make_backend_token(*, by: User | str, backend: Backend) -> str:
    """A new token of 40 hexadecimal digits for the backend, given back this once. The old one ends now."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    token = secrets.token_hex(20)
    with writing():
        _change(backend, auth_token_hash=_hashed(token))
        _record("token-made", by, backend)
    return token


def backend_with_token(token: str) -> Backend | None:
    """The active backend this token belongs to, or None."""
    return Backend.get_or_none((Backend.auth_token_hash == _hashed(token)) & Backend.is_active)


def pause(*, by: User | str, backend: Backend) -> None:
    """Start no new jobs there; those that run go on. Raises `Conflict` when it is paused already."""
    _turn("paused", by=by, backend=backend, on=Backend.is_paused, since=Backend.paused_since, to=True)


def resume(*, by: User | str, backend: Backend) -> None:
    """Start jobs there again. Raises `Conflict` when it is not paused."""
    _turn("resumed", by=by, backend=backend, on=Backend.is_paused, since=Backend.paused_since, to=False)


def start_maintenance(*, by: User | str, backend: Backend) -> None:
    """The database there is in maintenance: database jobs wait. Raises `Conflict` when it is already."""
    columns = {"on": Backend.is_in_maintenance_mode, "since": Backend.maintenance_since}
    _turn("maintenance-started", by=by, backend=backend, to=True, **columns)


def end_maintenance(*, by: User | str, backend: Backend) -> None:
    """The database there can be used again. Raises `Conflict` when it was not in maintenance."""
    columns = {"on": Backend.is_in_maintenance_mode, "since": Backend.maintenance_since}
    _turn("maintenance-ended", by=by, backend=backend, to=False, **columns)


def add_backend_member(*, by: User | str, backend: Backend, user: User) -> None:
    """Let a person run jobs on the backend and use tokens there. Raises `Conflict` for a member."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    with writing():
        _, new = BackendMembership.get_or_create(
            backend=backend, user=user, defaults={"created_at": now(), "created_by": username_of(by)}
        )
        if not new:
            raise Conflict(f"{user.username} is a member of {backend.slug} already.")
        _record("member-added", by, backend, user=user.username)


def remove_backend_member(*, by: User | str, backend: Backend, user: User) -> None:
    """Take that away again, from the person's next request on. Raises `Conflict` for somebody who is no member."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    with writing():
        theirs = (BackendMembership.backend == backend) & (BackendMembership.user == user)
        changed_one(
            BackendMembership.delete().where(theirs), f"{user.username} is no member of {backend.slug}."
        )
        _record("member-removed", by, backend, user=user.username)


_ALREADY = {
    "paused": "{} is paused already.",
    "resumed": "{} is not paused.",
    "maintenance-started": "{} is in maintenance already.",
    "maintenance-ended": "{} is not in maintenance.",
}


def _turn(what: str, *, by: User | str, backend: Backend, on: object, since: object, to: bool) -> None:
    require(why_not_manage_backends(permissions_everywhere(by)))
    with writing():
        other = (Backend.id == backend.id) & (on == (not to))
        changed_one(Backend.update({on: to, since: now()}).where(other), _ALREADY[what].format(backend.slug))
        _record(what, by, backend)


def _change(backend: Backend, **values: object) -> None:
    changed_one(
        Backend.update(**values).where(Backend.id == backend.id),
        f"There is no backend {backend.slug} any more.",
    )


def _record(what: str, by: User | str, backend: Backend, **data: object) -> None:
    record(f"backend:{what}", by=username_of(by), subject=f"backend:{backend.slug}", **data)


def _hashed(token: str) -> str:
    """The token is 160 random bits, so a fast hash keeps it safe; looking it up by hash leaks no timing."""
    return hashlib.sha256(token.encode()).hexdigest()
