"""Every command on a request is stopped dead after its audit row is written and before it ends: nothing has happened, and
doing it again goes on (OC7, OC49). Those that copy files or hand the request over have more points: `test_requests_killed`."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jobsite.core.events import verify
from jobsite.releases.requests.comments import comment, make_public, repost, take_back
from jobsite.releases.requests.editing import change_type, move_file, withdraw_file
from jobsite.releases.requests.findings import confirm, explain, pin, unwaive, waive
from jobsite.releases.requests.forcing import force, give
from jobsite.releases.requests.groups import save_group
from jobsite.releases.requests.models import Comment, ReleaseRequest
from jobsite.releases.requests.rechecking import recheck
from jobsite.releases.requests.releasing import stop_release
from jobsite.releases.requests.rules import ACTIONS, CHANGES, PRIVATE, PUBLIC, SUPPORTING
from jobsite.releases.requests.steps import reject, return_early, submit, withdraw
from jobsite.releases.requests.taking import declare, let_go, take
from jobsite.releases.requests.threads import edit, reopen_comment, reply, solve
from jobsite.releases.requests.uploading import continue_upload
from jobsite.releases.requests.voting import (
    changes_all,
    clear_all,
    clear_vote,
    mark_opened,
    overrule,
    restore,
    vote,
)

from .test_requests_killed import ACTS, KILLED, in_a_process, only, rows
from .world import CONTEXT, CONTROLS, EVERYTHING, REASON, SMALL, World

A, B = "output/a.csv", "output/b.csv"
CASE = "This is a count of regions, not of people."
ELSEWHERE = {
    "add_files": "add", "update_file": "update", "submit": "submit", "vote": "vote", "submit_review": "review",
    "return_early": "return early", "return_request": "return", "approve": "approve", "recall": "recall",
    "request_again": "again",
}  # fmt: skip
"""Those that `test_requests_killed` stops at points of their own."""

Step = tuple[str, str, Callable[..., Any], dict[str, Any]]


def last() -> int:
    """The comment that was written last."""
    return Comment.select(Comment.id).order_by(Comment.id.desc()).scalar()


def drafted(world: World) -> None:
    world.publish({A: SMALL})
    world.draft()


def in_review(world: World) -> None:
    drafted(world)
    for finding in world.file(ReleaseRequest.get(), A).findings:
        explain(by=world.cast.ada, request_id=only(world), path=A, rule=finding["rule"], text=CASE)
    submit(by=world.cast.ada, request_id=only(world), checklist=EVERYTHING)


def disagreed(world: World) -> None:
    request = world.submitted()
    world.review(world.cast.cat, request)
    world.review(world.cast.cyd, request, asks_for=(B,))


def stuck(world: World) -> None:
    world.approved()
    ReleaseRequest.update(upload_state="stuck").execute()


DRAFT: Sequence[Step] = (
    ("save_group", "ada", save_group, {"group": "tables", "name": "tables", "context": CONTEXT + " Yes.", "controls": CONTROLS}),
    ("move_file", "ada", move_file, {"path": B, "group": "more"}),
    ("change_type", "ada", change_type, {"path": B, "kind": SUPPORTING}),
    ("withdraw_file", "ada", withdraw_file, {"path": B}),
    ("explain", "ada", explain, {"path": A, "rule": "C1", "text": CASE}),
    ("recheck", "ada", recheck, {}),
    ("comment", "ada", comment, {"text": "Rounded to 5."}),
    ("edit_comment", "ada", edit, {"comment_id": last, "text": "Rounded to 10."}),
    ("take_back", "ada", take_back, {"comment_id": last}),
    ("comment", "cat", comment, {"text": "Why to 10?", "audience": PUBLIC}),
    ("solve", "ada", solve, {"comment_id": last}),
    ("reopen", "ada", reopen_comment, {"comment_id": last}),
    ("reply", "ada", reply, {"comment_id": last, "text": "As in May."}),
    ("give", "sam", give, {"to": "ben", "reason": REASON}),
    ("withdraw", "ben", withdraw, {}),
)  # fmt: skip
REVIEW: Sequence[Step] = (
    ("take", "cat", take, {}),
    ("let_go", "cat", let_go, {}),
    ("declare", "fay", declare, {"text": "I built the pipeline of this study."}),
    ("mark_opened", "cat", mark_opened, {"path": A}),
    ("waive", "cat", waive, {"path": A, "rule": "C1", "code": "not-a-count", "text": CASE}),
    ("unwaive", "cat", unwaive, {"path": A, "rule": "C1"}),
    ("confirm", "cat", confirm, {"path": A, "rule": "C1"}),
    ("pin", "cat", pin, {"path": A, "place": {"kind": "file"}, "severity": "fix", "sentence": REASON}),
    ("vote", "cat", vote, {"path": A, "value": CHANGES}),
    ("clear_vote", "cat", clear_vote, {"path": A}),
    ("changes_all", "cat", changes_all, {"group": "tables"}),
    ("clear_all", "cat", clear_all, {"group": "tables"}),
    ("comment", "cat", comment, {"text": "Not round.", "audience": PRIVATE}),
    ("make_public", "cat", make_public, {"comment_id": last}),
    ("force", "sam", force, {"actor": "cat", "status": "REJECTED", "reason": REASON}),
)  # fmt: skip
DECISION: Sequence[Step] = (
    ("overrule", "cat", overrule, {"path": B, "objector": "cyd", "reason": REASON}),
    ("restore", "cyd", restore, {"path": B}),
    ("reject", "cat", reject, {"category": "other", "reason": REASON}),
)
LIVES: dict[str, tuple[Callable[[World], None], Sequence[Step]]] = {
    "draft": (drafted, DRAFT),
    "review": (in_review, REVIEW),
    "decision": (disagreed, DECISION),
    "approved": (
        lambda world: world.approved(),
        (("stop_release", "cyd", stop_release, {"reason": REASON}),),
    ),
    "stuck": (stuck, (("take_over", "eve", continue_upload, {}),)),
}


def done(world: World, step: Step) -> None:
    _, person, act, given = step
    facts = {name: value() if callable(value) else value for name, value in given.items()}
    facts |= {name: getattr(world.cast, facts[name]) for name in ("to", "actor") if name in facts}
    act(by=getattr(world.cast, person), request_id=only(world), **facts)


@pytest.mark.parametrize("life", LIVES)
def test_killed_before_it_ends_a_command_has_not_happened(world: World, life: str) -> None:
    """OC7, OC49."""
    prepare, steps = LIVES[life]
    prepare(world)
    for step in steps:
        before = rows()
        assert in_a_process(lambda world, step=step: done(world, step), world, "told") == KILLED, step[0]
        assert rows() == before, step[0]
        done(world, step)
        assert rows() != before, step[0]
    assert verify()[1] is None


def test_a_comment_posted_again_is_there_once_whatever_was_killed(world: World) -> None:
    """OC4, OC49."""
    prepared = world.submitted()
    comment(by=world.cast.cat, request_id=prepared.id, text="Not round.", audience=PRIVATE)
    sealed = last()
    return_early(by=world.cast.cyd, request_id=prepared.id, reason=REASON)
    submit(by=world.cast.ada, request_id=prepared.id, checklist=EVERYTHING)
    step: Step = ("repost", "cat", repost, {"comment_id": sealed})
    assert in_a_process(lambda world: done(world, step), world, "told") == KILLED
    assert Comment.select().where(Comment.text == "Not round.").count() == 1
    done(world, step)
    assert Comment.select().where(Comment.text == "Not round.").count() == 2


def test_no_command_is_left_out() -> None:
    tried = {name for _, steps in LIVES.values() for name, *_ in steps} | {"repost"}
    assert set(ELSEWHERE.values()) <= set(ACTS)
    assert set(ACTIONS) <= tried | set(ELSEWHERE)
