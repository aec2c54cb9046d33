"""What an operator does to a request by command, in the name of a person and for a reason (T14, OC48)."""

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Denied, NotFound, refuse, require
from jobsite.releases.requests.models import Comment, ReleaseRequest, Vote
from jobsite.releases.requests.releasing import take_approval_back
from jobsite.releases.requests.rules import CATEGORIES, COMPLETE, PUBLIC, why_not_reason
from jobsite.releases.requests.standing import (
    active_request,
    change,
    is_developer,
    tell,
    undo_open,
    with_all,
)
from jobsite.releases.requests.steps import move

ENDS = ("WITHDRAWN", "REJECTED")


def force(
    *, by: User | str, request_id: str, actor: User, status: str, reason: str, category: str = "other"
) -> ReleaseRequest:
    """End an active request as WITHDRAWN or REJECTED, in the name of `actor`, who need not have the right to it.

    `by` is the operator, "system" for the command. The page of the request says that it was forced. Raises `NotFound`,
    `Denied` for a request that has ended, `Invalid`.
    """
    refuse(
        status=None if status in ENDS else "A request is forced to WITHDRAWN or to REJECTED.",
        reason=why_not_reason(reason),
        category=None if category in CATEGORIES else "Choose a category from the list.",
    )
    with writing():
        request = ReleaseRequest.get_or_none(id=request_id)
        if request is None:
            raise NotFound("There is no release request of this number.")
        if request.phase == COMPLETE and not undo_open(request):
            raise Denied(f"The request has ended: {request.label.lower()}.")
        if request.status == "APPROVED":
            take_approval_back(request)
        Comment.create(
            request=request, writer=actor.username, side="CHECKER", audience=PUBLIC, turn=request.turn,
            at=now(), text=reason.strip(), reason_for="force",
        )  # fmt: skip
        ended = category if status == "REJECTED" else ""
        move(request, status, by=actor, is_forced=True, category=ended, upload_state="")
        operator = by if isinstance(by, str) else by.username
        tell(request, status.lower(), by=actor, forced=True, operator=operator)
    return request


def give(*, by: User | str, request_id: str, to: User, reason: str) -> ReleaseRequest:
    """Make a colleague the author of an active request, so that it survives its author's leaving (2.2).

    Votes and comments stay; who gave a review cannot become the author. Raises `NotFound`, `Denied`, `Invalid`.
    """
    refuse(reason=why_not_reason(reason))
    with writing():
        request = with_all().where(ReleaseRequest.id == request_id).first()
        if request is None:
            raise NotFound("There is no release request of this number.")
        require(_why_not_give(request, to))
        before = request.author.username
        Comment.create(
            request=request, writer=to.username, side="AUTHOR", audience=PUBLIC, turn=request.turn,
            at=now(), text=reason.strip(), reason_for="give",
        )  # fmt: skip
        change(request, author=to, is_forced=True)
        operator = by if isinstance(by, str) else by.username
        tell(request, "given", by=to, before=before, operator=operator)
    return request


def _why_not_give(request: ReleaseRequest, to: User) -> str | None:
    if request.phase == COMPLETE:
        return f"The request has ended: {request.label.lower()}."
    if request.author == to:
        return f"{to.username} is the author already."
    if not is_developer(to, request.workspace.project):
        return f"{to.username} does not work on this workspace."
    if Vote.get_or_none(request=request, checker=to.username) is not None:
        return f"{to.username} has voted on this request."
    if active_request(to, request.workspace) is not None:
        return f"{to.username} has an active request in this workspace already."
    return None
