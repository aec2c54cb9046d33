"""What the pages of Level 4 show: the list of outputs with states and findings, and one file with all that is known of it."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256 as digest
from itertools import chain
from typing import Any, NamedTuple

from flask_login import current_user

from jobsite.accounts.models import Backend
from jobsite.core.errors import NotFound
from jobsite.jobs.models import Job, JobRequest
from jobsite.outputs.access import entry_or_stop, log_or_stop, outputs_of, roots
from jobsite.outputs.asked import Asked
from jobsite.outputs.checking import Verdict, Wanted, counts_of, findings_for
from jobsite.outputs.comparing import Comparison, Version, comparison
from jobsite.outputs.listing import FileRow, Filters, Page, chosen, page_of
from jobsite.outputs.models import PolicyVersion
from jobsite.outputs.policies import loaded, policy_of
from jobsite.outputs.provenance import Provenance, provenance_of
from jobsite.outputs.states import FileState, state_of
from jobsite.outputs.tree import Folder, tree_of
from jobsite.outputs.viewing import Viewed, viewed
from jobsite.projects.models import Workspace
from jobsite.projects.parts import Part, parts
from jobsite.store.identities import remembered_hash
from jobsite.store.kinds import kind_of
from jobsite.store.reading import Entry, Listing, LogEntry, NotAtLevel4, open_level4, open_log
from jobsite.store.windows import csv_beginning


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


class Held(NamedTuple):
    """A request that holds a content or a path: in words what it is, and where it stands."""

    words: str
    address: str


class Known(NamedTuple):
    """What releases know of a path and its content: versions of it, other tables with its columns, requests that hold it."""

    versions: Sequence[Version]
    related: Sequence[Version]
    held: Sequence[Held]


@dataclass(frozen=True)
class FilePage:
    """One file: `viewed` is None where its content is not shown, and then `why_not` says why.

    `around` are the paths before and after it in the list. `versions` are those it can be compared with, `related` other
    released tables with the same columns; `held` are the requests that hold this content or path.
    """

    path: str
    entry: Entry | None
    log: LogEntry | None
    sha256: str
    verdict: Verdict | None
    viewed: Viewed | None
    why_not: str
    policy: PolicyVersion
    versions: Sequence[Version] = ()
    related: Sequence[Version] = ()
    held: Sequence[Held] = ()
    compared: Comparison | None = None
    state: FileState | None = None
    provenance: Provenance | None = None
    around: tuple[str | None, str | None] = (None, None)
    parts: Sequence[Part] = ()
    changed: bool = False

    @property
    def what(self) -> str:
        """What a look at it is called in the record of looks."""
        return "log" if self.log else "page"

    @property
    def size(self) -> int:
        """Bytes."""
        return self.entry.size if self.entry else self.log.size if self.log else 0


@dataclass(frozen=True)
class _Requested:
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
    policy, requested = policy_of(workspace.project), _requested(workspace, everything)
    found, left_out = chosen(listed.entries, filters)
    tree = None
    if filters.needs_findings or filters.view == "tree":
        rows = _rows(found, policy, requested)
        tree = tree_of(rows) if filters.view == "tree" else None
        page = page_of(rows, filters, left_out, everything.entries)
    else:
        bare = [FileRow(entry, requested.state(entry, None), None) for entry in found]
        page = page_of(bare, filters, left_out, everything.entries)
        page = page.with_rows(_rows([row.entry for row in page.rows], policy, requested))
    about = {"person": _person(), "workspace": workspace, "backend": backend}
    added = parts("level4-select", under_way=requested.under_way, **about)
    logs = [log for log in listed.logs if not filters.folder or log.path.startswith(filters.folder)]
    return FilesPage(filters, page, tree, logs, listed.problems, version_of(everything), policy, added)


def _rows(entries: Sequence[Entry], policy: PolicyVersion, requested: _Requested) -> list[FileRow]:
    counts = counts_of([Wanted(one.path, one.content_hash) for one in entries if not one.excluded], policy)
    rows = []
    for entry in entries:
        mine = counts.get((entry.content_hash, entry.path))
        rows.append(FileRow(entry, requested.state(entry, mine), mine))
    return rows


def _requested(workspace: Workspace, listed: Listing) -> _Requested:
    present = {entry.path: entry.content_hash for entry in listed.entries if not entry.excluded}
    by_path: dict[str, FileState] = {}
    by_content: dict[str, FileState] = {}
    under_way = None
    for part in parts("level4-states", person=_person(), workspace=workspace, present=present):
        by_path |= part.data.get("states", {})
        by_content |= part.data.get("released", {})
        under_way = under_way or part.data.get("under_way")
    return _Requested(by_path, by_content, under_way)


def contents_of(
    workspace: Workspace, path: str, asked: Asked, against: str, *, with_versions: bool = False
) -> FilePage:
    """One file with a window of its content, and nothing that is known around it. `against` is the SHA-256 of the
    version to compare it with, "" for none. Raises `NotFound`. One query, two with versions.
    """
    log = log_or_stop(workspace, path)
    entry = None if log else entry_or_stop(workspace, path)
    policy = policy_of(workspace.project)
    with ExitStack() as opened:
        file, why_not = _opened(workspace, entry, log, opened)
        content = entry.content_hash if entry else remembered_hash(file) if file else ""
        verdict = findings_for(Wanted(path, content), policy) if content else None
        if verdict and log:  # nobody asks for its release, so that its type and its figures do not matter
            verdict = verdict.of_rules("IE")
        is_compared = asked.view == "diff"
        known = Known((), (), ())
        if entry and (with_versions or is_compared):
            known = _known(workspace, path, content, file, opened)
        compared = _compared(known, against, path, content, file) if is_compared else None
        shown = None
        if file and not compared:
            findings, by = verdict.findings if verdict else (), loaded(policy)
            shown = viewed(file, path=path, sha256=content, asked=asked, findings=findings, policy=by)
        return FilePage(
            path=path,
            entry=entry,
            log=log,
            sha256=content,
            verdict=verdict,
            viewed=shown,
            why_not=why_not,
            policy=policy,
            versions=known.versions,
            related=known.related,
            held=known.held,
            compared=compared,
        )


def file_page(
    workspace: Workspace, backend: Backend, path: str, asked: Asked, against: str, of: str
) -> FilePage:
    """One file with a window of its content and all that is known of it. `of` is the version of the list that the link
    stood in. Raises `NotFound`. Five queries.
    """
    shown = contents_of(workspace, path, asked, against, with_versions=True)
    listed, entry = outputs_of(workspace), shown.entry
    around = replace(
        shown,
        provenance=provenance_of(workspace, entry, shown.log, job_of(entry)),
        around=_around(listed, path),
        changed=bool(of) and of != version_of(listed),
    )
    if entry is None:
        return around
    requested = _requested(workspace, listed)
    return replace(
        around,
        state=requested.state(entry, shown.verdict.counts if shown.verdict else None),
        parts=_file_parts(workspace, backend, shown, entry, requested.under_way),
    )


def _opened(
    workspace: Workspace, entry: Entry | None, log: LogEntry | None, opened: ExitStack
) -> tuple[Any, str]:
    """The open file, which the stack closes, or why there is none."""
    try:
        if log is not None:
            return opened.enter_context(open_log(roots(), workspace.name, log.action)), ""
        assert entry is not None  # noqa: S101  one of the two is there
        return opened.enter_context(open_level4(roots(), workspace.name, entry.path).file), ""
    except NotAtLevel4 as reason:
        return None, str(reason)


def _known(workspace: Workspace, path: str, sha256: str, file: Any, opened: ExitStack) -> Known:
    """What releases know of a path and its content; the stack closes the files."""
    is_table = file is not None and kind_of(path).name == "csv"
    read = csv_beginning(file, 0) if is_table else None
    about = {"person": _person(), "workspace": workspace, "path": path, "sha256": sha256}
    found = parts("level4-versions", header=tuple(read.header) if read else (), **about)
    for part in found:
        for version in (*part.data["versions"], *part.data.get("related", ())):
            if version.file is not None:
                opened.enter_context(version.file)
    lists = (chain.from_iterable(part.data.get(name, ()) for part in found) for name in Known._fields)
    return Known(*map(tuple, lists))


def _compared(known: Known, against: str, path: str, content: str, file: Any) -> Comparison | None:
    versions = (*known.versions, *known.related)
    older = next(
        (one for one in versions if one.sha256 == against), versions[0] if versions and not against else None
    )
    if older is None:
        raise NotFound("There is no such version of this file to compare it with.")
    return comparison(older, Version("this version", path, content, file))


def _file_parts(
    workspace: Workspace, backend: Backend, shown: FilePage, entry: Entry, under_way: Any
) -> Sequence[Part]:
    about = {"person": _person(), "workspace": workspace, "backend": backend}
    select = parts("level4-select", under_way=under_way, **about)
    return [*select, *parts("level4-file", entry=entry, verdict=shown.verdict, **about)]


def job_of(entry: Entry | None) -> Job | None:
    """The job that made an output, with its request; None when it is not known here."""
    if entry is None:
        return None
    found: Job | None = (
        Job.select(Job, JobRequest).join(JobRequest).where(Job.identifier == entry.job).first()
    )
    return found


def _around(listed: Listing, path: str) -> tuple[str | None, str | None]:
    paths = [*(entry.path for entry in listed.entries if entry.current), *(log.path for log in listed.logs)]
    at = paths.index(path) if path in paths else -1
    if at < 0:
        return None, None
    return (paths[at - 1] if at else None), (paths[at + 1] if at + 1 < len(paths) else None)


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


def _person() -> Any:
    return current_user._get_current_object()
