"""What follows from each step of a release request that is reviewed elsewhere (specification 9.6). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

PENDING_REVIEW, UNDER_REVIEW, WITH_REQUESTER = "Pending review", "Under review", "With requester"
STANDINGS = (PENDING_REVIEW, UNDER_REVIEW, WITH_REQUESTER)
INTERNAL, EXTERNAL = "internal", "external"


@dataclass(frozen=True)
class Step:
    """A step: what happened in words, the kind of its news, whether its author and the project are mailed, and what becomes of
    its issue: `opens`, `closes`, else it gets a comment; and its label."""

    what: str
    kind: str
    mails_author: bool = False
    mails_members: bool = False
    opens: bool = False
    closes: bool = False
    label: str = ""


STEPS: Mapping[str, Step] = {
    "request_submitted": Step("submitted", "review-submitted", opens=True, label=PENDING_REVIEW),
    "request_resubmitted": Step("resubmitted", "review-resubmitted", label=PENDING_REVIEW),
    "request_partially_reviewed": Step("reviewed", "review-reviewed", label=UNDER_REVIEW),
    "request_reviewed": Step("reviewed", "review-reviewed", label=UNDER_REVIEW),
    "request_returned": Step("returned", "review-returned", mails_author=True, label=WITH_REQUESTER),
    "request_approved": Step("approved", "review-approved", mails_author=True),
    "request_released": Step("released", "review-released", mails_author=True, closes=True),
    "request_rejected": Step("rejected", "review-rejected", mails_author=True, closes=True),
    "request_withdrawn": Step("withdrawn", "review-withdrawn", closes=True),
    "request_revoked": Step("recalled", "review-revoked", mails_author=True, mails_members=True),
}
"""By the name of the wire, in lower case."""


REVIEWS = frozenset(step.kind for step in STEPS.values())
"""The kinds of news of such steps."""


def comment(what: str, by: str, updates: list[str]) -> list[str]:
    """The lines of a comment."""
    return [f"- request {what} by user {by}", *(f"- {line}" for line in updates)]


def update_line(update: str, group: str | None, user: str | None) -> str:
    """One update as a line of text."""
    filegroup = f" (filegroup {group})" if group else ""
    return f"{update}{filegroup}{f' by user {user}' if user else ''}"
