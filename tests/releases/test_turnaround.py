"""How long requests wait from hand to hand, and how many pass the first time (specification 13)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.releases.requests.releasing import approve, stop_release
from jobsite.releases.requests.steps import reject, return_early, submit
from jobsite.releases.requests.turnaround import in_words, stages_of, summed_up, turnaround

from .test_desk import people  # noqa: F401
from .world import EVERYTHING, REASON, World

BEGIN = datetime(2026, 3, 2, 9)
SINCE = datetime(2026, 1, 1)


def life(*steps: tuple[str, int]) -> list[tuple[str, datetime]]:
    return [(happened, BEGIN + timedelta(hours=hours)) for happened, hours in steps]


def test_every_stage_is_measured_from_hand_to_hand() -> None:
    steps = life(
        ("created", 0), ("submitted", 1), ("reviewed", 4), ("returned", 6), ("resubmitted", 16), ("reviewed", 17),
        ("approved", 19), ("stopped", 20), ("approved", 25), ("released", 26),
    )  # fmt: skip
    taken = [(stage, int(time.total_seconds()) // 3600) for stage, time in stages_of(steps)]
    assert taken == [
        ("draft", 1), ("review", 3), ("decision", 2), ("answer", 10), ("review", 1), ("decision", 2), ("decision", 5),
        ("upload", 1), ("whole", 25),
    ]  # fmt: skip


def test_an_early_return_ends_the_review_and_an_open_stage_is_none() -> None:
    steps = life(("created", 0), ("submitted", 2), ("returned", 3))
    assert [stage for stage, _ in stages_of(steps)] == ["draft", "review"]


def test_half_and_nine_in_ten_are_times_that_really_were() -> None:
    figures = summed_up(life(("created", 0), ("submitted", hours)) for hours in range(1, 21))
    [draft] = figures.stages
    assert (draft.times, draft.median, draft.most) == (20, "10 hours", "18 hours")
    assert (figures.submitted, figures.decided, figures.share_passed_first) == (20, 0, None)


@pytest.mark.parametrize(("hours", "words"), [
    (0, "under a minute"), (0.2, "12 minutes"), (1, "1 hour"), (5.5, "5 hours 30 minutes"), (24, "1 day"),
    (76.5, "3 days 4 hours"),
])  # fmt: skip
def test_a_time_is_said_as_people_say_it(hours: float, words: str) -> None:
    assert in_words(timedelta(hours=hours)) == words


def test_what_passed_the_first_time_is_told_from_what_was_returned(
    world: World,
    people: Callable[[str], FlaskClient],  # noqa: F811
) -> None:
    cast = world.cast
    with clock.at(BEGIN):
        passed = world.reviewed()
        approve(by=cast.cyd, request_id=passed.id)
        stop_release(by=cast.cyd, request_id=passed.id, reason=REASON)
        approve(by=cast.cyd, request_id=passed.id)
        waiting = world.submitted(by=cast.ben, files=("output/plot.csv",))
        world.draft(by=cast.fay, files=("output/plot.csv",))
    with clock.at(BEGIN + timedelta(days=2)):
        return_early(by=cast.cat, request_id=waiting.id, reason=REASON)
    with clock.at(BEGIN + timedelta(days=3)):
        submit(by=cast.ben, request_id=waiting.id, checklist=EVERYTHING)
        world.review(cast.cat, waiting)
        world.review(cast.cyd, waiting)
        reject(by=cast.cat, request_id=waiting.id, category="other", reason=REASON)
        figures = turnaround(SINCE)
        page = people("sam").get("/requests/statistics/").text
    numbers = (figures.submitted, figures.decided, figures.passed_first, figures.returned, figures.rejected)
    assert numbers == (2, 2, 1, 1, 1) and figures.share_passed_first == 50
    longest = {one.name: one.most for one in figures.stages}
    assert longest["From a return to the next submission"] == "1 day"
    assert "50 % of those" in page and "1 day" in page
    assert turnaround(BEGIN + timedelta(days=1)).submitted == 0, "those begun before are left out"
