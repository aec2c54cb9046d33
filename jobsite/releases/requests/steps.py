"""The steps of a request from hand to hand, but for its release: T2 to T9 (specification 2.2).

Each is one transaction with a conditional write, and a second click by the same person changes nothing (OC8).
"""

from collections.abc import Collection
from typing import Any

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import refuse, require
from jobsite.releases.requests import missing
from jobsite.releases.requests.checking import found_in_request, judged_by, keep
from jobsite.releases.requests.decisions import status_after
from jobsite.releases.requests.findings import explain_exceptions
from jobsite.releases.requests.models import (
    Comment,
    CommentChange,
    Pin,
    ReleaseRequest,
    RequestGroup,
    Review,
    Vote,
    Waiver,
)
from jobsite.releases.requests.reopening import reopen
from jobsite.releases.requests.rules import (
    AUTHOR,
    CATEGORIES,
    CHANGES,
    COMPLETE,
    INDEPENDENT,
    PHASES,
    PRIVATE,
    PUBLIC,
    REQUEST,
    why_not_reason,
)
from jobsite.releases.requests.standing import (
    Acting,
    change,
    refuse_changed,
    standing,
    tell,
)
from jobsite.releases.requests.whole import Whole
from jobsite.store.journal import fail_point


def submit(*, by: User, request_id: str, checklist: Collection[int]) -> ReleaseRequest:
    """The author hands the request to the checkers (T2), or back to them (T3). `checklist` are the lines ticked, from 0.

    All checks run again first, and what they find is kept whatever comes of it. Raises `Denied` with what is missing,
    `Invalid` for the checklist, `NotFound`, `Conflict`.
    """
    seen = standing(by, request_id)
    if _is_submitted(seen):
        return seen.request
    seen.require("submit")
    refuse(checklist=missing.why_not_checklist(checklist))
    found = found_in_request(seen.whole(), seen.policy)
    with writing():
        if _is_submitted(now_seen := standing(by, request_id)):
            return now_seen.request
        now_seen.require("submit")
        request = now_seen.request
        refuse_changed(request, seen.request)
        state = now_seen.whole()
        keep(state, found)
        if explain_exceptions(now_seen, state, found.exceptions):
            state = now_seen.whole()
        change(request, **judged_by(found.policy))
        left = missing.before_submit(state)
        if not left:
            _submitted(by, request, state)
        fail_point("requests.before_submit_commits")
    require(missing.as_sentence(left))
    fail_point("requests.after_submit")
    return request


def _is_submitted(seen: Acting) -> bool:
    return seen.facts.is_author and seen.request.phase == INDEPENDENT


def _submitted(by: User, request: ReleaseRequest, state: Whole) -> None:
    again = request.status == "RETURNED"
    reopened = reopen(request, state.files, "returned", only=CHANGES)
    move(request, "SUBMITTED", by=by, turn=request.turn + 1, submitted_at=now(), returned_early=False)
    files = len(state.outputs)
    tell(request, "resubmitted" if again else "submitted", by=by, files=files, reopened=reopened)


def withdraw(*, by: User, request_id: str, reason: str = "") -> ReleaseRequest:
    """The author takes the request back for good (T4); its copies stay. `reason` may be left out. Raises `Denied`, `Invalid`."""
    with writing():
        seen = standing(by, request_id)
        if seen.facts.is_author and seen.request.status == "WITHDRAWN":
            return seen.request
        seen.require("withdraw")
        request = seen.request
        refuse(reason=why_not_reason(reason) if reason.strip() else None)
        if reason.strip():
            say(seen, reason, "withdraw")
        move(request, "WITHDRAWN", by=by)
        tell(request, "withdrawn", by=by)
    return request


def submit_review(*, by: User, request_id: str) -> ReleaseRequest:
    """This checker declares the whole request reviewed (T5, T6). Two at the same moment both count.

    Raises `Denied` with what is missing, `NotFound`.
    """
    with writing():
        seen = standing(by, request_id)
        if seen.facts.has_reviewed:
            return seen.request
        seen.require("submit_review")
        state = seen.whole()
        require(missing.as_sentence(missing.before_review(state, by.username)))
        request = seen.request
        Review.create(request=request, checker=by.username, turn=request.turn, at=now())
        reviews = len(state.reviewers) + 1
        if request.phase == INDEPENDENT:
            _reviewed(by, request, reviews, seen.needed)
        else:
            change(request)
            tell(request, "reviewed-again", by=by, audience=PRIVATE, reviews=reviews)
        fail_point("requests.before_review_commits")
    return request


