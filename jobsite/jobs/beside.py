"""Work on single attempts that can take long, beside the turns of the engine: to launch one, or to end its processes."""

import threading
import time
from collections.abc import Callable

from jobsite.core import hub
from jobsite.core.db import close_database


class Beside:
    """One thread for each attempt that is worked on, so that none holds up another, nor the turn (B29, B34)."""

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}

    def start(self, attempt: str, work: Callable[[], None]) -> None:
        """Do `work`, which handles its own faults, on the attempt of this identifier, unless something is under way
        there already. Rings the hub at its end. Only for the engine's own thread."""
        if not self.busy(attempt):
            # The process may end while one hangs: whatever it does can be done again by the next server.
            thread = threading.Thread(
                target=self._do, args=(attempt, work), name=f"beside {attempt}", daemon=True
            )
            self._threads[attempt] = thread
            thread.start()

    def busy(self, attempt: str) -> bool:
        """Whether something is under way for this attempt."""
        return attempt in self._threads

    def under_way(self) -> int:
        """How many attempts are worked on."""
        return len(self._threads)

    def wait(self, seconds: float) -> None:
        """Return when nothing is under way any more, at the latest after so many seconds."""
        until = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, until - time.monotonic()))

    def _do(self, attempt: str, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            close_database()
            del self._threads[attempt]
            hub.ring()
