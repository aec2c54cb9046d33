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

from jobsite.accounts.api_tokens import NO_PERMISSION, person_with_token
from jobsite.accounts.backends import backend_with_token
from jobsite.accounts.models import AnonymousPerson, Backend, User
from jobsite.accounts.queries import user_named
from jobsite.accounts.rules import neighbourhood
from jobsite.accounts.web import limits
from jobsite.core.errors import Denied
from jobsite.projects.models import Workspace
from jobsite.projects.queries import permissions_in
from jobsite.publishing.rules import DRAFT, PUBLISH, SEE
from jobsite.releases.actions import UPLOAD, require_any
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
    """One way in which callers say who they are: `identify` gives them for what the address names, or raises `Denied`;
    `security` names the headers and cookies as OpenAPI has them, one mapping for each way that will do."""

    identify: Callable[[Any], Caller]
    what: str
    security: tuple[dict[str, list[str]], ...] = ()


def _anybody(thing: Any) -> Caller:
    return Caller()


def _backend(thing: Any) -> Caller:
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


def _backend_if_named(thing: Any) -> Caller:
    return _backend(thing) if "Authorization" in request.headers else Caller()


def _backend_and_person(thing: Any) -> Caller:
    """The backend and the active person it names; what they may do is for the verb to say."""
    backend = _backend(thing).backend
    person = user_named(request.headers.get("OS-User", "").strip())
    if person is None or not person.is_active:
        raise Denied(NOT_AUTHENTICATED)
    return Caller(backend=backend, person=person)


def _backend_and_checker(thing: Any) -> Caller:
    """The same, of somebody who may release from this workspace on this backend."""
    caller = _backend_and_person(thing)
    if caller.person and caller.backend:
        require_any(caller.person, caller.backend, _workspace(thing), UPLOAD)
    return caller


def _checker(thing: Any) -> Caller:
    """The same, or somebody who is logged in and may release from this workspace."""
    by_backend = "Authorization" in request.headers
    return _backend_and_checker(thing) if by_backend else _logged_in_who_may(UPLOAD)(thing)


def _person_if_any(thing: Any) -> Caller:
    """The owner of a personal token, or who is logged in, or nobody. Scripts of pages send an empty header with the cookie."""
    header = request.headers.get("Authorization", "")
    if not header.strip():
        return Caller(person=_logged_in())
    try:
        return Caller(person=person_with_token(header))
    except Denied:
        _count_wrong()
        raise


def _person_if_known(thing: Any) -> Caller:
    """The same; who sends a token that is none is nobody, as programs send theirs with what is public, too."""
    try:
        return _person_if_any(thing)
    except Denied:
        return Caller()


def _person(thing: Any) -> Caller:
    """The owner of a personal token; a login does not do."""
    if not request.headers.get("Authorization", "").strip():
        raise Denied(NO_PERMISSION)
    return _person_if_any(thing)


def _reader(thing: Any) -> Caller:
    """Somebody who may see what was released from this workspace."""
    caller, workspace = _person_if_any(thing), _workspace(thing)
    if caller.person is None:
        raise Denied(NOBODY)
    if SEE not in permissions_in(caller.person, workspace.project_id):
        raise Denied(f"{NOBODY} for workspace {workspace.name}")
    return caller


def _session(thing: Any) -> Caller:
    """Who is logged in, in this very site: a page of another site cannot know what `X-CSRFToken` has to be."""
    if (person := _logged_in()) is None:
        raise Denied(NOT_AUTHENTICATED)
    if current_app.config["WTF_CSRF_ENABLED"]:
        try:
            current_app.extensions["csrf"].protect()
        except CSRFError:
            raise Denied(CSRF) from None
    return Caller(person=person)


def _logged_in_who_may(permission: str) -> Callable[[Any], Caller]:
    """Who is logged in and has this permission in the project of what the address names."""

    def identify(thing: Any) -> Caller:
        caller = _session(thing)
        held = permissions_in(caller.person, _workspace(thing).project_id) if caller.person else ()
        if permission not in held:
            raise Denied(NOT_AUTHENTICATED)
        return caller

    return identify


def _workspace(thing: Any) -> Workspace:
    """The workspace that what an address names belongs to."""
    return thing if isinstance(thing, Workspace) else thing.workspace


def _logged_in() -> User | None:
    person: Any = current_user._get_current_object()
    return None if isinstance(person, AnonymousPerson) or not person.is_active else person


def _count_wrong() -> None:
    """Count a wrong token against the address it came from. Raises `TooMany` for one that has sent too many."""
    where = neighbourhood(request.remote_addr or "")
    limits().count(WRONG, where)
    limits().check(WRONG, where)


_Way = dict[str, list[str]]
_BY_BACKEND: _Way = {"backend": []}
_FOR_PERSON: _Way = {"backend": [], "person": []}
_BY_TOKEN: _Way = {"personal": []}
_BY_READING: _Way = {"session": []}
_BY_WRITING: _Way = {"session": [], "csrf": []}

ANYBODY = CallerKind(_anybody, "anybody")
BACKEND = CallerKind(_backend, "a backend", (_BY_BACKEND,))
BACKEND_OR_ANYBODY = CallerKind(_backend_if_named, "anybody; a backend for its own", ({}, _BY_BACKEND))
BACKEND_AND_PERSON = CallerKind(_backend_and_person, "a backend for a person", (_FOR_PERSON,))
BACKEND_AND_CHECKER = CallerKind(_backend_and_checker, "a backend for who may release there", (_FOR_PERSON,))
CHECKER = CallerKind(_checker, "who may release there, by a backend or logged in", (_FOR_PERSON, _BY_WRITING))
PERSON = CallerKind(_person, "a person, with a personal token", (_BY_TOKEN,))
READER = CallerKind(_reader, "who may see released files of the workspace", (_BY_TOKEN, _BY_READING))
READER_OR_ANYBODY = CallerKind(_person_if_known, "anybody where it is public", ({}, _BY_TOKEN, _BY_READING))
DRAFTER = CallerKind(_logged_in_who_may(DRAFT), "a developer of the project who is logged in", (_BY_WRITING,))
PUBLISHER = CallerKind(_logged_in_who_may(PUBLISH), "a publisher who is logged in", (_BY_WRITING,))

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
