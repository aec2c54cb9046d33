"""How it stands with the controller, for people: when it last answered, and what waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobsite.accounts.models import Backend
from jobsite.accounts.rules import PUSH
from jobsite.core.clock import now
from jobsite.core.wording import counted
from jobsite.jobs.models import JobRequest
from jobsite.jobs.rules import REQUEST_ACTIVE
from jobsite.settings import current
from jobsite.sync.link import QUIET
from jobsite.sync.pushing.contact import contact
from jobsite.sync.pushing.models import SentRequest

NEVER_SET = "No controller is set (setting CONTROLLER_URL), so their job requests wait."


@dataclass(frozen=True)
class Drive:
    """The contact with the controller at `url` ("": there is none), for these backends (slugs), and how many job requests
    are not answered to yet (`waiting`)."""

    url: str
    backends: tuple[str, ...]
    succeeded_at: datetime | None
    failing_since: datetime | None
    problem: str
    waiting: int

    @property
    def is_well(self) -> bool:
        """Whether it answered a moment ago, and as it should."""
        if not self.url or self.failing_since is not None or self.succeeded_at is None:
            return False
        return now() - self.succeeded_at <= QUIET + current().controller_every

    @property
    def state(self) -> tuple[str, str]:
        """The name of the state for its look, and the word."""
        return ("active", "Answers") if self.is_well else ("missing", "Does not answer")

    @property
    def sentence(self) -> str:
        """How it stands, in a sentence."""
        if not self.url:
            return NEVER_SET
        if self.succeeded_at is None:
            return f"It has never answered. {self.problem}".strip()
        seconds = int((now() - self.succeeded_at).total_seconds())
        return f"It last answered {counted(seconds, 'second')} ago. {self.problem}".strip()


def drive(backends: Sequence[Backend]) -> Drive | None:
    """The contact with the controller; None where no active one of these backends has its requests sent to it. Two queries
    where one has, else none."""
    pushed = [one for one in backends if one.dispatch == PUSH and one.is_active]
    if not pushed or not current().public:
        return None
    known = contact()
    active = JobRequest.status.in_(REQUEST_ACTIVE) & JobRequest.backend.in_([one.id for one in pushed])
    answered = SentRequest.select(SentRequest.job_request).where(SentRequest.answered_at.is_null(False))
    return Drive(
        url=current().controller_url,
        backends=tuple(one.slug for one in pushed),
        succeeded_at=known.succeeded_at,
        failing_since=known.failing_since,
        problem=known.problem if known.failing_since else "",
        waiting=JobRequest.select().where(active, JobRequest.id.not_in(answered)).count(),
    )
