"""The top of every page of a request: where it stands, whose turn it is, what comes next, what this person may do."""

from collections.abc import Mapping

from jobsite.core.clock import now
from jobsite.releases.requests.lines import Sight
from jobsite.releases.requests.missing import (
    before_approve,
    before_return,
    before_review,
    before_submit,
    groups_to_comment,
)
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.pages import Head, Missing, Progress
from jobsite.releases.requests.retention import kept_until
from jobsite.releases.requests.rules import ACTIONS, CONSOLIDATING, INDEPENDENT, STATUSES, why_not
from jobsite.releases.requests.standing import undo_open

_NEXT: Mapping[str, str] = {
    "PENDING": "The author adds files, says what they show, and submits the request.",
    "SUBMITTED": "{left} checkers review every output on their own.",
    "PARTIALLY_REVIEWED": "{left} more review is needed.",
    "REVIEWED": "A checker releases the files, returns the request or rejects it.",
    "RETURNED": "The author answers what was asked, and submits the request again or withdraws it.",
    "APPROVED": "The files are uploaded once the undo window has ended.",
    "RELEASED": "Nothing more is to be done: the files are released.",
    "REJECTED": "Nothing more is to be done: nothing was released.",
    "WITHDRAWN": "Nothing more is to be done: nothing was released.",
    "REVOKED": "Nothing more is to be done: the files were recalled.",
}


def label_of(status: str, reviews: int, needed: int) -> str:
    """A status as pages call it, with the number of reviews where some are in (2.1)."""
    return f"{reviews} of {needed} reviews in" if status == "PARTIALLY_REVIEWED" else STATUSES[status].label


def head(sight: Sight) -> Head:
    """What every page of the request shows on top."""
    request, facts, named = sight.acting.request, sight.acting.facts, sight.named
    reviews, needed = len(sight.state.reviewers), sight.state.needed
    held = request.taken_until is not None and request.taken_until > now()
    return Head(
        id=request.id,
        workspace=request.workspace.name,
        project=request.workspace.project.title,
        project_slug=request.workspace.project.slug,
        backend=request.backend.slug,
        author=named(request.author.username),
        label=label_of(request.status, reviews, needed),
        owner=STATUSES[request.status].owner,
        phase=request.phase,
        since=request.moved_at,
        approved_by=named(request.approved_by) if request.approved_by else None,
        undo_open=undo_open(request),
        newest_policy_version=sight.acting.policy.version,
        reviews_in=reviews,
        reviews_needed=needed,
        reviews_lapsed=len(sight.state.lapsed) if sight.is_eligible or facts.is_auditor else 0,
        taken_by=named(request.taken_by) if held else None,
        copies_until=kept_until(request),
        next=_NEXT[request.status].format(left=max(needed - reviews, 1)),
        is_author=facts.is_author,
        on_author_side=facts.on_author_side,
        is_eligible=facts.is_eligible,
        is_auditor=facts.is_auditor,
        why={name: why_not(name, facts) for name in ACTIONS},
        **{name: getattr(request, name) for name in _AS_STORED},
    )


_AS_STORED = ("status", "turn", "submitted_at", "approved_at", "released_at", "undo_until", "upload_state", "is_forced",
              "category", "policy", "policy_version", "repeats", "copies_removed_at")  # fmt: skip


def progress(sight: Sight) -> Progress | None:
    """How far this checker is in this turn; None for everybody else and outside of the checkers' turn."""
    request = sight.acting.request
    if not sight.is_eligible or request.phase not in (INDEPENDENT, CONSOLIDATING):
        return None
    state, me = sight.state, sight.me
    return Progress(
        outputs=len(state.outputs),
        voted=sum(bool(state.voted(file, me)) for file in state.outputs),
        to_waive=sight.to_waive,
        not_opened=sum(not state.is_opened(file, me) and not state.voted(file, me) for file in state.outputs),
        groups_needing_comment=tuple(groups_to_comment(state, me)),
        missing=tuple(before_review(state, me)),
        has_reviewed=sight.acting.facts.has_reviewed,
    )


def in_the_way(sight: Sight) -> dict[str, tuple[Missing, ...]]:
    """For each step that is this person's to take now, what is missing before it."""
    found = {
        "submit": lambda: before_submit(sight.state),
        "submit_review": lambda: before_review(sight.state, sight.me),
        "return_request": lambda: before_return(sight.state),
        "approve": lambda: before_approve(sight.state),
    }
    return {
        step: tuple(missing()) for step, missing in found.items() if why_not(step, sight.acting.facts) is None
    }


def next_step(steps: Mapping[str, tuple[Missing, ...]], request: ReleaseRequest) -> str:
    """The step this person takes next: approving where nothing is in its way, else returning what is reviewed."""
    if request.phase == CONSOLIDATING and "approve" in steps:
        return "return_request" if steps["approve"] else "approve"
    return next(iter(steps), "")
