"""Fills an attempt's empty work directory: the files of one commit, then the inputs, then the listing (§4.1).

Everything is planned in memory before a byte is written, and links are made last, so that no write can follow
one.
"""

import errno
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO

from jobsite.jobs.committed import Blob, Lacking, Objects, files_of
from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec, InputFile

_BLOCK = 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LONGEST_LINK = 4096
_FEW = 100
_MOST_LINKS = 40


class JobError(Exception):
    """The job cannot be run as it is; the text tells its author why."""


class Stopped(Exception):
    """Preparing was given up because a stop was asked for."""


def prepare(spec: AttemptSpec, should_stop: Callable[[], bool]) -> tuple[int, int]:
    """Makes the work directory anew, fills it, and writes prepared.json last: {path: [size, modification time
    in ns, inode, sha256 of an input or null]} for every file and link in it. Gives the numbers of files and
    of inputs.

    Raises JobError (what the author can change), Stopped, OSError (the machine's fault, such as a full disk).
    """
    with Objects(spec.repo) as objects:
        blobs = _plan(spec, objects)
        work = Path(spec.work_dir)
        remove_tree(work)
        if not work.parent.exists():
            work.parent.mkdir(parents=True)
            work.parent.chmod(0o711)  # passable, not listable; each work directory in it is closed to others
        try:
            _fill(work, spec, objects, blobs, should_stop)
        except OSError as problem:
            if problem.errno not in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
                raise
            said = f"The repository has a file with a name that cannot be used here: {problem}."
            raise JobError(said) from None
    records.write(spec.attempt_dir, records.PREPARED, _listing(work, blobs, spec.inputs))
    return len(blobs), len(spec.inputs)


def _fill(
    work: Path,
    spec: AttemptSpec,
    objects: Objects,
    blobs: dict[str, Blob],
    should_stop: Callable[[], bool],
) -> None:
    owner = spec.user if os.geteuid() == 0 else None
    work.mkdir(mode=0o700)
    _own(work, owner)
    for folder in _folders([*blobs, *(one.path for one in spec.inputs)]):
        (work / folder).mkdir()
        _own(work / folder, owner)
    links = _write_files(work, objects, blobs, owner, should_stop)
    for one in spec.inputs:
        _copy_input(work, one, owner, should_stop)
    for path, target in links.items():
        os.symlink(target, os.fsencode(work / path))
        _own(work / path, owner)


def remove_tree(path: Path) -> None:
    """Removes a directory of any depth without following links, also where a job took away its own rights.
    Raises OSError when something stays. (rm walks with descriptors and without recursion; shutil.rmtree gives
    up on a tree 1,000 levels deep, which a job can make. A few files need no process of their own.)"""
    _remove_flat(path)
    for _ in range(2):
        if not os.path.lexists(path):
            return
        done = subprocess.run(
            ["/bin/rm", "-rf", "--one-file-system", "--", path], capture_output=True, check=False
        )
        if os.path.lexists(path) and not path.is_symlink():
            subprocess.run(["/bin/chmod", "-R", "u+rwX", "--", path], capture_output=True, check=False)
    if os.path.lexists(path):
        raise OSError(f"{path} cannot be removed: {done.stderr.decode(errors='replace').strip()[:500]}")


