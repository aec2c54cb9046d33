"""What holds for release requests: statuses, steps, who may do what and when, limits of texts. Pure.

Every rule returns None, or the sentence that stands beside the button that is off and on the page that refuses. The tables
are those of the specification (2.1, 2.2, 3 and 11); the manual and its diagram are made from them.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from jobsite.core.states import Table
from jobsite.core.wording import joined

AUTHOR, INDEPENDENT, CONSOLIDATING, COMPLETE = "AUTHOR", "INDEPENDENT", "CONSOLIDATING", "COMPLETE"
PUBLIC, PRIVATE = "PUBLIC", "PRIVATE"
OUTPUT, SUPPORTING, REMOVED = "OUTPUT", "SUPPORTING", "WITHDRAWN"
APPROVE, CHANGES, UNDECIDED = "APPROVED", "CHANGES_REQUESTED", "UNDECIDED"
WAIVED, CONFIRMED = "WAIVED", "CONFIRMED"
EDITED, SOLVED, REOPENED = "EDITED", "SOLVED", "REOPENED"


@dataclass(frozen=True)
class Status:
    """A status of a request: who has to act, which phase it is, its label, and `words` that go on after "is"."""

    name: str
    owner: str
    phase: str
    label: str
    words: str


STATUSES: Mapping[str, Status] = {
    status.name: status
    for status in (
        Status("PENDING", "author", AUTHOR, "Draft", "a draft"),
        Status("SUBMITTED", "checkers", INDEPENDENT, "Submitted, waiting for reviews", "submitted"),
        Status("PARTIALLY_REVIEWED", "checkers", INDEPENDENT, "Some reviews in", "partly reviewed"),
        Status("REVIEWED", "checkers", CONSOLIDATING, "All reviews in, being decided", "reviewed"),
        Status("RETURNED", "author", AUTHOR, "Returned to the author", "returned to its author"),
        Status("APPROVED", "system", COMPLETE, "Approved, files uploading", "approved"),
        Status("RELEASED", "system", COMPLETE, "Released", "released"),
        Status("REJECTED", "system", COMPLETE, "Rejected", "rejected"),
        Status("WITHDRAWN", "system", COMPLETE, "Withdrawn", "withdrawn"),
        Status("REVOKED", "system", COMPLETE, "Recalled after release", "recalled"),
    )
}
PHASES: Mapping[str, str] = {status.name: status.phase for status in STATUSES.values()}
LABELS: Mapping[str, str] = {status.name: status.label for status in STATUSES.values()}

REQUEST = Table(
    name="release request",
    transitions={
        "PENDING": ("SUBMITTED", "WITHDRAWN", "REJECTED"),
        "SUBMITTED": ("PARTIALLY_REVIEWED", "REVIEWED", "RETURNED", "WITHDRAWN", "REJECTED"),
        "PARTIALLY_REVIEWED": ("REVIEWED", "RETURNED", "WITHDRAWN", "REJECTED"),
        "REVIEWED": ("RETURNED", "REJECTED", "APPROVED", "WITHDRAWN"),
        "RETURNED": ("SUBMITTED", "WITHDRAWN", "REJECTED"),
        "APPROVED": ("REVIEWED", "RELEASED", "WITHDRAWN", "REJECTED"),
        "RELEASED": ("REVOKED",),
        "REJECTED": (),
        "WITHDRAWN": (),
        "REVOKED": (),
    },
    owners={status.name: status.owner for status in STATUSES.values()},
)
"""The steps T2 to T14; T1 makes a request in the first status."""

ENDED = ("RELEASED", "REJECTED", "WITHDRAWN", "REVOKED")
"""Statuses in which nothing of a request is asked for or on its way any more."""

UPLOAD_STATES: Mapping[str, str] = {
    "held": "waiting for the end of the undo window",
    "running": "uploading",
    "waiting": "waiting for the next attempt",
    "stuck": "stuck: somebody has to look at it",
    "done": "uploaded",
}
CATEGORIES: Mapping[str, str] = {
    "type": "Type of output not permitted",
    "patient-level": "Patient-level data",
    "policy": "Policy of the organisation or area",
    "data-owner": "Withdrawn by the data owner",
    "other": "Other",
}
WAIVER_CODES: Mapping[str, str] = {
    "false-alarm": "False alarm",
    "not-a-count": "Not a count",
    "already-public": "Already public",
    "exception": "Justified exception",
    "other": "Other",
}
CHECKLIST: tuple[str, ...] = (
    "I have chosen only the files that are needed outside.",
    "Every group says what its files show and about how many people.",
    "Small counts are hidden, and everything that would give them away.",
    "Counts are rounded after hiding, and totals and rates are computed from rounded counts.",
    "No file holds data about single people, places or practices.",
    "I have read every finding, and mended or explained it.",
)

LONGEST_CONTEXT = 10_000
LONGEST_COMMENT = 5_000
SHORTEST_REASON, LONGEST_REASON = 20, 2_000
EDITABLE = timedelta(minutes=15)
MOST_GROUPS = 50
LONGEST_GROUP_NAME = 80
LONGEST_SLUG = 60
MOST_COLUMNS = 500
PROMISED_WORKING_DAYS = 5
TAKING_WORKING_DAYS = 1


@dataclass(frozen=True)
class Facts:
    """What a decision about one action depends on: the request as it is, and who asks.

    `is_developer`: they work on the workspace now. `colleagues` is the policy's word on checkers who do: refuse, declare
    or allow. `undo_open`: the undo window of an approved request has not ended. `has_reviewed`: they submitted a review in
    this turn.
    """

    status: str = ""
    is_author: bool = False
    is_developer: bool = False
    is_checker: bool = False
    is_observer: bool = False
    is_auditor: bool = False
    colleagues: str = "refuse"
    has_declared: bool = False
    has_reviewed: bool = False
    is_archived: bool = False
    is_ongoing: bool = True
    undo_open: bool = False

    @property
    def is_colleague(self) -> bool:
        """Whether they work on the workspace of somebody else's request."""
        return self.is_developer and not self.is_author

    @property
    def on_author_side(self) -> bool:
        """Whether they read the request as the author does: a checker who may review it is none of them."""
        return self.is_developer and not self.is_eligible

    @property
    def is_eligible(self) -> bool:
        """Whether they may review this request (specification 1)."""
        return self.is_checker and why_not_eligible(self) is None

    @property
    def may_open(self) -> bool:
        """Whether they may know of the request at all; membership of the backend comes on top of it."""
        return self.is_developer or self.is_checker or self.is_observer or self.is_auditor


