"""The main way by keyboard alone: a workspace is made, a job is run and cancelled. With JavaScript and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import ElementHandle, Error, Page, expect

from .conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SLOW = "bootstrap_hazard_ratio"
MOST_TABS = 120


def go_to(page: Page, name: str, *, role: str = "link") -> None:
    """Press Tab until what has the focus is the control of this name, and see that it shows so."""
    wanted = page.get_by_role(role, name=name, exact=True).first
    control = wanted.element_handle()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        while (there := has_focus(control)) is None:
            control = wanted.element_handle()
        if there:
            assert wanted.evaluate("control => control.matches(':focus-visible')"), (
                f"{name} does not show its focus"
            )
            return
    raise AssertionError(f"{name} is not reached by Tab on {page.url}")


def has_focus(control: ElementHandle) -> bool | None:
    """Whether a control has the focus; None when it is not there any more. To look for it at each Tab would take most
    of the time of a test."""
    try:
        return control.evaluate("control => control.isConnected ? control === document.activeElement : null")
    except Error:
        return None


def press(page: Page, name: str, *, role: str = "link") -> None:
    """Go to a control and press it; the page that comes is loaded then."""
    go_to(page, name, role=role)
    page.keyboard.press("Enter")
    page.wait_for_load_state()


def write(page: Page, name: str, words: str, *, role: str = "textbox") -> None:
    """Go to a field and type."""
    go_to(page, name, role=role)
    page.keyboard.type(words)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_workspace_is_made_and_a_job_run_and_cancelled_by_keyboard(
    site: Demo, open_page: Callable[..., Page], javascript: bool
) -> None:
    name = "by-keys" if javascript else "by-keys-alone"
    page = open_page(javascript=javascript)
    page.goto(f"{site.address}/login/")
    page.locator("#user").focus()
    page.keyboard.type("ada")
    write(page, "Single-use token", site.token("ada"))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)

    page.goto(f"{site.address}/projects/demo-study/")
    press(page, "Create a new workspace")
    write(page, "Name", name)
    press(page, "Refresh", role="button")
    expect(page.get_by_label("Branch")).to_have_value("main")
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    write(page, "Purpose", "Made without a mouse.")
    press(page, "Create", role="button")
    page.wait_for_url(f"**/{name}/")

    press(page, "Run Jobs")
    go_to(page, f"Run {SLOW}", role="checkbox")
    page.keyboard.press("Space")
    press(page, "Submit", role="button")
    page.wait_for_url(re.compile(rf"/{name}/\d+/$"))
    press(page, "Cancel job request")
    press(page, "Cancel job request", role="button")
    page.wait_for_url(re.compile(rf"/{name}/\d+/$"))
    expect(page.locator("#status .pill")).to_contain_text(re.compile("Cancell"))


def test_the_first_tab_offers_a_way_past_the_menu_and_escape_closes_it(
    site: Demo, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    site.sign_in(page, "ada")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    menu = page.locator("#account-menu > summary")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()
    expect(menu).to_be_focused()


def test_the_slash_goes_to_the_search_box_but_not_while_somebody_types(
    site: Demo, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    page.goto(f"{site.address}/manual/")
    field = page.locator("#manual-q")
    field.focus()
    page.keyboard.type("and/or")
    expect(field).to_have_value("and/or")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.locator("#site-search")).to_be_focused()
    expect(page.locator("#site-search")).to_have_value("")


def test_what_was_done_is_told_to_listeners_and_a_text_is_copied(
    site: Demo, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    page.goto(f"{site.address}/ui/")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#announce")).to_have_text(re.compile("Copied|selected"))
