"""Starts the program of an attempt in a container, and ends it whole.

The engine's client stays in the foreground and carries both streams. The container does not depend on it: it
is known by its name, and its first process by its number on this machine.
"""

import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jobsite.jobs.executors import cgroups, oci, processes
from jobsite.jobs.executors.cgroups import Group
from jobsite.jobs.executors.contract import AttemptSpec
from jobsite.jobs.executors.starting import Lost, NotStarted
from jobsite.jobs.preparing import JobError, Stopped

LONGEST_PULL = 20 * 60.0
_LONGEST_START = 120.0
_PID_FILE = "container.pid"
_LOOK_FOR_FILE, _LOOK_BY_ENGINE = 0.002, 0.05
_LISTEN = 0.1
_PATIENCE = 5.0
_NEVER = "0001-01-01"
_UNKNOWN_IMAGE = re.compile(
    r"manifest unknown|name unknown|not found|repository does not exist", re.IGNORECASE
)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
# The init process that podman uses says this, with exit code 1; that of docker ends with 126 or 127 by itself.
_NOT_EXECUTED = re.compile(rb"\(catatonit:\d+\): failed to exec pid1: (No such file)?.*\Z")


class ImageAway(Exception):
    """The image cannot be fetched now; the text tells operators why, `fault` is its kind (`faults.RETRIES`)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.fault = "disk_full" if _FULL.search(why) else "image_store"


class Contained:
    """A program that was started in a container; what its methods promise is said by `starting.Started`."""

    sandboxed = 1

    def __init__(self, spec: AttemptSpec, process: subprocess.Popen[bytes], root: int | None) -> None:
        self.process = process
        self._engine = spec.engine
        self._name = oci.name(spec.work_dir)
        self._root = root
        self._root_handle = _open_process(root)
        self.group = cgroups.around(root, spec.limits) if root else None
        self._used = (0, 0.0, 0)
        # The engine takes the group away soon after the first process has ended; a thread of its own sees that
        # moment also while this one waits for the engine.
        self._last_look = threading.Thread(target=self._look_at_the_end, daemon=True)
        self._last_look.start()

    def ask_to_end(self) -> bool:
        """SIGTERM to the program itself, below the init process, which passes on what it gets by the engine."""
        first = processes.children(self._root) if self._root else []
        if not (first and _sent(_open_process(first[0]), signal.SIGTERM)):
            self._ask_engine("TERM")
        return True

    def kill(self) -> None:
        """SIGKILL to the init process; the kernel ends all others of the container with it."""
        if not _sent(self._root_handle, signal.SIGKILL):
            self._ask_engine("KILL")

    def wait(self, last_words: bytes) -> tuple[int, float, int]:
        """See `Started`. The container is removed."""
        _, status, _ = os.wait4(self.process.pid, 0)
        self.process.returncode = code = os.waitstatus_to_exitcode(status)
        said = last_words.decode(errors="replace").strip()
        try:
            if code != 0:
                code = self._own_exit_code(code, last_words)
        except oci.EngineFailed as problem:
            raise Lost(f"the engine does not tell how the container ended: {problem}") from None
        finally:
            self._end_rest()
        if code < 0:
            raise Lost(f"the engine's client was ended by signal {-code}, and the container with it: {said}")
        return code, self._used[1], self._used[2]

    def all_processes(self) -> list[int]:
        """Those below the init process, and itself. Where no group counts the use of CPU, it is counted here."""
        found = processes.tree(self._root) if self._root else []
        if self.group is None:
            self._used = (0, max(self._used[1], processes.usage(found)[0]), 0)
        return found

    def ran_out_of_memory(self) -> bool:
        """By the kernel's count at the end, or by the engine's word."""
        return self._used[0] > 0

    def _look_at_the_end(self) -> None:
        if self._root_handle is None:
            return
        select.select([self._root_handle], [], [])
        group = self.group
        if group:
            self._used = (group.kills() + self._used[0], group.cpu_seconds(), group.largest_memory())

    def _own_exit_code(self, code: int, last_words: bytes) -> int:
        """The program's own exit code; that of the client, negative, when a signal ended the client instead.
        Raises NotStarted."""
        known = oci.state(self._engine, self._name)
        if code > 0 and (known is None or str(known.get("StartedAt", "")).startswith(_NEVER)):
            said = last_words.decode(errors="replace").strip()
            raise NotStarted(f"the container could not be started: {said or f'exit code {code}'}")
        if code > 0 and known and known.get("OOMKilled"):
            self._used = (1, *self._used[1:])
        refused = _NOT_EXECUTED.search(last_words.rstrip()) if code == 1 else None
        if refused:
            return 127 if refused[1] else 126
        return code

    def _end_rest(self) -> None:
        """Proves the end of all processes, then lets the engine forget the container. What the engine cannot
        do now is left to `clean` and `sweep`."""
        if self._root_handle is not None:
            self.kill()
            while not select.select([self._root_handle], [], [], _PATIENCE)[0]:
                self.kill()
            self._last_look.join()
            os.close(self._root_handle)
        try:
            oci.remove(self._engine, self._name)
        except oci.EngineFailed:
            return

    def _ask_engine(self, number: str) -> None:
        try:
            oci.signal(self._engine, self._name, number)
        except oci.EngineFailed:
            return


def with_pinned_image(spec: AttemptSpec, should_stop: Callable[[], bool]) -> AttemptSpec:
    """The spec with its image named by digest. A missing one is fetched where the spec says so, for 20 minutes at
    the longest (§4.1).

    Raises JobError (there is no such image), Stopped, ImageAway (it cannot be fetched now), NotStarted (the
    engine does not work).
    """
    try:
        found = oci.pinned(spec.engine, spec.image)
        if found is None and spec.pull:
            _pull(spec, should_stop)
            found = oci.pinned(spec.engine, spec.image)
    except oci.EngineFailed as problem:
        raise NotStarted(f"{spec.engine}: {problem}") from None
    if found is None:
        raise JobError(
            f"The image {spec.image} is not on this server. Choose a version that is, or ask those who run the "
            "server to fetch it."
        )
    return replace(spec, image=found)


def start_container(spec: AttemptSpec, _: Group | None) -> Contained:
    """Starts the container of the spec's image; returns once its first process is known. Limits and their
    control group are the engine's. Raises NotStarted."""
    pid_file = Path(spec.attempt_dir, _PID_FILE)
    pid_file.unlink(missing_ok=True)
    try:
        command = oci.run_command(spec, str(pid_file))
        process = subprocess.Popen(
            command,
            env=oci.run_environment(spec),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            umask=0o022,
        )
    except (OSError, oci.EngineFailed) as problem:
        raise NotStarted(str(problem)) from None
    try:
        return Contained(spec, process, _first_process(spec, process, pid_file))
    except NotStarted:
        process.kill()
        process.communicate()
        end_left_behind(spec.engine, spec.work_dir)
        raise


