"""What is read about people and backends."""

from collections.abc import Sequence

from peewee import ModelSelect, fn

from jobsite import settings
from jobsite.accounts.models import Backend, BackendMembership, Identity, User
from jobsite.accounts.rules import GLOBAL, roles_in, why_not_log_in, why_not_token
from jobsite.core.db import any_of
from jobsite.core.errors import NotFound


def user_named(username: str) -> User | None:
    """The person of that username, ignoring case, or None."""
    return User.get_or_none(fn.LOWER(User.username) == username.lower())


def user_or_stop(username: str) -> User:
    """The person of that username, ignoring case; raises `NotFound` with a sentence."""
    found = user_named(username)
    if found is None:
        raise NotFound(f"There is no user {username}.")
    return found


def user_signing_in(name: str) -> User | None:
    """The person who may be meant by a username or a confirmed e-mail address, ignoring case, or None."""
    wanted = name.strip().lower()
    confirmed = (User.email == wanted) & User.email_confirmed_at.is_null(False)
    return User.get_or_none((fn.LOWER(User.username) == wanted) | confirmed)


def users() -> list[User]:
    """Everybody, by name and then username, ignoring case."""
    return list(User.select().order_by(fn.LOWER(User.fullname), fn.LOWER(User.username)))


def holders(permission: str) -> ModelSelect:
    """The active people who have a permission by a global role, by name and then username, ignoring case."""
    names = [role.name for role in roles_in(GLOBAL) if permission in role.permissions]
    held = any_of(User.roles.cast("text").contains(f'"{name}"') for name in names)
    return (
        User.select().where(User.is_active & held).order_by(fn.LOWER(User.fullname), fn.LOWER(User.username))
    )


def why_email_not_free(email: str, but: User | None = None) -> str | None:
    """Why nobody but that person can have this address, or None."""
    holder = User.get_or_none(User.email == email) if email else None
    if holder is not None and holder != but:
        return "This e-mail address belongs to another user."
    return None


def backend_or_stop(slug: str) -> Backend:
    """The backend of that slug; raises `NotFound` with a sentence."""
    found = Backend.get_or_none(Backend.slug == slug)
    if found is None:
        raise NotFound(f"There is no backend {slug}.")
    return found


def backends() -> list[Backend]:
    """All backends by name."""
    return list(Backend.select().order_by(fn.LOWER(Backend.name), Backend.slug))


def runs_here(backend: Backend) -> bool:
    """Whether jobs of the backend run on this very server; otherwise a program elsewhere fetches them with its token.

    A secure side runs those of its only backend, a public side none, and a site of both those of backends whose
    requests nobody fetches.
    """
    side = settings.current().side
    return side == "secure" or (side == "both" and not backend.is_remote)


def executes_here(backend: Backend) -> bool:
    """Whether this very server carries out the jobs of the backend, so that their files and logs are here.

    Jobs that an agent carries out are planned and scheduled here (`runs_here`), and their files stay with the agent.
    """
    return runs_here(backend) and not backend.has_agent


def why_no_token(user: User) -> str | None:
    """Why this person gets no single-use token, and cannot use one, or None (specification 5.3).

    Where neither GitHub nor OpenID Connect is set up, no identity and no membership is asked for.
    """
    if not membership_asked_for():
        return why_not_log_in(user.is_active, user.is_bot)
    return why_no_token_with(user, identities_of(user), backends_of(user))


def why_no_token_with(user: User, identities: Sequence[Identity], backends: Sequence[Backend]) -> str | None:
    """The same, for whoever has read the person's identities and backends already."""
    why_not = why_not_log_in(user.is_active, user.is_bot)
    return (
        why_not_token(bool(identities), backends) if why_not is None and membership_asked_for() else why_not
    )


def identities_of(user: User) -> list[Identity]:
    """Who a person is at GitHub and OpenID Connect providers, oldest first."""
    return list(Identity.select().where(Identity.user == user).order_by(Identity.id))


def membership_asked_for() -> bool:
    """Whether people must be made members of a backend one by one.

    Not where neither GitHub nor OpenID Connect is set up (a small team on its own machine): there every
    active user counts as a member of every active backend.
    """
    current = settings.current()
    return bool(current.github_client_id or current.oidc_issuer)


def backends_of(user: User) -> list[Backend]:
    """The active backends a person is a member of, by name; none for a person who is not active.

    Where membership is not asked for (`membership_asked_for`) those are all active backends.
    """
    return list(backends_reached(user)) if user.is_active else []


def backends_reached(user: User) -> ModelSelect:
    """The same as a query, to be part of another."""
    active = Backend.select().where(Backend.is_active, user.is_active)
    if membership_asked_for():
        active = active.join(BackendMembership).where(BackendMembership.user == user)
    return active.order_by(fn.LOWER(Backend.name), Backend.slug)
