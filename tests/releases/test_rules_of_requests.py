"""The rules of release requests, table by table: who may do what when, what is decided, who sees what, what may be written."""

import re
from datetime import datetime
from itertools import product

import pytest

from jobsite.core.states import ImpossibleStep
from jobsite.releases.requests import rules
from jobsite.releases.requests.answering import (
    is_explained,
    pinned,
    to_waive,
    unexplained,
    waived_by,
    why_not_approve,
)
from jobsite.releases.requests.decisions import decision, shown, status_after, why_not_overruled
from jobsite.releases.requests.places import place_of
from jobsite.releases.requests.rules import ACTIONS, REQUEST, STATUSES, Facts, why_not
from jobsite.releases.requests.taking import after_working_days, working_days_between
from jobsite.releases.requests.whole import Mark

AUTHOR = Facts(is_author=True, is_developer=True)
CHECKING_AUTHOR = Facts(is_author=True, is_developer=True, is_checker=True)
FORMER_AUTHOR = Facts(is_author=True)
COLLEAGUE = Facts(is_developer=True)
CHECKER = Facts(is_checker=True)
CHECKING_COLLEAGUE = Facts(is_checker=True, is_developer=True)
OBSERVER = Facts(is_observer=True)
AUDITOR = Facts(is_auditor=True)
PEOPLE = {
    "author": AUTHOR, "checking author": CHECKING_AUTHOR, "former author": FORMER_AUTHOR, "colleague": COLLEAGUE,
    "checker": CHECKER, "checking colleague": CHECKING_COLLEAGUE, "observer": OBSERVER, "auditor": AUDITOR,
}  # fmt: skip

DRAFTING = {"PENDING", "RETURNED"}
REVIEWING = {"SUBMITTED", "PARTIALLY_REVIEWED"}
CHECKING = REVIEWING | {"REVIEWED"}
ENDED = {"APPROVED", "RELEASED", "REJECTED", "WITHDRAWN", "REVOKED"}

# Action: (people, statuses). Written by hand from the specification (2.2, 3), not from the table under test.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    **{
        name: ({"author", "checking author"}, DRAFTING)
        for name in (
            "add_files", "update_file", "withdraw_file", "move_file", "change_type", "save_group", "explain", "submit",
            "withdraw",
        )
    },
    **{
        name: ({"checker"}, CHECKING)
        for name in (
            "make_public", "repost", "take", "let_go", "mark_opened", "vote", "changes_all", "waive", "unwaive",
            "confirm", "pin", "submit_review",
        )
    },
    **{name: ({"checker"}, REVIEWING) for name in ("clear_vote", "clear_all", "return_early")},
    **{name: ({"checker"}, {"REVIEWED"}) for name in ("return_request", "reject", "overrule", "restore", "approve")},
    "take_over": ({"checker"}, {"APPROVED"}),
    "recall": ({"checker", "auditor"}, {"RELEASED"}),
    "request_again": ({"author", "checking author", "colleague", "checking colleague"}, ENDED),
    "declare": ({"checking colleague"}, DRAFTING | CHECKING),
}  # fmt: skip
COMMENTERS = {
    "author": DRAFTING, "checking author": DRAFTING, "colleague": DRAFTING, "checking colleague": DRAFTING,
    "checker": DRAFTING | CHECKING,
}  # fmt: skip


def in_status(facts: Facts, status: str, **more: object) -> Facts:
    return Facts(**{**vars(facts), "status": status, **more})  # type: ignore[arg-type]


def may(action: str, person: str, status: str) -> bool:
    if action in ("comment", "edit_comment", "solve", "take_back", "recheck"):
        return status in COMMENTERS.get(person, set())
    if action == "stop_release":
        return False  # needs the undo window: a test of its own
    people, statuses = ALLOWED[action]
    return person in people and status in statuses


@pytest.mark.parametrize("action", ACTIONS)
def test_every_person_in_every_status_may_do_it_or_reads_why_not(action: str) -> None:
    """OC12, OC13, OC18, OC40: {action} x {status} x {person}."""
    for (person, facts), status in product(PEOPLE.items(), STATUSES):
        sentence = why_not(action, in_status(facts, status))
        assert (sentence is None) == may(action, person, status), (person, status, sentence)
        if sentence is not None:
            assert re.fullmatch(r"[A-Z][^{}]+\.", sentence), sentence


def test_the_hand_written_table_names_every_action() -> None:
    others = {"comment", "edit_comment", "solve", "take_back", "recheck", "stop_release"}
    assert set(ALLOWED) | others == set(ACTIONS)


