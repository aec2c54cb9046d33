"""Whether the codelists of a commit are as they were downloaded: read once from git, judged once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from jobsite.pipelines.codelists import LIST_FILE, RECORD_FILE, CodelistsVerdict, check_codelists
from jobsite.projects.git import GitFailed, GitTooSlow, git
from jobsite.projects.repositories import RepositoryError, git_directory

FOLDER = "codelists/"
MOST_BYTES = 48 * 2**20
AT_ONCE = 500

_UNREADABLE = CodelistsVerdict(
    False, "Codelists could not be read at this commit. Reload the page to try again."
)
_TOO_LARGE = CodelistsVerdict(
    False, f"Codelists could not be checked: they are larger than {MOST_BYTES // 2**20} MiB together."
)


@dataclass(frozen=True)
class _Blob:
    path: str
    id: str
    size: int


def codelists_at(url: str, commit: str) -> CodelistsVerdict:
    """The verdict on the codelists of a full commit id, from the local copy of the repository. Never raises."""
    try:
        return _verdict(url, commit)
    except (GitFailed, GitTooSlow, RepositoryError):
        return _UNREADABLE


@lru_cache(maxsize=64)
def _verdict(url: str, commit: str) -> CodelistsVerdict:
    blobs = _blobs(url, commit)
    if sum(blob.size for blob in blobs) > MOST_BYTES:
        return _TOO_LARGE
    contents: dict[str, bytes] = {}
    for start in range(0, len(blobs), AT_ONCE):
        contents |= _contents(url, blobs[start : start + AT_ONCE])
    hashes = {
        path.removeprefix(FOLDER): hashlib.sha1(data, usedforsecurity=False).hexdigest()
        for path, data in contents.items()
        if path.endswith(".csv")
    }
    return check_codelists(contents.get(LIST_FILE), contents.get(RECORD_FILE), hashes)


def _blobs(url: str, commit: str) -> list[_Blob]:
    """The list, the record and the CSV files that lie in the folder itself; links are left out."""
    listing = git("ls-tree", "-z", "-l", "--full-tree", commit, "--", FOLDER, directory=git_directory(url))
    blobs = []
    for entry in listing.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        facts, _, path = entry.partition("\t")
        mode, kind, blob, size = facts.split()
        ours = path in (LIST_FILE, RECORD_FILE) or path.endswith(".csv")
        if kind == "blob" and mode in ("100644", "100755") and ours:
            blobs.append(_Blob(path, blob, int(size)))
    return blobs


def _contents(url: str, blobs: Sequence[_Blob]) -> dict[str, bytes]:
    """The bytes of each file: git prints them one after the other, and the sizes say where each ends."""
    ids = [blob.id for blob in blobs]
    printed = git("show", "--no-textconv", *ids, "--", directory=git_directory(url)) if ids else b""
    found, start = {}, 0
    for blob in blobs:
        found[blob.path] = printed[start : start + blob.size]
        start += blob.size
    return found
