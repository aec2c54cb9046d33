"""A table and a figure go from Level 4 to the public, all by keyboard: ada asks, cat and cyd review blind, disagree, decide and
release, ada drafts, pat publishes, a visitor reads and verifies."""

import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from jobsite.accounts.signing_in import make_token
from jobsite.instance import close_instance, open_instance
from jobsite.settings import Settings

from ..releases.world import CONTEXT, CONTROLS, World, make_world
from ..servers import COMMAND, Server
from .test_keyboard import press, write

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

COUNTED = "region,n\nNorth,120\nSouth,3\nEast,40\n"
MENDED = "region,n\nNorth,120\nSouth,[redacted]\nEast,40\n"
DRAWN = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'><rect width='30' height='15'/></svg>"
OBJECTION = "Where are the numbers behind the figure?"
ANSWER = "The numbers are in figure.csv, beside it."
REASON = "Say in the figure how many people are at risk."


@dataclass
class Site:
    """A served site whose study has outputs at Level 4, and single-use tokens for the people of the story."""

    address: str
    world: World
    tokens: dict[str, str]

    def sign_in(self, page: Page, name: str) -> Page:
        """Log in by keyboard."""
        page.goto(f"{self.address}/login/")
        page.locator("#user").focus()
        page.keyboard.type(name)
        write(page, "Single-use token", self.tokens[name])
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        return page


@pytest.fixture
def site_with_outputs(tmp_path: Path) -> Iterator[Site]:
    """The world of the tests of releases, served. What is released leaves a second after it was approved."""
    instance = tmp_path / "instance"
    open_instance(Settings(instance=instance))
    world = make_world(instance)
    world.publish(
        {"output/table.csv": COUNTED, "output/figure.svg": DRAWN, "output/figure.csv": "month,n\n1,50\n"}
    )
    people = {name: getattr(world.cast, name) for name in ("ada", "cat", "cyd", "pat")}
    tokens = {name: make_token(by="system", user=user) for name, user in people.items()}
    close_instance()
    with Server(instance, JOBSITE_UNDO_SECONDS="1") as server:
        yield Site(server.address, world, tokens)


