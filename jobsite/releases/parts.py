"""What the room releases adds to the pages of projects: the way to released outputs."""

from typing import Any

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.projects.models import Project, Workspace
from jobsite.projects.parts import MAIN, Part
from jobsite.releases.queries import counted, releases_of_project

VIEW = "release_file_view"
NEWEST = 5


def workspace_parts(*, person: User | AnonymousPerson, workspace: Workspace) -> list[Part]:
    """The tile "Released Outputs" of a workspace; how many files there are is for those who may see them. One query."""
    may_see = VIEW in workspace.permissions
    releases, files = counted(workspace)
    data = {"there": releases > 0, "may_see": may_see, "files": files if may_see else 0}
    return [Part("releases/_tile.html", "releases", {**data, "name": workspace.name})]


def project_parts(*, person: User | AnonymousPerson, project: Project) -> list[Part]:
    """The newest releases of a project, for those who may see their files. At most three queries."""
    if VIEW not in project.permissions:
        return []
    rows, total = releases_of_project(project, 1)
    if not rows:
        return []
    data = {"rows": rows[:NEWEST], "total": total, "project": project}
    return [Part("releases/_newest.html", MAIN, data)]


PARTS: dict[str, tuple[Any, ...]] = {"workspace": (workspace_parts,), "project": (project_parts,)}
