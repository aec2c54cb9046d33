"""Copies of requests that have ended go after `COPIES_KEPT`; whatever another request needs stays, and all that was said."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.core.errors import Conflict
from jobsite.core.events import Event, verify
from jobsite.releases.requests.adding import update_file
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.copies import folder, open_content, strays
from jobsite.releases.requests.models import Comment, ReleaseRequest, RequestFile
from jobsite.releases.requests.queries import file_page, open_copy, overview
from jobsite.releases.requests.retention import remove_old_copies, tidy_up_requests
from jobsite.releases.requests.steps import submit, withdraw
from jobsite.settings import current

from .test_desk import at, people, words_of  # noqa: F401
from .test_requests_killed import KILLED, in_a_process
from .world import EVERYTHING, TABLE, World

A, B, PLOT = "output/a.csv", "output/b.csv", "output/plot.csv"
DAY = timedelta(days=1)


def there() -> set[str]:
    """The copies on the disk."""
    return {path.name for path in folder().iterdir()}


def contents(request: ReleaseRequest) -> set[str]:
    return {file.sha256 for file in request.files}


def after_two_years() -> Any:
    """Within the block it is a day later than copies are kept."""
    return clock.at(clock.now() + current().copies_kept + DAY)


def test_copies_go_two_years_after_the_end_and_everything_else_stays(
    world: World,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    request, ada = world.draft(), world.cast.ada
    world.publish({A: TABLE.replace("120", "125")})
    update_file(by=ada, request_id=request.id, path=A)
    comment(by=ada, request_id=request.id, text="What was said")
    before = there()
    assert len(before) == 3, "two files, and the version of one before"
    withdraw(by=ada, request_id=request.id)
    assert remove_old_copies() == 0 and there() == before
    page = words_of(people("ada").get(at(request)).text)
    assert "Copies Kept until" in page
    with clock.at(clock.now() + current().copies_kept - DAY):
        assert remove_old_copies() == 0
    with after_two_years():
        tidy_up_requests()
        assert there() == set() and not strays()
        assert remove_old_copies() == 0, "once"
        [event] = Event.select().where(Event.type == "release:copies-removed")
        assert event.subject == f"release-request:{request.id}" and '"files":3' in event.data
        assert Comment.select().count() == 1 and request.files.count() == 2 and verify()[1] is None
        shown = overview(request.id, ada)
        assert shown.head.copies_until is None and shown.head.copies_removed_at == clock.now()
        assert shown.activity[0].sentence.startswith("removed the copies of 3 files")
        with pytest.raises(Conflict, match="were removed on"):
            open_copy(request.id, world.file(request, A).id, ada)
    file = people("ada").get(at(request, "tables", A))
    assert file.status_code == 200 and "The copies of this request were removed on" in file.text
    page = words_of(people("ada").get(at(request)).text)
    assert "Copies Removed" in page and "Kept until" not in page


def test_a_copy_that_another_request_needs_stays_with_it(world: World) -> None:
    first, second = world.draft(), world.draft(by=world.cast.ben, files=(B, PLOT))
    withdraw(by=world.cast.ada, request_id=first.id)
    with after_two_years():
        assert remove_old_copies() == 1
        assert there() == contents(second), "a request under way keeps all of its copies"
        withdraw(by=world.cast.ben, request_id=second.id)
        again = world.draft(files=(B,))
        with after_two_years():
            assert remove_old_copies() == 1 and there() == contents(again)


def test_a_run_that_was_killed_is_finished_by_the_next(world: World) -> None:
    request = world.draft()
    withdraw(by=world.cast.ada, request_id=request.id)
    with after_two_years():
        assert in_a_process(lambda _: remove_old_copies(), world, "copies_removed") == KILLED
        assert world.again(request).copies_removed_at is None and there() == set()
        assert remove_old_copies() == 2 and world.again(request).copies_removed_at is not None


def test_what_was_released_then_is_neither_compared_nor_opened_any_more(world: World) -> None:
    """A later request is checked and read as before, without the tables whose copies are gone."""
    released = world.approved(files=(A,))
    ReleaseRequest.update(status="RELEASED", released_at=clock.now()).where(
        ReleaseRequest.id == released.id
    ).execute()
    world.publish({A: TABLE.replace("120", "150")})
    with after_two_years():
        assert file_page_of(world, world.draft(by=world.cast.ben, files=(A,))).last_released
        assert remove_old_copies() == 1
        later = ReleaseRequest.get(ReleaseRequest.author == world.cast.ben)
        assert file_page_of(world, later).last_released == ""
        with pytest.raises(Conflict):
            open_content(next(iter(contents(released))))
        assert submit(by=world.cast.ben, request_id=later.id, checklist=EVERYTHING).status == "SUBMITTED"
    assert RequestFile.get(request=released, path=A).released_at is not None


def file_page_of(world: World, request: ReleaseRequest) -> Any:
    return file_page(request.id, "tables", A, world.cast.ben)
