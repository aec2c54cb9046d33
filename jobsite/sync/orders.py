"""Job requests as `GET job-requests/` lists them (specification 9.2), read with care: the other side may be any program."""

import re
from datetime import UTC, datetime
from typing import Any

from jobsite.core.errors import Invalid
from jobsite.jobs.data_needs import Uses
from jobsite.jobs.taken import Order
from jobsite.projects.mirror import WorkspaceThere

_IDENTIFIER = re.compile(r"[a-z0-9]{16}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
LONGEST = 255
MOST_ACTIONS = 10_000


def identifier_of(item: object) -> str | None:
    """The identifier of an item of the list, None for one that has none."""
    found = item.get("identifier") if isinstance(item, dict) else None
    return found if isinstance(found, str) and _IDENTIFIER.fullmatch(found) else None


def order_of(item: dict[str, Any], *, allowed: Uses | None = None) -> Order:
    """An item of the list as an order; `allowed` is as there. Raises `Invalid` with the field and a sentence for what cannot be one."""
    where = item.get("workspace")
    if not isinstance(where, dict):
        raise Invalid({"workspace": "The request names no workspace."})
    return Order(
        identifier=_text(item, "identifier", _IDENTIFIER),
        commit=_text(item, "sha", _COMMIT),
        actions=_names(item, "requested_actions"),
        cancelled=_names(item, "cancelled_actions", may_lack=True),
        force=item.get("force_run_dependencies") is True,
        codelists_ok=item.get("codelists_ok", True) is True,
        created_by=_text(item, "created_by"),
        created_at=_moment(item, "created_at"),
        workspace=WorkspaceThere(
            name=_text(where, "name"),
            repo=_text(where, "repo"),
            branch=_text(where, "branch"),
            created_by=_text(where, "created_by"),
            created_at=_moment(where, "created_at"),
            project=_text(item, "project"),
            orgs=_names(item, "orgs", may_lack=True),
        ),
        allowed=allowed,
    )


def _text(item: dict[str, Any], field: str, shape: re.Pattern[str] = re.compile(r"[^\0]+")) -> str:
    found = item.get(field)
    if not isinstance(found, str) or len(found) > LONGEST or not shape.fullmatch(found):
        raise Invalid({field: f"The request has no {field} that can be used."})
    return found


def _names(item: dict[str, Any], field: str, *, may_lack: bool = False) -> tuple[str, ...]:
    """The names in a list, each once; none where the list may be missing and is."""
    found = item.get(field) or []
    sound = isinstance(found, list) and len(found) <= MOST_ACTIONS
    if not sound or not all(isinstance(one, str) and 0 < len(one) <= LONGEST for one in found):
        raise Invalid({field: f"The request has no {field} that can be used."})
    if not found and not may_lack:
        raise Invalid({field: f"The request has no {field}."})
    return tuple(dict.fromkeys(found))


def _moment(item: dict[str, Any], field: str) -> datetime:
    """A time of ISO 8601 in UTC, naive."""
    try:
        moment = datetime.fromisoformat(_text(item, field))
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise Invalid({field: f"The request has no {field} that can be used."}) from None