def end_left_behind(engine: str, work_dir: str) -> None:
    """Ends and removes the container around this work directory, if there is one. Raises NotStarted when the
    engine does not do it."""
    name = oci.name(work_dir)
    try:
        known = oci.identity(engine, name) if any(processes.with_word(name)) else None
        oci.remove(engine, name)
        # A podman that was killed between making the first process and noting it has forgotten that process and its
        # monitor, which wait for ever, and what its runtime has set up around them.
        while left := list(processes.with_word(name)):
            for pid in [below for one in left for below in reversed(processes.tree(one))]:
                _kill_one(pid)
            time.sleep(_LOOK_FOR_FILE)
        if known:
            oci.forget(engine, known)
    except oci.EngineFailed as problem:
        raise NotStarted(f"the container of {os.path.basename(work_dir)} stays: {problem}") from None


def _pull(spec: AttemptSpec, should_stop: Callable[[], bool]) -> None:
    until = time.monotonic() + LONGEST_PULL
    process = oci.pull(spec.engine, spec.image)
    try:
        while True:
            if should_stop():
                raise Stopped
            if time.monotonic() > until:
                raise ImageAway(
                    f"fetching the image {spec.image} took longer than {LONGEST_PULL / 60:g} minutes"
                )
            try:
                said = process.communicate(timeout=_LISTEN)[1].decode("utf-8", "replace").strip()[-1000:]
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()
        process.communicate()
    if process.returncode != 0 and not _UNKNOWN_IMAGE.search(said):
        raise ImageAway(f"the image {spec.image} could not be fetched: {said}")


def _first_process(spec: AttemptSpec, process: subprocess.Popen[bytes], pid_file: Path) -> int | None:
    """The number of the container's first process, None when the client has ended before it was seen. Podman
    writes it into a file before the program has its turn, docker is asked. Raises NotStarted."""
    until = time.monotonic() + _LONGEST_START
    client = os.pidfd_open(process.pid)
    try:
        while time.monotonic() < until:
            found = _from_file(pid_file) if spec.engine == "podman" else _from_engine(spec)
            if found:
                return found
            pause = _LOOK_FOR_FILE if spec.engine == "podman" else _LOOK_BY_ENGINE
            if select.select([client], [], [], pause)[0]:
                return None
    finally:
        os.close(client)
    raise NotStarted(f"{spec.engine} did not start the container within {_LONGEST_START:g} s")


def _from_file(pid_file: Path) -> int | None:
    try:
        text = pid_file.read_text()
    except OSError:
        return None
    return int(text) if text.strip().isdigit() else None


def _from_engine(spec: AttemptSpec) -> int | None:
    try:
        known = oci.state(spec.engine, oci.name(spec.work_dir))
    except oci.EngineFailed:
        return None
    return (known or {}).get("Pid") or None


def _open_process(pid: int | None) -> int | None:
    try:
        return os.pidfd_open(pid) if pid else None
    except OSError:
        return None


def _kill_one(pid: int) -> None:
    handle = _open_process(pid)
    if handle is not None:
        _sent(handle, signal.SIGKILL)
        os.close(handle)


def _sent(handle: int | None, number: int) -> bool:
    """Whether the process was sent the signal, or needs none any more."""
    if handle is None:
        return False
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True
