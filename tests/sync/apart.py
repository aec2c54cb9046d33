"""What a public side says of people in these tests, and a secure side that knows one workspace of theirs."""

from datetime import datetime
from typing import Any

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.projects.mirror import WorkspaceThere, mirrored
from jobsite.projects.models import Workspace

from .peer import Peer

MADE = datetime(2026, 11, 1)


def seen(name: str = "Air", *, ongoing: bool = True, archived: bool = False) -> dict[str, Any]:
    """A workspace as a user object has it."""
    return {
        "project_details": {"name": name, "ongoing": ongoing, "orgs": ["University of Northfield"]},
        "archived": archived,
    }


def person(username: str, **changed: Any) -> dict[str, Any]:
    """A user object: of somebody who may do nothing, unless said otherwise."""
    facts = {"username": username, "fullname": f"{username.title()} There", "workspaces": {}}
    flags = {"copiloted_workspaces": {}, "output_checker": False, "readonly_access": False}
    return {**facts, **flags, **changed}


def knows(peer: Peer, who: dict[str, Any], *everywhere: str, **in_projects: list[str]) -> None:
    """From now on the public side lets this person in, and says which roles they have."""
    projects = [{"slug": slug, "roles": roles} for slug, roles in in_projects.items()]
    roles = {"global": list(everywhere), "projects": projects}
    peer.answers |= {
        "POST releases/authenticate": (200, who),
        "POST releases/authorise": (200, who),
        f"GET users/{who['username']}/": (200, {"roles": roles, "permissions": {}}),
    }


def make_workspace(name: str = "asthma", project: str = "air") -> Workspace:
    """A workspace as a job request brings it, at the backend `tpp`."""
    if not Backend.select().exists():
        add_backend(by="system", slug="tpp", name="TPP")
    there = WorkspaceThere(
        name,
        "https://github.com/northfield/study",
        "main",
        "ada",
        MADE,
        project,
        ("university-of-northfield",),
    )
    return mirrored(there)
