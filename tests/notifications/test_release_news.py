"""Who is told what of release requests and publications, and that nothing sensitive is in it."""

from datetime import timedelta
from pathlib import Path

import pytest

from jobsite.core.clock import at, now
from jobsite.notifications.models import Delivery, Notice
from jobsite.notifications.reading import read_news
from jobsite.notifications.wording import worded
from jobsite.publishing import actions as publishing
from jobsite.releases.models import ReleaseFile
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.releasing import recall, stop_release
from jobsite.releases.requests.steps import reject, return_early, withdraw
from jobsite.releases.requests.uploading import run_due
from tests.releases.world import REASON, World, make_world

MARK = "marked-4711"
IN_APP, MAILED = "in the inbox", "by e-mail"

pytestmark = pytest.mark.usefixtures("instance")


@pytest.fixture
def world(instance: Path) -> World:
    """A workspace with outputs at Level 4; what was told while it was made is forgotten."""
    made = make_world(instance)
    forget()
    return made


def forget() -> None:
    read_news()
    Notice.delete().execute()
    Delivery.delete().execute()


def told(kind: str) -> dict[str, str]:
    """Who was told news of that kind since the last time it was asked, and how."""
    read_news()
    inboxes = {one.user.username for one in Notice.select().where(Notice.kind == kind)}
    mails = {
        one.user.username
        for one in Delivery.select().where(Delivery.kind == kind, Delivery.channel == "mail")
    }
    Notice.delete().execute()
    Delivery.delete().execute()
    assert mails <= inboxes
    return {name: MAILED if name in mails else IN_APP for name in inboxes}


def released(world: World) -> ReleaseRequest:
    request = world.approved()
    forget()
    with at(now() + timedelta(minutes=2)):
        run_due()
    return world.again(request)


def test_checkers_who_may_check_are_told_of_a_submission_and_colleagues_see_it(world: World) -> None:
    world.submitted()
    assert told("release-submitted") == {
        **dict.fromkeys(("cat", "cyd", "eve"), MAILED),
        **dict.fromkeys(("ben", "fay"), IN_APP),
    }


def test_of_a_review_only_the_number_is_told_and_nobody_is_named(world: World) -> None:
    request = world.submitted()
    forget()
    world.review(world.cast.cat, request)
    read_news()
    notices = list(Notice.select().where(Notice.kind == "release-reviewed"))
    assert {one.user.username for one in notices} == {"ada", "ben", "fay"}
    for notice in notices:
        said = worded(notice.kind, notice.facts)
        assert "1 of 2 reviews in" in said.subject
        assert "cat" not in f"{said.subject} {said.lines}".lower().split()
    assert told("release-reviewed").keys() == {"ada", "ben", "fay"}
    world.review(world.cast.cyd, request)
    assert told("release-reviewed") == dict.fromkeys(("ada", "ben", "fay", "cat"), IN_APP)


def test_the_author_is_mailed_when_something_is_to_be_done(world: World) -> None:
    world.returned()
    assert told("release-returned") == {"ada": MAILED, **dict.fromkeys(("ben", "fay", "cyd"), IN_APP)}


def test_an_early_return_is_told_too(world: World) -> None:
    request = world.submitted()
    forget()
    return_early(by=world.cast.cat, request_id=request.id, reason=REASON)
    assert told("release-returned") == {"ada": MAILED, "ben": IN_APP, "fay": IN_APP}


def test_a_rejection_and_a_withdrawal_are_told_to_the_others(world: World) -> None:
    request = world.reviewed()
    forget()
    reject(by=world.cast.cat, request_id=request.id, category="other", reason=REASON)
    assert told("release-rejected") == {**dict.fromkeys(("ada", "ben", "fay"), MAILED), "cyd": IN_APP}
    draft = world.draft(world.cast.ben)
    withdraw(by=world.cast.ben, request_id=draft.id)
    assert told("release-withdrawn") == dict.fromkeys(("ada", "fay"), MAILED)


def test_an_approval_is_told_when_the_files_have_arrived_and_never_when_it_was_taken_back(
    world: World,
) -> None:
    request = world.approved()
    assert told("release-released") == {}
    stop_release(by=world.cast.cat, request_id=request.id, reason=REASON)
    with at(now() + timedelta(minutes=2)):
        run_due()
    assert told("release-released") == {}


def test_a_release_is_told_with_its_address(world: World) -> None:
    request = released(world)
    assert request.status == "RELEASED"
    read_news()
    notice = Notice.get(Notice.kind == "release-released", Notice.user == world.cast.ada)
    assert worded(notice.kind, notice.facts).path == f"/asthma/releases/{request.id}/"
    assert told("release-released") == {**dict.fromkeys(("ada", "ben", "fay"), MAILED), "cat": IN_APP}


def test_everybody_who_may_have_a_copy_is_told_of_a_recall(world: World) -> None:
    request = released(world)
    forget()
    recall(by=world.cast.cat, request_id=request.id, public_reason=REASON, private_reason=REASON)
    assert told("release-recalled") == dict.fromkeys(("ada", "ben", "fay", "cyd", "eve", "sam"), MAILED)


def test_drafts_are_told_to_publishers_and_decisions_to_the_project(world: World) -> None:
    released(world)
    forget()
    ids = [file.id for file in ReleaseFile.select().where(~ReleaseFile.is_record)]
    draft = publishing.draft(by=world.cast.ada, workspace=world.workspace, file_ids=ids, title=MARK)
    assert told("publication-drafted") == {"pat": MAILED}
    publishing.publish(by=world.cast.pat, snapshot=draft)
    assert told("publication-published") == dict.fromkeys(("ada", "ben", "fay"), MAILED)
    publishing.withdraw(by=world.cast.pat, snapshot=draft, reason=REASON)
    assert told("publication-withdrawn") == dict.fromkeys(("ada", "ben", "fay"), MAILED)
    publishing.draft(by=world.cast.ada, workspace=world.workspace, file_ids=ids)
    publishing.reject(by=world.cast.pat, snapshot=draft, reason=REASON)
    assert told("publication-rejected") == dict.fromkeys(("ada", "ben", "fay"), MAILED)


def test_no_name_of_a_file_or_group_no_reason_and_no_comment_is_told(world: World) -> None:
    """OC43."""
    path, reason = f"output/{MARK}.csv", f"The reason is {MARK}, and that is all."
    world.publish({path: "region,n\nNorth,120\nSouth,85\n"})
    request = world.reviewed(files=(path,), group=MARK)
    reject(by=world.cast.cat, request_id=request.id, category="other", reason=reason)
    read_news()
    rows = [*Notice.select().dicts(), *Delivery.select().dicts()]
    kinds = {row["kind"] for row in rows}
    assert kinds >= {"release-submitted", "release-reviewed", "release-rejected"}
    texts = str([*rows, *(worded(row["kind"], row["facts"]) for row in rows)])
    assert request.id in texts
    assert MARK not in texts
