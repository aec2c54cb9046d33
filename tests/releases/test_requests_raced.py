"""Two people, or two clicks, at the same moment: both count, or one reads that somebody was faster; nothing in between."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from jobsite.core.db import close_database
from jobsite.core.errors import Conflict, Refused
from jobsite.core.events import Event, verify
from jobsite.releases.requests import adding
from jobsite.releases.requests.adding import CHANGED, Wanted, add_files
from jobsite.releases.requests.models import ReleaseRequest, RequestFile, Review
from jobsite.releases.requests.releasing import approve
from jobsite.releases.requests.standing import FASTER, change, standing
from jobsite.releases.requests.steps import return_early, return_request, submit, submit_review
from jobsite.store.reading import open_level4

from .world import EVERYTHING, REASON, TABLE, World

A, B = "output/a.csv", "output/b.csv"


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Do the acts in threads that start together; "" or the sentence of its refusal, for each."""
    ready, answers = threading.Barrier(len(acts)), [""] * len(acts)

    def run(number: int, act: Callable[[], Any]) -> None:
        ready.wait(60)
        try:
            act()
        except Refused as refused:
            answers[number] = str(refused)
        finally:
            close_database()

    threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def events(request: ReleaseRequest, kind: str) -> int:
    return (
        Event.select()
        .where(Event.subject == f"release-request:{request.id}", Event.type == f"release:{kind}")
        .count()
    )


def test_two_reviewers_submit_at_the_same_moment_and_both_count(world: World) -> None:
    """2.2."""
    request = world.submitted()
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, request, ends=False)
    answers = at_once(
        lambda: submit_review(by=world.cast.cat, request_id=request.id),
        lambda: submit_review(by=world.cast.cyd, request_id=request.id),
    )
    assert answers == ["", ""]
    assert world.again(request).status == "REVIEWED" and Review.select().count() == 2
    assert (events(request, "partially-reviewed"), events(request, "reviewed")) == (1, 1)


@pytest.mark.parametrize("again", [
    lambda world, request: submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING),
    lambda world, request: world.draft(files=(A,)),
])  # fmt: skip
def test_two_clicks_do_it_once(world: World, again: Callable[[World, ReleaseRequest], Any]) -> None:
    """OC8."""
    request = world.draft(files=(B,))
    answers = at_once(lambda: again(world, request), lambda: again(world, request))
    assert answers.count("") >= 1
    assert all(one in ("", FASTER) or "in the request already" in one for one in answers)
    assert max(events(request, "submitted"), RequestFile.select().where(RequestFile.path == A).count()) == 1
    assert verify()[1] is None


def test_two_first_files_make_one_request(world: World) -> None:
    def add(path: str) -> Callable[[], Any]:
        return lambda: add_files(
            by=world.cast.ada, workspace="asthma", backend="local", group="tables", files=[Wanted(path)]
        )

    assert at_once(add(A), add(B)) == ["", ""]
    assert ReleaseRequest.select().count() == 1 and RequestFile.select().count() == 2


def test_returned_and_approved_at_the_same_moment_one_of_them_holds(world: World) -> None:
    request = world.reviewed()
    answers = at_once(
        lambda: approve(by=world.cast.cat, request_id=request.id),
        lambda: return_request(by=world.cast.cyd, request_id=request.id, reason=REASON),
    )
    status = world.again(request).status
    assert sorted(one == "" for one in answers) == [False, True]
    assert events(request, "approved") == (status == "APPROVED")
    assert events(request, "returned") == (status == "RETURNED")


def test_returned_early_and_reviewed_at_the_same_moment(world: World) -> None:
    request = world.submitted()
    world.review(world.cast.cat, request, ends=False)
    at_once(
        lambda: submit_review(by=world.cast.cat, request_id=request.id),
        lambda: return_early(by=world.cast.cyd, request_id=request.id, reason=REASON),
    )
    assert world.again(request).status == "RETURNED"
    assert Review.select().where(Review.superseded_at.is_null()).count() == 0


def test_a_change_of_what_somebody_changed_before_is_a_conflict(world: World) -> None:
    """OC8: each hand-over is a conditional write that hits exactly one row."""
    request = world.draft()
    mine, theirs = world.again(request), world.again(request)
    change(theirs, status="PENDING")
    with pytest.raises(Conflict, match="Somebody was faster"):
        change(mine, status="SUBMITTED")
    assert world.again(request).status == "PENDING"


def test_a_file_that_changes_while_it_is_added_is_refused_with_nothing_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.5, OC30, OC35: a job writes into the file between opening and copying."""

    def opened_and_changed(roots: Any, workspace: str, path: str) -> Any:
        opened = open_level4(roots, workspace, path)
        with (roots.level4_of(workspace) / path).open("r+") as file:
            file.write(TABLE.replace("120", "777"))
        return opened

    monkeypatch.setattr(adding, "open_level4", opened_and_changed)
    with pytest.raises(Conflict) as refused:
        world.draft(files=(B, A))
    assert str(refused.value) == CHANGED
    assert not ReleaseRequest.select().exists()
    assert list((world.instance / "releases" / "copies").iterdir()) == []


def test_approvals_of_other_bytes_do_not_count(world: World) -> None:
    """The last line of defence: were a vote left standing, its content would still not be the file's."""
    request = world.reviewed()
    RequestFile.update(sha256="0" * 64).where(RequestFile.path == A).execute()
    acting = standing(world.cast.cat, request.id)
    state = acting.whole()
    assert state.decision(world.file(request, A)) == "INCOMPLETE"
    with pytest.raises(Refused):
        approve(by=world.cast.cat, request_id=request.id)
