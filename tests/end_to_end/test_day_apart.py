"""A day apart by the clock: both sides as processes whose clocks are put forward hour by hour, with no way between them."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jobsite.core.clock import at, moment_of

from ..jobs.conftest import project_yaml
from .browsing import Browser, words
from .clock import COMPILER, Clock, compiled
from .reviewing import approves, asks_for_release, request_of
from .sides import Sides, until

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason="no C compiler to build the clock that is put forward"
)

MAKES = """
import pathlib
pathlib.Path("output").mkdir(exist_ok=True)
pathlib.Path("output/table.csv").write_text("region,n\\nHighlands,120\\nIslands,85\\n")
"""
TAKES_LONG = MAKES.replace("output", "slow") + "import time; time.sleep(6)"
STUDY = {
    "project__yaml": project_yaml(
        make=("python:v2 make.py", [], {"moderately_sensitive": {"tables": "output/*.csv"}}),
        slow=("python:v2 slow.py", [], {"moderately_sensitive": {"tables": "slow/*.csv"}}),
    ),
    "make__py": MAKES,
    "slow__py": TAKES_LONG,
}
CONTEXT = "Counts of 205 adults registered on 1 March 2025, by region. Column n is the number of people."
HOUR = timedelta(hours=1)
ENDS = {
    "public": {"JOBSITE_SESSION_IDLE": "12 h", "JOBSITE_TOKEN_LIFETIME": "1 h"},
    "secure": {"JOBSITE_COPIES_KEPT": "1 h"},
}
"""What ends within the day, by side."""


class Apart(Sides):
    """Both sides, each by a clock of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        library = compiled(folder)
        self.clocks = {side: Clock(library, folder / f"{side}.clock") for side in ("public", "secure")}
        of = {f"of_{side}": {**ENDS[side], **clock.environ} for side, clock in self.clocks.items()}
        super().__init__(folder, stack, STUDY, every=0, **of)

    @property
    def now(self) -> datetime:
        """What the clock of the public side shows."""
        return self.clocks["public"].now

    def token(self, user: str) -> str:
        """A single-use token, made at the time of the public side."""
        with at(self.now):
            return super().token(user)

    def minutes_pass(self, minutes: float) -> None:
        """So much time goes by on both sides, and the link has been tried again."""
        since = self.clocks["secure"].now
        for clock in self.clocks.values():
            clock.passes(minutes=minutes)
        until(lambda: self.last_try() > since)

    def hour_passes(self) -> None:
        """It strikes the next hour on both sides, and what is done each hour is done."""
        left = HOUR - timedelta(minutes=self.now.minute, seconds=self.now.second)
        for clock in self.clocks.values():
            clock.passes(seconds=left.total_seconds())
        for side in self.clocks:
            until(lambda side=side: self.ticked(side) >= self.now - HOUR / 2)

    def ticked(self, side: str) -> datetime:
        """When the work of the hour was last done there."""
        found = self.rows("SELECT at FROM heartbeat WHERE name = 'clear_old_notices'", of=side)
        return (moment_of(found[0][0]) if found else None) or datetime.min

    def last_try(self) -> datetime:
        """When the secure side last noted that it cannot reach the public side."""
        [(failed,)] = self.rows("SELECT failed_at FROM public_contact", of="secure")
        return moment_of(failed) or datetime.min

    def jobs(self, side: str) -> dict[str, tuple[str, ...]]:
        """Of each action there: its state, and when it was made, started and ended."""
        facts = "SELECT action, state, created_at, started_at, completed_at FROM job"
        return {action: tuple(rest) for action, *rest in self.rows(facts, of=side)}

    def counted(self, statement: str, *, of: str = "public") -> int:
        """A number from a side."""
        return int(self.rows(statement, of=of)[0][0])


@pytest.fixture
def sides(tmp_path: Path, socket_enabled: None) -> Iterator[Apart]:
    with ExitStack() as stack:
        yield Apart(tmp_path, stack)


