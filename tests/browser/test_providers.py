"""Signing in at a provider in a real browser: it holds the redirect after a form to the policy of the page."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..accounts.provider import Provider
from ..servers import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def site(tmp_path: Path, provider: Provider) -> Iterator[Server]:
    """A server where both ways in are set up."""
    instance = tmp_path / "instance"
    environ = {
        "JOBSITE_GITHUB_URL": provider.address,
        "JOBSITE_GITHUB_CLIENT_ID": "jobsite",
        "JOBSITE_GITHUB_CLIENT_SECRET": "s3cret",
        "JOBSITE_OIDC_ISSUER": provider.address,
        "JOBSITE_OIDC_CLIENT_ID": "jobsite",
        "JOBSITE_OIDC_CLIENT_SECRET": "s3cret",
        "JOBSITE_OIDC_NAME": "Northfield",
    }
    with Server(instance, **environ) as server:
        yield server


@pytest.mark.parametrize("javascript", [True, False])
def test_a_person_goes_to_the_provider_and_comes_back_to_where_they_wanted(
    site: Server,
    provider: Provider,
    open_page: Callable[..., Page],
    javascript: bool,
) -> None:
    page = open_page(javascript=javascript, width=390)
    page.goto(f"{site.address}/settings/tokens/")
    page.get_by_role("button", name="Log in with GitHub").click()
    page.get_by_label("Full name").fill("Octo Cat")
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(f"{site.address}/settings/tokens/")
    page.get_by_label("Name").fill("ci")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#token")).to_have_text(re.compile(r"^[0-9a-f]{64}-\d{4}-\d\d-\d\d$"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_login_page_of_the_provider_at_another_origin_is_reached_too(
    site: Server,
    provider: Provider,
    open_page: Callable[..., Page],
) -> None:
    elsewhere = provider.address.replace("127.0.0.1", "localhost")
    provider.about = {"authorization_endpoint": f"{elsewhere}/authorize"}
    provider.person |= {"name": "Octo Cat", "preferred_username": "octo"}
    page = open_page()
    page.goto(f"{site.address}/login/?next=/settings/")
    page.get_by_role("button", name="Log in with Northfield").click()
    expect(page).to_have_url(f"{site.address}/settings/")
    expect(page.locator("#sessions")).to_contain_text("Chrom")
