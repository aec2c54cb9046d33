"""A backup: everything an instance holds in one tar, as it was at one moment, made while the server runs.

The moment is when the database is copied, in one go, while nobody changes the files of a workspace. Files are never changed
in place, only replaced, so a second name for each (a hard link) holds on to what it was without copying; a log that grows
goes in as far as it had grown. Then the tar is written at leisure, each file with its SHA-256, last of all `backup.json` with
a hash over all of them; it is read back before it gets its name. `docs/backup.md` says what is left out.
"""

import fcntl
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from jobsite.core.clock import now, wire
from jobsite.core.db import snapshot
from jobsite.core.errors import Conflict, Refused
from jobsite.core.files import PIECE, UnsafePath, components, flush_to_disk, open_beneath, remove_tree
from jobsite.jobs.executors.records import SUPERVISOR
from jobsite.settings import Settings
from jobsite.store.journal import fail_point
from jobsite.store.roots import CHANGING, Roots, unchanged

FORMAT = "jobsite-backup/1"
FACTS = "backup.json"
HELD = ".backup"
RESTORING = ".restoring"
BEFORE = "before-restore-"
DIGEST = "JOBSITE.sha256"
FAIL_POINTS = ("backup.held", "backup.written")
"""Where `JOBSITE_FAIL_AT` can make the process die, in the order in which they are passed."""

DATABASE = "jobsite.db"
PASSAGE = "work"
WORKSPACES = "workspaces"
OF_PROCESSES = (CHANGING, SUPERVISOR)
"""Files that tell of processes: those of the restored instance are not the ones that run now, should they still run."""
LEFT_OUT = (HELD, RESTORING, BEFORE, "server.lock", DATABASE, "huey.db")
"""How names at the top of an instance begin that are no part of a backup: locks, what was moved aside, and the queue,
which is no record of anything. Nor is the directory in which jobs work. The database goes in as its copy."""


class BadBackup(Refused):
    """A file that is no backup, or a damaged one; the text is a sentence."""


@dataclass(frozen=True)
class Facts:
    """What a backup says of itself: how many files with how many bytes, of which side and version, made when, and the
    hash over all names, sizes and hashes, in hex."""

    side: str
    version: str
    made_at: str
    files: int
    bytes: int
    digest: str
    format: str = FORMAT


@dataclass
class Sum:
    """A hash over files, each by its name, size in bytes and SHA-256 in hex, in their order."""

    files: int = 0
    bytes: int = 0

    def __post_init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, name: str, size: int, sha256: str) -> None:
        """One more file."""
        self._hash.update(f"{name}\0{size}\0{sha256}\n".encode("utf-8", "surrogateescape"))
        self.files, self.bytes = self.files + 1, self.bytes + size

    def facts(self, side: str) -> Facts:
        """What is said of these files, now, of an instance of this side."""
        digest = self._hash.hexdigest()
        return Facts(side, version("jobsite"), str(wire(now())), self.files, self.bytes, digest)

    def fits(self, facts: Facts) -> bool:
        """Whether these are exactly the files of which that was said."""
        told = (facts.files, facts.bytes, facts.digest)
        return told == (self.files, self.bytes, self._hash.hexdigest())


