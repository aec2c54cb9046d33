"""The search finds what is public, the exact thing first, by indexes; and nothing private."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.actions import deactivate
from jobsite.core.limits import Limits
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects import actions, data_permissions
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.search.models import WorkspaceAction
from jobsite.search.queries import LONGEST, MOST, found, tidy

from ..jobs.conftest import Study, ask, project_yaml, settings, study, workspace  # noqa: F401


@pytest.fixture
def asked(study: Study, local: object, ask: Callable[..., JobRequest]) -> JobRequest:  # noqa: F811
    """A request of ada's for an action `describe` in her workspace `asthma`."""
    study.commit(
        project__yaml=project_yaml(describe=("python:v2 x.py", [], {"highly_sensitive": {"x": "x.csv"}}))
    )
    return ask("run_all")


def hits(text: str) -> dict[str, list[str]]:
    return {group.kind: [hit.name for hit in group.hits] for group in found(tidy(text))}


def test_everything_public_is_found_by_a_part_of_its_name(asked: JobRequest, cast: SimpleNamespace) -> None:
    job = Job.select().order_by(Job.id).first()
    assert hits("asth")["Workspaces"] == ["asthma"]
    assert hits("AIR")["Projects"] == ["Air"]
    assert hits("dewal")["People"] == ["Ada Adewale"]
    assert hits("northf")["Organisations"] == [Organisation.get().name]
    assert job.action in hits(job.action)["Actions"]
    assert hits(str(asked.id))["Job requests"] == [f"asthma {asked.id}"]
    assert hits(asked.identifier[:6])["Job requests"] == [f"asthma {asked.id}"]
    assert hits(job.identifier)["Job requests"] == [f"asthma {asked.id}"]


def test_every_address_of_a_hit_leads_to_a_page(app: Flask, asked: JobRequest, cast: SimpleNamespace) -> None:
    client = app.test_client()
    action = Job.get().action
    groups = [group for text in ("as", "ai", "ada", "north", str(asked.id), action) for group in found(text)]
    assert {group.kind for group in groups} == {
        "Job requests", "Workspaces", "Projects", "Actions", "People", "Organisations",
    }  # fmt: skip
    for group in groups:
        for address in [hit.address for hit in group.hits] + [group.address or "/"]:
            assert client.get(address).status_code == 200, address


def test_the_exact_thing_comes_first(cast: SimpleNamespace, workspace: Workspace) -> None:  # noqa: F811
    for name in ("asthma-2", "old-asthma", "an-asthma", "asthma-1"):
        Workspace.create(name=name, project=workspace.project, repo=workspace.repo, branch="main",
                         created_by="ada", updated_by="ada")  # fmt: skip
    assert hits("asthma")["Workspaces"][0] == "asthma"
    assert set(hits("asthma")["Workspaces"][1:3]) == {"asthma-1", "asthma-2"}


def test_the_kind_of_the_exact_thing_comes_first(asked: JobRequest, cast: SimpleNamespace) -> None:
    Workspace.update(purpose="To describe what ada wants").execute()
    assert next(iter(hits("describe"))) == "Actions"
    assert next(iter(hits("ada"))) == "People"
    assert next(iter(hits("asthma"))) == "Workspaces"


def test_an_action_of_many_workspaces_is_one_hit_by_its_newest_job(asked: JobRequest) -> None:
    row = Job.select().where(Job.action == "describe").dicts().get()
    space = Workspace.get()
    place = {
        "project": space.project,
        "repo": space.repo,
        "branch": "main",
        "created_by": "ada",
        "updated_by": "ada",
    }
    elsewhere = Workspace.create(name="other", **place)
    Job.insert({**row, "id": row["id"] + 1000, "identifier": "z" * 16, "workspace": elsewhere.id}).execute()
    group = next(group for group in found("descr") if group.kind == "Actions")
    assert [(hit.name, hit.place) for hit in group.hits] == [("describe", "newest job, in other")]
    assert group.hits[0].address.endswith(f"/{'z' * 16}/")


