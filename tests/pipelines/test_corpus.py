"""Real project files: the verdicts, the graphs and the order in which jobs are made (B9)."""

import csv
import json
from pathlib import Path

import pytest

from jobsite.pipelines import parse, plan

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
HERE = CORPUS.is_dir()

pytestmark = pytest.mark.skipif(
    not HERE, reason="the corpus of real project files is not beside this checkout"
)


def rows() -> list[dict[str, str]]:
    if not HERE:
        return []
    with (CORPUS / "verdicts.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


GRAPHS = json.loads((CORPUS / "graphs.json").read_text(encoding="utf-8")) if HERE else {}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["file"])
def test_a_real_file_gets_the_verdict_of_the_corpus(row):
    report = parse((CORPUS / row["file"]).read_bytes())
    assert report.valid == (row["verdict"] == "valid")
    if row["version"] and report.version is not None:
        assert report.version == float(row["version"])
    if not report.valid:
        assert any(
            row["category"] == problem.code and row["key_phrase"] in problem.message
            for problem in report.problems
        )


@pytest.mark.parametrize("name", GRAPHS)
def test_a_real_pipeline_has_its_graph_and_its_order_of_jobs(name):
    pipeline = parse((CORPUS / name).read_bytes()).pipeline
    assert pipeline is not None
    graph = GRAPHS[name]
    assert {action.name: list(action.needs) for action in pipeline.actions.values()} == {
        action: entry["needs"] for action, entry in graph["actions"].items()
    }
    assert {action.name for action in pipeline.actions.values() if action.is_database_action} == {
        action for action, entry in graph["actions"].items() if entry["is_database_action"]
    }
    assert list(pipeline.run_all) == graph["run_all_order"]
    assert list(plan(pipeline, ["run_all"], {}).new) == graph["run_all_order"]
