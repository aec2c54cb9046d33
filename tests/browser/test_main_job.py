"""The main job: ada signs in, presses Run, watches the log grow, and finds the outputs. With and without JavaScript."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..servers import draw_batches
from .conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SLOW = "bootstrap_hazard_ratio"
ORDER = ["pending", "running", "succeeded"]


def states_of(page: Page) -> dict[str, str]:
    """The state of each job on the request page, by action."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#jobs tbody tr, #live table tbody tr")].map(
            row => [row.querySelector("th a").textContent, row.querySelector(".pill").dataset.state]))"""
    )


def test_a_study_runs_in_the_browser_from_sign_in_to_outputs(
    demo: Demo, open_page: Callable[..., Page], keep_screenshot: Callable[[Page, str], None], tmp_path: Path
) -> None:
    draw_batches(demo.instance, tmp_path / "study", 6)
    page = open_page()
    loads: list[str] = []
    demo.sign_in(page, "ada")
    page.get_by_role("link", name="demo", exact=True).first.click()
    page.get_by_role("link", name="Run Jobs").click()
    page.locator("input[name=requested_actions][value=run_all]").check(force=True)
    expect(page.locator("#plan")).to_contain_text("write_report")
    keep_screenshot(page, "run-jobs")
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/demo/\d+/"))

    page.on("load", lambda loaded: loads.append(loaded.url))
    seen: dict[str, list[str]] = {}
    until = time.monotonic() + 150
    shot = False
    while True:
        for action, state in states_of(page).items():
            if seen.setdefault(action, [state])[-1] != state:
                seen[action].append(state)
        if (
            not shot
            and any(states[-1] == "running" for states in seen.values())
            and seen.get("clean_cohort", [""])[-1] == "succeeded"
        ):
            keep_screenshot(page, "request")
            shot = True
        if seen and all(states[-1] == "succeeded" for states in seen.values()):
            break
        assert time.monotonic() < until, seen
        page.wait_for_timeout(150)
    assert loads == [], "the page changed by itself, without being loaded again"
    assert len(seen) == 8
    assert seen[SLOW] == ORDER
    for action, states in seen.items():
        assert [one for one in ORDER if one in states] == states, f"{action} went back: {states}"
    requests: list[str] = []
    page.wait_for_timeout(500)
    page.on("request", lambda request: requests.append(request.url))
    page.wait_for_timeout(2500)
    assert requests == [], "a finished request is not asked for any more"

    page.goto(f"{demo.address}/demo/")
    page.get_by_role("link", name="Level 4 Outputs").click()
    page.get_by_role("link", name="Local").click()
    page.get_by_label("Search by path or action").fill("survival.png")
    expect(page.locator("#files tbody tr")).to_have_count(1)
    page.get_by_role("link", name="output/figures/survival.png").click()
    figure = page.get_by_role("img", name="The figure output/figures/survival.png")
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.complete && image.naturalWidth > 400")
    keep_screenshot(page, "figure")
    page.goto(f"{demo.address}/demo/level-4/local/output/tables/characteristics.csv")
    expect(page.locator("table.grid tbody tr").first).to_be_visible()


def test_the_log_grows_line_by_line_without_a_hole(
    site: Demo, open_page: Callable[..., Page], tmp_path: Path, keep_screenshot: Callable[[Page, str], None]
) -> None:
    draw_batches(site.instance, tmp_path / "study", 12)
    page = open_page()
    site.sign_in(page, "ada")
    page.goto(f"{site.address}/demo/run-jobs/")
    page.locator(f"input[name=requested_actions][value={SLOW}]").check(force=True)
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("row", name=re.compile(SLOW)).get_by_role("link", name="Log").wait_for()
    expect(page.get_by_role("row", name=re.compile(SLOW)).locator(".pill")).to_have_attribute(
        "data-state", "running"
    )
    page.get_by_role("row", name=re.compile(SLOW)).get_by_role("link", name="Log").click()
    lines = page.locator("ol.log li.l")
    expect(lines.nth(3)).to_be_visible()
    early = lines.count()
    expect(lines.nth(early + 5)).to_be_visible()
    keep_screenshot(page, "log")
    page.reload()
    expect(page.locator("#status .pill")).to_have_attribute("data-state", "succeeded", timeout=150_000)
    page.wait_for_timeout(2500)
    numbers = page.evaluate(
        "[...document.querySelectorAll('ol.log li.l')].map(line => Number(line.id.slice(1)))"
    )
    assert numbers == list(range(1, len(numbers) + 1)), "no line lost, repeated or reordered"
    texts = page.evaluate(
        "[...document.querySelectorAll('ol.log li.l:not(.sys) .t')].map(line => line.textContent)"
    )
    raw = page.request.get(page.url.partition("?")[0] + "raw").text()
    assert "\n".join(texts).strip() == raw.strip()


def test_all_of_it_works_without_javascript(demo: Demo, open_page: Callable[..., Page]) -> None:
    page = open_page(javascript=False)
    demo.sign_in(page, "ada")
    page.get_by_role("link", name="demo", exact=True).first.click()
    page.get_by_role("link", name="Run Jobs").click()
    page.locator("input[name=requested_actions][value=plot_survival]").check(force=True)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#plan")).to_contain_text("extract_cohort")
    expect(page.locator("input[name=requested_actions][value=plot_survival]")).to_be_checked()
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(re.compile(r"/demo/\d+/"))
    until = time.monotonic() + 90
    while page.locator("#status .pill").get_attribute("data-state") != "succeeded":
        assert time.monotonic() < until
        time.sleep(0.5)
        page.reload()
    page.get_by_role("row", name=re.compile("plot_survival")).get_by_role("link", name="Log").click()
    expect(page.locator("ol.log li.l").first).to_be_visible()
    page.goto(f"{demo.address}/demo/level-4/")
    page.get_by_role("link", name="Local").click()
    page.get_by_label("Search by path or action").fill("survival")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="output/figures/survival.png").click()
    expect(page.get_by_role("img", name="The figure output/figures/survival.png")).to_be_visible()


def test_a_job_is_cancelled_from_the_page(site: Demo, open_page: Callable[..., Page], tmp_path: Path) -> None:
    draw_batches(site.instance, tmp_path / "study", 600)
    page = open_page()
    site.sign_in(page, "ada")
    page.goto(f"{site.address}/demo/run-jobs/")
    page.locator(f"input[name=requested_actions][value={SLOW}]").check(force=True)
    page.get_by_role("button", name="Submit").click()
    row = page.get_by_role("row", name=re.compile(SLOW))
    expect(row.locator(".pill")).to_have_attribute("data-state", "running")
    page.get_by_role("link", name="Cancel job request").click()
    page.get_by_role("button", name="Cancel job request").click()
    expect(page.get_by_role("row", name=re.compile(SLOW)).locator(".pill")).to_have_attribute(
        "data-state", "cancelled"
    )
