"""Who sees what, when: every phase, kind of person and kind of item, by a table written from the specification (2.4)."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from jobsite.releases.requests import activity
from jobsite.releases.requests.activity import SENTENCES
from jobsite.releases.requests.models import Comment
from jobsite.releases.requests.rules import (
    AUTHOR,
    COMPLETE,
    CONSOLIDATING,
    INDEPENDENT,
    PRIVATE,
    PUBLIC,
    SOLVED,
)
from jobsite.releases.requests.seeing import (
    item_of_change,
    item_of_comment,
    item_of_declaration,
    item_of_earlier_text,
    item_of_event,
)
from jobsite.releases.requests.visibility import (
    BY_NAME,
    COMMENT,
    DECISION,
    OPEN,
    WATCH,
    Item,
    Moment,
    Viewer,
    readers,
    visible,
)
from jobsite.releases.requests.whole import Change, Declared

PHASES = (AUTHOR, INDEPENDENT, CONSOLIDATING, COMPLETE)
PEOPLE = {
    "author side": Viewer("ada", is_author_side=True),
    "writer": Viewer("cat", is_eligible=True),
    "eligible": Viewer("cyd", is_eligible=True),
    "observer": Viewer("dan"),
    "auditor": Viewer("sam", is_auditor=True),
}
NOW = 3
ALL = {"author side", "writer", "eligible", "observer", "auditor"}
CHECKERS = {"writer", "eligible", "auditor"}
OWN = {"writer", "auditor"}

CHANGE = Change(1, SOLVED, "", "cat", "CHECKER", NOW, "", False)
WRITTEN = Comment(turn=NOW, audience=PUBLIC, writer="cat", side="CHECKER", text="First")
ANSWER = Comment(turn=NOW, audience=PUBLIC, writer="cat", side="CHECKER", text="So", answers=7)
ASIDE = Comment(turn=NOW, audience=PRIVATE, writer="cat", side="CHECKER", text="So", answers=7)
DECLARED = Declared("cat", "I wrote the study with them.", "")

# Item: who sees it in AUTHOR, INDEPENDENT, CONSOLIDATING, COMPLETE. The writer of all of them is the checker cat.
TABLE: dict[str, tuple[Item, tuple[set[str], set[str], set[str], set[str]]]] = {
    "public of an earlier turn": (Item(COMMENT, 1, PUBLIC, "cat", True), (ALL, ALL, ALL, ALL)),
    "public of this turn": (Item(COMMENT, NOW, PUBLIC, "cat", True), (ALL, OWN, CHECKERS, ALL)),
    "private of an earlier turn": (Item(COMMENT, 1, PRIVATE, "cat", True), (CHECKERS, CHECKERS, CHECKERS, CHECKERS)),
    "private of this turn": (Item(COMMENT, NOW, PRIVATE, "cat", True), (CHECKERS, OWN, CHECKERS, CHECKERS)),
    "vote of this turn": (Item(BY_NAME, NOW, PRIVATE, "cat", True), (CHECKERS, OWN, CHECKERS, CHECKERS)),
    "vote of an earlier turn": (Item(BY_NAME, 1, PRIVATE, "cat", True), (CHECKERS, OWN, CHECKERS, CHECKERS)),
    "decision": (Item(DECISION), (ALL, {"auditor"}, CHECKERS, ALL)),
    "what all may see": (Item(OPEN, NOW), (ALL, ALL, ALL, ALL)),
    "sealed": (Item(COMMENT, 1, PUBLIC, "cat", True, True), (OWN, OWN, OWN, OWN)),
    "mark of this turn that a comment is solved": (item_of_change(CHANGE), (ALL, OWN, CHECKERS, ALL)),
    "mark of an earlier turn that a comment is solved": (item_of_change(replace(CHANGE, turn=1)), (ALL, ALL, ALL, ALL)),
    "mark that an early return sealed": (item_of_change(replace(CHANGE, is_sealed=True)), (OWN, OWN, OWN, OWN)),
    "text before an edit": (item_of_earlier_text(WRITTEN), (OWN, OWN, OWN, OWN)),
    "edited comment of this turn": (item_of_comment(WRITTEN), (ALL, OWN, CHECKERS, ALL)),
    "public answer to a comment": (item_of_comment(ANSWER), (ALL, OWN, CHECKERS, ALL)),
    "private answer to a public comment": (item_of_comment(ASIDE), (CHECKERS, OWN, CHECKERS, CHECKERS)),
    "declaration": (item_of_declaration(DECLARED), (CHECKERS, CHECKERS, CHECKERS, CHECKERS)),
    "look": (Item(WATCH, NOW, PRIVATE, "cat", True), (OWN, OWN, OWN, OWN)),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_what_a_checker_wrote_is_seen_by_these_people_in_these_phases(name: str) -> None:
    """OC5, OC6, OC13."""
    item, by_phase = TABLE[name]
    for phase, allowed in zip(PHASES, by_phase, strict=True):
        seen = {person for person, viewer in PEOPLE.items() if visible(item, viewer, Moment(phase, NOW))}
        assert seen == allowed, (phase, seen ^ allowed)


@pytest.mark.parametrize(("phase", "allowed"), [
    (AUTHOR, {"author side", "auditor"}), (CONSOLIDATING, CHECKERS), (COMPLETE, ALL), (INDEPENDENT, {"auditor"}),
])  # fmt: skip
def test_what_the_author_side_writes_now_waits_for_the_request(phase: str, allowed: set[str]) -> None:
    item = Item(COMMENT, NOW, PUBLIC, "ben", False)
    assert {name for name, viewer in PEOPLE.items() if visible(item, viewer, Moment(phase, NOW))} == allowed


def test_own_items_are_always_seen_by_their_writer() -> None:
    everything = product(
        (COMMENT, BY_NAME, DECISION, OPEN, WATCH), (1, NOW), (PUBLIC, PRIVATE), (True, False)
    )
    for (kind, turn, audience, sealed), phase in product(everything, PHASES):
        item = Item(kind, turn, audience, "dan", False, sealed)
        assert visible(item, PEOPLE["observer"], Moment(phase, NOW))


def test_the_author_side_never_sees_a_vote_by_name() -> None:
    """OC6: whatever the phase and the turn."""
    for phase, turn, sealed in product(PHASES, (1, 2, NOW), (True, False)):
        item = Item(BY_NAME, turn, PRIVATE, "cat", True, sealed)
        for person in ("author side", "observer"):
            assert not visible(item, PEOPLE[person], Moment(phase, NOW))


def test_nobody_is_nameless() -> None:
    """An item without a writer is nobody's own, whoever looks without a name."""
    assert not visible(Item(DECISION), Viewer("", is_eligible=True), Moment(INDEPENDENT, NOW))


