"""The run-jobs page: who sees it, what it offers, what it refuses and why, and that nothing typed is lost."""

import html
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.jobs.models import Job, JobRequest
from jobsite.pipelines import parse
from jobsite.projects.models import Repo, Workspace
from jobsite.projects.repositories import mirror
from jobsite.projects.workspaces import set_archived, set_notifications
from jobsite.settings import Settings

from ..pipelines.marked import unmark
from ..pipelines.test_codes import FILES

PAGE = "/asthma/run-jobs/"
ELSEWHERE = "https://127.0.0.1:9/northfield/asthma"


def yaml(*actions: tuple[str, str], version: int = 4) -> str:
    """A valid project file of actions (name, needs), each run by Python and with an output of its own."""
    lines = [f"version: {version}", "actions:"]
    for name, needs in actions:
        lines += [
            f"  {name}:",
            f"    run: python:v2 analysis/{name}.py",
            f"    needs: [{needs}]",
            f"    outputs: {{moderately_sensitive: {{table: output/{name}.csv}}}}",
        ]
    return "\n".join(lines) + "\n"


THREE = yaml(("zeta", ""), ("clean", "zeta"), ("table1", "clean, zeta"))
READS = (
    THREE
    + """  cohort:
    run: ehrql:v1 generate-dataset analysis/cohort.py --output output/cohort.csv.gz
    outputs: {highly_sensitive: {cohort: output/cohort.csv.gz}}
"""
)


@pytest.fixture
def ada(client: FlaskClient, sign_in: Callable[..., FlaskClient], workspace: Workspace) -> FlaskClient:
    """ada's browser; she may run jobs in `asthma`."""
    return sign_in(client, "ada")


@pytest.fixture
def three(study: SimpleNamespace, workspace: Workspace) -> str:
    """The commit of a study with three actions."""
    return study.commit(project__yaml=THREE)


def words(response: TestResponse) -> str:
    """What a person reads: the page without tags, blanks in a row made one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def values_of(page: str, name: str) -> list[str]:
    """The values of the form's fields of that name, only those ticked where they can be."""
    fields = re.findall(rf"<input[^>]*\bname=\"{name}\"[^>]*>", page)
    sent = [
        field for field in fields if "checkbox" not in field and "radio" not in field or " checked" in field
    ]
    return [html.unescape(re.search(r'value="([^"]*)"', field)[1]) for field in sent]


def submit(browser: FlaskClient, *actions: str, page: str = PAGE, **fields: object) -> TestResponse:
    """Press Submit on the form that the page shows, with these actions ticked."""
    shown = browser.get(page).text
    form: dict[str, object] = {
        name: values_of(shown, name) for name in ("csrf_token", "sha", "form_key", "backend", "will_notify")
    }
    form |= {"requested_actions": list(actions)} | fields
    return browser.post(page, data={name: value for name, value in form.items() if value is not None})


def git(study: SimpleNamespace, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=study.path, check=True, capture_output=True, text=True
    ).stdout.strip()


# Who sees it


def test_a_visitor_is_sent_to_log_in_and_comes_back(
    client: FlaskClient, workspace: Workspace, three: str
) -> None:
    response = client.get(PAGE)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/login/?next={PAGE}"


@pytest.mark.parametrize("name", ["ben", "dan", "cat", "sam"])
def test_who_may_not_run_jobs_may_not_know_of_the_page(
    name: str, client: FlaskClient, sign_in: Callable[..., FlaskClient], three: str
) -> None:
    browser = sign_in(client, name)
    assert browser.get(PAGE).status_code == 404
    assert browser.get(f"{PAGE}{three}/").status_code == 404
    token = re.search(r'csrf_token" value="([^"]+)', browser.get("/settings/").text)[1]
    answer = browser.post(PAGE, data={"csrf_token": token, "backend": "local", "requested_actions": "zeta"})
    assert answer.status_code == 404
    assert JobRequest.select().count() == 0


def test_without_any_backend_there_is_no_page(ada: FlaskClient, three: str) -> None:
    Backend.update(is_active=False).execute()
    assert ada.get(PAGE).status_code == 404


