"""What pages read of publications: lists for workspaces, projects, home and publishers, and one with all its files."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from peewee import JOIN, Expression, fn

from jobsite.accounts.models import Backend, User
from jobsite.core.db import MOST_WORDS
from jobsite.core.errors import NotFound
from jobsite.projects.models import Project, Repo, Workspace
from jobsite.publishing.models import PublishRequest, Snapshot, SnapshotFile
from jobsite.publishing.rules import APPROVED, PENDING, STANDINGS, may_see
from jobsite.releases.models import Release, ReleaseFile


@dataclass(frozen=True)
class Row:
    """One publication in a list: the snapshot (with workspace and project), its newest request, how many files it has."""

    snapshot: Snapshot
    request: PublishRequest
    files: int

    @property
    def title(self) -> str:
        """What it is called."""
        return title_of(self.snapshot)

    @property
    def address(self) -> str:
        """Its page."""
        return f"/{self.snapshot.workspace.name}/outputs/{self.snapshot.id}/"

    @property
    def standing(self) -> tuple[str, str]:
        """The state for a pill, and its words."""
        return STANDINGS[self.request.decision]

    @property
    def at(self) -> datetime:
        """When it came to stand as it does."""
        return self.request.decision_at or self.request.created_at


@dataclass(frozen=True)
class Publication:
    """One snapshot for its page: its newest request, its files by name, the decisions before, and by their requests all
    that is published of its workspace, oldest first: the first is version 1.
    """

    snapshot: Snapshot
    request: PublishRequest
    files: tuple[ReleaseFile, ...]
    history: tuple[PublishRequest, ...]
    versions: tuple[PublishRequest, ...]

    @property
    def title(self) -> str:
        """What it is called."""
        return title_of(self.snapshot)

    @property
    def is_published(self) -> bool:
        """Whether everybody may see it."""
        return self.request.decision == APPROVED

    @property
    def standing(self) -> tuple[str, str]:
        """The state for a pill, and its words."""
        return STANDINGS[self.request.decision]

    @property
    def number(self) -> int:
        """Which version of the workspace's outputs this is; the next one as long as it is a draft."""
        ids = [request.id for request in self.versions]
        return ids.index(self.request.id) + 1 if self.request.id in ids else len(ids) + 1

    @property
    def here(self) -> tuple[ReleaseFile, ...]:
        """The files that have not been deleted."""
        return tuple(file for file in self.files if file.is_here)


def title_of(snapshot: Snapshot) -> str:
    """The title its author gave it, else one by its workspace."""
    return snapshot.title or f"Outputs of {snapshot.workspace.name}"


def of_workspace(workspace: Workspace, *, all_of_them: bool) -> list[Row]:
    """The publications of a workspace, newest first; the drafts too when asked for. One query."""
    its = Snapshot.workspace == workspace.id
    return _rows(its if all_of_them else its & _newest_is(APPROVED))


def of_project(project: Project, limit: int = 20) -> list[Row]:
    """What is published of a project, newest first. One query."""
    return _rows((Workspace.project == project.id) & _newest_is(APPROVED), limit)


def newest_published(limit: int = 5, q: str = "") -> list[Row]:
    """What was published last on the whole site, as far as its title, workspace or project has all words of `q`. One query."""
    condition = _newest_is(APPROVED)
    for word in q.split()[:MOST_WORDS]:
        condition &= (
            Snapshot.title.contains(word) | Workspace.name.contains(word) | Project.name.contains(word)
        )
    return _rows(condition, limit)


def waiting(limit: int = 200) -> list[Row]:
    """The drafts that wait for a publisher, oldest first. One query."""
    return sorted(_rows(_newest_is(PENDING), limit), key=lambda row: row.request.id)


def publication(workspace: Workspace, number: int, permissions: Collection[str]) -> Publication:
    """A publication of a workspace for a person with these permissions there. Two queries.

    Raises `NotFound` for an unknown one and for a draft that this person may not know of.
    """
    requests = _requests(workspace)
    its = [request for request in requests if request.snapshot.id == number]
    if not its or not may_see(permissions, its[-1].decision):
        raise NotFound("There is no such publication.")
    snapshot = its[-1].snapshot
    newest = {request.snapshot.id: request for request in requests}
    published = sorted((one for one in newest.values() if one.is_published), key=lambda one: one.id)
    return Publication(snapshot, its[-1], _files(snapshot), tuple(its[:-1]), tuple(published))


def published_file(workspace: Workspace, file_id: str) -> ReleaseFile:
    """A file that is in a published snapshot of this workspace and has not been deleted. One query. Raises `NotFound`."""
    rows = (
        ReleaseFile.select(ReleaseFile, Release)
        .join_from(ReleaseFile, Release)
        .join_from(ReleaseFile, SnapshotFile)
        .join(Snapshot)
        .join(PublishRequest)
        .where(ReleaseFile.id == file_id, Snapshot.workspace == workspace.id, _newest_is(APPROVED))
    )
    file = rows.first()
    if file is None or not file.is_here:
        raise NotFound("No file of this address has been published here.")
    return file


def name_in(shown: Publication, file: ReleaseFile) -> str:
    """What a file is called in a publication: its name, behind its backend's slug where two have the same."""
    same = [one for one in shown.files if one.name == file.name]
    return file.name if len(same) == 1 else f"{file.release.backend.slug}/{file.name}"


def names_of(usernames: Iterable[str]) -> dict[str, str]:
    """What these people are called. One query."""
    people = User.select(User.username, User.fullname).where(User.username.in_(sorted(set(usernames))))
    return {person.username: person.fullname or person.username for person in people}


def _rows(condition: Expression, limit: int = 1000) -> list[Row]:
    count = SnapshotFile.select(fn.COUNT(SnapshotFile.id)).where(SnapshotFile.snapshot == Snapshot.id)
    found = (
        PublishRequest.select(PublishRequest, Snapshot, Workspace, Project, Repo, count.alias("files"))
        .join_from(PublishRequest, Snapshot)
        .join_from(Snapshot, Workspace)
        .join_from(Workspace, Project)
        .join_from(Workspace, Repo)
        .where(condition, _is_newest())
        .order_by(PublishRequest.id.desc())
        .limit(limit)
    )
    return [Row(request.snapshot, request, request.files) for request in found]


def _is_newest() -> Expression:
    """That this request is the newest of its snapshot."""
    other = PublishRequest.alias()
    newest = other.select(fn.MAX(other.id)).where(other.snapshot == PublishRequest.snapshot)
    return PublishRequest.id == newest


def _newest_is(decision: str) -> Expression:
    """That this request is the newest of its snapshot and says so."""
    return (PublishRequest.decision == decision) & _is_newest()


def _requests(workspace: Workspace) -> list[PublishRequest]:
    """All publish requests of a workspace with their snapshots, oldest first."""
    rows = PublishRequest.select(PublishRequest, Snapshot).join(Snapshot)
    found = list(rows.where(Snapshot.workspace == workspace.id).order_by(PublishRequest.id))
    for request in found:
        request.snapshot.workspace = workspace
    return found


def _files(snapshot: Snapshot) -> tuple[ReleaseFile, ...]:
    rows = (
        ReleaseFile.select(ReleaseFile, Release, Backend)
        .join_from(ReleaseFile, SnapshotFile)
        .join_from(ReleaseFile, Release)
        .join_from(Release, Backend, JOIN.INNER)
        .where(SnapshotFile.snapshot == snapshot.id)
        .order_by(ReleaseFile.name, ReleaseFile.id)
    )
    return tuple(rows)
