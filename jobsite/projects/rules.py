"""What holds for organisations, projects and workspaces: names, statuses, who may do what. Pure.

Every rule returns None, or the sentence that is shown where a thing is refused.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jobsite.core.wording import joined

LONGEST_NAME = 200
LONGEST_SLUG = 255
LONGEST_PURPOSE = 5_000
LONGEST_DESCRIPTION = 20_000
MOST_BRACKETS = 400
MOST_NAMED = 6


@dataclass(frozen=True)
class Status:
    """A status of a project: how it is stored, how it is called, and what its description should say."""

    value: str
    label: str
    asks: str


_ADDRESSES = (
    "Give the addresses of published papers, preprints or reports. If more are to come, say which and when."
)

STATUSES: dict[str, Status] = {
    status.value: status
    for status in (
        Status("ongoing", "Ongoing", "Nothing more is asked for."),
        Status(
            "postponed",
            "Postponed",
            "Say why the project is postponed. Tell the information-governance team as well.",
        ),
        Status(
            "retired",
            "Retired",
            "Say why the project is retired, with a short report of any results. "
            "Tell the information-governance team as well.",
        ),
        Status("ongoing-and-linked", "Ongoing - paper/report linked", _ADDRESSES),
        Status("completed-and-linked", "Completed - paper/reports linked", _ADDRESSES),
        Status(
            "completed-and-awaiting",
            "Completed - awaiting paper/reports",
            "Say when papers or reports are expected.",
        ),
    )
}

CATEGORIES: dict[str, str] = {
    "approved": "Approved",
    "internal": "Internal",
    "legacy": "Legacy",
    "legacy_approved": "Legacy, approved",
    "unknown": "Unknown",
}

# What a project needs a permission of its own for (specification 3): kind, then values.
DATA_PERMISSIONS: dict[str, tuple[str, ...]] = {
    "dataset": (
        "appointments",
        "covid_therapeutics",
        "icnarc",
        "isaric",
        "occupation_on_covid_vaccine_record",
        "open_prompt",
        "sgss_covid_all_tests",
        "ukrr",
        "waiting_list",
    ),
    "population": ("include_gp_unactivated", "include_ndoo", "include_t1oo"),
    "component": ("event_level_data", "sqlrunner"),
}

# Where something else answers already: a workspace of such a name could not be reached by its address.
_FIRST_SEGMENTS = """
    agent api apply complete controller enter-your-name event-list event-log favicon.ico health-check inbox
    job-requests jobs login login-with-token logout manual media metrics organisations orgs policy projects publications
    publish-repo repo requests robots.txt search seen settings signing-key.txt staff static status ui
    ui-components unsubscribe users workspaces 400 403 404 413 429 500
"""
_SECOND_SEGMENTS = """
    archive-toggle cancel edit files level-4 level-4-content log logs members new-workspace notifications-toggle
    outputs published refresh releases run-jobs
"""
RESERVED = frozenset((_FIRST_SEGMENTS + _SECOND_SEGMENTS).split())


def slug_of(name: str) -> str:
    """The slug made from a name: lower-case ASCII letters, digits and hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG]


def why_not_name(name: str, kind: str) -> str | None:
    """Why an organisation or project (`kind`) cannot be called that."""
    if not name.strip():
        return f"Give the {kind} a name."
    if len(name) > LONGEST_NAME:
        return f"The name is too long: at most {LONGEST_NAME} characters."
    if not name.isprintable():
        return "The name must be one line without control characters."
    return None


def why_not_slug(slug: str) -> str | None:
    """Why a project or organisation cannot have this slug."""
    if not slug:
        return "No address can be made from this name: give a slug of lower-case letters, digits and hyphens."
    if len(slug) > LONGEST_SLUG:
        return f"The slug is too long: at most {LONGEST_SLUG} characters."
    if not re.fullmatch(r"[-a-z0-9_]+", slug):
        return "A slug has only lower-case letters a-z, digits, hyphens and underscores."
    return None


def why_not_number(number: str) -> str | None:
    """Why a project cannot have this number: digits without a leading zero, or `POS-20YY-NNNN`."""
    if len(number) <= 20 and re.fullmatch(r"[1-9][0-9]*|POS-20[0-9]{2}-[1-9][0-9]{3}", number, re.ASCII):
        return None
    return "A project number is digits without a leading zero, or of the form POS-2026-1234."


def why_not_workspace_name(name: str) -> str | None:
    """Why a workspace cannot be called that; whether it is taken is for the database to say."""
    if not name:
        return "Give the workspace a name."
    if len(name) > 100:
        return "The name is too long: at most 100 characters."
    if not re.fullmatch(r"[-a-z0-9_]+", name):
        return "A workspace name has only letters a-z, digits, hyphens and underscores."
    if name.isdigit():
        return "A workspace name cannot be only digits: such addresses are those of job requests."
    if name in RESERVED:
        return f"“{name}” is the address of another page: choose another name."
    return None


def why_not_text(text: str, longest: int) -> str | None:
    """Why a longer text (purpose, description) cannot be stored."""
    if len(text) > longest:
        return f"The text is too long: {len(text)} characters, at most {longest}."
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text):
        return "The text contains control characters. Type it again, or paste it as plain text."
    return None


def why_not_markdown(text: str) -> str | None:
    """Why a Markdown text cannot be stored. Rendering takes time with the square of unclosed brackets."""
    if any(text.count(bracket) > MOST_BRACKETS for bracket in "[<!"):
        return f"The text has too many brackets: at most {MOST_BRACKETS} of a kind."
    return why_not_text(text, LONGEST_DESCRIPTION)


