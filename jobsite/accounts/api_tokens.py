"""Tokens with which programs act for people and bots (specification 9.1, PAT).

A token is 64 hexadecimal digits and the day it ends: `…-2026-11-30`. Only its SHA-256 is kept: 256 random bits need no
slow hash. A program sends `Authorization: username:token`, or `Authorization: Bearer token`.
"""

import hmac
import re
import secrets
from datetime import date, datetime, time, timedelta

from jobsite.accounts.models import ApiToken, User, permissions_everywhere, token_hash, username_of
from jobsite.accounts.queries import user_named
from jobsite.accounts.rules import why_not_days, why_not_manage, why_not_token_name
from jobsite.core.clock import now, wire
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import Denied, refuse, require
from jobsite.core.events import record

MOST = 20
NOTED_EVERY = timedelta(hours=1)
NO_USER = "Invalid user"
NO_PERMISSION = "You do not have permission to perform this action."


def make_api_token(*, by: User | str, user: User, name: str, days: int = 90) -> str:
    """A new token of a person or bot that ends after `days` (1 to 90), given back this once.

    People make their own; staff and commands anybody's. Raises `Invalid` with the field's sentence, also when there
    are 20 already, and `Denied`.
    """
    if username_of(by) != user.username:
        require(why_not_manage(permissions_everywhere(by)))
    name = name.strip()
    last = now().date() + timedelta(days=days) if why_not_days(days) is None else now().date()
    token = f"{secrets.token_hex(32)}-{last.isoformat()}"
    with writing():
        if not User.get_by_id(user.id).is_active:
            raise Denied("This account has been deactivated. Ask staff.")
        there = api_tokens_of(user)
        refuse(name=why_not_token_name(name, [one.name for one in there], MOST), days=why_not_days(days))
        ApiToken.create(
            user=user,
            name=name,
            token_hash=token_hash(token),
            expires_at=_end_of(last),
            created_at=now(),
            created_by=username_of(by),
        )
        _record("api-token-made", by, user, name=name, expires_at=wire(_end_of(last)))
    return token


def revoke_api_token(*, by: User | str, user: User, number: int) -> None:
    """End one token of a person or bot, by its number. Raises `Conflict` when it is not theirs or has ended."""
    if username_of(by) != user.username:
        require(why_not_manage(permissions_everywhere(by)))
    with writing():
        theirs = (ApiToken.id == number) & (ApiToken.user == user) & ApiToken.revoked_at.is_null()
        changed_one(ApiToken.update(revoked_at=now()).where(theirs), "This token has ended already.")
        _record("api-token-revoked", by, user, name=ApiToken.get_by_id(number).name)


def api_tokens_of(user: User) -> list[ApiToken]:
    """The tokens of a person or bot that work, newest first. One query."""
    alive = (ApiToken.user == user) & ApiToken.revoked_at.is_null() & (ApiToken.expires_at > now())
    return list(ApiToken.select().where(alive).order_by(ApiToken.id.desc()))


def person_with_token(header: str) -> User:
    """The active person or bot whose token an `Authorization` header holds; `api_token` is set to the token's row.

    Raises `Denied` with the sentence of the specification: `Invalid user` for a name that nobody has, else that there
    is no permission, whatever was wrong. The last use is written at most once an hour.
    """
    username, token = _parts(header)
    if username is not None and user_named(username) is None:
        raise Denied(NO_USER)
    found = ApiToken.select(ApiToken, User).join(User).where(ApiToken.token_hash == token_hash(token)).first()
    if found is None or not _usable(found, username, token):
        raise Denied(NO_PERMISSION)
    if found.last_used_at is None or now() - found.last_used_at >= NOTED_EVERY:
        ApiToken.update(last_used_at=now()).where(ApiToken.id == found.id).execute()
    person = found.user
    person.api_token = found
    return person


def _parts(header: str) -> tuple[str | None, str]:
    """The username (None where it is not named) and the token of a header."""
    bearer = re.fullmatch(r"[Bb]earer +(\S+)", header.strip())
    if bearer:
        return None, bearer[1]
    username, colon, token = header.strip().rpartition(":")
    if not colon or not username:
        raise Denied(NO_PERMISSION)
    return username.strip(), token.strip()


def _usable(found: ApiToken, username: str | None, token: str) -> bool:
    """Whether this token of the table may be used now by the one who is named; every doubt is a no."""
    same = hmac.compare_digest(found.token_hash, token_hash(token))
    owner = found.user
    named = username is None or owner.username.lower() == username.lower()
    return same and named and owner.is_active and found.revoked_at is None and now() < found.expires_at


def _end_of(day: date) -> datetime:
    """A token works on the whole of its last day, UTC."""
    return datetime.combine(day + timedelta(days=1), time())


def _record(what: str, by: User | str, user: User, **data: object) -> None:
    record(f"user:{what}", by=username_of(by), subject=f"user:{user.username}", **data)
