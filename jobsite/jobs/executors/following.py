"""Follows a running program: its output into the log, its limits, and the wish that it should end."""

import os
import selectors
import signal
import time

from jobsite.jobs.executors import records
from jobsite.jobs.executors.contract import AttemptSpec
from jobsite.jobs.executors.starting import Started
from jobsite.jobs.executors.watching import Watch
from jobsite.jobs.logs.writer import LogWriter

_READ = 256 * 1024
_LAST_OUTPUT = 2.0
_SOON = 0.01
_LAST_WORDS = 1000
_AT_ONCE = ("out_of_memory", "disk_limit")

MOST_WAITED = 1.5
"""Seconds between the polite signal and the end of all processes when somebody asked for the end."""


class StopWish:
    """The wish that the attempt should end: on disk, so that it holds before the supervisor and after it;
    SIGTERM only says that there is something new to read."""

    def __init__(self, spec: AttemptSpec) -> None:
        self._spec = spec
        self._unread = True
        self._grace: float | None = None
        self.wake, wake_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._heard)
        for ignored in (signal.SIGINT, signal.SIGHUP):
            # A handler, not SIG_IGN, which the program would inherit.
            signal.signal(ignored, lambda *_: None)

    def grace(self) -> float | None:
        """None without such a wish, else the seconds that the program is given."""
        if self._unread:
            self._unread = False
            wish = records.read(self._spec.attempt_dir, records.CANCEL)
            if wish is not None:
                own = wish.get("grace")
                self._grace = self._of_whom_asks() if own is None else float(own)
        return self._grace

    def _of_whom_asks(self) -> float:
        """Whoever cancels sees the end within two seconds; what the program might have saved is dropped anyhow."""
        return min(self._spec.limits.grace_seconds, MOST_WAITED)

    def _heard(self, *_: object) -> None:
        # A bare SIGTERM (an operator, a shutdown) means the same as `cancel`.
        self._grace = self._of_whom_asks() if self._grace is None else self._grace
        self._unread = True


class Follower:
    """Runs from the start of a program to the last byte of its output. Afterwards `reason` says why it was
    made to end, None if it was not, and `last_words` holds the end of its standard error."""

    def __init__(self, spec: AttemptSpec, running: Started, log: LogWriter, wish: StopWish) -> None:
        self._spec = spec
        self._running = running
        self._log = log
        self._wish = wish
        self._watch = Watch(spec, running)
        self._kill_at: float | None = None
        self._asked = False
        self._selector = selectors.DefaultSelector()
        self._program = os.pidfd_open(running.process.pid)
        self.reason: str | None = None
        self.last_words = b""

    @property
    def peak_memory(self) -> int:
        """The largest use of memory seen, in bytes."""
        return self._watch.peak_memory

    def follow(self) -> None:
        """Returns when the program has ended and all it wrote is in the log; `reason` is set when it was made
        to end. Kills it and raises OSError when the log cannot be written."""
        process = self._running.process
        for source, what in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            if source:
                self._selector.register(source, selectors.EVENT_READ, what)
        self._selector.register(self._program, selectors.EVENT_READ, "end")
        self._selector.register(self._wish.wake, selectors.EVENT_READ, "wake")
        try:
            self._until_the_end()
        except BaseException:
            self._running.kill()
            raise
        finally:
            self._watch.close()
            self._selector.close()
            os.close(self._program)

    def _until_the_end(self) -> None:
        """Until the program has ended and its pipes are closed, or nothing has come out of them for a while: somebody
        else may hold them open."""
        ended: float | None = None
        sleep: float | None = 0.0
        found: list[tuple[selectors.SelectorKey, int]] = []
        while ended is None or (self._open_pipes() and (found or time.monotonic() - ended < _LAST_OUTPUT)):
            found = self._selector.select(sleep)
            for key, _ in found:
                if key.data == "end":
                    self._selector.unregister(self._program)
                    self._running.kill()
                    ended = time.monotonic()
                else:
                    self._read(key)
            sleep = self._log.flush()
            sleep = _LAST_OUTPUT if sleep is None else min(sleep, _LAST_OUTPUT)
            if ended is None:
                self._consider_ending()
                sleep = min(self._next_look(), sleep)

    def _read(self, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, _READ)
        if key.data == "wake":
            return
        if data:
            self._log.feed(key.data, data)
            if key.data == "stderr":
                self.last_words = (self.last_words + data)[-_LAST_WORDS:]
        else:
            self._selector.unregister(key.fileobj)

    def _open_pipes(self) -> bool:
        return any(key.data in ("stdout", "stderr") for key in self._selector.get_map().values())

    def _consider_ending(self) -> None:
        grace = self._wish.grace()
        if grace is not None:
            self._end("cancelled", grace)
        reason = self._watch.look()
        if reason:
            self._end(reason, 0.0 if reason in _AT_ONCE else self._spec.limits.grace_seconds)
        if self.reason and not self._asked:
            self._asked = self._running.ask_to_end()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._running.kill()

    def _end(self, reason: str, grace: float) -> None:
        """Makes the program end for the first reason given; a later wish can only shorten the grace."""
        self.reason = self.reason or reason
        latest = time.monotonic() + grace
        self._kill_at = latest if self._kill_at is None else min(self._kill_at, latest)

    def _next_look(self) -> float:
        due = self._watch.seconds_until_due()
        if self.reason and not self._asked:  # it is about to start
            return min(due, _SOON)
        return due if self._kill_at is None else max(0.0, min(due, self._kill_at - time.monotonic()))
