"""The next maintenance of a database: told beforehand, so that nobody starts a job that it would stop (B42)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from jobsite.accounts.models import Backend, User, permissions_everywhere, username_of
from jobsite.accounts.rules import why_not_manage_backends
from jobsite.core.clock import now, wire
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import refuse, require
from jobsite.core.events import record
from jobsite.jobs.history import RunTime, run_times, stretch
from jobsite.jobs.rules import why_not_window
from jobsite.projects.models import Workspace


def plan_maintenance(
    *, by: User | str, backend: Backend, start: datetime | None, until: datetime | None
) -> None:
    """Tell when the database there is in maintenance next (UTC), or with None for both that none is planned.

    Nothing is stopped by that; people are told which jobs would not end before it. Raises `Invalid` for times that
    are no window or are past.
    """
    require(why_not_manage_backends(permissions_everywhere(by)))
    refuse(maintenance=why_not_window(start, until, now()))
    with writing():
        changed = Backend.update(maintenance_from=start, maintenance_until=until).where(
            Backend.id == backend.id
        )
        changed_one(changed, f"There is no backend {backend.slug} any more.")
        times = {"start": wire(start), "until": wire(until)}
        subject = f"backend:{backend.slug}"
        record("backend:maintenance-planned", by=username_of(by), subject=subject, **times)
    backend.maintenance_from, backend.maintenance_until = start, until


def warning(backend: Backend, run: RunTime | None, at: datetime, *, wait: float = 0.0) -> str:
    """Why a database job that starts in `wait` seconds would not end before the maintenance; "" when it would.

    Without earlier runs nobody knows, so nothing is said.
    """
    start = backend.maintenance_from
    if run is None or start is None or not backend.is_maintenance_planned:
        return ""
    if at + timedelta(seconds=wait + run.slow) <= start:
        return ""
    return (
        f"It would not end before the maintenance of the database that begins on {_moment(start)} UTC: "
        f"it ran {stretch(run.fast, run.slow)} so far. It is stopped then, and starts again by itself afterwards."
    )


def late_actions(
    workspace: Workspace, backend: Backend, actions: Iterable[str], at: datetime
) -> Sequence[str]:
    """Which of these database actions would not end before the maintenance if they started now. At most one query."""
    if not backend.is_maintenance_planned:
        return ()
    keys = [(workspace.id, backend.id, action) for action in actions]
    known = run_times(keys)
    return [key[2] for key in keys if warning(backend, known.get(key), at)]


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%b} at {at:%H:%M}"
