"""Changing one's e-mail address: a new one counts only after the link sent to it was followed.

Mails are another room's: at `user:email-asked` it sends `confirmation_path` to `user.new_email` and tells `user.email`;
at `user:email-changed` it tells `user.old_email`. No event holds an address.
"""

import hashlib
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeSerializer

from jobsite import settings
from jobsite.accounts.models import User
from jobsite.accounts.queries import why_email_not_free
from jobsite.accounts.rules import why_not_email
from jobsite.core.clock import now, wire
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import NotFound, refuse
from jobsite.core.events import record
from jobsite.instance import secret_key

LIFETIME = timedelta(hours=24)
USED = "This link cannot be used any more. Ask for the change again in Settings."
NOT_YOURS = "This link is for another account. Log in with the account that asked for it."


def ask(*, by: User, email: str) -> None:
    """Ask for another address of one's own, "" for none. Raises `Invalid` with the sentence of the field `email`.

    The address there is stays until the link is followed, within 24 hours; asking again replaces what was asked.
    No address at all counts at once.
    """
    email = email.strip().lower()
    with writing():
        refuse(email=why_not_email(email) or why_email_not_free(email, but=by))
        if email:
            _set(by, new_email=email, new_email_asked_at=now())
            record("user:email-asked", by=by.username, subject=f"user:{by.username}")
        else:
            _change(by, None)


def withdraw(*, by: User) -> None:
    """Keep the address there is: the link that was sent stops working."""
    with writing():
        _set(by, new_email=None)
        record("user:email-withdrawn", by=by.username, subject=f"user:{by.username}")


def confirmation_path(user: User, address: str) -> str:
    """The path of the link to send to `address`, which `user` has asked for. It holds no address in clear."""
    facts = [user.id, _digest(address), wire(user.new_email_asked_at)]
    return f"/settings/email/{_signer().dumps(facts)}/"


def address_to_confirm(*, by: User, signed: str) -> str:
    """The address that a link confirms for the one who follows it.

    Raises `NotFound` with a sentence for a link that is forged, too old, replaced, used, or another person's.
    """
    try:
        number, digest, asked = _signer().loads(signed)
    except (BadSignature, TypeError, ValueError):
        raise NotFound(USED) from None
    if number != by.id:
        raise NotFound(NOT_YOURS)
    asked_at, address = by.new_email_asked_at, by.new_email
    if (
        address is None
        or (digest, asked) != (_digest(address), wire(asked_at))
        or now() >= asked_at + LIFETIME
    ):
        raise NotFound(USED)
    return address


def confirm(*, by: User, signed: str) -> str:
    """Use the address that the link confirms from now on, also to log in; gives it.

    Raises what `address_to_confirm` does, and `Invalid` when it has become another person's meanwhile.
    """
    with writing():
        person = User.get_by_id(by.id)
        address = address_to_confirm(by=person, signed=signed)
        refuse(email=why_email_not_free(address, but=person))
        _change(person, address)
    return address


def _change(person: User, address: str | None) -> None:
    confirmed = now() if address else None
    _set(person, email=address, email_confirmed_at=confirmed, old_email=person.email, new_email=None)
    record("user:email-changed", by=person.username, subject=f"user:{person.username}")


def _set(person: User, **values: object) -> None:
    changed_one(User.update(**values).where(User.id == person.id), "There is no such user any more.")


def _digest(address: str) -> str:
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()[:16]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(secret_key(settings.current()), salt="jobsite.email-change")