def why_not_eligible(facts: Facts) -> str | None:
    """Why these people may not review this request, or None (OC12)."""
    if facts.is_author:
        return "You are the author of this request, and nobody reviews their own request."
    if not facts.is_checker:
        return "Only output checkers may do this."
    if not facts.is_colleague or facts.colleagues == "allow":
        return None
    if facts.colleagues == "declare" and facts.has_declared:
        return None
    if facts.colleagues == "declare":
        return "You work on this workspace yourself: declare it in writing before you review its requests."
    return "You work on this workspace yourself, so another checker has to review its requests."


@dataclass(frozen=True)
class Action:
    """One thing that may be done: `what` goes on after "may", `when` before "while"; `who` is a key of `_WHO`.

    `statuses` in which it can be done. `workspace` asks for an active workspace and an ongoing project.
    """

    name: str
    what: str
    when: str
    who: str
    statuses: tuple[str, ...]
    workspace: bool = False


_DRAFTING = ("PENDING", "RETURNED")
_REVIEWING = ("SUBMITTED", "PARTIALLY_REVIEWED")
_CHECKING = (*_REVIEWING, "REVIEWED")
_ACTIVE = (*_DRAFTING, *_CHECKING)


def _actions(*actions: Action) -> dict[str, Action]:
    return {action.name: action for action in actions}


