"""What pages read of one request: already filtered by who may see what, with counted queries (specification 13)."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import BinaryIO

from peewee import JOIN

from jobsite.accounts.models import User
from jobsite.core.db import LARGEST_ID
from jobsite.core.errors import Conflict, NotFound
from jobsite.outputs.looks import CONTENT, PAGE, looked
from jobsite.projects.models import Workspace
from jobsite.releases.requests.activity import activity, events_of
from jobsite.releases.requests.answering import counted_by_severity, why_not_approve
from jobsite.releases.requests.copies import open_content
from jobsite.releases.requests.decisions import CONFLICTED
from jobsite.releases.requests.heads import head, in_the_way, next_step, progress
from jobsite.releases.requests.lines import Sight, as_finding
from jobsite.releases.requests.models import FileVersion, ReleaseRequest, RequestFile, RequestGroup, Vote
from jobsite.releases.requests.pages import (
    Activity,
    FileLine,
    FilePage,
    GroupLine,
    GroupPage,
    Overview,
    Provenance,
    VersionShown,
)
from jobsite.releases.requests.people import named
from jobsite.releases.requests.repeating import differences, present_in
from jobsite.releases.requests.rules import LABELS, OUTPUT, REMOVED, UNDECIDED, why_not
from jobsite.releases.requests.standing import Acting, standing
from jobsite.releases.requests.talk import comments_seen, declarations_seen
from jobsite.releases.requests.whole import changes_of

GONE = "The copies of this request were removed on {day}, some time after it had ended. What was said of them stays."

Neighbour = tuple[str, str] | None


def overview(request_id: str, viewer: User) -> Overview:
    """The page of a request. Raises `NotFound` for who may not know of it."""
    acting, events = standing(viewer, request_id), events_of(request_id)
    sight = _sight(acting, [event.by for event in events])
    groups = tuple(sight.group_line(group) for group in sight.state.groups)
    steps = in_the_way(sight)
    files = [file for group in groups for file in group.files]
    return Overview(
        head=head(sight),
        groups=groups,
        comments=comments_seen(sight),
        findings=_total(files, groups),
        progress=progress(sight),
        step=next_step(steps, acting.request),
        in_the_way=steps,
        activity=activity(sight, events),
        findings_at=_first_of_each(groups),
        declarations=declarations_seen(sight),
        changes=differences(acting.request.repeats, sight.state.files) if acting.request.repeats else (),
        disagreements=tuple(file for file in files if file.decision == CONFLICTED),
    )


def audit(request_id: str, viewer: User, page: int = 1) -> tuple[Overview, tuple[Activity, ...]]:
    """The overview with a page of everything that happened and this person may see, 50 rows a page from 1."""
    events = events_of(request_id, page)
    sight = _sight(standing(viewer, request_id), [event.by for event in events])
    return overview(request_id, viewer), activity(sight, events)


def group_page(request_id: str, slug: str, viewer: User) -> GroupPage:
    """The page of a group. Raises `NotFound`."""
    sight = _sight(standing(viewer, request_id))
    group = _group(sight, slug)
    return GroupPage(
        head=head(sight),
        group=sight.group_line(group),
        comments=comments_seen(sight, group.id),
        counts=sight.acting.policy.document["counts"],
    )


def file_page(request_id: str, slug: str, path: str, viewer: User) -> FilePage:
    """The page of a file, without its content. Raises `NotFound`, also where the file is in another group."""
    return page_of_file(*file_seen(request_id, slug, path, viewer))


def file_seen(request_id: str, slug: str, path: str, viewer: User) -> tuple[Sight, RequestFile]:
    """The request as this person sees it, and a file in it. Raises `NotFound`, also where the file is in another group."""
    sight = _sight(standing(viewer, request_id))
    files = sight.state.files_in(_group(sight, slug))
    file = next((one for one in files if one.path == path), None)
    if file is None:
        raise NotFound("There is no file of this name in this group.")
    return sight, file


def page_of_file(sight: Sight, file: RequestFile) -> FilePage:
    """The page of a file of a request that was loaded for a person. Two queries."""
    path, slug = file.path, file.group.slug
    groups = tuple(sight.group_line(one) for one in sight.state.groups)
    votes, versions, elsewhere = sight.votes(file), _versions(file), _elsewhere(sight, file)
    released = [one for one in elsewhere if one.path == path and _was_released(one)]
    return FilePage(
        head=head(sight),
        groups=groups,
        group=next(one for one in groups if one.slug == slug),
        file=next(one for of in groups for one in of.files if one.id == file.id),
        findings=sight.findings(file),
        votes=tuple(votes),
        my_vote=next((vote for vote in votes if vote.is_mine), None),
        comments=comments_seen(sight, file=file.id),
        versions=versions,
        provenance=_provenance(sight, file, elsewhere),
        progress=progress(sight),
        why_not_approve=_why_not_approve(sight, file),
        marked=tuple(as_finding(one, path) for one in sight.documents(file)),
        **_neighbours(sight, groups, file),
        last_reviewed=_last_reviewed(sight, versions),
        last_released=max(released, key=lambda one: one.released_at).sha256 if released else "",
    )


def open_copy(request_id: str, file_id: int, viewer: User) -> tuple[BinaryIO, RequestFile]:
    """The copy of a file, open for reading, for who may open the request; the look is recorded first (OC27).

    Raises `NotFound`, and `Conflict` where the copy is damaged.
    """
    acting = standing(viewer, request_id)
    file = RequestFile.get_or_none(id=min(file_id, LARGEST_ID), request=acting.request)
    if file is None:
        raise NotFound("There is no such file in this request.")
    return open_for(acting, file), file


def open_for(acting: Acting, file: RequestFile) -> BinaryIO:
    """The copy of a file of a request that was loaded for a person; the look is recorded first. Raises `Conflict`."""
    removed = acting.request.copies_removed_at
    if removed is not None:
        raise Conflict(GONE.format(day=f"{removed.day} {removed:%B %Y}"))
    opened, about = open_content(file.sha256), {"path": file.path, "sha256": file.sha256}
    workspace, number = acting.request.workspace, acting.request.id
    looked(by=acting.person, what=CONTENT, workspace=workspace, release_request=number, **about)
    return opened


def next_without_vote(request_id: str, path: str, checker: str) -> Neighbour:
    """The (group, path) of the next output behind this one, going round, that this checker has not voted on. One query."""
    mine = (Vote.file == RequestFile.id) & (Vote.checker == checker) & Vote.superseded_at.is_null()
    mine &= (Vote.sha256 == RequestFile.sha256) & (Vote.value != UNDECIDED)
    rows = RequestFile.select(RequestGroup.slug, RequestFile.path, Vote.id).join(RequestGroup)
    rows = rows.switch(RequestFile).join(Vote, JOIN.LEFT_OUTER, on=mine)
    rows = rows.where(RequestFile.request == request_id, RequestFile.kind == OUTPUT)
    files = list(rows.order_by(RequestGroup.position, RequestFile.path).tuples())
    here = next((number for number, file in enumerate(files) if file[1] == path), 0)
    round_ = (*files[here + 1 :], *files[:here])
    return next(((slug, other) for slug, other, voted in round_ if voted is None), None)


def earlier_texts(workspace: str, paths: Collection[str]) -> tuple[str, str, str] | None:
    """Context, controls and request id of the newest group in this workspace that held one of these paths and says something."""
    rows = RequestGroup.select().join(RequestFile).switch(RequestGroup).join(ReleaseRequest).join(Workspace)
    rows = rows.where(Workspace.name == workspace, RequestFile.path.in_(list(paths)))
    found = rows.where(RequestGroup.context != "").order_by(RequestGroup.id.desc()).first()
    return (found.context, found.controls, found.request_id) if found else None


def _sight(acting: Acting, others: Collection[str] = ()) -> Sight:
    """The request through this person's eyes. That an auditor looks is recorded: they may read what is sealed (3)."""
    if acting.facts.is_auditor:
        workspace, number = acting.request.workspace, acting.request.id
        looked(by=acting.person, what=PAGE, workspace=workspace, release_request=number)
    state = acting.whole()
    request = acting.request
    usernames = {request.author.username, request.approved_by, request.taken_by, *others}
    usernames |= {one.checker for one in acting.declared}
    usernames |= {comment.writer for comment in state.comments}
    usernames |= {one.writer for comment in state.comments for one in changes_of(comment)}
    usernames |= {vote.checker for vote in state.votes}
    usernames |= {mark.writer for mark in state.marks} | {one.checker for one in state.overrules.values()}
    return Sight(acting, state, named(usernames), present_in(request.workspace))


