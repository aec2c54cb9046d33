"""The log page in a browser, by events: every line once, a bounded page, and a reader who is left in peace."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Page, expect

from jobsite.accounts.signing_in import make_token
from jobsite.jobs.actions import move
from jobsite.settings import Settings

from ..jobs.conftest import Study, ask, study, workspace  # noqa: F401
from ..jobs.log_world import Log, log, waiting  # noqa: F401
from ..jobs.test_log_serving import LOG_SERVER
from ..servers import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NUMBERS = "[...document.querySelectorAll('#lines .l')].map(line => Number(line.id.slice(1)))"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,)},
    )


@pytest.fixture
def page(
    log: Log,  # noqa: F811
    instance: Path,
    cast: SimpleNamespace,
    open_page: Callable[..., Page],
) -> Iterator[Page]:
    """ada's browser, signed in at the web server of the test's instance, which runs no jobs."""
    with Server(instance, runs=LOG_SERVER) as server:
        opened = open_page()
        opened.goto(f"{server.address}/login/")
        opened.get_by_label(re.compile("user", re.IGNORECASE)).first.fill("ada")
        opened.locator("input[name=token]").fill(make_token(by="system", user=cast.ada))
        opened.locator("main button[type=submit]").first.click()
        opened.wait_for_url(lambda url: "/login" not in url)
        opened.goto(f"{server.address}{log.path}")
        yield opened
        opened.close()  # before the server: a page that follows a log would try to reach it again


def asked(page: Page) -> list[str]:
    """Collects the addresses that the page asks for lines by asking."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "follow=1" in request.url else None)
    return seen


def test_lines_come_by_events_each_once_to_the_end_of_the_job(page: Page, log: Log) -> None:  # noqa: F811
    log.lines(1, 30)
    expect(page.locator("#L30")).to_be_visible()
    polls = asked(page)
    for first in range(31, 331, 10):
        log.lines(first, first + 9)
        expect(page.locator(f"#L{first + 9}")).to_have_count(1)
    assert polls == [], "nothing is asked for while events come"
    log.lines(331, 331)
    move(log.job, "succeeded")
    expect(page.locator("#follow")).to_contain_text("End of the log: 331 lines.")
    expect(page.locator("#status .pill")).to_have_attribute("data-state", "succeeded")
    assert page.evaluate(NUMBERS) == list(range(1, 332))


def test_the_page_holds_no_more_than_2000_rows_and_leads_back(page: Page, log: Log) -> None:  # noqa: F811
    log.lines(1, 30)
    for first in range(31, 3031, 300):
        log.lines(first, first + 299)
        expect(page.locator(f"#L{first + 299}")).to_have_count(1)
    assert page.evaluate(NUMBERS) == list(range(1031, 3031))
    expect(page.locator("#earlier")).to_contain_text("Before this: 1,030 lines")
    page.locator("#earlier-link").click()
    assert page.evaluate(NUMBERS)[-1] == 1030


def test_who_reads_older_lines_is_left_there_and_told_of_new_ones(page: Page, log: Log) -> None:  # noqa: F811
    log.lines(1, 400)
    expect(page.locator("#L400")).to_be_in_viewport()
    page.evaluate("window.scrollTo(0, 500)")
    page.wait_for_timeout(200)
    place = page.evaluate("window.scrollY")
    log.lines(401, 407)
    button = page.locator("#new-lines a")
    expect(button).to_contain_text("7 new lines")
    assert page.evaluate("window.scrollY") == place
    button.click()
    expect(page.locator("#L407")).to_be_in_viewport()
    expect(button).to_be_hidden()


def test_lines_of_a_group_go_into_it_as_they_come(page: Page, log: Log) -> None:  # noqa: F811
    log.write("::group::Fit\none\n")
    expect(page.locator("li.log-group .l")).to_have_count(1)
    log.write("two\n")
    expect(page.locator("li.log-group .l")).to_have_count(2)
    log.write("::endgroup::\nafter\n")
    expect(page.locator("#L5")).to_be_visible()
    assert page.locator("li.log-group").count() == 1
    expect(page.locator("li.log-group .sub")).not_to_contain_text("goes on")
    assert page.locator("li.log-group #L5").count() == 0


def test_a_range_is_marked_and_named_in_the_address(page: Page, log: Log) -> None:  # noqa: F811
    log.lines(1, 20)
    page.locator("#L5 .n").click()
    page.locator("#L8 .n").click(modifiers=["Shift"])
    expect(page.locator(".l.here")).to_have_count(4)
    assert re.search(r"attempt=1&line=5-8#L5$", page.url)
    page.reload()
    expect(page.locator(".l.here")).to_have_count(4)
