"""Processes of the `jobsite` command that begin at once: forked from one that has loaded the program and does nothing else.

Such a process has its own arguments, environment, folder, files and signals, and ends as any other does. Loading the program
takes most of the second in which a server starts, and the suite starts some hundreds of processes.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
LARGEST = 2**20


COMMAND = "jobsite.cli:main"


class Process:
    """A process of `jobsite WORDS`, or of another function `module:name` that finds them in `sys.argv`. Its output goes to these
    files. What it has of `subprocess.Popen` is the same there."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        runs: str = COMMAND,
        stdout: IO[str] | int,
        stderr: IO[str],
        env: Mapping[str, str],
    ) -> None:
        self.args = list(words)
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        out = stdout if isinstance(stdout, int) else stdout.fileno()
        if stdout == subprocess.PIPE:
            ours, out = os.pipe()
            self.stdout = os.fdopen(ours, "r")
        self._ended, told = os.pipe()
        wish = {"runs": runs, "words": self.args, "environ": dict(env), "folder": os.getcwd()}
        socket.send_fds(_loaded(), [json.dumps(wish).encode()], [out, stderr.fileno(), told])
        for theirs in {told} | ({out} if stdout == subprocess.PIPE else set()):
            os.close(theirs)
        self.pid = int(_loaded().recv(64))

    def poll(self) -> int | None:
        """Its exit status, minus the signal that killed it; None while it runs."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended. Raises `subprocess.TimeoutExpired`."""
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)

    def _status(self, seconds: float | None) -> int | None:
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._ended, select.POLLIN)
            if ended.poll(None if seconds is None else seconds * 1000):
                self.returncode = int(os.read(self._ended, 64))
                os.close(self._ended)
        return self.returncode


def run(words: Sequence[str], *, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """What `jobsite WORDS` prints and how it ends. Raises `subprocess.TimeoutExpired`, and ends the command then."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = Process(words, stdout=out, stderr=err, env=env)
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(process.args, status, out.read(), err.read())


@cache
def _loaded() -> socket.socket:
    """The way to the process that has loaded the program. It ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-c", "from tests.forked import main; main()", str(theirs.fileno())]
    started = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    theirs.close()
    atexit.register(started.wait, 60)
    atexit.register(ours.close)
    return ours


def main() -> None:
    """Load the program, then fork it as often as is asked for. In what is forked this returns when that has ended."""
    from jobsite.cli import MODULES

    for name in (*MODULES, "jobsite.application", "jobsite.serve"):
        import_module(name)
    gc.freeze()
    module, _, function = (
        _Forking(socket.socket(fileno=int(sys.argv[1]))).until_one_is_forked().partition(":")
    )
    getattr(import_module(module), function)()


class _Forking:
    """The loop of the process that has loaded the program."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._told: dict[int, int] = {}
        self._signalled, wakes = os.pipe()
        for end in (self._signalled, wakes):
            os.set_blocking(end, False)
        self._wakes = wakes
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)

    def until_one_is_forked(self) -> str:
        """Returns in each process that is forked, with what it is to run. Ends this one when nobody can ask any more."""
        while True:
            ready, _, _ = select.select([self._asked, self._signalled], [], [])
            if self._signalled in ready:
                os.read(self._signalled, 4096)
                self._tell_who_ended()
            if self._asked in ready:
                wish, ends, _, _ = socket.recv_fds(self._asked, LARGEST, 3)
                if not wish:
                    os._exit(0)
                pid = os.fork()
                if not pid:
                    return self._become(json.loads(wish), ends)
                self._told[pid] = ends.pop()
                for end in ends:
                    os.close(end)
                self._asked.send(b"%d" % pid)

    def _tell_who_ended(self) -> None:
        while self._told:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            end = self._told.pop(pid)
            try:
                os.write(end, b"%d" % os.waitstatus_to_exitcode(status))
            except BrokenPipeError:
                pass  # nobody waits for it any more
            os.close(end)

    def _become(self, wish: dict[str, Any], ends: list[int]) -> str:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(ends[0], 1)
        os.dup2(ends[1], 2)
        self._asked.close()
        for end in (*ends, *self._told.values(), self._signalled, self._wakes):
            os.close(end)
        os.environ.clear()
        os.environ.update(wish["environ"])
        os.chdir(wish["folder"])
        sys.argv = ["jobsite", *wish["words"]]
        return str(wish["runs"])
