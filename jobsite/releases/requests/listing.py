"""Lists of requests: mine, the checkers' queue, returned, uploading, done (specification 6, 10, 13)."""

from collections.abc import Mapping
from typing import Any

from peewee import JOIN, Case, Expression, ModelSelect, fn

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import backends_reached
from jobsite.accounts.rules import ROLES
from jobsite.core.clock import now
from jobsite.core.db import any_of, with_words
from jobsite.projects.models import Project, ProjectMembership, Workspace
from jobsite.releases.requests.heads import label_of
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, Review, Vote
from jobsite.releases.requests.pages import Person, Queue, QueueRow
from jobsite.releases.requests.rules import OUTPUT, PROMISED_WORKING_DAYS, REMOVED, STATUSES, UNDECIDED
from jobsite.releases.requests.standing import AUDIT, CHECK, DEVELOP, OBSERVE
from jobsite.releases.requests.taking import working_days_between

PER_PAGE = 50
VIEWS: Mapping[str, tuple[str, ...]] = {
    "queue": ("SUBMITTED", "PARTIALLY_REVIEWED", "REVIEWED"),
    "mine": tuple(STATUSES),
    "returned": ("RETURNED",),
    "uploading": ("APPROVED",),
    "done": ("RELEASED", "REJECTED", "WITHDRAWN", "REVOKED"),
}
"""The views of the list with the statuses each holds; "mine" holds the person's own requests only."""

FILTERS = ("workspace", "status", "q")
_SEVERITIES = ("stop", "fix", "look", "note")

_Taker = User.alias()
_Mine = Review.alias()


