"""Home: what changed since last time, and that it is marked as seen by a button, never by looking."""

from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core.events import Event
from jobsite.projects import actions, changes, data_permissions, workspaces
from jobsite.projects.models import Organisation, Project, SeenMark, Workspace


@pytest.fixture
def home(app: Flask, sign_in, cast: SimpleNamespace, workspace: Workspace) -> FlaskClient:
    """ada's, with everything so far marked as seen."""
    changes.mark_seen(by=cast.ada, cursor=2**40)
    return sign_in(app.test_client(), "ada")


def words(person) -> list[str]:
    return [f"{change.name} {change.words}" for change in changes.changes(person).rows]


def test_what_others_did_to_ones_projects_is_told_newest_first(
    home: FlaskClient, cast: SimpleNamespace, project: Project, workspace: Workspace, org: Organisation
) -> None:
    elsewhere = actions.add_project(by="system", name="Elsewhere", orgs=[org])
    actions.add_member(by="system", project=elsewhere, user=cast.cat)
    actions.add_member(by=cast.sam, project=project, user=cast.dan, roles=["ProjectCollaborator"])
    data_permissions.add(by=cast.sam, project=project, kind="dataset", value="ukrr")
    workspaces.set_archived(by=cast.sam, workspace=workspace, is_archived=True)
    workspaces.edit_workspace(by=cast.ada, workspace=workspace, purpose="Mine")
    assert words(cast.ada) == ["asthma was archived", "air may use ukrr", "air has a new member: dan"]
    assert "has a new member: dan" in home.get("/").text


def test_looking_marks_nothing_and_the_button_marks_what_was_shown(
    home: FlaskClient, csrf, cast: SimpleNamespace, project: Project
) -> None:
    actions.add_member(by=cast.sam, project=project, user=cast.dan)
    token = csrf(home, "/")
    cursor = changes.changes(cast.ada).cursor
    actions.add_member(by=cast.sam, project=project, user=cast.cat)
    assert len(words(cast.ada)) == 2
    home.get("/")
    assert home.post("/seen/", data={"csrf_token": token, "cursor": str(cursor)}).status_code == 303
    assert words(cast.ada) == ["air has a new member: cat"], "what came after the page was made is still news"
    home.post("/seen/", data={"csrf_token": token, "cursor": "1"})
    assert words(cast.ada) == ["air has a new member: cat"], "an old page takes nothing back"


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 30])
def test_only_a_cursor_marks(home: FlaskClient, csrf, cursor: str) -> None:
    assert home.post("/seen/", data={"csrf_token": csrf(home, "/"), "cursor": cursor}).status_code == 422


def test_a_mark_is_kept_once_for_each_person_and_is_no_event(
    cast: SimpleNamespace, workspace: Workspace
) -> None:
    before = Event.select().count()
    for _ in range(2):
        changes.mark_seen(by=cast.ada, cursor=before)
        changes.mark_seen(by=cast.ben, cursor=before)
    assert (SeenMark.select().count(), Event.select().count()) == (2, before)


def test_a_long_list_of_changes_is_cut_and_says_so(cast: SimpleNamespace, project: Project) -> None:
    for turn in range(12):
        actions.edit_project(by="system", project=project, status="ongoing", description=str(turn))
    found = changes.changes(cast.ada)
    assert (len(found.rows), found.more) == (changes.MOST, True)


def test_those_who_apply_are_led_on_where_the_settings_say(
    client: FlaskClient, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/apply/").status_code == 404
    monkeypatch.setitem(settings.__dict__, "apply_url", "https://example.org/apply")
    answer = client.get("/apply/")
    assert (answer.status_code, answer.location) == (301, "https://example.org/apply")


def test_the_button_is_only_there_when_there_is_something_to_mark(
    home: FlaskClient, cast: SimpleNamespace, project: Project
) -> None:
    assert "Mark as seen" not in home.get("/").text
    actions.add_member(by=cast.sam, project=project, user=cast.dan)
    assert "Mark as seen" in home.get("/").text
