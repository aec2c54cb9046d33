"""How it stands between a secure side and its public side, for people: when it last answered, and what waits for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobsite import settings
from jobsite.core.clock import now
from jobsite.releases.requests.upload_models import UploadStep
from jobsite.sync.contact import contact
from jobsite.sync.link_models import ReleaseMessage
from jobsite.sync.models import FetchedRequest

QUIET = timedelta(minutes=5)
"""A server asks every few seconds: after so long without an answer something is wrong here or there."""


@dataclass(frozen=True)
class Link:
    """The contact with the public side at `url`, and counts of what waits: steps of uploads, of which some are `stuck`,
    messages about release requests, job requests that cannot be taken, reports of jobs that were refused.
    """

    url: str
    succeeded_at: datetime | None
    failing_since: datetime | None
    last_error: str
    uploads: int
    stuck: int
    messages: int
    not_taken: int
    refused: int

    @property
    def is_well(self) -> bool:
        """Whether it answered a moment ago, and as it should."""
        return (
            self.failing_since is None
            and self.succeeded_at is not None
            and now() - self.succeeded_at <= QUIET
        )

    @property
    def state(self) -> tuple[str, str]:
        """The name of the state for its look, and the word."""
        return ("active", "Answers") if self.is_well else ("missing", "Does not answer")

    @property
    def sentence(self) -> str:
        """How it stands, in a sentence."""
        if self.succeeded_at is None:
            return f"It has never answered. {self.last_error}".strip()
        seconds = int((now() - self.succeeded_at).total_seconds())
        if self.is_well:
            return f"It answered {seconds} seconds ago."
        return f"It last answered {_span(seconds)} ago. {self.last_error}".strip()

    @property
    def waits(self) -> str:
        """What waits for it, in a sentence."""
        kinds = {
            "parts of uploads": self.uploads,
            "messages about release requests": self.messages,
            "job requests that could not be taken": self.not_taken,
            "reports of jobs that it refused": self.refused,
        }
        said = [f"{count:,} {kind}" for kind, count in kinds.items() if count]
        return f"Waiting: {', '.join(said)}." if said else "Nothing waits for it."


def link() -> Link | None:
    """The contact with the public side, None where none is elsewhere. Five queries."""
    current = settings.current()
    if not current.is_apart:
        return None
    known = contact()
    steps = UploadStep.select().where(UploadStep.done_at.is_null(), UploadStep.cancelled_at.is_null())
    messages = ReleaseMessage.done_at.is_null() & ReleaseMessage.cancelled_at.is_null()
    return Link(
        url=current.public_url,
        succeeded_at=known.succeeded_at,
        failing_since=known.failing_since,
        last_error=known.last_error if known.failing_since else "",
        uploads=steps.count(),
        stuck=steps.where(UploadStep.stuck_at.is_null(False)).count(),
        messages=ReleaseMessage.select().where(messages).count(),
        not_taken=FetchedRequest.select().where(FetchedRequest.problem != "").count(),
        refused=FetchedRequest.select().where(FetchedRequest.refusal != "").count(),
    )


def _span(seconds: int) -> str:
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
