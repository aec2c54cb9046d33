"""Signing in as who a provider says one is: by its number for the person, never by a name (specification 5.1)."""

from peewee import fn

from jobsite import settings
from jobsite.accounts.models import Identity, User, permissions_everywhere, username_of
from jobsite.accounts.providers import Profile
from jobsite.accounts.queries import identities_of, user_named, user_signing_in, why_email_not_free
from jobsite.accounts.rules import (
    free_username,
    why_not_adopt,
    why_not_email,
    why_not_fullname,
    why_not_log_in,
    why_not_manage,
    why_not_username,
)
from jobsite.accounts.sessions import sign_out_everywhere, start
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Denied, refuse, require
from jobsite.core.events import record


def sign_in_with(*, profile: Profile, user_agent: str) -> tuple[User, str, bool]:
    """Sign in the person whose identity this is, or make one at a first sign-in.

    Gives the person, the token of a new session, and whether a name has to be asked for. Raises `Denied` for an
    account that cannot log in, and for a first sign-in under the name of an account that is not free: it says whom
    to ask.
    """
    with writing():
        mine = (Identity.provider == profile.provider) & (Identity.uid == profile.uid)
        known = Identity.select(Identity, User).join(User).where(mine).first()
        person = known.user if known else _first_sign_in(profile)
        require(why_not_log_in(person.is_active, person.is_bot))
        # Only for people to read: at the provider the name may have become another.
        Identity.update(name_there=profile.login or profile.proposed).where(mine).execute()
        User.update(last_login=now()).where(User.id == person.id).execute()
        session = start(person=person, way=profile.way, user_agent=user_agent)
        record("session:started", by=person.username, subject=f"user:{person.username}", way=profile.way)
    return User.get_by_id(person.id), session, known is None and person.fullname == person.username


def link(*, by: User | str, user: User, provider: str, uid: str) -> Identity:
    """Let whoever has this number at a provider log in as `user`: "github", or the address of a server or issuer.

    For those whom a first sign-in refuses: the refusal tells them their number. Raises `Invalid` when the number is
    missing or somebody's already, `Denied` when `by` may not manage people or `user` is a bot.
    """
    require(why_not_manage(permissions_everywhere(by)))
    require(why_not_log_in(True, user.is_bot))
    provider, uid = provider.strip().rstrip("/"), uid.strip()
    with writing():
        holder = Identity.get_or_none((Identity.provider == provider) & (Identity.uid == uid))
        taken = f"This is {holder.user.username} already." if holder else None
        refuse(provider=None if provider else "Enter a provider.", uid=taken if uid else "Enter a number.")
        made = Identity.create(
            provider=provider, uid=uid, user=user, name_there=user.username, created_at=now()
        )
        _record("identity-added", by, user, provider)
    return made


def unlink(*, by: User | str, user: User) -> int:
    """Forget who a person is at all providers, and end their logins; gives how many identities there were."""
    require(why_not_manage(permissions_everywhere(by)))
    with writing():
        gone = Identity.delete().where(Identity.user == user).execute()
        _record("identity-removed", by, user, "all")
        sign_out_everywhere(by=by, user=user)
    return gone


def _record(what: str, by: User | str, user: User, provider: str) -> None:
    record(f"user:{what}", by=username_of(by), subject=f"user:{user.username}", provider=provider)


def _first_sign_in(profile: Profile) -> User:
    person = _adopted(profile) or _new(profile)
    Identity.create(
        provider=profile.provider,
        uid=profile.uid,
        user=person,
        name_there=profile.login or profile.proposed,
        created_at=now(),
    )
    record(
        "user:identity-added",
        by=person.username,
        subject=f"user:{person.username}",
        provider=profile.provider,
    )
    return person


def _adopted(profile: Profile) -> User | None:
    """The account made for this person before they first came, or None where no account has that name.

    A provider that guarantees no usernames is asked for the address instead, which staff gave and it has checked.
    """
    found = user_named(profile.login) if profile.login else None
    if found is None and not profile.login and profile.email:
        found = user_signing_in(profile.email)
    if found is None:
        return None
    why_not = why_not_adopt(
        found.username,
        made_by_others=found.created_by != found.username,
        has_identity=bool(identities_of(found)),
        can_log_in=why_not_log_in(found.is_active, found.is_bot) is None,
    )
    if why_not and profile.login:
        raise Denied(f"{why_not} {_whom_to_ask()} Your number at {profile.way} is {profile.uid}.")
    return None if why_not else found


def _new(profile: Profile) -> User:
    if profile.login:
        username = profile.login
    else:
        username = free_username(profile.proposed, {name for (name,) in _usernames()})
    if why_not := why_not_username(username):
        raise Denied(f"{why_not} {_whom_to_ask()}")
    email = "" if why_not_email(profile.email) or why_email_not_free(profile.email) else profile.email
    person = User.create(
        username=username,
        fullname=profile.name if why_not_fullname(profile.name) is None else username,
        email=email or None,
        email_confirmed_at=now() if email else None,
        date_joined=now(),
        created_by=username,
    )
    record("user:added", by=username, subject=f"user:{username}", roles=[], way=profile.way)
    return person


def _usernames() -> list[tuple[str]]:
    return list(User.select(fn.LOWER(User.username)).tuples())


def _whom_to_ask() -> str:
    support = settings.current().support
    return f"Write to {support}." if support else "Ask the people who run this site."