@pytest.mark.parametrize(
    ("action", "facts", "sentence"),
    [
        ("vote", in_status(AUTHOR, "SUBMITTED"), "You are the author of this request, and nobody reviews their own request."),
        ("vote", in_status(CHECKING_AUTHOR, "SUBMITTED"), "You are the author of this request, and nobody reviews their own request."),
        ("vote", in_status(COLLEAGUE, "SUBMITTED"), "Only output checkers may vote on its files."),
        ("vote", in_status(CHECKING_COLLEAGUE, "SUBMITTED"), "You work on this workspace yourself, so another checker has to review its requests."),
        ("vote", in_status(OBSERVER, "SUBMITTED"), "Only output checkers may vote on its files."),
        ("vote", in_status(CHECKER, "RETURNED"), "Votes can be given while the request is submitted, partly reviewed or reviewed; now it is returned to its author."),
        ("submit", in_status(COLLEAGUE, "PENDING"), "Only the author of this request may submit it."),
        ("submit", in_status(FORMER_AUTHOR, "PENDING"), "You do not work on this workspace any more."),
        ("submit", in_status(AUTHOR, "SUBMITTED"), "A request can be submitted while the request is a draft or returned to its author; now it is submitted."),
        ("submit", in_status(AUTHOR, "PENDING", is_archived=True), "The workspace is archived: its requests can only be looked at."),
        ("add_files", in_status(AUTHOR, "PENDING", is_ongoing=False), "The project is not ongoing: its requests can only be looked at."),
        ("comment", in_status(OBSERVER, "PENDING"), "Only output checkers may comment on it."),
        ("comment", in_status(AUTHOR, "REVIEWED"), "Comments can be written while the request is a draft or returned to its author; now it is reviewed."),
        ("clear_vote", in_status(CHECKER, "SUBMITTED", has_reviewed=True), "You have submitted your review: change your votes instead of clearing them."),
        ("submit_review", in_status(CHECKER, "REVIEWED", has_reviewed=True), "You have submitted your review in this turn."),
        ("stop_release", in_status(CHECKER, "APPROVED"), "The undo window has ended. Once the files are released, the release can be recalled."),
        ("vote", in_status(CHECKING_COLLEAGUE, "SUBMITTED", colleagues="declare"), "You work on this workspace yourself: declare it in writing before you review its requests."),
    ],
)  # fmt: skip
def test_a_refusal_is_exactly_this_sentence(action: str, facts: Facts, sentence: str) -> None:
    assert why_not(action, facts) == sentence


def test_an_approval_can_be_stopped_inside_the_undo_window_only() -> None:
    """OC15."""
    assert why_not("stop_release", in_status(CHECKER, "APPROVED", undo_open=True)) is None
    assert why_not("stop_release", in_status(AUTHOR, "APPROVED", undo_open=True))


@pytest.mark.parametrize(("colleagues", "declared", "may_review"), [
    ("refuse", False, False), ("refuse", True, False), ("declare", False, False), ("declare", True, True), ("allow", False, True),
])  # fmt: skip
def test_colleagues_review_only_as_the_policy_says(colleagues: str, declared: bool, may_review: bool) -> None:
    """OC12: for every review command."""
    facts = Facts(is_checker=True, is_developer=True, colleagues=colleagues, has_declared=declared)
    assert facts.is_eligible == may_review
    assert facts.on_author_side != may_review
    for action in ("vote", "waive", "submit_review", "return_early", "take", "pin", "confirm"):
        assert (why_not(action, in_status(facts, "SUBMITTED")) is None) == may_review
    for action in ("approve", "reject", "return_request", "overrule", "restore"):
        assert (why_not(action, in_status(facts, "REVIEWED")) is None) == may_review
    author = in_status(facts, "REVIEWED", is_author=True)
    assert why_not("approve", author) == why_not("vote", author)
    assert "nobody reviews their own request" in str(why_not("approve", author))


def test_the_statuses_and_steps_are_those_of_the_specification() -> None:
    assert REQUEST.states == tuple(STATUSES)
    assert REQUEST.final == ("REJECTED", "WITHDRAWN", "REVOKED")
    assert set(REQUEST.owners.values()) == {"author", "checkers", "system"}
    for before, after in product(STATUSES, repeat=2):
        if after not in REQUEST.transitions[before]:
            with pytest.raises(ImpossibleStep):
                REQUEST.step(before, after)
    assert "REVIEWED --> APPROVED" in REQUEST.diagram()
    assert REQUEST.sources("APPROVED") == ("REVIEWED",), "nothing is approved that was not reviewed"


A, C, U = "APPROVED", "CHANGES_REQUESTED", "UNDECIDED"


