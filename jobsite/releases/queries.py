"""What pages read of releases: those of a workspace or project, one with its files, the latest version of each file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.core.errors import NotFound
from jobsite.core.files import UnsafePath
from jobsite.projects.models import Project, Workspace
from jobsite.releases.models import Release, ReleaseFile
from jobsite.releases.rules import RECORD
from jobsite.releases.storage import open_released

ROWS = 20
"""Releases of a page."""
NONE_YET = "Nothing has been released from this workspace yet."
NOT_HERE = "The bytes of this file are not here."


@dataclass(frozen=True)
class ReleaseRow:
    """A release in a list, `by` whom in words, and its outputs by name where the reader may know of them."""

    release: Release
    by: str
    files: tuple[ReleaseFile, ...] = ()

    @property
    def here(self) -> int:
        """How many of its files can be read."""
        return sum(file.is_here for file in self.files)

    @property
    def is_recalled(self) -> bool:
        """Whether all of it was recalled."""
        return self.release.recalled_at is not None

    @property
    def is_arriving(self) -> bool:
        """Whether files of it are still to come."""
        return any(file.uploaded_at is None and file.deleted_at is None for file in self.files)


@dataclass(frozen=True)
class LatestFile:
    """The newest version of a file: `name` begins with the slug of its backend."""

    name: str
    file: ReleaseFile


def releases_of(workspace: Workspace, number: int, *, with_files: bool) -> tuple[list[ReleaseRow], int]:
    """A page of the releases of a workspace, the newest first, and how many there are. At most four queries."""
    rows = _releases().where(Release.workspace == workspace)
    return _rows(rows.paginate(number, ROWS), with_files=with_files), rows.count()


def releases_of_project(project: Project, number: int) -> tuple[list[ReleaseRow], int]:
    """The same for all workspaces of a project, with files."""
    rows = _releases().where(Workspace.project == project)
    return _rows(rows.paginate(number, ROWS), with_files=True), rows.count()


def release_of(workspace: Workspace, release_id: str) -> ReleaseRow:
    """One release with its outputs. Raises `NotFound`. Three queries."""
    rows = _rows(_releases().where(Release.workspace == workspace, Release.id == release_id), with_files=True)
    if not rows:
        raise NotFound("There is no release of this number in this workspace.")
    return rows[0]


def latest_files(workspace: Workspace) -> list[LatestFile]:
    """The newest version of each file of each backend, by name; one that was deleted stands for its name still.

    Files that have not arrived count from their arrival. One query.
    """
    newest = fn.ROW_NUMBER().over(
        partition_by=[Release.backend, ReleaseFile.name],
        order_by=[Release.created_at.desc(), Release.id.desc()],
    )
    ranked = ReleaseFile.select(ReleaseFile.id, newest.alias("age")).join(Release)
    ranked = ranked.where(
        ReleaseFile.workspace == workspace,
        ~ReleaseFile.is_record,
        ReleaseFile.uploaded_at.is_null(False),
    )
    first = ReleaseFile.select(ranked.c.id).from_(ranked).where(ranked.c.age == 1)
    rows = ReleaseFile.select(ReleaseFile, Release, Backend).join(Release).join(Backend)
    found = [
        LatestFile(f"{row.release.backend.slug}/{row.name}", row)
        for row in rows.where(ReleaseFile.id.in_(first))
    ]
    return sorted(found, key=lambda latest: latest.name)


def latest_file(workspace: Workspace, name: str) -> LatestFile:
    """The newest version of one file. Raises `NotFound`."""
    found = next((one for one in latest_files(workspace) if one.name == name), None)
    if found is None:
        raise NotFound("There is no released file of this name.")
    return found


def file_named(row: ReleaseRow, name: str) -> ReleaseFile:
    """The output of that name in a release. Raises `NotFound`."""
    found = next((file for file in row.files if file.name == name), None)
    if found is None:
        raise NotFound("There is no file of this name in this release.")
    return found


def file_numbered(row: ReleaseRow, file_id: str) -> ReleaseFile:
    """The output of that id in a release. Raises `NotFound`."""
    found = next((file for file in row.files if file.id == file_id), None)
    if found is None:
        raise NotFound("There is no such file in this release.")
    return found


def open_file(workspace: Workspace, file: ReleaseFile) -> BinaryIO:
    """The bytes of a released file, open at their start. Raises `NotFound` with a sentence where they are gone."""
    if not file.is_here:
        raise NotFound(NOT_HERE)
    try:
        return open_released(workspace.name, file.release_id, file.sha256)
    except (OSError, UnsafePath):
        raise NotFound(NOT_HERE) from None


def record_of(workspace: Workspace, release_id: str) -> dict[str, Any] | None:
    """The release record that came with a release; None where there is none."""
    row = ReleaseFile.get_or_none(release=release_id, name=RECORD)
    if row is None or not row.is_here:
        return None
    with open_file(workspace, row) as file:
        found: dict[str, Any] = json.loads(file.read())
    return found


def has_releases(workspace: Workspace) -> bool:
    """Whether anything was ever released from it."""
    return Release.select().where(Release.workspace == workspace).exists()


def _releases() -> Any:
    rows = Release.select(Release, Backend, Workspace)
    rows = rows.join_from(Release, Backend).join_from(Release, Workspace)
    return rows.order_by(Release.created_at.desc(), Release.id.desc())


def _rows(releases: Iterable[Release], *, with_files: bool) -> list[ReleaseRow]:
    found = list(releases)
    names = _fullnames({release.created_by for release in found})
    files: dict[str, list[ReleaseFile]] = {}
    if with_files:
        wanted = ReleaseFile.release.in_([release.id for release in found])
        outputs = ReleaseFile.select().where(wanted, ~ReleaseFile.is_record)
        for file in outputs.order_by(ReleaseFile.name):
            files.setdefault(file.release_id, []).append(file)
    return [
        ReleaseRow(one, names.get(one.created_by, one.created_by), tuple(files.get(one.id, ())))
        for one in found
    ]


def _fullnames(usernames: set[str]) -> dict[str, str]:
    rows = User.select(User.username, User.fullname).where(User.username.in_(sorted(usernames)))
    return {username: fullname for username, fullname in rows.tuples()}
