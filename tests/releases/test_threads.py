"""Comments are answered, edited for a quarter of an hour and marked solved by the other side, and nobody learns of it too early."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from peewee import IntegrityError

from jobsite.accounts.models import User
from jobsite.core import clock
from jobsite.core.errors import Denied, Invalid, NotFound
from jobsite.outputs import policies
from jobsite.releases.requests.comments import comment, make_public, repost, take_back
from jobsite.releases.requests.models import CommentChange, ReleaseRequest
from jobsite.releases.requests.pages import CommentShown
from jobsite.releases.requests.queries import file_page, group_page, overview
from jobsite.releases.requests.rules import PRIVATE, PUBLIC
from jobsite.releases.requests.steps import return_early, submit
from jobsite.releases.requests.taking import declare
from jobsite.releases.requests.threads import edit, reopen_comment, reply, solve

from .test_desk import at, people, words_of  # noqa: F401
from .world import EVERYTHING, REASON, World

A = "output/a.csv"
LATE = timedelta(minutes=16)


def on_request(request: ReleaseRequest, viewer: User) -> list[CommentShown]:
    return list(overview(request.id, viewer).comments)


def seen(request: ReleaseRequest, viewer: User) -> list[tuple[str, bool, str]]:
    """The comments on the request: text, whether it is an answer, and who marked it solved."""
    return [
        (one.text, one.answers is not None, one.solved_by.username if one.solved_by else "")
        for one in on_request(request, viewer)
    ]


def events(request: ReleaseRequest, viewer: User) -> set[str]:
    return {one.type for one in overview(request.id, viewer).activity}


def test_an_edit_keeps_what_was_there_for_its_writer_and_auditors(world: World) -> None:
    request, cat, cyd = world.submitted(), world.cast.cat, world.cast.cyd
    acts = {"by": cat, "request_id": request.id}
    first = comment(**acts, text="Frist", audience=PUBLIC)
    edit(**acts, comment_id=first.id, text="First ")
    edit(**acts, comment_id=first.id, text="First")
    edit(**acts, comment_id=first.id, text="First again")
    assert CommentChange.select().count() == 2, "the same text again is no edit"
    for viewer in (cyd, world.cast.ada):
        assert on_request(request, viewer) == [] and "comment-edited" not in events(request, viewer)
    for viewer in (cat, world.cast.sam):
        [told] = on_request(request, viewer)
        assert (told.text, told.is_edited, told.earlier) == ("First again", True, ("Frist", "First"))
    for checker in (cat, cyd):
        world.review(checker, request)
    [told] = on_request(request, cyd)
    assert (told.text, told.is_edited, told.earlier) == ("First again", True, ())
    assert on_request(request, world.cast.ada) == []
    with pytest.raises(IntegrityError, match="stays"):
        CommentChange.update(text="Never said").execute()
    with pytest.raises(IntegrityError, match="for ever"):
        CommentChange.delete().execute()


def test_only_the_writer_edits_and_only_for_a_quarter_of_an_hour(world: World) -> None:
    request, cat = world.submitted(), world.cast.cat
    acts = {"by": cat, "request_id": request.id}
    private, public = (comment(**acts, text="Said", audience=one) for one in (PRIVATE, PUBLIC))
    with pytest.raises(NotFound):
        edit(by=world.cast.cyd, request_id=request.id, comment_id=public.id, text="Not mine")
    with pytest.raises(Invalid, match="Write a comment"):
        edit(**acts, comment_id=private.id, text=" ")
    edit(**acts, comment_id=private.id, text="Said better")
    again = make_public(**acts, comment_id=private.id)
    assert again.text == "Said better", "what is made public is the newest text"
    take_back(**acts, comment_id=public.id)
    with pytest.raises(Denied, match="sealed"):
        edit(**acts, comment_id=public.id, text="Too late")
    with clock.at(clock.now() + LATE), pytest.raises(Denied, match="15 minutes"):
        edit(**acts, comment_id=again.id, text="Too late")
    return_early(by=cat, request_id=request.id, reason=REASON)
    [reason] = [one for one in on_request(request, cat) if one.reason_for]
    assert reason.why_not_edit == "The reason of a step stays as it was given."
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    with pytest.raises(Denied, match="sealed"):
        edit(**acts, comment_id=again.id, text="Of another turn")
    assert repost(**acts, comment_id=again.id).text == "Said better"


def test_answers_stand_behind_what_they_answer_and_reach_no_more_people(world: World) -> None:
    request, ada, cat, cyd = world.draft(), world.cast.ada, world.cast.cat, world.cast.cyd
    question = comment(by=ada, request_id=request.id, text="Is this right?", group="tables")
    comment(by=ada, request_id=request.id, text="Another", group="tables")
    submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    to = {"request_id": request.id, "comment_id": question.id}
    aside = reply(by=cat, **to, text="It is not", audience=PRIVATE)
    reply(by=cat, **to, text="Round it")
    assert aside.group_id == question.group_id and aside.audience == PRIVATE
    deeper = reply(by=cat, request_id=request.id, comment_id=aside.id, text="At all", audience=PUBLIC)
    assert (deeper.audience, deeper.answers_id) == (PRIVATE, question.id)

    def told(viewer: User) -> list[str]:
        return [one.text for one in group_page(request.id, "tables", viewer).comments]

    assert told(cat) == ["Is this right?", "It is not", "Round it", "At all", "Another"]
    assert told(cyd) == told(ada) == ["Is this right?", "Another"]
    with pytest.raises(NotFound):
        reply(by=cyd, request_id=request.id, comment_id=aside.id, text="I cannot know of it")
    for checker in (cat, cyd):
        world.review(checker, request)
    assert told(cyd) == ["Is this right?", "It is not", "Round it", "At all", "Another"]
    assert told(ada) == ["Is this right?", "Another"]


def test_an_answer_to_what_one_may_not_see_stands_by_itself(world: World) -> None:
    request, cat = world.submitted(), world.cast.cat
    root = comment(by=cat, request_id=request.id, text="Root", audience=PUBLIC, path=A)
    reply(by=cat, request_id=request.id, comment_id=root.id, text="More")
    take_back(by=cat, request_id=request.id, comment_id=root.id)
    for checker in (cat, world.cast.cyd):
        world.review(checker, request)
    shown = file_page(request.id, "tables", A, world.cast.cyd).comments
    assert [(one.text, one.is_taken_back, one.answers) for one in shown] == [
        ("", True, None),
        ("More", False, root.id),
    ]
    with pytest.raises((Denied, NotFound)):
        reply(by=world.cast.cyd, request_id=request.id, comment_id=root.id, text="To nothing")


def test_the_other_side_marks_solved_and_checkers_stay_blind_to_each_other(world: World) -> None:
    request, ada, ben, cat, cyd = (
        world.draft(),
        *(getattr(world.cast, name) for name in ("ada", "ben", "cat", "cyd")),
    )
    asked = comment(by=ada, request_id=request.id, text="Is this right?")
    about = {"request_id": request.id, "comment_id": asked.id}
    with pytest.raises(Denied, match="other side"):
        solve(by=ben, **about)
    submit(by=ada, request_id=request.id, checklist=EVERYTHING)
    solve(by=cat, **about)
    solve(by=cat, **about)
    assert CommentChange.select().count() == 1
    assert seen(request, cat) == [("Is this right?", False, "cat")]
    for viewer in (cyd, ada, ben):
        assert seen(request, viewer) == [("Is this right?", False, "")]
        assert "comment-solved" not in events(request, viewer)
    solve(by=cyd, **about)
    reopen_comment(by=cyd, **about)
    for checker in (cat, cyd):
        world.review(checker, request)
    assert seen(request, cat) == seen(request, cyd) == [("Is this right?", False, "")], (
        "the newest mark decides"
    )
    assert {"comment-solved", "comment-reopened"} <= events(request, cyd)


def test_an_early_return_seals_the_marks_of_its_turn(world: World) -> None:
    request, cat = world.draft(), world.cast.cat
    asked = comment(by=world.cast.ada, request_id=request.id, text="Is this right?")
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    solve(by=cat, request_id=request.id, comment_id=asked.id)
    return_early(by=world.cast.cyd, request_id=request.id, reason=REASON)
    solved = {name: seen(request, getattr(world.cast, name))[0][2] for name in ("ada", "cat", "cyd")}
    assert solved == {"ada": "", "cat": "cat", "cyd": ""}


def test_threads_are_worked_on_the_page(world: World, people: Callable[[str], FlaskClient]) -> None:  # noqa: F811
    request = world.draft()
    group = at(request, "tables", "")
    asked = comment(by=world.cast.ada, request_id=request.id, text="Is this right?", group="tables")
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    cat = people("cat")

    def press(status: int, **form: Any) -> str:
        answer = cat.post(group, data={"comment": str(asked.id), **form})
        assert answer.status_code == status, words_of(answer.text)[-300:]
        return words_of(answer.text)

    refused = press(422, do="reply", reply=" ")
    assert "Error: Write a comment." in refused
    press(303, do="reply", reply="No: round it first.")
    press(303, do="solve")
    page = words_of(cat.get(group).text)
    assert "No: round it first." in page and "Solved, says Cat Castell" in page and "Open it again" in page
    press(303, do="reopen")
    mine = group_page(request.id, "tables", world.cast.cat).comments[1]
    press(303, do="edit-comment", comment=str(mine.id), edited="No: hide first, then round.")
    page = words_of(cat.get(group).text)
    assert "Edited" in page and "Before it was edited: 1 of 1" in page and "Mark as solved" in page
    cyd = words_of(people("cyd").get(group).text)
    assert "Is this right?" in cyd and "hide first" not in cyd and "Solved" not in cyd


@pytest.fixture
def declaring(world: World) -> None:
    """A policy by which checkers who work on the workspace may review once they have declared it."""
    sam, pat = world.cast.sam, world.cast.pat
    User.update(roles=sam.roles).where(User.id == pat.id).execute()
    document = policies.policy_of(world.project).document
    reviews = {**document["reviews"], "colleagues": "declare"}
    policies.propose(by=sam, document={**document, "policy": "air", "reviews": reviews}, note="")
    policies.approve(by=User.get_by_id(pat.id), policy="air", version=1)
    policies.choose(by=sam, project=world.project, policy="air")


def test_a_declaration_is_read_by_the_other_checkers_and_by_nobody_on_the_author_s_side(
    world: World,
    declaring: None,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    request, said = world.submitted(), "I wrote the protocol of this study with them."
    declare(by=world.cast.fay, request_id=request.id, text=said)
    for name, reads in (("cat", True), ("fay", True), ("sam", True), ("ada", False), ("ben", False)):
        page = words_of(people(name).get(at(request)).text)
        assert (said in page) == reads, name
    assert "Fay Fischer" in words_of(people("cat").get(at(request)).text)
    world.review(world.cast.fay, request)
    assert world.again(request).status == "PARTIALLY_REVIEWED"
