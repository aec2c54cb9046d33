"""What happens because time passes: it becomes an event, once, and then is told like any other.

A backend is watched where it reports from elsewhere; on the secure side it is this machine itself.
"""

from datetime import datetime, timedelta

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import executes_here
from jobsite.accounts.rules import SYSTEM
from jobsite.core.clock import now, wire
from jobsite.core.db import writing
from jobsite.core.events import Event, record
from jobsite.projects.models import Project

MISSING, BACK = "backend:missing", "backend:back"
ENDING = "project:copilot-ending"
AHEAD = timedelta(days=5)
"""How long before the end of a co-pilot's support it is told (specification 11.1)."""


def watch_backends() -> None:
    """Note each active backend that has not been heard of for longer than its threshold, and each that is back."""
    moment = now()
    for backend in Backend.select().where(Backend.is_active, Backend.last_seen_at.is_null(False)):
        if not executes_here(backend):
            _watch(backend, moment)


def watch_copilots() -> None:
    """Note each project whose co-pilot's support ends within five days, once for each such end."""
    moment = now()
    soon = (Project.copilot_support_ends_at >= moment) & (Project.copilot_support_ends_at <= moment + AHEAD)
    for project in Project.select().where(soon, Project.copilot.is_null(False)):
        subject, ends = f"project:{project.slug}", wire(project.copilot_support_ends_at)
        with writing():
            last = _last(subject, ENDING)
            if last is None or f'"ends":"{ends}"' not in last.data:
                record(ENDING, by=SYSTEM, subject=subject, copilot=project.copilot.username, ends=ends)


def _watch(backend: Backend, moment: datetime) -> None:
    subject, silent = f"backend:{backend.slug}", moment - backend.last_seen_at
    is_missing = silent > timedelta(seconds=backend.alert_timeout)
    with writing():
        last = _last(subject, MISSING, BACK)
        was_missing = last is not None and last.type == MISSING
        if is_missing != was_missing:
            seen = wire(backend.last_seen_at)
            record(MISSING if is_missing else BACK, by=SYSTEM, subject=subject, last_seen_at=seen)


def _last(subject: str, *types: str) -> Event | None:
    about = (Event.subject == subject) & Event.type.in_(types)
    return Event.select().where(about).order_by(Event.id.desc()).first()
