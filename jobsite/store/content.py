"""The outputs of earlier jobs, as later jobs need them: still there, and byte for byte what was recorded (B19).

Content that a job is to be given keeps a second name, its hash, in `metadata/.content/`; what lies at its path may then be
replaced. `release_content` takes away the names that nobody needs any more.
"""

import os
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from jobsite.core.files import UnsafePath, link_beneath, move_beneath, remove_beneath
from jobsite.store.identities import Hashes
from jobsite.store.roots import CONTENT, Busy, Roots, locked


class InputFile(NamedTuple):
    """A file to be copied into a job's directory: the path it gets, where its bytes are, their SHA-256 in hex."""

    path: str
    source: Path
    sha256: str


class MissingInput(Exception):
    """A recorded output is gone or was changed; `path` names it. Its text is for the secure side only."""

    def __init__(self, workspace: str, path: str) -> None:
        super().__init__(f"File {path} doesn't exist in workspace {workspace}, or not as it was recorded.")
        self.path = path


def has_outputs(roots: Roots, workspace: str, recorded: Mapping[str, str]) -> bool:
    """Whether every recorded output, {path: SHA-256}, is still in the high-privacy store with its content.

    A file is only read when size, time or inode are not those that were noted.
    """
    hashes = Hashes(roots.high_of(workspace))
    return all(hashes.has(path, sha256) for path, sha256 in recorded.items())


def input_files(roots: Roots, workspace: str, recorded: Mapping[str, str]) -> list[InputFile]:
    """Where to take recorded outputs, {path: SHA-256}, from; they stay there until `release_content`.

    Content that a newer job has replaced is found too. Whoever copies a file must compare its hash again.
    Raises MissingInput.
    """
    high = roots.high_of(workspace)
    hashes = Hashes(high)
    return [
        InputFile(path, _source(high, hashes, workspace, path, recorded[path]), recorded[path])
        for path in sorted(recorded)
    ]


def _source(high: Path, hashes: Hashes, workspace: str, path: str, sha256: str) -> Path:
    kept = f"{CONTENT}/{sha256}"
    if not hashes.has_under(kept, path, sha256):
        _keep(high, hashes, path, sha256)
        if not hashes.has_under(kept, path, sha256):
            raise MissingInput(workspace, path)
    return high / kept


def _keep(high: Path, hashes: Hashes, path: str, sha256: str) -> None:
    """Names the content at `path` by its hash, if it is that; linked first and looked at then, as it may be replaced."""
    new = f"{CONTENT}/.{secrets.token_hex(8)}"
    with suppress(FileNotFoundError, UnsafePath):
        link_beneath(high, path, high, new)
        if hashes.has_under(new, path, sha256):
            move_beneath(high, new, high, f"{CONTENT}/{sha256}")
        remove_beneath(high, new)


def release_content(roots: Roots, workspace: str, active: Callable[[], Collection[str]]) -> int:
    """Removes kept content whose hash is not in `active()`, the inputs of all unfinished jobs; the number of files.

    It is asked while nothing can be published in the workspace, so that no job is overlooked.

    A workspace in which a job is just being published is left for the next time. Raises OSError.
    """
    try:
        with locked(roots, workspace, wait=False):
            return _release(roots.high_of(workspace), set(active()))
    except Busy:
        return 0


def _release(high: Path, active: set[str]) -> int:
    try:
        names = os.listdir(high / CONTENT)
    except FileNotFoundError:
        return 0
    released = [name for name in names if name not in active]
    for name in released:
        remove_beneath(high, f"{CONTENT}/{name}")
    return len(released)
