"""The demo study: its repository, the Python that runs it, and that what it lets out is safe."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from jobsite.demo.study import CHECKOUT, STUDY, create_study, study_files, study_python
from jobsite.pipelines import parse

from ..databases import database_environ

pytestmark = pytest.mark.xdist_group("demo")

HIDDEN = "[REDACTED]"
ONE_AFTER_THE_OTHER = """
import os, runpy, shlex, sys
sys.path[0] = os.path.abspath("analysis")
for step in sys.argv[1:]:
    sys.argv = shlex.split(step)
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""The scripts in one Python: the packages they begin with take longer to load than most of them to run."""
COUNTS = {
    "count",
    "denominator",
    "patients",
    "events",
    "person_years",
    "patients_at_risk",
    "cumulative_events",
}


def git(*words: str, cwd: Path) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@jobsite.invalid"]
    return subprocess.run(
        ["git", *who, *words], cwd=cwd, capture_output=True, text=True, check=True
    ).stdout.strip()


def actions() -> dict[str, dict]:
    return yaml.safe_load((STUDY / "project.yaml").read_text())["actions"]


def patterns(action: dict, level: str) -> list[str]:
    return list(action["outputs"].get(level, {}).values())


def test_the_study_is_the_same_commit_wherever_it_is_made(tmp_path):
    first = create_study(tmp_path / "one.git")
    assert re.fullmatch("[0-9a-f]{40}", first)
    assert create_study(tmp_path / "far" / "two.git") == first
    assert git("rev-parse", "main", cwd=tmp_path / "one.git") == first


def test_the_repository_holds_every_file_of_the_study_and_nothing_else(tmp_path):
    create_study(tmp_path / "study.git")
    git("clone", "-q", str(tmp_path / "study.git"), str(tmp_path / "clone"), cwd=tmp_path)
    there = git("ls-files", cwd=tmp_path / "clone").splitlines()
    assert there == [path.as_posix() for path in study_files()]
    for name in there:
        assert (tmp_path / "clone" / name).read_bytes() == (STUDY / name).read_bytes()


def test_what_was_pushed_to_the_study_survives_making_the_demo_again(tmp_path):
    create_study(tmp_path / "study.git")
    clone = tmp_path / "clone"
    git("clone", "-q", str(tmp_path / "study.git"), str(clone), cwd=tmp_path)
    (clone / "README.md").write_text("Mine now\n")
    git("commit", "-q", "-am", "My own words", cwd=clone)
    git("push", "-q", "origin", "main", cwd=clone)
    assert create_study(tmp_path / "study.git") == git("rev-parse", "main", cwd=clone)


def test_settings_of_whoever_runs_git_do_not_change_the_commit(tmp_path, monkeypatch):
    plain = create_study(tmp_path / "plain.git")
    (tmp_path / "config").write_text(
        "[user]\nname = Dan\n[core]\nautocrlf = true\n[commit]\ngpgSign = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Dan")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert create_study(tmp_path / "odd.git") == plain


def test_a_repository_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match=r"^The demo study could not be set up\. git said: "):
        create_study(tmp_path / "file" / "study.git")


def test_the_project_file_has_a_private_extract_a_slow_action_and_outputs_of_both_levels():
    found = actions()
    assert len(found) >= 6
    assert patterns(found["extract_cohort"], "highly_sensitive")
    assert not patterns(found["extract_cohort"], "moderately_sensitive")
    assert sum(bool(patterns(action, "moderately_sensitive")) for action in found.values()) >= 5
    for action in found.values():
        assert action["run"].startswith("python:v2 analysis/")
        assert (STUDY / shlex.split(action["run"])[1]).is_file()
        assert set(action.get("needs", [])) <= set(found)


def test_jobsite_finds_nothing_to_say_about_the_project_file():
    report = parse((STUDY / "project.yaml").read_bytes())
    assert (report.problems, report.warnings) == ((), ())
    assert report.pipeline is not None
    assert set(report.pipeline.run_all) == set(actions())


def test_a_python_without_lifelines_is_not_offered(tmp_path):
    assert study_python({"python:v2": sys.executable, "python": ["/no/such/python"]}, tmp_path) is None


@pytest.fixture(scope="module")
def interpreter() -> Path:
    """The Python of the study, as `make run` and `make test` install it."""
    found = study_python({})
    if found is None:
        pytest.skip("no Python with lifelines: run `make prepare`")
    return found


def test_a_python_of_the_settings_goes_before_that_of_the_checkout(interpreter, tmp_path):
    mine = tmp_path / "python"
    mine.symlink_to(interpreter)
    wrapper = tmp_path / "study-python"
    wrapper.write_text(f'#!/bin/sh\nexec "{interpreter}" "$@"\n')
    wrapper.chmod(0o755)
    assert study_python({"python:v2": [str(wrapper)]}, CHECKOUT) == wrapper
    assert study_python({"python": str(wrapper)}, CHECKOUT) == wrapper


def test_a_demo_made_again_keeps_the_python_it_was_given(interpreter, tmp_path):
    demo = [
        sys.executable,
        "-c",
        "from jobsite.cli import main; main()",
        "demo",
        "--instance",
        str(tmp_path / "instance"),
    ]
    place = tmp_path / "instance"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **database_environ(place)}
    first = subprocess.run(
        [*demo, "--python", str(interpreter)], env=environment, capture_output=True, text=True, check=False
    )
    assert first.returncode == 0, first.stderr
    kept = (tmp_path / "instance/jobsite.toml").read_text()
    assert str(interpreter) in kept
    subprocess.run(demo, env=environment, capture_output=True, check=True)
    assert (tmp_path / "instance/jobsite.toml").read_text() == kept


@pytest.fixture(scope="module")
def finished(interpreter, tmp_path_factory) -> Path:
    """A clone of the study in which every action has run, in order; the slow one with few resamples."""
    top = tmp_path_factory.mktemp("study")
    create_study(top / "study.git")
    git("clone", "-q", str(top / "study.git"), str(top / "clone"), cwd=top)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "TZ": "UTC",
        "MPLCONFIGDIR": str(top / "mpl"),
    }
    steps = [action["run"].partition(" ")[2] for action in actions().values()]
    steps = [re.sub("--batches .*", "--batches 2 --resamples-per-batch 3", step) for step in steps]
    command = [str(interpreter), "-B", "-W", "error", "-c", ONE_AFTER_THE_OTHER, *steps]
    done = subprocess.run(
        command, cwd=top / "clone", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return top / "clone"


@pytest.mark.xdist_group("study")
def test_the_actions_leave_the_files_they_promise_and_nothing_else(finished):
    promised = [
        pattern
        for action in actions().values()
        for level in action["outputs"]
        for pattern in patterns(action, level)
    ]
    left = git("ls-files", "--others", cwd=finished).splitlines()
    assert sorted(left) == sorted(promised)


@pytest.mark.xdist_group("study")
def test_every_count_that_may_be_seen_is_hidden_or_rounded(finished):
    seen = 0
    for action in actions().values():
        for pattern in patterns(action, "moderately_sensitive"):
            if not pattern.endswith(".csv"):
                continue
            with (finished / pattern).open() as lines:
                for row in csv.DictReader(lines):
                    assert not {"patient_id", "age"} & set(row)
                    for value in (row[column] for column in COUNTS & set(row)):
                        seen += 1
                        assert value == HIDDEN or int(value) % 5 == 0, (pattern, row)
    assert seen > 100


@pytest.mark.xdist_group("study")
def test_no_step_of_the_survival_curve_stands_for_seven_people_or_fewer(finished):
    with (finished / "output/figures/survival.csv").open() as lines:
        curve = list(csv.DictReader(lines))
    with (finished / "output/cohort/cohort.csv").open() as lines:
        cohort = list(csv.DictReader(lines))
    for therapy in ("Yes", "No"):
        events = [
            float(row["months"])
            for row in cohort
            if row["hormone_therapy"] == therapy and row["event"] == "1"
        ]
        steps = [float(row["months"]) for row in curve if row["hormone_therapy"] == therapy]
        assert len(steps) > 5
        for earlier, later in itertools.pairwise(steps):
            assert sum(earlier < time <= later for time in events) > 7


@pytest.mark.xdist_group("study")
def test_the_report_and_the_figures_can_be_read(finished):
    assert (finished / "output/figures/survival.png").read_bytes().startswith(b"\x89PNG")
    assert b"Software" not in (finished / "output/figures/survival.png").read_bytes()
    assert "</svg>" in (finished / "output/models/hazard_ratios.svg").read_text()
    report = (finished / "output/report/report.md").read_text()
    assert "hormone\ntherapy was 0.68 times that without (95% confidence interval 0.53 to" in report


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (1, HIDDEN), (7, HIDDEN), (8, 10), (12, 10), (13, 15), (686, 685)]
)
def test_counts_of_one_to_seven_are_hidden_and_the_rest_rounded_to_five(count, shown):
    spec = importlib.util.spec_from_file_location(
        "disclosure_control", STUDY / "analysis/disclosure_control.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.safe_count(count) == shown
    assert module.safe_ratio(module.safe_count(count), 0) == HIDDEN
    assert module.safe_total([module.safe_count(count), 10]) == 10 + (0 if shown == HIDDEN else shown)
