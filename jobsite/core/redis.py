"""The Redis that the processes of one installation share, where `HUEY_URL` names one: asked briefly, and left alone while it
is away. Nothing lies there that is not found again without it.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jobsite.core.errors import Refused

SECONDS = 2.0
"""So long it is waited for a connection, or for an answer, at most."""
REST = 5.0
"""So many seconds it is not asked again after it did not answer, so that nobody else waits for it."""

Answer = TypeVar("Answer")

log = logging.getLogger("jobsite.redis")


class Away(Exception):
    """Redis does not answer as it should at the moment; the text says how."""


class Redis:
    """The Redis at an address `redis://[user:password@]host[:port][/number]`, or `rediss:` with TLS. `name` is where the keys
    of this installation begin: one Redis may serve several.

    It need not be there. Raises `Refused` when the Python package for it is missing.
    """

    def __init__(self, address: str, name: str) -> None:
        try:  # here, because it is an extra, and to load it takes a tenth of a second
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise Refused(
                "HUEY_URL names a Redis, for which the Python package redis is needed. Install it, or leave HUEY_URL out."
            ) from None
        self.name = name
        # Once again at once: after a restart of Redis the connections that were kept are dead. Who hangs is not waited for twice.
        once_more = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        self.pool = redis.ConnectionPool.from_url(
            address, socket_connect_timeout=SECONDS, socket_timeout=SECONDS, retry=once_more
        )
        self.client: Any = redis.Redis(connection_pool=self.pool)
        self._error = redis.RedisError
        self._place = f"{urlsplit(address).hostname}:{urlsplit(address).port or 6379}"
        self._asked_again = 0.0
        self.is_away = False

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """What `question` answers, which uses the client. Raises `Away`, at once for a while after it did not answer."""
        if time.monotonic() < self._asked_again:
            raise Away(f"Redis at {self._place} does not answer.")
        was_away = self.is_away  # who asked before it went away does not bring it back
        if was_away:
            self._asked_again = time.monotonic() + REST  # whether it is back, one finds out for all
        try:
            answer = question()
        except self._error as error:
            raise self._left_alone(error) from None
        if was_away and self.is_away:
            self.is_away, self._asked_again = False, 0.0
            log.warning("Redis at %s answers again", self._place)
        return answer

    def why_away(self) -> str | None:
        """Why it cannot be used now, in a sentence, or None."""
        try:
            self.ask(self.client.ping)
        except Away as away:
            return str(away)
        return None

    def close(self) -> None:
        """Close all connections to it."""
        self.pool.disconnect()

    def _left_alone(self, error: Exception) -> Away:
        self._asked_again = time.monotonic() + REST
        away = Away(f"Redis at {self._place} does not answer ({str(error).rstrip('.')}).")
        if not self.is_away:
            self.is_away = True
            log.warning("%s Until it does, background work of other processes starts by the clock", away)
        return away