def test_every_word_must_be_there_in_any_order(asked: JobRequest) -> None:
    action = Job.get().action
    assert action in hits(f"{action} asthma")["Actions"]
    assert "Actions" not in hits(f"{action} nowhere")
    assert "Actions" not in hits("asthma"), "a workspace alone is no action"


def test_long_lists_are_cut_and_lead_on(cast: SimpleNamespace, workspace: Workspace) -> None:  # noqa: F811
    for number in range(MOST + 3):
        actions.add_project(by="system", name=f"Heart {number}", orgs=[Organisation.get()])
    group = next(group for group in found("heart") if group.kind == "Projects")
    assert (len(group.hits), group.is_cut, group.address) == (MOST, True, "/projects/?q=heart")


def test_nothing_private_is_found(asked: JobRequest, cast: SimpleNamespace) -> None:
    project = Project.get()
    actions.edit_project(by=cast.ada, project=project, status="postponed", description="zebra description")
    data_permissions.add(by="system", project=project, kind="dataset", value="ukrr", reason="zebra reason")
    Project.update(copilot_notes="zebra notes").execute()
    deactivate(by="system", user=cast.dan)
    for text in ("zebra", "postponed", "ukrr", "example.org", "ada@", "duarte", "%", "_", "' OR 1"):
        assert hits(text) == {}, text


@pytest.mark.parametrize("text", ["", " ", "x", "\0", "\n\t"])
def test_too_little_finds_nothing_and_asks_nothing(instance: object, text: str, queries) -> None:
    with queries() as seen:
        assert found(tidy(text)) == []
    assert seen == []


@pytest.mark.parametrize("text", ["9" * 400, "٣٣", "²", "a" * 5000, "😀😀", "%_\\", "a " * 300, "<b>"])
def test_strange_words_break_nothing(client: FlaskClient, text: str) -> None:
    answer = client.get("/search/", query_string={"q": text})
    assert answer.status_code == 200
    assert len(tidy(text)) <= LONGEST
    assert "<b>" not in answer.text


def test_the_page_and_its_fragment_ask_few_queries(app: Flask, sign_in, asked: JobRequest, queries) -> None:
    client = sign_in(app.test_client(), "ada")
    with queries() as seen:
        page = client.get("/search/?q=as").text
    assert len(seen) <= 10
    part = client.get("/search/?q=as", headers={"HX-Request": "true", "HX-Target": "found"}).text
    assert 'href="/asthma/"' in page and 'href="/asthma/"' in part and "<html" not in part


def test_visitors_may_search_so_often_and_people_as_they_like(
    app: Flask, sign_in: Callable[..., FlaskClient], cast: SimpleNamespace
) -> None:
    app.extensions["jobsite.limits"] = Limits({"searches per visitor": "5 per hour"})
    visitor = app.test_client()
    statuses = [visitor.get("/search/?q=air").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert visitor.get("/search/").status_code == 200
    assert sign_in(app.test_client(), "dan").get("/search/?q=air").status_code == 200


def test_the_actions_of_workspaces_follow_the_jobs(asked: JobRequest, ask: Callable[..., JobRequest]) -> None:  # noqa: F811
    job = Job.select().order_by(Job.id.desc()).first()
    kept = WorkspaceAction.get(WorkspaceAction.action == job.action)
    assert kept.job_id == job.id
    row = Job.select().where(Job.id == job.id).dicts().get()
    Job.insert({**row, "id": job.id + 1000, "identifier": "z" * 16}).execute()
    assert WorkspaceAction.get(WorkspaceAction.action == job.action).job_id == job.id + 1000
    Job.delete().where(Job.id == job.id + 1000).execute()
    assert WorkspaceAction.get(WorkspaceAction.action == job.action).job_id == job.id
    Job.delete().where(Job.id == job.id).execute()
    assert WorkspaceAction.get_or_none(WorkspaceAction.action == job.action) is None
