"""What is done to people: added, edited, given roles, deactivated."""

from collections.abc import Sequence

from jobsite.accounts import email_change
from jobsite.accounts.models import ApiToken, Session, User, permissions_everywhere, username_of
from jobsite.accounts.queries import user_named, why_email_not_free
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
    *,
    by: User | str,
    username: str,
    fullname: str,
    email: str = "",
    roles: Sequence[str] = (),
    bot: bool = False,
) -> User:
    """Add a person, or a bot, which cannot log in and acts with API tokens only, with global roles. Gives the User.

    An address given here counts as confirmed, since staff or the owner of the machine gave it. Raises
    `Invalid` with the field's sentence when something cannot be used or is taken, `Denied` when `by` may
    not manage people.
    """
    require(why_not_manage(permissions_everywhere(by)))
    username, fullname, email = username.strip(), fullname.strip(), email.strip().lower()
    problems = {"username": why_not_username(username), "fullname": why_not_fullname(fullname)}
    problems |= {"email": why_not_email(email), "roles": why_not_roles(roles, GLOBAL)}
    with writing():
        if problems["username"] is None and user_named(username) is not None:
            problems["username"] = f"There is already a user {username}."
        problems["email"] = problems["email"] or why_email_not_free(email)
        refuse(**problems)
        user = User.create(
            username=username,
            fullname=fullname,
            email=email or None,
            email_confirmed_at=now() if email else None,
            roles=list(dict.fromkeys(roles)),
            is_bot=bot,
            date_joined=now(),
            created_by=username_of(by),
        )
        facts = {"roles": user.roles} | ({"bot": True} if bot else {})
        record("user:added", by=username_of(by), subject=f"user:{username}", **facts)
    return user


def edit_user(*, by: User | str, user: User, fullname: str, email: str) -> User:
    """Change a person's name and e-mail address; people change their own, staff anybody's. Gives the User as it is now.

    A new address that staff give counts at once; one's own only after its link was followed (`email_change`).
    Raises `Invalid` with the field's sentence.
    """
    own = username_of(by) == user.username
    if not own:
        require(why_not_manage(permissions_everywhere(by)))
    fullname, email = fullname.strip(), email.strip().lower()
    problems = {"fullname": why_not_fullname(fullname), "email": why_not_email(email)}
    with writing():
        problems["email"] = problems["email"] or why_email_not_free(email, but=user)
        refuse(**problems)
        change: dict[str, object] = {} if fullname == user.fullname else {"fullname": fullname}
        if own and email != (user.email or ""):
            email_change.ask(by=user, email=email)
        elif email != (user.email or ""):
            change |= {"email": email or None, "email_confirmed_at": now() if email else None}
            change |= {"old_email": user.email, "new_email": None}
        if change:
            query = User.update(change).where(User.id == user.id)
            changed_one(query, "There is no such user any more.")
            changed = [name for name in ("fullname", "email") if name in change]
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


def deactivate(*, by: User | str, user: User) -> None:
    """Shut a person out at once: all sessions and tokens end, no new ones are made. History stays.

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
        ApiToken.update(revoked_at=now()).where(
            ApiToken.user == user, ApiToken.revoked_at.is_null()
        ).execute()
        record("user:deactivated", by=username_of(by), subject=f"user:{user.username}")


def reactivate(*, by: User | str, user: User) -> None:
    """Let a deactivated person in again, with the roles they had. Raises `Conflict` when they are active."""
    require(why_not_manage(permissions_everywhere(by)))
    with writing():
        inactive = (User.id == user.id) & ~User.is_active
        changed_one(User.update(is_active=True).where(inactive), f"{user.username} is active already.")
        record("user:activated", by=username_of(by), subject=f"user:{user.username}")
