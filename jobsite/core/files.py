"""Files below a root: joined, opened, written, copied and removed without ever following a link.

A relative path is text with forward slashes (`output/a.csv`). Every function that takes one walks it component by component
from an open directory, so that a link put in its way by a job, at whatever moment, is refused and not followed.
"""

import errno
import hashlib
import os
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
PIECE = 1024 * 1024  # bytes read at once: files are never held whole

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for its other end.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class UnsafePath(ValueError):
    """A path that leaves its root, or meets a link or something that is no regular file; its text is a sentence."""


class Copied(NamedTuple):
    """What was written by a copy: `size` in bytes and the SHA-256 of exactly these bytes, in hex."""

    size: int
    sha256: str


def components(relative: str) -> tuple[str, ...]:
    """The names in a relative path.

    Raises UnsafePath for an empty or absolute path, `.` and `..`, double or trailing slashes, backslashes,
    control characters (NUL, line ends), invisible ones (some turn the text beside them round), undecodable
    bytes, and names or paths longer than a file system takes.
    """
    if not relative:
        raise UnsafePath("A file name is missing.")
    if reason := _why_unsafe(relative):
        raise UnsafePath(f"The path {_shown(relative)} {reason}.")
    return tuple(relative.split("/"))


def _why_unsafe(relative: str) -> str | None:
    if relative.startswith("/"):
        return "is absolute"
    if "\\" in relative:
        return "contains a backslash"
    plain = (
        relative.isascii() and relative.isprintable()
    )  # nearly every name; the rest is looked at by letter
    if not plain and any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in relative):
        return "contains a control or invisible character, or bytes that are not UTF-8"
    names = relative.split("/")
    if any(name in ("", ".", "..") for name in names):
        return "is not in standard form (contains double slashes, '.' or '..' elements)"
    if len(relative.encode()) > 4000 or any(len(name.encode()) > 255 for name in names):
        return "is too long"
    return None


def _shown(relative: str) -> str:
    return repr(relative if len(relative) <= 200 else f"{relative[:200]}…")


def safe_join(root: Path, relative: str) -> Path:
    """The path of `relative` below `root`. It says nothing about links: open the result with `open_beneath`.

    Raises UnsafePath as `components` does.
    """
    return root.joinpath(*components(relative))


