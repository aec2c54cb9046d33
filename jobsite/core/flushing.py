"""Bringing files and directories to disk, many at a time, so that a power cut does not undo what others rely on."""

import ctypes
import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from jobsite.core.files import components, directory_beneath

FEW = 24  # files and directories that are flushed each for itself
LANES = 4

_AS_IT_IS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)
_flushing = ThreadPoolExecutor(2 * LANES, thread_name_prefix="flush")


def _begin_anew() -> None:
    """A pool of its own for a fork, which has none of the threads that it would wait for."""
    global _flushing
    _flushing = ThreadPoolExecutor(2 * LANES, thread_name_prefix="flush")


os.register_at_fork(after_in_child=_begin_anew)


def flush(places: Iterable[tuple[Path, str]]) -> None:
    """Returns when these files and directories, each (root, path below it, "" for the root), will survive a power cut.

    A few are flushed at the same time, which a disk does nearly as fast as one; many by their file systems as a whole.
    What is not there is passed over: its removal is part of its directory. No link is followed. Raises UnsafePath,
    OSError.
    """
    with ExitStack() as stack:
        wanted = sorted(set(places))
        if len(wanted) > FEW:
            roots = {root for root, _ in wanted}
            _flush_file_systems([stack.enter_context(directory_beneath(root, ())) for root in roots])
            return
        opened: list[int] = []
        for root, path in wanted:
            *parents, name = components(path) if path else ["."]
            with suppress(FileNotFoundError), directory_beneath(root, tuple(parents)) as directory:
                opened.append(os.open(name, _AS_IT_IS, dir_fd=directory))
                stack.callback(os.close, opened[-1])
        _flush_side_by_side(opened)


def _flush_side_by_side(opened: list[int]) -> None:
    """Flush these in a few lanes at the same time, one of them here: to hand each to a thread of its own costs more."""
    lanes = [opened[start::LANES] for start in range(min(LANES, len(opened)))]
    others = [_flushing.submit(_flush_in_order, lane) for lane in lanes[1:]]
    try:
        _flush_in_order(lanes[0] if lanes else [])
    finally:
        wait(others)  # before anybody closes them
    for other in others:
        other.result()


def _flush_in_order(opened: list[int]) -> None:
    for one in opened:
        os.fsync(one)


@contextmanager
def flushed_trees(roots: Collection[Path], *others: tuple[Path, str]) -> Iterator[None]:
    """What is written below the directories `roots` in the block will survive a power cut when the block is left, and
    so will `others`, places as for `flush`.

    Nobody else writes there meanwhile. Raises OSError.
    """
    with ExitStack() as stack:
        # Opened before anything is written, so that no failure to write it is missed.
        opened = [stack.enter_context(directory_beneath(root, ())) for root in roots]
        yield
        written = [(root, path) for root in roots for path in _everything_in(root)]
        if len(written) > FEW:
            _flush_file_systems(opened)
            written = []
        flush([*written, *others])


def _everything_in(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        below = os.path.relpath(folder, root)
        inside = "" if below == "." else f"{below}/"
        yield inside.removesuffix("/")
        yield from (f"{inside}{name}" for name in names)


def _flush_file_systems(descriptors: Iterable[int]) -> None:
    """Writes all of their file systems to disk: for thousands of files far quicker than one after the other."""
    for descriptor in {os.fstat(one).st_dev: one for one in descriptors}.values():
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
