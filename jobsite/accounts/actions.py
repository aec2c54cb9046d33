"""What is done to people: added, edited, given roles, deactivated."""

from collections.abc import Sequence

from jobsite.accounts.models import Session, User, permissions_everywhere, username_of
from jobsite.accounts.queries import user_named
from jobsite.accounts.rules import (
    GLOBAL,
    why_not_email,
    why_not_fullname,
    why_not_manage,
    why_not_roles,
    why_not_username,
)
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Denied, refuse, require
from jobsite.core.events import record


def add_user(
    *, by: User | str, username: str, fullname: str, email: str = "", roles: Sequence[str] = ()
) -> User:
    """Add a person, with global roles. Gives the User.

    An address given here counts as confirmed, since staff or the owner of the machine gave it. Raises
    `Invalid` with the field's sentence when something cannot be used or is taken, `Denied` when `by` may
    not manage people.
    """
    require(why_not_manage(permissions_everywhere(by)))
    username, fullname, email = username.strip(), fullname.strip(), email.strip().lower()
    problems = {"username": why_not_username(username), "fullname": why_not_fullname(fullname)}
    problems |= {"email": why_not_email(email), "roles": why_not_roles(roles, GLOBAL)}
    with writing():
        problems["username"] = problems["username"] or _taken(
            user_named(username), f"There is already a user {username}."
        )
        problems["email"] = problems["email"] or _why_not_free(email)
        refuse(**problems)
        user = User.create(
            username=username,
            fullname=fullname,
            email=email or None,
            email_confirmed_at=now() if email else None,
            roles=list(dict.fromkeys(roles)),
            date_joined=now(),
            created_by=username_of(by),
        )
        record("user:added", by=username_of(by), subject=f"user:{username}", roles=user.roles)
    return user


def edit_user(*, by: User | str, user: User, fullname: str, email: str) -> User:
    """Change a person's name and e-mail address; people change their own, staff anybody's.

    A new address that a person gives is not confirmed: it is no sign-in name. Gives the User as it is now.
    Raises `Invalid` with the field's sentence.
    """
    own = username_of(by) == user.username
    if not own:
        require(why_not_manage(permissions_everywhere(by)))
    fullname, email = fullname.strip(), email.strip().lower()
    problems = {"fullname": why_not_fullname(fullname), "email": why_not_email(email)}
    with writing():
        problems["email"] = problems["email"] or _why_not_free(email, but=user)
        refuse(**problems)
        confirmed = (
            user.email_confirmed_at if email == (user.email or "") else None if own or not email else now()
        )
        change = {User.fullname: fullname, User.email: email or None, User.email_confirmed_at: confirmed}
        changed_one(User.update(change).where(User.id == user.id), "There is no such user any more.")
        changed = [
            name
            for name, new in (("fullname", fullname), ("email", email))
            if new != (getattr(user, name) or "")
        ]
        record("user:edited", by=username_of(by), subject=f"user:{user.username}", changed=changed)
    return User.get_by_id(user.id)


def set_roles(*, by: User | str, user: User, roles: Sequence[str]) -> User:
    """Give a person exactly these global roles. Counts from the person's next request on.

    Raises `Invalid` when a name is no global role, `Denied` when `by` may not manage people.
    """
    require(why_not_manage(permissions_everywhere(by)))
    refuse(roles=why_not_roles(roles, GLOBAL))
    with writing():
        before = User.get_by_id(user.id).roles
        after = list(dict.fromkeys(roles))
        changed_one(User.update(roles=after).where(User.id == user.id), "There is no such user any more.")
        record("user:roles", by=username_of(by), subject=f"user:{user.username}", before=before, after=after)
    return User.get_by_id(user.id)


def clear_roles(*, by: User | str, user: User) -> User:
    """Take all global roles from a person; those in projects are the projects'. Raises `Denied`."""
    return set_roles(by=by, user=user, roles=())


def deactivate(*, by: User | str, user: User) -> None:
    """Shut a person out at once: all sessions end, the token is gone, no new one is made. History stays.

    Raises `Conflict` when it has been done already, `Denied` when `by` may not manage people.
    """
    require(why_not_manage(permissions_everywhere(by)))
    if username_of(by) == user.username:
        raise Denied("You cannot deactivate yourself. Ask another Staff Area Administrator.")
    gone = {User.is_active: False, User.login_token_hash: None, User.login_token_expires_at: None}
    with writing():
        active = (User.id == user.id) & User.is_active
        changed_one(User.update(gone).where(active), f"{user.username} has been deactivated already.")
        Session.update(ended_at=now()).where(Session.user == user, Session.ended_at.is_null()).execute()
        record("user:deactivated", by=username_of(by), subject=f"user:{user.username}")


def reactivate(*, by: User | str, user: User) -> None:
    """Let a deactivated person in again, with the roles they had. Raises `Conflict` when they are active."""
    require(why_not_manage(permissions_everywhere(by)))
    with writing():
        inactive = (User.id == user.id) & ~User.is_active
        changed_one(User.update(is_active=True).where(inactive), f"{user.username} is active already.")
        record("user:activated", by=username_of(by), subject=f"user:{user.username}")


def _why_not_free(email: str, but: User | None = None) -> str | None:
    holder = User.get_or_none(User.email == email) if email else None
    return _taken(holder if holder != but else None, "This e-mail address belongs to another user.")


def _taken(holder: User | None, sentence: str) -> str | None:
    return sentence if holder is not None else None
