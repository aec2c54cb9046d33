"""`jobsite demo` and `jobsite request`, as a person uses them: the real study, the real packages, the real command."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobsite.cli import main

from ..databases import rows
from ..servers import commit_to_study, draw_batches, jobsite, jobsite_json

pytestmark = pytest.mark.xdist_group("demo")

LINE = re.compile(r"^(\w+)  ([a-z-]+ [a-z-]+ [a-z-]+)  (http://\S+/login/)$")
TWO_FAILURES = """
  breaks:
    run: python:v2 analysis/breaks.py
    outputs: {moderately_sensitive: {x: output/breaks.csv}}
  forgets:
    run: python:v2 analysis/forgets.py
    outputs: {moderately_sensitive: {x: output/forgotten.csv}}
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The instance of a demo, and what the command printed."""
    instance = tmp_path_factory.mktemp("demo") / "instance"
    done = jobsite(instance, "demo")
    assert done.returncode == 0, done.stderr
    return instance, done.stdout


def test_it_prints_a_sign_in_line_for_each_person(demo: tuple[Path, str]) -> None:
    lines = [LINE.match(line) for line in demo[1].splitlines()]
    assert [found and found[1] for found in lines] == ["ada", "ben", "cat", "cyd", "pat", "sam", "dan"]


def test_running_it_again_changes_nothing_but_the_tokens(demo: tuple[Path, str]) -> None:
    instance, first = demo
    second = jobsite(instance, "demo")
    assert second.returncode == 0
    assert len(second.stdout.splitlines()) == 7
    assert not set(first.splitlines()) & set(second.stdout.splitlines())
    assert [one["username"] for one in jobsite_json(instance, "user", "list")].count("ada") == 1


def test_the_whole_study_succeeds(demo: tuple[Path, str], tmp_path: Path) -> None:
    instance, _ = demo
    draw_batches(instance, tmp_path / "study", 3)
    done = jobsite(instance, "request", "demo", "run_all", "--by", "ada", "--wait", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["status"]) == (0, "succeeded")
    assert set(document) >= {"id", "identifier", "status", "jobs", "plan"}
    assert len(document["jobs"]) >= 6
    assert {job["status_code"] for job in document["jobs"]} == {"succeeded"}
    assert [set(one) for one in document["plan"]] == [{"action", "verdict", "reason"}] * len(document["plan"])
    level4 = instance / "workspaces/level4/demo"
    assert list(level4.rglob("*.png")), "the Kaplan-Meier figure"
    assert list(level4.rglob("*.csv")), "the tables"


def add_failures(study: Path) -> None:
    with (study / "project.yaml").open("a") as file:
        file.write(TWO_FAILURES)
    (study / "analysis/breaks.py").write_text("raise SystemExit(3)\n")
    (study / "analysis/forgets.py").write_text("print('nothing is written')\n")


def test_its_failing_variant_reports_both_failures(demo: tuple[Path, str], tmp_path: Path) -> None:
    instance, _ = demo
    commit_to_study(instance, tmp_path / "study", add_failures)
    done = jobsite(instance, "request", "demo", "breaks", "forgets", "--by", "ada", "--wait", "--json")
    codes = {job["action"]: (job["status"], job["status_code"]) for job in json.loads(done.stdout)["jobs"]}
    assert done.returncode == 1
    assert codes == {"breaks": ("failed", "nonzero_exit"), "forgets": ("failed", "unmatched_patterns")}


WRONG = (
    (("request", "demo", "tabels", "--by", "ada"), "tabels"),
    (("request", "nowhere", "run_all", "--by", "ada"), "There is no workspace nowhere"),
    (("request", "demo", "run_all", "--by", "zoe"), "There is no user zoe"),
    (("request", "demo", "run_all", "--by", "ben"), "does not have permission to run jobs"),
    (("request", "demo", "run_all", "--by", "ada", "--ref", "no-such"), "Missing branch: 'no-such'"),
    (("request", "demo", "run_all", "--by", "ada", "--backend", "other"), "no backend other"),
    (("user", "add", "ada", "--name", "Ada", "--email", "a@b.org"), "already a user ada"),
    (("user", "add", "x y", "--name", "X", "--email", "x@b.org"), ""),
    (("user", "token", "zoe"), "no user zoe"),
    (("member", "add", "demo-study", "dan", "--role", "Emperor"), "Emperor"),
    (("member", "remove", "demo-study", "dan"), "dan"),
    (("project", "add", "Demo study", "--org", "demo"), ""),
    (("project", "add", "New", "--org", "nowhere"), "nowhere"),
    (("org", "add", "Demo"), ""),
    (("backend", "add", "local", "--name", "Again"), "already a backend local"),
    (("backend", "pause", "nowhere"), "no backend nowhere"),
    (("workspace", "add", "demo", "--project", "demo-study", "--repo", "/etc", "--branch", "main", "--purpose", "p",
      "--by", "ada"), ""),
    (("cancel", "999", "--by", "ada"), "999"),
    (("log", "nojob"), "nojob"),
    (("check", "/nowhere"), ""),
)  # fmt: skip


def test_wrong_input_is_refused_with_a_sentence_and_exit_1_and_changes_nothing(
    demo: tuple[Path, str],
) -> None:
    before = jobsite(demo[0], "events", "--json").stdout
    for words, sentence in WRONG:
        done = CliRunner().invoke(main, [*words, "--instance", str(demo[0])])
        assert done.exit_code == 1, (words, done.output, done.exception)
        assert isinstance(done.exception, SystemExit), words
        assert done.stderr.strip()
        assert sentence in done.stderr, words
    assert jobsite(demo[0], "events", "--json").stdout == before


def test_a_dry_run_stores_nothing(demo: tuple[Path, str]) -> None:
    before = jobsite_json(demo[0], "jobs")
    document = jobsite_json(demo[0], "request", "demo", "run_all", "--by", "ada", "--dry-run")
    assert document["id"] is None
    assert document["plan"]
    assert jobsite_json(demo[0], "jobs") == before


def test_the_event_log_holds_and_a_changed_row_is_named(demo: tuple[Path, str]) -> None:
    assert jobsite(demo[0], "verify-log").returncode == 0
    events = jobsite_json(demo[0], "events")
    after = jobsite_json(demo[0], "events", "--since", str(events[2]["cursor"]))
    assert after[0]["cursor"] == events[3]["cursor"]


def test_those_who_work_in_the_demo_belong_to_its_organisation(demo: tuple[Path, str]) -> None:
    found = rows(
        demo[0],
        'SELECT username FROM org_membership JOIN "user" ON "user".id = user_id'
        " JOIN organisation ON organisation.id = org_id WHERE organisation.slug = 'demo' ORDER BY username",
    )
    assert [row["username"] for row in found] == ["ada", "ben"]
