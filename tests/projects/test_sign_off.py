"""Signing off a repository: workspaces one by one, then the wish that it be public, then staff."""

import json
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core.errors import Conflict, Denied
from jobsite.core.events import Event
from jobsite.projects import sign_off
from jobsite.projects.models import Organisation, Project, Repo, Workspace
from jobsite.projects.workspaces import edit_workspace


def page_of(repo: Repo) -> str:
    return "/publish-repo/" + quote(quote(repo.url, safe=""), safe="") + "/"


def main(page: str) -> str:
    """What the page is about, without its frame."""
    return page[page.index("<main") : page.index("</main")]


@pytest.fixture
def repo(workspace: Workspace) -> Repo:
    return workspace.repo


def told(type: str) -> dict:
    return json.loads(Event.get(Event.type == type).data)


def test_a_repository_is_signed_off_step_by_step_and_each_step_once(
    cast: SimpleNamespace, project: Project, workspace: Workspace, repo: Repo
) -> None:
    Project.update(copilot=cast.sam).where(Project.id == project.id).execute()
    with pytest.raises(Denied, match="purpose"):
        sign_off.sign_off_workspace(by=cast.ada, workspace=workspace)
    edit_workspace(by=cast.ada, workspace=workspace, purpose="All jobs")
    with pytest.raises(Denied, match="First sign off asthma"):
        sign_off.request_public(by=cast.ada, repo=repo)
    sign_off.sign_off_workspace(by=cast.ada, workspace=workspace)
    assert (Workspace.get().signed_off_by, Workspace.get().signed_off_at is None) == ("ada", False)
    with pytest.raises(Denied, match="have not signed it off"):
        sign_off.sign_off_internally(by=cast.sam, repo=repo)
    sign_off.request_public(by=cast.ben, repo=repo)
    assert told("repo:signed-off")["creators"] == ["ada"]
    assert told("repo:signed-off")["copilots"] == ["sam"]
    sign_off.sign_off_internally(by=cast.sam, repo=repo)
    assert Repo.get().internal_signed_off_by == "sam"
    for again in (
        lambda: sign_off.sign_off_workspace(by=cast.ada, workspace=workspace),
        lambda: sign_off.request_public(by=cast.ada, repo=repo),
        lambda: sign_off.sign_off_internally(by=cast.sam, repo=repo),
    ):
        with pytest.raises(Conflict, match="already"):
            again()
    signed = Event.select().where(Event.type.contains("signed-off"))
    assert [event.type for event in signed] == [
        "workspace:signed-off",
        "repo:signed-off",
        "repo:signed-off-internally",
    ]


@pytest.mark.parametrize("name", ["cat", "pat", "dan", "sam"])
def test_only_members_sign_off_and_only_staff_do_so_internally(
    cast: SimpleNamespace, workspace: Workspace, repo: Repo, name: str
) -> None:
    edit_workspace(by=cast.ada, workspace=workspace, purpose="All jobs")
    by = getattr(cast, name)
    with pytest.raises(Denied, match="Only members"):
        sign_off.sign_off_workspace(by=by, workspace=workspace)
    sign_off.sign_off_workspace(by=cast.ada, workspace=workspace)
    with pytest.raises(Denied, match="Only members"):
        sign_off.request_public(by=by, repo=repo)
    sign_off.request_public(by=cast.ada, repo=repo)
    if name != "sam":
        with pytest.raises(Denied, match="Only staff"):
            sign_off.sign_off_internally(by=by, repo=repo)


def test_a_repository_with_outputs_of_its_own_needs_the_role_for_that(
    cast: SimpleNamespace, workspace: Workspace, repo: Repo
) -> None:
    edit_workspace(by=cast.ada, workspace=workspace, purpose="All jobs")
    sign_off.sign_off_workspace(by=cast.ada, workspace=workspace)
    sign_off.request_public(by=cast.ada, repo=repo)
    Repo.update(has_github_outputs=True).execute()
    with pytest.raises(Denied, match="Sign Off Repo With Outputs"):
        sign_off.sign_off_internally(by=cast.sam, repo=repo)
    cast.sam.roles = [*cast.sam.roles, "SignOffRepoWithOutputs"]
    sign_off.sign_off_internally(by=cast.sam, repo=repo)


@pytest.mark.parametrize(
    ("name", "status"), [("ada", 200), ("ben", 200), ("sam", 200), ("cat", 404), ("dan", 404)]
)
def test_the_page_is_for_members_and_staff(app: Flask, sign_in, repo: Repo, name: str, status: int) -> None:
    assert sign_in(app.test_client(), name).get(page_of(repo)).status_code == status


