"""Level 4 stays at Level 4: after a run that is full of marks, nothing that the public may reach holds one.

Where marks may be is listed here. Every other column of every table is searched, and every page that can be reached.
"""

import logging
import re
from collections.abc import Callable, Iterator
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.core.db import database
from jobsite.core.sides import SECURE_ONLY, SIDES
from jobsite.jobs.models import Job, JobRequest
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.reading import read_news
from jobsite.settings import Settings

from .jobs.conftest import (  # noqa: F401  the study of the jobs' tests
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
from .sided import public_side_of
from .test_routes import address

LINE, ERROR = "MARK-OF-A-LOG-LINE-9031", "MARK-OF-ERROR-OUTPUT-9031"
CELL, NAME = "mark-of-a-cell-9031", "mark_of_a_name_9031"
MARKS = (LINE, ERROR, CELL, NAME)
MOST_PAGES = 250

SignIn = Callable[[FlaskClient, str], FlaskClient]

MAKE = f"""
import os, sys
os.makedirs("output", exist_ok=True)
for level in ("high", "moderate", "large"):
    with open(f"output/{{level}}_{NAME}.csv", "w") as file:
        file.write("x,patient_id\\n{CELL},1\\n" if level == "large" else "x\\n{CELL}\\n")
print("{LINE}")
print("{ERROR}", file=sys.stderr)
"""
FAIL = f"""
import sys
print("{LINE}", open("output/high_{NAME}.csv").read())
raise RuntimeError("{ERROR}")
"""
MISS = f'print("{LINE}"); open("output_{NAME}.csv", "w").write("{CELL}")'


@pytest.fixture
def ran(
    study: Study,  # noqa: F811
    ask: Callable[..., JobRequest],  # noqa: F811
    run: Callable[..., dict[str, Job]],  # noqa: F811
    app: Flask,
    caplog: pytest.LogCaptureFixture,
) -> dict[str, Job]:
    """Jobs of every kind of end, with marks in all they write, and the news of them told."""
    moderate = {"table": "output/moderate_*.csv", "large": "output/large_*.csv"}
    text = project_yaml(
        make=(
            "python:v2 make.py",
            [],
            {"highly_sensitive": {"rows": "output/high_*.csv"}, "moderately_sensitive": moderate},
        ),
        fail=("python:v2 fail.py", ["make"], {"moderately_sensitive": {"x": "output/never.csv"}}),
        miss=("python:v2 miss.py", ["make"], {"moderately_sensitive": {"x": "output/missing.csv"}}),
        broken=("python:v2 make.py again", [], {"moderately_sensitive": {"x": "output/again*.csv"}}),
    )
    study.commit(project__yaml=text, make__py=MAKE, fail__py=FAIL, miss__py=MISS)
    caplog.set_level(logging.INFO)
    first = run(ask("make", "fail", "miss", will_notify=True))
    request = ask("broken", will_notify=True)
    Job.update(outputs={"moderately_sensitive": {"x": 5}}).where(Job.job_request == request).execute()
    jobs = first | run(request)
    codes = {name: job.status_code for name, job in jobs.items()}
    assert codes == {
        "make": "succeeded",
        "fail": "nonzero_exit",
        "miss": "unmatched_patterns",
        "broken": "internal_error",
    }
    read_news()
    for channel in ("mail", "webhook", "issue"):
        deliver_due(channel)
    return jobs


def cells() -> Iterator[tuple[str, str, str]]:
    """Every value of every table, as text, with the names of table and column."""
    tables = [name for name in database.get_tables() if not name.startswith("sqlite_")]
    for table in tables:
        cursor = database.execute_sql(f'SELECT * FROM "{table}"')  # noqa: S608 - names of our own tables
        columns = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            for column, value in zip(columns, row, strict=True):
                yield (
                    table,
                    column,
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value),
                )


def marked() -> set[tuple[str, str]]:
    """The columns that hold a mark."""
    return {(table, column) for table, column, value in cells() if any(mark in value for mark in MARKS)}


