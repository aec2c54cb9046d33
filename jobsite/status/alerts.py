"""Site alerts: what staff tell everybody who is logged in, on every page, for a time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from peewee import CharField, DateTimeField, ModelSelect, TextField, fn

from jobsite.accounts.models import AnonymousPerson, User, permissions_everywhere, username_of
from jobsite.core.clock import now
from jobsite.core.db import LARGEST_ID, Model, changed_one, writing
from jobsite.core.errors import NotFound, refuse, require
from jobsite.core.events import record
from jobsite.core.prepared import Prepared, place
from jobsite.projects.parts import ALERTS, Part
from jobsite.projects.prose import rendered
from jobsite.projects.rules import tidy, why_not_markdown

LEVELS: Mapping[str, tuple[str, str]] = {
    "warning": ("Warning", "warn"),
    "danger": ("Danger", "bad"),
    "info": ("Information", "info"),
    "success": ("Success", "good"),
}
"""Each level (specification, section 3, Site): what it is called, and the tone of its notice."""

LONGEST_TITLE = 100
_GONE = "This alert is no longer there."


class SiteAlert(Model):
    """A notice in Markdown. It is shown from `starts_at` (or at once) until `ends_at` (or until it is deleted)."""

    title = CharField(default="")
    message = TextField()
    level = CharField(default="warning")
    starts_at = DateTimeField(null=True)
    ends_at = DateTimeField(null=True)
    created_at = DateTimeField(default=now)
    created_by = TextField()
    updated_at = DateTimeField(default=now)
    updated_by = TextField()

    @property
    def html(self) -> str:
        """The message as safe HTML."""
        return rendered(self.message)

    @property
    def tone(self) -> str:
        """The tone of the notice; a level that is not known (any more) is information."""
        return LEVELS.get(self.level, ("", "info"))[1]

    @property
    def label(self) -> str:
        """What the level is called."""
        return LEVELS.get(self.level, (self.level, ""))[0]

    @property
    def standing(self) -> tuple[str, str]:
        """The state for a pill, and its words: shown, still to come, or over."""
        moment = now()
        if self.ends_at is not None and self.ends_at <= moment:
            return "archived", "Over"
        if self.starts_at is not None and self.starts_at > moment:
            return "pending", "To come"
        return "active", "Shown"


def why_not_alert(
    *, title: str, message: str, level: str, starts_at: datetime | None, ends_at: datetime | None
) -> dict[str, str | None]:
    """Why an alert cannot be like that: a sentence, or None, for each field."""
    return {
        "title": _why_not_title(title),
        "message": why_not_markdown(message) if message else "Write what people should know.",
        "level": None if level in LEVELS else "Choose a level from the list.",
        "ends_at": "The alert ends before it begins."
        if starts_at and ends_at and ends_at <= starts_at
        else None,
    }


def add_alert(
    *,
    by: User | str,
    title: str,
    message: str,
    level: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> SiteAlert:
    """Tell everybody who is logged in. Times are naive UTC. Raises `Invalid` with the field's sentence, `Denied`."""
    wanted = _wanted(title=title, message=message, level=level, starts_at=starts_at, ends_at=ends_at)
    who = username_of(by)
    with writing():
        _require_staff(by)
        refuse(**why_not_alert(**wanted))
        alert = SiteAlert.create(**wanted, created_by=who, updated_by=who)
        record("alert:added", by=who, subject=f"alert:{alert.id}", level=level, title=wanted["title"])
    return alert


def edit_alert(
    *,
    by: User | str,
    alert: SiteAlert,
    title: str,
    message: str,
    level: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> SiteAlert:
    """Change what is told, and how long. Raises `Invalid`, `Conflict` when it has been deleted, `Denied`."""
    wanted = _wanted(title=title, message=message, level=level, starts_at=starts_at, ends_at=ends_at)
    who = username_of(by)
    with writing():
        _require_staff(by)
        refuse(**why_not_alert(**wanted))
        change = SiteAlert.update(**wanted, updated_at=now(), updated_by=who)
        changed_one(change.where(SiteAlert.id == alert.id), _GONE)
        record("alert:edited", by=who, subject=f"alert:{alert.id}", level=level, title=wanted["title"])
    return SiteAlert.get_by_id(alert.id)


def delete_alert(*, by: User | str, alert: SiteAlert) -> None:
    """Stop telling it. Raises `Conflict` when somebody has deleted it already, `Denied`."""
    with writing():
        _require_staff(by)
        changed_one(SiteAlert.delete().where(SiteAlert.id == alert.id), _GONE)
        record("alert:deleted", by=username_of(by), subject=f"alert:{alert.id}", title=alert.title)


def alert_or_stop(number: int) -> SiteAlert:
    """The alert of that number. Raises `NotFound` with a sentence."""
    found = SiteAlert.get_or_none(SiteAlert.id == number) if number < LARGEST_ID else None
    if found is None:
        raise NotFound("There is no such alert.")
    return found


def alerts() -> list[SiteAlert]:
    """Every alert, the newest first. One query."""
    return list(SiteAlert.select().order_by(SiteAlert.id.desc()))


def alerts_now() -> list[SiteAlert]:
    """The alerts that are shown at this moment, the newest first. One query."""
    return _SHOWN.all(SiteAlert, at=SiteAlert.starts_at.db_value(now()))


def _shown() -> ModelSelect:
    begun = SiteAlert.starts_at.is_null() | (SiteAlert.starts_at <= place("at"))
    lasting = SiteAlert.ends_at.is_null() | (SiteAlert.ends_at > place("at"))
    return SiteAlert.select().where(begun & lasting).order_by(SiteAlert.id.desc())


_SHOWN = Prepared(_shown)
"""Asked for every page."""


def frame_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The alerts of this moment, above every page of a person who is logged in. One query, none where there is no alert."""
    if not (isinstance(person, User) and person.known.get(THERE_ARE, True)):
        return []
    shown = alerts_now()
    return [Part("status/_alerts.html", ALERTS, {"alerts": shown})] if shown else []


PARTS = {"frame": (frame_parts,)}
THERE_ARE = "alerts"
OF_PEOPLE = {THERE_ARE: fn.EXISTS(SiteAlert.select(SiteAlert.id))}
"""What is read along with every session: whether there is an alert at all, of whatever time."""


def _wanted(*, title: str, message: str, **others: Any) -> dict[str, Any]:
    return {"title": " ".join(title.split()), "message": tidy(message), **others}


def _require_staff(by: User | str) -> None:
    allowed = "staff_area_access" in permissions_everywhere(by)
    require(None if allowed else "Only staff can tell everybody something. Ask staff.")


def _why_not_title(title: str) -> str | None:
    if len(title) > LONGEST_TITLE:
        return f"The title is too long: at most {LONGEST_TITLE} characters."
    return None if title.isprintable() else "The title is one line without control characters."