ACTIONS: Mapping[str, Action] = _actions(
    Action("add_files", "add files to it", "Files can be added", "author", _DRAFTING, True),
    Action("update_file", "update its files", "Files can be updated", "author", _DRAFTING, True),
    Action("withdraw_file", "withdraw its files", "Files can be withdrawn", "author", _DRAFTING, True),
    Action("move_file", "move its files", "Files can be moved", "author", _DRAFTING, True),
    Action("change_type", "change the type of its files", "Types can be changed", "author", _DRAFTING, True),
    Action("save_group", "edit its groups", "Context and controls can be edited", "author", _DRAFTING, True),
    Action("explain", "explain its findings", "Findings can be explained", "author", _DRAFTING, True),
    Action("submit", "submit it", "A request can be submitted", "author", _DRAFTING, True),
    Action("withdraw", "withdraw it", "A request can be withdrawn", "author", _DRAFTING),
    Action("comment", "comment on it", "Comments can be written", "commenter", _ACTIVE),
    Action("recheck", "have it checked again", "Checks can be run again", "commenter", _ACTIVE),
    Action("edit_comment", "edit their comments", "A comment can be edited", "commenter", _ACTIVE),
    Action("solve", "mark comments solved", "A comment can be marked solved", "commenter", _ACTIVE),
    Action("take_back", "take back comments", "A comment can be taken back", "commenter", _ACTIVE),
    Action("make_public", "make comments public", "A comment can be made public", "checker", _CHECKING),
    Action("repost", "post sealed comments again", "A sealed comment can be posted again", "checker", _CHECKING),
    Action("take", "take it", "A request can be taken", "checker", _CHECKING),
    Action("let_go", "let it go", "A request can be let go", "checker", _CHECKING),
    Action("declare", "declare that they work on the workspace", "It can be declared", "any checker", _ACTIVE),
    Action("mark_opened", "open its files", "Files can be opened for review", "checker", _CHECKING),
    Action("vote", "vote on its files", "Votes can be given", "checker", _CHECKING),
    Action("clear_vote", "clear their votes", "Votes can be cleared", "checker", _REVIEWING),
    Action("changes_all", "ask for changes", "Changes can be asked for", "checker", _CHECKING),
    Action("clear_all", "clear their votes", "Votes can be cleared", "checker", _REVIEWING),
    Action("waive", "waive findings", "Findings can be waived", "checker", _CHECKING),
    Action("unwaive", "take back waivers", "Waivers can be taken back", "checker", _CHECKING),
    Action("confirm", "confirm findings", "Findings can be confirmed", "checker", _CHECKING),
    Action("pin", "pin remarks", "Remarks can be pinned", "checker", _CHECKING),
    Action("submit_review", "submit a review", "A review can be submitted", "checker", _CHECKING),
    Action("return_early", "return it early", "A request can be returned early", "checker", _REVIEWING),
    Action("return_request", "return it", "A request can be returned", "checker", ("REVIEWED",)),
    Action("reject", "reject it", "A request can be rejected", "checker", ("REVIEWED",)),
    Action("overrule", "overrule objections", "Objections can be overruled", "checker", ("REVIEWED",)),
    Action("restore", "restore their objection", "An objection can be restored", "checker", ("REVIEWED",)),
    Action("approve", "approve it", "A request can be approved", "checker", ("REVIEWED",)),
    Action("stop_release", "stop its release", "A release can be stopped", "checker", ("APPROVED",)),
    Action("recall", "recall it", "A release can be recalled", "recaller", ("RELEASED",)),
    Action("take_over", "continue its upload", "An upload can be taken over", "checker", ("APPROVED",)),
    Action("request_again", "request it again", "A request can be made again", "author side",
           ("APPROVED", *ENDED), True),
)  # fmt: skip
"""Every act on a request and its rule (specification 3). `force` is an operator's and stands outside."""


def why_not(action: str, facts: Facts) -> str | None:
    """Why these people may not do this with this request now, or None: first who, then when, then where."""
    rule = ACTIONS[action]
    return _why_not_who(rule, facts) or _why_not_when(rule, facts) or _why_not_where(rule, facts)


def _why_not_who(rule: Action, facts: Facts) -> str | None:
    if rule.who == "author" and not facts.is_author:
        return f"Only the author of this request may {rule.what}."
    if rule.who == "author":
        return None if facts.is_developer else "You do not work on this workspace any more."
    if rule.who == "author side":
        return None if facts.on_author_side else f"Only people who work on the workspace may {rule.what}."
    if rule.who == "any checker":
        return None if facts.is_checker and facts.is_colleague and not facts.is_author else (
            "Only output checkers who work on this workspace have something to declare."
        )  # fmt: skip
    if rule.who == "recaller":
        return None if facts.is_auditor else _why_no_checker(rule, facts)
    if rule.who == "commenter" and facts.on_author_side:
        return None
    return _why_no_checker(rule, facts)


