"""Released files for programs: which there are, and their bytes (specification 9.3)."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from flask import Response, request, url_for

from jobsite.core.web import CONTENT_POLICY
from jobsite.releases.downloads import raw
from jobsite.releases.models import ReleaseFile
from jobsite.releases.queries import latest_files, open_file, outputs_of
from jobsite.settings import current
from jobsite.store.kinds import kind_of
from jobsite.sync.api.callers import READER
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.shapes import described
from jobsite.sync.api.things import file_of, release_of, workspace_of

api = Endpoints("api")

NOT_UPLOADED = "File not yet uploaded"
_INDEX = described(
    files=[
        described(
            name=str,
            id=str,
            url=str,
            user=str,
            date={"type": "string", "format": "date-time"},
            sha256=str,
            size=int,
            is_deleted=bool,
            backend=str,
            metadata={"type": "object"},
            review={"type": "null"},
        )
    ]
)
INDEX = Answer("the files", _INDEX)


@api("GET", "releases/workspace/<name>", caller=READER, thing=workspace_of, answers={200: INDEX})
def workspace_files(call: Call) -> Response:
    """The newest version of each released file of a workspace; each name begins with the slug of its backend."""
    return answer(index((one.name, address_of(one.file), one.file) for one in latest_files(call.thing)))


@api("GET", "releases/release/<release_id>", caller=READER, thing=release_of, answers={200: INDEX})
def release_files(call: Call) -> Response:
    """The files of a release, those that are still to come and those that were deleted among them."""
    return answer(index((file.name, address_of(file), file) for file in outputs_of(call.thing)))


@api(
    "GET",
    "releases/file/<file_id>",
    caller=READER,
    thing=file_of,
    headers={"Releases-Redirect": "Set by a proxy that serves the files itself: where it has them."},
    answers={200: Answer("the bytes; while they have not come, a sentence as JSON", media_type="*/*")},
)
def file_bytes(call: Call) -> Response:
    """The bytes of a released file, as they were released."""
    file = call.thing
    if not file.is_here:
        return answer(NOT_UPLOADED)
    prefix = request.headers.get("Releases-Redirect", "")
    if prefix and current().trusted_proxies:
        place = f"{prefix.rstrip('/')}/{file.workspace.name}/{file.release_id}/{file.sha256}"
        kind = {"Content-Type": kind_of(file.name).content_type, "Content-Security-Policy": CONTENT_POLICY}
        return answer(headers={"X-Accel-Redirect": place, **kind})
    return raw(open_file(file.workspace, file), file)


def index(named: Iterable[tuple[str, str, ReleaseFile]]) -> dict[str, Any]:
    """Files as clients know them, each with its name here and its address."""
    return {"files": [_item(*one) for one in named]}


def address_of(file: ReleaseFile) -> str:
    """Where the bytes of a file are for those who may see what was released."""
    return url_for("api.file_bytes", file_id=file.id)


def _item(name: str, url: str, file: ReleaseFile) -> dict[str, Any]:
    return {
        "name": name,
        "id": file.id,
        "url": url,
        "user": file.created_by,
        "date": file.created_at.replace(tzinfo=UTC).isoformat(),
        "sha256": file.sha256,
        "size": file.size,
        "is_deleted": file.deleted_at is not None,
        "backend": file.release.backend.name,
        "metadata": file.metadata,
        "review": None,
    }
