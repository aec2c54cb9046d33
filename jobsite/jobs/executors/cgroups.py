"""A control group for one attempt: memory, CPU and number of processes, where the machine lets us.

Version 1 has a tree for each controller, version 2 one tree for all (kernel documentation,
admin-guide/cgroup-v1 and cgroup-v2). The group is made beneath the group of this process, so that it works as
root and in a delegated subtree alike. What cannot be made is left out: `holds` names the limits that are in
force.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jobsite.jobs.executors import processes
from jobsite.jobs.executors.contract import Limits

_PREFIX = "jobsite-"
_PERIOD = 100_000
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Group:
    """The folders of one attempt's group. `memory` is None where no memory controller could be had, `cpu` is
    where the use of CPU is counted."""

    folders: tuple[Path, ...]
    memory: Path | None
    version: int
    holds: tuple[str, ...]
    cpu: Path | None = None

    def add(self, pid: int) -> None:
        """Puts a process, and what it will start, into the group. Raises OSError."""
        for folder in self.folders:
            _put(folder / "cgroup.procs", str(pid))

    def kills(self) -> int:
        """How many processes of the group the kernel has killed because the memory limit was reached."""
        if self.memory is None:
            return 0
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return _keyed(self.memory / name).get("oom_kill", 0)

    def memory_in_use(self) -> int | None:
        """Bytes that cannot be given back (no file cache); None without a memory controller."""
        if self.memory is None:
            return None
        stat = _keyed(self.memory / "memory.stat")
        if self.version == 1:
            return stat.get("total_rss", 0) + stat.get("total_shmem", 0)
        return stat.get("anon", 0) + stat.get("shmem", 0)

    def largest_memory(self) -> int:
        """The most bytes ever held at once, but for the file cache that is held now."""
        if self.memory is None:
            return 0
        most, cache = (
            ("memory.max_usage_in_bytes", "total_cache") if self.version == 1 else ("memory.peak", "file")
        )
        held = "".join(_words(self.memory / most))
        return max(0, int(held) - _keyed(self.memory / "memory.stat").get(cache, 0)) if held.isdigit() else 0

    def cpu_seconds(self) -> float:
        """CPU seconds of all processes that ever were in the group; 0 where they are not counted."""
        if self.cpu is None:
            return 0.0
        if self.version == 2:
            return _keyed(self.cpu / "cpu.stat").get("usage_usec", 0) / 1e6
        used = "".join(_words(self.cpu / "cpuacct.usage"))
        return int(used) / 1e9 if used.isdigit() else 0.0

    def remove(self) -> None:
        """Removes the emptied group; a group that is still in use stays for `remove_abandoned`."""
        for folder in self.folders:
            try:
                folder.rmdir()
            except OSError:
                continue


def make(attempt: str, limits: Limits) -> Group | None:
    """A group with the limits set, or None where not a single one could be."""
    own = processes.identity(os.getpid())
    name = f"{_PREFIX}{attempt}-{own['pid']}-{own['start']}"
    mine = _own_groups()
    group = _make_v2(_v2_parents(mine), name, limits) or _make_v1(mine, name, limits)
    return group if group.holds else None


def around(pid: int, limits: Limits) -> Group | None:
    """The group that somebody else, such as a container engine, has made around a process with these limits;
    `holds` names those that are really set. None where none is."""
    mine = _groups_of(pid)
    version = 1 if "memory" in mine else 2
    settings = _v1_settings(limits) if version == 1 else _v2_settings(limits)
    places = {name: mine.get(name if version == 1 else "") for name in (*settings, "cpuacct")}
    holds = tuple(
        name
        for name, wanted in settings.items()
        if (place := places[name])
        and all(_says(place / file, value) for file, value, needed in wanted if needed)
    )
    memory = places["memory"] if "memory" in holds else None
    return Group((), memory, version, holds, places["cpuacct"]) if holds else None


def remove_abandoned() -> None:
    """Removes groups whose supervisor is gone."""
    mine = _own_groups()
    for parent in {*_v2_parents(mine), *(path for key, path in mine.items() if key)}:
        for folder in parent.glob(f"{_PREFIX}*-*-*"):
            pid, start = folder.name.rsplit("-", 2)[1:]
            if pid.isdigit() and not (
                processes.runs(int(pid)) and str(processes.start_ticks(int(pid))) == start
            ):
                _try_to_remove(folder)


def _make_v1(mine: dict[str, Path], name: str, limits: Limits) -> Group:
    folders, holds = [], []
    for controller, settings in _v1_settings(limits).items():
        if controller not in mine:
            continue
        folder = mine[controller] / name
        if _set_up(folder, settings):
            folders.append(folder)
            holds.append(controller)
    memory = mine["memory"] / name if "memory" in holds else None
    return Group(tuple(folders), memory, 1, tuple(holds))


def _v1_settings(limits: Limits) -> dict[str, list[tuple[str, str, bool]]]:
    """For each controller the (file, value, needed) to write, in this order."""
    size = str(limits.memory_bytes)
    return {
        "memory": [("memory.limit_in_bytes", size, True), ("memory.memsw.limit_in_bytes", size, False)],
        "cpu": [
            ("cpu.cfs_period_us", str(_PERIOD), True),
            ("cpu.cfs_quota_us", str(int(limits.cpus * _PERIOD)), True),
        ],
        "pids": [("pids.max", str(limits.processes), True)],
    }


def _v2_settings(limits: Limits) -> dict[str, list[tuple[str, str, bool]]]:
    """The same for version 2."""
    return {
        "memory": [("memory.max", str(limits.memory_bytes), True), ("memory.swap.max", "0", False)],
        "cpu": [("cpu.max", f"{int(limits.cpus * _PERIOD)} {_PERIOD}", True)],
        "pids": [("pids.max", str(limits.processes), True)],
    }


def _make_v2(parents: list[Path], name: str, limits: Limits) -> Group | None:
    settings = _v2_settings(limits)
    for parent in parents:
        available = _words(parent / "cgroup.controllers")
        for controller in settings:
            if controller in available:
                _write(parent / "cgroup.subtree_control", f"+{controller}")
        enabled = [one for one in settings if one in _words(parent / "cgroup.subtree_control")]
        folder = parent / name
        holds = tuple(one for one in enabled if _set_up(folder, settings[one]))
        if holds:
            return Group((folder,), folder if "memory" in holds else None, 2, holds)
        _try_to_remove(folder)
    return None


def _set_up(folder: Path, settings: list[tuple[str, str, bool]]) -> bool:
    try:
        folder.mkdir(exist_ok=True)
        for name, value, needed in settings:
            if not _write(folder / name, value) and needed:
                return False
        return os.access(folder / "cgroup.procs", os.W_OK)
    except OSError:
        return False


def _own_groups() -> dict[str, Path]:
    return _groups_of(os.getpid())


def _groups_of(pid: int) -> dict[str, Path]:
    """Where a process stands: controller name -> folder, and "" -> folder in the version 2 tree; empty when
    it is gone."""
    found = {}
    for line in _lines(Path(f"/proc/{pid}/cgroup")):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in mounts():
                folder = mounts()[controller] / path.lstrip("/")
                found[controller] = folder if folder.is_dir() else mounts()[controller]
    return found


@lru_cache
def mounts() -> Mapping[str, Path]:
    """Where the machine has its trees: controller name -> folder, "" for version 2. Read once."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2":
            found[""] = Path(left.split()[4])
        elif kind == "cgroup":
            found.update((option, Path(left.split()[4])) for option in options.split(","))
    return found


def _v2_parents(mine: dict[str, Path]) -> list[Path]:
    """Candidates for the parent of a version 2 group: a group that holds processes may not hand out
    controllers, so in a delegated subtree (systemd's DelegateSubgroup) it is the one above our own."""
    own = mine.get("")
    if own is None:
        return []
    return [folder for folder in (own, own.parent) if (folder / "cgroup.controllers").exists()]


def _write(path: Path, value: str) -> bool:
    try:
        _put(path, value)
        return True
    except OSError:
        return False


def _put(path: Path, value: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, value.encode())
    finally:
        os.close(handle)


def _says(path: Path, wanted: str) -> bool:
    """Whether the file holds this value; the kernel rounds sizes down to whole pages."""
    held = " ".join(_words(path))
    if held.isdigit() and wanted.isdigit():
        return 0 <= int(wanted) - int(held) < _PAGE
    return held == wanted


def _lines(path: Path) -> list[str]:
    try:
        return processes.content(str(path)).decode().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    try:
        return processes.content(str(path)).decode().split()
    except OSError:
        return []


def _keyed(path: Path) -> dict[str, int]:
    try:
        pairs = (line.split() for line in _lines(path))
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    except ValueError:
        return {}


def _try_to_remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
