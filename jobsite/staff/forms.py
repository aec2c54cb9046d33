"""The forms of the staff area. What may be typed is judged by the verbs; here is what is shown and how it is read."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from jobsite.accounts.models import User
from jobsite.core.errors import Invalid
from jobsite.projects.models import Organisation, Project
from jobsite.projects.rules import CATEGORIES, DATA_PERMISSIONS
from jobsite.status.alerts import LEVELS

OVERLAPS = {
    "0": ("ends now", timedelta()),
    "1": ("works for 1 more hour", timedelta(hours=1)),
    "24": ("works for 1 more day", timedelta(days=1)),
    "168": ("works for 1 more week", timedelta(days=7)),
    "720": ("works for 30 more days", timedelta(days=30)),
}
"""How long the old token of a backend works on: what the form sends, in words, and as a length."""


def choices(pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """Values and words as the options of a select."""
    return [SelectChoice(value, words) for value, words in pairs]


def moment_in(field: str, text: str | None) -> datetime | None:
    """A day, or a day and a time (UTC), as a naive moment; None for an empty text. Raises `Invalid` for the field."""
    text = (text or "").strip().replace("T", " ").removesuffix(" UTC")
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form) if text else None
        except ValueError:
            continue
    raise Invalid({field: "Give a day like 2026-11-23, or with a time: 2026-11-23 14:00."})


def moment_text(moment: datetime | None) -> str:
    """A moment as the form shows it; its time is left out at midnight."""
    if moment is None:
        return ""
    return moment.strftime("%Y-%m-%d" if (moment.hour, moment.minute) == (0, 0) else "%Y-%m-%d %H:%M")


def words_in(text: str | None) -> list[str]:
    """The words of a field that takes several, divided by blanks, commas or lines."""
    return (text or "").replace(",", " ").split()


class OrganisationForm(FlaskForm):
    """A new organisation, or the facts of one."""

    name = StringField("Name")
    slug = StringField("Slug")
    description = TextAreaField("Description")
    github_orgs = StringField("GitHub organisations")
    is_internal = BooleanField("Internal: it runs this site")


class ProjectForm(FlaskForm):
    """A new project, or what staff keep of one. `org` leads; `others` take part."""

    name = StringField("Title")
    number = StringField("Number")
    slug = StringField("Slug")
    org = SelectField("Lead organisation", validate_choice=False)
    others = SelectMultipleField("Other organisations", validate_choice=False)
    category = SelectField("Category", choices=choices(CATEGORIES.items()), validate_choice=False)
    copilot = SelectField("Co-pilot", validate_choice=False)
    copilot_support_ends_at = StringField("Co-pilot support ends")
    copilot_notes = TextAreaField("Notes of the co-pilot")

    @property
    def partners(self) -> list[tuple[str, str, str]]:
        """The organisations to tick: value, words, and no hint."""
        return [(choice.value, choice.label, "") for choice in self.others.choices]

    def offer(self, orgs: list[Organisation], people: list[User], present: User | None) -> None:
        """Offer these organisations and co-pilots; who is the co-pilot now stays on offer."""
        self.org.choices = choices([("", "Choose"), *((org.slug, org.name) for org in orgs)])
        self.others.choices = choices((org.slug, org.name) for org in orgs)
        known = [present, *people] if present is not None and present not in people else people
        self.copilot.choices = choices([("", "None"), *((one.username, one.display_name) for one in known)])


class PersonForm(FlaskForm):
    """A new person, or name and address of one."""

    username = StringField("Username")
    fullname = StringField("Name")
    email = StringField("E-mail address")


class BackendForm(FlaskForm):
    """A new backend, or the facts of one. After `alert_timeout` seconds without contact it counts as missing."""

    slug = StringField("Slug")
    name = StringField("Name")
    alert_timeout = StringField("Missing after, in seconds")
    is_active = BooleanField("Active: shown on the status page, and people may use it")
    accepts_jobs = BooleanField("Accepts new job requests")


class MaintenanceForm(FlaskForm):
    """When the database of a backend is in maintenance next; both left empty: no more is planned."""

    starts_at = StringField("From")
    ends_at = StringField("Until")


class RotateForm(FlaskForm):
    """How long the old token of a backend works on, and whether its jobs run on this server all the same."""

    overlap = SelectField(
        "The old token",
        choices=choices((value, words) for value, (words, _) in OVERLAPS.items()),
        validate_choice=False,
    )
    runs_here = BooleanField("Its jobs run on this server")


class PermissionForm(FlaskForm):
    """A data permission to be given to a project; `permission` is "kind:value"."""

    permission = SelectField(
        "Permission",
        choices=[
            SelectChoice(f"{kind}:{value}", value, optgroup=kind.capitalize())
            for kind, values in DATA_PERMISSIONS.items()
            for value in values
        ],
        validate_choice=False,
    )
    reason = TextAreaField("Reason")


class WorkspaceForm(FlaskForm):
    """What staff change of a workspace."""

    project = SelectField("Project", validate_choice=False)
    purpose = TextAreaField("Purpose")
    is_archived = BooleanField("Archived: no jobs run in it")

    def offer(self, projects: list[Project]) -> None:
        """Offer these projects."""
        self.project.choices = choices((one.slug, one.title) for one in projects)


class AlertForm(FlaskForm):
    """What everybody who is logged in is told."""

    title = StringField("Title")
    message = TextAreaField("Message")
    level = SelectField(
        "Level", choices=choices((name, words) for name, (words, _) in LEVELS.items()), validate_choice=False
    )
    starts_at = StringField("Shown from")
    ends_at = StringField("Shown until")
