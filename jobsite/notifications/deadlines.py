"""What all ways out of this machine share: a moment by which a delivery has ended, and how it says that it failed."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Undelivered(Exception):
    """A delivery that failed; the text is a sentence for staff, without secrets.

    `final`: trying again changes nothing. `unreachable`: the others of this channel would fail now as well.
    """

    def __init__(self, sentence: str, *, final: bool = False, unreachable: bool = False) -> None:
        super().__init__(sentence)
        self.final = final
        self.unreachable = unreachable


class Deadline:
    """So many seconds from now on, whatever the other side does (looking up its name excepted)."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, never nothing: a time-out of nothing would mean not to wait at all."""
        return max(self._end - time.monotonic(), 0.001)

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._end

    @property
    def sentence(self) -> str:
        """What to say when it has passed, as the end of a sentence."""
        return f"did not answer within {self.seconds:g} seconds"

    def hang_up_on(self, connected: Callable[[], socket.socket | None]) -> threading.Timer:
        """A running timer that ends what waits for the socket; cancel it when the talk is over.

        A socket's own time-out is for each read alone: an answer that comes one byte at a time never meets it.
        """
        timer = threading.Timer(self.left, _hang_up, (connected,))
        timer.daemon = True
        timer.start()
        return timer


def why_not_reached(error: Exception) -> str:
    """How a connection failed, as the end of a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"could not be reached over a secure connection: {error.verify_message or 'wrong certificate'}"
    if isinstance(error, ssl.SSLError):
        return "could not be reached over a secure connection"
    if isinstance(error, ConnectionRefusedError):
        return "could not be reached: nobody answers there"
    if isinstance(error, socket.gaierror):
        return "could not be reached: its name is not known"
    return "could not be reached"


def _hang_up(connected: Callable[[], socket.socket | None]) -> None:
    # TLS is left as it is: another thread is in the middle of it.
    with suppress(OSError):
        if found := connected():
            socket.socket.shutdown(found, socket.SHUT_RDWR)