@pytest.mark.parametrize(
    ("votes", "submitted", "overruled", "needed", "decided"),
    [
        ({}, [], [], 2, "INCOMPLETE"),
        ({"cat": A, "cyd": A}, ["cat"], [], 2, "INCOMPLETE"),
        ({"cat": A, "cyd": A}, ["cat", "cyd"], [], 2, A),
        ({"cat": C, "cyd": C}, ["cat", "cyd"], [], 2, C),
        ({"cat": A, "cyd": C}, ["cat", "cyd"], [], 2, "CONFLICTED"),
        ({"cat": A, "cyd": U}, ["cat", "cyd"], [], 2, "INCOMPLETE"),
        ({"cat": C, "cyd": U}, ["cat", "cyd"], [], 2, C),
        ({"cat": A, "cyd": A, "eve": A}, ["cat", "eve"], [], 2, A),
        ({"cat": A, "cyd": A, "eve": C}, ["cat", "cyd"], [], 2, A),
        ({"cat": A, "cyd": A, "eve": C}, ["cat", "cyd", "eve"], [], 2, "CONFLICTED"),
        ({"cat": A, "cyd": A, "eve": C}, ["cat", "cyd", "eve"], ["eve"], 2, A),
        ({"cat": A, "cyd": C}, ["cat", "cyd"], ["cyd"], 2, "INCOMPLETE"),
        ({"cat": A, "cyd": A}, ["cat", "cyd", "eve"], [], 3, "INCOMPLETE"),
        ({"cat": A, "cyd": A, "eve": A}, ["cat", "cyd", "eve"], [], 3, A),
    ],
)
def test_a_decision_follows_from_votes_of_those_who_reviewed(
    votes: dict[str, str], submitted: list[str], overruled: list[str], needed: int, decided: str
) -> None:
    """OC1: an open objection is never outvoted."""
    assert decision(votes, submitted, overruled, needed) == decided


def test_no_number_of_approvals_outvotes_an_objection() -> None:
    """OC1."""
    votes = {f"checker{number}": A for number in range(50)} | {"eve": C}
    assert decision(votes, list(votes), [], 2) == "CONFLICTED"


def test_the_author_reads_a_conflict_as_changes_requested() -> None:
    assert shown("CONFLICTED", to_checkers=False) == C
    assert shown("CONFLICTED", to_checkers=True) == "CONFLICTED"
    assert shown(A, to_checkers=False) == A


def test_the_status_follows_from_the_number_of_reviews() -> None:
    assert [status_after(number, 2) for number in range(4)] == [
        "SUBMITTED",
        "PARTIALLY_REVIEWED",
        "REVIEWED",
        "REVIEWED",
    ]
    assert [status_after(number, 3) for number in range(4)] == ["SUBMITTED", "PARTIALLY_REVIEWED", "PARTIALLY_REVIEWED", "REVIEWED"]  # fmt: skip


def test_only_a_reviewer_who_approved_overrules_somebody_elses_objection() -> None:
    """OC1."""
    fine = {"is_own": False, "has_reviewed": True, "has_approved": True, "is_overruled": False}
    assert why_not_overruled(**fine) is None
    for name, value in fine.items():
        assert why_not_overruled(**{**fine, name: not value}), name


@pytest.mark.parametrize(("reason", "refused"), [
    ("", True), ("x" * 19, True), ("  " + "x" * 19 + "  ", True), ("x" * 20, False), ("x" * 2000, False), ("x" * 2001, True),
    ("A reason with a \x00 sign in it.", True), ("A reason on\r\ntwo lines of text.", False),
])  # fmt: skip
def test_a_reason_has_20_to_2000_characters(reason: str, refused: bool) -> None:
    """OC3, 11."""
    assert bool(rules.why_not_reason(reason)) == refused


@pytest.mark.parametrize(
    "name",
    [
        "tables",
        "Tables & figures",
        "a/b",
        'x"y',
        "..",
        ".",
        "-",
        "表",
        "👩‍👩‍👧",
        "x" * 80,
        "<b>hi</b>",
        "a\\b",
    ],
)
def test_any_sign_may_be_in_the_name_of_a_group(name: str) -> None:
    """OC28."""
    assert rules.why_not_group_name(name, {}) is None
    slug = rules.group_slug(name, frozenset())
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", slug) and len(slug) <= 60


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "two\nlines", "a\x00b", "turned\u202eround", "line\u2028end"]
)
def test_a_group_name_is_one_line_of_1_to_80_characters(name: str) -> None:
    assert rules.why_not_group_name(name, {})


def test_group_names_are_told_apart_ignoring_case_and_slugs_stay_unique() -> None:
    assert rules.why_not_group_name("TABLES", {"tables": "tables"})
    slugs: set[str] = set()
    for _ in range(5):
        slugs.add(rules.group_slug("Tables!", frozenset(slugs)))
    assert slugs == {"tables", "tables-2", "tables-3", "tables-4", "tables-5"}


