"""A real Chromium against a real server with the demo study."""

import base64
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.signing_in import make_token
from jobsite.instance import close_instance, open_instance
from jobsite.settings import load

from ..servers import Server, jobs_in, jobsite
from .axe import Axe

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
SECONDS = 60_000
expect.set_options(timeout=SECONDS)


@dataclass
class Demo:
    """A server with the demo, and how to get a token for somebody."""

    address: str
    instance: Path

    def token(self, username: str) -> str:
        """Three words for a person."""
        open_instance(load(self.instance))
        try:
            return make_token(by="system", user=user_or_stop(username))
        finally:
            close_instance()

    def sign_in(self, page: Page, username: str) -> None:
        """Fill in the form of the sign-in page."""
        page.goto(f"{self.address}/login/")
        page.get_by_label(re.compile("user", re.IGNORECASE)).first.fill(username)
        page.locator("input[name=token]").fill(self.token(username))
        page.locator("form:has(input[name=token]) button[type=submit]").click()
        page.wait_for_url(lambda url: "/login" not in url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless. Without one the tests fail and say what to install."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "The browser tests need Chromium: sudo apt-get install -y chromium-headless-shell"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Axe, which judges each look of text once."""
    return Axe()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """The demo, served; no job has been run yet."""
    instance = tmp_path / "instance"
    done = jobsite(instance, "demo")
    assert done.returncode == 0, done.stderr
    with Server(instance) as server:
        yield Demo(server.address, instance)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, served to all tests that leave it usable for the next, with the two first actions run by ada."""
    instance = tmp_path_factory.mktemp("site") / "instance"
    for words in (("demo",), ("request", "demo", "describe_cohort", "plot_survival", "--by", "ada")):
        done = jobsite(instance, *words)
        assert done.returncode == 0, done.stderr
    with Server(instance) as server:
        until = time.monotonic() + 120
        while any(job["completed_at"] is None for job in jobs_in(instance)):
            assert time.monotonic() < until, "the jobs of the demo do not end"
            time.sleep(0.1)
        yield Demo(server.address, instance)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(javascript=False, width=390)`: a page in a browser context of its own; script errors fail the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def new(*, javascript: bool = True, width: int = 1280, dark: bool = False) -> Page:
        context = browser.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(SECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        return page

    yield new
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def keep_screenshot() -> Callable[[Page, str], None]:
    """`keep_screenshot(page, "request")`: the picture of the manual, when SCREENSHOTS is set; else nothing is kept."""
    folder = Path(__file__).parent.parent.parent / "static" / "manual"

    def keep(page: Page, name: str) -> None:
        if os.environ.get("SCREENSHOTS"):
            folder.mkdir(exist_ok=True)
            page.set_viewport_size({"width": 860, "height": 700})
            drawn = page.context.new_cdp_session(page).send(
                "Page.captureScreenshot", {"format": "webp", "quality": 80}
            )
            (folder / f"{name}.webp").write_bytes(base64.b64decode(drawn["data"]))

    return keep
