"""What is done to backends: added, given a token, paused, put into maintenance, opened to people."""

import secrets
from datetime import timedelta

from jobsite.accounts.models import (
    Backend,
    BackendMembership,
    User,
    permissions_everywhere,
    token_hash,
    username_of,
)
from jobsite.accounts.rules import (
    DISPATCHES,
    PUSH,
    why_not_alert_timeout,
    why_not_backend_name,
    why_not_manage_backends,
    why_not_overlap,
    why_not_slug,
)
from jobsite.core import hub
from jobsite.core.clock import now, wire
from jobsite.core.db import changed_one, database, writing
from jobsite.core.errors import Conflict, Invalid, refuse, require
from jobsite.core.events import record

PUSHED = "Its job requests are sent to the controller. End that first (`jobsite backend dispatch`)."
HANDED_ON = (
    "An agent carries out its jobs, which are planned here: they cannot be sent to a controller as well."
)
AGENTS = "An agent carries out its jobs, which are planned here. End that first (`jobsite backend agent`)."
_WORDS = ("none", "db-maintenance")
DATABASE_ANSWERS = ("", "db-maintenance", *(f"{word};{level}" for word in _WORDS for level in range(3)))


def add_backend(*, by: User | str, slug: str, name: str) -> Backend:
    """Add a backend, active and without a token. Raises `Invalid` with the field's sentence."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    name = name.strip()
    why_not = why_not_slug(slug)
    with writing():
        if why_not is None and Backend.get_or_none(Backend.slug == slug) is not None:
            why_not = f"There is already a backend {slug}."
        refuse(slug=why_not, name=why_not_backend_name(name))
        backend = Backend.create(slug=slug, name=name, created_at=now(), created_by=username_of(by))
        _record("added", by, backend, name=name)
    return backend


def edit_backend(
    *, by: User | str, backend: Backend, name: str, is_active: bool, accepts_jobs: bool, alert_timeout: int
) -> Backend:
    """Change how people call a backend, whether it is shown and takes new requests, and after how many seconds
    without contact it counts as missing (60 to 86,400). Gives the Backend as it is now.

    Its slug stays: job requests, files and programs name it. Raises `Invalid` with the field's sentence.
    """
    require(why_not_manage_backends(permissions_everywhere(by)))
    name = name.strip()
    refuse(name=why_not_backend_name(name), alert_timeout=why_not_alert_timeout(alert_timeout))
    new = {"name": name, "is_active": is_active, "accepts_jobs": accepts_jobs, "alert_timeout": alert_timeout}
    with writing():
        changed = {field: value for field, value in new.items() if getattr(backend, field) != value}
        _change(backend, **new)
        _record("edited", by, backend, **changed)
    return Backend.get_by_id(backend.id)


def rotate_token(
    *, by: User | str, backend: Backend, overlap: timedelta = timedelta(), runs_here: bool | None = None
) -> str:
    """A new token of 40 hexadecimal digits for the backend, given back this once.

    The one before works on for `overlap`, at most 30 days, and by default ends now; one from before that ends
    now in any case. `runs_here`: whether its jobs run on this server as before, or are fetched by the program that
    gets the token; None means that they are fetched from the first token on, unless an agent has them, and leaves later
    ones as it is. Raises `Invalid` for an overlap that cannot be, and for jobs that an agent has.
    """
    require(why_not_manage_backends(permissions_everywhere(by)))
    refuse(overlap=why_not_overlap(overlap))
    token = secrets.token_hex(20)
    with writing():
        there = Backend.get_by_id(backend.id)
        kept = there.auth_token_hash if overlap else None
        until = now() + overlap if kept else None
        _change(backend, auth_token_hash=token_hash(token), old_token_hash=kept, old_token_until=until)
        if runs_here is None:
            runs_here = (bool(there.auth_token_hash) or there.has_agent) and not there.is_remote
        refuse(runs_here=AGENTS if there.has_agent and not (runs_here or there.is_remote) else None)
        backend.is_remote = there.is_remote
        _set_remote(by, backend, to=not runs_here)
        _record("token-made", by, backend, **({"old_until": wire(until)} if until else {}))
    return token


def set_dispatch(*, by: User | str, backend: Backend, to: str) -> None:
    """How job requests of the backend get to who runs them from now on: one of `rules.DISPATCHES`.

    What is sent to the controller is not run on this server. When it is not sent any more, a program with the backend's token
    fetches it, or, where it has no token, jobs run on this server again, if any do. Raises `Conflict` when it is so already.
    """
    require(why_not_manage_backends(permissions_everywhere(by)))
    refuse(dispatch=None if to in DISPATCHES else f"Choose {' or '.join(DISPATCHES)}.")
    refuse(dispatch=HANDED_ON if to == PUSH and backend.has_agent else None)
    with writing():
        there = (Backend.id == backend.id) & (Backend.dispatch != to)
        changed_one(Backend.update(dispatch=to).where(there), f"{backend.slug} is {to} already.")
        _record("dispatch", by, backend, to=to)
        is_remote = to == PUSH or bool(Backend.get_by_id(backend.id).auth_token_hash)
        _change(backend, is_remote=is_remote)
        backend.dispatch, backend.is_remote = to, is_remote
        database.after_commit(hub.ring)


def _set_remote(by: User | str, backend: Backend, *, to: bool) -> None:
    refuse(runs_here=PUSHED if backend.dispatch == PUSH and not to else None)
    if backend.is_remote != to:
        _change(backend, is_remote=to)
        backend.is_remote = to
        _record("fetched-elsewhere" if to else "run-here", by, backend)
        database.after_commit(hub.ring)


def backend_with_token(token: str) -> Backend | None:
    """The active backend this token belongs to, also by the token before while it still works, or None."""
    given = token_hash(token)
    old = (Backend.old_token_hash == given) & (Backend.old_token_until > now())
    return Backend.get_or_none(((Backend.auth_token_hash == given) | old) & Backend.is_active)


def pause(*, by: User | str, backend: Backend) -> None:
    """Start no new jobs there; those that run go on. Raises `Conflict` when it is paused already."""
    _turn("paused", by=by, backend=backend, to=True)


def resume(*, by: User | str, backend: Backend) -> None:
    """Start jobs there again, also those that were stopped for a restart. Raises `Conflict` when it is not paused."""
    with writing():
        _turn("resumed", by=by, backend=backend, to=False)
        if backend.is_rebooting:
            _set(backend, "is_rebooting", "rebooting_since", to=False)


def prepare_for_reboot(*, by: User | str, backend: Backend) -> None:
    """Start no new jobs there, and stop those that run; they start again after `resume`. May be repeated."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    with writing():
        if not backend.is_paused:
            _turn("paused", by=by, backend=backend, to=True)
        if not backend.is_rebooting:
            _set(backend, "is_rebooting", "rebooting_since", to=True)
            _record("reboot-prepared", by, backend)


