"""What the staff area adds elsewhere: the way in, and a button on the pages of what staff look after."""

from typing import Any

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.projects.parts import MENU, Part
from jobsite.staff.rules import STAFF

Person = User | AnonymousPerson
BUTTONS = "buttons"


def frame_parts(*, person: Person) -> list[Part]:
    """The link to the staff area in the account menu of those who may use it. No query."""
    return [Part("staff/_menu.html", MENU, {})] if STAFF in person.permissions else []


def project_parts(*, person: Person, project: Project) -> list[Part]:
    """The way from a project to its staff page."""
    return _button(person, f"/staff/projects/{project.slug}/")


def workspace_parts(*, person: Person, workspace: Workspace) -> list[Part]:
    """The way from a workspace to its staff page."""
    return _button(person, f"/staff/workspaces/{workspace.name}/")


def org_parts(*, person: Person, org: Organisation) -> list[Part]:
    """The way from an organisation to its staff page."""
    return _button(person, f"/staff/organisations/{org.slug}/")


def person_parts(*, person: Person, shown: User) -> list[Part]:
    """The way from the page of a person (`shown`) to their staff page, for those who manage people."""
    allowed = "user_manage" in person.permissions
    return _button(person, f"/staff/users/{shown.username}/") if allowed else []


PARTS = {"frame": (frame_parts,)}
OF_PLACES: dict[str, tuple[Any, ...]] = {
    "project": (project_parts,),
    "workspace": (workspace_parts,),
    "org": (org_parts,),
    "person": (person_parts,),
}
"""Where staff look after all of this: the public side."""


def _button(person: Person, address: str) -> list[Part]:
    return [Part("staff/_link.html", BUTTONS, {"address": address})] if STAFF in person.permissions else []
