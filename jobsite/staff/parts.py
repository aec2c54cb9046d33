"""What the staff area adds elsewhere: the way in, and a button on the pages of what staff look after."""

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.projects.parts import ASIDE, MENU, Part
from jobsite.staff.rules import STAFF

Person = User | AnonymousPerson


def frame_parts(*, person: Person) -> list[Part]:
    """The link to the staff area in the account menu of those who may use it. No query."""
    return [Part("staff/_menu.html", MENU, {})] if STAFF in person.permissions else []


def project_parts(*, person: Person, project: Project) -> list[Part]:
    """The way from a project to its staff page."""
    return _button(person, f"/staff/projects/{project.slug}/", "project", project.slug)


def workspace_parts(*, person: Person, workspace: Workspace) -> list[Part]:
    """The way from a workspace to its staff page."""
    return _button(person, f"/staff/workspaces/{workspace.name}/", "workspace", workspace.name)


def org_parts(*, person: Person, org: Organisation) -> list[Part]:
    """The way from an organisation to its staff page."""
    return _button(person, f"/staff/organisations/{org.slug}/", "organisation", org.slug)


def user_parts(*, person: Person, user: User) -> list[Part]:
    """The way from a person's page to their staff page, for those who manage people."""
    allowed = "user_manage" in person.permissions
    return _button(person, f"/staff/users/{user.username}/", "user", user.username) if allowed else []


PARTS = {
    "frame": (frame_parts,),
    "project": (project_parts,),
    "workspace": (workspace_parts,),
    "org": (org_parts,),
    "user": (user_parts,),
}


def _button(person: Person, address: str, kind: str, name: str) -> list[Part]:
    if STAFF not in person.permissions:
        return []
    data = {"address": address, "kind": kind, "audit": f"/staff/audit/?subject={kind_of(kind)}:{name}"}
    return [Part("staff/_button.html", ASIDE, data)]


def kind_of(kind: str) -> str:
    """How the event log calls a kind of thing."""
    return {"organisation": "org"}.get(kind, kind)
