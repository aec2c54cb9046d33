"""The web server: waitress, with limits that keep it from being held up, and an end at which nobody's request is lost."""

import gc
import select
import signal
import time
from types import FrameType
from typing import Any

import waitress.server
from flask import Flask

from jobsite.core import hub
from jobsite.settings import Settings
from jobsite.sync.api.bodies import Receiving

THREADS = 4
"""More would not serve more, for they share one core and keep each other from it: of a site that is asked for more than it bears,
a fifth fewer pages went out with 8, and a third fewer of those with 16 (`python -m bench load`). Slow clients take none: what they
send is gathered before."""

MOST_BODY = 8 * 2**20
"""Bytes of a request that are taken in at all, but for uploads; what a form may have, and is told with a page, is less."""
MOST_UNSENT = 2**20

LAST_ANSWERS, LAST_WORDS = 5.0, 0.2
"""Seconds in which requests that have come are answered once the server has been told to stop, and in which those who were the
last to be let in say what they ask."""


def web_server(app: Flask, settings: Settings, *, host: str, port: int) -> Any:
    """The web server of an instance, listening but not running yet. Raises OSError when the address is taken."""
    gc.collect()
    gc.freeze()  # what the program is made of stays: to look through it again and again would hold up pages
    server = waitress.server.create_server(
        app,
        host=host,
        port=port,
        threads=THREADS,
        ident="jobsite",
        asyncore_use_poll=True,
        connection_limit=2000,
        outbuf_high_watermark=MOST_UNSENT,
        max_request_body_size=MOST_BODY,
        max_request_header_size=65536,
        channel_timeout=60,
        clear_untrusted_proxy_headers=not settings.trusted_proxies,
    )
    server.channel_class = Receiving
    return server


def stop_on_signals() -> None:
    """From now on SIGTERM and SIGINT end this program, and whatever in it would go on for ever."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)


def answer_until_stopped(server: Any) -> None:
    """Answer requests until SIGTERM or SIGINT. Then nobody is let in any more, so that a proxy asks another server, and who
    has asked gets an answer; a second signal ends that as well.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if hub.stopping():
            _stop(number, frame)
        hub.stop()
        server.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        while not hub.stopping():
            _turn(server, 1.0)
        _close_door(server)
        begun = time.monotonic()
        while (gone := time.monotonic() - begun) < LAST_ANSWERS and (_owes(server) or gone < LAST_WORDS):
            _turn(server, 0.05)
        for channel in list(server.active_channels.values()):
            if not channel.goes_on:
                channel.handle_close()
    finally:
        server.task_dispatcher.shutdown(timeout=1)
        server.close()


def _close_door(server: Any) -> None:
    """Let in who waits at the door, then nobody."""
    door = select.poll()
    door.register(server.socket.fileno(), select.POLLIN)
    while door.poll(0):
        server.handle_accept()
    server.asyncore.dispatcher.close(server)


def _turn(server: Any, seconds: float) -> None:
    """Read what has come in, send what can go out; wait for either so long at most."""
    server.asyncore.loop(timeout=seconds, map=server._map, use_poll=True, count=1)


def _owes(server: Any) -> bool:
    """Whether somebody has asked, or begun to, and has not got the whole answer."""
    return any(
        one.request or one.requests or one.total_outbufs_len for one in server.active_channels.values()
    )


def _stop(number: int, frame: FrameType | None) -> None:
    hub.stop()
    raise SystemExit(0)
