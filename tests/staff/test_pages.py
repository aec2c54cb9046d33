"""Every page of the staff area: who may open it, how many questions it asks, and the laws of all pages."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.actions import set_roles
from jobsite.accounts.models import Backend, BackendMembership, User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.events import Event, record
from jobsite.core.web import Route
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectCollaboration,
    ProjectMembership,
    Workspace,
)

from ..test_page_laws import broken_laws
from ..test_pages import fragments_of, same
from .conftest import ask, make_workspace

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
    "identifier": "0" * 32,
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


@pytest.mark.parametrize("who", ["ada", "cat"])
def test_who_is_not_staff_reads_which_role_is_missing_and_changes_nothing(
    app: Flask, site: SimpleNamespace, sign_in: Callable[..., FlaskClient], csrf: Callable[..., str], who: str
) -> None:
    client = sign_in(app.test_client(), who)
    data = {"csrf_token": csrf(client, "/settings/"), "sure": "yes"}
    events = Event.select().count()
    for route in staff_routes(app):
        for method in route.methods:
            answer = client.open(address(route), method=method, data=data if method == "POST" else None)
            assert answer.status_code == 403, (route.rule, method)
    assert Event.select().count() == events
    assert "you need the role Staff Area Administrator" in client.get("/staff/").text


def test_a_visitor_is_asked_to_log_in(app: Flask, site: SimpleNamespace, client: FlaskClient) -> None:
    for route in staff_routes(app):
        if "GET" in route.methods:
            assert client.get(address(route)).location.startswith("/login/?next="), route.rule


def test_a_section_asks_for_its_own_permission_too(
    app: Flask, site: SimpleNamespace, sign_in: Callable[..., FlaskClient]
) -> None:
    set_roles(by="system", user=site.dan, roles=["StaffAreaAdministrator"])
    dan = sign_in(app.test_client(), "dan")
    assert dan.get("/staff/projects/air/").status_code == 200
    refused = dan.get("/staff/projects/air/members/")
    assert refused.status_code == 403
    assert "you need the role Tech Support or Service Administrator" in refused.text
    page = dan.get("/staff/projects/").text
    assert 'aria-disabled="true"' in page and "Only staff who set up projects" in page


def test_who_loses_the_role_is_out_at_the_next_request(sam: FlaskClient, site: SimpleNamespace) -> None:
    assert sam.get("/staff/users/").status_code == 200
    assert "Staff Area" in sam.get("/").text
    set_roles(by="system", user=site.sam, roles=["TechSupport"])
    assert sam.get("/staff/users/").status_code == 403
    assert "Staff Area" not in sam.get("/").text


def test_broken_input_is_refused_with_a_sentence(
    app: Flask, sam: FlaskClient, csrf: Callable[..., str]
) -> None:
    token = csrf(sam, "/settings/")
    nasty = {"name": "\0", "roles": "x", "users": "nobody", "project": "?", "level": "?", "starts_at": "soon"}
    nasty |= {"slug": "../", "number": "0", "org": "?", "overlap": "9", "turn": "x", "permission": "a:b"}
    for route in staff_routes(app):
        for places in (PLACES, dict.fromkeys(PLACES, "9" * 18), dict.fromkeys(PLACES, "%00<b>")):
            where = address(route, places)
            if "POST" in route.methods:
                answer = sam.post(where, data={"csrf_token": token, **nasty})
                assert answer.status_code in (200, 303, 403, 404, 405, 409, 422), (where, answer.status_code)
            odd = {"page": "9" * 30, "q": "\0%_'", "before": "x", "since": "x", "sort": "x", "find": "%"}
            answer = sam.get(where, query_string=odd, buffered=True)
            assert answer.status_code in (200, 404, 405, 422), (where, answer.status_code)


def test_fragments_are_parts_of_their_pages(app: Flask, sam: FlaskClient) -> None:
    asked = 0
    for route in (one for one in staff_routes(app) if "GET" in one.methods):
        where = address(route)
        for fragment in fragments_of(sam, where):
            whole = sam.get(where)
            part = sam.get(where, headers={"HX-Request": "true", "HX-Target": fragment})
            assert f'id="{fragment}"' in part.text and "<html" not in part.text, (where, fragment)
            assert same(part.text) in same(whole.text), (where, fragment)
            asked += 1
    assert asked >= 10


def test_a_page_asks_at_most_ten_questions_however_many_rows(
    app: Flask, sam: FlaskClient, site: SimpleNamespace, queries: Callable[..., Any]
) -> None:
    fill(site)
    searched = ("/staff/?q=a", "/staff/users/?q=a&role=ProjectDeveloper&missing=org&any_role=yes")
    wide = (
        *searched,
        "/staff/why/?user=ada&permission=job_run&object=asthma",
        "/staff/requests/?org=northfield&q=a",
    )
    pages = [
        address(route) for route in staff_routes(app) if "GET" in route.methods and "export" not in route.rule
    ]
    for where in (*pages, *wide):
        sam.get(where)
        with queries() as seen:
            assert sam.get(where, buffered=True).status_code == 200, where
        assert len(seen) <= 10, (where, len(seen), seen)


def test_names_from_outside_are_shown_as_text(app: Flask, sam: FlaskClient, site: SimpleNamespace) -> None:
    mark = "<img src=x onerror=alert(1)>"
    User.update(fullname=mark).where(User.id == site.ada.id).execute()
    Project.update(name=mark, copilot_notes=mark).where(Project.id == site.air.id).execute()
    Organisation.update(name=mark, description=mark).where(Organisation.id == site.org.id).execute()
    Backend.update(name=mark).where(Backend.id == site.local.id).execute()
    Workspace.update(purpose=mark, branch=mark).where(Workspace.id == site.asthma.id).execute()
    with writing():
        record("project:edited", by=mark, subject=f"project:{site.air.slug}", fact=mark)
    shown = 0
    for route in (one for one in staff_routes(app) if "GET" in one.methods and "export" not in one.rule):
        text = sam.get(address(route)).text
        assert "<img src=x" not in text, route.rule
        shown += "&lt;img src=x" in text
    assert shown > 15


def fill(site: SimpleNamespace) -> None:
    """Hundreds of rows of everything, by the shortest way."""
    moment = now()
    User.insert_many(
        {"username": f"u{n}", "fullname": f"Anna {n}", "date_joined": moment, "created_by": "x", "roles": []}
        for n in range(300)
    ).execute()
    with writing():
        for n in range(60):
            project = Project.create(
                name=f"Area {n}",
                slug=f"area-{n}",
                number=str(100 + n),
                copilot=site.sam,
                created_by="x",
                updated_by="x",
            )
            ProjectCollaboration.create(project=project, org=site.org, is_lead=True)
            ProjectMembership.create(
                project=project, user=site.ada, roles=["ProjectDeveloper"], created_by="x"
            )
            ask(make_workspace(project, f"area-{n}"), site.local, site.ada)
        for n in range(150):
            ProjectMembership.create(project=site.air, user=20 + n, roles=[], created_by="x")
            BackendMembership.create(backend=site.local, user=20 + n, created_at=moment, created_by="x")
            OrgMembership.create(org=site.org, user=20 + n, created_by="x")
        for n in range(120):
            record("project:edited", by="ada", subject="project:air", n=n)
            record("user:edited", by="ada", subject="user:ada", n=n)


def test_a_question_says_where_it_stands(sam: FlaskClient, site: SimpleNamespace) -> None:
    page = sam.get("/staff/users/dan/deactivate/").text
    assert '<a href="/staff/users/">Users</a>' in page and '<a href="/staff/users/dan/">dan</a>' in page
    assert ">Back<" not in page
