"""The one clock: every time in jobsite is naive UTC with microseconds, and tests can set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_set: datetime | None = None


def now() -> datetime:
    """The present moment, naive UTC, with microseconds."""
    return _set or datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Within the block `now()` is `moment` (naive UTC), in every thread: for tests."""
    global _set
    before, _set = _set, moment
    try:
        yield
    finally:
        _set = before


def moment_of(found: str | datetime | None) -> datetime | None:
    """The moment that a raw statement found: SQLite gives its text, PostgreSQL itself."""
    return datetime.fromisoformat(found) if isinstance(found, str) else found


def wire(moment: datetime | None) -> str | None:
    """A time as programs read it: `YYYY-MM-DDTHH:MM:SS.ffffffZ`, or None."""
    return moment.isoformat(timespec="microseconds") + "Z" if moment else None
