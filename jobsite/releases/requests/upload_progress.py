"""How far the upload of a release request is, for its page."""

from dataclasses import dataclass
from datetime import datetime

from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.pages import Head
from jobsite.releases.requests.rules import UPLOAD_STATES
from jobsite.releases.requests.upload_models import UploadStep

RUNNING_EVERY, WAITING_EVERY = 2, 30
"""Seconds between two looks of the page while files are going out, and while the next attempt is waited for."""


@dataclass(frozen=True)
class Sent:
    """One file on its way. `state` is sent, queued, waiting (after an `error`) or stuck."""

    path: str
    state: str
    error: str


@dataclass(frozen=True)
class UploadProgress:
    """The upload of one request. `state` is "" or a key of `rules.UPLOAD_STATES`, `words` what it says.

    `every` is how many seconds the page waits before it looks again, 0 when nothing will change.
    """

    state: str
    words: str
    done: int
    total: int
    files: tuple[Sent, ...]
    last_error: str
    next_at: datetime | None
    sender: str
    every: int

    @property
    def is_stuck(self) -> bool:
        """Whether somebody has to look at it."""
        return self.state == "stuck"


def progress(request: ReleaseRequest | Head) -> UploadProgress:
    """How far the upload of this request is, or of that of the page. One query."""
    rows = UploadStep.select().where(UploadStep.request == request.id, UploadStep.cancelled_at.is_null())
    steps = list(rows.order_by(UploadStep.position))
    files = tuple(_sent(step) for step in steps if step.kind in ("file", "record"))
    current = next((step for step in steps if step.done_at is None), None)
    state = request.upload_state
    return UploadProgress(
        state=state,
        words=UPLOAD_STATES.get(state, ""),
        done=sum(file.state == "sent" for file in files),
        total=len(files),
        files=files,
        last_error=current.last_error if current else "",
        next_at=current.not_before if current and not current.stuck_at else None,
        sender=current.sender if current else "",
        every={"running": RUNNING_EVERY, "held": WAITING_EVERY, "waiting": WAITING_EVERY}.get(state, 0),
    )


def _sent(step: UploadStep) -> Sent:
    failed = bool(step.last_error)
    state = "sent" if step.done_at else "stuck" if step.stuck_at else "waiting" if failed else "queued"
    return Sent(step.path, state, step.last_error)
