"""What a backend tells of itself with each call: that it is there, and how its runner stands (the `Flags` header, specification
9.2); and what a controller tells of backends (10.1)."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from jobsite.accounts.models import Backend
from jobsite.accounts.rules import SYSTEM
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import database, writing
from jobsite.core.events import record

MAINTENANCE = "db-maintenance"
LONGEST = 8192
"""Characters of the header that are read."""

log = logging.getLogger("jobsite.contact")


def note_contact(*, by: Backend, flags: str | None) -> None:
    """Note that a backend called, and what its flags say: in maintenance of its database or not, paused or not, and when its
    runner was last at work. Flags that cannot be read are noted in the log and change nothing.

    A time that lies ahead counts as now: the clock there is fast.
    """
    told = _flags(by, flags)
    values: dict[str, Any] = {"last_seen_at": now()}
    if told is not None:
        values["last_seen_at"] = _moment(told, "last-seen-at", "v") or now()
        values |= _turned(by, told, "is_in_maintenance_mode", "maintenance_since", "mode", MAINTENANCE)
        values |= _turned(by, told, "is_paused", "paused_since", "paused", "true")
    _store(by, values)


def note_standing(
    *,
    by: Backend,
    seen_at: datetime | None,
    paused: tuple[bool, datetime | None],
    maintenance: tuple[bool, datetime | None],
    by_hand: bool,
) -> None:
    """Note how a backend stands, as a controller tells of it: when that last heard of it (None: never), whether it is paused
    and its database in maintenance, each since when, and whether a person switched the maintenance on.

    A time that lies ahead counts as now.
    """
    values: dict[str, Any] = {"last_seen_at": min(seen_at, now())} if seen_at else {}
    told = {
        ("is_paused", "paused_since"): paused,
        ("is_in_maintenance_mode", "maintenance_since"): maintenance,
        ("is_maintenance_manual", "maintenance_manual_since"): (maintenance[0] and by_hand, maintenance[1]),
    }
    for (flag, at), (is_on, since) in told.items():
        if is_on != getattr(by, flag):
            values |= {flag: is_on, at: min(since or now(), now())}
    if values:
        _store(by, values)


_TYPES = {
    "is_in_maintenance_mode": ("backend:maintenance-started", "backend:maintenance-ended"),
    "is_paused": ("backend:paused", "backend:resumed"),
    "is_maintenance_manual": ("backend:manual-maintenance-on", "backend:manual-maintenance-off"),
}


def _store(by: Backend, values: dict[str, Any]) -> None:
    with writing():
        Backend.update(values).where(Backend.id == by.id).execute()
        for flag, (on, off) in _TYPES.items():
            if flag in values:
                record(on if values[flag] else off, by=SYSTEM, subject=f"backend:{by.slug}")
                database.after_commit(hub.ring)


def _turned(by: Backend, told: dict[str, Any], flag: str, since: str, name: str, on: str) -> dict[str, Any]:
    """The flag and its time, where the backend says otherwise than it did. Runners take `True` for `true`."""
    is_on = str(_part(told, name, "v")).lower() == on
    return {} if is_on == getattr(by, flag) else {flag: is_on, since: _moment(told, name, "ts") or now()}


def _flags(by: Backend, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text[:LONGEST])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        log.warning("backend %s sent flags that cannot be read: %r", by.slug, text[:200])
        return None
    return found


def _part(told: dict[str, Any], name: str, part: str) -> Any:
    flag = told.get(name)
    return flag.get(part) if isinstance(flag, dict) else None


def _moment(told: dict[str, Any], name: str, part: str) -> datetime | None:
    """A time in UTC, now at the latest; None for what is none."""
    try:
        moment = datetime.fromisoformat(str(_part(told, name, part)))
        return min(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, now())
    except (ValueError, OverflowError):
        return None
