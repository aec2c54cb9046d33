"""The Level 4 pages: who may look, what is listed, and that nothing in a file does harm."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend, rotate_token
from jobsite.jobs.models import Job, JobRequest
from jobsite.outputs.tasks import check_ended, to_check
from jobsite.projects.models import Workspace

from ..jobs.conftest import (  # noqa: F401  the study of the jobs' tests
    Study,
    ask,
    engine,
    project_yaml,
    run,
    run_until,
    settings,
    study,
    workspace,
)

MAKE = """
import pathlib
out = pathlib.Path("output"); out.mkdir()
(out / "table.csv").write_text("region,count\\nNorth,<script>alert(1)</script>\\n" + "".join(f"r{n},{n * 5}\\n" for n in range(450)))
(out / "page.html").write_text("<h1>Report</h1><script>document.title = 'ran'</script>")
(out / "note.txt").write_text("first <b>line</b>\\n" + "more\\n" * 600)
(out / "figure.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><script>1</script></svg>')
(out / "big.csv").write_text("patient_id,x\\n1,2\\n")
(out / "rows.csv").write_text("secret-row\\n")
print("MARK-OF-THE-LOG")
"""


@pytest.fixture
def finished(study: Study, ask: Callable[..., JobRequest], run: Callable[..., object], app: object) -> None:  # noqa: F811
    """A run that left one file of each kind."""
    moderate = {name: f"output/{path}" for name, path in (
        ("table", "table.csv"), ("page", "page.html"), ("note", "note.txt"), ("figure", "figure.svg"), ("big", "big.csv"))}  # fmt: skip
    text = project_yaml(
        make=(
            "python:v2 make.py",
            [],
            {"moderately_sensitive": moderate, "highly_sensitive": {"rows": "output/rows.csv"}},
        )
    )
    study.commit(project__yaml=text, make__py=MAKE)
    run(ask("run_all"))


@pytest.fixture
def ada(finished: None, client: FlaskClient, sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    return sign_in(client, "ada")


PAGES = (
    "/asthma/level-4/",
    "/asthma/level-4/local/",
    "/asthma/level-4/local/output/table.csv",
    "/asthma/level-4/local/metadata/make.log",
    "/asthma/level-4/local/-/content/output/figure.svg",
)


def test_she_finds_outputs_and_logs_by_way_of_the_backend(ada: FlaskClient) -> None:
    assert 'href="/asthma/level-4/local/"' in ada.get("/asthma/level-4/").text
    text = ada.get("/asthma/level-4/local/").text
    for path in (
        "output/table.csv",
        "output/page.html",
        "output/note.txt",
        "output/figure.svg",
        "metadata/make.log",
    ):
        assert f">{path}</a>" in text
    assert "rows.csv" not in text, "highly sensitive files are not listed"


def test_outputs_of_a_backend_elsewhere_are_shown_there(ada: FlaskClient) -> None:
    rotate_token(by="system", backend=add_backend(by="system", slug="far", name="Far"))
    choice = ada.get("/asthma/level-4/").text
    assert "/level-4/far/" not in choice and "log in on its own secure server" in choice
    answer = ada.get("/asthma/level-4/far/output/table.csv")
    assert answer.status_code == 404
    assert "The outputs of Far are shown on its own secure server." in answer.text


def test_nobody_else_learns_that_there_is_anything(
    finished: None, app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    for person in ("ben", "dan", "pat", None):
        client = sign_in(app.test_client(), person) if person else app.test_client()
        for address in PAGES:
            answer = client.get(address)
            assert answer.status_code == (404 if person else 302), (person, address)
            assert "MARK-OF-THE-LOG" not in answer.text
            assert "table.csv" not in answer.text.replace(address, "")


def test_output_checkers_look_at_every_workspace(
    finished: None, client: FlaskClient, sign_in: Callable[..., FlaskClient]
) -> None:
    sign_in(client, "cyd")
    assert [client.get(address, buffered=True).status_code for address in PAGES] == [200] * len(PAGES)


def test_the_list_is_searched_by_words_and_patterns(ada: FlaskClient) -> None:
    for q, found, hidden in (
        ("TABLE", "table.csv", "note.txt"),
        ("*.csv", "table.csv", "note.txt"),
        ("note output", "note.txt", "table.csv"),
        ("zebra", "No output has these words", "note.txt"),
    ):
        text = ada.get("/asthma/level-4/local/", query_string={"q": q}).text.partition('id="files"')[2]
        assert found in text, q
        assert hidden not in text, q


def test_a_table_is_shown_by_windows_with_its_values_as_text(ada: FlaskClient) -> None:
    text = ada.get("/asthma/level-4/local/output/table.csv").text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "Rows 1 to 200 of 451" in text
    later = ada.get("/asthma/level-4/local/output/table.csv?row=401").text
    assert 'id="r451"' in later
    assert 'id="r400"' not in later


def test_text_is_shown_by_windows_with_line_numbers(ada: FlaskClient) -> None:
    text = ada.get("/asthma/level-4/local/output/note.txt").text
    assert "first &lt;b&gt;line&lt;/b&gt;" in text
    assert "Lines 1 to 500 of 601" in text
    assert 'id="L601"' in ada.get("/asthma/level-4/local/output/note.txt?line=501").text


def test_the_log_is_shown_with_its_summary(ada: FlaskClient) -> None:
    text = ada.get("/asthma/level-4/local/metadata/make.log").text
    assert "MARK-OF-THE-LOG" in text
    assert "exit_code: 0" in text


def test_a_file_held_back_is_listed_with_the_reason(ada: FlaskClient) -> None:
    assert "Held back" in ada.get("/asthma/level-4/local/").text
    assert "patient_id" in ada.get("/asthma/level-4/local/output/big.csv").text


def test_html_is_framed_without_scripts(ada: FlaskClient) -> None:
    text = ada.get("/asthma/level-4/local/output/page.html").text
    assert '<iframe class="document" sandbox=""' in text
    answer = ada.get("/asthma/level-4/local/-/content/output/page.html", buffered=True)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_figures_are_images_of_our_own_types(ada: FlaskClient) -> None:
    assert (
        '<img class="figure" src="/asthma/level-4/local/-/content/output/figure.svg"'
        in ada.get("/asthma/level-4/local/output/figure.svg").text
    )
    answer = ada.get("/asthma/level-4/local/-/content/output/figure.svg", buffered=True)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_other_paths_are_not_found(ada: FlaskClient) -> None:
    for path in (
        "output/rows.csv", "output/none.csv", "metadata/manifest.json", "metadata/none.log", "../../jobsite.db", ".git",
        "%2e%2e/secret.key", "output/..%2f..%2f..%2fsecret.key", "metadata/.identities.json", "output/table.csv/x", "output/%00.csv",
    ):  # fmt: skip
        for kind in ("level-4/local", "level-4/local/-/content"):
            assert ada.get(f"/asthma/{kind}/{path}").status_code == 404, path


def test_tables_and_texts_are_not_sent_raw(ada: FlaskClient) -> None:
    for name in ("table.csv", "note.txt", "big.csv"):
        assert ada.get(f"/asthma/level-4/local/-/content/output/{name}").status_code == 404


def test_an_unknown_backend_or_workspace_is_not_found(ada: FlaskClient) -> None:
    assert ada.get("/asthma/level-4/other/").status_code == 404
    assert ada.get("/nowhere/level-4/").status_code == 404


def test_a_link_put_in_the_place_of_an_output_is_not_followed(ada: FlaskClient, instance: Path) -> None:
    table = instance / "workspaces/level4/asthma/output/table.csv"
    table.unlink()
    table.symlink_to(instance / "secret.key")
    text = ada.get("/asthma/level-4/local/output/table.csv").text
    assert (instance / "secret.key").read_text().strip() not in text


def test_an_empty_workspace_says_what_will_come(
    workspace: Workspace,  # noqa: F811
    client: FlaskClient,
    sign_in: Callable[..., FlaskClient],
) -> None:
    assert "There are no Level 4 outputs yet" in sign_in(client, "ada").get("/asthma/level-4/local/").text


def test_the_code_that_made_a_file_is_read_at_its_own_commit(ada: FlaskClient, study: Study) -> None:  # noqa: F811
    """OC39."""
    page = ada.get("/asthma/level-4/local/output/table.csv").text
    links = re.findall(r'href="(/asthma/level-4/local/-/code/[0-9a-f]{40}/[^"]+)"', page)
    assert [link.rpartition("/")[2] for link in links] == ["project.yaml", "make.py"]
    study.commit(make__py="print('another')\n")
    shown = ada.get(links[1]).text
    assert "450" in shown
    assert "&lt;script&gt;" in shown
    assert "another" not in shown
    assert ada.get(links[1].replace("make.py", "none.py")).status_code == 404
    other = study.commit(other__py="x = 1\n")
    assert ada.get(f"/asthma/level-4/local/-/code/{other}/other.py").status_code == 404, (
        "no output was made at this commit"
    )


def test_what_was_found_stands_on_the_page_of_the_job(ada: FlaskClient) -> None:
    job = Job.get(Job.action == "make")
    address = f"/asthma/{job.job_request_id}/{job.identifier}/"
    assert "Not checked yet" in ada.get(address).text
    to_check(job.id)
    check_ended()
    text = ada.get(address).text
    assert "Findings in its outputs" in text
    assert "held back" in text
    assert "Not checked yet" not in text
    assert "Findings in its outputs" not in ada.application.test_client().get(address).text
