"""Starts the supervisor of an attempt: from a process kept ready for that while an engine runs, else from nothing."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[3])
_SECONDS = 60

# Both start without site-packages and environment, from wherever this package was unpacked.
_FIRST = "import sys; sys.path.insert(0, sys.argv[1]); from jobsite.jobs."
_SINGLE = f"{_FIRST}supervisor import main; main(sys.argv[2])"
_READY = f"{_FIRST}forking import serve; serve()"


def start_supervisor(attempt_dir: Path) -> tuple[int, str]:
    """Gives the attempt a supervisor. The exit status of `supervisor.main` and the end of its standard error.

    Raises OSError and subprocess.TimeoutExpired.
    """
    ready = _ready
    if ready is not None and (answer := ready.ask(attempt_dir)):
        return answer
    done = subprocess.run(
        [*_python(_SINGLE), str(attempt_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr.decode("utf-8", "replace")


@contextmanager
def kept_ready() -> Iterator[None]:
    """Within the block supervisors are forked from a process that has all they need loaded."""
    global _ready
    _ready = _Ready()
    try:
        _ready.prepare()
        yield
    finally:
        ended, _ready = _ready, None
        ended.close()


class _Ready:
    """The process, started before it is first asked and again when it was lost. It ends with its server: with the
    end of its input. Each who asks has a pipe of his own for the answer, so none waits for another's.
    Two supervisors for one attempt cannot be: each holds the attempt's lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    def prepare(self) -> None:
        """Start the process, so that the first to ask need not wait."""
        with self._lock, suppress(OSError):
            self._start()

    def ask(self, attempt_dir: Path) -> tuple[int, str] | None:
        """What `start_supervisor` gives; None when the process did not answer."""
        answer, give = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                self._order(attempt_dir, give)
            finally:
                os.close(give)
            return _read(answer)
        except (OSError, ValueError):
            return None
        finally:
            os.close(answer)

    def close(self) -> None:
        """End the process; supervisors that it started go on."""
        with self._lock:
            self._end()

    def _order(self, attempt_dir: Path, give: int) -> None:
        """Send an order, to a new process if the old one is gone. Raises OSError."""
        with self._lock:
            if self._orders is None:
                self._start()
            assert self._orders  # noqa: S101 - it was just started
            try:
                socket.send_fds(self._orders, [os.fsencode(attempt_dir)], [give])
            except OSError:
                self._end()
                raise

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                _python(_READY),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._orders = ours
        ours.settimeout(_SECONDS)

    def _end(self) -> None:
        if self._orders is not None:
            self._orders.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._orders = None


def _read(answer: int) -> tuple[int, str] | None:
    """What comes through the pipe; None when that takes too long, or it ends without an answer. Raises ValueError."""
    text = b""
    until = time.monotonic() + _SECONDS
    ready = select.poll()
    ready.register(answer, select.POLLIN)
    while ready.poll(max(0.0, until - time.monotonic()) * 1000):
        piece = os.read(answer, 65536)
        if not piece:
            break
        text += piece
    if not text:
        return None
    code, said = json.loads(text)
    return code, said


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code, _PACKAGE_ROOT]


_ready: _Ready | None = None
