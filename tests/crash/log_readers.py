"""People who read a log while the server under them is killed again and again: each goes on where it was.

Every reader keeps only what a browser keeps, the position after its last line, and asks the next server for the rest.
"""

import http.client
import threading
import time
from collections.abc import Callable
from typing import Self

from ..jobs.log_world import POLL, numbers, texts

PAUSE = 0.2
FAR = 2000
"""Lines behind the end from which on a page of events jumps to it (docs/live.md)."""
HUNG_UP = (OSError, http.client.HTTPException)


class Reader(threading.Thread):
    """Reads a log to its end by `step`, over all servers that come and go; `wrong` says what was lost, repeated or
    reordered. `where` gives the port of the server of this moment, or None."""

    name = "reader"

    def __init__(self, where: Callable[[], int | None], cookie: str, path: str) -> None:
        super().__init__(daemon=True)
        self._where, self._cookie, self.path = where, cookie, path
        self.lines: list[str] = []
        self.wrong: list[str] = []
        self.hung_up = 0
        self.served_by: set[int] = set()
        self.ended = False
        self._given_up = threading.Event()

    def run(self) -> None:
        """Step after step; whoever is cut off counts it and asks again."""
        while not (self.ended or self.wrong or self._given_up.is_set()):
            port = self._where()
            if port is not None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                try:
                    self.step(connection)
                except HUNG_UP:
                    self.hung_up += 1
                finally:
                    connection.close()
            time.sleep(PAUSE)

    def give_up(self) -> Self:
        """Read no further."""
        self._given_up.set()
        return self

    def step(self, connection: http.client.HTTPConnection) -> None:
        """One question to the server, and what its answer adds."""
        raise NotImplementedError

    def ask(
        self, connection: http.client.HTTPConnection, query: str, **headers: str
    ) -> http.client.HTTPResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", self.path + query, headers={"Cookie": self._cookie, **sent})
        answer = connection.getresponse()
        self.served_by.add(connection.port)
        return answer

    def take(self, page: str) -> None:
        """Adds the rows of a page or event, which have to follow those that are there."""
        wanted = list(range(len(self.lines) + 1, len(self.lines) + 1 + len(numbers(page))))
        if numbers(page) != wanted:
            self.wrong.append(
                f"{self.name}: after line {len(self.lines)} came {numbers(page)[:3]} of {len(wanted)}"
            )
        self.lines += texts(page)


class Polling(Reader):
    """A page that asks every now and then for what comes after its last line."""

    name = "polling page"

    def step(self, connection: http.client.HTTPConnection) -> None:
        at = len(self.lines) + 1
        answer = self.ask(connection, f"?from={at}&follow=1&state=running", **POLL)
        page = answer.read().decode()
        if answer.status == 204:
            return
        if answer.status != 200:
            self.wrong.append(f"{self.name}: {answer.status} {page[-300:]}")
            return
        self.take(page)
        self.ended = "End of the log" in page


class Listening(Polling):
    """A page that is sent its lines as events, and says after each break which one was the last. When it was away for
    so long that it is led to the end, its reader asks for the lines in between."""

    name = "listening page"
    _led_to: int | None = None

    def step(self, connection: http.client.HTTPConnection) -> None:
        if self._led_to is not None and len(self.lines) < self._led_to:
            super().step(connection)
            return
        self._led_to = None
        last = {"Last_Event_ID": str(len(self.lines) + 1)} if self.lines else {}
        answer = self.ask(connection, "stream?state=running&from=1", **last)
        if answer.status != 200:
            self.wrong.append(f"{self.name}: {answer.status} {answer.read()[-300:]!r}")
            return
        fields: list[tuple[str, str]] = []
        while self._led_to is None and (line := answer.readline().decode()):
            if line != "\n":
                fields.append(line.rstrip("\n").partition(": ")[::2])
                continue
            self._event(dict(fields), "\n".join(value for name, value in fields if name == "data"))
            fields = []
        self.hung_up += not self.ended and self._led_to is None

    def _event(self, fields: dict[str, str], data: str) -> None:
        kind = fields.get("event")
        if kind == "jump" and int(fields["id"]) > len(self.lines) + FAR:
            self._led_to = int(fields["id"]) - 1
        elif kind == "rows":
            self.take(data)
        elif kind in ("jump", "denied"):
            self.wrong.append(f"{self.name}: {kind} after line {len(self.lines)}")
        if kind in ("rows", "state", "end") and fields["id"] != str(len(self.lines) + 1):
            self.wrong.append(f"{self.name}: position {fields['id']} after line {len(self.lines)}")
        self.ended = self.ended or kind == "end"


class Reloading(Reader):
    """A page that is loaded anew each time, around a line that was seen before: it stays what it was. The lines that
    follow are taken from there on."""

    name = "reloaded page"

    def step(self, connection: http.client.HTTPConnection) -> None:
        line = max(1, len(self.lines) - 20)
        answer = self.ask(connection, f"?line={line}")
        page = answer.read().decode()
        found = dict(zip(numbers(page), texts(page), strict=True))
        if answer.status != 200 or (self.lines and line not in found):
            self.wrong.append(
                f"{self.name}: {answer.status} without line {line}: {list(found)[:1]} {page[-300:]}"
            )
            return
        if sorted(found) != list(found):
            self.wrong.append(f"{self.name}: the lines around {line} are out of order")
        changed = [n for n, text in found.items() if n <= len(self.lines) and self.lines[n - 1] != text]
        if changed:
            self.wrong.append(f"{self.name}: line {changed[0]} is another than before")
        while (following := found.get(len(self.lines) + 1)) is not None:
            self.lines.append(following)
        self.ended = "End of the log" in page


class Downloading(Reader):
    """A download that is continued by byte."""

    name = "download"

    def __init__(self, where: Callable[[], int | None], cookie: str, path: str) -> None:
        super().__init__(where, cookie, path)
        self.content = b""

    def step(self, connection: http.client.HTTPConnection) -> None:
        answer = self.ask(connection, "raw", Range=f"bytes={len(self.content)}-")
        if answer.status == 416:  # nothing was added yet
            answer.read()
        elif answer.status == 206 or (answer.status == 200 and not self.content):
            while block := answer.read1():
                self.content += block
        else:
            self.wrong.append(f"{self.name}: {answer.status} {answer.read()[-300:]!r}")
