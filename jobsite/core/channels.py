"""Answers that outlive the thread that began them: the connections of the web server (waitress), handed over.

Whoever follows something for hours would else hold a thread for as long. An answer that is handed over is sent on from
any thread; the server closes it when it ends, when the other side has gone, or when the other side does not read.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import WSGITask

HAND_OVER = "jobsite.hand_over"
MOST_UNSENT = 2**20
"""Bytes that may wait for somebody who reads slowly; beyond them the connection is lost."""


PATIENCE = 60.0
"""Seconds that a thread waits in all for the reader of one answer, besides what `SLOWEST` allows."""
SLOWEST = 32 * 2**10
"""Bytes a second of an answer; whoever takes fewer for long does not keep one of the few threads busy."""


class ConnectionLost(Exception):
    """There is nobody at the other end any more, or they read too slowly."""


class Connection:
    """The connection of an answer that goes on; it was begun, with its headers, in the usual way."""

    def __init__(self, task: "Task") -> None:
        self._task = task

    def send(self, data: bytes) -> None:
        """Send some more of the answer. Does not wait. Raises `ConnectionLost`."""
        channel = self._task.channel
        if channel.total_outbufs_len > MOST_UNSENT:
            raise ConnectionLost
        try:
            channel.send_at_once(_chunk(data) if self._task.chunked_response else data)
        except (ClientDisconnected, OSError):
            raise ConnectionLost from None

    def end(self) -> None:
        """The answer is complete; the connection is closed."""
        self._task.end()


@lru_cache(maxsize=4)
def _chunk(data: bytes) -> bytes:
    """A part of an answer whose length is not known before (RFC 9112, 7.1); made once for all to whom it goes."""
    return b"%X\r\n%b\r\n" % (len(data), data)


class Task(WSGITask):
    """A request whose answer may be handed over, by calling what the environment has under `HAND_OVER`."""

    is_handed_over = False

    def get_environment(self) -> dict[str, Any]:
        """The environment of the request, as WSGI has it."""
        return {**super().get_environment(), HAND_OVER: self._hand_over}

    def _hand_over(self) -> Connection:
        self.is_handed_over = self.channel.goes_on = True
        return Connection(self)

    def service(self) -> None:
        """Answer the request, or begin to."""
        super().service()
        if self.is_handed_over:
            self.close_on_finish = False

    def finish(self) -> None:
        """End the answer, unless it was handed over."""
        if not self.is_handed_over:
            super().finish()

    def end(self) -> None:
        """End an answer that was handed over. The connection is closed once all of it has been sent.

        Whoever has too much unread is not waited for: the thread that ends answers has other readers.
        """
        if self.channel.total_outbufs_len > MOST_UNSENT:
            self.channel.will_close = True
        else:
            with suppress(ClientDisconnected, OSError):
                super().finish()
            self.channel.close_when_flushed = True
        with suppress(OSError):  # the server has been closed already
            self.channel.server.pull_trigger()


class Channel(HTTPChannel):
    """A connection of the web server, whose answers may be handed over.

    A request that does not come in whole within the server's `channel_timeout` is given up, however it trickles, and so
    is an answer that is taken too slowly while a thread still makes it.
    """

    task_class = Task
    patience = PATIENCE
    goes_on = False
    """Whether its answer was handed over: others have nothing to say once they have been answered."""

    def __init__(self, *args: Any, **others: Any) -> None:
        self._began: float | None = None
        self._answered, self._waited = 0, 0.0
        super().__init__(*args, **others)

    def received(self, data: bytes) -> bool:
        """Take what came in. What has been idle since when counts from the first byte of an unfinished request."""
        taken = bool(super().received(data))
        self._began = None if self.request is None else self._began or time.time()
        if self._began is not None:
            self.last_activity = self._began
        return taken

    def service(self) -> None:
        """Answer one request; the reader's time begins anew."""
        self._answered, self._waited = 0, 0.0
        super().service()

    def write_soon(self, data: Any) -> int:
        """Write a part of the answer. Raises `ClientDisconnected` when nobody takes it."""
        self._answered += len(data or b"")
        return int(super().write_soon(data) or 0)

    def send_at_once(self, data: bytes) -> None:
        """Send what the other side takes now, and keep the rest for when it takes more. Does not wait.

        Nothing goes through the buffers unless something is in them: copying it there and back costs as much as
        sending it. Raises `ClientDisconnected` or OSError when there is nobody any more.
        """
        with (
            self.outbuf_lock
        ):  # nor can the connection be closed meanwhile, and its number be given to another
            if not self.connected:
                raise ClientDisconnected
            sent = 0 if self.total_outbufs_len else self.send(data, do_close=False)
            if sent:
                self.last_activity = time.time()
            if sent < len(data):
                self.write_soon(data[sent:])

    def _flush_some(self, do_close: bool = True) -> bool:
        # waitress takes the lock only while one of its own threads is at work on the answer.
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close=do_close))

    def _flush_outbufs_below_high_watermark(self) -> None:
        # waitress waits here for ever; with as many such readers as threads nobody else would be answered.
        most = self.adj.outbuf_high_watermark
        with self.outbuf_lock:
            if self.total_outbufs_len > most:
                self._flush_exception(self._flush_some, do_close=False)
            while self.connected and self.total_outbufs_len > most:
                left = self.patience + self._answered / SLOWEST - self._waited
                if left <= 0:
                    self.will_close = True
                    self.server.pull_trigger()
                    raise ClientDisconnected
                self._wait(left)

    def _wait(self, seconds: float) -> None:
        began = time.monotonic()
        self.server.pull_trigger()
        self.outbuf_lock.wait(seconds)
        self._waited += time.monotonic() - began


def connection_of(environ: Mapping[str, Any]) -> Connection | None:
    """The connection of this request, which is handed over by this call; None where the server cannot."""
    hand_over = environ.get(HAND_OVER)
    return hand_over() if hand_over else None
