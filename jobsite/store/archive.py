"""The files of a workspace in one archive, and back: a tar of `high/…` and `level4/…`, last in it `archive.json`.

`archive.json` has every path with its size and SHA-256; nothing is removed before the archive was read back, and nothing is
put in place before all of it was compared. Each step can be repeated after a kill.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from jobsite.core.files import (
    FILE_MODE,
    PIECE,
    UnsafePath,
    components,
    flush_to_disk,
    make_directories,
    move_beneath,
    open_beneath,
    remove_tree,
    safe_join,
)
from jobsite.core.flushing import flush
from jobsite.store.journal import directories_of, fail_point
from jobsite.store.roots import LOCK, METADATA, Roots, locked

FORMAT = "jobsite-workspace/1"
INDEX = "archive.json"
RESTORING = f"{METADATA}/.restoring"
FAIL_POINTS = ("archive.packed", "archive.half_removed", "archive.half_restored")
"""Where `JOBSITE_FAIL_AT` can make the process die, in the order in which they are passed."""

Index = dict[str, tuple[int, str]]


class BadArchive(Exception):
    """An archive that cannot be trusted or used; its text is a sentence."""


def pack(roots: Roots, workspace: str, target: Path) -> int:
    """Put all files of a workspace into the archive `target`, read it back, and remove them. Gives how many files it has.

    Where `target` is there already, it has to hold all files that are left. Raises BadArchive, Busy, UnsafePath, OSError.
    """
    with locked(roots, workspace, wait=False):
        if not target.exists():
            _write(roots, workspace, target)
        index = read(target, workspace)
        _refuse_newer(roots, workspace, index)
        fail_point("archive.packed")
        remove_tree(roots.level4_of(workspace))
        fail_point("archive.half_removed")
        remove_tree(roots.high_of(workspace))
    return len(index)


def unpack(roots: Roots, workspace: str, source: Path) -> int:
    """Put the files of the archive `source` back. Gives how many. Files that are there already have to be the same.

    When it returns they survive a power cut: the archive may go.

    Raises BadArchive, Busy, UnsafePath, OSError; then no file of the workspace has changed.
    """
    with locked(roots, workspace, wait=False):
        index = read(source, workspace)
        _refuse_newer(roots, workspace, index)
        staged = [_place(roots, workspace, which) / RESTORING for which in ("high", "level4")]
        for place in staged:
            remove_tree(place)
        with tarfile.open(source) as tar:
            for member, file in _members(tar):
                _stage(roots, workspace, member, file)
        for name in index:
            which, _, path = name.partition("/")
            place = _place(roots, workspace, which)
            move_beneath(place, f"{RESTORING}/{path}", place, path, flushed=False)
            fail_point("archive.half_restored")
        _flush_names(roots, workspace, index)
        for place in staged:
            remove_tree(place)
    return len(index)


def read(source: Path, workspace: str) -> Index:
    """What an archive holds, by name, every byte of it compared with its index. Raises BadArchive, OSError."""
    found: Index = {}
    told: Any = None
    try:
        with tarfile.open(source) as tar:
            for member, file in _members(tar, with_index=True):
                if member.name == INDEX:
                    told = json.loads(file.read())
                else:
                    found[member.name] = _measured(file)
    except (tarfile.TarError, EOFError, ValueError) as damage:
        raise BadArchive(f"The archive {source.name} is damaged: {damage}") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT or told.get("workspace") != workspace:
        raise BadArchive(f"{source.name} is no archive of the workspace {workspace}.")
    if told.get("files") != {name: list(facts) for name, facts in found.items()}:
        raise BadArchive(f"The archive {source.name} is damaged: its files are not those of its index.")
    return found


def _write(roots: Roots, workspace: str, target: Path) -> None:
    """The archive comes into being under its name when all of it is on disk."""
    target.parent.mkdir(mode=0o700, exist_ok=True)
    partial, index = target.with_suffix(".part"), Index()
    with open(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, file in _files(roots, workspace):
                with file:
                    index[name] = _measured(file)
                    file.seek(0)
                    facts = tar.gettarinfo(arcname=name, fileobj=file)
                    facts.mode, facts.uid, facts.gid, facts.uname, facts.gname = FILE_MODE, 0, 0, "", ""
                    tar.addfile(facts, file)
            text = json.dumps({"format": FORMAT, "workspace": workspace, "files": index}).encode()
            last = tarfile.TarInfo(INDEX)
            last.size = len(text)
            tar.addfile(last, io.BytesIO(text))
        flush_to_disk(out)
    os.rename(partial, target)
    flush([(target.parent, ""), (target.parent.parent, "")])


def _files(roots: Roots, workspace: str) -> Iterator[tuple[str, BinaryIO]]:
    """Every file of a workspace, open, with its name in the archive, in order. Raises UnsafePath for a link."""
    for which in ("high", "level4"):
        root = _place(roots, workspace, which)
        for folder, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                path = str(Path(folder, name).relative_to(root))
                if path != LOCK and not path.startswith(f"{RESTORING}/"):
                    yield f"{which}/{path}", open_beneath(root, path)


def _refuse_newer(roots: Roots, workspace: str, index: Index) -> None:
    """Raises BadArchive where the workspace has a file that the archive does not hold as it is."""
    for name, file in _files(roots, workspace):
        with file:
            if index.get(name) != _measured(file):
                path = name.partition("/")[2]
                raise BadArchive(
                    f"The workspace {workspace} has files that its archive does not hold, such as {path}: put the "
                    "archive or those files somewhere else first."
                )


def _members(tar: tarfile.TarFile, *, with_index: bool = False) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
    """The files of an archive in its order. Raises BadArchive for anything that is no regular file of a workspace."""
    for member in tar:
        if member.name == INDEX and not with_index:
            continue
        file = tar.extractfile(member) if member.isreg() else None
        if file is None or not (member.name == INDEX or _is_ours(member.name)):
            raise BadArchive(f"The archive holds {member.name[:200]!r}, which is no file of a workspace.")
        yield member, file  # type: ignore[misc]  # a reader of bytes


def _is_ours(name: str) -> bool:
    which, _, path = name.partition("/")
    with suppress(UnsafePath):
        components(path)
        return which in ("high", "level4")
    return False


def _stage(roots: Roots, workspace: str, member: tarfile.TarInfo, file: BinaryIO) -> None:
    which, _, path = member.name.partition("/")
    *folders, last = components(path)
    place = make_directories(_place(roots, workspace, which), "/".join([RESTORING, *folders]))
    with open(os.open(safe_join(place, last), os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as out:
        while piece := file.read(PIECE):
            out.write(piece)
        os.utime(out.fileno(), (member.mtime, member.mtime))
        flush_to_disk(out)


def _flush_names(roots: Roots, workspace: str, index: Index) -> None:
    """Flushes the directories that hold these files, up to that of all workspaces; contents were flushed before."""
    for which in ("high", "level4"):
        place = _place(roots, workspace, which)
        names = directories_of(name.partition("/")[2] for name in index if name.startswith(f"{which}/"))
        flush([*((place, name) for name in names), (place.parent, "")])


def _measured(file: BinaryIO) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _place(roots: Roots, workspace: str, which: str) -> Path:
    return roots.high_of(workspace) if which == "high" else roots.level4_of(workspace)
