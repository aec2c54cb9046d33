"""A secure side between a site that was there before and an agent that was: one drives it, the other works for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import executor
from jobsite.jobs.finishing import finish
from jobsite.settings import Settings
from jobsite.sync.controller.tokens import add_controller_token
from jobsite.sync.tasks.actions import set_agent
from jobsite.sync.tasks.tokens import add_agent_token

from ...jobs.conftest import Study
from . import conftest
from .conftest import YAML, Agent
from .registry import Registry

RAP = "a" * 16
CODE = "from ehrql import create_dataset\n"


@pytest.fixture
def settings(tmp_path: Path, registry: Registry) -> Settings:
    """Those of a secure side without a public side of ours."""
    both = conftest.settings.__wrapped__(tmp_path, registry)
    return replace(both, side="secure", backend="far")


def test_jobs_of_a_site_that_drives_this_side_are_carried_out_by_an_agent(
    instance: Path, client: FlaskClient, tmp_path: Path, run_until: Callable[..., None]
) -> None:
    far: Backend = add_backend(by="system", slug="far", name="Far")
    set_agent(by="system", backend=far, to=True)
    agent = Agent(client, "far", add_agent_token(by="system", backend=far, name="first"))
    site = add_controller_token(by="system", name="site", backends=[far])
    study = Study(tmp_path / "repositories" / "study")
    (study.path / "analysis").mkdir()
    (study.path / "analysis" / "visits.py").write_text(CODE)
    commit = study.commit(project__yaml=YAML)

    def call(path: str, body: dict[str, Any]) -> Any:
        answer = client.post(f"/controller/v1/{path}", data=json.dumps(body), headers={"Authorization": site})
        return answer.json

    made = call("rap/create/", {
        "backend": "far", "rap_id": RAP, "workspace": "asthma", "repo_url": str(study.path), "branch": "main",
        "commit": commit, "database_name": "default", "requested_actions": ["visits"], "codelists_ok": True,
        "force_run_dependencies": False, "created_by": "ada", "project": "air", "orgs": ["northfield", "southfield"],
    })  # fmt: skip
    assert made["result"] == "Success"
    run_until(lambda: agent.types() == [("runjob", "visits")])
    (task,) = agent.fetch()
    assert task["attributes"] == {"user": "ada", "project": "air", "orgs": "northfield,southfield"}
    assert task["definition"]["rap_id"] == RAP
    assert task["definition"]["env"]["EHRQL_PERMISSIONS"] == "[]", "what is not known is not given"
    agent.tell(task["id"], "executing")
    Engine(executor(), finish=finish).turn()
    (job,) = call("rap/status/", {"rap_ids": [RAP]})["jobs"]
    assert (job["status"], job["status_code"]) == ("running", "executing")
    agent.tell(task["id"], "finalized", {"exit_code": "12"})
    run_until(lambda: call("rap/status/", {"rap_ids": [RAP]})["jobs"][0]["status"] == "failed")
    (job,) = call("rap/status/", {"rap_ids": [RAP]})["jobs"]
    said = "Job exited with an error: a permission that this project does not have is needed"
    assert (job["status_code"], job["status_message"]) == ("nonzero_exit", said)
