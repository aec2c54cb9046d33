"""From votes to decisions, and from the number of reviews to the status. Pure (specification 2.3)."""

from collections.abc import Collection, Mapping

from jobsite.releases.requests.rules import APPROVE, CHANGES

INCOMPLETE, CONFLICTED = "INCOMPLETE", "CONFLICTED"
DECISIONS: Mapping[str, str] = {
    "INCOMPLETE": "Not decided yet",
    "APPROVED": "Approved",
    "CHANGES_REQUESTED": "Changes requested",
    "CONFLICTED": "Checkers disagree",
}


def decision(
    votes: Mapping[str, str], submitted: Collection[str], overruled: Collection[str], needed: int
) -> str:
    """The decision on one file: INCOMPLETE, APPROVED, CHANGES_REQUESTED or CONFLICTED.

    `votes` maps checkers to their current vote on the content as it is; `submitted` are those who submitted a review in
    this turn, and only their votes count; `overruled` those of them whose objection was set aside.
    """
    reviewers = frozenset(submitted)
    if len(reviewers) < needed:
        return INCOMPLETE
    counted = {checker: vote for checker, vote in votes.items() if checker in reviewers}
    objections = [who for who, vote in counted.items() if vote == CHANGES and who not in overruled]
    approvals = sum(vote == APPROVE for vote in counted.values())
    if objections:
        return CONFLICTED if approvals else CHANGES
    return APPROVE if approvals >= needed else INCOMPLETE


def shown(decided: str, *, to_checkers: bool) -> str:
    """The decision as this side reads it: the author side and observers read a conflict as "changes requested"."""
    return CHANGES if decided == CONFLICTED and not to_checkers else decided


def status_after(reviews: int, needed: int) -> str:
    """The status of a request in a checkers' turn that so many people have reviewed."""
    if reviews == 0:
        return "SUBMITTED"
    return "REVIEWED" if reviews >= needed else "PARTIALLY_REVIEWED"


def why_not_overruled(
    *, is_own: bool, has_reviewed: bool, has_approved: bool, is_overruled: bool
) -> str | None:
    """Why a checker cannot overrule an objection to a file, apart from who they are and when (OC1)."""
    if is_own:
        return "It is your own objection: withdraw it by approving the file."
    if not has_reviewed:
        return "Only checkers who submitted a review in this turn may overrule an objection."
    if not has_approved:
        return "Only who approved the file may overrule an objection to it."
    return "The objection is overruled already." if is_overruled else None
