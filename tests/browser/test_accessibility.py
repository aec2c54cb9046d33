"""Every page of the site in a real browser: axe finds nothing in light and dark, and nothing is wider than a phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from jobsite.accounts.rules import ROLES
from jobsite.application import ROOMS
from jobsite.core.sides import SIDES
from jobsite.core.web import Route

from ..servers import jobsite_json
from .axe import Axe
from .conftest import SECONDS, Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SEEN = """() => [document.title, document.body.innerText,
    [...document.querySelectorAll("main a[href]")].map(link => link.getAttribute("href")),
    document.documentElement.outerHTML.replace(/\\b(href|value|action|content|hx-get)="[^"]*"/g, "").replace(/\\d+/g, "")]"""
"""Of a page: its title, text and links, and all that axe can find a fault in, without addresses and numbers."""
SLUGS = {
    "manual": {"slug": "states"},
    "orgs": {"slug": "demo"},
    "organisations": {"slug": "demo"},
    "status": {"slug": "local"},
    "backends": {"slug": "local"},
}
"""What is called slug there."""

LED_TO = ("/publish-repo/", "/staff/dashboards/")
"""Pages whose addresses are taken from links."""

PEOPLE = {"StaffAreaAdministrator": "sam", "ServiceAdministrator": "sam", "TechSupport": "sam"}
PUBLISHER = "pat"
MORE = {
    "ada": [
        "/event-log/?q=nothing", "/event-log/?status=failed", "/manual/?q=token", "/manual/?q=nothing-at-all", "/nothing/",
        "/demo/level-4/local/metadata/describe_cohort.log", "/demo/level-4/local/?view=tree",
        "/demo/level-4/local/output/tables/characteristics.csv?column=2&sort=-2&q=a", "/demo/run-jobs/?actions=run_all", "/search/?q=demo", "/search/",
        "/inbox/", "/demo-example/", "/status/",
    ],
    None: ["/", "/login/", "/projects/demo-study/", "/demo/", "/nothing/"],
}  # fmt: skip


@pytest.fixture(scope="module")
def values(site: Demo) -> dict[str, str]:
    """A value for each name in a route, from what the demo has."""
    job = next(one for one in jobsite_json(site.instance, "jobs") if one["action"] == "describe_cohort")
    return {
        "name": "demo", "workspace": "demo", "slug": "demo-study", "project": "demo-study", "org": "demo", "backend": "local",
        "number": "1", "request_id": "1", "identifier": job["identifier"], "job": job["identifier"], "username": "ada",
        "path": "output/tables/characteristics.csv", "ref": "main", "repo": "demo-study", "code": "404", "status": "404",
        "policy": "default", "version": "1",
        "rest": "logs", "action": "describe_cohort",
    }  # fmt: skip


def pages() -> list[tuple[str, Route]]:
    """Every address that can be looked at on one machine, and who may look at it."""
    routes = [
        route
        for room in ROOMS
        for route in room.all
        if "GET" in route.methods and "both" in SIDES[route.side]
    ]
    return [(person_for(route), route) for route in routes]


def person_for(route: Route) -> str:
    """Somebody who may see the page: staff for what is theirs, else ada, who develops the study."""
    if route.rule.startswith("/staff/") or any(route.needs in ROLES[role].permissions for role in PEOPLE):
        return "sam" if route.needs != "release_file_view" else "ada"
    return PUBLISHER if route.needs == "snapshot_publish" else "ada"


def address(route: Route, values: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        if found[1].startswith("int"):
            return values.get(name, "1") if values.get(name, "1").isdigit() else "1"
        return SLUGS.get(route.rule.split("/")[1 + route.rule.startswith("/staff/")], values).get(
            name, values.get(name, "demo")
        )

    return re.sub(r"<([^>]+)>", value, route.rule)


@pytest.fixture(scope="module")
def windows(browser: Browser, site: Demo, axe: Axe) -> Iterator[dict[str | None, Page]]:
    """A page for each person, signed in, with axe in all that it opens; the visitor is None."""
    contexts: list[BrowserContext] = []
    opened: dict[str | None, Page] = {}
    for person in ("ada", "sam", PUBLISHER, None):
        context = browser.new_context(reduced_motion="reduce", accept_downloads=False)
        context.set_default_timeout(SECONDS)
        axe.comes_with(context)
        contexts.append(context)
        opened[person] = context.new_page()
        if person:
            site.sign_in(opened[person], person)
    yield opened
    for context in contexts:
        context.close()


def opened(page: Page, where: str) -> bool:
    """Whether there is a page of the site at an address: not a file, a stream, or what a study made."""
    try:
        answer = page.goto(where, wait_until="load")
    except Error as refusal:
        assert "Download is starting" in str(refusal) or "ERR_ABORTED" in str(refusal), (where, refusal)
        return False
    assert answer, where
    return answer.headers.get("content-type", "").startswith("text/html")


def test_axe_finds_nothing_on_any_page_and_none_scrolls_sideways_on_a_phone(
    windows: dict[str | None, Page], site: Demo, values: dict[str, str], axe: Axe
) -> None:
    wanted = [(person, address(route, values)) for person, route in pages()]
    wanted += [(person, path) for person, paths in MORE.items() for path in paths]
    found: list[str] = []
    seen: set[str] = set()
    known: set[str] = set()
    for person, path in (left := list(dict.fromkeys(wanted))):
        page = windows[person]
        if "stream" in path or not opened(page, site.address + path):
            continue
        title, text, hrefs, built = page.evaluate(SEEN)
        if not title:
            continue
        seen.add(path)
        if path != "/500" and re.search("^Error 5", text, re.MULTILINE):
            found.append(f"{path}: the page says that something failed")
        if built not in known:
            found += axe.findings(page)
        known.add(built)
        links = [href for href in hrefs if href.startswith(LED_TO) and "?" not in href]
        left += [(person, link) for link in dict.fromkeys(links) if (person, link) not in left]
    assert found == [], "\n".join(found)
    assert {"/", "/demo/1/", "/manual/states/", "/ui/", "/settings/", "/event-log/"} <= seen
    assert len(seen) > 90


def test_a_refused_form_is_read_first_and_has_no_fault_either(
    windows: dict[str | None, Page], site: Demo, axe: Axe
) -> None:
    page = windows["ada"]
    page.goto(f"{site.address}/projects/demo-study/new-workspace/")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator(".error-summary")).to_be_focused()
    assert axe.findings(page) == []


def test_a_faint_text_is_found_on_a_page_that_was_good(windows: dict[str | None, Page], site: Demo) -> None:
    page, axe = windows["ada"], Axe()
    page.goto(f"{site.address}/projects/demo-study/new-workspace/")
    assert axe.findings(page) == []
    page.locator("main .hint").first.evaluate("hint => { hint.style.color = '#888' }")
    assert [found for found in axe.findings(page) if "color-contrast" in found]
