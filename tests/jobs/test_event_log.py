"""Lists of job requests: newest first, narrowed by filters that combine and survive paging; the home page's part of it."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.core.ids import short_id
from jobsite.jobs import listing
from jobsite.jobs.actions import cancel, move
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace

from .conftest import Study, project_yaml

MODERATE = "moderately_sensitive"
SignIn = Callable[[FlaskClient, str], FlaskClient]


@pytest.fixture
def other(workspace: Workspace, study: Study, cast: SimpleNamespace) -> Workspace:
    """A second workspace of the same project."""
    return create_workspace(
        by=cast.ada, project=workspace.project, name="bones", repo=str(study.path), branch="main"
    )


TIMES = {
    "run_command": "python:v2 a.py",
    "created_at": now(),
    "updated_at": now(),
    "status_code_updated_at": now(),
}


def made(workspace: Workspace, backend: Backend, person: Any, **facts: Any) -> JobRequest:
    """A stored request, with what is not given filled in."""
    file, _ = ProjectFile.get_or_create(sha256="0" * 64, defaults={"text": ""})
    facts = {"status": "succeeded", "requested_actions": ["clean"], "jobs_total": 0, **facts}
    return JobRequest.create(
        identifier="z" + short_id()[1:],  # begins with no text that a test looks for
        workspace=workspace,
        backend=backend,
        commit="a" * 40,
        project_file=file,
        created_at=now(),
        created_by=person,
        completed_at=None if facts["status"] in ("pending", "running") else now(),
        **facts,
    )


def shown(page: str) -> list[int]:
    """The numbers of the requests a page lists, in its order."""
    return [int(number) for number in re.findall(r'<tr data-request="(\d+)">', page)]


def test_everybody_sees_every_request_newest_first(
    client: FlaskClient, workspace: Workspace, other: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    numbers = [made(place, local, cast.ada).id for place in (workspace, other, workspace)]
    page = client.get("/event-log/").text
    assert shown(page) == numbers[::-1]
    assert "asthma" in page and "bones" in page and ">Air<" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [4, 3, 2, 1]),
        ("status=running", [1]),
        ("status=running&status=failed", [2, 1]),
        ("status=succeeded&status=failed&backend=local&backend=north", [4, 3, 2]),
        ("status=succeeded&status=nosuch&backend=north&backend=nosuch", [3]),
        ("status=failed&q=asth", [2]),
        ("backend=north", [3]),
        ("backend=north&backend=local", [4, 3, 2, 1]),
        ("username=ben", [3]),
        ("user=BEN", [3]),
        ("workspace=bones", [4]),
        ("workspace=bones&status=running", []),
        ("q=matching", [2]),
        ("q=MATCH", [2]),
        ("q=asth", [3, 2, 1]),
        ("q=Air", [4, 3, 2, 1]),
        ("q=3", [3]),
        ("q=%25", []),
        ("q=_", []),
        ("status=nosuch", []),
        ("backend=nosuch", []),
        ("q=%27%20or%201=1--", []),
        ("page=nonsense", [4, 3, 2, 1]),
        ("q=99999999999999999999999999", []),
    ],
)
def test_filters_combine(
    client: FlaskClient,
    workspace: Workspace,
    other: Workspace,
    local: Backend,
    cast: SimpleNamespace,
    query: str,
    expected: list[int],
) -> None:
    north = add_backend(by="system", slug="north", name="North")
    requests = [
        made(workspace, local, cast.ada, status="running"),
        made(workspace, local, cast.ada, status="failed", requested_actions=["matching"]),
        made(workspace, north, cast.ben),
        made(other, local, cast.ada),
    ]
    answer = client.get(f"/event-log/?{query}")
    assert answer.status_code == 200
    assert shown(answer.text) == [requests[number - 1].id for number in expected]


def test_a_request_is_found_by_its_identifier_and_that_of_a_job(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest]
) -> None:
    study.commit(project__yaml=project_yaml(only=("python:v2 a.py", [], {MODERATE: {"out": "a.csv"}})))
    request = ask("only")
    job = Job.get(Job.job_request == request)
    assert shown(client.get(f"/event-log/?q={request.identifier[:8]}").text) == [request.id]
    assert shown(client.get(f"/event-log/?q={job.identifier[:8]}").text) == [request.id]


def test_the_text_is_looked_for_among_however_many_names_of_actions(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace, monkeypatch: Any
) -> None:
    requests = [made(workspace, local, cast.ada, jobs_total=2) for _ in range(3)]
    for request, names in zip(
        requests, (("fit_a", "fit_b"), ("fit_b", "fit_c"), ("clean", "Fit_A")), strict=True
    ):
        for name in names:
            own = {"job_request": request, "workspace": workspace, "backend": local}
            Job.create(identifier="z" + short_id()[1:], action=name, **own, **TIMES)
    everything = [one.id for one in reversed(requests)]
    for most in (40, 1):
        monkeypatch.setattr(listing, "MOST_STRETCHES", most)
        assert shown(client.get("/event-log/?q=fit_").text) == everything
        assert shown(client.get("/event-log/?q=FIT_A").text) == [requests[2].id, requests[0].id]
        assert shown(client.get("/asthma/logs/?q=fit_b").text) == [requests[1].id, requests[0].id]


def test_filters_survive_paging(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    numbers = [
        made(workspace, local, cast.ada, status="failed" if n % 2 else "succeeded").id for n in range(60)
    ]
    failed = [number for n, number in enumerate(numbers) if n % 2][::-1]
    first = client.get("/event-log/?status=failed&q=asthma").text
    assert shown(first) == failed[:25]
    assert "1 to 25 of 30" in first
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    second = client.get(older[1].replace("&amp;", "&")).text
    assert shown(second) == failed[25:]
    assert 'value="failed" checked' in second and 'value="asthma"' in second
    assert client.get("/event-log/?page=99").status_code == 404


def test_an_empty_list_says_whether_filters_are_to_blame(client: FlaskClient, instance: object) -> None:
    assert "No job has been asked for yet." in client.get("/event-log/").text
    assert "No job request matches these filters." in client.get("/event-log/?q=x").text


def test_what_is_typed_comes_back_as_text(client: FlaskClient, instance: object) -> None:
    page = client.get(
        "/event-log/", query_string={"q": '"><script>alert(1)</script>', "username": "<b>"}
    ).text
    assert "<script>alert" not in page and "<b>" not in page
    assert "&lt;script&gt;" in page


def test_a_workspace_lists_its_own_and_a_project_those_of_its_workspaces(
    client: FlaskClient, workspace: Workspace, other: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    first, second = made(workspace, local, cast.ada), made(other, local, cast.ada)
    assert shown(client.get("/asthma/logs/").text) == [first.id]
    assert shown(client.get("/bones/logs/?status=failed").text) == []
    assert shown(client.get("/projects/air/logs/").text) == [second.id, first.id]
    assert shown(client.get("/projects/air/logs/?workspace=asthma").text) == [first.id]
    assert shown(client.get("/asthma/logs/?q=clea").text) == [first.id]
    assert shown(client.get("/projects/air/logs/?q=bones").text) == [second.id]
    assert shown(client.get("/asthma/logs/?q=bones").text) == []
    assert client.get("/nosuch/logs/").status_code == 404
    assert client.get("/projects/nosuch/logs/").status_code == 404


def test_words_of_a_row_tell_cancelled_and_part_failures(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest], cast: SimpleNamespace
) -> None:
    two = project_yaml(
        a=("python:v2 a.py", [], {MODERATE: {"out": "a.csv"}}),
        b=("python:v2 b.py", [], {MODERATE: {"out": "b.csv"}}),
    )
    study.commit(project__yaml=two)
    part = ask("a", "b")
    a, b = Job.select().where(Job.job_request == part).order_by(Job.position)
    for job, code in ((a, "succeeded"), (b, "nonzero_exit")):
        move(job, "initiated")
        move(job, code)
    assert "Failed, 1 of 2 succeeded" in client.get("/event-log/").text
    cancelled = ask("b")
    cancel(by=cast.ada, request=cancelled, may_cancel=True)
    assert ">Cancelled<" in client.get(f"/event-log/?q={cancelled.identifier}").text
    assert shown(client.get("/event-log/?status=cancelled").text) == [cancelled.id]
    assert shown(client.get("/event-log/?status=failed").text) == [part.id]
    assert shown(client.get("/event-log/?status=failed&status=cancelled").text) == [cancelled.id, part.id]


def test_the_list_updates_itself_while_something_on_it_is_active(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    made(workspace, local, cast.ada)
    assert "hx-trigger" not in client.get("/event-log/").text
    made(workspace, local, cast.ada, status="running")
    page = client.get("/event-log/?q=asthma").text
    assert 'hx-get="/event-log/?q=asthma"' in page
    part = client.get("/event-log/?q=asthma", headers={"HX-Request": "true", "HX-Target": "requests"}).text
    assert part.strip() in page and "<html" not in part


def test_old_addresses_lead_here_with_their_filters(client: FlaskClient, instance: object) -> None:
    for old in ("/event-list/", "/jobs/"):
        answer = client.get(f"{old}?status=running&q=a%20b")
        assert (answer.status_code, answer.headers["Location"]) == (301, "/event-log/?status=running&q=a%20b")


def test_home_shows_the_ten_newest_on_active_backends(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    gone = add_backend(by="system", slug="gone", name="Gone")
    Backend.update(is_active=False).where(Backend.id == gone.id).execute()
    numbers = [made(workspace, local, cast.ada).id for _ in range(12)]
    made(workspace, gone, cast.ada)
    assert shown(client.get("/").text) == numbers[:1:-1]


def test_home_shows_a_person_their_own_requests_first(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace, sign_in: SignIn
) -> None:
    mine = made(workspace, local, cast.ada).id
    others = [made(workspace, local, cast.ben).id for _ in range(3)]
    sign_in(client, "ada")
    page = client.get("/").text
    assert "Your job requests" in page
    assert shown(page) == [mine, *others[::-1], mine]


def test_a_workspace_shows_its_latest_requests(
    client: FlaskClient, workspace: Workspace, other: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    first = made(workspace, local, cast.ada).id
    made(other, local, cast.ada)
    assert shown(client.get("/asthma/").text) == [first]


@pytest.mark.parametrize(
    "address", ["/event-log/?q=a&status=succeeded", "/asthma/logs/", "/projects/air/logs/"]
)
def test_a_list_asks_the_database_nine_times_at_most_however_many_rows(
    client: FlaskClient,
    workspace: Workspace,
    local: Backend,
    cast: SimpleNamespace,
    sign_in: SignIn,
    queries: Callable[[], Any],
    address: str,
) -> None:
    for _ in range(60):
        made(workspace, local, cast.ada)
    sign_in(client, "ada")
    with queries() as seen:
        page = client.get(address).text
    assert len(shown(page)) == 25
    assert len(seen) <= 9, seen


@pytest.mark.parametrize("page", ["9" * 5000, "9" * 30, "0" * 5000 + "2", "-1", "NaN", "1e9", "\0", "٣"])
@pytest.mark.parametrize("address", ["/event-log/", "/asthma/logs/", "/projects/air/logs/", "/projects/"])
def test_a_page_that_is_no_page_is_the_first_one_or_not_found(
    client: FlaskClient, workspace: Workspace, address: str, page: str
) -> None:
    assert client.get(address, query_string={"page": page}).status_code in (200, 404)
