"""Who may draft, publish, reject and withdraw, and when (specification of the site, sections 3, 4 and 7.10). Pure."""

import hashlib
from collections.abc import Iterable

PENDING, APPROVED, REJECTED = "", "approved", "rejected"

DRAFT, PUBLISH, SEE = "snapshot_create", "snapshot_publish", "release_file_view"

REASON_FEWEST, REASON_MOST = 5, 2000
LONGEST_TITLE, LONGEST_SUMMARY = 150, 10_000

STANDINGS = {
    PENDING: ("draft", "Draft"),
    APPROVED: ("published", "Published"),
    REJECTED: ("rejected", "Draft, not published"),
}
"""By the newest decision: the state of a pill, and its words."""


def contents_of(file_ids: Iterable[str]) -> str:
    """One SHA-256 in hex for a set of files, whatever their order."""
    return hashlib.sha256("\n".join(sorted(file_ids)).encode()).hexdigest()


def may_see(permissions: Iterable[str], decision: str) -> bool:
    """Whether a person with these permissions may see a snapshot: all when it is published, who may see released
    files else, and publishers while it waits for them."""
    held = set(permissions)
    return decision == APPROVED or SEE in held or (PUBLISH in held and decision == PENDING)


def why_not_draft(permissions: Iterable[str], *, is_archived: bool = False) -> str | None:
    """Why a person may not make a draft publication."""
    if DRAFT not in permissions:
        return "Only developers of the project can create a draft publication."
    return "This workspace is archived. Unarchive it to create a draft publication." if is_archived else None


def why_not_files(count: int) -> str | None:
    """Why these files cannot be a draft: `count` of them are there."""
    return None if count else "Choose at least one file that has not been deleted."


def why_not_publish(permissions: Iterable[str], decision: str, *, readable: int = 1) -> str | None:
    """Why a person may not publish a snapshot whose newest decision this is; `readable` of its files are still there."""
    if PUBLISH not in permissions:
        return "Only output publishers can publish. They are told that this draft waits."
    if decision == REJECTED:
        return "A publisher has decided against this draft. A developer of the project can ask again."
    return None if readable else "All files of this draft have been deleted, so there is nothing to publish."


def why_not_reject(permissions: Iterable[str], decision: str) -> str | None:
    """Why a person may not decide against a draft."""
    if PUBLISH not in permissions:
        return "Only output publishers can decide against a draft."
    return None if decision == PENDING else "This draft has been decided already."


def why_not_withdraw(permissions: Iterable[str], decision: str) -> str | None:
    """Why a person may not withdraw a publication."""
    if PUBLISH not in permissions:
        return "Only output publishers can withdraw a publication."
    return None if decision == APPROVED else "This is not published, so there is nothing to withdraw."


def why_not_describe(permissions: Iterable[str], decision: str) -> str | None:
    """Why a person may not change title and summary: what is published stays as it was decided."""
    if DRAFT not in permissions:
        return "Only developers of the project can change what a draft says."
    if decision == APPROVED:
        return "This is published. To change its words, ask a publisher to withdraw it first."
    return None


def why_not_reason(reason: str) -> str | None:
    """Why this is no reason for rejecting or withdrawing."""
    if len(reason.strip()) < REASON_FEWEST:
        return "Say why, in a few words: the project's members read it."
    return f"Use at most {REASON_MOST:,} characters." if len(reason) > REASON_MOST else None


def why_not_title(title: str) -> str | None:
    """Why this cannot be the title of a publication; none at all is possible."""
    if not title.isprintable():
        return "Write the title on one line."
    return f"Use at most {LONGEST_TITLE} characters." if len(title) > LONGEST_TITLE else None


def why_not_summary(summary: str) -> str | None:
    """Why this cannot be the summary of a publication; none at all is possible."""
    return f"Use at most {LONGEST_SUMMARY:,} characters." if len(summary) > LONGEST_SUMMARY else None
