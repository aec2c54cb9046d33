"""The main pages as ada sees them: axe finds nothing, in light and dark, and nothing scrolls sideways on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..servers import jobsite
from .conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
FINDINGS = """async () => (await axe.run(document, {resultTypes: ["violations"], preload: false})).violations.flatMap(
    rule => rule.nodes.map(node => `${rule.id}: ${node.target.join(" ")}: ${node.html.slice(0, 100)}`))"""
TOO_WIDE = """() => document.documentElement.scrollWidth <= window.innerWidth ? [] :
    [...document.querySelectorAll("body *")]
        .filter(part => part.getBoundingClientRect().right > window.innerWidth + 1)
        .slice(0, 3).map(part => `too wide: ${part.outerHTML.slice(0, 100)}`)"""
SCREENS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
PAGES = [
    "/", "/projects/", "/projects/demo-study/", "/projects/demo-study/edit/", "/projects/demo-study/logs/",
    "/projects/demo-study/new-workspace/", "/organisations/", "/workspaces/", "/workspaces/new/", "/demo/", "/demo/edit/",
    "/demo/logs/", "/demo/run-jobs/", "/demo/1/", "JOB", "JOBlog/", "/demo/level-4/", "/demo/level-4/local/",
    "/demo/level-4/local/output/tables/characteristics.csv", "/demo/level-4/local/metadata/describe_cohort.log",
    "/event-log/", "/event-log/?q=nothing", "/status/", "/settings/", "/nothing/",
]  # fmt: skip


def findings(page: Page, width: int, scheme: str) -> list[str]:
    """What axe finds on a page in a window of this width and colour scheme, and what makes it too wide."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    return [
        f"{page.url} {width} {scheme}: {found}" for found in page.evaluate(FINDINGS) + page.evaluate(TOO_WIDE)
    ]


@pytest.fixture
def ada(browser: Browser, demo: Demo) -> Iterator[Page]:
    """A page in which ada is signed in, with axe in every page it opens."""
    assert AXE.exists(), "The browser tests need axe-core: make develop"
    context = browser.new_context()
    context.add_init_script(path=AXE)
    page = context.new_page()
    demo.sign_in(page, "ada")
    yield page
    context.close()


def test_axe_finds_nothing_and_no_page_scrolls_sideways_on_a_phone(ada: Page, demo: Demo) -> None:
    done = jobsite(demo.instance, "request", "demo", "describe_cohort", "--by", "ada", "--wait")
    assert done.returncode == 0, done.stderr
    ada.goto(f"{demo.address}/demo/1/")
    job = ada.get_by_role("link", name="describe_cohort", exact=True).first.get_attribute("href")
    found: list[str] = []
    for path in PAGES:
        ada.goto(demo.address + path.replace("JOB", job or ""))
        found += [finding for screen in SCREENS for finding in findings(ada, *screen)]
    ada.goto(f"{demo.address}/projects/demo-study/new-workspace/")
    ada.get_by_role("button", name="Create", exact=True).click()
    expect(ada.locator(".error-summary")).to_be_focused()
    found += [finding for screen in SCREENS for finding in findings(ada, *screen)]
    assert found == []