def _why_no_checker(rule: Action, facts: Facts) -> str | None:
    if not facts.is_checker and not facts.is_author:
        return f"Only output checkers may {rule.what}."
    return why_not_eligible(facts)


def _why_not_when(rule: Action, facts: Facts) -> str | None:
    statuses = rule.statuses
    if rule.who == "commenter" and facts.on_author_side:
        statuses = _DRAFTING
    if facts.status not in statuses:
        while_it = joined([STATUSES[status].words for status in statuses], "or")
        return f"{rule.when} while the request is {while_it}; now it is {STATUSES[facts.status].words}."
    if rule.name == "stop_release" and not facts.undo_open:
        return "The undo window has ended. Once the files are released, the release can be recalled."
    if rule.name == "submit_review" and facts.has_reviewed:
        return "You have submitted your review in this turn."
    if rule.name in ("clear_vote", "clear_all") and facts.has_reviewed:
        return "You have submitted your review: change your votes instead of clearing them."
    return None


def _why_not_where(rule: Action, facts: Facts) -> str | None:
    return why_not_workspace(facts.is_archived, facts.is_ongoing) if rule.workspace else None


def why_not_workspace(is_archived: bool, is_ongoing: bool) -> str | None:
    """Why no request can be made or changed in a workspace, or None."""
    if is_archived:
        return "The workspace is archived: its requests can only be looked at."
    if not is_ongoing:
        return "The project is not ongoing: its requests can only be looked at."
    return None


def why_not_statistics(*, is_staff: bool) -> str | None:
    """Why this person does not read what became of the findings of all requests, or None."""
    return None if is_staff else "Only staff read what the checks found in all requests."


def why_not_create(*, is_developer: bool, is_archived: bool, is_ongoing: bool, active: str) -> str | None:
    """Why this person cannot start a request in this workspace; `active` is the id of one of theirs there, or ""."""
    if not is_developer:
        return (
            "Only people who may run jobs and view Level 4 outputs of this project may request their release."
        )
    if active:
        return "You have an active request in this workspace: add files to that one, or withdraw it."
    return why_not_workspace(is_archived, is_ongoing)


def why_not_reason(text: str) -> str | None:
    """Why this is no reason (OC3)."""
    length = len(text.strip())
    if length < SHORTEST_REASON:
        return f"Give a reason of at least {SHORTEST_REASON} characters."
    if length > LONGEST_REASON:
        return f"The reason is too long: {length:,} characters, at most {LONGEST_REASON:,}."
    return _why_not_characters(text)


def why_not_comment(text: str) -> str | None:
    """Why this cannot be a comment."""
    if not text.strip():
        return "Write a comment."
    return _why_too_long("comment", text, LONGEST_COMMENT) or _why_not_characters(text)


def why_not_account(what: str, text: str) -> str | None:
    """Why this cannot be the context or the controls (`what`) of a group. Empty is allowed until it is submitted."""
    return _why_too_long(what, text, LONGEST_CONTEXT) or _why_not_characters(text)


def why_not_group_name(name: str, taken: Mapping[str, str]) -> str | None:
    """Why a group cannot be called that; `taken` maps the other groups' names, case-folded, to their slugs."""
    if not name.strip():
        return "Give the group a name."
    if len(name) > LONGEST_GROUP_NAME:
        return f"The name of the group is too long: at most {LONGEST_GROUP_NAME} characters."
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in _plain(name)):
        return "The name of a group is one line without control characters."
    if name.strip().casefold() in taken:
        return "There is a group of this name in the request already."
    return None


def _plain(name: str) -> str:
    """The name without the joiners that emoji are made with."""
    return name.replace("\u200d", "")


def group_slug(name: str, taken: frozenset[str]) -> str:
    """The part of an address for a group of this name: lower-case letters, digits, hyphens, free in its request."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].rstrip("-") or "group"
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(slug for slug in names if slug not in taken)


def _why_too_long(what: str, text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"The {what} is too long: {len(text):,} characters, at most {longest:,}."
    return None


def _why_not_characters(text: str) -> str | None:
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\r\n\t" for sign in text):
        return "The text contains control characters. Type it again, or paste it as plain text."
    return None