def _reviewed(by: User, request: ReleaseRequest, reviews: int, needed: int) -> None:
    status = status_after(reviews, needed)
    if status == request.status:  # the second of three
        change(request)
    else:
        move(request, status, by=by)
    happened = "reviewed" if status == "REVIEWED" else "partially-reviewed"
    tell(request, happened, by=by, reviews=reviews, needed=needed)


def return_early(*, by: User, request_id: str, reason: str) -> ReleaseRequest:
    """A checker gives the request back before all reviews are in (T7). Works whatever roles the voters have (OC11).

    The turn's votes are superseded, its comments, waivers and remarks sealed; only the reason reaches the author (2.6).
    Raises `Denied`, `Invalid`.
    """
    with writing():
        seen = standing(by, request_id)
        if _was_returned_by(seen):
            return seen.request
        seen.require("return_early")
        refuse(reason=why_not_reason(reason))
        request = seen.request
        sealed = _close_turn(request)
        say(seen, reason, "return_early")
        stale = [*request.stale_turns, request.turn]
        move(request, "RETURNED", by=by, turn=request.turn + 1, returned_early=True, stale_turns=stale)
        tell(request, "returned", by=by, early=True, sealed=sealed)
        fail_point("requests.before_return_commits")
    return request


def return_request(*, by: User, request_id: str, reason: str) -> ReleaseRequest:
    """A checker gives a reviewed request back to its author with a reason (T8). Raises `Denied`, `Invalid`."""
    with writing():
        seen = standing(by, request_id)
        if _was_returned_by(seen):
            return seen.request
        seen.require("return_request")
        refuse(reason=why_not_reason(reason))
        state = seen.whole()
        require(missing.as_sentence(missing.before_return(state)))
        request = seen.request
        asked = [group.id for group in missing.groups_with_changes(state)]
        RequestGroup.update(changes_turn=request.turn).where(RequestGroup.id.in_(asked)).execute()
        say(seen, reason, "return_request")
        move(request, "RETURNED", by=by, turn=request.turn + 1, returned_early=False)
        tell(request, "returned", by=by, early=False, groups=len(asked))
        fail_point("requests.before_return_commits")
    return request


def reject(*, by: User, request_id: str, category: str, reason: str) -> ReleaseRequest:
    """A checker ends a reviewed request without a release (T9). `category` is one of `rules.CATEGORIES`. Raises `Denied`, `Invalid`."""
    refuse(
        category=None if category in CATEGORIES else "Choose a category from the list.",
        reason=why_not_reason(reason),
    )
    with writing():
        seen = standing(by, request_id)
        if seen.request.status == "REJECTED" and seen.request.moved_by == by.username:
            return seen.request
        seen.require("reject")
        say(seen, reason, "reject")
        move(seen.request, "REJECTED", by=by, category=category)
        tell(seen.request, "rejected", by=by, category=category)
    return seen.request


def move(request: ReleaseRequest, status: str, *, by: User | str, **changes: Any) -> None:
    """Take the request to another status of the table. Whoever had taken it has it no longer when it changes hands.

    Only inside a transaction. Raises `Conflict`, and `ImpossibleStep` for a step that is not in the table.
    """
    REQUEST.step(request.status, status)
    changes |= {"moved_at": now(), "moved_by": by if isinstance(by, str) else by.username}
    if PHASES[status] in (AUTHOR, COMPLETE):
        changes |= {"taken_by": "", "taken_until": None}
    change(request, status=status, **changes)


def say(seen: Acting, text: str, reason_for: str, *, audience: str = PUBLIC) -> Comment:
    """The reason of a step as a comment on the request. Only inside a transaction."""
    return Comment.create(
        request=seen.request,
        writer=seen.person.username,
        side=seen.side,
        audience=audience,
        turn=seen.request.turn,
        at=now(),
        text=text.strip(),
        reason_for=reason_for,
    )


def _was_returned_by(seen: Acting) -> bool:
    return seen.request.status == "RETURNED" and seen.request.moved_by == seen.person.username


def _close_turn(request: ReleaseRequest) -> int:
    """Supersede the votes and reviews of the turn, seal what was said in it; how much was sealed. Nothing is deleted."""
    moment, of_turn = now(), request.turn
    votes = (Vote.request == request) & (Vote.turn == of_turn) & Vote.superseded_at.is_null()
    Vote.update(superseded_at=moment).where(votes).execute()
    reviews = (Review.request == request) & (Review.turn == of_turn)
    Review.update(superseded_at=moment).where(reviews).execute()
    sealed = 0
    for model in (Comment, CommentChange, Waiver, Pin):
        of_this = (model.request == request) & (model.turn == of_turn) & model.sealed_at.is_null()
        sealed += model.update(sealed_at=moment).where(of_this).execute()
    return sealed
