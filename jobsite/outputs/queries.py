"""What the Level 4 pages read: who may look, the list of files, and a window of one file."""

import gzip
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from flask_login import current_user

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import backends_of
from jobsite.core.errors import NotFound
from jobsite.core.files import UnsafePath
from jobsite.core.web import granted
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.models import Workspace
from jobsite.projects.queries import workspace_or_stop
from jobsite.settings import current
from jobsite.store.reading import (
    Entry,
    Listing,
    LogEntry,
    NotAtLevel4,
    entry_of,
    listing,
    open_level4,
    open_log,
)
from jobsite.store.roots import METADATA, Roots
from jobsite.store.windows import CsvWindow, TextWindow, csv_window, text_window

LOOK = "unreleased_outputs_view"
LOOK_ANYWHERE = "airlock_readonly_access"
FILES_PER_PAGE = 200
ROWS_PER_PAGE = 200
LINES_PER_PAGE = 500
MOST_UNPACKED = 16 * 2**20
TEXTS = ("text", "json", "log")


@dataclass(frozen=True)
class Seen:
    """One file as its page shows it: what is known of it, and a window of it where it has rows or lines."""

    path: str
    kind: str
    entry: Entry | None
    log: LogEntry | None
    rows: CsvWindow | None = None
    lines: TextWindow | None = None
    why_not: str = ""

    @property
    def action(self) -> str:
        """The action that made it."""
        return self.entry.action if self.entry else self.log.action if self.log else ""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.entry.size if self.entry else self.log.size if self.log else 0


def workspace_at_level4(name: str) -> Workspace:
    """The workspace for a person who may look at its Level 4 outputs. Raises `NotFound` for everybody else."""
    workspace = workspace_or_stop(name)
    if not {LOOK, LOOK_ANYWHERE} & set(workspace.permissions):
        raise NotFound
    granted(LOOK)
    return workspace


def backend_at_level4(slug: str) -> Backend:
    """The backend, for its members. Raises `NotFound` for everybody else."""
    found = next((backend for backend in backends_of(current_user) if backend.slug == slug), None)
    if found is None:
        raise NotFound
    return found


def files_of(workspace: Workspace, q: str) -> Listing:
    """The moderately sensitive outputs and logs of the workspace that match the words of `q`."""
    return listing(_roots(), workspace.name, q)


def seen(workspace: Workspace, path: str, *, first: int) -> Seen:
    """One file for its page, with the window that begins at row or line `first`. Raises `NotFound`."""
    log = _log(workspace, path)
    if log is not None:
        with open_log(_roots(), workspace.name, log.action) as file:
            return Seen(path, "log", None, log, lines=text_window(file, first, LINES_PER_PAGE))
    entry = _entry(workspace, path)
    try:
        opened = open_level4(_roots(), workspace.name, path)
    except NotAtLevel4 as reason:
        return Seen(path, entry.kind.name, entry, None, why_not=str(reason))
    with opened.file as file:
        return _window(path, opened.entry, file, first)


def content_of(workspace: Workspace, path: str) -> tuple[BinaryIO, str]:
    """An output open for sending, and its content type by our own table. Raises `NotFound`."""
    entry = _entry(workspace, path)
    if entry.kind.name not in ("image", "svg", "svgz", "html"):
        raise NotFound
    try:
        file = open_level4(_roots(), workspace.name, path).file
    except NotAtLevel4 as reason:
        raise NotFound(str(reason)) from None
    return (_unpacked(file) if entry.kind.name == "svgz" else file), entry.kind.content_type


def job_of(entry: Entry | None) -> Job | None:
    """The job that made an output, with its request; None when it is not known here."""
    if entry is None:
        return None
    return Job.select(Job, JobRequest).join(JobRequest).where(Job.identifier == entry.job).first()


def neighbours(workspace: Workspace, path: str) -> tuple[str | None, str | None]:
    """The paths before and after this one in the list."""
    found = files_of(workspace, "")
    paths = [*(entry.path for entry in found.entries), *(log.path for log in found.logs)]
    at = paths.index(path) if path in paths else -1
    if at < 0:
        return None, None
    return (paths[at - 1] if at else None), (paths[at + 1] if at + 1 < len(paths) else None)


def moment(timestamp: float) -> datetime:
    """Naive UTC from seconds since 1970."""
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)


def is_number(text: str) -> bool:
    """Whether a value of a table is shown as a number."""
    try:
        float(text.replace(",", "").replace("%", ""))
    except ValueError:
        return False
    return True


def _window(path: str, entry: Entry, file: BinaryIO, first: int) -> Seen:
    if entry.kind.name == "csv":
        return Seen(path, "csv", entry, None, rows=csv_window(file, first, ROWS_PER_PAGE))
    if entry.kind.name in TEXTS:
        return Seen(path, entry.kind.name, entry, None, lines=text_window(file, first, LINES_PER_PAGE))
    return Seen(path, entry.kind.name, entry, None)


def _entry(workspace: Workspace, path: str) -> Entry:
    try:
        return entry_of(_roots(), workspace.name, path)
    except (NotAtLevel4, UnsafePath):
        raise NotFound("There is no Level 4 output of this name in this workspace.") from None


def _log(workspace: Workspace, path: str) -> LogEntry | None:
    if not path.startswith(f"{METADATA}/"):
        return None
    found = next((log for log in files_of(workspace, "").logs if log.path == path), None)
    if found is None:
        raise NotFound("There is no log of this name in this workspace.")
    return found


def _unpacked(file: BinaryIO) -> BinaryIO:
    """The content of a compressed drawing, at most 16 MiB of it. Raises `NotFound` for what is damaged."""
    try:
        with file, gzip.open(file) as packed:
            data = packed.read(MOST_UNPACKED + 1)
    except (OSError, EOFError, ValueError):
        raise NotFound("This drawing is damaged and cannot be unpacked.") from None
    if len(data) > MOST_UNPACKED:
        raise NotFound("This drawing is larger than 16 MiB when unpacked, and is not shown.")
    return io.BytesIO(data)


def _roots() -> Roots:
    return Roots.of(current().instance)
