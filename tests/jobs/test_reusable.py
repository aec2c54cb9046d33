"""Reusable actions: code of another repository at a tag, run in place of the study's."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobsite.core.errors import Invalid
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.reusable import resolved
from jobsite.projects.models import Workspace
from jobsite.settings import Settings, use

from .conftest import Study, project_yaml

CODE = """
import json, sys
config = json.loads(sys.argv[sys.argv.index("--config") + 1]) if "--config" in sys.argv else {}
text = open("input.csv").read() if "input.csv" in sys.argv else "none"
open("out.csv", "w").write(f"{text.strip()},{config.get('folds')},{sys.argv[1]}")
"""


def git(path: Path, *words: str) -> None:
    who = ("-c", "user.name=org", "-c", "user.email=org@example.org")
    subprocess.run(["git", *who, *words], cwd=path, check=True, capture_output=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,)},
        actions_org=f"{tmp_path}/repositories/actions",
    )


@pytest.fixture
def shared(tmp_path: Path) -> Study:
    """The repository of the reusable action `tabulate`, with a tag v1."""
    made = Study(tmp_path / "repositories" / "actions" / "tabulate")
    made.commit(action__yaml="run: python:v2 tabulate.py fixed\n", tabulate__py=CODE)
    git(made.path, "tag", "v1")
    return made


def commit_call(study: Study, run: str = "tabulate:v1 input.csv", config: str = "") -> None:
    """A study whose action `call` calls a reusable one with a file that `make` has made."""
    text = project_yaml(
        make=("python:v2 make.py", [], {"highly_sensitive": {"o": "input.csv"}}),
        call=(run, ["make"], {"highly_sensitive": {"o": "out.csv"}}),
    )
    study.commit(project__yaml=text + config, make__py="open('input.csv', 'w').write('rows')")


def refusal(ask: Callable[..., JobRequest]) -> str:
    with pytest.raises(Invalid) as refused:
        ask("call")
    assert not Job.select().exists()
    return refused.value.fields["requested_actions"]


def test_its_code_runs_in_place_of_the_studys_on_the_studys_files(
    study: Study,
    shared: Study,
    ask: Callable[..., JobRequest],
    run: Callable[..., dict[str, Job]],
    instance: Path,
) -> None:
    commit_call(study, config="    config: {folds: 5}\n")
    job = run(ask("call"))["call"]
    assert job.status_code == "succeeded", job.status_message
    assert (instance / "workspaces" / "high" / "asthma" / "out.csv").read_text() == "rows,5,fixed"
    assert job.run_command == """python:v2 tabulate.py fixed input.csv --config '{"folds": 5}'"""
    attempt = Attempt.get(Attempt.job == job)
    record = json.loads(
        (instance / "jobs" / job.identifier / attempt.identifier / "metadata.json").read_text()
    )
    assert record["action_version"] == "v1" and record["action_revision"] == job.code_commit
    assert len(job.code_commit) == 40 and job.code_commit != job.job_request.commit
    make = Job.get(Job.action == "make")
    assert (make.code_repo, make.code_commit) == ("", "")


def test_a_job_keeps_the_code_it_was_asked_for_when_the_tag_moves(
    study: Study, shared: Study, ask: Callable[..., JobRequest], run: Callable[..., dict[str, Job]]
) -> None:
    commit_call(study)
    asked = ask("call")
    shared.commit(tabulate__py="raise SystemExit('newer')")
    git(shared.path, "tag", "--force", "v1")
    assert run(asked)["call"].status_code == "succeeded"


def test_what_ran_before_by_the_same_code_is_no_older_code(
    study: Study, shared: Study, ask: Callable[..., JobRequest], run: Callable[..., dict[str, Job]]
) -> None:
    commit_call(study)
    run(ask("call"))
    later = ask("run_all")
    assert later.status == "nothing_to_do"


@pytest.mark.parametrize(
    ("called", "sentence"),
    [
        ("nothing:v1", "could not find a repo at {org}/nothing; check that it is in the list of available"),
        ("tabulate:v2", "v2 is not a tag listed in {org}/tabulate/tags"),
        ("tabulate:v3", "v3 has not yet been approved for use (not merged into main branch)"),
        ("ta-b%late:v1", "contains invalid characters"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence_that_says_where(
    study: Study,
    shared: Study,
    ask: Callable[..., JobRequest],
    settings: Settings,
    called: str,
    sentence: str,
) -> None:
    git(shared.path, "checkout", "-b", "side")
    shared.commit(tabulate__py="pass")
    git(shared.path, "tag", "v3")
    commit_call(study, called)
    told = refusal(ask)
    assert told.startswith(f"in 'call: {called}': ")
    assert sentence.format(org=settings.actions_org) in told


@pytest.mark.parametrize(
    ("action_yaml", "sentence"),
    [
        (None, "doesn't look like a valid action: it has no action.yaml"),
        ("ran: python:v2 x.py", "Missing `run`"),
        ("run: [1]", "Missing `run`"),
        ("- run", "its action.yaml is no mapping"),
        ("run: {", "its action.yaml cannot be read"),
        ("run: python:v2 'x", "No closing quotation"),
        ("run: other:v1 x.py", "Unrecognised runtime: other:v1"),
        ("run: python x.py", "Unrecognised runtime: python"),
        ("run: ehrql:v1 generate-dataset d.py", "cannot run commands which access the database"),
        ("run: sqlrunner:v1 q.sql", "cannot run commands which access the database"),
    ],
)
def test_faults_of_the_action_itself_say_where_to_tell_them(
    study: Study, shared: Study, ask: Callable[..., JobRequest], action_yaml: str | None, sentence: str
) -> None:
    if action_yaml is None:
        git(shared.path, "rm", "action.yaml")
        shared.commit(other__py="")
    else:
        shared.commit(action__yaml=action_yaml)
    git(shared.path, "tag", "v4")
    commit_call(study, "tabulate:v4")
    told = refusal(ask)
    assert sentence in told and told.endswith("/tabulate/issues")


def test_the_studys_own_words_give_it_no_way_to_the_database(
    study: Study, shared: Study, ask: Callable[..., JobRequest]
) -> None:
    shared.commit(action__yaml="run: ehrql:v1")
    git(shared.path, "tag", "v4")
    commit_call(study, "tabulate:v4 generate-dataset d.py --output out.csv")
    assert "cannot run commands which access the database" in refusal(ask)


def test_without_a_place_for_them_there_are_none(
    study: Study, shared: Study, ask: Callable[..., JobRequest], settings: Settings
) -> None:
    commit_call(study)
    use(replace(settings, actions_org=""))
    assert "there is no runtime for tabulate:v1 here" in refusal(ask)


def test_a_preview_tells_what_is_known_here_and_asks_nobody(
    study: Study, shared: Study, workspace: Workspace
) -> None:
    for called, told in (("tabulate:v2", True), ("nothing:v1", False)):
        commit_call(study, called)
        found = resolved(newest_definition(workspace), ["call"], asks=False)
        assert ("call" in found.problems) is told


def test_the_job_page_says_whose_code_ran(
    study: Study, shared: Study, ask: Callable[..., JobRequest], client: object
) -> None:
    commit_call(study)
    ask("call")
    job = Job.get(Job.action == "call")
    page = client.get(f"/asthma/{job.job_request_id}/{job.identifier}/").get_data(as_text=True)  # type: ignore[attr-defined]
    assert "Reusable action" in page and job.code_commit in page
