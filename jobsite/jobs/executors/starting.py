"""Starts the program of an attempt, in the sandbox or without one, and ends it whole.

Called from the supervisor's main thread only: the kernel ends the sandbox when the THREAD that started it
ends.
"""

import ctypes
import errno
import hashlib
import json
import os
import random
import resource
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from jobsite.jobs.executors import bubblewrap, processes, seccomp
from jobsite.jobs.executors.cgroups import Group
from jobsite.jobs.executors.contract import AttemptSpec
from jobsite.jobs.executors.database_network import Relay, open_ways

_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_START = 30.0
_LIKELY_VICTIM = "500"
_NICE = 5


class NotStarted(Exception):
    """The sandbox could not be made; the text tells operators why."""


class Lost(Exception):
    """What carried the program has failed while it ran; the text tells operators how."""


class Started(Protocol):
    """A program that has been started, whatever its walls are. `sandboxed` is the number of processes that
    belong to the walls."""

    process: subprocess.Popen[bytes]
    group: Group | None
    sandboxed: int

    def ask_to_end(self) -> bool:
        """Sends the polite signal to the program itself; False when it is not there yet."""

    def kill(self) -> None:
        """Ends every process of the attempt."""

    def wait(self, last_words: bytes) -> tuple[int, float, int]:
        """Waits for the end and ends all that was left behind. Gives the exit code (128 + number after a
        signal), CPU seconds, and bytes of memory at the most. `last_words` is the end of its standard error.
        Raises NotStarted when the program never had its turn, and Lost."""

    def all_processes(self) -> list[int]:
        """The processes of the attempt, those of the walls among them."""

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed any process of it because of the memory limit."""


class Running:
    """A started program. `root` is the process below which all others of the attempt are found; `sandboxed`
    tells whether the kernel ends them all with it. `relay` is its way to the database, closed with its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        root: int,
        *,
        group: Group | None,
        unread_go: int | None = None,
        relay: Relay | None = None,
    ) -> None:
        self.process = process
        self.root = root
        self.group = group
        self.sandboxed = int(unread_go is not None)
        self._unread_go = unread_go
        self._relay = relay
        self._root_handle = os.pidfd_open(root)

    def ask_to_end(self) -> bool:
        """The polite signal, to the program itself: the first process of a sandbox does not hear it."""
        if not self.sandboxed:
            self._signal_root(signal.SIGTERM)
            return True
        first = processes.children(self.root)
        if first:
            _signal(first[0], signal.SIGTERM)
        return bool(first)

    def kill(self) -> None:
        """Ends every process of the attempt."""
        self._signal_root(signal.SIGKILL)
        if not self.sandboxed:
            kill_descendants(unreaped=self.root)

    def wait(self, last_words: bytes) -> tuple[int, float, int]:
        """As `Started` says; of memory, the largest resident size of one process."""
        _, status, use = os.wait4(self.process.pid, 0)
        self.process.returncode = code = os.waitstatus_to_exitcode(status)
        uses = [use, *self._end_rest()]
        if self._relay:
            self._relay.close()
        os.close(self._root_handle)
        if self._unread_go is not None and _still_holds(self._unread_go):
            raise NotStarted(f"the sandbox could not be set up: {last_words.decode(errors='replace')}")
        seconds = sum(one.ru_utime + one.ru_stime for one in uses)
        return (128 - code if code < 0 else code), seconds, max(one.ru_maxrss for one in uses) * 1024

    def all_processes(self) -> list[int]:
        """The processes of the attempt."""
        return processes.tree(self.root)

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed any process of the group."""
        return self.group is not None and self.group.kills() > 0

    def _end_rest(self) -> list[resource.struct_rusage]:
        """Proves the end of all processes. bwrap may end before the first process of the sandbox, which this
        process then inherits; the kernel lets it be reaped only when all others of the sandbox are gone."""
        self.kill()
        if not self.sandboxed:
            return []
        try:
            return [os.wait4(self.root, 0)[2]]
        except ChildProcessError:
            return []

    def _signal_root(self, number: int) -> None:
        try:
            signal.pidfd_send_signal(self._root_handle, number)
        except ProcessLookupError:
            return


def label(work_dir: str) -> str:
    """The first word on the command line of the sandbox's processes, by which those left behind are found.
    The job can read it, so it does not tell where things are on this machine."""
    place = os.path.abspath(work_dir)
    return f"jobsite-sandbox:{os.path.basename(place)}:{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}"


def start_sandbox(spec: AttemptSpec, group: Group | None) -> Running:
    """Starts bubblewrap and, once its first process is in the control group, lets the program go. Raises
    NotStarted."""
    bwrap = bubblewrap.path()
    if bwrap is None:
        raise NotStarted("bubblewrap (bwrap) is not installed")
    _inherit_orphans()
    info, info_out = os.pipe()
    unread_go, go = os.pipe()
    # Both ends in one: a supervisor that is killed before it lets the program go leaves it waiting, not
    # running.
    waits_for = os.open(f"/proc/self/fd/{unread_go}", os.O_RDWR)
    given = [info_out, waits_for]
    options = _sandbox_options(spec, given)
    command = [label(spec.work_dir), "--args", str(given[-1]), *options, "--", *bubblewrap.command(spec)]
    process = _popen(command, executable=bwrap, spec=spec, pass_fds=given)
    for handle in given:
        os.close(handle)
    try:
        root = _first_process(info)
        _limit(root, spec)
        held = _prepare_first_process(root, group)
        relay = open_ways(spec.network, root) if spec.network else None
        running = Running(process, root, group=held, unread_go=unread_go, relay=relay)
        os.write(go, b"g")
        return running
    except (OSError, NotStarted) as problem:
        # All of it: a first process that waits to be let go does not always end with bwrap.
        kill_descendants(unreaped=process.pid)
        said = process.communicate()[1].decode("utf-8", "replace").strip()
        raise NotStarted(f"the sandbox could not be made: {said[-1000:] or problem}") from None
    finally:
        os.close(info)
        os.close(go)


def _sandbox_options(spec: AttemptSpec, given: list[int]) -> list[str]:
    """Puts the options that tell where things are on this machine into a file, since /proc/1/cmdline shows
    the command line to the job, and gives the others. Adds the descriptors to `given`, that of the file
    last."""
    words = ["--info-fd", str(given[0]), "--block-fd", str(given[1])]
    program = seccomp.filter_program()
    if program is not None:
        given.append(_in_memory(program))
        words += ["--seccomp", str(given[-1])]
    given.append(_in_memory(bubblewrap.passwd(spec)))
    hidden = bubblewrap.options(spec, passwd_fd=given[-1])
    given.append(_in_memory(b"".join(os.fsencode(word) + b"\0" for word in hidden)))
    return words


def try_sandbox() -> str | None:
    """None when a sandbox like that of a job can be made here, else what bwrap says."""
    with tempfile.TemporaryDirectory(prefix="jobsite-") as folder:
        spec = AttemptSpec("trial", f"{folder}/attempt", f"{folder}/work", folder, "", ("/usr/bin/true",))
        os.mkdir(spec.work_dir)
        passwd = _in_memory(bubblewrap.passwd(spec))
        command = [
            bubblewrap.path() or "bwrap",
            *bubblewrap.options(spec, passwd),
            "--",
            *bubblewrap.command(spec),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, pass_fds=[passwd], check=False, timeout=_LONGEST_START
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return str(problem)
        finally:
            os.close(passwd)
        said = done.stderr.decode("utf-8", "replace").strip()[-500:]
        return None if done.returncode == 0 else said or f"exit code {done.returncode}"


def start_unsafe(spec: AttemptSpec, group: Group | None) -> Running:
    """Starts the program as an ordinary process in the work directory: the same records, no walls. It has its limits
    and joins its control group before its first instruction: what a process holds or starts before, is never counted."""
    closed = _closed_to(spec.user[0], spec.work_dir) if os.geteuid() == 0 else None
    if closed:
        raise NotStarted(f"user {spec.user[0]} cannot reach {spec.work_dir}: {closed} is closed to others")
    _inherit_orphans()
    command = bubblewrap.command(spec)

    def begin() -> None:
        _limit(os.getpid(), spec)
        _prepare_first_process(os.getpid(), group)

    process = _popen(command, executable=command[0], spec=spec, cwd=spec.work_dir, begin=begin)
    # Once more from outside, where it is seen whether the group takes it.
    return Running(process, process.pid, group=_prepare_first_process(process.pid, group))


def _inherit_orphans() -> None:
    """Makes this process the parent of whatever loses its own below it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise NotStarted(f"prctl: {os.strerror(ctypes.get_errno())}")