def start_maintenance(*, by: User | str, backend: Backend) -> None:
    """The database there is in maintenance: its jobs are stopped and wait, until somebody ends it.

    Raises `Conflict` when somebody has started it already.
    """
    with writing():
        _turn("manual-maintenance-on", by=by, backend=backend, to=True)
        if not backend.is_in_maintenance_mode:
            _turn("maintenance-started", by=by, backend=backend, to=True)


def end_maintenance(*, by: User | str, backend: Backend) -> None:
    """The database there can be used again. Raises `Conflict` when it was not in maintenance."""
    with writing():
        if backend.is_maintenance_manual:
            _turn("manual-maintenance-off", by=by, backend=backend, to=False)
        _turn("maintenance-ended", by=by, backend=backend, to=False)


def report_database(*, by: User | str, backend: Backend, answer: str) -> str:
    """Take what a check of the database says: "", "db-maintenance", or "none;N" or "db-maintenance;N", N from 0 to 2.

    Gives in a sentence what it changed. What a person has switched on wins, and with checks disabled nothing
    changes. Raises `Invalid` for any other answer: a fixed list, so that nothing else gets out this way (B57).
    """
    require(why_not_manage_backends(permissions_everywhere(by)))
    if answer not in DATABASE_ANSWERS:
        raise Invalid(
            {"answer": f"A check of the database answers one of: {', '.join(DATABASE_ANSWERS[1:])}."}
        )
    wanted = answer.startswith("db-maintenance")
    if backend.are_checks_disabled:
        return "Checks of the database are disabled, so this changes nothing."
    if backend.is_maintenance_manual and not wanted:
        return "A person has switched maintenance on, so it stays on."
    if wanted == backend.is_in_maintenance_mode:
        return f"Database maintenance of {backend.slug} stays {'on' if wanted else 'off'}."
    _turn("maintenance-started" if wanted else "maintenance-ended", by=by, backend=backend, to=wanted)
    return f"Database maintenance of {backend.slug} is {'on' if wanted else 'off'}."


def set_checks(*, by: User | str, backend: Backend, disabled: bool) -> None:
    """Whether reports of the database count. Setting what holds already changes nothing, its time neither."""
    require(why_not_manage_backends(permissions_everywhere(by)))
    if backend.are_checks_disabled != disabled:
        _turn("checks-disabled" if disabled else "checks-enabled", by=by, backend=backend, to=disabled)


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


_TURNS = {
    "paused": ("is_paused", "paused_since", "{} is paused already."),
    "resumed": ("is_paused", "paused_since", "{} is not paused."),
    "maintenance-started": ("is_in_maintenance_mode", "maintenance_since", "{} is in maintenance already."),
    "maintenance-ended": ("is_in_maintenance_mode", "maintenance_since", "{} is not in maintenance."),
    "manual-maintenance-on": (
        "is_maintenance_manual", "maintenance_manual_since", "{} is in maintenance already.",
    ),
    "manual-maintenance-off": (
        "is_maintenance_manual", "maintenance_manual_since", "{} is not in maintenance.",
    ),
    "checks-disabled": ("are_checks_disabled", "checks_disabled_since", "Checks of {} are disabled already."),
    "checks-enabled": ("are_checks_disabled", "checks_disabled_since", "Checks of {} are not disabled."),
}  # fmt: skip
"""Each turn of a flag: its column, the column of its time, and the refusal when there is nothing to turn."""


def _turn(what: str, *, by: User | str, backend: Backend, to: bool) -> None:
    require(why_not_manage_backends(permissions_everywhere(by)))
    flag, since, already = _TURNS[what]
    with writing():
        _set(backend, flag, since, to=to, otherwise=already.format(backend.slug))
        _record(what, by, backend)


def _set(
    backend: Backend, flag: str, since: str, *, to: bool, otherwise: str = "Somebody was quicker."
) -> None:
    other = (Backend.id == backend.id) & (getattr(Backend, flag) == (not to))
    values = {flag: to, since: now()}
    changed_one(Backend.update(values).where(other), otherwise)
    database.after_commit(hub.ring)
    for name, value in values.items():
        setattr(backend, name, value)


def _change(backend: Backend, **values: object) -> None:
    changed_one(
        Backend.update(**values).where(Backend.id == backend.id),
        f"There is no backend {backend.slug} any more.",
    )


def _record(what: str, by: User | str, backend: Backend, **data: object) -> None:
    record(f"backend:{what}", by=username_of(by), subject=f"backend:{backend.slug}", **data)
