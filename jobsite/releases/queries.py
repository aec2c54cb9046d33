"""What pages read of releases: those of a workspace or project, one with its files, the latest version of each file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from peewee import SQL, fn

from jobsite.accounts.models import Backend, User
from jobsite.core.db import MOST_WORDS
from jobsite.core.errors import NotFound
from jobsite.core.files import UnsafePath
from jobsite.projects.models import Project, Workspace
from jobsite.releases.models import Release, ReleaseFile
from jobsite.releases.rules import RECORD
from jobsite.releases.storage import open_released
from jobsite.store.matching import fits

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
    """A page of the releases of a workspace, the newest first, and how many there are. At most three queries."""
    return _page(_releases().where(Release.workspace == workspace), number, with_files=with_files)


def releases_of_project(project: Project, number: int) -> tuple[list[ReleaseRow], int]:
    """The same for all workspaces of a project, with files."""
    return _page(_releases().where(Workspace.project == project), number, with_files=True)


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


def outputs_of(release: Release) -> list[ReleaseFile]:
    """The outputs of a release by name, each with release and backend. One query."""
    rows = ReleaseFile.select(ReleaseFile, Release, Backend).join(Release).join(Backend)
    its = (ReleaseFile.release == release.id) & ~ReleaseFile.is_record
    return list(rows.where(its).order_by(ReleaseFile.name))


def with_words(files: Iterable[LatestFile], text: str) -> list[LatestFile]:
    """The files in whose name or action each word of `text` stands, ignoring case; a word with `*` has to fit a name."""
    words = text.casefold().split()[:MOST_WORDS]
    return [one for one in files if all(_has(one, word) for word in words)]


def _has(one: LatestFile, word: str) -> bool:
    name = one.name.casefold()
    if "*" in word:
        return fits(word, name) or fits(word, name.rpartition("/")[2])
    return word in name or word in one.file.metadata.get("action", "").casefold()


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


def counted(workspace: Workspace) -> tuple[int, int]:
    """How many releases a workspace has, and how many files `latest_files` would give. One query."""
    there = (
        ReleaseFile.workspace == workspace,
        ~ReleaseFile.is_record,
        ReleaseFile.uploaded_at.is_null(False),
    )
    names = ReleaseFile.select(Release.backend, ReleaseFile.name).join(Release).where(*there).distinct()
    files = ReleaseFile.select(fn.COUNT(SQL("*"))).from_(names)
    return Release.select(fn.COUNT(Release.id), files).where(Release.workspace == workspace).tuples().get()


def _releases() -> Any:
    by = User.select(User.fullname).where(User.username == Release.created_by)
    rows = Release.select(Release, Backend, Workspace, by.alias("fullname"))
    rows = rows.join_from(Release, Backend).join_from(Release, Workspace)
    return rows.order_by(Release.created_at.desc(), Release.id.desc())


def _page(releases: Any, number: int, *, with_files: bool) -> tuple[list[ReleaseRow], int]:
    rows = _rows(releases.paginate(number, ROWS), with_files=with_files)
    is_last = len(rows) < ROWS and (rows or number == 1)
    return rows, (number - 1) * ROWS + len(rows) if is_last else releases.count()


def _rows(releases: Iterable[Release], *, with_files: bool) -> list[ReleaseRow]:
    found = list(releases)
    files: dict[str, list[ReleaseFile]] = {}
    if with_files and found:
        wanted = ReleaseFile.release.in_([release.id for release in found])
        outputs = ReleaseFile.select().where(wanted, ~ReleaseFile.is_record)
        for file in outputs.order_by(ReleaseFile.name):
            files.setdefault(file.release_id, []).append(file)
    return [ReleaseRow(one, one.fullname or one.created_by, tuple(files.get(one.id, ()))) for one in found]
