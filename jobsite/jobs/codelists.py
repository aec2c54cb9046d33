"""Whether the codelists of a commit can be used: read from git and judged once, then what the codelist service said.

The service is never asked here, so that no page waits for it (`codelist_checks` asks it).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

from jobsite.core.clock import now
from jobsite.jobs.models import CodelistsCheck
from jobsite.pipelines.codelists import (
    LIST_FILE,
    RECORD_FILE,
    CodelistsVerdict,
    check_codelists,
    why_not_stale,
)
from jobsite.pipelines.report import Action
from jobsite.pipelines.wording import join
from jobsite.projects.git import GitFailed, GitTooSlow, git
from jobsite.projects.repositories import RepositoryError, git_directory
from jobsite.settings import current

FOLDER = "codelists/"
MOST_BYTES = 48 * 2**20
AT_ONCE = 500
COUNTS_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Codelists:
    """What is known about the codelists of a commit.

    `state` is "fine", "stale" (out of date), "awaited" (the service has not answered yet) or "unknown" (they could
    not be read or checked). `said` tells why; for the last two it is what follows “The codelists”. `due` is the hash
    of the two files about which the service is due to be asked, "" when it is not.
    """

    state: str
    said: str = ""
    due: str = ""

    @property
    def ok(self) -> bool:
        """Whether an action that reads the database may run with them."""
        return self.state == "fine"

    @property
    def sentence(self) -> str:
        """What to tell a person, whatever was chosen; "" when all is fine."""
        return self.said if self.state in ("fine", "stale") else f"The codelists {self.said}"

    def stops(self, action: Action) -> bool:
        """Whether the action cannot run because of them."""
        return action.is_database_action and not self.ok

    def why_not(self, new: Iterable[Action]) -> str | None:
        """Why a request is refused that makes jobs of the actions `new` (specification 2.7); None if it is not."""
        names = [action.name for action in new if self.stops(action)]
        if not names:
            return None
        if self.state == "stale":
            return why_not_stale(CodelistsVerdict(False, self.said), names)
        required = f"required by {'action' if len(names) == 1 else 'actions'} {join(names)}"
        return f"The codelists ({required}) {self.said}"


FINE = Codelists("fine")
_UNREADABLE = Codelists("unknown", "could not be read at this commit. Try again.")
_TOO_LARGE = Codelists(
    "unknown", f"could not be checked: they are larger than {MOST_BYTES // 2**20} MiB together."
)
_AWAITED = Codelists("awaited", "have not been checked by the codelist service yet; try again in a minute.")
_REFUSED = Codelists(
    "stale",
    "The codelist service says that the codelists have changed since they were downloaded. "
    "Run `opensafely codelists update` and commit what it changes.",
)


def codelists_at(url: str, commit: str) -> Codelists:
    """What is known about the codelists of a full commit id, from the local copy of the repository. Never raises.

    What the files themselves tell comes first. Only where a service is set (CODELISTS_URL) and they are fine, its
    verdict on the same two files counts, for 24 hours.
    """
    try:
        here, sha256 = _judged(url, commit)
    except (GitFailed, GitTooSlow, RepositoryError):
        return _UNREADABLE
    if not (here.ok and sha256 and current().codelists_url):
        return here
    check = CodelistsCheck.get_or_none(CodelistsCheck.sha256 == sha256)
    due = sha256 if check is None or check.next_at <= now() else ""
    return replace(_online(check), due=due)


def _online(check: CodelistsCheck | None) -> Codelists:
    """What the service said last, if that counts still."""
    if check and check.checked_at and check.checked_at > now() - COUNTS_FOR:
        return FINE if check.verdict == "ok" else _REFUSED
    if check is None or not check.problem:
        return _AWAITED
    later = "Nothing is wrong with project.yaml. It is asked again by itself; try again in a few minutes."
    return Codelists("unknown", f"could not be checked: {check.problem}. {later}")


@lru_cache(maxsize=64)
def _judged(url: str, commit: str) -> tuple[Codelists, str]:
    """What the files tell, and the hash of the list and the record; "" where one of them is missing."""
    blobs = _blobs(url, commit)
    if sum(blob.size for blob in blobs) > MOST_BYTES:
        return _TOO_LARGE, ""
    contents: dict[str, bytes] = {}
    for start in range(0, len(blobs), AT_ONCE):
        contents |= _contents(url, blobs[start : start + AT_ONCE])
    hashes = {
        path.removeprefix(FOLDER): hashlib.sha1(data, usedforsecurity=False).hexdigest()
        for path, data in contents.items()
        if path.endswith(".csv")
    }
    listed, recorded = contents.get(LIST_FILE), contents.get(RECORD_FILE)
    verdict = check_codelists(listed, recorded, hashes)
    sha256 = "" if listed is None or recorded is None else _hash_of(listed, recorded)
    return FINE if verdict.ok else Codelists("stale", verdict.sentence), sha256


def _hash_of(listed: bytes, recorded: bytes) -> str:
    """The name of a pair of codelists.txt and codelists.json."""
    hashes = (hashlib.sha256(data).digest() for data in (listed, recorded))
    return hashlib.sha256(b"".join(hashes)).hexdigest()


@dataclass(frozen=True)
class _Blob:
    path: str
    id: str
    size: int


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