def test_a_role_taken_away_ends_access_at_the_next_request(ada: FlaskClient, three: str) -> None:
    assert ada.get(PAGE).status_code == 200
    with writing():
        Workspace.get().project.memberships[0].delete_by_id(Workspace.get().project.memberships[0].id)
    assert ada.get(PAGE).status_code == 404


def test_an_archived_workspace_says_so_on_its_own_page(
    ada: FlaskClient, cast: SimpleNamespace, workspace: Workspace, three: str
) -> None:
    set_archived(by="system", workspace=workspace, is_archived=True)
    response = ada.get(PAGE)
    assert (response.status_code, response.headers["Location"]) == (303, "/asthma/")
    assert "Jobs cannot be run on an archived workspace" in words(ada.get("/asthma/"))


# What it offers


def test_actions_stand_in_file_order_with_what_they_need_sorted(ada: FlaskClient, three: str) -> None:
    page = ada.get(PAGE).text
    assert re.findall(r'name="requested_actions" value="([^"]+)"', page) == [
        "zeta",
        "clean",
        "table1",
        "run_all",
    ]
    needs = re.findall(r'<ul class="plain">(.*?)</ul>', page)
    assert needs[1] == "<li>clean</li><li>zeta</li>"


def test_a_file_with_a_run_all_of_its_own_gets_no_second_one(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    study.commit(project__yaml=yaml(("clean", ""), ("run_all", "clean")))
    assert re.findall(r'name="requested_actions" value="([^"]+)"', ada.get(PAGE).text) == ["clean", "run_all"]


def test_the_only_backend_that_takes_jobs_is_chosen_already(ada: FlaskClient, three: str) -> None:
    add_backend(by="system", slug="harbour", name="Harbour")
    Backend.update(accepts_jobs=False).where(Backend.slug == "harbour").execute()
    page = ada.get(PAGE)
    assert values_of(page.text, "backend") == ["local"]
    assert re.search(r'value="harbour"[^>]* disabled', page.text)
    assert "Harbour does not accept jobs at the moment." in words(page)


def test_of_two_backends_none_is_chosen_for_the_person(ada: FlaskClient, three: str) -> None:
    add_backend(by="system", slug="harbour", name="Harbour")
    assert values_of(ada.get(PAGE).text, "backend") == []
    refused = submit(ada, "zeta")
    assert refused.status_code == 422
    assert "Choose a backend." in words(refused)
    assert values_of(refused.text, "requested_actions") == ["zeta"]


def test_the_status_shown_is_that_of_the_chosen_backend(
    ada: FlaskClient, three: str, ask: Callable[..., JobRequest]
) -> None:
    add_backend(by="system", slug="harbour", name="Harbour")
    ask("zeta")
    job = Job.get()
    here, elsewhere = ada.get(f"{PAGE}?backend=local"), ada.get(f"{PAGE}?backend=harbour")
    assert "Latest on Local" in words(here)
    assert f'href="/asthma/{job.job_request_id}/{job.identifier}/"' in here.text
    assert job.identifier not in elsewhere.text


def test_the_commit_is_told_with_its_subject_and_author(ada: FlaskClient, three: str) -> None:
    told = words(ada.get(PAGE))
    assert f"branch main at commit {three[:7]} , “Change”, by ada" in told


def test_e_mail_follows_the_workspace_until_somebody_says_otherwise(
    ada: FlaskClient, three: str, workspace: Workspace
) -> None:
    assert values_of(ada.get(PAGE).text, "will_notify") == ["False"]
    set_notifications(by="system", workspace=workspace, should_notify=True)
    assert values_of(ada.get(PAGE).text, "will_notify") == ["False", "True"]
    submit(ada, "zeta", will_notify="False")
    submit(ada, "clean", will_notify=None)
    submit(ada, "table1", will_notify="on")
    assert [made.will_notify for made in JobRequest.select().order_by(JobRequest.id)] == [False, True, True]


def test_the_latest_request_is_told_below(
    ada: FlaskClient, three: str, ask: Callable[..., JobRequest]
) -> None:
    made = ask("zeta")
    assert "Latest request" in words(ada.get(PAGE))
    assert f'href="/asthma/{made.id}/"' in ada.get(PAGE).text


def test_many_actions_can_be_filtered_without_losing_what_is_chosen(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    study.commit(project__yaml=yaml(*((f"stage_{number}", "") for number in range(50))))
    token = values_of(ada.get(PAGE).text, "csrf_token")[0]
    form = {"csrf_token": token, "backend": "local", "requested_actions": ["stage_3", "stage_41"]}
    page = ada.post(PAGE, data={**form, "filter": "STAGE_4", "preview": "1"})
    assert page.status_code == 200
    listed = page.text.replace("<wbr>", "").partition('id="graph-title"')[0]
    rows = re.findall(r'<th scope="row">(stage_\d+)</th>', listed)
    assert rows == ["stage_4", *(f"stage_4{number}" for number in range(10))]
    assert sorted(values_of(page.text, "requested_actions")) == ["stage_3", "stage_41"]
    assert "1 chosen is not in sight" in words(page)


def test_two_thousand_actions_fold_into_groups_and_can_all_be_asked_for(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    study.commit(project__yaml=yaml(*((f"stage_{number}", "") for number in range(2000))))
    page = ada.get(PAGE).text
    assert page.count('<details class="group"') == 40
    assert page.count('<details class="group" open') == 1
    names = re.findall(r'name="requested_actions" value="(stage_[^"]+)"', page)
    assert len(names) == 2000
    assert submit(ada, *names).status_code == 303
    assert JobRequest.get().jobs_total == 2000


def test_a_file_without_actions_is_shown_and_has_nothing_to_run(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    study.commit(project__yaml="version: 4\nactions: {}\n")
    page = ada.get(f"{PAGE}?requested_actions=run_all")
    assert page.status_code == 200
    assert "The project file has no actions, so there is nothing to run" in words(page)
    assert "project.yaml has no actions." in words(page)


def test_choose_all_ticks_every_action_and_choose_none_clears_them(ada: FlaskClient, three: str) -> None:
    form = {"csrf_token": values_of(ada.get(PAGE).text, "csrf_token")[0], "force_run_dependencies": "True"}
    every = ada.post(PAGE, data={**form, "choose": "all"})
    assert values_of(every.text, "requested_actions") == ["zeta", "clean", "table1"]
    assert re.search(r'name="force_run_dependencies"[^>]* checked', every.text)
    none = ada.post(PAGE, data={**form, "choose": "none", "requested_actions": "zeta"})
    assert values_of(none.text, "requested_actions") == []
    assert JobRequest.select().count() == 0


# Submitting


def test_submitting_makes_a_request_of_the_commit_that_was_shown(ada: FlaskClient, three: str) -> None:
    answer = submit(ada, "table1")
    made = JobRequest.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/asthma/{made.id}/")
    assert (made.commit, made.requested_actions, made.created_by.username) == (three, ["table1"], "ada")
    assert [job.action for job in made.jobs.order_by(Job.position)] == ["zeta", "clean", "table1"]
    with ada.session_transaction() as session:
        assert session["_flashes"] == [("good", "Requested actions have been scheduled to run.")]


def test_the_same_form_sent_twice_makes_one_request(ada: FlaskClient, three: str) -> None:
    page = ada.get(PAGE).text
    form = {name: values_of(page, name)[0] for name in ("csrf_token", "sha", "form_key", "backend")}
    first, second = (ada.post(PAGE, data={**form, "requested_actions": "zeta"}) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert JobRequest.select().count() == 1


def test_a_form_that_was_changed_before_it_is_sent_again_makes_another_request(
    ada: FlaskClient, three: str
) -> None:
    page = ada.get(PAGE).text
    form = {name: values_of(page, name)[0] for name in ("csrf_token", "sha", "form_key", "backend")}
    ada.post(PAGE, data={**form, "requested_actions": "zeta"})
    ada.post(PAGE, data={**form, "requested_actions": ["zeta", "clean"]})
    assert [made.requested_actions for made in JobRequest.select().order_by(JobRequest.id)] == [
        ["zeta"],
        ["zeta", "clean"],
    ]


def test_a_script_without_a_commit_gets_the_newest(ada: FlaskClient, three: str) -> None:
    token = values_of(ada.get(PAGE).text, "csrf_token")[0]
    answer = ada.post(PAGE, data={"csrf_token": token, "backend": "local", "requested_actions": "run_all"})
    assert answer.status_code == 303
    assert (JobRequest.get().commit, JobRequest.get().jobs_total) == (three, 3)


def test_a_branch_that_moved_meanwhile_runs_what_was_shown_and_is_told_of(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    page = ada.get(PAGE).text
    newer = study.commit(project__yaml=THREE.replace("zeta", "omega"))
    form = {name: values_of(page, name)[0] for name in ("csrf_token", "sha", "form_key", "backend")}
    preview = ada.post(PAGE, data={**form, "requested_actions": "zeta", "preview": "1"})
    assert f"There is a newer commit on main: {newer[:7]}" in words(preview)
    assert values_of(preview.text, "sha") == [three]
    answer = ada.post(PAGE, data={**form, "requested_actions": "zeta"})
    assert (answer.status_code, JobRequest.get().commit) == (303, three)
    with ada.session_transaction() as session:
        told = dict(session["_flashes"])["info"]
    assert told == (
        f"main has a newer commit, {newer[:7]}. This request runs the one that was shown, {three[:7]}."
    )


def test_the_newer_commit_is_one_press_away_with_nothing_lost(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    page = ada.get(PAGE).text
    newer = study.commit(project__yaml=THREE + "# more\n")
    form = {name: values_of(page, name)[0] for name in ("csrf_token", "sha", "form_key", "backend")}
    form |= {"requested_actions": "clean", "force_run_dependencies": "True", "move": newer}
    moved = ada.post(PAGE, data=form)
    assert values_of(moved.text, "sha") == [newer]
    assert values_of(moved.text, "requested_actions") == ["clean"]
    assert re.search(r'name="force_run_dependencies"[^>]* checked', moved.text)
    assert "There is a newer commit" not in words(moved)


def test_an_older_commit_can_be_run_by_its_address(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    study.commit(project__yaml=THREE.replace("zeta", "omega"))
    assert submit(ada, "zeta", page=f"{PAGE}{three[:10]}/").status_code == 303
    assert JobRequest.get().commit == three


def test_a_tag_can_be_shown_and_typed(ada: FlaskClient, study: SimpleNamespace, three: str) -> None:
    git(study, "tag", "release/1")
    study.commit(project__yaml=THREE.replace("zeta", "omega"))
    assert ada.get(PAGE, query_string={"ref": "release/1"}).headers["Location"] == f"{PAGE}release/1/"
    assert values_of(ada.get(f"{PAGE}release/1/").text, "sha") == [three]


def test_code_of_another_branch_cannot_be_run_in_this_workspace(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    git(study, "checkout", "--quiet", "-b", "side")
    other = study.commit(project__yaml=THREE + "# elsewhere\n")
    assert ada.get(f"{PAGE}side/").status_code == 404
    assert f"Could not find commit {other[:7]} on branch 'main'" in words(ada.get(f"{PAGE}side/"))
    refused = submit(ada, "zeta", sha=other)
    assert refused.status_code == 422
    assert f"Could not find commit {other[:7]} on branch 'main'" in words(refused)
    assert values_of(refused.text, "requested_actions") == ["zeta"]
    assert JobRequest.select().count() == 0


@pytest.mark.parametrize("sha", ["main", "0" * 40, "--upload-pack=x", "<b>", "ab" * 300, "\x00"])
def test_a_commit_that_does_not_exist_is_refused_beside_the_commit(
    sha: str, ada: FlaskClient, three: str
) -> None:
    refused = submit(ada, "zeta", sha=sha)
    assert refused.status_code == 422
    field = refused.text.partition('id="commit"')[2][:400]
    assert 'class="error"' in field
    assert values_of(refused.text, "requested_actions") == ["zeta"]
    assert "<b>" not in refused.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"requested_actions": []}, "Choose at least one action to run."),
        (
            {"requested_actions": ["claen"]},
            "Action 'claen' not found in project.yaml. Did you mean 'clean'?",
        ),
        ({"requested_actions": ["<script>x</script>"]}, "Action '<script>x</script>' not found"),
        ({"backend": "nowhere"}, "There is no backend “nowhere” that you may use. Yours: local."),
        ({"backend": "' OR 1=1"}, "There is no backend “' OR 1=1” that you may use."),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_nothing_typed_is_lost(
    fields: dict[str, object], sentence: str, ada: FlaskClient, three: str
) -> None:
    given = {"requested_actions": ["table1"], "force_run_dependencies": "on", "will_notify": "True"} | fields
    refused = submit(ada, **given)
    assert refused.status_code == 422
    assert sentence in words(refused)
    assert "There is a problem" in words(refused)
    assert "<script>x" not in refused.text
    assert re.search(r'name="force_run_dependencies"[^>]* checked', refused.text)
    assert values_of(refused.text, "will_notify") == ["False", "True"]
    assert JobRequest.select().count() == 0


def test_a_backend_that_closed_meanwhile_refuses_beside_the_backends(ada: FlaskClient, three: str) -> None:
    page = ada.get(PAGE).text
    form = {name: values_of(page, name)[0] for name in ("csrf_token", "sha", "form_key", "backend")}
    Backend.update(accepts_jobs=False).execute()
    refused = ada.post(PAGE, data={**form, "requested_actions": "zeta"})
    assert refused.status_code == 422
    assert "Local does not accept jobs at the moment." in words(refused)
    assert 'aria-disabled="true"' in refused.text


def test_an_action_without_a_runtime_is_named_before_and_at_submit(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    study.commit(project__yaml=READS)
    preview = ada.get(f"{PAGE}?requested_actions=cohort")
    assert "cohort cannot run" in words(preview)
    refused = submit(ada, "cohort")
    assert refused.status_code == 422
    assert "there is no runtime for ehrql:v1 here" in words(refused)


# Codelists


def stale_codelists(study: SimpleNamespace) -> None:
    (study.path / "codelists").mkdir()
    (study.path / "codelists" / "codelists.txt").write_text("opensafely/asthma/2020-01-01\n")
    (study.path / "codelists" / "codelists.json").write_text('{"files": {}}')


def test_stale_codelists_warn_and_stop_only_what_reads_the_database(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    stale_codelists(study)
    study.commit(project__yaml=READS)
    assert "listed in codelists.txt, but not downloaded" in words(ada.get(PAGE))
    refused = submit(ada, "cohort", "zeta")
    assert refused.status_code == 422
    assert "Codelists are out of date (required by action cohort)" in words(refused)
    assert values_of(refused.text, "requested_actions") == ["zeta", "cohort"]
    assert submit(ada, "zeta").status_code == 303


def test_a_needed_action_that_reads_the_database_is_stopped_as_well(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    stale_codelists(study)
    study.commit(project__yaml=READS.replace("needs: [zeta]", "needs: [cohort]"))
    refused = submit(ada, "clean")
    assert refused.status_code == 422
    assert "Codelists are out of date (required by action cohort)" in words(refused)


def test_codelists_as_downloaded_are_no_matter(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    stale_codelists(study)
    (study.path / "codelists" / "opensafely-asthma.csv").write_bytes(b"code\n1\n")
    sha1 = subprocess.run(
        ["sha1sum", study.path / "codelists" / "opensafely-asthma.csv"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()[0]
    record = f'{{"files": {{"opensafely-asthma.csv": {{"sha": "{sha1}"}}}}}}'
    (study.path / "codelists" / "codelists.json").write_text(record)
    study.commit(project__yaml=READS)
    assert 'id="codelists"' not in ada.get(PAGE).text


# What stops the study


def test_a_missing_branch_is_named(ada: FlaskClient, study: SimpleNamespace, three: str) -> None:
    git(study, "branch", "-m", "main", "other")
    page = ada.get(PAGE)
    assert page.status_code == 200
    assert "Missing branch: 'main'" in words(page)
    assert 'name="requested_actions"' not in page.text
    token = values_of(page.text, "csrf_token")[0]
    answer = ada.post(PAGE, data={"csrf_token": token, "backend": "local", "requested_actions": "zeta"})
    assert answer.status_code == 422
    assert "Missing branch: 'main'" in words(answer)


def test_a_commit_without_a_project_file_is_told(ada: FlaskClient, workspace: Workspace) -> None:
    page = ada.get(PAGE)
    assert "Could not find project.yaml" in words(page)
    assert 'name="requested_actions"' not in page.text


def test_a_repository_that_is_gone_is_not_blamed_on_the_project_file(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    study.path.rename(study.path.with_name("moved"))
    told = words(ada.get(PAGE))
    assert "The repository cannot be used" in told
    assert "Nothing is wrong with project.yaml" in told


BROKEN = {
    "unknown need": (
        THREE.replace("needs: [zeta]", "needs: [zeeta]"),
        "Line 9, column 13",
        "unknown action",
        "Did you mean",
    ),
    "file type": (THREE.replace("output/zeta.csv", "output/zeta.xlsx"), "Line 6, column", ".xlsx", "highly"),
    "syntax": (THREE + "  x: [\n", "Line 15, column", "", ""),
    "tab": ("version: 4\nactions:\n\tclean:\n", "Line 3, column 1", "tab", ""),
    "duplicate": (THREE + THREE.partition("actions:\n")[2], "Line 15, column 3", "duplicate key", ""),
    "version": ("version: 99\nactions: {}\n", "Line 1, column 10", "version", ""),
    "empty": ("", "Line 1, column 1", "empty", ""),
    "list": ("- a\n- b\n", "Line 1, column 1", "list", ""),
    "run": (THREE.replace("python:v2 analysis/zeta.py", "python analysis/zeta.py"), "Line 4", "version", ""),
    "outputs": ("version: 4\nactions:\n  clean:\n    run: python:v2 x.py\n", "Line 3", "outputs", ""),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_each_kind_of_problem_stands_with_its_place_and_its_line(
    kind: str, ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    text, place, phrase, hint = BROKEN[kind]
    commit = study.commit(project__yaml=text)
    page = ada.get(PAGE)
    told = words(page)
    assert page.status_code == 200
    assert "An error occurred while trying to parse your project.yaml" in told
    assert place in told
    assert phrase in told
    assert hint in told
    assert commit[:7] in told
    assert 'name="requested_actions"' not in page.text
    number = re.search(r"Line (\d+)", place)[1]
    assert re.search(rf'<span class="l at" data-n="{number}">', page.text)
    assert re.search(r'<span class="l caret" data-n=""> *\t*\^+</span>', page.text)


def test_every_code_of_the_report_has_its_place_on_the_page(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    """One file for each code, the same as in the tests of the report: place, sentence and caret are on the page."""
    for name, marked in FILES.items():
        text, _ = unmark(marked)
        report = parse(text)
        study.commit(project__yaml=text)
        answer = ada.get(PAGE)
        told = words(answer)
        for problem in report.problems or report.warnings:
            assert f"Line {problem.line}, column {problem.column}" in told, (name, problem)
            assert " ".join(re.sub(r"[`<>]", " ", problem.message).split())[:40] in re.sub(
                r" +", " ", re.sub(r"[`<>]", " ", told)
            ), (name, problem.message)
        assert ('name="requested_actions"' in answer.text) == report.valid, name


def test_every_problem_is_shown_with_the_carets_below_what_is_wrong(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    names = [(f"stage_{number}", f"nowhere_{number}") for number in range(130)]
    study.commit(project__yaml=yaml(*names))
    page = ada.get(PAGE)
    assert "130 problems in project.yaml" in words(page)
    assert page.text.count('<span class="l at"') == 100
    assert "30 more, without their lines" in words(page)
    assert all(f": nowhere_{number}." in words(page) for number in range(130))
    at, caret = re.search(
        r'<span class="l at" data-n="5">(.*?)</span><span class="l caret" data-n="">(.*?)</span>', page.text
    ).groups()
    line = html.unescape(re.sub(r"<[^>]+>", "", at))
    assert line[caret.index("^") : caret.rindex("^") + 1] == "nowhere_0"


def test_a_broken_commit_offers_the_last_one_that_ran(
    ada: FlaskClient, study: SimpleNamespace, three: str, ask: Callable[..., JobRequest]
) -> None:
    ask("zeta")
    study.commit(project__yaml="version: 4\n")
    page = ada.get(PAGE)
    assert f'href="{PAGE}{three}/"' in page.text
    assert f"Go back to {three[:7]}" in words(page)
    assert 'name="requested_actions"' in ada.get(f"{PAGE}{three}/").text


def test_a_warning_stands_above_the_form_and_stops_nothing(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    page = ada.get(PAGE)
    assert "warning about project.yaml : it can run as it is" in words(page)
    assert page.text.index('id="warnings"') < page.text.index('id="backend"')


@pytest.mark.parametrize(
    "text",
    [
        'version: 4\nactions:\n  "<img src=x onerror=alert(1)>":\n    run: python:v2 x\n',
        "version: 4\nactions:\n  a: &a [*a, *a]\n",
        "version: 4\nactions:\n  a:\n    run: '`'\n    needs: ['`<i>`', \"\\u202eevil\"]\n",
        "x" * 5000 + "\n",
        "version: 4\nactions:\n  a: {run: 'python:v2 x', outputs: {moderately_sensitive: {a: '../../etc/passwd'}}}\n",
    ],
    ids=["markup", "bomb", "backticks", "long line", "traversal"],
)
def test_a_hostile_file_is_shown_as_text(
    text: str, ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    study.commit(project__yaml=text)
    page = ada.get(PAGE)
    assert page.status_code == 200
    assert "An error occurred while trying to parse your project.yaml" in words(page)
    assert "<img" not in page.text
    assert "<i>" not in page.text
    assert max(map(len, page.text.splitlines())) < 4000


def test_bytes_that_are_no_text_get_a_sentence(
    ada: FlaskClient, study: SimpleNamespace, workspace: Workspace
) -> None:
    (study.path / "project.yaml").write_bytes(b"version: 4\n\xff\xfe\x00")
    study.commit(other="x")
    assert "An error occurred while trying to parse your project.yaml" in words(ada.get(PAGE))


# A repository elsewhere


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """As for every test of jobs, and a host may be used at which nobody answers."""
    return Settings(
        instance=tmp_path / "instance",
        allowed_repos=(f"{tmp_path}/repositories/", "https://127.0.0.1:9/"),
        runtimes={"python": (sys.executable,)},
    )


@pytest.fixture
def elsewhere(study: SimpleNamespace, three: str) -> Callable[[], None]:
    """The repository is at an https address now; the call fetches it, as the background does."""
    Repo.update(url=ELSEWHERE, checked_at=None).execute()
    place = mirror(ELSEWHERE)
    git(study, "clone", "--quiet", "--mirror", ".", str(place))

    def fetch() -> None:
        git(study, "push", "--quiet", "--mirror", str(place))
        Repo.update(checked_at=now(), problem="").execute()

    return fetch


def region(page: str) -> str:
    """The region that tells how fresh the copy is."""
    return page.partition('id="freshness"')[2].partition("</div>")[0]


def test_a_remote_repository_is_shown_as_last_known_while_it_is_asked(
    ada: FlaskClient, elsewhere: Callable[[], None], study: SimpleNamespace, three: str
) -> None:
    page = ada.get(PAGE).text
    assert values_of(page, "sha") == [three]
    assert f"Asking {ELSEWHERE} for newer commits" in region(page)
    poll = html.unescape(re.search(r'hx-get="([^"]+)"', region(page))[1])
    fragment = {"HX-Request": "true", "HX-Target": "freshness"}
    assert "hx-get" in ada.get(poll, headers=fragment).text
    newer = study.commit(project__yaml=THREE + "# more\n")
    elsewhere()
    told = ada.get(poll, headers=fragment)
    assert "hx-get" not in told.text
    assert f"there is a newer commit, {newer[:7]} . Show it" in words(told)


def test_a_copy_that_has_just_been_compared_is_not_asked_for_again(
    ada: FlaskClient, elsewhere: Callable[[], None]
) -> None:
    elsewhere()
    assert "hx-get" not in region(ada.get(PAGE).text)


def test_a_repository_that_does_not_answer_is_named_and_the_last_known_state_stays(
    ada: FlaskClient, elsewhere: Callable[[], None], three: str
) -> None:
    elsewhere()
    Repo.update(
        problem=f"The repository {ELSEWHERE} could not be reached: its host does not answer."
    ).execute()
    page = ada.get(PAGE)
    assert "its host does not answer. What is shown is as of just now" in words(page)
    assert values_of(page.text, "sha") == [three]


def test_a_script_is_told_when_the_newest_commit_cannot_be_asked_for(
    ada: FlaskClient, elsewhere: Callable[[], None], three: str
) -> None:
    token = values_of(ada.get(PAGE).text, "csrf_token")[0]
    form = {"csrf_token": token, "backend": "local", "requested_actions": "zeta"}
    refused = ada.post(PAGE, data=form)
    assert refused.status_code == 422
    assert f"The repository {ELSEWHERE} could not be reached" in words(refused)
    assert ada.post(PAGE, data={**form, "sha": three}).status_code == 303


# Numbers


def test_queries_do_not_grow_with_the_actions(
    ada: FlaskClient,
    study: SimpleNamespace,
    workspace: Workspace,
    ask: Callable[..., JobRequest],
    queries: Callable,
) -> None:
    names = [f"stage_{number}" for number in range(300)]
    study.commit(project__yaml=yaml(*((name, "") for name in names)))
    ask(*names)
    chosen = "&".join(f"requested_actions={name}" for name in names)
    with queries() as seen:
        assert ada.get(f"{PAGE}?{chosen}").status_code == 200
    assert len(seen) <= 10, seen
    with queries() as seen:
        assert ada.get(PAGE).status_code == 200
    assert len(seen) <= 10, seen


def test_a_get_writes_nothing(ada: FlaskClient, three: str, queries: Callable) -> None:
    ada.get(PAGE)
    with queries() as seen:
        ada.get(f"{PAGE}?requested_actions=table1&backend=local&force_run_dependencies=on")
    assert {re.search(r"sql='(\w+)", str(event))[1] for event in seen} == {"SELECT"}


@pytest.mark.parametrize("target", ["plan", "actions", "run-form"])
def test_a_fragment_is_the_same_as_in_the_page(target: str, ada: FlaskClient, three: str) -> None:
    address = f"{PAGE}?requested_actions=table1&form_key=fixed"
    fragment = ada.get(address, headers={"HX-Request": "true", "HX-Target": target}).text
    fixed = re.compile(r'(name="csrf_token" value=)"[^"]+"')
    assert f'id="{target}"' in fragment
    assert "<html" not in fragment
    assert fixed.sub("", fragment).strip() in fixed.sub("", ada.get(address).text)


def test_a_fragment_of_a_page_that_has_no_form_any_more_loads_the_page(
    ada: FlaskClient, study: SimpleNamespace, three: str
) -> None:
    study.commit(project__yaml="version: 4\n")
    answer = ada.get(PAGE, headers={"HX-Request": "true", "HX-Target": "plan"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, PAGE)


def test_the_page_works_from_a_bare_path(ada: FlaskClient, three: str, tmp_path: Path) -> None:
    assert ada.get(f"{PAGE}%2e%2e/%2e%2e/etc/passwd/").status_code == 404
    assert ada.get(f"{PAGE}-x/").status_code == 404
    assert ada.get(f"{PAGE}%00/").status_code == 404


def test_choosing_anew_takes_the_refusal_away_and_the_plan_that_polls_leaves_it(
    ada: FlaskClient, three: str
) -> None:
    refused = submit(ada)
    assert "There is a problem" in refused.text and '<div id="run-errors"></div>' not in refused.text
    form = {name: values_of(refused.text, name) for name in ("csrf_token", "sha", "form_key", "backend")}
    form |= {"preview": ["1"], "requested_actions": ["clean"]}
    asks = {"HX-Request": "true", "HX-Target": "plan"}
    anew = ada.post(PAGE, data=form, headers={**asks, "HX-Trigger": "run-form"}).text
    assert '<div id="run-errors" hx-swap-oob="true"></div>' in anew
    assert '<div id="actions-error" hx-swap-oob="true"></div>' in anew
    polled = ada.post(PAGE, data=form, headers={**asks, "HX-Trigger": "plan"}).text
    assert 'id="plan"' in polled and "run-errors" not in polled


def test_a_long_name_may_break_after_an_underscore_and_is_copied_as_it_is(
    ada: FlaskClient, study: SimpleNamespace
) -> None:
    study.commit(project__yaml=yaml(("make_one_long_name", "")))
    page = ada.get(PAGE)
    shown = "make_<wbr>one_<wbr>long_<wbr>name"
    assert f'<th scope="row">{shown}</th>' in page.text
    assert 'value="make_one_long_name"' in page.text
    assert submit(ada, "make_one_long_name").status_code == 303
    assert shown in ada.get(f"/asthma/{JobRequest.get().id}/").text
