"""The events of a log that is followed (docs/live.md), as `text/event-stream` of the HTML standard has them.

Every event carries the position behind it as its id, so whoever connects again goes on without losing or
repeating a line.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flask import Flask, current_app, render_template, request
from flask_login import current_user

from jobsite.core import hub
from jobsite.core.channels import Connection, ConnectionLost
from jobsite.core.errors import Denied, NotFound
from jobsite.core.web import LoginNeeded
from jobsite.jobs.log_addresses import Addresses
from jobsite.jobs.log_feeds import Feed, Seat, Situation, Stretch
from jobsite.jobs.log_pages import WINDOW, log_page
from jobsite.jobs.log_wanted import Wanted, position
from jobsite.jobs.queries import LOG_PERMISSION
from jobsite.projects.queries import workspace_or_stop

log = logging.getLogger("jobsite.live")

RETRY = b"retry: 1000\n\n"
HEARTBEAT = 15.0
FAR = 2000
"""Lines behind the end from where on the page jumps to the end: it holds no more than these."""


class Viewer:
    """Who follows the log at `path`: what they want, the state of the job that their page shows, where they are.

    Made within their request, of which it keeps what is needed to render lines and to ask again whether they `may`
    read them. `who` is the same for all pages of one login.
    """

    def __init__(self, path: Path, wanted: Wanted, at: Addresses) -> None:
        self._app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self._environ = request.environ
        self._name: str = (request.view_args or {})["name"]
        self._path, self._wanted, self._at = path, wanted, at
        self.who: str = current_user.get_id()
        self.state = request.args.get("state", "")
        self.position = position(request.headers.get("Last-Event-ID", "")) or wanted.start or 1

    @property
    def look(self) -> str:
        """What tells apart lines that are rendered differently: the addresses in them say how they look."""
        return self._at.whole

    def stretch(self, name: str, first: int) -> Stretch:
        """The lines from `first` on as an event of that name."""
        log = log_page(self._path, replace(self._wanted, start=first, line=None, full=None, follow=True))
        with self._app.request_context(self._environ):
            html = render_template("jobs/_log_rows.html", log=log, at=self._at, live=True)
        return Stretch(event(name, log.next_line, html), log.next_line)

    def may(self) -> bool:
        """Whether they may read logs of this workspace now, as it would be asked of a new request.

        That there is such a job was seen when they came; no job leaves its workspace.
        """
        with self._app.request_context(self._environ):
            try:
                workspace_or_stop(self._name, LOG_PERMISSION)
            except (NotFound, Denied, LoginNeeded):
                return False
        return True


class Following:
    """How far one viewer has come in a feed, and what to send them next.

    `rows`: lines that follow. `jump`: the last lines, because too many lie between. `state`: the job's state is
    another. `end`: there will be nothing more. `denied`: the person may not read it any more. `bye`: come again.
    """

    def __init__(self, feed: Feed, viewer: Viewer) -> None:
        self._feed, self._viewer = feed, viewer
        self.position, self.known = viewer.position, Situation(viewer.state, True)
        self.ended = False
        self._told = time.monotonic()
        feed.permit(viewer.who)

    def due(self) -> bytes:
        """What is to be sent now, or nothing. Ask again until it is nothing, or `ended` is set: that was the last."""
        news = self._feed.news
        if hub.stopping():
            return self._end("bye")
        if not self._feed.permits(self._viewer.who, self._viewer.may):
            return self._end("denied")
        if news.lines >= self.position:
            return self._tell(self._lines(news.lines))
        if news.situation != self.known:
            self.known = news.situation
            return self._tell(event("state", self.position)) if self.known.live else self._end("end")
        return self._tell(b": still here\n\n") if time.monotonic() - self._told > HEARTBEAT else b""

    def _tell(self, data: bytes) -> bytes:
        self._told = time.monotonic()
        return data

    def _end(self, name: str) -> bytes:
        self.ended = True
        return event(name, self.position)

    def _lines(self, lines: int) -> bytes:
        far = lines - self.position >= FAR
        name, first = ("jump", lines - WINDOW + 1) if far else ("rows", self.position)
        key = (name, first, self._viewer.look)
        data, self.position = self._feed.stretch(key, lambda: self._viewer.stretch(name, first))
        return data


def events(seat: Seat, viewer: Viewer) -> Iterator[bytes]:
    """The events for a server that takes a thread for every answer, until `ended`."""
    following = Following(seat.feed, viewer)
    yield RETRY
    while not following.ended:
        seat.wait(following.position, following.known)
        while data := following.due():
            yield data
            if following.ended:
                return


def deliver(seat: Seat, viewer: Viewer, connection: Connection) -> None:
    """Send the events over the connection as the feed rings, without a thread that waits. Returns at once."""
    following, alone = Following(seat.feed, viewer), threading.Lock()

    def send() -> None:
        with alone:
            try:
                while not following.ended and (data := following.due()):
                    connection.send(data)
            except ConnectionLost:
                following.ended = True
            except Exception:
                log.exception("a log could not be sent on; its page asks by itself")
                following.ended = True
        if following.ended:
            seat.leave()
            connection.end()

    seat.ring = send
    send()


def event(name: str, position: int, data: str = "") -> bytes:
    """One event; `position` is the line to go on with after it."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"id: {position}\nevent: {name}\n{lines}\n".encode()
