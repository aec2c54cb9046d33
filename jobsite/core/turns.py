"""Turns: whoever comes first goes first."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Threads that do something one after the other, in the order in which they came.

    A plain lock has no order: a thread that takes it again and again keeps others waiting for as long as it likes.
    """

    def __init__(self) -> None:
        self._door = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False
        self._owner: int | None = None

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Within the block it is the turn of this thread; a block within it waits for none.

        Who has waited for `patience` seconds goes on without.
        """
        mine = self._owner != threading.get_ident() and self._come(patience)
        try:
            yield
        finally:
            if mine:
                self._go()

    def _come(self, patience: float) -> bool:
        called = threading.Event()
        with self._door:
            if not self._is_taken:
                self._is_taken, self._owner = True, threading.get_ident()
                return True
            self._waiting.append(called)
        called.wait(patience)
        with self._door:
            if called.is_set():
                self._owner = threading.get_ident()
            else:
                self._waiting.remove(called)
            return called.is_set()

    def _go(self) -> None:
        with self._door:
            self._owner = None
            self._is_taken = bool(self._waiting)  # handed on: nobody comes in between
            if self._waiting:
                self._waiting.popleft().set()