def test_after_a_day_apart_by_the_clock_everything_catches_up_once_in_order_and_with_its_true_times(
    sides: Apart,
) -> None:
    sides.asks("make")
    until(lambda: sides.there().get("make") == ["succeeded"])
    ada = sides.browser("ada", sides.secure)
    file = asks_for_release(ada, group="counts", context=CONTEXT)
    for name in ("cat", "cyd"):
        approves(sides.browser(name, sides.secure), file, remark="Nothing to say.")
    home = {name: sides.browser(name, sides.public) for name in ("ada", "pat")}
    unused = sides.token("ada")
    sides.asks("slow")
    until(lambda: sides.there().get("slow") == ["running"])
    cyd = sides.browser("cyd", sides.secure)

    sides.network.is_open = False
    left = sides.now
    assert "approved" in cyd.send(f"/requests/{request_of(file)}/-/release/")[1], (
        "who was confirmed a moment ago may"
    )
    locked_out(sides, ada, file)
    for hour in range(24):
        sides.hour_passes()
        if hour % 8 == 0:
            assert home["ada"].ask("/settings/")[1].endswith("/settings/")
        if hour == 12:
            until(lambda: sides.jobs("secure")["slow"][0] == "succeeded")
    assert sides.there()["slow"] == ["running"]
    assert sides.status_of(request_of(file)) == "APPROVED" and not sides.rows("SELECT 1 FROM release")
    assert sides.counted("SELECT count(*) FROM event WHERE type = 'backend:missing'") == 1
    assert not Browser(sides.public.address).signs_in("ada", unused), "an hour is over"
    assert "/login/" in home["pat"].ask("/settings/")[1], "half a day without use is over"

    sides.network.is_open = True
    met = sides.now
    for clock in sides.clocks.values():
        clock.passes(minutes=6)  # so long at most until the next try
    until(lambda: sides.status_of(request_of(file)) == "RELEASED")
    until(lambda: sides.there()["slow"] == ["succeeded"])
    until(lambda: b"Highlands" in ada.ask(file)[2])
    assert sides.jobs("public") == sides.jobs("secure")
    ended = moment_of(sides.jobs("public")["slow"][-1])
    assert left < ended < met
    assert f'datetime="{ended:%Y-%m-%dT%H:%M:%SZ}"' in home["ada"].ask("/asthma/2/")[2].decode()
    came_once_and_in_order(sides)
    copies = f"SELECT count(copies_removed_at) FROM release_request WHERE id = '{request_of(file)}'"  # noqa: S608
    assert sides.counted(copies, of="secure") == 0, "what was not delivered was kept"
    sides.hour_passes()
    sides.hour_passes()
    until(lambda: sides.counted(copies, of="secure") == 1)
    assert sides.counted("SELECT count(*) FROM event WHERE type = 'backend:back'") == 1


def test_a_clock_that_is_an_hour_ahead_set_right_or_an_hour_behind_stops_nothing_and_locks_nobody_out(
    sides: Apart,
) -> None:
    clock, visitor, cat, file = sides.clocks["secure"], Browser(sides.public.address), None, ""
    for number, wrong in enumerate((1, 0, -1), start=1):
        clock.goes_wrong(hours=wrong)
        clock.passes(seconds=20)  # so long at most until people are confirmed again
        sides.asks("make")
        until(lambda number=number: sides.there().get("make") == ["succeeded"] * number)
        assert "Succeeded" in visitor.text(f"/asthma/{number}/")
        file = file or asks_for_release(sides.browser("ada", sides.secure), group="counts", context=CONTEXT)
        cat = cat or sides.browser("cat", sides.secure)
        until(lambda cat=cat, file=file: b"Highlands" in cat.ask(file)[2])
        cat.send(file, do="comment", text=f"Remark {number}.", audience="PRIVATE")
    assert sides.rows("SELECT count(*), count(DISTINCT identifier) FROM job") == [(3, 3)]
    assert sides.counted("SELECT count(*) FROM comment", of="secure") == 3
    for _, made, started, ended in sides.jobs("public").values():
        assert made <= started <= ended, "nothing ends before it begins"


def locked_out(sides: Apart, ada: Browser, file: str) -> None:
    """After a minute nobody changes anything; after 15 nobody sees anything, and nobody gets in."""
    sides.minutes_pass(2)
    status, _, page = ada.tries(file, do="comment", text="Later.", audience="PUBLIC")
    assert status == 503 and "Nothing has been changed" in words(page), words(page)[:700]
    assert "Highlands" in ada.text(file)
    sides.minutes_pass(14)
    visitor = Browser(sides.secure.address)
    for path in (
        file,
        "/",
        "/asthma/",
        "/asthma/level-4/tpp/",
        f"/requests/{request_of(file)}/",
        "/status/",
        "/settings/",
    ):
        status, _, page = ada.ask(path)
        assert status == 503 and "has not answered for 15 minutes" in words(page), path
        assert b"Highlands" not in visitor.ask(path)[2], path
    assert not visitor.signs_in("ada", sides.token("ada"))


def came_once_and_in_order(sides: Apart) -> None:
    """The jobs, the release and the news of its review; what they were and in which order."""
    assert sides.rows("SELECT count(*), count(DISTINCT identifier) FROM job") == [(2, 2)]
    assert sides.counted("SELECT count(*) FROM event WHERE type = 'job:succeeded'") == 2
    assert sides.counted("SELECT count(*) FROM release") == 1
    assert sides.counted("SELECT count(*) FROM release_file WHERE NOT is_record") == 1
    told = "SELECT event_type FROM release_message WHERE event_type LIKE 'request_%' AND done_at IS NOT NULL ORDER BY "
    until(lambda: ("request_released",) in sides.rows(told + "id", of="secure"))
    news = [kind for (kind,) in sides.rows(told + "done_at", of="secure")]
    assert news == [kind for (kind,) in sides.rows(told + "id", of="secure")]
    assert news[0] == "request_submitted" and news[-2:] == ["request_approved", "request_released"]
    assert len(news) == len(set(news))
    heard = "SELECT kind FROM notice WHERE kind LIKE 'review-%' ORDER BY id"
    until(lambda: len(sides.rows(heard)) >= 2)
    assert sides.rows(heard) == [("review-approved",), ("review-released",)]
    seqs = [seq for (seq,) in sides.rows("SELECT seq FROM checkpoint ORDER BY id")]
    assert len(seqs) >= 2 and seqs == sorted(set(seqs)), (
        "the event log is sealed each day, however late that is told"
    )