def queue(viewer: User, view: str = "", filters: Mapping[str, str] | None = None, page: int = 1) -> Queue:
    """A page of the requests that this person may open: `view` is one of `VIEWS`, "" the usual one for them.

    In the queue what this checker has not reviewed comes first, then who waits longest; elsewhere the newest. Filters that are
    not understood are ignored and named. Three queries.
    """
    known = {name: text for name, text in (filters or {}).items() if name in FILTERS and text}
    ignored = tuple(name for name in filters or {} if name not in FILTERS)
    if known.get("status", "PENDING") not in STATUSES:
        del known["status"]
        ignored += ("status",)
    view = view if view in VIEWS else _usual(viewer)
    openable = _openable(viewer)
    rows = _filtered(openable, known).where(_in_view(viewer, view))
    total = rows.count()
    pages = max(1, -(-total // PER_PAGE))
    page = min(max(page, 1), pages)
    shown = _with_facts(rows, viewer).order_by(*_order(view)).paginate(page, PER_PAGE)
    lines = tuple(_row(viewer, found) for found in shown)
    return Queue(view, lines, total, page, pages, _counts(openable, viewer), ignored, known)


def _usual(viewer: User) -> str:
    return "queue" if CHECK in viewer.permissions else "mine"


def _openable(viewer: User) -> ModelSelect:
    """The requests that this person may open (specification 3), with what is filtered by."""
    rows = ReleaseRequest.select(ReleaseRequest).join(Workspace).join(Project)
    rows = rows.switch(ReleaseRequest).join(User)
    rows = rows.where(ReleaseRequest.backend.in_(backends_reached(viewer).select(Backend.id)))
    if viewer.permissions & {CHECK, OBSERVE, AUDIT}:
        return rows
    return rows.where((Project.copilot == viewer) | Project.id.in_(projects_developed_by(viewer)))


def projects_developed_by(person: User) -> ModelSelect:
    """The ids of the projects in which a role lets this person look at Level 4 outputs."""
    developing = [f'"{role.name}"' for role in ROLES.values() if DEVELOP in role.permissions]
    return ProjectMembership.select(ProjectMembership.project).where(
        ProjectMembership.user == person,
        any_of(ProjectMembership.roles.cast("text").contains(name) for name in developing),
    )


def _filtered(rows: ModelSelect, known: Mapping[str, str]) -> ModelSelect:
    if "workspace" in known:
        rows = rows.where(Workspace.name == known["workspace"])
    if "status" in known:
        rows = rows.where(ReleaseRequest.status == known["status"])
    words = (ReleaseRequest.id, Workspace.name, User.username, User.fullname)
    return with_words(rows, known.get("q", ""), *words)


def _in_view(viewer: User, view: str) -> Expression:
    holds = ReleaseRequest.status.in_(VIEWS[view])
    if view == "mine":
        return holds & (ReleaseRequest.author == viewer)
    return holds & (ReleaseRequest.author != viewer) if view == "queue" else holds


def _order(view: str) -> tuple[Any, ...]:
    if view == "queue":
        return (_Mine.id.is_null(False), ReleaseRequest.moved_at)
    return (ReleaseRequest.moved_at.desc(),)


def _with_facts(rows: ModelSelect, viewer: User) -> ModelSelect:
    """The rows with workspace, author, taker, this person's review, and numbers counted by the database."""
    counted = (
        _count(RequestFile, RequestFile.kind != REMOVED).alias("files_asked_for"),
        _count(RequestFile, RequestFile.kind == OUTPUT).alias("outputs_asked_for"),
        _count(Review, (Review.turn == ReleaseRequest.turn) & Review.superseded_at.is_null()).alias(
            "reviews_in"
        ),
        _voted(viewer).alias("voted_by_viewer"),
        _worst().alias("worst_of_files"),
        (_Mine.id + 0).alias("own_review"),
    )
    mine = (_Mine.request == ReleaseRequest.id) & (_Mine.turn == ReleaseRequest.turn)
    mine &= (_Mine.checker == viewer.username) & _Mine.superseded_at.is_null()
    facts = rows.select(
        ReleaseRequest, Workspace, User, (_Taker.fullname.concat("")).alias("taker_name"), *counted
    )
    facts = facts.join_from(ReleaseRequest, _Mine, JOIN.LEFT_OUTER, on=mine)
    return facts.join_from(
        ReleaseRequest, _Taker, JOIN.LEFT_OUTER, on=(_Taker.username == ReleaseRequest.taken_by)
    )


def _count(model: Any, condition: Expression) -> Any:
    return model.select(fn.COUNT(model.id)).where(model.request == ReleaseRequest.id, condition)


def _voted(viewer: User) -> Any:
    """How many outputs this person has voted on with the content they have now."""
    votes = Vote.select(fn.COUNT(Vote.id)).join(RequestFile)
    current = Vote.superseded_at.is_null() & (Vote.value != UNDECIDED) & (Vote.sha256 == RequestFile.sha256)
    of_this = (Vote.request == ReleaseRequest.id) & (RequestFile.kind == OUTPUT)
    return votes.where(current & of_this, Vote.checker == viewer.username)


def _worst() -> Any:
    """The gravest severity of all files asked for, as its number in `_SEVERITIES`; NULL without findings."""
    numbers = [(severity, number) for number, severity in enumerate(_SEVERITIES)]
    gravest = fn.MIN(Case(RequestFile.worst, numbers))
    return RequestFile.select(gravest).where(
        RequestFile.request == ReleaseRequest.id, RequestFile.kind != REMOVED, RequestFile.worst != ""
    )


def _row(viewer: User, found: ReleaseRequest) -> QueueRow:
    held = found.taken_until is not None and found.taken_until > now()
    owner = STATUSES[found.status].owner
    waiting = working_days_between(found.moved_at, now()) if owner == "checkers" else None
    is_mine, has_reviewed = found.author == viewer, found.own_review is not None
    my_turn = is_mine if owner == "author" else owner == "checkers" and not is_mine and not has_reviewed
    return QueueRow(
        id=found.id,
        workspace=found.workspace.name,
        author=Person(found.author.username, found.author.fullname),
        status=found.status,
        label=label_of(found.status, found.reviews_in, found.needed),
        owner=owner,
        turn=found.turn,
        since=found.moved_at,
        days_left=None if waiting is None else PROMISED_WORKING_DAYS - waiting,
        files=found.files_asked_for,
        worst="" if found.worst_of_files is None else _SEVERITIES[found.worst_of_files],
        reviews_in=found.reviews_in,
        reviews_needed=found.needed,
        voted=found.voted_by_viewer,
        outputs=found.outputs_asked_for,
        has_reviewed=has_reviewed,
        taken_by=Person(found.taken_by, found.taker_name or found.taken_by) if held else None,
        is_my_turn=my_turn and (is_mine or CHECK in viewer.permissions),
        upload_state=found.upload_state,
    )


def _counts(openable: ModelSelect, viewer: User) -> dict[str, int]:
    """How many requests each view has for this person."""
    is_own = ReleaseRequest.author == viewer
    rows = openable.select(ReleaseRequest.status, is_own, fn.COUNT(ReleaseRequest.id))
    counts = dict.fromkeys(VIEWS, 0)
    for status, own, number in rows.group_by(ReleaseRequest.status, is_own).tuples():
        for view, statuses in VIEWS.items():
            fits = status in statuses and not (view == "mine" and not own) and not (view == "queue" and own)
            counts[view] += number * fits
    return counts