def test_a_table_and_a_figure_are_asked_for_checked_and_released_by_keyboard(
    site_with_outputs: Site, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    """OC50."""
    site = site_with_outputs
    ada, cat, cyd = (site.sign_in(open_page(), name) for name in ("ada", "cat", "cyd"))
    ada_asks_for_two_files(site, ada)
    ada_mends_what_the_checks_found(site, ada)
    ada_submits(ada)

    review(site, cat, objects=True)
    expect(cat.get_by_text("1 of 2 reviews in").first).to_be_visible()
    review(site, cyd, objects=False)
    cat_returns_it_after_seeing_the_disagreement(cat)

    ada_answers(site, ada)
    review_again(site, cat)
    review_again(site, cyd)
    press(cyd, "Approve and release")
    press(cyd, "Approve and release", role="button")
    expect(cyd.get_by_text("The request has been approved.").first).to_be_visible()
    the_files_are_released(site, ada)

    ada_drafts_and_pat_publishes(site, ada, site.sign_in(open_page(), "pat"))
    bundle = a_visitor_reads_and_downloads_it(site, open_page(), tmp_path / "bundle.zip")
    assert verified(bundle).returncode == 0, verified(bundle).stdout
    changed = verified(with_another_byte(bundle, "table.csv"))
    assert changed.returncode == 1 and "table.csv" in changed.stdout


def ada_asks_for_two_files(site: Site, page: Page) -> None:
    """The files are ticked, put into a group, and described."""
    page.goto(f"{site.address}/asthma/level-4/local/")
    for name in ("table.csv", "figure.svg", "figure.csv"):
        page.locator(f'input[name=path][value="output/{name}"]').focus()
        page.keyboard.press("Space")
    press(page, "Add to a release request", role="button")
    page.get_by_label("Add output/figure.csv as").focus()
    page.keyboard.type("Supp")
    write(page, "Name of the group", "Asthma by region")
    press(page, "Add to the request", role="button")
    page.wait_for_url("**/asthma-by-region/")
    for field, words in (("Context", CONTEXT), ("Controls", CONTROLS)):
        page.get_by_label(re.compile(f"^{field}")).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(words)
    page.get_by_label("What the columns mean").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("region: label\nn: count\nmonth: label")
    press(page, "Save", role="button")


def ada_mends_what_the_checks_found(site: Site, page: Page) -> None:
    """A small count stands in the way; the code is mended and run again, and the request takes the new version."""
    press(page, "output/table.csv")
    expect(page.locator("#findings")).to_contain_text("3 is a count of 1 to 7")
    page.keyboard.press("f")
    expect(page.locator(".findings > li.here")).to_be_focused()
    site.world.publish({"output/table.csv": MENDED})
    page.reload()
    press(page, "See what changed")
    expect(page.locator(".content")).to_contain_text("[redacted]")
    press(page, "Take the new version", role="button")
    expect(page.locator("#findings")).not_to_contain_text("is a count of 1 to 7")


def ada_submits(page: Page) -> None:
    """The checklist is ticked line by line."""
    page.keyboard.press("g")
    page.keyboard.press("o")
    press(page, "Submit")
    for box in range(6):
        page.locator(f"#check-{box}").focus()
        page.keyboard.press("Space")
    press(page, "Submit", role="button")
    expect(page.get_by_text("The request has been submitted.").first).to_be_visible()


def review(site: Site, page: Page, *, objects: bool) -> None:
    """A checker goes from the queue through all files by keys alone."""
    page.goto(f"{site.address}/requests/")
    press(page, "asthma")
    press(page, "I am taking this", role="button")
    press(page, "output/figure.svg")
    page.wait_for_url("**/figure.svg")
    expect(page.locator("#comments")).not_to_contain_text(OBJECTION)
    expect(page.locator("#progress")).to_contain_text("voted 0 of 2")
    if objects:
        page.keyboard.press("r")
        page.wait_for_url("**#text")
        expect(page.get_by_label("Comment on figure.svg")).to_be_focused()
        page.keyboard.type(OBJECTION)
        press(page, "Comment in private", role="button")
        expect(page.locator("#comments")).to_contain_text(OBJECTION)
        page.locator("h1").click()
        page.keyboard.press("n")
        page.wait_for_url("**/table.csv")
    else:
        page.keyboard.press("a")
        page.wait_for_url("**/table.csv")
    page.keyboard.press("a")
    expect(page.locator("#progress")).to_contain_text("voted 2 of 2")
    page.keyboard.press("m")
    page.wait_for_url("**/my-review/")
    press(page, "Submit my review", role="button")
    expect(page.get_by_text("Your review has been submitted.").first).to_be_visible()


def cat_returns_it_after_seeing_the_disagreement(page: Page) -> None:
    """Once both reviews are in the disagreement stands first; the author gets a comment and a reason."""
    page.reload()
    expect(page.get_by_role("heading", name="Disagreements")).to_be_visible()
    press(page, "Asthma by region")
    write(page, "Comment on Asthma by region", REASON)
    press(page, "Comment in public", role="button")
    expect(page.locator("#comments")).to_contain_text(REASON)
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_load_state()
    press(page, "Return")
    write(page, "Reason", REASON)
    press(page, "Return it to the author", role="button")
    expect(page.get_by_text("The request has been returned to its author.").first).to_be_visible()


def ada_answers(site: Site, page: Page) -> None:
    """The author sees what is asked for and by nobody in particular, mends the figure, answers and submits again."""
    site.world.publish({"output/figure.svg": DRAWN.replace("rect", "path")})
    page.reload()
    expect(page.locator("main")).to_contain_text(REASON)
    expect(page.locator("main")).not_to_contain_text(OBJECTION)
    press(page, "output/figure.svg")
    expect(page.locator("#vote")).to_have_count(0)
    press(page, "Take the new version", role="button")
    press(page, "Asthma by region")
    write(page, "Comment on Asthma by region", ANSWER)
    press(page, "Comment", role="button")
    expect(page.locator("#comments")).to_contain_text(ANSWER)
    ada_submits(page)


def review_again(site: Site, page: Page) -> None:
    """What did not change keeps its vote; the figure, which did, is compared with what was seen before."""
    page.goto(f"{site.address}/requests/")
    press(page, "asthma")
    press(page, "output/figure.svg")
    page.wait_for_url("**/figure.svg")
    page.keyboard.press("d")
    page.wait_for_url("**against=**")
    page.keyboard.press("a")
    expect(page.locator("#progress")).to_contain_text("voted 2 of 2")
    page.keyboard.press("m")
    page.wait_for_url("**/my-review/")
    press(page, "Submit my review", role="button")
    expect(page.get_by_text("Your review has been submitted.").first).to_be_visible()


def the_files_are_released(site: Site, page: Page) -> None:
    """The page of the request follows the upload; then the files are under the released outputs."""
    page.reload()
    expect(page.locator("main .pill").first).to_contain_text(re.compile("Approved|Released"))
    for _ in range(60):
        if page.get_by_role("link", name="Released outputs").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    press(page, "Released outputs")
    expect(page.locator("main")).to_contain_text("asthma")


def ada_drafts_and_pat_publishes(site: Site, ada: Page, pat: Page) -> None:
    """A draft of the released files, which a publisher makes public."""
    ada.goto(f"{site.address}/asthma/outputs/")
    press(ada, "Create a draft publication")
    write(ada, "Title", "Asthma by region")
    press(ada, "Create a draft publication", role="button")
    ada.wait_for_url("**/outputs/1/")
    pat.goto(ada.url)
    press(pat, "Publish")
    press(pat, "Publish", role="button")
    pat.wait_for_url("**/outputs/1/")


def a_visitor_reads_and_downloads_it(site: Site, page: Page, target: Path) -> Path:
    """Somebody without a login sees the figure and takes the bundle."""
    page.goto(f"{site.address}/asthma/outputs/1/")
    press(page, "output/figure.svg")
    expect(page.locator("img.figure")).to_have_js_property("naturalWidth", 40)
    page.go_back()
    with page.expect_download() as download:
        press(page, "Bundle to verify (zip)")
    download.value.save_as(target)
    return target


def verified(bundle: Path) -> subprocess.CompletedProcess[str]:
    """What `jobsite verify` says of a bundle, without an instance."""
    return subprocess.run(
        [*COMMAND, "verify", str(bundle)], capture_output=True, text=True, timeout=120, check=False
    )


def with_another_byte(bundle: Path, name: str) -> Path:
    """A copy of the bundle in which one byte of one released file is another."""
    changed = bundle.with_name("changed.zip")
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
        for one in old.infolist():
            data = old.read(one)
            hit = one.filename.startswith("outputs/") and one.filename.endswith(name)
            new.writestr(one, data[:-2] + b"9\n" if hit else data)
    return changed
