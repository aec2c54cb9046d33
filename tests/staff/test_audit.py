"""The audit log: narrowed, by pages, and as files."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from jobsite.core import clock
from jobsite.core.db import database, writing
from jobsite.core.events import Event, record
from jobsite.projects.actions import add_member
from jobsite.staff import audit
from jobsite.staff.audit import ALL, Filters, filters_in, log_page


def found(**filters: str) -> list[str]:
    log = log_page(filters_in(MultiDict(filters)))
    return [f"{entry.event.type} {entry.event.subject}" for entry in log.entries]


def tell(type: str, subject: str, by: str = "ada", **facts: object) -> Event:
    with writing():
        return record(type, by=by, subject=subject, **facts)


def test_every_filter_narrows_the_log(instance: object) -> None:
    with clock.at(datetime(2026, 11, 20, 23, 59)):
        tell("project:edited", "project:air", note="The River")
    with clock.at(datetime(2026, 11, 21)):
        tell("project:added", "project:soil", by="sam")
    with clock.at(datetime(2026, 11, 22)):
        tell("workspace:edited", "workspace:air", by="sam")
    assert found(type="project:edited") == ["project:edited project:air"]
    assert found(type="project:") == ["project:added project:soil", "project:edited project:air"]
    assert found(by="sam") == ["workspace:edited workspace:air", "project:added project:soil"]
    assert found(subject="project:air") == ["project:edited project:air"]
    assert found(subject="project:") == ["project:added project:soil", "project:edited project:air"]
    assert found(q="river note") == ["project:edited project:air"]
    assert found(since="2026-11-21", until="2026-11-21") == ["project:added project:soil"]
    assert found(until="2026-11-20") == ["project:edited project:air"]
    assert found(q="nothing-like-it") == []


def test_a_day_that_cannot_be_read_is_left_out_and_told_of(sam: FlaskClient) -> None:
    page = sam.get("/staff/audit/?since=yesterday").text
    assert "“yesterday” is not a day" in page and "user:added" in page


def test_letters_beyond_ascii_and_quotes_are_found(instance: object) -> None:
    tell("org:added", "org:x", name='Zürich "Nord"')
    assert found(q="Zürich") == found(q='"Nord"') == ["org:added org:x"]


def test_steps_of_jobs_are_left_out_until_asked_for(instance: object) -> None:
    tell("job:created", "job:abc")
    tell("request:submit", "request:1")
    assert found() == ["request:submit request:1"]
    assert found(type=ALL) == ["request:submit request:1", "job:created job:abc"]
    assert found(type="job:") == found(subject="job:abc") == ["job:created job:abc"]


@pytest.mark.sqlite_only("about its query planner")
def test_the_log_without_steps_of_jobs_walks_its_own_index(instance: object) -> None:
    query, values = audit._found(Filters()).order_by(Event.id.desc()).limit(50).sql()
    plan = " ".join(str(row) for row in database.execute_sql(f"EXPLAIN QUERY PLAN {query}", values))
    assert "event_not_of_jobs" in plan


def test_the_log_of_a_person_has_what_others_did_to_their_memberships(site: SimpleNamespace) -> None:
    add_member(by="system", project=site.soil, user=site.dan)
    assert "member:added project:soil" in found(subject="user:dan")
    assert not [line for line in found(subject="user:dan") if "ada" in line]


def test_pages_go_back_and_forth_without_losing_or_repeating_a_row(instance: object) -> None:
    for number in range(120):
        tell("org:edited", f"org:{number}")
    first = log_page(Filters())
    second = log_page(Filters(), before=first.older)
    third = log_page(Filters(), before=second.older)
    seen = [entry.event.subject for log in (first, second, third) for entry in log.entries]
    assert seen == [f"org:{number}" for number in range(119, -1, -1)]
    assert (first.newer, third.older) == (None, None)
    back = log_page(Filters(), after=third.newer)
    assert [entry.event.id for entry in back.entries] == [entry.event.id for entry in second.entries]
    assert log_page(Filters(), after=back.newer).newer is None


def test_the_files_have_every_row_of_the_filter_and_run_no_formula(sam: FlaskClient) -> None:
    for number in range(60):
        tell("org:edited", f"org:{number}", name="=1+1")
    tell("org:edited", "=cmd()")
    where = "/staff/audit/export/?type=org:edited&format="
    answer = sam.get(f"{where}csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-log.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["subject"] for row in rows[:2]] == ["'=cmd()", "org:59"] and len(rows) == 61
    lines = [json.loads(line) for line in sam.get(f"{where}jsonl").text.splitlines()]
    assert len(lines) == 61 and lines[1]["data"] == {"name": "=1+1"} and lines[1]["hash"]
    assert sam.get(f"{where}exe").status_code == 422


def test_a_file_is_made_chunk_by_chunk(
    instance: object, monkeypatch: pytest.MonkeyPatch, queries: Callable[..., Any]
) -> None:
    monkeypatch.setattr(audit, "CHUNK", 10)
    for number in range(25):
        tell("org:edited", f"org:{number}")
    with queries() as seen:
        pieces = audit.exported("jsonl", Filters())
        assert json.loads(next(pieces))["subject"] == "org:24"
        assert len(seen) == 1
        assert len(list(pieces)) == 24


def test_the_page_links_what_staff_look_after(sam: FlaskClient) -> None:
    page = sam.get("/staff/audit/?subject=project:").text
    assert 'href="/staff/projects/air/"' in page
    assert "subject=project%3Aair" in page or "subject=project:air" in page


def test_changes_are_read_as_before_and_after(sam: FlaskClient) -> None:
    tell(
        "org:edited", "org:x", name={"before": "Old", "after": "New"}, open=True, names=["a", "b"], none=None
    )
    page = sam.get("/staff/audit/?subject=org:x").text
    assert "Old → New" in page and "a, b" in page


def test_what_happened_is_said_in_whole_words(instance: object) -> None:
    said = {
        "org:member-added": "Organisation member added",
        "repo:added": "Repository added",
        "user:api-token-made": "User API token made",
    }
    assert {type: audit.Entry(tell(type, "user:ada")).words for type in said} == said
