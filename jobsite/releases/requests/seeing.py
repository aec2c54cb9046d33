"""The rows of a request as items of the visibility rules (specification 2.4)."""

from dataclasses import replace

from jobsite.releases.requests.models import Comment, Vote
from jobsite.releases.requests.rules import PRIVATE, PUBLIC
from jobsite.releases.requests.visibility import BY_NAME, COMMENT, DECISION, OPEN, WATCH, Item
from jobsite.releases.requests.whole import Change, Declared, Mark

DECIDED = Item(DECISION)
BEFORE = -1
"""The turn of what is no part of a review: it was there before the first."""

_KINDS = {"voted": BY_NAME, "vote-cleared": BY_NAME, "waived": BY_NAME, "unwaived": BY_NAME, "confirmed": BY_NAME,
          "overruled": BY_NAME, "objection-restored": BY_NAME, "reviewed-again": BY_NAME, "opened": WATCH,
          "commented": COMMENT, "comment-edited": COMMENT, "comment-solved": COMMENT, "comment-reopened": COMMENT,
          "comment-published": COMMENT, "comment-taken-back": COMMENT, "pinned": COMMENT}  # fmt: skip
"""What events are to the visibility rules, by the part behind `release:`; all others tell of steps, which all may see."""

_ANONYMOUS = frozenset({"partially-reviewed", "reviewed"})
"""Steps of which all may know that they were, but only checkers who took them: a review is given by name."""

NAMING_A_CHECKER = _ANONYMOUS | set(_KINDS)
"""All events that say what somebody thinks, or that they have thought."""


def item_of_comment(comment: Comment) -> Item:
    """A comment."""
    sealed = comment.sealed_at is not None
    return Item(COMMENT, comment.turn, comment.audience, comment.writer, comment.side == "CHECKER", sealed)


def item_of_change(change: Change) -> Item:
    """What became of a comment. That it is solved is told as a public comment of its turn would be; what an edit put in place
    of an earlier text is shown with the comment itself."""
    return Item(COMMENT, change.turn, PUBLIC, change.writer, change.side == "CHECKER", change.is_sealed)


def item_of_earlier_text(comment: Comment) -> Item:
    """A text that its writer has edited since: like all that is sealed it is read by them and by auditors."""
    return replace(item_of_comment(comment), is_sealed=True)


def item_of_declaration(declared: Declared) -> Item:
    """That a checker works on the workspace: all other checkers read it at any time, and nobody else."""
    return Item(COMMENT, BEFORE, PRIVATE, declared.checker, True)


def item_of_vote(vote: Vote) -> Item:
    """A vote, with what is said of it by name."""
    return Item(BY_NAME, vote.turn, PRIVATE, vote.checker, True)


def item_of_waiver(mark: Mark) -> Item:
    """A checker's word on a finding."""
    return Item(BY_NAME, mark.turn, PRIVATE, mark.writer, True)


def item_of_pin(turn: int, writer: str) -> Item:
    """A remark that this checker pinned in this turn: it reaches the author as a public comment does."""
    return Item(COMMENT, turn, PUBLIC, writer, True)


def item_of_event(happened: str, *, turn: int, audience: str, by: str, by_checker: bool, stale: bool) -> Item:
    """A row of the event log: `happened` is the part behind `release:`, `stale` that its turn was returned early."""
    kind = _KINDS.get(happened, OPEN)
    return Item(kind, turn, audience, by, by_checker, stale and kind != OPEN)


def names_its_checker(happened: str) -> bool:
    """Whether an event that all may see tells who gave a review."""
    return happened in _ANONYMOUS
