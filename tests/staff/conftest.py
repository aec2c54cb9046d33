"""A site with everything staff look after: two projects, a workspace with a request, a redirect, an alert."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.ids import short_id
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Project, Repo, Workspace
from jobsite.projects.workspaces import move_workspace
from jobsite.settings import Settings
from jobsite.status.alerts import add_alert


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of a small team on its own machine."""
    return Settings(instance=tmp_path / "instance")


def make_workspace(project: Project, name: str) -> Workspace:
    """A workspace of a repository that nobody has to ask."""
    repo, _ = Repo.get_or_create(url=f"https://github.com/northfield/{name}")
    return Workspace.create(
        name=name, project=project, repo=repo, branch="main", created_by="ada", updated_by="ada"
    )


def ask(workspace: Workspace, backend: Backend, by: object, jobs: int = 1) -> JobRequest:
    """A request whose jobs wait."""
    file, _ = ProjectFile.get_or_create(sha256="0" * 64, defaults={"text": "version: 5\n"})
    moment = now()
    request = JobRequest.create(
        identifier=short_id(),
        workspace=workspace,
        backend=backend,
        requested_actions=["make"],
        commit="0" * 40,
        project_file=file,
        jobs_total=jobs,
        created_at=moment,
        created_by=by,
    )
    for number in range(jobs):
        Job.create(
            identifier=short_id(),
            job_request=request,
            workspace=workspace,
            backend=backend,
            action=f"make_{number}",
            run_command="python:v2 make.py",
            created_at=moment,
            updated_at=moment,
            status_code_updated_at=moment,
        )
    return request


@pytest.fixture
def site(cast: SimpleNamespace, local: Backend) -> SimpleNamespace:
    """Everything: `site.org`, `site.air`, `site.soil`, `site.asthma` (moved from soil to air), `site.request`."""
    org = add_organisation(by="system", name="Northfield")
    air = add_project(by="system", name="Air", orgs=[org], number="7")
    soil = add_project(by="system", name="Soil", orgs=[org])
    add_member(by="system", project=air, user=cast.ada, roles=["ProjectDeveloper"])
    add_member(by="system", project=air, user=cast.ben, roles=["ProjectCollaborator"])
    asthma = move_workspace(by="system", workspace=make_workspace(soil, "asthma"), project=air)
    alert = add_alert(by="system", title="Moving house", message="On *Friday*.", level="info")
    return SimpleNamespace(
        **vars(cast),
        org=org,
        air=air,
        soil=soil,
        asthma=asthma,
        local=local,
        far=add_backend(by="system", slug="far", name="Far"),
        request=ask(asthma, local, cast.ada),
        alert=alert,
    )


@pytest.fixture
def sam(app: Flask, site: SimpleNamespace, sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """sam, who may do everything in the staff area, is logged in."""
    return sign_in(app.test_client(), "sam")


@pytest.fixture
def send(csrf: Callable[..., str]) -> Callable[..., object]:
    """`send(client, address, name="x", sure=True)`: a POST with the CSRF field of the settings page."""

    def post(client: FlaskClient, address: str, *, sure: bool = False, **fields: object) -> object:
        data = {"csrf_token": csrf(client, "/settings/"), **({"sure": "yes"} if sure else {}), **fields}
        return client.post(address, data=data)

    return post