@pytest.mark.parametrize("happened", SENTENCES)
def test_every_event_passes_the_same_filter(happened: str) -> None:
    """OC6: while checkers work apart, the other side reads of steps and of no act by name."""
    steps = {
        "created", "added", "updated", "file-withdrawn", "moved", "type-changed", "group-edited", "explained", "submitted",
        "resubmitted", "withdrawn", "taken", "let-go", "declared", "partially-reviewed", "reviewed", "returned", "rejected",
        "rechecked", "recheck-failed", "approved", "stopped", "released", "revoked", "repeated", "given", "upload-stuck",
        "upload-retried", "upload-continued", "copies-removed", "recall-unknown",
    }  # fmt: skip
    item = item_of_event(happened, turn=NOW, audience=PRIVATE, by="cat", by_checker=True, stale=False)
    now = Moment(INDEPENDENT, NOW)
    for person in ("author side", "eligible", "observer"):
        assert visible(item, PEOPLE[person], now) == (happened in steps), person
    assert visible(item, PEOPLE["writer"], now) and visible(item, PEOPLE["auditor"], now)


def test_every_comment_box_says_who_will_read_it() -> None:
    for phase, by_checker, audience in product(PHASES, (True, False), (PUBLIC, PRIVATE)):
        words = readers(phase, by_checker=by_checker, audience=audience)
        assert words.startswith("Read by") and words.endswith(".")
    assert "you alone" in readers(INDEPENDENT, by_checker=True, audience=PUBLIC)
    assert "never by the author" in readers(CONSOLIDATING, by_checker=True, audience=PRIVATE)


def test_every_event_of_a_request_has_a_sentence_and_stands_in_the_documents() -> None:
    folder, documents = Path(activity.__file__).parent, Path(__file__).parents[2] / "docs" / "events.md"
    told = {
        found
        for path in folder.glob("*.py")
        for found in re.findall(r'\btell\([^)]*?"([a-z-]+)"', path.read_text("utf-8"))
    }
    documented = set(re.findall(r"`release:([a-z-]+)`", documents.read_text("utf-8")))
    assert len(told) > 20
    assert told - set(SENTENCES) == set() == told - documented
