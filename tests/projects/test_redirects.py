"""Addresses of old: made by the verbs that rename and move, looked up last, for a year."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.core.clock import now
from jobsite.core.errors import Conflict, Denied
from jobsite.core.events import Event
from jobsite.projects import actions, redirects
from jobsite.projects.models import Organisation, Project, Redirect, Workspace
from jobsite.projects.workspaces import move_workspace


def rename(project: Project, slug: str, name: str = "Air") -> None:
    number, orgs = project.number or "", [row.org for row in project.collaborations]
    actions.edit_project_details(by="system", project=project, name=name, slug=slug, number=number, orgs=orgs)


def test_a_renamed_project_is_found_at_its_old_addresses(
    client: FlaskClient, project: Project, workspace: Workspace
) -> None:
    rename(project, "clean-air")
    for old, new in (
        ("/projects/air/", "/projects/clean-air/"),
        ("/projects/air/logs/?status=failed", "/projects/clean-air/logs/?status=failed"),
        ("/projects/air/no/such/page", "/projects/clean-air/no/such/page"),
        ("/air/", "/clean-air/"),
        ("/air/asthma/logs/", "/clean-air/asthma/logs/"),
    ):
        answer = client.get(old)
        assert (answer.status_code, answer.location) == (301, new), old
    assert client.get("/air/asthma/logs/", follow_redirects=True).request.path == "/asthma/logs/"
    assert client.get("/projects/clean-air/").status_code == 200


def test_links_of_old_name_the_organisation_before_the_project(
    client: FlaskClient, project: Project, workspace: Workspace, org: Organisation
) -> None:
    for old, new in (
        ("/air/asthma/outputs/?x=1", "/asthma/outputs/?x=1"),
        ("/air/asthma/", "/asthma/"),
        ("/air/", "/projects/air/"),
        ("/air/logs/", "/projects/air/logs/"),
    ):
        answer = client.get(f"/{org.slug}{old}")
        assert (answer.status_code, answer.location) == (301, new), old
    for nowhere in (f"/{org.slug}/", f"/{org.slug}/sea/", f"/{org.slug}/air/nothing/", "/nobody/air/asthma/"):
        assert client.get(nowhere).status_code == 404, nowhere


def test_a_renamed_organisation_is_found_at_its_old_address(client: FlaskClient, org: Organisation) -> None:
    old = f"/orgs/{org.slug}/"
    actions.edit_organisation(by="system", org=org, name=org.name, slug="northfield")
    assert client.get(old).location == "/orgs/northfield/"
    assert client.get("/orgs/northfield/").status_code == 200


def test_a_moved_workspace_is_found_below_its_old_project(
    client: FlaskClient, project: Project, workspace: Workspace, org: Organisation
) -> None:
    sea = actions.add_project(by="system", name="Sea", orgs=[org])
    move_workspace(by="system", workspace=workspace, project=sea)
    assert client.get("/air/asthma/logs/?q=x").location == "/asthma/logs/?q=x"
    assert client.get("/sea/asthma/").location == "/asthma/"


def test_a_new_thing_at_an_old_address_is_what_is_shown(client: FlaskClient, project: Project) -> None:
    rename(project, "clean-air")
    actions.add_project(by="system", name="Air II", slug="air", orgs=[Organisation.get()])
    assert "Air II" in client.get("/projects/air/").text
    assert client.get("/projects/air/no-such-page/").status_code == 404


def test_renaming_there_and_back_makes_no_circle(client: FlaskClient, project: Project) -> None:
    rename(project, "clean-air")
    rename(project, "air")
    assert client.get("/projects/air/").status_code == 200
    assert client.get("/projects/clean-air/").location == "/projects/air/"


def test_a_redirect_ends_after_a_year(client: FlaskClient, project: Project) -> None:
    rename(project, "clean-air")
    kept = Redirect.get()
    assert timedelta(days=364) < kept.expires_at - now() <= timedelta(days=365)
    Redirect.update(expires_at=now() - timedelta(seconds=1)).execute()
    assert client.get("/projects/air/").status_code == 404


def test_the_longest_old_address_decides(project: Project, workspace: Workspace, org: Organisation) -> None:
    sea = actions.add_project(by="system", name="Sea", orgs=[org])
    soon = now() + timedelta(days=1)
    Redirect.create(old_url="/old/", project=sea, created_by="sam", expires_at=soon)
    Redirect.create(old_url="/old/place/", workspace=workspace, created_by="sam", expires_at=soon)
    assert redirects.target_of("/old/place/logs/") == "/asthma/logs/"
    assert redirects.target_of("/old/places/") == "/projects/sea/places/"
    assert redirects.target_of("/older/") is None


@pytest.mark.parametrize("path", ["/api/v2/old/", "/staff/old/"])
def test_programs_and_staff_pages_are_never_redirected(project: Project, path: str) -> None:
    for old in ("/api/", path):
        Redirect.get_or_create(
            old_url=old, project=project, created_by="sam", expires_at=now() + timedelta(days=1)
        )
    assert redirects.target_of(path) is None


def test_a_form_sent_to_an_old_address_is_not_led_on(client: FlaskClient, project: Project) -> None:
    rename(project, "clean-air")
    client.application.config["WTF_CSRF_ENABLED"] = False
    assert client.post("/projects/air/edit/").status_code in (302, 404)


def test_staff_end_a_redirect_once(cast: SimpleNamespace, project: Project) -> None:
    rename(project, "clean-air")
    redirect = redirects.listed().get()
    assert (redirect.old_url, redirect.target) == ("/projects/air/", "/projects/clean-air/")
    with pytest.raises(Denied):
        redirects.remove(by=cast.ada, redirect=redirect)
    redirects.remove(by=cast.sam, redirect=redirect)
    assert redirects.target_of("/projects/air/") is None
    assert Event.select().where(Event.type == "redirect:removed").count() == 1
    with pytest.raises(Conflict):
        redirects.remove(by=cast.sam, redirect=redirect)
