"""Every page of projects at its largest: few queries, hostile names as text, nothing for those it is not for."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.actions import add_user
from jobsite.core.db import writing
from jobsite.projects import actions, data_permissions, workspaces
from jobsite.projects.models import Organisation, Project, Repo, Workspace

MARK = "<script>alert(1)</script>"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture
def crowd(cast: SimpleNamespace, project: Project, workspace: Workspace) -> Project:
    """The project Air with 30 more workspaces, 30 more members and 10 data permissions; sam belongs to it as well."""
    place = {
        "project": project,
        "repo": workspace.repo,
        "created_by": "ada",
        "updated_by": "ada",
        "purpose": "x",
    }
    with writing():
        for number in range(30):
            Workspace.create(name=f"w{number}", branch=f"b{number}", **place)
            person = add_user(by="system", username=f"u{number}", fullname=f"Person {number}")
            actions.add_member(by="system", project=project, user=person, roles=["ProjectDeveloper"])
        for value in ("appointments", "icnarc", "isaric", "open_prompt", "ukrr", "waiting_list"):
            data_permissions.add(by="system", project=project, kind="dataset", value=value)
        actions.add_member(by="system", project=project, user=cast.sam, roles=["ProjectDeveloper"])
    Project.update(copilot=cast.sam).execute()
    return project


def pages(repo: Repo) -> tuple[str, ...]:
    part = repo.address_part.replace("%", "%25")
    return ("/", "/projects/air/", "/projects/air/edit/", "/projects/air/members/", "/projects/air/members/ben/",
            "/projects/air/logs/", "/asthma/", f"/publish-repo/{part}/", "/users/", "/users/ada/", "/users/ada/logs/",
            "/organisations/", "/orgs/", "/orgs/university-of-northfield/", "/orgs/university-of-northfield/logs/",
            "/search/?q=a", "/search/?q=as", "/workspaces/", "/workspaces/new/", "/projects/")  # fmt: skip


def test_no_page_asks_more_than_ten_queries_of_somebody_who_may_do_most(
    crowd: Project, workspace: Workspace, app: Flask, sign_in: Callable[..., FlaskClient], queries
) -> None:
    client = sign_in(app.test_client(), "sam")
    counts = {}
    for where in pages(workspace.repo):
        with queries() as seen:
            assert client.get(where).status_code == 200, where
        counts[where] = len(seen)
    assert {where: count for where, count in counts.items() if count > 10} == {}


def test_hostile_words_are_text_on_every_page(
    project: Project,
    workspace: Workspace,
    cast: SimpleNamespace,
    app: Flask,
    sign_in: Callable[..., FlaskClient],
) -> None:
    with writing():
        Project.update(name=MARK, status_description=MARK, copilot=cast.sam).execute()
        Organisation.update(name=MARK, description=MARK).execute()
        Workspace.update(purpose=MARK, branch=MARK).execute()
        Repo.update(branches=[MARK], problem=MARK, visibility_problem=MARK).execute()
        data_permissions.add(by="system", project=project, kind="dataset", value="ukrr", reason=MARK)
        evil = add_user(by="system", username="evil", fullname=MARK)
        actions.add_member(by="system", project=project, user=evil, roles=["ProjectDeveloper"])
        actions.add_member(by="system", project=project, user=cast.sam, roles=["ProjectDeveloper"])
        workspaces.set_archived(by=cast.ada, workspace=workspace, is_archived=True)
    client = sign_in(app.test_client(), "sam")
    found = 0
    for where in (
        *pages(workspace.repo),
        "/search/?q=script",
        f"/search/?q={MARK}",
        "/users/evil/",
        "/asthma/edit/",
    ):
        text = client.get(where).text
        assert "<script>alert" not in text, where
        found += SHOWN in text
    assert found >= 12


def test_what_is_not_for_somebody_is_not_there_for_them(
    crowd: Project, workspace: Workspace, app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    part = workspace.repo.address_part.replace("%", "%25")
    visitor, stranger = app.test_client(), sign_in(app.test_client(), "dan")
    for where, status in ((f"/publish-repo/{part}/", 404), ("/projects/air/members/", 403), ("/orgs/", 200)):
        answer = visitor.get(where)
        assert (answer.status_code, answer.location.startswith("/login/?next=")) == (302, True), where
        assert stranger.get(where).status_code == status, where
    app.config["WTF_CSRF_ENABLED"] = False
    for where in (f"/publish-repo/{part}/", "/projects/air/members/"):
        assert stranger.post(
            where, data={"name": "asthma", "confirmed": "1", "users": "dan"}
        ).status_code in (403, 404)
    assert Workspace.select().where(Workspace.signed_off_at.is_null(False)).count() == 0
    assert Repo.get().researcher_signed_off_at is None
