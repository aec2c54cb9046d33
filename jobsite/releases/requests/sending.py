"""The one door through which anything leaves Level 4 for the releases: a step goes out, an answer comes back.

Where both sides are one installation, the receiving verbs are called; their refusals become the answers of the wire. A server
whose public side is elsewhere hands the uploader another function of this kind (`Send`).
"""

from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import peewee

from jobsite.accounts.models import User
from jobsite.accounts.queries import user_named
from jobsite.core.errors import Denied, Invalid, NotFound, Refused
from jobsite.releases.actions import create_release, receive_file, revoke
from jobsite.releases.announced import announcement_of
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.upload_models import UploadStep
from jobsite.releases.rules import NOT_AUTHENTICATED
from jobsite.releases.storage import pieces_of


class Answer(NamedTuple):
    """The status of HTTP (0: no answer) and what it says in words; after so many seconds it may be tried again."""

    status: int
    detail: str
    retry_after: float = 0.0


Send = Callable[[ReleaseRequest, UploadStep, BinaryIO], Answer]
"""Sends one step of an upload in the name of its sender; the open file is what is sent. Raises only for a mistake of the program."""


def send(request: ReleaseRequest, step: UploadStep, content: BinaryIO) -> Answer:
    """Send a step to this very installation. `content` may not be read to its end."""
    sender = user_named(step.sender)
    if sender is None or not sender.is_active:
        return Answer(403, NOT_AUTHENTICATED)
    try:
        _KINDS[step.kind](request, step, sender, content)
    except NotFound as refusal:
        return Answer(404, str(refusal))
    except Denied as refusal:
        return Answer(403, str(refusal))
    except Invalid as refusal:
        return Answer(400, refusal.fields.get("detail", str(refusal)))
    except Refused as refusal:
        return Answer(409, str(refusal))
    except (OSError, peewee.OperationalError) as error:
        return Answer(503, str(error))
    return Answer(201, "")


def _create(request: ReleaseRequest, step: UploadStep, sender: User, content: BinaryIO) -> None:
    announced = announcement_of(step.payload)
    create_release(by=sender, backend=request.backend, workspace=request.workspace.name, announced=announced)


def _file(request: ReleaseRequest, step: UploadStep, sender: User, content: BinaryIO) -> None:
    pieces = pieces_of(content)
    receive_file(by=sender, backend=request.backend, release_id=request.id, name=step.path, body=pieces)


def _revoke(request: ReleaseRequest, step: UploadStep, sender: User, content: BinaryIO) -> None:
    reason, names = step.payload["public_reason"], step.payload["files"]
    revoke(by=sender, backend=request.backend, release_id=request.id, public_reason=reason, names=names)


_KINDS: dict[str, Any] = {"create": _create, "file": _file, "record": _file, "revoke": _revoke}
