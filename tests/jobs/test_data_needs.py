"""A request for data that the project may not use is refused before it is stored, and says which data."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.core.errors import Invalid
from jobsite.jobs.models import JobRequest
from jobsite.projects import data_permissions
from jobsite.projects.models import Workspace
from jobsite.settings import Settings

from .conftest import Study, project_yaml


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Runtimes for ehrQL and the SQL runner."""
    settings.__dict__["runtimes"] = {name: ("python3",) for name in ("ehrql", "sqlrunner", "python")}
    return settings


@pytest.fixture
def isaric(study: Study) -> Study:
    """A study whose dataset definition uses the dataset isaric, and another action that needs no data."""
    run = "ehrql:v1 generate-dataset analysis/dataset.py --output output/x.csv.gz"
    text = project_yaml(
        extract=(run, [], {"highly_sensitive": {"x": "output/x.csv.gz"}}),
        table=("python:v2 t.py", ["extract"], {"moderately_sensitive": {"t": "output/t.csv"}}),
        plain=("python:v2 p.py", [], {"moderately_sensitive": {"p": "output/p.csv"}}),
    )
    study.commit(project__yaml=text)
    (study.path / "analysis").mkdir()
    (study.path / "analysis" / "dataset.py").write_text("from ehrql.tables.tpp import isaric\n")
    study.commit()
    return study


def test_the_refusal_names_the_dataset_and_stores_nothing(
    isaric: Study, ask: Callable[..., JobRequest]
) -> None:
    for wanted in ("extract", "table", "run_all"):
        with pytest.raises(Invalid, match="extract cannot run: .*the dataset “isaric”. Ask your co-pilot"):
            ask(wanted)
    assert JobRequest.select().count() == 0
    assert ask("plain").jobs_total == 1


def test_a_project_with_the_permission_may_run_it(
    isaric: Study, ask: Callable[..., JobRequest], workspace: Workspace
) -> None:
    data_permissions.add(by="system", project=workspace.project, kind="dataset", value="isaric")
    assert ask("table").jobs_total == 2


def test_the_sql_runner_is_refused_in_its_own_words(study: Study, ask: Callable[..., JobRequest]) -> None:
    run = "sqlrunner:v1 --output output/x.csv query.sql"
    study.commit(project__yaml=project_yaml(query=(run, [], {"highly_sensitive": {"x": "output/x.csv"}})))
    with pytest.raises(Invalid, match="^This project does not have permission to run SQL Runner jobs$"):
        ask("query")


def test_the_run_page_says_so_before_anything_is_sent(
    isaric: Study, workspace: Workspace, local: Backend, app: Flask, sign_in
) -> None:
    client: FlaskClient = sign_in(app.test_client(), "ada")
    page = client.get("/asthma/run-jobs/?requested_actions=table&backend=local").text
    assert "the dataset “isaric”" in page
