"""What the author of a release request may read of it on a public side: how it stands, and since when.

All of it comes from the steps that the secure side told. What is asked for, and why, is read at Level 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.core.errors import NotFound
from jobsite.notifications.told_models import ToldReview
from jobsite.notifications.told_rules import STEPS
from jobsite.projects.lists import Page
from jobsite.projects.models import Workspace
from jobsite.releases.requests.rules import STATUSES, Status

ROWS = 25
_SAME = {"request_resubmitted": "SUBMITTED"}


@dataclass(frozen=True)
class ToldRequest:
    """A release request that is reviewed elsewhere: where it belongs, and its steps, the last one first."""

    number: str
    workspace: Workspace
    backend: Backend
    steps: Sequence[tuple[str, datetime]]
    status: Status

    @property
    def since(self) -> datetime:
        """When it came to stand as it does."""
        return self.steps[0][1]


def told_requests(author: User, number: int) -> Page:
    """A page of one's own requests, what was told last first. Two queries."""
    newest = ToldReview.select(fn.MAX(ToldReview.id)).where(ToldReview.author == author)
    newest = newest.group_by(ToldReview.backend, ToldReview.request)
    rows = _rows().where(ToldReview.id.in_(newest)).order_by(ToldReview.id.desc())
    shown = [_request([row]) for row in rows.paginate(number, ROWS)]
    return Page(shown, number, ROWS, newest.count())


def told_request(author: User, request: str) -> ToldRequest:
    """One's own request of that number with all its steps. Raises `NotFound`. One query."""
    mine = (ToldReview.author == author) & (ToldReview.request == request)
    rows = list(_rows().where(mine).order_by(ToldReview.id.desc()))
    if not rows:
        raise NotFound("There is no release request of this number, or it is not yours.")
    return _request([row for row in rows if row.backend_id == rows[0].backend_id])


def _rows() -> ToldReview:
    rows = ToldReview.select(ToldReview, Workspace, Backend)
    return rows.join_from(ToldReview, Workspace).join_from(ToldReview, Backend)


def _request(rows: Sequence[ToldReview]) -> ToldRequest:
    newest = rows[0]
    name = _SAME.get(newest.step, newest.step.removeprefix("request_").upper())
    steps = [(STEPS[row.step].what.capitalize(), row.created_at) for row in rows]
    return ToldRequest(newest.request, newest.workspace, newest.backend, steps, STATUSES[name])
