"""The code of a request beside that of earlier ones: by the local repository, for those who have a part in it."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.jobs.actions import move
from jobsite.jobs.code_compare import changes, compare_address, comparisons
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.models import Repo, Workspace
from jobsite.projects.workspaces import create_workspace

from .conftest import Study, project_yaml

SignIn = Callable[[FlaskClient, str], FlaskClient]
ONE = project_yaml(one=("python:v2 one.py", [], {"moderately_sensitive": {"out": "out.csv"}}))


def succeeded(request: JobRequest) -> None:
    job = Job.get(Job.job_request == request)
    move(job, "initiated")
    move(job, "succeeded")


@pytest.fixture
def two(study: Study, ask: Callable[..., JobRequest]) -> tuple[JobRequest, JobRequest]:
    """Two requests: between them two commits that change three files, one of which is no text."""
    study.commit(project__yaml=ONE, one__py="a = 1\nb = 2\n")
    first = ask("one")
    succeeded(first)
    study.commit(one__py="a = 1\nb = 3\nc = 4\n", notes__txt="<b>bold</b>\n")
    (study.path / "plot.png").write_bytes(b"\x89PNG\0\0")
    study.commit()
    return first, ask("one")


def test_commits_and_files_between_two_requests_are_counted(
    two: tuple[JobRequest, JobRequest], workspace: Workspace
) -> None:
    first, second = two
    found = changes(workspace.repo.url, first.commit, second.commit)
    assert found is not None
    assert (found.ahead, found.behind, found.words) == (2, 0, "2 commits, 3 files")
    files = {one.path: (one.added, one.removed) for one in found.files}
    assert files == {"notes.txt": (1, 0), "one.py": (2, 1), "plot.png": (None, None)}
    back = changes(workspace.repo.url, second.commit, first.commit)
    assert back is not None and back.words == "2 commits taken back, 3 files"
    same = changes(workspace.repo.url, first.commit, first.commit)
    assert same is not None and same.words == "the same code"


def test_a_commit_that_is_gone_is_no_error(two: tuple[JobRequest, JobRequest], workspace: Workspace) -> None:
    assert changes(workspace.repo.url, "a" * 40, two[1].commit) is None
    assert changes("/nowhere/at/all", *(one.commit for one in two)) is None


def test_a_request_is_compared_with_the_one_before_it_and_the_last_that_succeeded(
    two: tuple[JobRequest, JobRequest], study: Study, ask: Callable[..., JobRequest]
) -> None:
    first, second = two
    assert [one.which for one in comparisons(second)] == ["the one before this, which fully succeeded"]
    job = Job.get(Job.job_request == second)
    move(job, "initiated")
    move(job, "nonzero_exit")
    study.commit(README="Other words.\n")
    third = ask("one")
    told = [(one.older.id, one.which, one.changes and one.changes.words) for one in comparisons(third)]
    assert told == [
        (second.id, "the one before this", "1 commit, 1 file"),
        (first.id, "the last that fully succeeded", "3 commits, 4 files"),
    ]
    assert comparisons(first) == ()


def test_request_and_job_pages_lead_to_the_comparison(
    client: FlaskClient, two: tuple[JobRequest, JobRequest]
) -> None:
    first, second = two
    link = f"/asthma/{second.id}/compare/{first.id}/"
    job = Job.get(Job.job_request == second)
    for where in (f"/asthma/{second.id}/", f"/asthma/{second.id}/{job.identifier}/"):
        page = client.get(where).text
        assert f'href="{link}"' in page
        assert "the one before this, which fully succeeded: 2 commits, 3 files" in page
    assert "Compare the code" not in client.get(f"/asthma/{first.id}/").text


def test_the_comparison_shows_commits_and_files_as_text(
    client: FlaskClient, two: tuple[JobRequest, JobRequest], sign_in: SignIn
) -> None:
    sign_in(client, "ben")
    page = client.get(f"/asthma/{two[1].id}/compare/{two[0].id}/").text
    assert page.count('<th scope="row"><code>') == 2 and ">Change<" in page
    for name in ("notes.txt", "one.py", "plot.png"):
        assert f'<span class="path">{name}</span>' in page
    assert re.search(r"one\.py</span></th><td[^>]*>2</td><td[^>]*>1</td>", page)
    assert "Not text" in page and "<b>bold" not in page


@pytest.mark.parametrize(("person", "status"), [(None, 302), ("dan", 403), ("ben", 200), ("cat", 200)])
def test_only_people_with_a_role_see_what_changed(
    client: FlaskClient,
    two: tuple[JobRequest, JobRequest],
    sign_in: SignIn,
    person: str | None,
    status: int,
) -> None:
    if person:
        sign_in(client, person)
    answer = client.get(f"/asthma/{two[1].id}/compare/{two[0].id}/")
    assert answer.status_code == status
    assert ("one.py" in answer.text) == (status == 200)


def test_requests_of_two_workspaces_are_not_compared(
    client: FlaskClient,
    two: tuple[JobRequest, JobRequest],
    workspace: Workspace,
    study: Study,
    cast: SimpleNamespace,
    sign_in: SignIn,
) -> None:
    create_workspace(
        by=cast.ada, project=workspace.project, name="bones", repo=str(study.path), branch="main"
    )
    sign_in(client, "ada")
    assert client.get(f"/bones/{two[1].id}/compare/{two[0].id}/").status_code == 404
    assert client.get(f"/asthma/{two[1].id}/compare/{two[1].id + 7}/").status_code == 404
    assert client.get(f"/asthma/{two[1].id}/compare/{two[1].id}/").text.count("ran the same commit") == 1


def test_a_repository_with_a_site_of_its_own_compares_there() -> None:
    away = Repo(url="https://github.com/north/asthma.git")
    assert (
        compare_address(away, "a" * 40, "b" * 40)
        == f"https://github.com/north/asthma/compare/{'a' * 40}...{'b' * 40}"
    )
    assert compare_address(Repo(url="/srv/studies/asthma"), "a" * 40, "b" * 40) is None