def _remove_flat(path: Path) -> None:
    """Removes a directory that holds a few files and nothing else; leaves what is more than that, or odd."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.scandir(handle) as entries:
                found = list(islice(entries, _FEW + 1))
            if len(found) > _FEW or any(one.is_dir(follow_symlinks=False) for one in found):
                return
            for one in found:
                os.unlink(one.name, dir_fd=handle)
        finally:
            os.close(handle)
        os.rmdir(path)


def _plan(spec: AttemptSpec, objects: Objects) -> dict[str, Blob]:
    """The files of the commit that no input replaces. Raises JobError for names and links that are not
    safe."""
    blobs = _committed(spec.commit, objects)
    for one in spec.inputs:
        if _unsafe_name(one.path):
            raise JobError(f"The input {one.path!r} has a name that cannot be used.")
        blobs.pop(one.path, None)
    taken = set(blobs) | {one.path for one in spec.inputs}
    for path in taken:
        if any(folder in taken for folder in _parents(path)):
            raise JobError(
                f"{path} cannot be written: a file or link of the repository has the name of its folder."
            )
    return blobs


def _committed(commit: str, objects: Objects) -> dict[str, Blob]:
    """The files and links of the commit by path."""
    if not _COMMIT.fullmatch(commit):
        raise JobError(f"{commit!r} is not the full id of a commit.")
    blobs: dict[str, Blob] = {}
    try:
        for blob in files_of(commit, objects):
            if _unsafe_name(blob.path):
                raise JobError(f"The repository has a file with a name that cannot be used: {blob.path!r}.")
            blobs[blob.path] = blob
    except Lacking:
        said = f"The commit {commit} is not in the repository any more, or cannot be read."
        raise JobError(said) from None
    return blobs


def _unsafe_name(path: str) -> bool:
    parts = path.split("/")
    return "\0" in path or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _folders(paths: list[str]) -> list[str]:
    """All folders above these paths, outer ones first."""
    return sorted({folder for path in paths for folder in _parents(path)}, key=lambda one: one.count("/"))


def _write_files(
    work: Path,
    objects: Objects,
    blobs: dict[str, Blob],
    owner: tuple[int, int] | None,
    should_stop: Callable[[], bool],
) -> dict[str, bytes]:
    """Writes the regular files; gives the links with their targets, after proving that none leads outside."""
    links: dict[str, bytes] = {}
    objects.ask_for([blob.object_id for blob in blobs.values()])
    for path, blob in blobs.items():
        if should_stop():
            raise Stopped
        if stat.S_ISLNK(blob.mode):
            links[path] = _link_target(blob, b"".join(objects.pieces(b"blob")))
            continue
        with _new_file(work / path, 0o755 if blob.mode & 0o100 else 0o644, owner) as file:
            for piece in objects.pieces(b"blob"):
                file.write(piece)
    targets = {path: os.fsdecode(target) for path, target in links.items()}
    for path, target in targets.items():
        if _leads_outside(path, targets):
            raise JobError(f"The repository has a link that leads outside of it: {path} -> {target}.")
    return links


def _link_target(blob: Blob, target: bytes) -> bytes:
    if not 0 < len(target) < _LONGEST_LINK or b"\0" in target:
        raise JobError(f"The repository has a link that cannot be made: {blob.path}.")
    return target


def _leads_outside(path: str, targets: dict[str, str]) -> bool:
    """Whether following the link as the system would, other links on the way included, leaves the directory.
    A circle of links leads nowhere and is harmless."""
    place: list[str] = []
    waiting = path.split("/")[::-1]
    followed = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            if not place:
                return True
            place.pop()
        elif part not in ("", "."):
            place.append(part)
            target = targets.get("/".join(place))
            if target is not None:
                followed += 1
                if target.startswith("/"):
                    return True
                if followed > _MOST_LINKS:
                    return False
                place.pop()
                waiting += target.split("/")[::-1]
    return False


def _copy_input(
    work: Path, one: InputFile, owner: tuple[int, int] | None, should_stop: Callable[[], bool]
) -> None:
    digest = hashlib.sha256()
    try:
        source = os.fdopen(os.open(one.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError:
        raise JobError(f"The input file {one.path} doesn't exist in workspace.") from None
    with source, _new_file(work / one.path, 0o644, owner) as file:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise JobError(f"The input file {one.path} is not a regular file.")
        while piece := source.read(_BLOCK):
            if should_stop():
                raise Stopped
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != one.sha256:
        raise JobError(
            f"The input file {one.path} is not the one that was recorded; run the action that makes it again."
        )


def _new_file(path: Path, mode: int, owner: tuple[int, int] | None) -> IO[bytes]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    if owner:
        os.fchown(handle, *owner)
    return os.fdopen(handle, "wb", buffering=_BLOCK)


def _own(path: Path, owner: tuple[int, int] | None) -> None:
    if owner:
        os.chown(path, *owner, follow_symlinks=False)


def _listing(
    work: Path, blobs: Iterable[str], inputs: Iterable[InputFile]
) -> dict[str, list[int | str | None]]:
    hashes: dict[str, str | None] = {**dict.fromkeys(blobs), **{one.path: one.sha256 for one in inputs}}
    found: dict[str, list[int | str | None]] = {}
    for path, sha256 in hashes.items():
        facts = os.lstat(work / path)
        found[path] = [facts.st_size, facts.st_mtime_ns, facts.st_ino, sha256]
    return found
