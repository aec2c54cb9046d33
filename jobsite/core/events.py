"""The event log: what happened, who did it, append-only and chained by hashes.

Each row's hash covers the row and the hash before it, so a changed, removed or inserted row shows
(`verify`). Rows are written in the transaction of the change they tell of. Other rooms and other
programs read on from a cursor (`since`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import peewee

from jobsite.core import hub
from jobsite.core.clock import now, wire
from jobsite.core.db import Model, database, in_portions
from jobsite.core.prepared import Prepared, place

START = "0" * 64
TOGETHER = 500
"""So many events are appended with one statement."""


class Event(Model):
    """One thing that happened. `by` is a username, or "system"; `subject` is `kind:id`."""

    at = peewee.DateTimeField()
    type = peewee.TextField()
    by = peewee.TextField()
    subject = peewee.TextField()
    data = peewee.TextField()
    previous = peewee.FixedCharField(64)
    hash = peewee.FixedCharField(64, unique=True)

    class Meta:
        indexes = ((("subject",), False), (("type",), False), (("by",), False))

    def as_json(self) -> dict[str, Any]:
        """The event as other programs read it; `cursor` is where to go on."""
        facts = {"cursor": self.id, "at": wire(self.at), "type": self.type, "by": self.by}
        return {**facts, "subject": self.subject, "data": json.loads(self.data), "hash": self.hash}


def record(type: str, *, by: str, subject: str, **data: Any) -> Event:
    """Append an event beside the change it tells of, and ring the hub once both are stored.

    Raises RuntimeError outside a transaction.
    """
    if not database.in_transaction():
        raise RuntimeError(f"event {type} recorded outside a transaction")
    last = _LAST_HASH.run().fetchone()
    event = Event(at=now(), type=type, by=by, subject=subject, data=_text(data))
    event.previous = last[0] if last else START
    event.hash = _hash(event)
    event.id = _APPEND.add(**event.__data__)
    database.after_commit(hub.ring)
    return event


class Happening(NamedTuple):
    """An event that is still to be recorded."""

    type: str
    by: str
    subject: str
    data: Mapping[str, Any]


def record_all(happenings: Sequence[Happening]) -> None:
    """Append several events, as `record` does one, with a number of statements that hardly grows with theirs."""
    if not database.in_transaction():
        raise RuntimeError("events recorded outside a transaction")
    last = _LAST_HASH.run().fetchone()
    previous, rows = last[0] if last else START, []
    for one in happenings:
        event = Event(at=now(), type=one.type, by=one.by, subject=one.subject, data=_text(one.data))
        event.previous = previous
        event.hash = previous = _hash(event)
        rows.append(event.__data__)
    for start in range(0, len(rows), TOGETHER):
        some = rows[start : start + TOGETHER]
        _append(len(some)).run(
            **{f"{name}_{number}": row[name] for number, row in enumerate(some) for name in _COLUMNS}
        )
    database.after_commit(hub.ring)


_others = Event.alias()
_LAST_HASH = Prepared(
    lambda: Event.select(Event.hash).where(Event.id == _others.select(peewee.fn.MAX(_others.id)))
)
_COLUMNS = ("at", "type", "by", "subject", "data", "previous", "hash")
_APPEND = Prepared(lambda: Event.insert({name: place(name) for name in _COLUMNS}))


@lru_cache(maxsize=16)
def _append(count: int) -> Prepared:
    """The statement that appends so many events."""
    return Prepared(
        lambda: Event.insert_many(
            [{name: place(f"{name}_{number}") for name in _COLUMNS} for number in range(count)]
        )
    )


def since(cursor: int, *, limit: int = 1000) -> list[Event]:
    """The events after `cursor` (0 for all), oldest first."""
    return list(Event.select().where(Event.id > cursor).order_by(Event.id).limit(limit))


def verify() -> tuple[int, Event | None]:
    """Walk the whole chain. Gives the number of sound rows and the first row that is not, or None."""
    sound, previous = 0, START
    for event in in_portions(Event.select(), Event.id):
        if event.previous != previous or event.hash != _hash(event):
            return sound, event
        sound, previous = sound + 1, event.hash
    return sound, None


def _hash(event: Event) -> str:
    parts = [event.previous, wire(event.at), event.type, event.by, event.subject, event.data]
    return hashlib.sha256(_text(parts).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
