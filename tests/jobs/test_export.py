"""Lists of requests as files: the same filters as the page, whole however long, and safe in a spreadsheet."""

import csv
import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.jobs import listing
from jobsite.jobs.actions import cancel, move
from jobsite.jobs.export import FIELDS
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.models import Workspace

from .conftest import Study, project_yaml
from .test_event_log import made, other  # noqa: F401


def rows_of(client: FlaskClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_both_formats_hold_the_same_facts(
    client: FlaskClient, study: Study, ask: Callable[..., JobRequest], cast: SimpleNamespace
) -> None:
    one, two = ((f"python:v2 {name}.py", [], {"moderately_sensitive": {"o": f"{name}.csv"}}) for name in "ab")
    study.commit(project__yaml=project_yaml(one=one, two=two))
    request = ask("one", "two")
    move(job := Job.get(Job.action == "one"), "initiated")
    move(job, "nonzero_exit")
    cancel(by=cast.ada, request=request, may_cancel=True)
    [told] = client.get("/event-log/?format=json").json
    assert tuple(told) == FIELDS
    expected: dict[str, Any] = {
        "id": request.id,
        "project": "air",
        "workspace": "asthma",
        "backend": "local",
        "user": "ada",
        "status": "failed",
        "requested_actions": ["one", "two"],
        "commit": request.commit,
        "jobs_total": 2,
        "jobs_failed": 1,
        "jobs_cancelled": 1,
        "address": f"/asthma/{request.id}/",
    }
    assert {name: told[name] for name in expected} == expected
    assert told["created_at"].endswith("Z") and told["completed_at"] > told["created_at"]
    [row] = rows_of(client, "/event-log/?format=csv")
    assert row["requested_actions"] == "one two"
    assert {name: row[name] for name in FIELDS if name != "requested_actions"} == {
        name: str(told[name]) for name in FIELDS if name != "requested_actions"
    }


def test_a_file_holds_what_the_filters_leave(
    client: FlaskClient,
    workspace: Workspace,
    other: Workspace,  # noqa: F811
    local: Backend,
    cast: SimpleNamespace,
) -> None:
    mine = made(workspace, local, cast.ada, status="failed").id
    bens = made(workspace, local, cast.ben).id
    far = made(other, local, cast.ada).id

    def ids(address: str) -> list[int]:
        return [row["id"] for row in client.get(address).json]

    assert ids("/event-log/?format=json") == [far, bens, mine]
    assert ids("/event-log/?format=json&status=failed") == [mine]
    assert ids("/event-log/?format=json&user=ben&page=7") == [bens]
    assert ids("/event-log/?format=json&q=nosuchthing") == []
    assert ids("/asthma/logs/?format=json") == [bens, mine]
    assert ids("/projects/air/logs/?format=json&workspace=bones") == [far]
    assert [row["id"] for row in rows_of(client, "/bones/logs/?format=csv")] == [str(far)]


def test_a_file_is_whole_and_is_made_piece_by_piece(
    client: FlaskClient,
    workspace: Workspace,
    local: Backend,
    cast: SimpleNamespace,
    queries: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "CHUNK", 20)
    numbers = [made(workspace, local, cast.ada).id for _ in range(70)]
    with queries() as seen:
        answer = client.get("/event-log/?format=json")
    assert answer.is_streamed and [row["id"] for row in json.loads(answer.text)] == numbers[::-1]
    assert len(seen) <= 8, seen


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace, start: str
) -> None:
    made(workspace, local, cast.ada, requested_actions=[f"{start}'\","], status_message=start)
    [row] = rows_of(client, "/event-log/?format=csv")
    assert row["requested_actions"] == f"'{start}'\"," and row["status_message"] == f"'{start}"
    assert client.get("/event-log/?format=json").json[0]["status_message"] == start


def test_a_file_has_a_name_and_is_never_shown_as_a_page(
    client: FlaskClient, workspace: Workspace, local: Backend
) -> None:
    for address, name in (
        ("/event-log/", "event-log"),
        ("/asthma/logs/", "asthma-logs"),
        ("/projects/air/logs/", "air-logs"),
    ):
        for kind in ("csv", "json"):
            answer = client.get(f"{address}?format={kind}", buffered=True)
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.{kind}"'
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_offers_its_own_list_as_a_file(
    client: FlaskClient, workspace: Workspace, local: Backend, cast: SimpleNamespace
) -> None:
    for _ in range(30):
        made(workspace, local, cast.ada)
    page = client.get("/event-log/?user=ada&page=2").text
    for kind in ("csv", "json"):
        assert f'href="/event-log/?user=ada&amp;format={kind}"' in page
    assert "All 30 of this list as a file" in page
    made(workspace, local, cast.ben)
    assert "This list as a file" in " ".join(client.get("/event-log/?user=ben").text.split())


def test_a_format_that_is_not_there_is_refused_in_a_sentence(client: FlaskClient, instance: object) -> None:
    answer = client.get("/event-log/?format=<b>xlsx")
    assert answer.status_code == 422
    assert "A list can be had as csv or json, not as" in answer.text and "<b>xlsx" not in answer.text
