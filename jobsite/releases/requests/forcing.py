"""What an operator does to a request by command, in the name of a person and for a reason (T14, OC48)."""

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Denied, NotFound, refuse
from jobsite.releases.requests.models import Comment, ReleaseRequest, RequestFile
from jobsite.releases.requests.rules import CATEGORIES, COMPLETE, PUBLIC, why_not_reason
from jobsite.releases.requests.sealing import void
from jobsite.releases.requests.standing import tell, undo_open
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
            void(request)
            released = RequestFile.request == request
            RequestFile.update(released_at=None, released_by="").where(released).execute()
        Comment.create(
            request=request, writer=actor.username, side="CHECKER", audience=PUBLIC, turn=request.turn,
            at=now(), text=reason.strip(), reason_for="force",
        )  # fmt: skip
        ended = category if status == "REJECTED" else ""
        move(request, status, by=actor, is_forced=True, category=ended, upload_state="")
        operator = by if isinstance(by, str) else by.username
        tell(request, status.lower(), by=actor, forced=True, operator=operator)
    return request
