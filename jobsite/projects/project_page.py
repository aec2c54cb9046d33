"""What the page of a project shows, to the public, to members and to staff."""

from typing import Any

from jobsite import settings
from jobsite.accounts.models import AnonymousPerson, User
from jobsite.projects import data_permissions, lists
from jobsite.projects.models import Project, Repo, Workspace
from jobsite.projects.parts import parts
from jobsite.projects.prose import rendered
from jobsite.projects.queries import why_not_here
from jobsite.projects.rules import why_not_permitted

BUTTONS = {"edit": "project_manage", "create": "workspace_create", "members": "user_edit_project_roles"}


def facts(shown: Project, person: User | AnonymousPerson) -> dict[str, Any]:
    """The data of the page, for a project that was loaded for this person. Status, roles, descriptions and data
    permissions are in it only for members and staff. At most four queries, and those of the other rooms' parts.
    """
    members = lists.members_of(shown)
    spaces = lists.workspaces_of(shown)
    inside = shown.is_member or "staff_area_access" in shown.permissions
    return {
        "spaces": spaces,
        "repositories": _repositories(spaces),
        "members": members if inside else [],
        "names": [member.user for member in members],
        "orgs": shown.orgs,
        "inside": inside,
        "standing": shown.state if inside else None,
        "description": rendered(shown.status_description) if inside else "",
        "data_permissions": data_permissions.of(shown) if inside and settings.current().public else None,
        "copilot": shown.copilot if inside else None,
        "why_not": {
            name: why_not_here() or why_not_permitted(needed, shown.permissions)
            for name, needed in BUTTONS.items()
        },
        "purpose_page": _purpose_page(shown),
        "parts": parts("project", person=person, project=shown),
    }


def _repositories(spaces: list[Workspace]) -> list[Repo]:
    """The repositories of the workspaces, each once, public ones first, by name."""
    found = {space.repo_id: space.repo for space in spaces}.values()
    return sorted(found, key=lambda repo: (not repo.is_public, repo.name.lower()))


def _purpose_page(shown: Project) -> str | None:
    """Where the public reads what the project is for, where the settings say so and it has a number."""
    template = settings.current().project_page_url
    return template.replace("{number}", shown.number) if template and shown.number else None
