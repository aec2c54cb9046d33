"""Named rate limits: every limit of the program stands in this one table; the setting `RATE_LIMITS` changes some."""

import logging
import time
from collections.abc import Mapping

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from jobsite.core.errors import Refused

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
    """The counters of this process: attempts per limit and key, in a moving window."""

    def __init__(self, changed: Mapping[str, str] = {}) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._named = NAMED | {name: parse(text) for name, text in changed.items()}

    def check(self, name: str, key: str) -> None:
        """Raise `TooMany` when the limit is used up for this key; counts nothing."""
        if not self._limiter.test(self._named[name], name, key):
            reset = self._limiter.get_window_stats(self._named[name], name, key).reset_time
            wait = max(1, int(reset - time.time()) + 1)
            raise TooMany(f"Too many attempts. Wait {_words(wait)} and try again.", wait)

    def count(self, name: str, key: str) -> None:
        """Count one attempt against the limit."""
        if name in WRONG:
            log.warning("a wrong try from %r counts against %s", key, name)
        self._limiter.hit(self._named[name], name, key)


def _words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