def _group(sight: Sight, slug: str) -> RequestGroup:
    found = next((group for group in sight.state.groups if group.slug == slug), None)
    if found is None:
        raise NotFound("There is no group of this name in this request.")
    return found


def _total(files: list[FileLine], groups: tuple[GroupLine, ...]) -> dict[str, int]:
    """The number of findings of each severity in the whole request."""
    counts = counted_by_severity([{"severity": one.severity} for group in groups for one in group.findings])
    for file in files:
        for severity, number in file.findings.items():
            counts[severity] = counts.get(severity, 0) + number
    return counts


def _first_of_each(groups: tuple[GroupLine, ...]) -> dict[str, tuple[str, str]]:
    """Where the first finding of each severity is: (group, path), on files before what is said of their group."""
    found: dict[str, tuple[str, str]] = {}
    for group in groups:
        places = [(file.path, severity) for file in group.files for severity in file.findings]
        for path, severity in (*places, *(("", one.severity) for one in group.findings)):
            found.setdefault(severity, (group.slug, path))
    return found


def _why_not_approve(sight: Sight, file: RequestFile) -> str | None:
    rule = why_not("vote", sight.acting.facts)
    opened = sight.state.is_opened(file, sight.me)
    waivers = sight.state.marks_on(file, "waiver")
    return rule or why_not_approve(file.kind, sight.documents(file), waivers, sight.me, is_opened=opened)


