"""The settings show one's projects and organisations, with what each role permits in words."""

import html
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.rules import ROLES
from jobsite.projects import actions


@pytest.fixture
def memberships(cast: SimpleNamespace) -> None:
    org = actions.add_organisation(by="system", name="Northfield <b>")
    actions.add_org_member(by="system", org=org, user=cast.ada)
    for number in range(12):
        project = actions.add_project(by="system", name=f"Study {number}", orgs=[org])
        actions.add_member(by="system", project=project, user=cast.ada, roles=["ProjectDeveloper"])
    actions.add_member(by="system", project=project, user=cast.ben, roles=[])


def test_each_role_says_what_it_permits(
    client: FlaskClient, memberships: None, sign_in: Callable[..., FlaskClient], queries: Any
) -> None:
    page = sign_in(client, "ada").get("/settings/")
    text = html.unescape(page.text)
    assert text.count("Project Developer") == 12
    assert "you may cancel jobs of anybody in the project" in text
    assert len(ROLES["ProjectDeveloper"].permissions) == 9
    assert "Northfield &lt;b&gt;" in page.text
    with queries() as seen:
        client.get("/settings/")
    assert len(seen) <= 10, seen


def test_who_is_in_nothing_is_told_whom_to_ask(
    client: FlaskClient, memberships: None, sign_in: Callable[..., FlaskClient]
) -> None:
    assert "Member without a role" in sign_in(client, "ben").get("/settings/").text
    nobody = sign_in(client.application.test_client(), "dan").get("/settings/").text
    assert "You are a member of no project." in nobody
    assert "You belong to no organisation." in nobody
    assert "You need one" not in nobody, "nobody needs one where people log in with tokens alone"