def why_not_status(status: str) -> str | None:
    """Why a project cannot have this status."""
    return None if status in STATUSES else "Choose a status from the list."


def tidy(text: str) -> str:
    """A text as it is stored: line ends as `\\n`, no blanks around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def why_not_github_org(name: str) -> str | None:
    """Why this cannot be an owner of repositories at GitHub."""
    if re.fullmatch(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", name):
        return None
    return f"“{name[:60]}” is no name of an organisation at GitHub: letters, digits and single hyphens."


def why_not_category(category: str) -> str | None:
    """Why a project cannot have this category."""
    return None if category in CATEGORIES else "Choose a category from the list."


def why_not_copilot(permissions: Collection[str] | None, number: str) -> str | None:
    """Why a project of this number cannot have a co-pilot with these permissions; None stands for no co-pilot."""
    if permissions is None:
        needed = number.startswith("POS-")
        return "A project with a POS- number needs a co-pilot: choose one." if needed else None
    return None if "staff_area_access" in permissions else "A co-pilot must be able to use the staff area."


def why_not_data_permission(kind: str, value: str) -> str | None:
    """Why there is no such data permission."""
    if kind not in DATA_PERMISSIONS:
        return f"Choose what kind it is: {', '.join(DATA_PERMISSIONS)}."
    if value not in DATA_PERMISSIONS[kind]:
        return f"There is no {kind} “{value[:60]}”. Choose one from the list."
    return None


_DEVELOPER = "you need the role Project Developer in this project. Staff can give it to you."

_LACKING = {
    "workspace_create": f"To create or edit workspaces of this project, {_DEVELOPER}",
    "workspace_archive": f"To archive or unarchive a workspace, {_DEVELOPER}",
    "workspace_toggle_notifications": f"To change the notifications of a workspace, {_DEVELOPER}",
    "project_manage": f"To edit the project, {_DEVELOPER}",
    "job_run": "You do not have permission to run jobs on this workspace",
    "job_cancel": f"To cancel the jobs of others, {_DEVELOPER}",
    "snapshot_create": f"To create a draft publication, {_DEVELOPER}",
    "user_edit_project_roles": "Only staff who look after members can change who belongs to a project.",
    "project_create": "Only staff who set up projects can do this: a Service Administrator or Tech Support.",
    "org_create": "Only staff who set up organisations can do this.",
    "repo_sign_off_with_outputs": "Only people with the role Sign Off Repo With Outputs can sign off this repository.",
}


def why_not_permitted(permission: str, permissions: Collection[str]) -> str | None:
    """Why a person who holds `permissions` may not do what `permission` stands for."""
    if permission in permissions:
        return None
    return _LACKING.get(
        permission, "Your roles in this project do not permit this. Staff can give you another role."
    )


def why_not_change_workspace(permission: str, permissions: Collection[str]) -> str | None:
    """Why a person may not change a workspace. Staff may, since they answer for what is there."""
    return None if "staff_area_access" in permissions else why_not_permitted(permission, permissions)


def why_not_create_workspace(permissions: Collection[str], *, has_org: bool) -> str | None:
    """Why a person may not make a workspace in a project: by their roles, and by belonging to no organisation."""
    if lacking := why_not_permitted("workspace_create", permissions):
        return lacking
    return None if has_org else "You belong to no organisation yet. Ask staff to add you to yours."


def why_not_run_jobs(permissions: Collection[str], *, is_archived: bool, has_backend: bool) -> str | None:
    """Why a person may not run jobs in a workspace, by its state, their roles, and their backends."""
    if is_archived:
        return "Jobs cannot be run on an archived workspace"
    if lacking := why_not_permitted("job_run", permissions):
        return lacking
    return None if has_backend else "You do not have permission to run jobs on any backend"


class _Signed(Protocol):
    """What the rules of sign-off look at of a workspace."""

    name: Any
    purpose: Any
    signed_off_at: Any


class _SignedRepo(Protocol):
    """What the rules of sign-off look at of a repository."""

    has_github_outputs: Any
    researcher_signed_off_at: Any
    internal_signed_off_at: Any


def why_not_sign_off_workspace(space: _Signed, *, is_member: bool, again: bool = False) -> str | None:
    """Why a workspace cannot be signed off. `again` leaves it to the database to say that it has been already."""
    if space.signed_off_at and not again:
        return "It has been signed off."
    if not is_member:
        return "Only members of its project can sign it off."
    if not space.purpose:
        return "It has no purpose yet. Write what its jobs were for, then sign it off."
    return None


def why_not_request_public(
    repo: _SignedRepo, spaces: Sequence[_Signed], *, is_member: bool, again: bool = False
) -> str | None:
    """Why nobody can yet ask that a repository be made public; `again` as above."""
    if repo.researcher_signed_off_at and not again:
        return "It has been asked for."
    if not is_member:
        return "Only members of a project that uses it can ask for this."
    left = [space.name for space in spaces if not space.signed_off_at]
    return f"First sign off {_listed(left)}." if left else None


def why_not_sign_off_internally(
    repo: _SignedRepo, permissions: Collection[str], *, again: bool = False
) -> str | None:
    """Why staff cannot sign off a repository; `again` as above."""
    if "staff_area_access" not in permissions:
        return "Only staff sign off internally."
    if repo.internal_signed_off_at and not again:
        return "It has been signed off internally."
    if repo.researcher_signed_off_at is None:
        return "The researchers have not signed it off yet."
    if repo.has_github_outputs:
        return why_not_permitted("repo_sign_off_with_outputs", permissions)
    return None


def _listed(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
    return joined(names)
