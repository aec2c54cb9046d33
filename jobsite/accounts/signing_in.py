"""Signing in with single-use tokens of three words (specification 5.3)."""

import importlib.resources
import secrets
import threading
from collections.abc import Mapping, Sequence
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from jobsite import settings
from jobsite.accounts.models import Backend, User, permissions_everywhere, username_of
from jobsite.accounts.queries import backends_of, user_named, user_signing_in, why_no_token
from jobsite.accounts.rules import neighbourhood, why_not_manage
from jobsite.accounts.sessions import start
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Conflict, Denied, NotFound, Refused, require
from jobsite.core.events import record
from jobsite.core.limits import Limits

FAILED = "Login failed. The user or token may be incorrect, or the token may have expired."
WAY = "a single-use token"

# Argon2id, RFC 9106's second recommended cost: 64 MiB and a sixth of a second, so never inside a transaction.
hasher = PasswordHasher()
# One guess at a time: it makes the count of wrong tries exact and bounds the memory that guesses can take.
_guessing = threading.Lock()


class LoginFailed(Refused):
    """The name or the token was wrong, used or old; the sentence does not say which."""


class NobodyAnswers(Refused):
    """Whoever knows the tokens does not answer, so that nobody can tell whether this one is right."""


@cache
def words() -> Sequence[str]:
    """The words tokens are made of: those of the EFF long list with 5 to 9 letters, about 7,000."""
    text = importlib.resources.files("xkcdpass").joinpath("static/eff-long").read_text("utf-8")
    return tuple(word for word in text.split() if 5 <= len(word.replace("-", "")) <= 9)


def plain(token: str) -> str:
    """A token as it is hashed and compared: lower case, without white space and hyphens."""
    return "".join(token.lower().split()).replace("-", "")


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


def sign_in(*, user: str, token: str, address: str, limits: Limits, user_agent: str = "") -> tuple[User, str]:
    """Sign in with a username or confirmed e-mail address and a single-use token.

    Gives the person and the token of a new session. Of two uses of one token at once, one wins. Raises
    `LoginFailed` whatever was wrong, after the same time whoever was named, and `TooMany` once the tries
    of 15 minutes are used up (10 for an account, 30 for an address).
    """
    person = user_signing_in(user)
    _try(person, user, token, limits, {"sign-in per address": neighbourhood(address)})
    if person is None:
        raise LoginFailed(FAILED)
    try:
        with writing():
            _use_token(person)
            session = start(person=person, way=WAY, user_agent=user_agent)
    except Conflict:
        raise LoginFailed(FAILED) from None
    return User.get_by_id(person.id), session


def authenticate(*, by: Backend, user: str, token: str, limits: Limits) -> User:
    """The person whose single-use token a backend was given, which is used up; no session is started.

    For programs at Level 4 (specification 9.4): they may tell what was wrong, so `LoginFailed` does. Who is no member of
    the backend that asks is refused, and their token is not used up. Raises `TooMany` once the tries of 15 minutes are used up (10 for an account, 100 for a backend).
    """
    person = user_signing_in(user)
    try:
        _try(person, user, token, limits, {"sign-in per backend": by.slug})
        if person is None or by not in backends_of(person):
            raise LoginFailed(FAILED)
        with writing():
            _use_token(person)
    except LoginFailed:
        raise LoginFailed(_why_refused(by, person, user)) from None
    except Conflict:
        raise LoginFailed(f"No login token set for {user}") from None
    return User.get_by_id(person.id)


def authorise(*, by: Backend, user: str) -> User:
    """The person of that username, who may still work on this backend (specification 9.4).

    Raises `NotFound` for a name nobody has, and `Denied` with what is wrong.
    """
    person = user_named(user)
    if person is None:
        raise NotFound("No User matches the given query.")
    if by not in backends_of(person) or why_no_token(person) is not None:
        raise Denied(_why_refused(by, person, user))
    return person


def _try(person: User | None, named: str, token: str, limits: Limits, also: Mapping[str, str]) -> None:
    """Raise `LoginFailed`, counted, unless the token is the person's and can be used."""
    account = f"user:{person.id}" if person else f"name:{named.strip().lower()[:254]}"
    keys = {"sign-in per account": account, **also}
    with _guessing:
        for limit, key in keys.items():
            limits.check(limit, key)
        if not _fits(person, token):
            for limit, key in keys.items():
                limits.count(limit, key)
            raise LoginFailed(FAILED)


def _fits(person: User | None, token: str) -> bool:
    """Whether the token is theirs and can be used. Hashes once in every case: it takes equal time."""
    try:
        if person is None or person.login_token_hash is None:
            hasher.hash(plain(token))
            return False
        hasher.verify(person.login_token_hash, plain(token))
    except VerifyMismatchError:
        return False
    return person.login_token_expires_at > now() and why_no_token(person) is None


def _why_refused(by: Backend, person: User | None, named: str) -> str:
    """What was wrong, in the words of the specification, 9.4."""
    if person is None:
        return "User matching query does not exist."
    if by not in backends_of(person):
        return f"User {named} does not have access to any backends"
    if why_no_token(person) is not None:
        return f"User {named} is not a github user"
    if person.login_token_hash is None:
        return f"No login token set for {named}"
    return f"Token for {named} {'has expired' if person.login_token_expires_at <= now() else 'was invalid'}"


def _use_token(person: User) -> None:
    """Clear the token, inside the transaction that needs it; raises `Conflict` for a token cleared meanwhile."""
    unused = (User.id == person.id) & (User.login_token_hash == person.login_token_hash) & User.is_active
    cleared = {User.login_token_hash: None, User.login_token_expires_at: None, User.last_login: now()}
    changed_one(User.update(cleared).where(unused), FAILED)
    record("token:used", by=person.username, subject=f"user:{person.username}")
