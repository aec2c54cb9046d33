"""A site of both sides whose backend `far` has an agent, a study to run there, and calls as the agent makes them."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.models import Workspace
from jobsite.settings import Settings
from jobsite.sync.tasks.actions import set_agent
from jobsite.sync.tasks.tokens import add_agent_token

from ...jobs.conftest import Study, engine, project_yaml, run, run_until, study, workspace
from .registry import Registry

__all__ = ["engine", "run", "run_until", "study", "workspace"]

YAML = project_yaml(
    clean=("python:v2 a.py --rows 10", [], {"highly_sensitive": {"data": "output/secret_rows.csv"}}),
    table=("python:v2 b.py", ["clean"], {"moderately_sensitive": {"table": "output/secret_table.csv"}}),
    other=("python:v2 c.py", [], {"moderately_sensitive": {"table": "output/c.csv"}}),
    visits=(
        "ehrql:v1 generate-dataset analysis/visits.py --output output/v.csv", [],
        {"highly_sensitive": {"data": "output/v.csv"}},
    ),
    typo=("pyhton:v2 d.py", [], {"moderately_sensitive": {"table": "output/d.csv"}}),
)  # fmt: skip
Told = tuple[int, Any]


class Agent:
    """Calls of the agent of a backend, with its token."""

    def __init__(self, client: FlaskClient, backend: str, token: str) -> None:
        self.client, self.backend, self.token = client, backend, token

    def fetch(self) -> list[dict[str, Any]]:
        """The active tasks."""
        status, told = self.call("tasks/")
        assert status == 200, told
        return told["tasks"]

    def types(self) -> list[tuple[str, str]]:
        """Type and action (or nothing) of the active tasks."""
        return [(task["type"], task["definition"].get("action", "")) for task in self.fetch()]

    def tell(self, task: str, stage: str = "", results: Any = None, **more: Any) -> Told:
        """Tell of a task; with results it is complete."""
        told = {"task_id": task, "stage": stage, "results": results, "complete": results is not None}
        return self.send(json.dumps({**told, "timestamp_ns": None, **more}))

    def send(self, payload: str) -> Told:
        """Send a payload as it is."""
        return self.call("task/update/", {"payload": payload})

    def call(self, path: str, form: dict[str, str] | None = None, method: str = "") -> Told:
        """Status and JSON of an answer."""
        answer = self.client.open(
            f"/agent/{self.backend}/{path}",
            method=method or ("GET" if form is None else "POST"),
            data=form,
            headers={"Authorization": self.token} if self.token else {},
        )
        return answer.status_code, answer.json


@pytest.fixture
def registry() -> Iterator[Registry]:
    """The registry of the agent's images."""
    with Registry() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, registry: Registry) -> Settings:
    """Settings under which jobs can be handed to agents, and run here."""
    return Settings(
        instance=tmp_path / "instance",
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,)},
        agent_images=registry.prefix,
    )


@pytest.fixture
def far(instance: Path) -> Backend:
    """The backend with an agent."""
    backend = add_backend(by="system", slug="far", name="Far")
    set_agent(by="system", backend=backend, to=True)
    return backend


@pytest.fixture
def agent(client: FlaskClient, far: Backend) -> Agent:
    """Its agent."""
    return Agent(client, "far", add_agent_token(by="system", backend=far, name="first"))


@pytest.fixture
def ask(
    workspace: Workspace, study: Study, far: Backend, cast: SimpleNamespace, engine: Engine
) -> Callable[..., dict[str, Job]]:
    """`ask("table")`: ada asks for actions on that backend; after a turn of the engine, the jobs by action."""
    study.commit(project__yaml=YAML)

    def by_ada(*actions: str, backend: Backend = far) -> dict[str, Job]:
        wish = Wish(workspace, backend, newest_definition(workspace), actions)
        request: JobRequest = submit(by=cast.ada, wish=wish)[0]
        engine.turn()
        return {job.action: job for job in Job.select().where(Job.job_request == request)}

    return by_ada


@pytest.fixture
def job_of(engine: Engine) -> Callable[[Job], Job]:
    """`job_of(job)`: the job as it is after what the agent told was taken in."""

    def after_turns(job: Job) -> Job:
        for _ in range(2):
            engine.turn()
        return Job.get_by_id(job.id)

    return after_turns


@pytest.fixture
def handed(agent: Agent, ask: Callable[..., dict[str, Job]], run_until: Any) -> Callable[..., Job]:
    """`handed("other")`: the job of an action asked for, once the agent has fetched it."""

    def one(action: str) -> Job:
        job = ask(action)[action]
        run_until(lambda: ("runjob", action) in agent.types())
        return Job.get_by_id(job.id)

    return one
