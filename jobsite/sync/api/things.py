"""What the addresses of the interface name: found before it is asked who calls, and 404 in the words that clients know."""

from collections.abc import Mapping
from typing import Any, TypeVar

from peewee import Model

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import user_named
from jobsite.core.errors import NotFound
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspaces
from jobsite.publishing.models import Snapshot
from jobsite.releases.models import Release, ReleaseFile

Row = TypeVar("Row", bound=Model)


def workspace_of(values: Mapping[str, str]) -> Workspace:
    """The workspace that an address names, with project and repository. Raises `NotFound`."""
    return there(workspaces().where(Workspace.name == values["name"]).first(), "Workspace")


def workspace_if_any(values: Mapping[str, str]) -> Workspace | None:
    """The same, None for a name that no workspace has."""
    return Workspace.get_or_none(Workspace.name == values["name"])


def user_of(values: Mapping[str, str]) -> User:
    """The person whose username stands in the address. Raises `NotFound`."""
    found = user_named(values["username"])
    if found is None:
        raise NotFound("Not found.")
    return found


def there(found: Row | None, kind: str) -> Row:
    """What was found. Raises `NotFound` with the sentence for this kind of thing when it was not."""
    if found is None:
        raise NotFound(f"No {kind} matches the given query.")
    return found


def release_of(values: Mapping[str, str]) -> Release:
    """The release that an address names, with workspace and backend. Raises `NotFound`."""
    rows = Release.select(Release, Workspace, Backend).join_from(Release, Workspace)
    rows = rows.join_from(Release, Backend)
    return there(rows.where(Release.id == values["release_id"]).first(), "Release")


def file_of(values: Mapping[str, str]) -> ReleaseFile:
    """The released file that an address names, with workspace and release; what is told of a release is none. Raises
    `NotFound`, also for one that has been deleted."""
    rows = ReleaseFile.select(ReleaseFile, Release, Workspace).join_from(ReleaseFile, Release)
    rows = rows.join_from(ReleaseFile, Workspace, on=(ReleaseFile.workspace == Workspace.id))
    its = (ReleaseFile.id == values["file_id"]) & ~ReleaseFile.is_record & ReleaseFile.deleted_at.is_null()
    found = rows.where(its).first()
    return there(found if found and found.id == values["file_id"] else None, "ReleaseFile")


def snapshot_of(values: Mapping[str, Any]) -> Snapshot:
    """The snapshot that an address names, of the workspace that it names. Raises `NotFound`."""
    rows = Snapshot.select(Snapshot, Workspace).join(Workspace)
    its = (Workspace.name == values["name"]) & (Snapshot.id == values["number"])
    return there(rows.where(its).first(), "Snapshot")
