"""The content of a file of a request for its page: its copy in the viewer of Level 4, or what changed since another version.

Opening it is recorded before anything of it is shown, and for a checker it counts as having opened this content (OC14, OC16).
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import BinaryIO

from jobsite.accounts.models import User
from jobsite.core.errors import Conflict, NotFound
from jobsite.outputs.asked import Asked, Query
from jobsite.outputs.comparing import Comparison, Version, comparison
from jobsite.outputs.file_queries import FIGURES
from jobsite.outputs.policies import loaded
from jobsite.outputs.viewing import Viewed, viewed
from jobsite.releases.requests import copies
from jobsite.releases.requests.models import RequestFile
from jobsite.releases.requests.pages import FileLine, FilePage
from jobsite.releases.requests.queries import file_page, file_seen, open_copy, open_for, page_of_file
from jobsite.releases.requests.rules import REMOVED, why_not
from jobsite.releases.requests.standing import Acting
from jobsite.releases.requests.voting import mark_opened
from jobsite.settings import current
from jobsite.store.kinds import kind_of
from jobsite.store.reading import NotAtLevel4, open_level4
from jobsite.store.roots import Roots
from jobsite.store.windows import csv_window

WORKSPACE = "workspace"


@dataclass(frozen=True)
class Content:
    """What the middle of the desk shows: the file in the viewer, or a comparison; a sentence where neither can be.

    `against` are the versions that the file can be compared with: (value of `against` in the address, words). `data` is
    the table that a figure was drawn from, a file of the group `data_group`.
    """

    against: tuple[tuple[str, str], ...]
    viewed: Viewed | None = None
    compared: Comparison | None = None
    why_not: str = ""
    data: Viewed | None = None
    data_group: str = ""


def opened_page(
    request_id: str, slug: str, path: str, asked: Query, person: User
) -> tuple[FilePage, Content]:
    """The page of a file with its content. Where that is new to this checker in this turn it is noted that they open it.

    Raises `NotFound`.
    """
    sight, file = file_seen(request_id, slug, path, person)
    is_new = not sight.state.is_opened(file, person.username)
    if is_new and why_not("mark_opened", sight.acting.facts) is None:
        mark_opened(by=person, request_id=request_id, path=path)
        sight = replace(sight, state=sight.state.with_opening(file, person.username))
    shown = page_of_file(sight, file)
    seen = _content_of(shown, sight.acting, file, asked)
    data = _data_of(sight.state.files, file)
    if data is None or seen.viewed is None or seen.viewed.view == "source":
        return shown, seen
    table = _table_of(sight.acting, data)
    return shown, replace(seen, data=table, data_group=sight.state.slugs[data.group_id])


def _data_of(files: Sequence[RequestFile], figure: RequestFile) -> RequestFile | None:
    """The table of a request that has the name of a figure in it (rule G1 goes by the same)."""
    if kind_of(figure.path).name not in FIGURES:
        return None
    name = PurePosixPath(figure.path).with_suffix(".csv").name
    tables = (one for one in files if one.kind != REMOVED and PurePosixPath(one.path).name == name)
    return next(tables, None)


def _table_of(acting: Acting, row: RequestFile) -> Viewed | None:
    """The first page of a table of the request; that it is looked at is noted."""
    try:
        with open_for(acting, row) as file:
            return viewed(file, path=row.path, sha256=row.sha256, asked=Asked())
    except Conflict:
        return None


def _content_of(shown: FilePage, acting: Acting, row: RequestFile, asked: Query) -> Content:
    """The content as the address asks for it: compared with the version `against`, else in the viewer."""
    against, wanted = versions_of(shown), asked.get("against", "")
    try:
        file = open_for(acting, row)
    except Conflict as reason:
        return Content(against, why_not=str(reason))
    with file:
        if wanted in dict(against):
            return Content(against, compared=_compared(shown, file, wanted))
        how, by = Asked.of(asked), loaded(acting.policy)
        seen = viewed(file, path=row.path, sha256=row.sha256, asked=how, findings=shown.marked, policy=by)
        return Content(against, viewed=seen)


def opened(request_id: str, number: int, against: str, person: User) -> tuple[BinaryIO, RequestFile]:
    """The copy of a file of a request, or with `against` that of a version it is compared with. Raises `NotFound`, `Conflict`."""
    file, row = open_copy(request_id, number, person)
    if not against:
        return file, row
    file.close()
    shown = file_page(request_id, row.group.slug, row.path, person)
    if against == WORKSPACE or against not in dict(versions_of(shown)):
        raise NotFound("There is no such version of this file.")
    return copies.open_content(against), row


def header_of(file: FileLine) -> tuple[str, ...]:
    """The names of the columns of a table, empty for other files and for a copy that cannot be read."""
    if kind_of(file.path).name != "csv":
        return ()
    with suppress(Conflict), copies.open_content(file.sha256) as opened:
        return tuple(csv_window(opened, 1, 1).header)
    return ()


def versions_of(shown: FilePage) -> tuple[tuple[str, str], ...]:
    """What the file can be compared with, the nearest first; nothing that has the same bytes."""
    found = [(shown.last_reviewed, "last review"), (shown.last_released, "last release")]
    found += [(version.sha256, f"turn {version.turn}") for version in shown.versions]
    if shown.file.workspace_has == "updated" and shown.head.on_author_side:
        found.insert(0, (WORKSPACE, "workspace now"))
    known: dict[str, str] = {}
    for sha256, words in found:
        if sha256 and sha256 != shown.file.sha256:
            known.setdefault(sha256, words)
    return tuple(known.items())


def _compared(shown: FilePage, file: BinaryIO, against: str) -> Comparison:
    """This file beside another version of it, the older one first."""
    path, words = shown.file.path, dict(versions_of(shown))[against]
    here = Version("in this request", path, shown.file.sha256, file)
    with ExitStack() as stack:
        if against == WORKSPACE:
            sha256, newer = _in_workspace(shown)
            opened = stack.enter_context(newer) if newer else None
            return comparison(here, Version("in the workspace now", path, sha256, opened))
        try:
            older: BinaryIO | None = stack.enter_context(copies.open_content(against))
        except Conflict:
            older = None
        return comparison(Version(f"of the {words}", path, against, older), here)


def _in_workspace(shown: FilePage) -> tuple[str, BinaryIO | None]:
    try:
        entry, file = open_level4(Roots.of(current().instance), shown.head.workspace, shown.file.path)
    except NotAtLevel4:
        return "", None
    return entry.content_hash, file
