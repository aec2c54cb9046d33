"""What may be announced, received and removed of releases, and the sentences of the wire (specification 8.4 to 8.7). Pure.

Programs of others match some of these sentences word by word: they are part of the contract, English and all.
"""

import re
from collections.abc import Iterable

from jobsite.core.files import UnsafePath, components

RECORD = "metadata/release-record.json"
AUDIT = "metadata/release-audit.json"
RECORDS = (RECORD, AUDIT)
"""What is sent about a release with its outputs; no output lies below metadata/."""

NOT_AUTHENTICATED = "Authentication credentials were not provided."
NO_DATA = "No data uploaded"
NO_NAME = "Missing filename. Request should include a Content-Disposition header with a filename parameter."
OTHER_CONTENT = "Contents of uploaded file does not match the file which a review was requested for"

REASON_FEWEST, REASON_MOST = 20, 2000

_RELEASE_ID = re.compile(r"[0-9A-Za-z]{1,26}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def why_not_id(release_id: str) -> str | None:
    """Why this cannot be the id of a release: 1 to 26 letters and digits (specification 9.3)."""
    if _RELEASE_ID.fullmatch(release_id):
        return None
    return "A release id is 1 to 26 letters and digits."


def why_not_names(names: Iterable[str]) -> str | None:
    """Why these cannot be the names of the files of one release: each a relative path, none twice, at least one."""
    seen: set[str] = set()
    for name in names:
        try:
            components(name)
        except UnsafePath as unsafe:
            return str(unsafe)
        if name in seen:
            return f"File {name} is named twice."
        seen.add(name)
    return None if seen else "A release needs at least one file."


def why_not_sha256(sha256: str) -> str | None:
    """Why this is no SHA-256 in hex."""
    return None if _SHA256.fullmatch(sha256) else "This is not a SHA-256 of 64 hexadecimal digits."


def why_not_size(name: str, size: int, limit: int) -> str | None:
    """Why a file of so many bytes is not released; `limit` in bytes."""
    if size <= limit:
        return None
    return f"File size should be <{limit / 2**20:g}Mb. {name} is {round(size / 2**20, 2):g}Mb"


def too_large(limit: int) -> str:
    """The sentence for an upload of more than `limit` bytes."""
    return f"File is too large, it must be below {limit / 2**20:.1f}Mb"


def other_files(release_id: str) -> str:
    """The sentence for a release that is announced again with other files, or for another workspace or backend."""
    return f"Requested files do not match files in existing release {release_id}"


def not_requested(name: str, release_id: str) -> str:
    """The sentence for an upload of a file that was not announced."""
    return f"File {name} not requested in release {release_id}"


def other_backend(its: str, asking: str) -> str:
    """The sentence for a backend that uploads to the release of another; both are slugs."""
    return f"Release is from backend {its} not {asking}"


def already_uploaded(name: str, backend: str) -> str:
    """The sentence for bytes that are there already and equal. Clients take it as success."""
    return f"This version of '{name}' has already been uploaded from backend '{backend}'"


def says_already_uploaded(name: str, detail: str) -> bool:
    """Whether an answer says that these bytes are there already (specification 8.5)."""
    return f"This version of '{name}' has already been uploaded" in detail


def removed_before(name: str, release_id: str) -> str:
    """The sentence for an upload of a file that was recalled or deleted before it arrived."""
    return f"File {name} was removed from release {release_id}, and is not taken again"


def says_removed(name: str, detail: str) -> bool:
    """Whether an answer says that a file was removed on purpose before its bytes arrived."""
    return f"File {name} was removed from release" in detail


def why_not_reason(reason: str) -> str | None:
    """Why this is no reason for removing a file."""
    if len(reason.strip()) < REASON_FEWEST:
        return f"Say why, in at least {REASON_FEWEST} characters: the reason is kept with the file."
    return f"Use at most {REASON_MOST:,} characters." if len(reason) > REASON_MOST else None


def why_not_delete(permissions: Iterable[str], *, is_here: bool) -> str | None:
    """Why a person may not delete a released file: what they may do, and whether its bytes are there."""
    if "release_file_delete" not in permissions:
        return "Only output checkers can delete a released file."
    return None if is_here else "There is nothing to delete: the bytes of this file are not here."
