"""Where a workspace's files lie.

`high` holds all outputs of a workspace at their paths, patient-level ones included; `level4` holds what people may look
at. In both, `metadata/` is ours (no output may be there): `<action>.log` and `manifest.json` for other programs, and names
with a leading dot for the store itself.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jobsite.core.files import DIRECTORY_MODE, UnsafePath, directory_beneath, make_directories

METADATA = "metadata"
CONTENT = f"{METADATA}/.content"  # replaced content by hash
PUBLISHING = f"{METADATA}/.publishing"  # a directory per publication under way
IDENTITIES = (
    f"{METADATA}/.identities.json"  # what is known about the files in the high store without reading them
)
MANIFEST = f"{METADATA}/manifest.json"
LOCK = f"{METADATA}/.lock"
CHANGING = ".changing"  # locked by all who change files of workspaces, alone by who copies them all

_WORKSPACE = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Busy(Exception):
    """Another job of the workspace is being published, and the caller did not want to wait."""


@dataclass(frozen=True)
class Roots:
    """The roots, which are settings: of the two stores and of what is kept of each attempt (`jobs/<job>/<attempt>/`).

    `group` is the id of the group that may read level 4, None for our own. Files get mode 640, directories 750.
    """

    high: Path
    level4: Path
    jobs: Path
    group: int | None = None

    @classmethod
    def of(cls, instance: Path) -> "Roots":
        """The roots inside an instance folder, where they are unless settings say otherwise."""
        workspaces = instance / "workspaces"
        return cls(high=workspaces / "high", level4=workspaces / "level4", jobs=instance / "jobs")

    def high_of(self, workspace: str) -> Path:
        """The high-privacy directory of a workspace. Raises UnsafePath for a name that is no workspace name."""
        return self.high / _checked(workspace, _WORKSPACE, "workspace")

    def level4_of(self, workspace: str) -> Path:
        """The level-4 directory of a workspace. Raises UnsafePath for a name that is no workspace name."""
        return self.level4 / _checked(workspace, _WORKSPACE, "workspace")

    def staging_of(self, workspace: str, attempt: str) -> tuple[Path, Path]:
        """Where an attempt is staged in the high-privacy and the level-4 store. Raises UnsafePath."""
        name = f"{PUBLISHING}/{_checked(attempt, _NAME, 'attempt')}"
        return self.high_of(workspace) / name, self.level4_of(workspace) / name

    def attempt_of(self, job: str, attempt: str) -> Path:
        """The directory in which an attempt's records are kept for ever. Raises UnsafePath."""
        return self.jobs / _checked(job, _NAME, "job") / _checked(attempt, _NAME, "attempt")

    def make(self, workspace: str) -> None:
        """Makes the directories of a workspace; repeating it changes nothing."""
        high, level4 = self.high_of(workspace), self.level4_of(workspace)
        make_directories(self.high, f"{high.name}/{METADATA}")
        make_directories(self.level4, f"{level4.name}/{METADATA}")
        if self.group is not None:
            for path in (
                level4,
                level4 / METADATA,
            ):  # by this bit all that is made below goes to the group too
                os.chown(path, -1, self.group)
                path.chmod(DIRECTORY_MODE | stat.S_ISGID)

    def workspaces(self) -> list[str]:
        """The names of the workspaces that have files, in order."""
        if not self.high.is_dir():
            return []
        return sorted(entry.name for entry in os.scandir(self.high) if _WORKSPACE.fullmatch(entry.name))


def _checked(name: str, allowed: re.Pattern[str], what: str) -> str:
    if not allowed.fullmatch(name) or name in (".", ".."):
        raise UnsafePath(f"{name[:200]!r} is not the name of a {what}.")
    return name


def log_path(action: str) -> str:
    """Where the log of an action is kept in both stores. Raises UnsafePath for a name no action can have (B5)."""
    return f"{METADATA}/{_checked(action, _NAME, 'action')}.log"


@contextmanager
def unchanged(roots: Roots) -> Iterator[None]:
    """Nobody changes the files of any workspace in here: whoever wants to waits. It waits for those who do now."""
    with _changing(roots, fcntl.LOCK_EX):
        yield


@contextmanager
def _changing(roots: Roots, how: int) -> Iterator[None]:
    roots.high.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    lock = os.open(roots.high / CHANGING, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)


@contextmanager
def locked(roots: Roots, workspace: str, *, wait: bool = True) -> Iterator[None]:
    """Only one process or thread at a time is in here for a workspace; the lock goes with its holder, even by kill -9.

    While a backup is begun (`unchanged`) it waits for that. Raises Busy when someone else holds it and `wait` is false.
    """
    with _locked_alone(roots, workspace, wait=wait), _changing(roots, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked_alone(roots: Roots, workspace: str, *, wait: bool) -> Iterator[None]:
    roots.make(workspace)
    with directory_beneath(roots.high_of(workspace), (METADATA,)) as directory:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(LOCK.rpartition("/")[2], flags, 0o600, dir_fd=directory)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Busy(f"A job of the workspace {workspace} is being published.") from None
        yield
    finally:
        with suppress(OSError):
            os.close(lock)