def kill_descendants(unreaped: int = 0) -> None:
    """Kills and reaps everything below this process, also what has left its session and its parents: as a
    subreaper this process inherits them. Repeated until none is left, since a process may start another
    before it dies. The child `unreaped` is killed but its status is left for `wait`."""
    while below := [pid for pid in processes.tree(os.getpid())[1:] if pid != unreaped or processes.runs(pid)]:
        for pid in below:
            _signal(pid, signal.SIGKILL)
            if pid != unreaped:
                _reap(pid)
        time.sleep(0.002)


def kill_left_behind(work_dir: str) -> None:
    """Kills what a lost supervisor may have left of the sandbox around this directory, and waits until it is
    gone."""
    while left := list(processes.with_first_argument(label(work_dir))):
        for who in left:
            processes.signal_if_alive(who, signal.SIGKILL)
        time.sleep(0.005)


def keep_to_cpus(count: float) -> str:
    """Ties this process and its children to so many CPUs, for where no control group limits them. Says
    how."""
    here = sorted(os.sched_getaffinity(0))
    wanted = max(1, round(count))
    if wanted < len(here):
        os.sched_setaffinity(0, random.sample(here, wanted))
    return "affinity"


def _popen(
    command: list[str],
    *,
    executable: str,
    spec: AttemptSpec,
    pass_fds: Collection[int] = (),
    cwd: str | None = None,
    begin: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """`begin` is called in the new process before it becomes the program."""
    try:
        return subprocess.Popen(
            command,
            executable=executable,
            cwd=cwd,
            env=bubblewrap.environment(spec),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            bufsize=0,
            start_new_session=cwd is not None,
            umask=0o022,
            preexec_fn=begin,  # noqa: PLW1509  this process has one thread
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise NotStarted(f"{executable}: {problem}") from None


def _closed_to(uid: int, path: str) -> str | None:
    """The folder above `path` that this user may not pass, or None."""
    for folder in Path(path).parents:
        facts = folder.stat()
        if not facts.st_mode & (0o100 if facts.st_uid == uid else 0o001):
            return str(folder)
    return None


def _in_memory(data: bytes) -> int:
    handle = os.memfd_create("jobsite")
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _first_process(info: int) -> int:
    """The number of the sandbox's first process, from what bwrap writes in pieces to its --info-fd."""
    said = b""
    while True:
        if not select.select([info], [], [], _LONGEST_START)[0]:
            raise NotStarted("bubblewrap did not answer")
        piece = os.read(info, 4096)
        said += piece
        if not piece:
            break
    try:
        return json.loads(said)["child-pid"]
    except (ValueError, KeyError):
        raise NotStarted("bubblewrap ended at once") from None


def _limit(pid: int, spec: AttemptSpec) -> None:
    """Sets the limits of each process on one that has not become the program yet; it inherits them. Raises OSError."""
    for which, value in bubblewrap.resource_limits(spec).items():
        resource.prlimit(pid, which, (value, value))


def _prepare_first_process(pid: int, group: Group | None) -> Group | None:
    """Puts the process in its group, and makes it the first that a machine short of memory or time takes it
    from."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write(_LIKELY_VICTIM)
    except OSError as problem:
        if problem.errno == errno.ESRCH:
            raise
    try:
        if group:
            group.add(pid)
        return group
    except OSError:
        return None


def _still_holds(pipe: int) -> bool:
    """Whether the byte that lets the program go was never taken. Closes the pipe, whose other ends are
    gone."""
    with os.fdopen(pipe, "rb") as file:
        return file.read(1) != b""


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
