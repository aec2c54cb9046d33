"""What code says of the restricted data it uses: only what it takes from ehrQL's tables by name."""

import pytest

from jobsite.pipelines.data_use import EVENT_LEVEL, SQL_RUNNER, TABLES, definition_of, restricted
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.report import Action
from jobsite.projects.rules import DATA_PERMISSIONS

ISARIC = frozenset({("dataset", "isaric")})


def action(run: str) -> Action:
    outputs = "outputs:\n      highly_sensitive:\n        x: output/x.csv.gz"
    text = f"version: 5\nactions:\n  make:\n    run: {run}\n    {outputs}\n"
    report = parse(text.encode())
    assert report.pipeline, report.problems
    return report.pipeline.actions["make"]


EHRQL = action("ehrql:v1 generate-dataset analysis/dataset_definition.py --output output/x.csv.gz")


@pytest.mark.parametrize(
    "code",
    [
        "from ehrql.tables.tpp import patients, isaric",
        "from ehrql.tables.raw.tpp import isaric as admissions",
        "from ehrql.tables import tpp\nd = tpp.isaric.age",
        "import ehrql.tables.tpp as t\nd = t.isaric",
        "from ehrql.tables.tpp import *\nd = isaric.age",
        "from ehrql.tables.tpp import isaric_new",
    ],
)
def test_a_table_taken_from_ehrql_is_used(code: str) -> None:
    assert restricted(EHRQL, code.encode()) == ISARIC


@pytest.mark.parametrize(
    "code",
    [
        "isaric = 1\nprint(isaric)",
        "from study import isaric",
        "from ehrql.tables.tpp import patients\nx = patients.isaric",
        "# from ehrql.tables.tpp import isaric",
        "'from ehrql.tables.tpp import isaric'",
        "from ehrql.tables.tpp import",
        "\0",
        "(" * 5000,
        "",
    ],
)
def test_other_things_of_that_name_and_what_is_no_python_say_nothing(code: str) -> None:
    assert restricted(EHRQL, code.encode()) == frozenset()


def test_event_level_data_and_sql_runner_are_components() -> None:
    assert restricted(EHRQL, b"dataset.add_event_table('x', a=1)") == {EVENT_LEVEL}
    assert restricted(action("sqlrunner:v1 --output output/x.csv.gz query.sql")) == {SQL_RUNNER}


def test_only_database_actions_of_ehrql_have_a_definition() -> None:
    assert definition_of(EHRQL) == "analysis/dataset_definition.py"
    assert definition_of(action("ehrql:v1 generate-measures --output x.csv.gz a/m.py")) == "a/m.py"
    assert definition_of(action("python:v2 analysis/x.py")) is None


def test_every_table_belongs_to_a_dataset_that_can_be_permitted() -> None:
    assert set(TABLES.values()) == set(DATA_PERMISSIONS["dataset"])
    assert {EVENT_LEVEL[1], SQL_RUNNER[1]} == set(DATA_PERMISSIONS["component"])
