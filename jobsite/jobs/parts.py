"""What the room jobs adds to the pages of projects: the newest requests, at home and on a workspace."""

from typing import Any

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.jobs.listing import newest_requests
from jobsite.projects.models import Workspace
from jobsite.projects.parts import MAIN, Part

TEMPLATE = "jobs/_newest.html"
ALL_NEWEST = 10
OWN_NEWEST = 5


def home_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The newest requests of everybody, below those of the person who is logged in. At most two queries."""
    everybody = Part(TEMPLATE, MAIN, _data("Newest job requests", ALL_NEWEST, "/event-log/"))
    if not isinstance(person, User):
        return [everybody]
    address = f"/event-log/?username={person.username}"
    return [Part(TEMPLATE, MAIN, _data("Your job requests", OWN_NEWEST, address, by=person)), everybody]


def workspace_parts(*, person: User | AnonymousPerson, workspace: Workspace) -> list[Part]:
    """The newest requests of a workspace. One query."""
    address = f"/{workspace.name}/logs/"
    data = _data("Latest job requests", OWN_NEWEST, address, workspace=workspace)
    return [Part(TEMPLATE, MAIN, data)]


PARTS = {"home": (home_parts,), "workspace": (workspace_parts,)}


def _data(title: str, limit: int, address: str, **whose: Any) -> dict[str, Any]:
    rows = newest_requests(limit, **whose)
    return {"title": title, "rows": rows, "address": address, "wide": "workspace" not in whose}
