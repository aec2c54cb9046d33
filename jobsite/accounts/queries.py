"""What is read about people and backends."""

from peewee import fn

from jobsite import settings
from jobsite.accounts.models import Backend, BackendMembership, User
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


def backend_or_stop(slug: str) -> Backend:
    """The backend of that slug; raises `NotFound` with a sentence."""
    found = Backend.get_or_none(Backend.slug == slug)
    if found is None:
        raise NotFound(f"There is no backend {slug}.")
    return found


def backends() -> list[Backend]:
    """All backends by name."""
    return list(Backend.select().order_by(fn.LOWER(Backend.name), Backend.slug))


def membership_asked_for() -> bool:
    """Whether people must be made members of a backend one by one.

    Not where neither GitHub nor OpenID Connect is set up (a small team on its own machine): there every
    active user counts as a member of every active backend (contract, section 7).
    """
    current = settings.current()
    return bool(current.github_client_id or current.oidc_issuer)


def backends_of(user: User) -> list[Backend]:
    """The active backends a person is a member of, by name; none for a person who is not active.

    Where membership is not asked for (`membership_asked_for`) those are all active backends.
    """
    if not user.is_active:
        return []
    active = Backend.select().where(Backend.is_active).order_by(fn.LOWER(Backend.name), Backend.slug)
    if membership_asked_for():
        active = active.join(BackendMembership).where(BackendMembership.user == user)
    return list(active)