def _versions(file: RequestFile) -> tuple[VersionShown, ...]:
    rows = FileVersion.select().where(FileVersion.file == file).order_by(FileVersion.id.desc())
    return tuple(VersionShown(row.sha256, row.size, row.turn, row.replaced_at) for row in rows)


def _last_reviewed(sight: Sight, versions: tuple[VersionShown, ...]) -> str:
    """The content that checkers had in their last turn before this one, where it is another than now."""
    turn = sight.state.request.turn
    authors = turn - turn % 2
    replaced = [version for version in versions if version.turn == authors > 0]
    return replaced[-1].sha256 if replaced else ""


def _elsewhere(sight: Sight, file: RequestFile) -> list[RequestFile]:
    """The same path or the same content in other requests of this workspace, the newest first."""
    same = (RequestFile.path == file.path) | (RequestFile.sha256 == file.sha256)
    rows = RequestFile.select(RequestFile, ReleaseRequest).join(ReleaseRequest)
    rows = rows.where(same, ReleaseRequest.workspace == sight.acting.request.workspace)
    others = rows.where(RequestFile.request != file.request_id, RequestFile.kind != REMOVED)
    return list(others.order_by(RequestFile.id.desc()).limit(20))


def _was_released(file: RequestFile) -> bool:
    """Whether it was, and its copy is still there to be compared with."""
    return file.released_at is not None and file.request.copies_removed_at is None


def _provenance(sight: Sight, file: RequestFile, elsewhere: list[RequestFile]) -> Provenance:
    facts = {name: getattr(file, name) for name in ("job", "action", "commit", "repo", "user", "added_at")}
    modified = datetime.fromtimestamp(file.mtime, UTC).replace(tzinfo=None)
    others = tuple(
        (one.request_id, LABELS[one.request.status], one.sha256 == file.sha256) for one in elsewhere
    )
    return Provenance(**facts, modified_at=modified, elsewhere=others)


def _neighbours(sight: Sight, groups: tuple[GroupLine, ...], file: RequestFile) -> dict[str, Neighbour]:
    """The files before and after this one, and the next output without this checker's vote, going round."""
    files = [one for group in groups for one in group.files if not one.is_withdrawn or one.id == file.id]
    at = next(number for number, one in enumerate(files) if one.id == file.id)
    round_ = [*files[at + 1 :], *files[:at]]
    unvoted = next((one for one in round_ if one.kind == OUTPUT and not one.my_vote), None)
    return {
        "previous": _address(files[at - 1]) if at else None,
        "next": _address(files[at + 1]) if at + 1 < len(files) else None,
        "next_unvoted": _address(unvoted) if unvoted and sight.is_eligible else None,
    }


def _address(file: FileLine) -> tuple[str, str]:
    return file.group, file.path
