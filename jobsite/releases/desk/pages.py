"""What the views of the desk share: loading a page for the person who asks, and answering a button.

A refusal never loses what was typed: the page comes back with it, the sentence on top and at its field.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Response, flash, request, url_for
from flask_login import current_user
from htmx_flask import request as htmx_request

from jobsite.accounts.models import User
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound, Refused
from jobsite.core.limits import TooMany
from jobsite.core.web import granted, page, redirect_here
from jobsite.outputs.access import LOOK
from jobsite.outputs.looks import denied
from jobsite.releases.desk.acts import Act, At, act_of
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.pages import Head
from jobsite.releases.requests.rules import AUTHOR, PRIVATE, PUBLIC
from jobsite.releases.requests.standing import Acting, standing
from jobsite.releases.requests.tickets import new_ticket, once, ticket_of
from jobsite.releases.requests.visibility import readers

Page = TypeVar("Page")
Done = TypeVar("Done")

NOTHING_TYPED: Mapping[str, Any] = {}


def me() -> User:
    """The person who asks."""
    return current_user._get_current_object()


def loaded(query: Callable[..., Page], request_id: str, *about: Any) -> Page:
    """A page of a request by one of its queries, which know who may see it. Raises `NotFound` for everybody else."""
    with _noting_denials(request_id):
        found = query(request_id, *about, me())
    granted(LOOK)
    return found


def known(request_id: str) -> Acting:
    """The request with what the person who asks is to it. Raises `NotFound` for who may not know of it."""
    return loaded(_standing, request_id)


def _standing(request_id: str, person: User) -> Acting:
    return standing(person, request_id)


@contextmanager
def _noting_denials(request_id: str) -> Iterator[None]:
    """That somebody was kept from a request that there is, is noted (OC16); what they are told is that there is none."""
    try:
        yield
    except NotFound:
        request = ReleaseRequest.get_or_none(id=request_id)
        if request is not None and not _may_know(request_id):
            denied(by=me(), workspace=request.workspace)
        raise


def _may_know(request_id: str) -> bool:
    try:
        standing(me(), request_id)
    except NotFound:
        return False
    return True


def sent(at: At, verb: Callable[[At], Done]) -> Done | ReleaseRequest:
    """Do what a form asks for, once however often it is sent. Raises what the verb raises, `NotFound` for who may not know
    of the request."""
    with _noting_denials(at.request_id):
        found = once(by=at.by, ticket=ticket_of(at.form.items(multi=True)), verb=lambda: verb(at))
    granted(LOOK)  # the verb has looked who this is
    return found


def pressed(acts: Mapping[str, Act], request_id: str, group: str = "", path: str = "") -> Act:
    """Do what the button asked for, and say so on the page that comes next. Raises what the verb raises."""
    act = act_of(acts, request.form.get("do", ""))
    sent(At(me(), request_id, request.form, group, path), act.verb)
    if not fragment_wanted():
        flash(act.said, "good")
    return act


def fragment_wanted() -> bool:
    """Whether only a part of the page is wanted."""
    return bool(htmx_request.htmx) and not htmx_request.htmx.boosted


def answer(template: str, head: Head, *, refusal: Refused | None = None, **data: Any) -> Response:
    """A page of a request; after a refusal with its sentence and what was typed, and the status that fits it."""
    wrong = _sentences(refusal)
    status = _status(refusal)
    return page(
        template,
        status=status,
        head=head,
        level4=True,
        wrong=wrong,
        typed=request.form if refusal else NOTHING_TYPED,
        readers=readers_of(head),
        ticket=new_ticket,
        **{"announce": " ".join(wrong.values()), **data},
    )


def back(endpoint: str, anchor: str, **values: Any) -> Response:
    """303 to a page of the desk, at the part that changed."""
    return redirect_here(url_for(endpoint, _anchor=anchor or None, **values))


def readers_of(head: Head) -> Mapping[str, str]:
    """Who reads a comment written now, by the audiences this person may choose from; the default first."""
    if not head.is_eligible:
        return {PUBLIC: readers(head.phase, by_checker=False, audience=PUBLIC)}
    choices = (PUBLIC,) if head.phase == AUTHOR else (PRIVATE, PUBLIC)
    return {one: readers(head.phase, by_checker=True, audience=one) for one in choices}


def _sentences(refusal: Refused | None) -> dict[str, str]:
    if refusal is None:
        return {}
    return refusal.fields if isinstance(refusal, Invalid) else {"": str(refusal)}


def _status(refusal: Refused | None) -> int:
    if refusal is None:
        return 200
    if fragment_wanted() or isinstance(refusal, Invalid):
        return 422  # htmx swaps no other refusal
    return {Denied: 403, Conflict: 409, TooMany: 429}.get(type(refusal), 422)
