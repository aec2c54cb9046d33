"""What the room publishing adds to pages: what is published, and for publishers what waits for them."""

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.projects.models import Project, Workspace
from jobsite.projects.parts import MAIN, Part
from jobsite.publishing import queries, rules


def home_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The newest publications of everybody; for publishers the drafts that wait for them. At most two queries."""
    shown = [
        Part(
            "publishing/_newest.html", MAIN, {"rows": queries.newest_published(), "address": "/publications/"}
        )
    ]
    if isinstance(person, User) and rules.PUBLISH in person.permissions:
        shown.append(Part("publishing/_waiting.html", "waiting", {"rows": queries.waiting(10)}))
    return [part for part in shown if part.data["rows"]]


def workspace_parts(*, person: User | AnonymousPerson, workspace: Workspace) -> list[Part]:
    """The tile "Published Outputs" of a workspace. One query."""
    sees_all = rules.SEE in workspace.permissions
    rows = queries.of_workspace(workspace, all_of_them=sees_all)
    return [Part("publishing/_tile.html", "releases", {"rows": rows, "name": workspace.name})]


def project_parts(*, person: User | AnonymousPerson, project: Project) -> list[Part]:
    """What is published of a project. One query."""
    rows = queries.of_project(project)
    return [Part("publishing/_newest.html", MAIN, {"rows": rows, "address": ""})] if rows else []


def latest_parts(*, person: User | AnonymousPerson, workspace: Workspace) -> list[Part]:
    """The way from the latest released files to a draft publication."""
    why_not = rules.why_not_draft(workspace.permissions, is_archived=workspace.is_archived)
    return [Part("publishing/_draft.html", "buttons", {"workspace": workspace, "why_not": why_not})]


PARTS = {
    "home": (home_parts,),
    "workspace": (workspace_parts,),
    "project": (project_parts,),
    "latest-outputs": (latest_parts,),
}
