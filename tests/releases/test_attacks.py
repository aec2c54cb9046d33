"""What an insider tries on release requests: to learn too early what others said, and to break a page with a form."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobsite.accounts.actions import set_roles
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.findings import pin
from jobsite.releases.requests.voting import mark_opened

from .test_desk import words_of
from .world import World

Browser = Callable[[str], FlaskClient]
Press = Callable[..., TestResponse]
REMARK = "This count of nine has to be left out of the table."
FILE = "tables/output/a.csv"
BEYOND = "9" * 30
"""A number that no database can hold."""


@pytest.fixture
def people(world: World, app: Flask, sign_in: Callable[..., FlaskClient]) -> Browser:
    """`people("ada")`: the browser of somebody who is logged in."""
    browsers: dict[str, FlaskClient] = {}

    def browser(name: str) -> FlaskClient:
        if name not in browsers:
            app.config["WTF_CSRF_ENABLED"] = True
            browsers[name] = sign_in(app.test_client(), name)
        app.config["WTF_CSRF_ENABLED"] = False
        return browsers[name]

    return browser


@pytest.fixture
def press(people: Browser) -> Press:
    """`press("ada", address, 403, do=…)`: send a form, which is answered with that status."""

    def send(who: str, address: str, status: int = 303, /, **form: str) -> TestResponse:
        answer = people(who).post(address, data=form)
        assert answer.status_code == status, (who, form, words_of(answer.text)[-300:])
        return answer

    return send


def untimed(page: str) -> str:
    """The words of a page but for its times and what changes with them."""
    return re.sub(r"\d\d:\d\d(:\d\d)?|just now|\d+ (s|min|seconds?|minutes?) ago", "", words_of(page))


def test_a_remark_that_one_may_not_see_yet_is_betrayed_by_no_number_and_no_refusal(
    world: World, people: Browser, press: Press
) -> None:
    request, (cat, cyd) = world.submitted(), (world.cast.cat, world.cast.cyd)
    for checker in (cat, cyd):
        mark_opened(by=checker, request_id=request.id, path="output/a.csv")
    page = f"/requests/{request.id}/{FILE}"
    people("cyd").get(page)  # which tells her once that she is logged in
    before = untimed(people("cyd").get(page).text)
    facts = {"path": "output/a.csv", "place": {"kind": "file"}, "severity": "fix", "sentence": REMARK}
    pin(by=cat, request_id=request.id, **facts)
    assert untimed(people("cyd").get(page).text) == before
    on_rule = {"all": "1", "rule": "M1", "code": "false-alarm", "text": "It is nothing that matters at all."}
    press("cyd", page, 404, do="waive", **on_rule)
    press("cyd", page, 404, do="confirm", **on_rule)
    press("cyd", page, do="approve")
    assert "Waive 1 finding with a reason first" in press("cat", page, 403, do="approve").text


def test_what_a_checker_does_before_the_review_changes_no_page_of_anybody_else(
    world: World, people: Browser
) -> None:
    request, cat = world.submitted(), world.cast.cat
    below = ("", "-/audit/", "tables/", FILE, "-/my-review/")
    pages = [f"/requests/{request.id}/{one}" for one in below]
    pages += ["/requests/?view=queue", "/inbox/", "/asthma/level-4/local/"]
    others = ("ada", "cyd", "fay")

    def seen() -> dict[tuple[str, str], str]:
        return {(who, page): untimed(people(who).get(page).text) for who in others for page in pages}

    for who in others:  # the first page says once that one is logged in, and that of the file opens it
        people(who).get(pages[3])
    before = seen()
    world.review(cat, request, ["output/a.csv"], ends=False)
    for audience in ("PRIVATE", "PUBLIC"):
        comment(by=cat, request_id=request.id, group="tables", text=REMARK, audience=audience)
    place = {"kind": "cell", "row": 1, "col": 2}
    pin(by=cat, request_id=request.id, path="output/a.csv", place=place, severity="fix", sentence=REMARK)
    assert seen() == before
    assert REMARK in people("cat").get(pages[2]).text


@pytest.mark.parametrize("button", ["take-back", "make-public", "repost"])
def test_a_number_beyond_all_numbers_is_a_comment_that_is_not_there(
    world: World, press: Press, button: str
) -> None:
    request = world.submitted()
    press("cat", f"/requests/{request.id}/", 404, do=button, comment=BEYOND)


def test_a_number_beyond_all_numbers_is_a_file_that_is_not_there(world: World, people: Browser) -> None:
    request = world.submitted()
    assert people("cat").get(f"/requests/{request.id}/-/content/{BEYOND}").status_code == 404


@pytest.mark.parametrize("who", ["ada", "ben", "cyd"])
def test_staff_who_ask_or_check_themselves_read_no_opinion_in_the_event_log(
    world: World, people: Browser, who: str
) -> None:
    request = world.submitted()
    world.review(world.cast.cat, request)
    person = getattr(world.cast, who)
    set_roles(by="system", user=person, roles=[*person.roles, "StaffAreaAdministrator"])
    about = f"?subject=release-request:{request.id}"
    for address in ("/staff/audit/", "/staff/audit/export/"):
        told = people(who).get(f"{address}{about}&format=csv").text
        assert "release:submitted" in told
        assert not re.search(r"release:(voted|opened|partially-reviewed)[^<]*[<,]\W*cat", told), address
        assert "release:voted" not in told.partition("<tbody>")[2]
        assert "release:voted" in people("sam").get(f"{address}{about}&format=csv").text


def test_a_group_is_found_again_however_many_spaces_its_name_was_typed_with(
    world: World, press: Press
) -> None:
    form = {"path": "output/a.csv", "kind": "OUTPUT", "group": " Table  of\tregions "}
    answer = press("ada", "/requests/new/asthma/local/", **form)
    assert answer.location.endswith("/table-of-regions/")


@pytest.mark.parametrize("headers", [{}, {"HX-Target": "nothing"}, {"HX-History-Restore-Request": "true"}])
def test_who_asks_for_no_known_part_of_the_desk_gets_all_of_it(
    world: World, people: Browser, headers: dict[str, str]
) -> None:
    request = world.submitted()
    page = f"/requests/{request.id}/{FILE}"
    asked = {"HX-Request": "true", **headers}
    answer = people("cat").get(page, headers=asked)
    assert (answer.status_code, "North" in answer.text) == (200, True)
    answer = people("cat").post(page, data={"do": "changes"}, headers=asked)
    assert (answer.status_code, "North" in answer.text) == (200, True)


def test_who_asks_for_a_part_without_the_content_has_not_opened_the_file(
    world: World, people: Browser, press: Press
) -> None:
    request = world.submitted()
    page = f"/requests/{request.id}/{FILE}"
    part = people("cat").get(page, headers={"HX-Request": "true", "HX-Target": "judge"})
    assert part.status_code == 200 and "North" not in part.text
    assert "Open the file first" in press("cat", page, 403, do="approve").text
    # the refusal came with the whole page, which showed the content
    press("cat", page, do="approve")
