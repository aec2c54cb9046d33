"""The pages of people, of the members of a project, and what a project's page shows to whom."""

from datetime import datetime
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.actions import add_user, deactivate
from jobsite.projects import actions, data_permissions
from jobsite.projects.models import Project, ProjectMembership, Repo, Workspace


@pytest.fixture
def sam(app: Flask, sign_in, project: Project) -> FlaskClient:
    return sign_in(app.test_client(), "sam")


def roles_of(project: Project, user) -> list[str] | None:
    row = ProjectMembership.get_or_none(project=project, user=user)
    return row.roles if row else None


def test_people_are_listed_and_searched_without_their_addresses(
    client: FlaskClient, cast: SimpleNamespace, project: Project
) -> None:
    page = client.get("/users/").text
    assert "Ada Adewale" in page and "7 researchers" in page
    assert "@example.org" not in page
    assert "Ada" not in client.get("/users/?q=dua").text
    part = client.get("/users/?q=dua", headers={"HX-Request": "true", "HX-Target": "listed"}).text
    assert "Dan Duarte" in part and "<html" not in part


def test_a_person_has_a_page_with_their_projects(
    client: FlaskClient, cast: SimpleNamespace, project: Project
) -> None:
    page = client.get("/users/ADA/").text
    assert "Ada Adewale" in page and 'href="/projects/air/"' in page and "@example.org" not in page
    assert "belongs to no project" in client.get("/users/dan/").text
    assert client.get("/users/nobody/").status_code == 404
    assert client.get("/users/ada/logs/").status_code == 200
    assert client.get("/users/nobody/logs/").status_code == 404


def test_somebody_deactivated_is_not_listed(client: FlaskClient, cast: SimpleNamespace) -> None:
    deactivate(by="system", user=cast.dan)
    assert "Dan Duarte" not in client.get("/users/").text
    assert "no longer in use" in client.get("/users/dan/").text


def test_staff_add_people_change_roles_and_end_memberships(
    sam: FlaskClient, csrf, cast: SimpleNamespace, project: Project
) -> None:
    where = "/projects/air/members/"
    token = csrf(sam, where)
    form = {"csrf_token": token, "users": "dan, CAT", "roles": ["ProjectDeveloper"]}
    assert sam.post(where, data=form).status_code == 303
    assert roles_of(project, cast.dan) == roles_of(project, cast.cat) == ["ProjectDeveloper"]
    again = sam.post(where, data=form)
    assert again.status_code == 422 and "Already a member of Air: cat, dan." in again.text
    assert 'value="dan CAT"' in again.text, "what was typed is lost"
    unknown = sam.post(where, data={**form, "users": "nobody <b>"})
    assert unknown.status_code == 422 and "There is no user nobody, &lt;b&gt;." in unknown.text
    one = f"{where}dan/"
    sam.post(one, data={"csrf_token": token, "roles": ["ProjectCollaborator"]})
    assert roles_of(project, cast.dan) == ["ProjectCollaborator"]
    assert sam.post(one, data={"csrf_token": token, "roles": ["OutputChecker"]}).status_code == 422
    sam.post(one, data={"csrf_token": token, "remove": "1"})
    assert roles_of(project, cast.dan) is None
    assert sam.get(one).status_code == 404


@pytest.mark.parametrize("name", ["ada", "ben", "dan"])
def test_members_are_managed_by_those_who_may(app: Flask, sign_in, project: Project, name: str) -> None:
    client = sign_in(app.test_client(), name)
    for where in ("/projects/air/members/", "/projects/air/members/ben/"):
        assert client.get(where).status_code == 403
    assert "Manage members" not in client.get("/projects/air/").text


@pytest.mark.parametrize(
    ("name", "inside"), [("ada", True), ("ben", True), ("sam", True), ("dan", False), (None, False)]
)
def test_status_roles_and_data_permissions_are_for_members_and_staff(
    app: Flask, sign_in, cast: SimpleNamespace, project: Project, name: str | None, inside: bool
) -> None:
    data_permissions.add(by=cast.sam, project=project, kind="dataset", value="ukrr", reason="Approved in May")
    actions.edit_project(by=cast.ada, project=project, status="postponed", description="Marked description")
    Project.update(copilot=cast.sam).execute()
    page = (sign_in(app.test_client(), name) if name else app.test_client()).get("/projects/air/").text
    assert "Ada Adewale" in page
    for private in (
        "ukrr",
        "Approved in May",
        "Postponed",
        "Marked description",
        "Project Developer",
        "Co-pilot",
    ):
        assert (private in page) == inside, private
    assert ("Manage members" in page) == (name == "sam")


def test_a_repository_is_shown_as_what_was_last_heard_of_it(
    client: FlaskClient, project: Project, workspace: Workspace
) -> None:
    assert "Private: a folder on this server" in client.get("/projects/air/").text
    Repo.update(url="https://github.com/northfield/air").execute()
    assert "Not known, so it counts as private" in client.get("/projects/air/").text
    Repo.update(is_private=False, visibility_checked_at=datetime(2026, 1, 2, 3)).execute()
    page = client.get("/projects/air/").text
    assert "Public" in page and "as of 2 Jan 2026 at 03:00" in page
    assert "as of 2 Jan 2026" in client.get("/asthma/").text


def test_a_refusal_names_the_co_pilot(app: Flask, sign_in, cast: SimpleNamespace, project: Project) -> None:
    Project.update(copilot=cast.sam).execute()
    page = sign_in(app.test_client(), "ben").get("/projects/air/").text
    assert "Ask Sam Sato, its co-pilot, or staff." in page


def test_the_purpose_of_a_project_is_told_elsewhere_where_the_settings_say(
    client: FlaskClient, project: Project, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "View project purpose" not in client.get("/projects/air/").text
    monkeypatch.setitem(settings.__dict__, "project_page_url", "https://example.org/project/{number}/")
    assert "https://example.org/project/POS-2026-2014/" in client.get("/projects/air/").text


def test_hostile_names_are_text_on_every_page(
    client: FlaskClient, cast: SimpleNamespace, project: Project
) -> None:
    mark = "<img src=x onerror=alert(1)>"
    evil = add_user(by="system", username="evil", fullname=mark)
    actions.add_member(by="system", project=project, user=evil)
    for where in ("/users/", "/users/evil/", "/users/evil/logs/", "/projects/air/"):
        text = client.get(where).text
        assert mark not in text and "&lt;img src=x" in text, where
