"""The file of weights: what it gives, and that a mistake in it is said when it is read, not when jobs start."""

import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest

from jobsite.jobs.weights import Weights, read_weights, weights_of, weights_path
from jobsite.settings import Settings


def read(tmp_path: Path, text: str) -> Weights:
    path = tmp_path / "local.toml"
    path.write_text(text)
    return read_weights(path)


RULES = """
memory = "8 GiB"
[asthma]
"extract_.*" = 3
"model" = { weight = 0.5, cpus = 1, memory = "1 GiB", time_limit = "2 h", disk = "5 GiB" }
".*_model" = 9
[default]
"stata-mp:.*" = 2
".*" = 1
"""


@pytest.mark.parametrize(
    ("workspace", "action", "command", "weight"),
    [
        ("asthma", "extract_1", "python:v2 x.py", 3),
        ("asthma", "re_extract_1", "python:v2 x.py", 1),
        ("asthma", "EXTRACT_1", "python:v2 x.py", 1),
        ("asthma", "big_model", "stata-mp:latest x.do", 9),
        ("asthma", "other", "stata-mp:latest x.do", 2),
        ("elsewhere", "extract_1", "stata-mp:latest x.do", 2),
    ],
)
def test_the_first_rule_that_matches_the_whole_name_counts_then_the_default_for_the_command(
    tmp_path: Path, workspace: str, action: str, command: str, weight: float
) -> None:
    assert read(tmp_path, RULES).weight(workspace, action, command) == weight


def test_limits_come_from_the_rule_else_the_top_of_the_file_else_the_settings(tmp_path: Path) -> None:
    weights, settings = read(tmp_path, RULES), Settings(job_cpus=4.0)
    rule = weights.rule("asthma", "model", "")
    assert weights.limit("job_memory", settings, rule) == 2**30
    assert weights.limit("job_time_limit", settings, rule) == timedelta(hours=2)
    assert weights.limit("job_disk", settings, rule) == 5 * 2**30
    assert weights.limit("job_memory", settings, None) == 8 * 2**30
    assert weights.limit("job_cpus", settings, None) == 4.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[asthma]\n"a(" = 2', "[asthma] 'a(' is not a regular expression"),
        ('[asthma]\n"a" = 0', "a weight must be a number above 0"),
        ('[asthma]\n"a" = true', "a weight must be a number above 0"),
        ('[asthma]\n"a" = "heavy"', "a weight must be a number above 0"),
        ('[asthma]\n"a" = { memry = 3 }', "there is no memry"),
        ('[asthma]\n"a" = { memory = "much" }', "memory must be"),
        ("workers = 3", "the top: there is no workers"),
        ("[asthma", "cannot be read"),
    ],
)
def test_a_mistake_is_a_sentence_and_the_rest_of_the_file_counts(
    tmp_path: Path, text: str, sentence: str
) -> None:
    weights = read(tmp_path, text)
    assert sentence in weights.problems[0]
    assert weights.weight("asthma", "b", "python:v2 b.py") == 1


def test_no_file_means_that_all_jobs_count_one(tmp_path: Path) -> None:
    assert read_weights(tmp_path / "none.toml") == Weights()


def test_a_changed_file_counts_at_once_and_a_broken_one_leaves_the_rules_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = weights_path(tmp_path, "local")
    path.parent.mkdir()
    path.write_text('[default]\n".*" = 2')
    assert weights_of(tmp_path, "local").weight("w", "a", "x") == 2
    path.write_text('[default]\n".*" = 3')
    os.utime(path, (1, 1))
    assert weights_of(tmp_path, "local").weight("w", "a", "x") == 3
    path.write_text("[default")
    with caplog.at_level(logging.ERROR):
        assert weights_of(tmp_path, "local").weight("w", "a", "x") == 3
        assert weights_of(tmp_path, "local").weight("w", "a", "x") == 3
    assert len(caplog.records) == 1
