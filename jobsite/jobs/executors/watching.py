"""Looks after a running attempt: samples what it uses, and says which limit it has broken."""

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from jobsite.jobs.executors import processes, records
from jobsite.jobs.executors.contract import AttemptSpec
from jobsite.jobs.executors.starting import Started

_LOOK_EVERY = 2.0
_FIRST_LOOK = 0.1
_MEMORY_EVERY = 0.2
_DU_LOOK = 0.05
_FEW = 100
_BLOCK = 512  # of stat
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DISK_SHARE = 10  # a measurement that takes long is made that many times less often than it takes


class Watch:
    """What the supervisor asks at every turn. Memory is kept by the control group where there is one, and by
    looking every fifth of a second where there is none; the disk by measuring the work directory: a few files here,
    more with du, which knows trees of any depth and follows no link."""

    def __init__(self, spec: AttemptSpec, running: Started) -> None:
        self._spec = spec
        self._running = running
        self._started = time.monotonic()
        self._sample_due = self._started
        # What a job can take until then is no harm.
        self._memory_due = self._disk_due = self._started + _FIRST_LOOK
        self._du: subprocess.Popen[bytes] | None = None
        self._du_started = 0.0
        self.peak_memory = 0

    def look(self) -> str | None:
        """Does what is due. Gives the reason to end the program, or None."""
        now = time.monotonic()
        if now >= self._sample_due:
            self._sample_due = now + self._pause(now)
            self._sample()
        if now - self._started > self._spec.limits.time_seconds:
            return "time_limit"
        if now >= self._memory_due:
            self._memory_due = now + _MEMORY_EVERY
            if self._out_of_memory():
                return "out_of_memory"
        return "disk_limit" if self._disk_full(now) else None

    def seconds_until_due(self) -> float:
        """How long the supervisor may sleep."""
        return max(0.0, min(self._sample_due, self._memory_due, self._disk_due) - time.monotonic())

    def close(self) -> None:
        """Ends a measurement that is still under way."""
        if self._du:
            self._du.kill()
            self._du.communicate()

    def _pause(self, now: float) -> float:
        """Until the next look: short at first, so that a short job has its samples too, two seconds later
        on."""
        return min(_LOOK_EVERY, max(_FIRST_LOOK, now - self._started))

    def _sample(self) -> None:
        pids = self._running.all_processes()
        seconds, resident = processes.usage(pids)
        memory = self._memory(resident)
        row = [records.now(), round(seconds, 2), memory, len(pids) - self._running.sandboxed]
        records.append_sample(self._spec.attempt_dir, row)

    def _memory(self, resident: int) -> int:
        group = self._running.group
        used = group.memory_in_use() if group else None
        memory = resident if used is None else used
        self.peak_memory = max(self.peak_memory, memory)
        return memory

    def _out_of_memory(self) -> bool:
        group = self._running.group
        if group and group.memory:
            self._memory(0)
            return group.kills() > 0
        return (
            self._memory(processes.usage(self._running.all_processes())[1]) > self._spec.limits.memory_bytes
        )

    def _disk_full(self, now: float) -> bool:
        if now < self._disk_due:
            return False
        self._disk_due = now + _DU_LOOK
        if self._du is None:
            if (known := size_of_few(self._spec.work_dir)) is not None:
                self._disk_due = now + self._pause(now)
                return known > self._spec.limits.disk_bytes
            self._du_started = now
            self._du = subprocess.Popen(
                ["/usr/bin/du", "-sx", "--block-size=1", "--", self._spec.work_dir],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            return False
        if self._du.poll() is None:
            return False
        size = self._du.communicate()[0].split(b"\t")[0]
        self._du = None
        self._disk_due = now + max(self._pause(now), _DISK_SHARE * (now - self._du_started))
        return size.isdigit() and int(size) > self._spec.limits.disk_bytes


def size_of_few(folder: str) -> int | None:
    """What a directory with a few files and folders takes on the disk, in bytes, as du counts; None where there are more,
    and where something cannot be read. No link is followed."""
    sizes: dict[tuple[int, int], int] = {}
    entries = 0
    waiting: list[int] = []
    try:
        waiting.append(os.open(folder, _DIRECTORY))
        while waiting and entries <= _FEW:
            with _closed_after(waiting.pop()) as place, os.scandir(place) as listed:
                _add(sizes, os.fstat(place))
                for entry in islice(listed, _FEW + 1 - entries):
                    entries += 1
                    facts = entry.stat(follow_symlinks=False)
                    _add(sizes, facts)
                    if stat.S_ISDIR(facts.st_mode):
                        waiting.append(os.open(entry.name, _DIRECTORY, dir_fd=place))
    except OSError:
        return None
    finally:
        for place in waiting:
            os.close(place)
    return sum(sizes.values()) if entries <= _FEW else None


def _add(sizes: dict[tuple[int, int], int], facts: os.stat_result) -> None:
    sizes[facts.st_dev, facts.st_ino] = facts.st_blocks * _BLOCK


@contextmanager
def _closed_after(handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        os.close(handle)
