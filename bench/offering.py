"""Calls that are offered at a rate, whether or not the server keeps up: a call that comes too late has waited all the same.

A crowd of connections asks what is due. The wait of a call counts from when it was due, not from when it was sent.
"""

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

CROWD = 64
"""Connections over which pages are asked."""
PATIENCE = 2.0
"""Seconds after the last was due in which answers still count."""


@dataclass(frozen=True)
class Ask:
    """One call: what is sent, and by whom."""

    path: str
    headers: dict[str, str]
    body: bytes | None = None


@dataclass
class Served:
    """What became of calls that were offered so many a second for so many seconds: the wait of each that was answered, and
    how many failed. What is in neither was not answered in time."""

    rate: float
    seconds: float
    waits: list[float] = field(default_factory=list)
    errors: int = 0
    ended: float = 0.0

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.waits) / max(self.ended, self.seconds)

    def wait(self, share: float) -> float:
        """The wait that this share of the answers stayed below, in milliseconds."""
        return sorted(self.waits)[int(len(self.waits) * share)] * 1000 if self.waits else 0.0


class Line:
    """A connection that is made anew when it has broken; a context manager."""

    def __init__(self, address: str) -> None:
        where = urlsplit(address)
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, ask: Ask) -> bool:
        """Whether the answer is 200. It is read to its end."""
        try:
            method = "GET" if ask.body is None else "POST"
            self._connection.request(method, ask.path, ask.body, ask.headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False
        return answer.status == 200


def offer(address: str, asks: Sequence[Ask], rate: float, seconds: float) -> Served:
    """Offer these calls in turn, so many a second."""
    served, numbers, begun = Served(rate, seconds), itertools.count(), time.monotonic() + 0.1
    end, total = begun + seconds + PATIENCE, int(rate * seconds)

    def work() -> None:
        with Line(address) as line:
            while (number := next(numbers)) < total:
                due = begun + number / rate
                time.sleep(max(0.0, due - time.monotonic()))
                if time.monotonic() > end:
                    return
                if line.send(asks[number % len(asks)]):
                    served.waits.append(time.monotonic() - due)
                else:
                    served.errors += 1

    _at_once([work] * CROWD)
    served.ended = time.monotonic() - begun
    return served


def as_fast_as_it_goes(address: str, callers: Sequence[Callable[[], Ask]], seconds: float) -> Served:
    """Each caller, on a connection of its own, calls again as soon as it is answered."""
    begun = time.monotonic()
    served = Served(0, seconds)

    def caller(next_ask: Callable[[], Ask]) -> Callable[[], None]:
        def work() -> None:
            with Line(address) as line:
                while (start := time.monotonic()) < begun + seconds:
                    if line.send(next_ask()):
                        served.waits.append(time.monotonic() - start)
                    else:
                        served.errors += 1

        return work

    _at_once([caller(one) for one in callers])
    served.ended = time.monotonic() - begun
    return served


def _at_once(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