def test_the_page_signs_off_without_a_script(
    app: Flask, sign_in, csrf, cast: SimpleNamespace, workspace: Workspace, repo: Repo
) -> None:
    edit_workspace(by=cast.ada, workspace=workspace, purpose="All jobs")
    client: FlaskClient = sign_in(app.test_client(), "ada")
    where = page_of(repo)
    token = csrf(client, where)
    assert client.get("/publish-repo/nothing/").status_code == 404
    answer = client.post(where, data={"csrf_token": token, "name": "other"})
    assert answer.status_code == 404
    answer = client.post(where, data={"csrf_token": token, "name": "asthma"})
    assert (answer.status_code, answer.location) == (303, where)
    refused = client.post(where, data={"csrf_token": token})
    assert refused.status_code == 422
    assert sign_off.repo_named(quote(repo.url, safe="")) == repo
    assert Repo.get().researcher_signed_off_at is None
    assert client.post(where, data={"csrf_token": token, "confirmed": "1"}).status_code == 303
    assert Repo.get().researcher_signed_off_by == "ada"
    assert "Sign off internally" not in client.get(where).text
    staff, asks = sign_in(app.test_client(), "sam"), f"/staff/repositories/{repo.id}/sign-off/"
    assert asks in staff.get(where).text
    sure = {"csrf_token": csrf(staff, asks), "sure": "yes"}
    assert staff.post(asks, data=sure).status_code == 303
    assert "Signed off by sam" in staff.get(where).text


def test_each_step_is_asked_on_a_page_of_its_own_first(
    app: Flask, sign_in, csrf, cast: SimpleNamespace, workspace: Workspace, repo: Repo
) -> None:
    client: FlaskClient = sign_in(app.test_client(), "ada")
    where = page_of(repo)
    asks = f"{where}confirm/?name=asthma"
    assert "<form" not in main(client.get(asks).text), "it needs a purpose first"
    edit_workspace(by=cast.ada, workspace=workspace, purpose="All jobs")
    assert f'href="{asks}"' in client.get(where).text
    assert "<form" not in main(client.get(where).text)
    question = main(client.get(asks).text)
    assert "Sign off asthma?" in question and "All jobs" in question
    assert Workspace.get().signed_off_at is None
    assert client.get(f"{where}confirm/?name=other").status_code == 404
    client.post(where, data={"csrf_token": csrf(client, asks), "name": "asthma"})
    public = f"{where}confirm/"
    assert f'href="{public}"' in client.get(where).text
    assert 'name="confirmed"' in client.get(public).text
    refused = client.post(where, data={"csrf_token": csrf(client, public)})
    assert (refused.status_code, "Tick the box" in refused.text) == (422, True)
    assert Repo.get().researcher_signed_off_at is None
    client.post(where, data={"csrf_token": csrf(client, public), "confirmed": "1"})
    assert Repo.get().researcher_signed_off_by == "ada"
    assert "<form" not in main(client.get(public).text), "it is asked once"


def test_a_badge_leads_to_the_project_or_the_list(
    client: FlaskClient, project: Project, org: Organisation, workspace: Workspace
) -> None:
    url = "https://github.com/northfield/air"
    badge = "/repo/" + quote(quote(url, safe=""), safe="") + "/"
    assert client.get(badge).status_code == 404
    Organisation.update(github_orgs=["Northfield"]).execute()
    assert "No project uses this repository yet" in client.get(badge).text
    assert client.get(badge.replace("northfield", "northfielder")).status_code == 404
    Repo.update(url=url).execute()
    assert (client.get(badge).status_code, client.get(badge).location) == (302, "/projects/air/")
    sea = Project.create(name="Sea", slug="sea", created_by="x", updated_by="x")
    space = {"name": "sea", "project": sea, "repo": workspace.repo, "branch": "main"}
    Workspace.create(**space, created_by="ada", updated_by="ada")
    assert "Sea" in client.get(badge).text


def test_a_badge_says_nothing_of_the_folders_of_this_machine(client: FlaskClient, repo: Repo) -> None:
    assert repo.is_local
    badge = "/repo/" + quote(quote(repo.url, safe=""), safe="") + "/"
    assert client.get(badge).status_code == 404


def test_what_one_may_not_edit_has_no_link_to_edit_it(
    client: FlaskClient, sign_in, cast: SimpleNamespace, workspace: Workspace, repo: Repo
) -> None:
    links = [f'href="/{workspace.name}/edit/"', f'href="/projects/{workspace.project.slug}/edit/"']
    shown = {
        name: sign_in(client.application.test_client(), name).get(page_of(repo)).text
        for name in ("ada", "ben")
    }
    assert all(link in shown["ada"] for link in links)
    assert not any(link in shown["ben"] for link in links)
    assert "A developer of the project can change it." in shown["ben"]
