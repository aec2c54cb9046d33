"""Named rate limits: every limit of the program stands in this one table; the setting `RATE_LIMITS` changes some."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from jobsite.core.errors import Refused
from jobsite.core.redis import Away, Redis

NAMED = {
    "sign-in per account": parse("10 per 15 minutes"),
    "sign-in per address": parse("30 per 15 minutes"),
    "sign-in per backend": parse("100 per 15 minutes"),
    "sign-in starts per address": parse("60 per 15 minutes"),
    "tokens per person": parse("20 per hour"),
    "wrong API tokens per address": parse("60 per 15 minutes"),
    "e-mail changes per person": parse("5 per hour"),
    "searches per visitor": parse("600 per 5 minutes"),
    "requests per person": parse("120 per hour"),
    "uploads per backend": parse("6000 per 15 minutes"),
}

WRONG = ("sign-in per address", "wrong API tokens per address")
"""Limits that count what went wrong: each try is noted for whoever runs the site, by its address alone."""

log = logging.getLogger("jobsite.limits")


class TooMany(Refused):
    """Too many attempts; `retry_after` is how many seconds to wait."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Limits:
    """Attempts per limit and key, in a moving window: those of this process, and where there is a Redis those of all that
    share it. While it is away, those of this process count, which are noted in any case."""

    def __init__(self, changed: Mapping[str, str] = {}, redis: Redis | None = None) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = (redis, MovingWindowRateLimiter(_storage(redis))) if redis else None
        self._named = NAMED | {name: parse(text) for name, text in changed.items()}

    def check(self, name: str, key: str) -> None:
        """Raise `TooMany` when the limit is used up for this key; counts nothing."""
        limit = self._named[name]
        wait = self._known(lambda counted: _seconds_left(counted, limit, name, key))
        if wait:
            raise TooMany(f"Too many attempts. Wait {_words(wait)} and try again.", wait)

    def count(self, name: str, key: str) -> None:
        """Count one attempt against the limit."""
        if name in WRONG:
            log.warning("a wrong try from %r counts against %s", key, name)
        limit = self._named[name]
        self._own.hit(limit, name, key)
        if self._shared:
            redis, counted = self._shared
            with suppress(Away):
                redis.ask(lambda: counted.hit(limit, name, key))

    def _known(self, question: Callable[[MovingWindowRateLimiter], int]) -> int:
        """The answer of all processes together, or of this one where there is no Redis or it is away."""
        if self._shared:
            redis, counted = self._shared
            with suppress(Away):
                return redis.ask(lambda: question(counted))
        return question(self._own)


def _storage(redis: Redis) -> RedisStorage:
    return RedisStorage("redis://", connection_pool=redis.pool, key_prefix=f"{redis.name}:limits")


def _seconds_left(counted: MovingWindowRateLimiter, limit: RateLimitItem, name: str, key: str) -> int:
    """How many seconds to wait until the limit is not used up; 0 when it is not."""
    if counted.test(limit, name, key):
        return 0
    reset = counted.get_window_stats(limit, name, key).reset_time
    return max(1, int(reset - time.time()) + 1)


def _words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
