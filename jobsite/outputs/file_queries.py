"""One file of Level 4 with all that is known of it: its contents, where it comes from, what releases know."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

from jobsite.accounts.models import Backend
from jobsite.core.errors import NotFound
from jobsite.jobs.models import Job, JobRequest
from jobsite.outputs.access import entry_or_stop, log_or_stop, outputs_of, roots
from jobsite.outputs.asked import Asked
from jobsite.outputs.checking import Verdict, Wanted, findings_for
from jobsite.outputs.comparing import Comparison, Version, comparison
from jobsite.outputs.looks import LOG, PAGE
from jobsite.outputs.models import PolicyVersion
from jobsite.outputs.policies import loaded, policy_of
from jobsite.outputs.provenance import Provenance, provenance_of
from jobsite.outputs.queries import person, requested_of, version_of
from jobsite.outputs.states import FileState
from jobsite.outputs.viewing import Viewed, viewed
from jobsite.projects.models import Workspace
from jobsite.projects.parts import Part, parts
from jobsite.store.identities import remembered_hash
from jobsite.store.kinds import kind_of
from jobsite.store.reading import Entry, Listing, LogEntry, NotAtLevel4, open_level4, open_log
from jobsite.store.windows import csv_beginning

FIGURES = ("image", "svg", "svgz")
"""Kinds that are drawn from a table."""


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
    released tables with the same columns; `held` are the requests that hold this content or path. `data` is the first
    page of the table that a figure was drawn from.
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
    data: Viewed | None = None
    state: FileState | None = None
    provenance: Provenance | None = None
    around: tuple[str | None, str | None] = (None, None)
    parts: Sequence[Part] = ()
    changed: bool = False

    @property
    def looks(self) -> list[tuple[str, str, str]]:
        """What a look at it is called in the record of looks, the path and the SHA-256, for each content that it shows."""
        shown = self.viewed or self.compared
        own = [(LOG if self.log else PAGE, self.path, self.sha256)] if shown else []
        return [*own, (PAGE, self.data.path, self.data.sha256)] if self.data else own

    @property
    def size(self) -> int:
        """Bytes."""
        return self.entry.size if self.entry else self.log.size if self.log else 0


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
        verdict = _verdict(path, content, policy, is_log=log is not None)
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
            data=_data_of(workspace, entry, opened)
            if entry and shown and shown.template == "outputs/_image.html"
            else None,
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
    requested = requested_of(workspace, listed)
    return replace(
        around,
        state=requested.state(entry, shown.verdict.counts if shown.verdict else None),
        parts=_file_parts(workspace, backend, shown, entry, requested.under_way),
    )


def _verdict(path: str, content: str, policy: PolicyVersion, *, is_log: bool) -> Verdict | None:
    found = findings_for(Wanted(path, content), policy) if content else None
    # nobody asks for the release of a log, so that its type and its figures do not matter
    return found.of_rules("IE") if found and is_log else found


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


def _data_of(workspace: Workspace, entry: Entry, opened: ExitStack) -> Viewed | None:
    """The table beside a figure that has its name (rule G1 goes by the same), None where there is none to be shown."""
    if entry.kind.name not in FIGURES:
        return None
    path = f"{entry.path.rpartition('.')[0]}.csv"
    try:
        found = open_level4(roots(), workspace.name, path)
    except NotAtLevel4:
        return None
    file = opened.enter_context(found.file)
    return viewed(file, path=path, sha256=found.entry.content_hash, asked=Asked())


def _known(workspace: Workspace, path: str, sha256: str, file: Any, opened: ExitStack) -> Known:
    """What releases know of a path and its content; the stack closes the files."""
    is_table = file is not None and kind_of(path).name == "csv"
    read = csv_beginning(file, 0) if is_table else None
    about = {"person": person(), "workspace": workspace, "path": path, "sha256": sha256}
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
    about = {"person": person(), "workspace": workspace, "backend": backend}
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
