"""What a report holds: the pipeline of a valid file, its JSON, excerpts; and how YAML values are understood."""

import json

import pytest

from jobsite.pipelines import parse, reading
from jobsite.pipelines.command import split

from .marked import action, project

FULL = """\
version: "5.0"
actions:
  extract:
    run: >
      ehrql:v1 generate-dataset analysis/d.py
      --output output/d.csv
    outputs:
      highly_sensitive:
        data: output/d.csv
  model:
    run: cox-ipw:v0.0.1 --label "it's two words"
    needs: [extract, extract]
    config:
      folds: 5
      from: 2020-01-01
      name: O'Hara
      parts: [yes, true, ~, 1.5]
    outputs:
      moderately_sensitive:
        table: output/t_*.csv
        1: output/u.csv
      highly_sensitive: {}
"""


def test_a_valid_file_becomes_a_pipeline():
    pipeline = parse(FULL).pipeline
    model = pipeline.actions["model"]
    assert (pipeline.version, list(pipeline.actions), pipeline.run_all) == (
        5,
        ["extract", "model"],
        ("extract", "model"),
    )
    assert (model.image, model.tag, model.words[1:]) == ("cox-ipw", "v0.0.1", ("--label", "it's two words"))
    assert model.needs == ("extract",)
    assert model.outputs == {
        "moderately_sensitive": {"table": "output/t_*.csv", "1": "output/u.csv"},
        "highly_sensitive": {},
    }
    assert model.config == {
        "folds": 5,
        "from": "2020-01-01",
        "name": "O'Hara",
        "parts": ["yes", True, None, 1.5],
    }
    assert (model.line, pipeline.actions["extract"].line) == (10, 3)


def test_the_command_of_a_job_has_its_words_quoted_and_its_config_as_json():
    actions = parse(FULL).pipeline.actions
    assert actions["extract"].run_command == "ehrql:v1 generate-dataset analysis/d.py --output output/d.csv"
    words = split(actions["model"].run_command)
    assert words[:4] == ("cox-ipw:v0.0.1", "--label", "it's two words", "--config")
    assert "'" not in words[4] and r"O\u0027Hara" in words[4]
    assert json.loads(words[4]) == actions["model"].config


def test_the_json_of_a_report_is_the_one_that_the_contract_promises():
    shown = parse(FULL).as_json()
    assert set(shown) == {"valid", "version", "problems", "warnings", "actions", "run_all"}
    assert shown["actions"][0] == {
        "name": "extract",
        "needs": [],
        "run": "ehrql:v1 generate-dataset analysis/d.py --output output/d.csv\n",
        "image": "ehrql",
        "tag": "v1",
        "is_database_action": True,
        "outputs": {"highly_sensitive": {"data": "output/d.csv"}},
    }
    assert (shown["valid"], shown["version"], shown["run_all"]) == (True, 5, ["extract", "model"])
    assert [warning["code"] for warning in shown["warnings"]] == ["needs-repeated"]
    refused = parse("version: .inf\nactions: 1").as_json()
    assert json.loads(json.dumps(refused, allow_nan=False))["actions"] == []


def test_an_excerpt_shows_the_lines_around_a_problem():
    report = parse("# one\r\nversion: 5\r\nactions:\r\n  a: b\r\n# five")
    assert report.excerpt(report.problems[0], 1) == [(3, "actions:"), (4, "  a: b"), (5, "# five")]
    assert report.excerpt(report.problems[0])[0] == (2, "version: 5")


DATABASE = {
    "ehrql:v1 generate-dataset d.py --output output/table.csv": True,
    "ehrql:v1 generate-measures m.py": True,
    "databuilder:v0 generate-dataset d.py --output output/table.csv": True,
    "databuilder:v0 generate-measures m.py": False,
    "sqlrunner:v1 q.sql": True,
    "sqlrunner:v1": True,
    "ehrql:v1 -v generate-dataset d.py": False,
    "ehrql:v1 dump-example-data": False,
    "python:v2 generate-dataset": False,
    "Ehrql:v1 generate-measures": False,
}


@pytest.mark.parametrize("run", DATABASE)
def test_only_these_commands_read_the_database(run):
    made = parse(project(action(run=run))).pipeline.actions["table"]
    assert made.is_database_action is DATABASE[run]


def test_a_generated_cohort_gets_its_dummy_data_and_directory_on_a_dummy_backend():
    text = "version: 3\nexpectations: {population_size: '50'}\nactions:\n" + action(
        run="cohortextractor:latest generate_cohort"
    )
    pipeline = parse(text).pipeline
    made = pipeline.actions["table"]
    assert pipeline.population == 50
    assert made.dummy_command(50).endswith("generate_cohort --expectations-population=50 --output-dir=output")
    with_file = parse(text + "    dummy_data_file: d.csv\n").pipeline.actions["table"]
    assert with_file.dummy_command(50).endswith("generate_cohort --dummy-data-file=d.csv --output-dir=output")
    assert made.run_command == "cohortextractor:latest generate_cohort"


