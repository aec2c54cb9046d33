"""Who may work at Level 4: single-use tokens that were typed in there, and who may go on (specification 9.4)."""

from typing import Any

from flask import Response

from jobsite.accounts.signing_in import LoginFailed, authenticate, authorise
from jobsite.accounts.web import limits
from jobsite.core.errors import Denied
from jobsite.core.limits import TooMany
from jobsite.sync.api.callers import BACKEND
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.level4 import user_object
from jobsite.sync.api.shapes import Shape, Text, described

api = Endpoints("api")

_WORKSPACE = described(
    project_details=described(name=str, ongoing=bool, orgs=[str]),
    archived=bool,
)
_WORKSPACES = {"type": "object", "additionalProperties": _WORKSPACE}
_USER: dict[str, Any] = described(
    username=str,
    fullname=str,
    workspaces=_WORKSPACES,
    copiloted_workspaces=_WORKSPACES,
    output_checker=bool,
    readonly_access=bool,
)


@api(
    "POST",
    "releases/authenticate",
    caller=BACKEND,
    body=Shape({"user": Text(254), "token": Text(500)}),
    answers={200: Answer("whose token it was; it is used up", _USER)},
)
def authenticated(call: Call) -> Response:
    """Whose single-use token was typed in at Level 4. It works once; what was wrong is told to the backend alone."""
    named = call.body["user"]
    try:
        person = authenticate(by=call.backend, user=named, token=call.body["token"], limits=limits())
    except LoginFailed as refusal:
        raise Denied(str(refusal)) from None
    except TooMany:
        raise Denied(f"Too many attempts for {named}") from None
    return answer(user_object(person))


@api(
    "POST",
    "releases/authorise",
    caller=BACKEND,
    body=Shape({"user": Text(254)}),
    answers={
        200: Answer("what they may see now", _USER),
        404: Answer("there is no such person", described(detail=str)),
    },
)
def authorised(call: Call) -> Response:
    """What a person may see at Level 4 now; 403 for somebody who may not work there any more."""
    return answer(user_object(authorise(by=call.backend, user=call.body["user"])))


@api(
    "GET",
    "backend/",
    caller=BACKEND,
    answers={200: Answer("which backend calls", described(slug=str, name=str))},
)
def own_backend(call: Call) -> Response:
    """Which backend the token belongs to."""
    return answer({"slug": call.backend.slug, "name": call.backend.name})