def make(settings: Settings, target: Path) -> Facts:
    """Back the opened instance up into the new file `target`, which is closed to others. It has been read back.

    Raises Conflict where that is not possible here or another backup is being made, BadBackup where reading it back
    fails, OSError (a full disk); then there is no `target`.
    """
    instance = settings.instance.resolve()
    _refuse(instance, target)
    partial = target.with_name(f"{target.name}.part")
    with _alone(instance), _held(instance, has_workspaces=settings.secure) as held:
        fail_point("backup.held")
        try:
            _write(held, partial, settings.side)
            fail_point("backup.written")
            facts = read(partial)
            os.link(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    _flush_name(target)
    return facts


def read(source: Path) -> Facts:
    """What a backup says of itself, every byte of it compared with that. Raises BadBackup, OSError."""
    for _, file in members(source):
        while file.read(PIECE):
            pass
    return facts_of(source)


def facts_of(source: Path) -> Facts:
    """What a backup says of itself at its end, as it stands there. Raises BadBackup, OSError."""
    try:
        with tarfile.open(source, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep all that it has seen
                if member.name == FACTS and (file := tar.extractfile(member)):
                    told = json.loads(file.read(10_000))
                    return Facts(**told) if told.get("format") == FORMAT else _no_backup(source)
    except (tarfile.TarError, EOFError, ValueError, TypeError, AttributeError) as damage:
        raise BadBackup(f"{source.name} is no backup of jobsite, or a damaged one: {damage}.") from None
    return _no_backup(source)


def members(source: Path) -> Iterator[tuple[tarfile.TarInfo, "Compared"]]:
    """The files of a backup in their order; each has to be read to its end before the next.

    Raises BadBackup when a file, or the whole, is not what was put in, naming the first that is not.
    """
    found = Sum()
    facts = facts_of(source)
    try:
        with tarfile.open(source, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]
                if member.name == FACTS:
                    continue
                file = Compared(source, member, tar.extractfile(member) if member.isreg() else None)
                yield member, file
                found.add(member.name, member.size, file.finished())
    except (tarfile.TarError, EOFError) as damage:
        raise BadBackup(f"The backup {source.name} is damaged: {damage}.") from None
    if not found.fits(facts):
        raise BadBackup(f"The backup {source.name} is damaged: its files are not those that were put in.")


class Compared:
    """A file of a backup that is compared with its hash while it is read."""

    def __init__(self, source: Path, member: tarfile.TarInfo, file: Any) -> None:
        try:
            components(member.name)
        except UnsafePath as unsafe:
            raise BadBackup(f"The backup {source.name} is damaged: {unsafe}") from None
        if file is None:
            raise BadBackup(f"The backup {source.name} holds {member.name[:200]!r}, which is no file.")
        self._where = f"The backup {source.name} is damaged: {member.name[:200]} is not what was put in."
        self._told = member.pax_headers.get(DIGEST)
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        piece: bytes = self._file.read(size)
        self._hash.update(piece)
        return piece

    def finished(self) -> str:
        """Its SHA-256 in hex. Raises BadBackup when that is not the one it had."""
        if self._hash.hexdigest() != self._told:
            raise BadBackup(self._where)
        return self._hash.hexdigest()


def belongs(name: str) -> bool:
    """Whether what has this name at the top of an instance is part of a backup."""
    return name != PASSAGE and not name.startswith(LEFT_OUT)


def _no_backup(source: Path) -> Facts:
    raise BadBackup(f"{source.name} is no backup of jobsite, or it was cut short.")


def _refuse(instance: Path, target: Path) -> None:
    if target.resolve().is_relative_to(instance):
        raise Conflict(f"{target} lies in the instance itself: put backups somewhere else.")
    if os.path.lexists(target):
        raise Conflict(f"There is already {target}; a backup replaces nothing.")


@contextmanager
def _alone(instance: Path) -> Iterator[None]:
    with open(instance / f"{HELD}.lock", "a", opener=_private) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("Another backup of this instance is being made.") from None
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


@contextmanager
def _held(instance: Path, *, has_workspaces: bool) -> Iterator[Path]:
    """The instance as it is now, under second names, for as long as the block lasts.

    A public side has no workspaces to hold still, and must not get a folder for them: it is refused where one is.
    """
    held = instance / HELD
    remove_tree(held)
    held.mkdir(mode=0o700)
    try:
        with unchanged(Roots.of(instance)) if has_workspaces else nullcontext():
            _hold(instance, held)
            snapshot(held)
        _hold(instance, held, but=WORKSPACES)  # what came after the first look and stands in the copied rows
        yield held
    finally:
        remove_tree(held)


def _hold(instance: Path, held: Path, *, but: str = "") -> None:
    """Give every file of the instance, those of one folder excepted, a second name below `held`, where it has none yet."""
    for folder, folders, names in os.walk(instance):
        if folder == str(instance):
            folders[:] = [name for name in folders if belongs(name) and name != but]
            names = [name for name in names if belongs(name)]
        below = held / Path(folder).relative_to(instance)
        below.mkdir(mode=0o700, exist_ok=True)
        for name in names:
            if name not in OF_PROCESSES:
                _hold_file(Path(folder, name), below / name)


def _hold_file(file: Path, second: Path) -> None:
    """A link, pipe or socket is no part of a backup, and what has gone meanwhile is not missed."""
    with suppress(FileNotFoundError, FileExistsError):
        if file.is_symlink() or not file.is_file():
            return
        try:
            os.link(file, second, follow_symlinks=False)
        except FileExistsError:
            return
        except OSError:  # another disk, or one without second names
            shutil.copyfile(file, second, follow_symlinks=False)


def _write(held: Path, partial: Path, side: str) -> None:
    found = Sum()
    with open(partial, "wb", opener=_private) as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in _names(held):
                with open_beneath(held, name) as file:
                    _add(tar, name, file, found)
            text = json.dumps(asdict(found.facts(side))).encode()
            last = tarfile.TarInfo(FACTS)
            last.size = len(text)
            tar.addfile(last, io.BytesIO(text))
        flush_to_disk(out)


def _names(held: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(held):
        folders.sort()
        for name in sorted(names):
            yield str(Path(folder, name).relative_to(held))


def _add(tar: tarfile.TarFile, name: str, file: BinaryIO, found: Sum) -> None:
    """The file goes in as long as it is now; a log may grow meanwhile."""
    status = os.fstat(file.fileno())
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), status.st_mode & 0o777
    digest = hashlib.sha256()
    left = member.size
    while left and (piece := file.read(min(PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    file.seek(0)
    member.pax_headers = {DIGEST: digest.hexdigest()}
    tar.addfile(member, file)
    tar.members = []  # type: ignore[attr-defined]  # it would keep all that it has written
    found.add(name, member.size, digest.hexdigest())


def _flush_name(target: Path) -> None:
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
