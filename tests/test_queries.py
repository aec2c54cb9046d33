"""No page asks the database more than ten times, those of Level 4 a few more, however much there is: as a visitor, ada and sam."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.rows import insert
from bench.seed import Size, fill
from jobsite.accounts.models import User
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.models import Project, ProjectMembership, Workspace

from .jobs.conftest import Study, ask, engine, run, run_until, settings, study, workspace  # noqa: F401
from .route_world import Values, address_of, browsers, routes_of, things_of_ada
from .test_routes import UNRELEASED, world  # noqa: F401

MOST = 10
ALLOWED = {
    "outputs.file": 12,
    "desk.queue": 6,
    "desk.show_request": 12,
    "desk.show_group": 10,
    "desk.show_file": 12 + 3,
}
"""The pages of Level 4 (specification 13, the frame included): a look at content is recorded with three before it is shown."""
ON_A_REQUEST = 12
AUDITED = 3
"""That an auditor, as sam is, opens a page of a request is recorded as well."""
SIZE = Size(orgs=4, projects=24, workspaces=60, people=40, requests=120)
WHO = ("visitor", "ada", "sam")


@pytest.fixture
def crowded(world: dict[str, str], study: Study, cast: SimpleNamespace) -> tuple[Values, Values]:  # noqa: F811
    """Values for ada's things, of which there are many around, and for the things of a site of that size."""
    job = Job.get(Job.identifier == world["identifier"])
    hers = things_of_ada(cast, job.job_request, job, f"output/{UNRELEASED}.csv")
    fill(study.path, SIZE)
    ended = JobRequest.get(JobRequest.identifier == "request000000018")
    others = {
        "name": ended.workspace.name,
        "workspace": ended.workspace.name,
        "slug": ended.workspace.project.slug,
        "project": ended.workspace.project.slug,
        "org": "university-1",
        "number": str(ended.id),
        "older": str(ended.id + SIZE.workspaces),
        "identifier": Job.get(Job.job_request == ended, Job.position == 4).identifier,
        "username": "person1",
    }
    _gather_around(job)
    return hers, {endpoint: {**values, **others} for endpoint, values in hers.items()}


def _gather_around(job: Job) -> None:
    """Every second request is of this job's workspace and backend; its project has all people and many workspaces."""
    asthma, air = job.workspace_id, job.workspace.project_id
    for table, at in ((JobRequest, JobRequest.id), (Job, Job.job_request)):
        table.update(workspace=asthma, backend=job.backend_id).where(at.bin_and(1) == 1).execute()
    Workspace.update(project=air).where(Workspace.id.bin_and(1) == 1).execute()
    known = ProjectMembership.select(ProjectMembership.user).where(ProjectMembership.project == air)
    strangers = User.select().where(User.id.not_in(known))
    about = {"project": Project.get_by_id(air), "roles": ["ProjectDeveloper"], "created_by": "system"}
    insert(ProjectMembership, ({**about, "user": one} for one in strangers))


def test_no_page_asks_the_database_more_than_ten_times(
    crowded: tuple[Values, Values],
    app: Flask,
    sign_in: Callable[..., FlaskClient],
    queries: Callable[[], Any],
) -> None:
    counted: dict[tuple[str, str], int] = {}
    for who, client in browsers(app, sign_in, WHO).items():
        for method, _, route in routes_of(app):
            addresses = dict.fromkeys(address_of(route, values) for values in crowded)
            for where in addresses if method == "GET" else ():
                with queries() as seen:
                    answer = client.get(where, buffered=True)
                if answer.status_code == 200:
                    counted[who, where] = len(seen)
                    of_a_request = route.endpoint.startswith("desk.")
                    most = ALLOWED.get(route.endpoint, ON_A_REQUEST if of_a_request else MOST)
                    most += AUDITED if who == "sam" and of_a_request else 0
                    assert len(seen) <= most, (who, where, len(seen))
    for who, least in zip(WHO, (30, 50, 80), strict=True):
        assert sum(one == who for one, _ in counted) >= least, "pages were not reached"
