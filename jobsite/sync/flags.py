"""How this backend stands, as it tells the public side with every call: the header `Flags` (specification 9.2)."""

import json
from datetime import datetime

from jobsite.accounts.models import Backend
from jobsite.core.clock import now, wire

HEADER = "Flags"


def flags_header(backend: Backend) -> dict[str, str]:
    """The header: maintenance of the database, pause, and that the backend was alive just now; each since when."""
    maintenance = "db-maintenance" if backend.is_in_maintenance_mode else ""
    flags = {
        "mode": _flag(maintenance, backend.maintenance_since or backend.created_at),
        "paused": _flag("true" if backend.is_paused else "", backend.paused_since or backend.created_at),
        "last-seen-at": _flag(wire(now()) or "", now()),
    }
    return {HEADER: json.dumps(flags)}


def _flag(value: str, since: datetime) -> dict[str, str | None]:
    return {"v": value, "ts": wire(since)}