def test_texts_have_their_limits() -> None:
    """11."""
    assert rules.why_not_account("context", "x" * 10_000) is None and rules.why_not_account(
        "context", "x" * 10_001
    )
    assert rules.why_not_comment("x" * 5_000) is None and rules.why_not_comment("x" * 5_001)
    assert rules.why_not_comment(" \n ")
    assert rules.why_not_account("context", "\ud800")


def finding(severity: str = "fix", **changes: object) -> dict[str, object]:
    usual = {"rule": "C1", "rule_version": 2, "policy": "default", "policy_version": 1, "file_sha256": "a" * 64,
             "fingerprint": "f1", "sentence": "A small count.", "place": {"kind": "file"}}  # fmt: skip
    return {**usual, "severity": severity, **changes}


def mark(what: str = "waiver", **changes: object) -> Mark:
    usual = {"what": what, "id": 1, "file_id": 1, "sha256": "a" * 64, "rule": "C1", "rule_version": 2, "policy_version": 1,
             "fingerprint": "f1", "verdict": "WAIVED", "code": "other", "writer": "cat", "text": "t", "turn": 1, "at": None,
             "place": {}, "severity": ""}  # fmt: skip
    return Mark(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(("changes", "counts"), [
    ({}, True), ({"fingerprint": ""}, True), ({"fingerprint": "f2"}, False), ({"sha256": "b" * 64}, False),
    ({"rule_version": 1}, False), ({"policy_version": 0}, False), ({"verdict": "CONFIRMED"}, False), ({"rule": "C2"}, False),
])  # fmt: skip
def test_a_waiver_ends_with_the_bytes_the_rule_and_the_policy(
    changes: dict[str, object], counts: bool
) -> None:
    """OC44, 5.6."""
    assert (waived_by(finding(), [mark(**changes)]) == ["cat"]) == counts
    assert (to_waive([finding()], [mark(**changes)], "cat") == []) == counts


def test_an_explanation_follows_its_finding_but_not_other_bytes() -> None:
    explained = [mark("explanation", policy_version=0)]
    assert is_explained(finding(policy_version=4), explained)
    assert unexplained([finding(), finding("look"), finding(fingerprint="f2")], explained) == [
        finding(fingerprint="f2")
    ]
    assert unexplained([finding(file_sha256="b" * 64)], explained)


def test_a_waiver_of_another_checker_does_not_count_for_me() -> None:
    assert to_waive([finding()], [mark(writer="cyd")], "cat") == [finding()]


def test_only_what_was_opened_and_waived_can_be_approved() -> None:
    """OC14, 5.3."""
    assert why_not_approve("OUTPUT", [], [], "cat", is_opened=True) is None
    assert "Open the file first" in str(why_not_approve("OUTPUT", [], [], "cat", is_opened=False))
    assert "Waive 1 finding" in str(why_not_approve("OUTPUT", [finding()], [], "cat", is_opened=True))
    assert why_not_approve("OUTPUT", [finding(), finding("look")], [mark()], "cat", is_opened=True) is None
    assert "stops its release" in str(
        why_not_approve("OUTPUT", [finding("stop")], [mark()], "cat", is_opened=True)
    )
    assert why_not_approve("SUPPORTING", [], [], "cat", is_opened=True) == "Only outputs are voted on."


def test_a_pinned_remark_is_a_finding_of_the_rule_m1() -> None:
    remark = pinned(
        mark("pin", severity="fix", place={"kind": "cell", "row": 2}, text="Too exact for so few people.")
    )
    assert (remark["rule"], remark["severity"], remark["place"]) == ("M1", "fix", {"kind": "cell", "row": 2})
    assert pinned(mark("pin", severity="fix"), "SUPPORTING")["severity"] == "look"
    assert to_waive([remark], [mark(rule="M1", rule_version=1, policy_version=0)], "cat") == []


@pytest.mark.parametrize(("given", "kept"), [
    ({"kind": "cell", "row": 3, "col": 2, "header": "n", "odd": 1}, {"kind": "cell", "row": 3, "col": 2, "header": "n"}),
    ({"kind": "line", "line": 10**9 + 1}, {}), ({"kind": "cell", "row": "3"}, {}), ({"kind": "cell", "row": True}, {}),
    ({"kind": "house"}, {}), ({}, {}), ({"kind": "file", "header": 7}, {}), ({"kind": "file"}, {"kind": "file"}),
])  # fmt: skip
def test_a_place_keeps_only_what_a_place_has(given: dict[str, object], kept: dict[str, object]) -> None:
    assert place_of(given) == kept


def test_working_days_leave_weekends_out() -> None:
    friday = datetime(2026, 1, 2, 15)
    assert after_working_days(friday, 1) == datetime(2026, 1, 5, 15)
    assert working_days_between(friday, datetime(2026, 1, 5, 14)) == 0
    assert working_days_between(friday, datetime(2026, 1, 12, 15)) == 6