def test_no_column_that_the_public_side_may_hold_has_a_mark_and_the_log_of_the_server_neither(
    ran: dict[str, Job], caplog: pytest.LogCaptureFixture
) -> None:
    found, tables = marked(), {table for table, *_ in cells()}
    assert {"event", "notice", "delivery", "backend_alert"} <= tables, "all of them tell of the jobs"
    assert ("job_output", "path") in found, "a mark would be found"
    assert {table for table, _ in found} <= SECURE_ONLY, "a public side has none of these tables"
    logged = "\n".join(one.getMessage() for one in caplog.get_records("setup"))
    assert "local fails" in logged, "something was logged"
    assert [mark for mark in MARKS if mark in logged] == []


def reachable(client: FlaskClient, starts: list[str]) -> dict[str, str]:
    """What the pages say that can be reached by links from these, each address once."""
    found: dict[str, str] = {}
    waiting = list(dict.fromkeys(starts))
    while waiting and len(found) < MOST_PAGES:
        where = waiting.pop(0)
        answer = client.get(where, buffered=True)
        assert answer.status_code < 500, where
        found[where] = f"{answer.headers}{answer.get_data().decode('utf-8', 'replace')}".replace(where, "")
        for link in re.findall(r'(?:href|hx-get|src)="(/[^"#?]*)"', found[where]):
            path = unescape(link)
            plain = not urlsplit(path).path.startswith(("/static/", "/logout"))
            if plain and path not in found and path not in waiting:
                waiting.append(path)
    return found


def every_address(app: Flask, ran: dict[str, Job]) -> list[str]:
    """Every route with the ids of each job, each address once."""
    found = ["/", "/status/", "/event-log/", "/event-log/?format=csv", "/asthma/logs/?format=json"]
    for job in (ran["make"], ran["fail"], ran["miss"]):
        values = {
            "name": "asthma", "workspace": "asthma", "slug": "air", "project": "air", "org": "northfield",
            "number": str(job.job_request_id), "older": str(job.job_request_id), "identifier": job.identifier,
            "backend": "local", "username": "ada", "ref": "main", "path": "output/table.csv",
        }  # fmt: skip
        for route in app.extensions["jobsite.routes"]:
            if "GET" in route.methods and "log_out" not in route.endpoint and "logout" not in route.endpoint:
                found.append(address(route, values))
    return list(dict.fromkeys(found))


def test_no_page_shows_a_mark_to_somebody_who_may_not_look_and_all_to_who_may(
    app: Flask, ran: dict[str, Job], sign_in: SignIn
) -> None:
    asked = every_address(app, ran)
    for person in (None, "ben", "dan"):
        client = sign_in(app.test_client(), person) if person else app.test_client()
        pages = reachable(client, asked)
        assert len(pages) > 60
        assert {where for where, text in pages.items() if any(mark in text for mark in MARKS)} == set(), (
            person
        )
    pages = reachable(sign_in(app.test_client(), "ada"), asked)
    assert all(any(mark in text for text in pages.values()) for mark in MARKS), "a mark would be found"


def test_a_public_side_has_no_route_to_level_4_and_shows_no_mark_to_anybody(
    settings: Settings,  # noqa: F811
    app: Flask,
    ran: dict[str, Job],
    sign_in: SignIn,
) -> None:
    everything = app.extensions["jobsite.routes"]
    asked = every_address(app, ran)
    public = create_app(public_side_of(settings))
    there = {route.endpoint for route in public.extensions["jobsite.routes"]}
    secret = {route.endpoint for route in everything if "public" not in SIDES[route.side]}
    assert secret and not secret & there
    assert {"log.show_log", "outputs.file", "outputs.content"} <= secret, secret
    job = ran["make"]
    at = f"/asthma/{job.job_request_id}/{job.identifier}/"
    for person in (None, "ada"):
        client = sign_in(public.test_client(), person) if person else public.test_client()
        assert client.get(at).status_code == 200
        assert {client.get(at + end).status_code for end in ("log/", "log/raw", "log/stream")} == {404}
        pages = reachable(client, asked)
        assert {where for where, text in pages.items() if any(mark in text for mark in MARKS)} == set(), (
            person
        )
