"""Starts the supervisor of an attempt: from a process kept ready for that while an engine runs, else from nothing."""

import json
import select
import subprocess
import sys
import threading
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
    if _ready is not None and (answer := _ready.ask(str(attempt_dir))):
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
    end of its input. Two supervisors for one attempt cannot be: each holds the attempt's lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Start the process, so that the first to ask need not wait."""
        with self._lock, suppress(OSError):
            self._process = _start()

    def ask(self, attempt_dir: str) -> tuple[int, str] | None:
        """What `start_supervisor` gives; None when the process did not answer."""
        with self._lock:
            try:
                answer = self._answer(attempt_dir)
            except (OSError, ValueError):
                answer = None
            if answer is None:
                self._end()
            return answer

    def close(self) -> None:
        """End the process; supervisors that it started go on."""
        with self._lock:
            self._end()

    def _answer(self, attempt_dir: str) -> tuple[int, str] | None:
        if "\n" in attempt_dir:
            return None
        if self._process is None:
            self._process = _start()
        assert self._process.stdin and self._process.stdout  # noqa: S101 - pipes were asked for
        self._process.stdin.write(f"{attempt_dir}\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _SECONDS)[0]:
            return None
        code, said = json.loads(self._process.stdout.readline())
        return code, said

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        _python(_READY),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code, _PACKAGE_ROOT]


_ready: _Ready | None = None
