"""What the pages of Level 4 show: the list of outputs with states and findings, and one file with all that is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256 as digest
from typing import Any

from flask_login import current_user

from jobsite.accounts.models import Backend
from jobsite.outputs.access import outputs_of
from jobsite.outputs.checking import Wanted, counts_of
from jobsite.outputs.listing import FileRow, Filters, Page, chosen, page_of
from jobsite.outputs.models import PolicyVersion
from jobsite.outputs.policies import policy_of
from jobsite.outputs.states import FileState, state_of
from jobsite.outputs.tree import MOST_OPEN, Folder, tree_of
from jobsite.projects.models import Workspace
from jobsite.projects.parts import Part, parts
from jobsite.store.reading import Entry, Listing, LogEntry


@dataclass(frozen=True)
class FilesPage:
    """The list: a page of outputs or all of them as a tree, the logs, and what other rooms add."""

    filters: Filters
    page: Page
    tree: Folder | None
    logs: Sequence[LogEntry]
    problems: Sequence[str]
    version: str
    policy: PolicyVersion
    parts: Sequence[Part]

    @property
    def picked_elsewhere(self) -> Sequence[str]:
        """The picked paths that this page has no box for."""
        here = {row.entry.path for row in self.page.rows}
        return [path for path in self.filters.picked if path not in here]


@dataclass(frozen=True)
class Requested:
    """What releases say of paths (in the person's own request) and of contents (released from here).

    `under_way` is the person's own request as that room knows it, for its other parts.
    """

    by_path: Mapping[str, FileState]
    by_content: Mapping[str, FileState]
    under_way: Any

    def state(self, entry: Entry, counts: Mapping[str, int] | None) -> FileState:
        """The state of an output."""
        return state_of(entry, counts, self.by_path.get(entry.path), self.by_content.get(entry.content_hash))


def version_of(listed: Listing) -> str:
    """A short name of the list of outputs as it is now, for links."""
    return digest(listed.version.encode()).hexdigest()[:8]


def files_page(workspace: Workspace, backend: Backend, filters: Filters) -> FilesPage:
    """The list of the outputs of a workspace. Findings are asked for in one query, states by the rooms that know them."""
    everything, listed = outputs_of(workspace), outputs_of(workspace, filters.q)
    policy, requested = policy_of(workspace.project), requested_of(workspace, everything)
    found, left_out = chosen(listed.entries, filters)
    tree = None
    if filters.needs_findings:
        rows = _rows(found, policy, requested)
        tree = tree_of(rows) if filters.view == "tree" else None
        page = page_of(rows, filters, left_out, everything.entries)
    else:
        bare = [FileRow(entry, requested.state(entry, None), None) for entry in found]
        page = page_of(bare, filters, left_out, everything.entries)
        if filters.view == "tree":
            tree = tree_of(bare)
            _with_findings(list(tree.opened(filters.folder)), policy, requested)
        else:
            page = page.with_rows(_rows([row.entry for row in page.rows], policy, requested))
    about = {"person": person(), "workspace": workspace, "backend": backend}
    added = parts("level4-select", under_way=requested.under_way, **about)
    logs = [log for log in listed.logs if not filters.folder or log.path.startswith(filters.folder)]
    return FilesPage(filters, page, tree, logs, listed.problems, version_of(everything), policy, added)


def _with_findings(folders: Sequence[Folder], policy: PolicyVersion, requested: Requested) -> None:
    """Give the files that these folders show their findings. One query."""
    rows = iter(_rows([row.entry for folder in folders for row in folder.shown], policy, requested))
    for folder in folders:
        folder.files[:MOST_OPEN] = [next(rows) for _ in folder.shown]


def _rows(entries: Sequence[Entry], policy: PolicyVersion, requested: Requested) -> list[FileRow]:
    counts = counts_of([Wanted(one.path, one.content_hash) for one in entries if not one.excluded], policy)
    rows = []
    for entry in entries:
        mine = counts.get((entry.content_hash, entry.path))
        rows.append(FileRow(entry, requested.state(entry, mine), mine))
    return rows


def requested_of(workspace: Workspace, listed: Listing) -> Requested:
    """What releases say of the outputs that are listed."""
    present = {entry.path: entry.content_hash for entry in listed.entries if not entry.excluded}
    by_path: dict[str, FileState] = {}
    by_content: dict[str, FileState] = {}
    under_way = None
    for part in parts("level4-states", person=person(), workspace=workspace, present=present):
        by_path |= part.data.get("states", {})
        by_content |= part.data.get("released", {})
        under_way = under_way or part.data.get("under_way")
    return Requested(by_path, by_content, under_way)


def nearest_folder(workspace: Workspace, path: str) -> str:
    """The deepest folder above a path in which there are outputs now; "" for the workspace itself."""
    paths = [entry.path for entry in outputs_of(workspace).entries]
    folder = path
    while folder := folder.rpartition("/")[0]:
        if any(one.startswith(f"{folder}/") for one in paths):
            return f"{folder}/"
    return ""


def moment(timestamp: float) -> datetime:
    """Naive UTC from seconds since 1970."""
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)


def person() -> Any:
    """Who is asking."""
    return current_user._get_current_object()
