"""The review desk in a real browser: axe finds nothing, a phone shows it whole, keys do as they say, and it needs no script."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from jobsite.accounts.signing_in import make_token
from jobsite.instance import close_instance, open_instance
from jobsite.releases.requests.findings import explain
from jobsite.releases.requests.steps import submit
from jobsite.settings import Settings

from ..releases.world import EVERYTHING, SMALL, make_world
from ..servers import Server
from .axe import Axe
from .conftest import SECONDS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

EXPLAINED = "The three people are in a public register already, so nothing is given away."


@dataclass
class Desk:
    """A served site with a request that is reviewed, one that waits with a finding, and a draft; `cookies` log people in."""

    address: str
    waiting: str
    reviewed: str
    draft: str
    tokens: dict[str, str]

    def sign_in(self, page: Page, name: str) -> Page:
        """Log in, once for each person: a token serves once."""
        page.goto(f"{self.address}/login/")
        page.locator("#user").fill(name)
        page.locator("input[name=token]").fill(self.tokens[name])
        page.locator("form:has(input[name=token]) button[type=submit]").click()
        page.wait_for_url(lambda url: "/login" not in url)
        return page


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Three requests of the study, made by the real verbs, served."""
    instance = tmp_path_factory.mktemp("desk") / "instance"
    open_instance(Settings(instance=instance))
    world = make_world(instance)
    reviewed = world.reviewed(["output/b.csv"])
    world.publish({"output/a.csv": SMALL})
    waiting = world.draft(by=world.cast.ben, files=["output/a.csv", "output/b.csv"])
    for rule in {
        one["rule"] for one in world.file(waiting, "output/a.csv").findings if one["severity"] == "fix"
    }:
        explain(by=world.cast.ben, request_id=waiting.id, path="output/a.csv", rule=rule, text=EXPLAINED)
    submit(by=world.cast.ben, request_id=waiting.id, checklist=EVERYTHING)
    draft = world.draft(by=world.cast.fay, files=["output/a.csv"])
    people = ("cat", "cyd", "eve", "fay")
    tokens = {name: make_token(by="system", user=getattr(world.cast, name)) for name in people}
    close_instance()
    with Server(instance) as server:
        ids = (f"/requests/{request.id}/" for request in (waiting, reviewed, draft))
        yield Desk(server.address, *ids, tokens)


def test_axe_finds_nothing_on_the_desk_and_a_phone_shows_it_whole(
    desk: Desk, browser: Browser, axe: Axe
) -> None:
    found: list[str] = []
    for person, paths in {
        "cat": (
            "/requests/", desk.waiting, f"{desk.waiting}tables/", f"{desk.waiting}tables/output/a.csv",
            f"{desk.waiting}-/my-review/", f"{desk.reviewed}tables/output/b.csv", f"{desk.reviewed}-/return/", f"{desk.reviewed}-/reject/",
        ),
        "fay": (
            desk.draft, f"{desk.draft}tables/", f"{desk.draft}tables/output/a.csv", f"{desk.draft}-/submit/",
            "/requests/new/asthma/local/?path=output/b.csv", desk.waiting,
        ),
    }.items():  # fmt: skip
        context = browser.new_context(reduced_motion="reduce")
        context.set_default_timeout(SECONDS)
        axe.comes_with(context)
        page = desk.sign_in(context.new_page(), person)
        for path in paths:
            page.goto(desk.address + path)
            found += axe.findings(page)
        context.close()
    assert found == [], "\n".join(found)


def test_keys_press_what_is_in_view_and_can_be_turned_off(desk: Desk, open_page: Callable[..., Page]) -> None:
    page = desk.sign_in(open_page(), "cyd")
    page.goto(f"{desk.address}{desk.waiting}tables/output/a.csv")
    page.keyboard.press("f")
    expect(page.locator(".findings > li.here")).to_be_focused()
    page.keyboard.press("w")
    expect(page.locator(".findings > li.here select")).to_be_focused()
    page.locator(".findings > li.here input[type=text]").fill("It is in the register.")
    page.locator(".findings > li.here input[name=all]").check()
    held: list[Route] = []
    page.route("**/output/a.csv*", lambda route: held.append(route))  # answered below
    page.locator(".findings > li.here").get_by_role("button", name="Waive").click()
    box = page.get_by_label("Comment on a.csv")
    page.keyboard.press("c")
    expect(box).to_be_focused()
    held[0].continue_()
    page.unroute("**/output/a.csv*")
    expect(page.locator("#findings")).to_contain_text("It is in the register.")
    assert page.url.endswith("/output/a.csv"), "the page stays where it is, with the place in the table"
    expect(page.locator(".htmx-settling, .htmx-swapping, .htmx-request")).to_have_count(0)
    expect(box).to_be_focused()
    page.keyboard.type("just")
    expect(box).to_have_value("just")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.wait_for_url("**/output/b.csv")
    page.keyboard.press("k")
    page.wait_for_url("**/output/a.csv")
    page.keyboard.press("?")
    page.locator("#keys-on").uncheck()
    page.keyboard.press("j")
    page.keyboard.press("m")
    assert page.url.endswith("/output/a.csv"), "keys are off"
    page.locator("#keys-on").check()
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/requests/")


def test_the_whole_desk_works_without_javascript(desk: Desk, open_page: Callable[..., Page]) -> None:
    page = desk.sign_in(open_page(javascript=False, width=390), "eve")
    page.goto(f"{desk.address}{desk.waiting}tables/output/b.csv")
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/output/a.csv")
    finding = page.locator(".findings > li").first
    finding.locator("input[type=text]").fill("It is in the register.")
    finding.get_by_role("button", name="Confirm").click()
    expect(page.locator("#findings")).to_contain_text("Confirmed: it has to be mended")
    page.get_by_role("button", name="Ask for changes").click()
    page.get_by_label("Comment on a.csv").fill("Hide the count of 3.")
    page.get_by_role("button", name="Comment in private").click()
    page.get_by_role("link", name="My review").click()
    page.get_by_role("button", name="Submit my review").click()
    expect(page.locator("main")).to_contain_text("1 of 2 reviews in")
