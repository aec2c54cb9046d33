"""Every page of the staff area: who may open it, how many questions it asks, and the laws of all pages."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core.web import Route

from ..test_page_laws import broken_laws

PLACES = {
    "org": "northfield",
    "project": "air",
    "workspace": "asthma",
    "username": "ada",
    "backend": "local",
    "dashboard": "projects",
    "number": "1",
    "redirect": "1",
    "alert": "1",
    "repo": "1",
}


def staff_routes(app: Flask) -> list[Route]:
    return [route for route in app.extensions["jobsite.routes"] if route.rule.startswith("/staff/")]


def address(route: Route, places: dict[str, str] = PLACES) -> str:
    return re.sub(r"<(?:int:)?(\w+)>", lambda found: places[found[1]], route.rule)


def test_every_page_opens_for_staff_and_keeps_the_laws(app: Flask, sam: FlaskClient) -> None:
    broken = {}
    for route in (one for one in staff_routes(app) if "GET" in one.methods):
        answer = sam.get(address(route), query_string={"format": "csv"}, buffered=True)
        assert answer.status_code == 200, (address(route), answer.status_code, answer.text[-3000:])
        if answer.mimetype == "text/html":
            assert "Staff area" in answer.text, address(route)
            broken[address(route)] = broken_laws(answer.text)
    assert {where: laws for where, laws in broken.items() if laws} == {}
    assert len(broken) > 30


@pytest.mark.parametrize("who", ["ada", "cat", "dan"])
def test_who_is_not_staff_reads_which_role_is_missing_and_sees_nothing(
    app: Flask, site: SimpleNamespace, sign_in: Callable[..., FlaskClient], who: str
) -> None:
    client = sign_in(app.test_client(), who)
    for route in staff_routes(app):
        for method in route.methods:
            answer = client.open(address(route), method=method, data={"csrf_token": "x"})
            assert answer.status_code in (400, 403), (route.rule, method)
    assert "you need the role Staff Area Administrator" in client.get("/staff/").text


def test_a_visitor_is_asked_to_log_in(app: Flask, site: SimpleNamespace, client: FlaskClient) -> None:
    for route in staff_routes(app):
        if "GET" in route.methods:
            assert client.get(address(route)).location.startswith("/login/?next="), route.rule