@pytest.mark.parametrize("version", ["5", '"5.0"', '" 5 "', "0x5", "5e0", "5.0", "0o5", "0b101", "05"])
def test_a_version_may_be_written_in_many_ways(version):
    assert parse(f"version: {version}\nactions: {{}}").pipeline.version == 5


@pytest.mark.parametrize(
    "name", ["1", "010", "yes", "2020-01-01", "1e5", "null", "~x", "-a", ".b", "true", "0x1F"]
)
def test_an_actions_name_is_the_text_of_its_key(name):
    report = parse(project(action("n").replace("  n:", f"  {name}:")))
    if name == "~x":
        assert [problem.code for problem in report.problems] == ["name-unsafe"]
    else:
        assert list(report.pipeline.actions) == [name]


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "y", "1:30", "0x", "_", "1.2.3", "nULL", "=x", "<<"]
)
def test_words_of_older_yaml_are_text(word):
    report = parse(project(action() + f"    config:\n      k: {word}\n"))
    assert report.pipeline.actions["table"].config == {"k": word}


VALUES = {
    "010": 10,
    "0o10": 8,
    "1_000": 1000,
    "-0x1f": -31,
    "1e3": 1000.0,
    ".5": 0.5,
    "TRUE": True,
    "Null": None,
    "": None,
    "2020-01-01T10:00:00Z": "2020-01-01T10:00:00+00:00",
    "2020-1-2 3:04:05.5 -01:30": "2020-01-02T03:04:05.500000-01:30",
    "!!int '7'": 7,
    "!x 7": "7",
    "! 7": 7,
    "'7'": "7",
}


@pytest.mark.parametrize("text", VALUES)
def test_plain_values_mean_what_yaml_1_2_says(text):
    report = parse(project(action() + f"    config:\n      k: {text}\n"))
    assert report.pipeline.actions["table"].config == {"k": VALUES[text]}


def test_merge_keys_and_anchors_are_written_out():
    text = project(
        "  a: &base\n    run: r:v2 a.R\n    config: &c {x: 1, y: 2}\n    outputs: {highly_sensitive: {o: a.csv}}\n"
        "  b:\n    <<: *base\n    run: r:v2 b.R\n    config: {<<: [*c], y: 3}\n    outputs: {highly_sensitive: {o: b.csv}}\n"
    )
    made = parse(text).pipeline.actions["b"]
    assert (made.run, dict(made.config)) == ("r:v2 b.R", {"y": 3, "x": 1})


def test_anchors_may_have_the_names_that_yaml_1_2_allows():
    text = project(action("a") + "    config: &a.b-ü {k: 1}\n" + action("b") + "    config: *a.b-ü\n")
    assert parse(text).pipeline.actions["b"].config == {"k": 1}


SYNTAX = {
    "a tab as a blank": "version:\t5",
    "a blank first line of folded text": "a: >\n \n   b",
    "a second colon": "a: b: c",
    "an unknown tag handle": "a: !x!y z",
    "an impossible date": "a: 2020-13-01",
    "an escape out of range": 'a: "\\U99999999"',
    "half a letter": 'a: "\\ud800"',
    "a version of YAML to come": "%YAML 1.3\n---\na: b",
    "no truth value": "a: !!bool x",
    "a list where a dictionary is said": "a: !!map [b]",
}


@pytest.mark.parametrize("name", SYNTAX)
def test_yaml_errors_have_a_sentence_with_the_line(name):
    report = parse(SYNTAX[name])
    assert not report.valid
    problem = report.problems[0]
    assert problem.code in ("yaml-syntax", "yaml-encoding") and "line " in problem.message


@pytest.mark.skipif(reading.C_PARSER is None, reason="this Python has no libyaml to compare with")
def test_the_verdict_is_the_same_with_and_without_the_c_library(monkeypatch):
    texts = [
        FULL,
        *SYNTAX.values(),
        project(action("a", needs="[b, c]") + "  b: *c\n"),
        "a: [b\n",
        "- {a: 'b'}\n",
    ]
    fast = [parse(text).as_json() for text in texts]
    monkeypatch.setattr(reading, "C_PARSER", None)
    assert [parse(text).as_json() for text in texts] == fast


def test_messages_quote_briefly_and_without_control_characters():
    report = parse(project(f'  "{"x" * 5000}\\e[31m/": 1\n'))
    message = report.problems[0].message
    assert "\x1b" not in message and len(message) < 400
    assert "\\x1b" in parse(project('  "a\\e[31m/": 1\n')).problems[0].message
