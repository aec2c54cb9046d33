"""Who calls: a backend, a backend for a person, a person by a personal token or a login, or anybody (specification 9.1).

Every refusal is 403 with the sentence that clients know, and is noted with the address it came from; a token that is right
works whatever else came from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import current_app, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from jobsite.accounts.api_tokens import person_with_token
from jobsite.accounts.backends import backend_with_token
from jobsite.accounts.models import AnonymousPerson, Backend, User
from jobsite.accounts.queries import user_named
from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.web import limits
from jobsite.core.errors import Denied
from jobsite.releases.rules import NOT_AUTHENTICATED

MISSING = "Authorization header is missing"
EMPTY = "Authorization header is empty"
INVALID = "Invalid token"
NOBODY = "Invalid user or token"
CSRF = "CSRF Failed: CSRF token missing or incorrect."
WRONG = "wrong API tokens per address"


@dataclass(frozen=True)
class Caller:
    """Who calls: the backend whose token came with the call, the person who logged in or was named; None where nobody was."""

    backend: Backend | None = None
    person: User | None = None


@dataclass(frozen=True)
class CallerKind:
    """One way in which callers say who they are: `identify` gives them, or raises `Denied`; `security` names the headers and
    cookies as OpenAPI has them, one mapping for each way that will do."""

    identify: Callable[[], Caller]
    what: str
    security: tuple[dict[str, list[str]], ...] = ()


def _anybody() -> Caller:
    return Caller()


def _backend() -> Caller:
    header = request.headers.get("Authorization")
    if header is None:
        raise Denied(MISSING)
    if not header.strip():
        raise Denied(EMPTY)
    found = backend_with_token(header.strip())
    if found is None:
        _count_wrong()
        raise Denied(INVALID)
    return Caller(backend=found)


def _backend_if_named() -> Caller:
    return _backend() if "Authorization" in request.headers else Caller()


def _backend_and_person() -> Caller:
    """The backend, and the active person it names; whether they may do what it asks for is for the verb to say."""
    backend = _backend().backend
    person = user_named(request.headers.get("OS-User", "").strip())
    if person is None or not person.is_active:
        raise Denied(NOT_AUTHENTICATED)
    return Caller(backend=backend, person=person)


def _person_if_any() -> Caller:
    """The owner of a personal token, or who is logged in, or nobody."""
    header = request.headers.get("Authorization")
    if header is None:
        return Caller(person=_logged_in())
    try:
        return Caller(person=person_with_token(header))
    except Denied:
        _count_wrong()
        raise


def _person() -> Caller:
    found = _person_if_any()
    if found.person is None:
        raise Denied(NOBODY)
    return found


def _session() -> Caller:
    """Who is logged in, in this very site: a page of another site cannot know what `X-CSRFToken` has to be."""
    if (person := _logged_in()) is None:
        raise Denied(NOT_AUTHENTICATED)
    if current_app.config["WTF_CSRF_ENABLED"]:
        try:
            current_app.extensions["csrf"].protect()
        except CSRFError:
            raise Denied(CSRF) from None
    return Caller(person=person)


def _checker() -> Caller:
    """A backend for a person, or a person who is logged in."""
    return _backend_and_person() if "Authorization" in request.headers else _session()


def _logged_in() -> User | None:
    person: Any = current_user._get_current_object()
    return None if isinstance(person, AnonymousPerson) or not person.is_active else person


def _count_wrong() -> None:
    """Count a wrong token against the address it came from. Raises `TooMany` for one that has sent too many."""
    where = neighbourhood(request.remote_addr or "")
    limits().count(WRONG, where)
    limits().check(WRONG, where)


ANYBODY = CallerKind(_anybody, "anybody")
BACKEND = CallerKind(_backend, "a backend", ({"backend": []},))
BACKEND_OR_ANYBODY = CallerKind(_backend_if_named, "anybody; a backend for its own", ({}, {"backend": []}))
BACKEND_AND_PERSON = CallerKind(
    _backend_and_person, "a backend for a person", ({"backend": [], "person": []},)
)
PERSON = CallerKind(_person, "a person", ({"personal": []}, {"session": []}))
PERSON_OR_ANYBODY = CallerKind(
    _person_if_any, "anybody; a person for what is not public", ({}, {"personal": []}, {"session": []})
)
SESSION = CallerKind(_session, "a person who is logged in", ({"session": [], "csrf": []},))
CHECKER = CallerKind(
    _checker,
    "a backend for a person, or a person who is logged in",
    ({"backend": [], "person": []}, {"session": [], "csrf": []}),
)

SCHEMES = {
    "backend": (
        "header",
        "Authorization",
        "The token of a backend: 40 hexadecimal digits, no word before them.",
    ),
    "person": ("header", "OS-User", "The username of the person for whom a backend acts."),
    "personal": ("header", "Authorization", "`username:token`, or `Bearer token`: a personal token."),
    "session": ("cookie", "jobsite", "The cookie of somebody who is logged in on the site."),
    "csrf": ("header", "X-CSRFToken", "The value of the CSRF field of any form of the site."),
}
"""The parts a caller says who they are with: where each stands, under which name, and what it is."""