@contextmanager
def directory_beneath(root: Path, names: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """A file descriptor of the directory `names` below `root`, for use as `dir_fd`.

    With `create`, missing directories are made (mode 750). Raises UnsafePath when a component is a link or no
    directory, FileNotFoundError when it is missing.
    """
    current = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
    try:
        for name in names:
            current = _step_down(current, name, create)
        yield current
    finally:
        os.close(current)


def make_directories(root: Path, relative: str) -> Path:
    """Makes `root` and the directories `relative` below it, where they are missing, with mode 750; the path of the last.

    Raises UnsafePath, OSError.
    """
    root.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    with directory_beneath(root, components(relative), create=True):
        return safe_join(root, relative)


def _step_down(parent: int, name: str, create: bool) -> int:
    """The descriptor of the directory `name` in `parent`, which is closed only when that succeeded."""
    made = create and _made(parent, name)
    try:
        child = os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        raise _unsafe_or_missing(error, name) from None
    if made:  # whatever the umask; a group inherited from the directory above stays
        os.fchmod(child, stat.S_IMODE(os.fstat(child).st_mode) | DIRECTORY_MODE)
    os.close(parent)
    return child


def _made(parent: int, name: str) -> bool:
    try:
        os.mkdir(name, DIRECTORY_MODE, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _unsafe_or_missing(error: OSError, name: str) -> Exception:
    """These three tell of a link, a file in place of a directory, or a socket; other errors are what they are."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
        return UnsafePath(f"{_shown(name)} is a link, or not of the expected type.")
    return error


def open_beneath(root: Path, relative: str) -> BinaryIO:
    """The regular file `relative` below `root`, open for reading bytes. No link is followed at any component.

    `root` itself is trusted and may be reached by links. Raises UnsafePath (a bad path, a link, a pipe, socket,
    device or directory), FileNotFoundError (nothing there) or another OSError.
    """
    *parents, name = components(relative)
    with directory_beneath(root, tuple(parents)) as directory:
        return open_in(directory, name)


def open_in(directory: int, name: str) -> BinaryIO:
    """The regular file `name` of an open directory; otherwise as `open_beneath`."""
    # Looked at before it is opened, because opening a device can have effects; and after, because it may change.
    _refuse_irregular(os.stat(name, dir_fd=directory, follow_symlinks=False), name)
    try:
        descriptor = os.open(name, _FILE, dir_fd=directory)
    except OSError as error:
        raise _unsafe_or_missing(error, name) from None
    try:
        _refuse_irregular(os.fstat(descriptor), name)
    except UnsafePath:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def _refuse_irregular(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafePath(f"{_shown(name)} is not a regular file.")


def sha256_of(file: BinaryIO | Path) -> str:
    """SHA-256 in hex of a file, read in pieces: of an open one from where it stands, of a path from its start."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return sha256_of(opened)
    digest = hashlib.sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def atomic_write(path: Path, data: bytes | str, *, mode: int = FILE_MODE, flushed: bool = True) -> None:
    """Puts `data` (text as UTF-8) at `path`: a reader sees the old file or the whole new one, also after a power cut.

    The directory must exist. A link at `path` is replaced, not followed. Raises OSError; then `path` is unchanged.
    Without `flushed` a power cut may leave an empty file: for what is flushed later, or can be made again.
    """
    with directory_beneath(path.parent, ()) as directory:
        write_in(
            directory, path.name, data.encode() if isinstance(data, str) else data, mode=mode, flushed=flushed
        )


def write_in(directory: int, name: str, data: bytes, *, mode: int = FILE_MODE, flushed: bool = True) -> None:
    """`atomic_write` for the file `name` of an open directory."""
    temporary = f".{secrets.token_hex(8)}.tmp"
    try:
        with open(os.open(temporary, _NEW_FILE, mode, dir_fd=directory), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            if flushed:
                flush_to_disk(file)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise
    if flushed:
        os.fsync(directory)


def flush_to_disk(file: BinaryIO) -> None:
    """Returns when what was written to `file` will survive a power cut."""
    file.flush()
    os.fsync(file.fileno())


def copy_beneath(
    source: BinaryIO, root: Path, relative: str, *, mode: int = FILE_MODE, flushed: bool = True
) -> Copied:
    """Copies the open file `source`, from where it stands, to a new file below `root`; times are kept.

    Missing directories are made. An older file of that name goes first, a link there is removed and not followed.
    What is returned was measured on the bytes that were written, and they are on disk, unless `flushed` is false.
    Raises UnsafePath, OSError.
    """
    *parents, name = components(relative)
    times = os.fstat(source.fileno())
    digest, size = hashlib.sha256(), 0
    with directory_beneath(root, tuple(parents), create=True) as directory:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
        with open(os.open(name, _NEW_FILE, mode, dir_fd=directory), "wb") as target:
            os.fchmod(target.fileno(), mode)
            while piece := source.read(PIECE):
                digest.update(piece)
                size += target.write(piece)
            target.flush()
            os.utime(target.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
            if flushed:
                os.fsync(target.fileno())
        if flushed:
            os.fsync(directory)
    return Copied(size, digest.hexdigest())


def move_beneath(source_root: Path, source: str, root: Path, relative: str, *, flushed: bool = True) -> None:
    """Renames a file below one root to a path below another of the same file system; what was there is replaced.

    Missing directories are made; no link is followed. On return the new name is on disk, unless `flushed` is false.
    Raises UnsafePath, OSError.
    """
    *from_names, from_name = components(source)
    *to_names, to_name = components(relative)
    with (
        directory_beneath(source_root, tuple(from_names)) as old,
        directory_beneath(root, tuple(to_names), create=True) as new,
    ):
        os.rename(from_name, to_name, src_dir_fd=old, dst_dir_fd=new)
        if flushed:
            os.fsync(new)


def link_beneath(source_root: Path, source: str, root: Path, relative: str, *, flushed: bool = True) -> None:
    """Gives a regular file below one root a second name below another of the same file system.

    Nothing happens when the second name is taken. The name is on disk, unless `flushed` is false.
    Raises UnsafePath, FileNotFoundError, OSError.
    """
    *from_names, from_name = components(source)
    *to_names, to_name = components(relative)
    with directory_beneath(source_root, tuple(from_names)) as old:
        _refuse_irregular(os.stat(from_name, dir_fd=old, follow_symlinks=False), from_name)
        with directory_beneath(root, tuple(to_names), create=True) as new, suppress(FileExistsError):
            os.link(from_name, to_name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
            if flushed:
                os.fsync(new)


def remove_beneath(root: Path, relative: str) -> None:
    """Removes the file or link `relative`; nothing there is no error, a link on the way to it neither: then it is not
    below this root. Raises OSError, IsADirectoryError for a directory.
    """
    *parents, name = components(relative)
    with suppress(FileNotFoundError, UnsafePath), directory_beneath(root, tuple(parents)) as directory:
        os.unlink(name, dir_fd=directory)


def remove_tree(path: Path) -> None:
    """Removes `path` and everything below it; links are removed, never followed; nothing there is no error.

    Works for any depth and for directories whose owner took away his own permissions: sub-directories are first
    moved up beside each other, so neither recursion, path length nor open files grow. Raises UnsafePath for a path
    that ends in `..`, OSError when something cannot be removed.
    """
    components(path.name)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(path)
        return
    with directory_beneath(path.parent, ()) as parent:
        _permit(parent, path.name)
    with directory_beneath(path.parent, (path.name,)) as top:
        while directories := _unlink_files(top):
            for name in directories:
                _lift_and_remove(top, name)
    os.rmdir(path)


def _unlink_files(directory: int) -> list[str]:
    """Removes everything in a directory but its sub-directories, whose names are returned."""
    with os.scandir(directory) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in listed:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
    return [name for name, is_directory in listed if is_directory]


def _lift_and_remove(top: int, name: str) -> None:
    _permit(top, name)
    directory = os.open(name, _DIRECTORY, dir_fd=top)
    try:
        for child in _unlink_files(directory):
            _permit(directory, child)
            os.rename(child, f".{secrets.token_hex(8)}", src_dir_fd=directory, dst_dir_fd=top)
    finally:
        os.close(directory)
    os.rmdir(name, dir_fd=top)


def _permit(parent: int, name: str) -> None:
    """Gives us back read, write and search on a directory of ours; through O_PATH, as it may not be opened yet."""
    descriptor = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{descriptor}", mode | 0o700)
    finally:
        os.close(descriptor)
