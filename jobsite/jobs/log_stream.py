"""The events of a log that is followed (docs/live.md), as `text/event-stream` of the HTML standard has them.

Every event carries the position behind it as its id, so whoever connects again goes on without losing or
repeating a line.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask, current_app, render_template, request

from jobsite.core import hub
from jobsite.core.errors import Denied, NotFound
from jobsite.core.web import LoginNeeded
from jobsite.jobs.log_addresses import Addresses
from jobsite.jobs.log_feeds import Feed, Seat, Situation, Stretch
from jobsite.jobs.log_pages import WINDOW, log_page
from jobsite.jobs.log_wanted import Wanted, position
from jobsite.jobs.queries import LOG_PERMISSION, job_in
from jobsite.projects.queries import workspace_or_stop

HEARTBEAT = 15.0
PERMIT = 20.0
"""Seconds after which it is looked again whether the person may still read the log."""
GLANCE = 5.0
"""Seconds after which it is looked whether there is still somebody at the other end."""
FAR = 2000
"""Lines behind the end from where on the page jumps to the end: it holds no more than these."""


class Viewer:
    """Who follows the log at `path`: what they want, the state of the job that their page shows, where they are.

    Made within their request, of which it keeps what is needed to render lines and to ask again whether they `may`
    read them.
    """

    def __init__(self, path: Path, wanted: Wanted, at: Addresses) -> None:
        self._app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self._environ = request.environ
        self._names: Mapping[str, Any] = request.view_args or {}
        self._path, self._wanted, self._at = path, wanted, at
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
        """Whether they may read the log now, as it would be asked of a new request."""
        with self._app.request_context(self._environ):
            try:
                workspace = workspace_or_stop(self._names["name"], LOG_PERMISSION)
                job_in(workspace, self._names["number"], self._names["identifier"])
            except (NotFound, Denied, LoginNeeded):
                return False
        return True

    def gone(self) -> bool:
        """Whether the connection was closed at the other end, as far as the server can tell."""
        return bool(self._environ.get("waitress.client_disconnected", bool)())


def events(seat: Seat, viewer: Viewer) -> Iterator[bytes]:
    """The events until the log has ended and all of it was sent, the person may not read it, or the server stops.

    `rows`: lines that follow. `jump`: the last lines, because too many lie between. `state`: the job's state is
    another. `end`: there will be nothing more. `denied`: the person may not read it any more. `bye`: come again.
    """
    at, known = viewer.position, Situation(viewer.state, True)
    permitted = told = time.monotonic()
    yield b"retry: 1000\n\n"
    while not viewer.gone():
        news = seat.feed.wait(seat.bell, at, known, GLANCE)
        if hub.stopping():
            yield event("bye", at)
            return
        if time.monotonic() - permitted > PERMIT:
            if not viewer.may():
                yield event("denied", at)
                return
            permitted = time.monotonic()
        if news.lines >= at:
            data, at = _stretch(seat.feed, viewer, at, news.lines)
            yield data
            told = time.monotonic()
        elif news.situation != known:
            known = news.situation
            yield event("state" if known.live else "end", at)
            if not known.live:
                return
        elif time.monotonic() - told > HEARTBEAT:
            yield b": still here\n\n"
            told = time.monotonic()


def _stretch(feed: Feed, viewer: Viewer, at: int, lines: int) -> Stretch:
    name, first = ("jump", lines - WINDOW + 1) if lines - at >= FAR else ("rows", at)
    return feed.stretch((name, first, viewer.look), lambda: viewer.stretch(name, first))


def event(name: str, position: int, data: str = "") -> bytes:
    """One event; `position` is the line to go on with after it."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"id: {position}\nevent: {name}\n{lines}\n".encode()
