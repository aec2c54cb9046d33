"""Runs git on what strangers wrote: no shell, no hooks, no helpers, no prompts, a time limit, a size limit."""

import fcntl
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_OUTPUT = 64 * 2**20  # bytes; a repository with that many branches is not one

_KEPT = (
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
)
_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "/bin/false",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
# A folder that the settings list may have settings of its own; these must not start a program.
_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "core.askPass=",
    "http.followRedirects=initial",
    "log.showSignature=false",
    "submodule.recurse=false",
    "gc.autoDetach=false",
    "gc.pruneExpire=never",
    "i18n.logOutputEncoding=UTF-8",
)
_GRACE = 2.0  # seconds in which a stopped git may take away what it left half written


class GitFailed(Exception):
    """Git ended with another status than 0; `text` is what it said, for telling causes apart, not for showing."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"git ended with status {status}")
        self.status = status
        self.text = text


class GitTooSlow(Exception):
    """Git did not end in the time it was given, and was stopped."""


class LockHeld(Exception):
    """Another process kept the lock for longer than one was willing to wait."""


def git(
    *arguments: str,
    directory: Path | None = None,
    seconds: float = 20.0,
    protocols: str = "none",
    keep_open: tuple[int, ...] = (),
) -> bytes:
    """What `git arguments…` prints, run on the git directory `directory`.

    `protocols` are the transports it may use, by colons; `keep_open` are descriptors it inherits. Raises
    `GitFailed`, `GitTooSlow`. Ownership of the folder is not asked: it was named by the settings.
    """
    where = (f"--git-dir={directory}", "-c", f"safe.directory={directory}") if directory else ()
    options = [word for option in _OPTIONS for word in ("-c", option)]
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment = (
        _ENVIRONMENT | kept | {"PATH": os.environ.get("PATH", os.defpath), "GIT_ALLOW_PROTOCOL": protocols}
    )
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["git", "--no-pager", *where, *options, *arguments],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            pass_fds=keep_open,
        )
        output = _output(process, seconds)
        if process.returncode != 0:
            said.seek(0)
            raise GitFailed(process.returncode, said.read(10_000).decode("utf-8", "replace"))
    return output


def _output(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """All that it prints; ended by force, with everything it started, after `seconds` or too much output."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        _signal(process, signal.SIGTERM)

    timers = (
        threading.Timer(seconds, stop),
        threading.Timer(seconds + _GRACE, _signal, (process, signal.SIGKILL)),
    )
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        assert process.stdout is not None  # noqa: S101  it was opened as a pipe
        with process.stdout as pipe:
            output = pipe.read(MOST_OUTPUT + 1)
            if len(output) > MOST_OUTPUT:
                stop()
        process.wait()
    finally:
        for timer in timers:
            timer.cancel()
    if late.is_set():
        _signal(process, signal.SIGKILL)
        raise GitTooSlow
    return output


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[int]:
    """Within the block nobody else holds the lock file `path`; gives its descriptor.

    A git that inherits the descriptor keeps the lock until it ends, even when this process is killed.
    Raises `LockHeld` after `seconds`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        deadline = time.monotonic() + seconds
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise LockHeld
            time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
