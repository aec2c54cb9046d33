"""One-time tickets: each form of the desk carries one, and what it did is done once however often it is sent (6, OC8).

The ticket is stored by the verb's own transaction, with the change and its event, so that no kill and no race can part them.
A form that was refused has changed nothing and may be sent again.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from peewee import IntegrityError

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, Refused
from jobsite.releases.requests.models import ReleaseRequest, Ticket

Done = TypeVar("Done")

KEPT = timedelta(days=2)
"""So long a ticket is known: the browser of a page that is older asks for a login, or its request has moved on."""
_FORM = re.compile(r"[A-Za-z0-9_-]{22}")


class UsedBefore(Conflict):
    """The ticket of this form was used before: nothing is done again."""

    def __init__(self) -> None:
        super().__init__("This form has been sent already. Reload the page.")


@dataclass
class _Using:
    person: User
    number: str
    is_kept: bool = False


_using: ContextVar[_Using | None] = ContextVar("using", default=None)


def new_ticket() -> str:
    """A ticket for one form: 128 random bits in 22 characters."""
    return secrets.token_urlsafe(16)


def ticket_of(form: Iterable[tuple[str, str]]) -> str:
    """The ticket of a form as it was filled in, made of what its page gave it and of all its fields; "" without one.

    So a page that is shown again by the browser and sent with another text is another form, and nothing typed is lost.
    """
    fields = sorted(pair for pair in form if pair[0] != "csrf_token")
    if not _FORM.fullmatch(dict(fields).get("ticket", "")):
        return ""
    filled_in = hashlib.sha256(json.dumps(fields).encode()).digest()
    return base64.urlsafe_b64encode(filled_in).decode()[:22]


def once(*, by: User, ticket: str, verb: Callable[[], Done]) -> Done | ReleaseRequest:
    """What the verb gives; where this ticket has been used before, the request that it was used on, and nothing is done.

    Without a ticket, as a script sends the form, the verb is simply called. Raises what the verb raises.
    """
    if not _FORM.fullmatch(ticket):
        return verb()
    before = _using.set(_Using(by, ticket))
    try:
        return verb()
    except Refused:  # the first may have been done between the check of the second and its writing
        used = Ticket.get_or_none(number=ticket, person=by)
        if used is None:
            raise
        return ReleaseRequest.get_by_id(used.request_id)
    finally:
        _using.reset(before)


def keep_ticket(request: ReleaseRequest) -> None:
    """Store the ticket that is being used, if there is one. Only inside the transaction of its verb. Raises `UsedBefore`."""
    using = _using.get()
    if using is None or using.is_kept:
        return
    using.is_kept = True
    try:
        Ticket.insert(number=using.number, person=using.person, request=request, at=now()).execute()
    except IntegrityError:
        raise UsedBefore from None


def forget_old_tickets() -> int:
    """Remove the tickets that nobody will send any more; how many there were."""
    with writing():
        return Ticket.delete().where(Ticket.at < now() - KEPT).execute()
