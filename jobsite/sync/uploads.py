"""The steps of a release over HTTP: the way out of Level 4 where the public side is elsewhere (specification 8.4, 8.5, 8.7).

A file is hashed before it is sent and while it is sent, and once more by who receives it: what is not what the record says
does not leave, or is not taken (OC35).
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO
from urllib.parse import quote

from jobsite.core.db import writing
from jobsite.core.files import sha256_of
from jobsite.releases.requests.copies import DAMAGED
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.retrying import NO_ANSWER
from jobsite.releases.requests.sending import Answer
from jobsite.releases.requests.standing import tell
from jobsite.releases.requests.upload_models import UploadStep
from jobsite.releases.storage import pieces_of
from jobsite.sync.client import Answer as Said
from jobsite.sync.client import Unreachable, segment, side
from jobsite.sync.link_models import ReleaseThere

TOKEN_REFUSED = "it does not accept the token of this backend (setting BACKEND_TOKEN)"  # noqa: S105  no secret
NO_RECALL = "The public side knows no recall: ask the people who run it to remove the files."

log = logging.getLogger("jobsite.uploads")


def send(request: ReleaseRequest, step: UploadStep, content: BinaryIO) -> Answer:
    """Send one step of an upload in the name of its sender; the open file is what is sent."""
    try:
        return _STEPS[step.kind](request, step, content)
    except Unreachable as cause:
        return Answer(NO_ANSWER, str(cause).replace("The public side", "it", 1).rstrip("."))


def disposition(name: str) -> str:
    """The `Content-Disposition` of a file: its path is kept; a name of other signs than ASCII stands in UTF-8 as well."""
    plain = name.encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
    other = "" if name.isascii() else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{other}'


def _create(request: ReleaseRequest, step: UploadStep, content: BinaryIO) -> Answer:
    path = f"releases/workspace/{segment(request.workspace.name)}"
    said = side().post(path, json=step.payload, headers=_as(step))
    if said.status == 201:
        _remember(request, said)
    return _answer(said)


def _remember(request: ReleaseRequest, said: Said) -> None:
    """Keep the id under which the public side knows the release: it says so in a header, and may have chosen another."""
    inside = said.data.get("release_id") if isinstance(said.data, dict) else None
    release_id = said.headers.get("Release-Id") or (inside if isinstance(inside, str) else "") or request.id
    with writing():
        mine = ReleaseThere.request == request.id
        if not ReleaseThere.update(release_id=release_id).where(mine).execute():
            ReleaseThere.create(request=request.id, release_id=release_id)


def _file(request: ReleaseRequest, step: UploadStep, content: BinaryIO) -> Answer:
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    if sha256_of(content) != step.sha256:
        return Answer(400, DAMAGED)
    sent = _Hashed(content)
    headers = {**_as(step), "Content-Disposition": disposition(step.path)}
    said = side().upload(f"releases/release/{_id_there(request)}", pieces=sent, size=size, headers=headers)
    if said.status == 201 and sent.sha256 != step.sha256:
        log.error("a copy of request %s changed while it was sent", request.id)
        return Answer(400, DAMAGED)
    return _answer(said)


class _Hashed:
    """The pieces of an open file from its start, hashed as they go; each call begins anew."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def __call__(self) -> Iterator[bytes]:
        self._digest = hashlib.sha256()
        self._file.seek(0)
        for piece in pieces_of(self._file):
            self._digest.update(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """Of what went out last."""
        return self._digest.hexdigest()


def _revoke(request: ReleaseRequest, step: UploadStep, content: BinaryIO) -> Answer:
    """Recall a release. A public side that knows no recall answers 404: people have to be asked then (8.7)."""
    path = f"releases/release/{_id_there(request)}/revoke"
    said = side().post(path, json=step.payload, headers=_as(step))
    if said.status not in (404, 405):
        return _answer(said)
    log.error("recall of release %s: %s", request.id, NO_RECALL)
    with writing():
        tell(request, "recall-unknown", by="system", audience="PRIVATE")
    return Answer(200, NO_RECALL)


def _id_there(request: ReleaseRequest) -> str:
    known = ReleaseThere.get_or_none(ReleaseThere.request == request.id)
    return segment(known.release_id if known else request.id)


def _as(step: UploadStep) -> Mapping[str, str]:
    return {"OS-User": step.sender}


def _answer(said: Said) -> Answer:
    """As the uploader takes it: too large is a refusal like others, and a token that is refused is not the person's fault."""
    if said.is_our_token:
        return Answer(401, TOKEN_REFUSED)
    if said.status == 200 and not isinstance(said.data, dict):
        return Answer(NO_ANSWER, "something else answered in its place")
    status = 400 if said.status == 413 else said.status
    return Answer(status, said.detail, said.retry_after)


_STEPS: Mapping[str, Callable[[ReleaseRequest, UploadStep, BinaryIO], Answer]] = {
    "create": _create,
    "file": _file,
    "record": _file,
    "revoke": _revoke,
}
