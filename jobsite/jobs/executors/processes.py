"""Processes as /proc tells of them: identity that survives the reuse of numbers, trees, use of CPU and
memory."""

import os
import signal
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PIECE = 8192


@lru_cache
def boot_id() -> str:
    """A text that changes with every start of the machine."""
    try:
        return content("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""


def identity(pid: int) -> dict[str, Any]:
    """What tells this process from any later one with the same number: pid, start in clock ticks, boot."""
    return {"pid": pid, "start": start_ticks(pid), "boot": boot_id()}


def is_alive(who: dict[str, Any] | None) -> bool:
    """Whether the process with this identity still runs; one that only waits to be reaped does not."""
    if not who or who.get("boot") != boot_id():
        return False
    return runs(who["pid"]) and start_ticks(who["pid"]) == who["start"]


def runs(pid: int) -> bool:
    """Whether there is such a process that does not only wait to be reaped."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in "ZX"


def signal_if_alive(who: dict[str, Any] | None, number: int) -> bool:
    """Sends the signal to exactly that process. False when it is gone."""
    if not who or who.get("boot") != boot_id():
        return False
    try:
        handle = os.pidfd_open(who["pid"])
    except OSError:
        return False
    try:
        if not is_alive(who):
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks after boot; None when there is no such process."""
    fields = _stat(pid)
    return None if fields is None else int(fields[19])


def children(pid: int) -> list[int]:
    """The direct children of all threads of a process, in the order in which they were made."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, content(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass
    return found


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def usage(pids: Iterable[int]) -> tuple[float, int]:
    """CPU seconds (reaped children included) and resident bytes of these processes together."""
    seconds = 0.0
    resident = 0
    for pid in pids:
        fields = _stat(pid)
        if fields is not None:
            seconds += sum(map(int, fields[11:15])) / _TICKS
            resident += int(fields[21]) * _PAGE
    return seconds, resident


def with_first_argument(label: str) -> Iterator[dict[str, Any]]:
    """The processes whose command line begins with exactly this word."""
    wanted = os.fsencode(label)
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            first = content(f"/proc/{name}/cmdline").split(b"\0", 1)[0]
        except OSError:
            continue
        if first == wanted and runs(int(name)):
            yield identity(int(name))


def with_word(word: str) -> Iterator[int]:
    """The processes that have exactly this word anywhere on their command line."""
    wanted = os.fsencode(word)
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = content(f"/proc/{name}/cmdline").split(b"\0")
        except OSError:
            continue
        if wanted in words and runs(int(name)):
            yield int(name)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third (state) on. The name before them may hold anything."""
    try:
        return content(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def content(path: str) -> bytes:
    """All of a file of the kernel, which has no size beforehand. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = []
        while piece := os.read(handle, _PIECE):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)
