"""The very sentence that each person reads who may not do something with a request in some status: every combination.

What may be done is in `test_rules_of_requests`; here it is only taken apart who, when and where.
"""

from itertools import product

import pytest

from jobsite.releases.requests.rules import ACTIONS, Facts, why_not

from .test_rules_of_requests import ALLOWED, CHECKING, COMMENTERS, DRAFTING, PEOPLE, REVIEWING, in_status

STATUS = {
    "PENDING": "a draft", "RETURNED": "returned to its author", "SUBMITTED": "submitted",
    "PARTIALLY_REVIEWED": "partly reviewed", "REVIEWED": "reviewed", "APPROVED": "approved", "RELEASED": "released",
    "REJECTED": "rejected", "WITHDRAWN": "withdrawn", "REVOKED": "recalled",
}  # fmt: skip
# Action: what only some may do, and what can be done at certain times.
WORDS = {
    "add_files": ("add files to it", "Files can be added"),
    "update_file": ("update its files", "Files can be updated"),
    "withdraw_file": ("withdraw its files", "Files can be withdrawn"),
    "move_file": ("move its files", "Files can be moved"),
    "change_type": ("change the type of its files", "Types can be changed"),
    "save_group": ("edit its groups", "Context and controls can be edited"),
    "explain": ("explain its findings", "Findings can be explained"),
    "submit": ("submit it", "A request can be submitted"),
    "withdraw": ("withdraw it", "A request can be withdrawn"),
    "comment": ("comment on it", "Comments can be written"),
    "recheck": ("have it checked again", "Checks can be run again"),
    "edit_comment": ("edit their comments", "A comment can be edited"),
    "solve": ("mark comments solved", "A comment can be marked solved"),
    "take_back": ("take back comments", "A comment can be taken back"),
    "make_public": ("make comments public", "A comment can be made public"),
    "repost": ("post sealed comments again", "A sealed comment can be posted again"),
    "take": ("take it", "A request can be taken"),
    "let_go": ("let it go", "A request can be let go"),
    "declare": ("", "It can be declared"),
    "mark_opened": ("open its files", "Files can be opened for review"),
    "vote": ("vote on its files", "Votes can be given"),
    "clear_vote": ("clear their votes", "Votes can be cleared"),
    "changes_all": ("ask for changes", "Changes can be asked for"),
    "clear_all": ("clear their votes", "Votes can be cleared"),
    "waive": ("waive findings", "Findings can be waived"),
    "unwaive": ("take back waivers", "Waivers can be taken back"),
    "confirm": ("confirm findings", "Findings can be confirmed"),
    "pin": ("pin remarks", "Remarks can be pinned"),
    "submit_review": ("submit a review", "A review can be submitted"),
    "return_early": ("return it early", "A request can be returned early"),
    "return_request": ("return it", "A request can be returned"),
    "reject": ("reject it", "A request can be rejected"),
    "overrule": ("overrule objections", "Objections can be overruled"),
    "restore": ("restore their objection", "An objection can be restored"),
    "approve": ("approve it", "A request can be approved"),
    "stop_release": ("stop its release", "A release can be stopped"),
    "recall": ("recall it", "A release can be recalled"),
    "take_over": ("continue its upload", "An upload can be taken over"),
    "request_again": ("request it again", "A request can be made again"),
}
OWN = "You are the author of this request, and nobody reviews their own request."
COLLEAGUE = "You work on this workspace yourself, so another checker has to review its requests."
LEFT = "You do not work on this workspace any more."
DECLARING = "Only output checkers who work on this workspace have something to declare."
WINDOW = "The undo window has ended. Once the files are released, the release can be recalled."
COMMENTING = ("comment", "recheck", "edit_comment", "solve", "take_back")
AUTHORING = [name for name, (people, _) in ALLOWED.items() if people == {"author", "checking author"}]


def who(action: str, person: str) -> str:
    """What somebody reads who may not do it whatever the status, "" who may."""
    may = COMMENTERS.keys() if action in COMMENTING else {"checker"}
    may = ALLOWED[action][0] if action in ALLOWED else may
    if person in may:
        return ""
    if action in AUTHORING:
        return (
            LEFT if person == "former author" else f"Only the author of this request may {WORDS[action][0]}."
        )
    if action == "request_again":
        return f"Only people who work on the workspace may {WORDS[action][0]}."
    if action == "declare":
        return DECLARING
    if person in ("author", "checking author", "former author"):
        return OWN
    return COLLEAGUE if person == "checking colleague" else f"Only output checkers may {WORDS[action][0]}."


def when(action: str, person: str, status: str) -> str:
    """What somebody reads who may do it in another status, "" in this one."""
    statuses = COMMENTERS.get(person, set()) if action in COMMENTING else {"APPROVED"}
    statuses = ALLOWED[action][1] if action in ALLOWED else statuses
    if status in statuses:
        return WINDOW if action == "stop_release" else ""
    *some, last = [words for name, words in STATUS.items() if name in statuses]
    while_it = f"{', '.join(some)} or {last}" if some else last
    return f"{WORDS[action][1]} while the request is {while_it}; now it is {STATUS[status]}."


@pytest.mark.parametrize("action", WORDS)
def test_who_may_not_reads_why_in_this_very_sentence(action: str) -> None:
    """OC40: {action} x {status} x {role, authorship}."""
    for (person, facts), status in product(PEOPLE.items(), STATUS):
        read = why_not(action, in_status(facts, status)) or ""
        assert read == (who(action, person) or when(action, person, status)), (person, status)


def test_where_nothing_may_be_changed_the_place_is_the_reason() -> None:
    archived = "The workspace is archived: its requests can only be looked at."
    ended = "The project is not ongoing: its requests can only be looked at."
    for action, (_, statuses) in ALLOWED.items():
        if action in AUTHORING or action == "request_again":
            status = min(statuses)
            facts = in_status(PEOPLE["author"], status)
            still = action == "withdraw"
            assert (why_not(action, Facts(**{**vars(facts), "is_archived": True})) or "") == (
                "" if still else archived
            )
            assert (why_not(action, Facts(**{**vars(facts), "is_ongoing": False})) or "") == (
                "" if still else ended
            )


def test_who_reviewed_already_reads_what_to_do_instead() -> None:
    clear = "You have submitted your review: change your votes instead of clearing them."
    again = "You have submitted your review in this turn."
    expected = {
        "clear_vote": (clear, REVIEWING),
        "clear_all": (clear, REVIEWING),
        "submit_review": (again, CHECKING),
    }
    for action, (sentence, statuses) in expected.items():
        for status in statuses:
            assert why_not(action, in_status(PEOPLE["checker"], status, has_reviewed=True)) == sentence
    assert why_not("vote", in_status(PEOPLE["checker"], "REVIEWED", has_reviewed=True)) is None


def test_every_action_and_every_status_is_here() -> None:
    assert set(WORDS) == set(ACTIONS) and DRAFTING <= set(STATUS) and len(STATUS) == 10
