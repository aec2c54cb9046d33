"""Nothing of Level 4 on any page for those who may not look, in any file, nor on the public side; and reading
changes nothing."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.core.events import Event
from jobsite.core.web import Route
from jobsite.jobs.models import Job, JobRequest
from jobsite.settings import Settings

from ..databases import everything
from ..sided import public_side_of
from .conftest import Study, project_yaml

MARKS = ("MARK-IN-LOG-7731", "mark_in_name_7731", "mark-in-content-7731", "MARK-IN-ERROR-7731")
OF_THE_LOOK = ('"session"', 'INSERT INTO "look"', 'INSERT INTO "event"')
"""What reading itself leaves behind: that the session is in use, and who has seen which content, with an event."""
CHANGES = re.compile(r"sql=['\"](INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP)\b")
SignIn = Callable[[FlaskClient, str], FlaskClient]

WRITES = f"""
import os, sys
os.makedirs("output", exist_ok=True)
for level in ("high", "moderate"):
    with open(f"output/{{level}}_{MARKS[1]}.csv", "w") as file:
        file.write("x\\n{MARKS[2]}\\n")
print("{MARKS[0]}")
print("{MARKS[3]}", file=sys.stderr)
"""
FAILS = f'raise SystemExit("{MARKS[3]} " + open("output/high_{MARKS[1]}.csv").read())'
MISSES = f'open("output_{MARKS[1]}.csv", "w").write("{MARKS[2]}")'
ACTIONS = project_yaml(
    make=(
        "python:v2 make.py",
        [],
        {
            "highly_sensitive": {"rows": "output/high_*.csv"},
            "moderately_sensitive": {"table": "output/moderate_*.csv"},
        },
    ),
    fail=("python:v2 fail.py", ["make"], {"moderately_sensitive": {"out": "output/never.csv"}}),
    miss=("python:v2 miss.py", ["make"], {"moderately_sensitive": {"out": "output/missing.csv"}}),
)


@pytest.fixture
def ran(
    study: Study,
    ask: Callable[..., JobRequest],
    run: Callable[..., dict[str, Job]],
    app: Flask,
) -> dict[str, Job]:
    """Jobs with marked logs, names and contents: one that succeeded, one that failed, one without its output."""
    study.commit(project__yaml=ACTIONS, make__py=WRITES, fail__py=FAILS, miss__py=MISSES)
    run(ask("make"))
    study.commit(README="Changed.\n")
    jobs = run(ask("run_all"))
    codes = {name: job.status_code for name, job in jobs.items()}
    assert codes == {"fail": "nonzero_exit", "miss": "unmatched_patterns"}
    return {job.action: job for job in Job.select()}


def addresses(app: Flask, jobs: dict[str, Job]) -> list[str]:
    """Every address that can be asked for, about each job and its request, once; lists also as files."""
    return list(dict.fromkeys(_addresses(app, jobs)))


def _addresses(app: Flask, jobs: dict[str, Job]) -> Iterator[str]:
    for job in jobs.values():
        values = {
            "name": "asthma",
            "workspace": "asthma",
            "slug": "air",
            "number": str(job.job_request_id),
            "older": str(jobs["make"].job_request_id),
            "identifier": job.identifier,
            "backend": "local",
            "username": "ada",
            "ref": "main",
            "path": f"output/moderate_{MARKS[1]}.csv",
        }
        for route in app.extensions["jobsite.routes"]:
            if "GET" in route.methods and "log_out" not in route.endpoint:
                yield filled(route, values)
    for page in ("/event-log/", "/asthma/logs/", "/projects/air/logs/"):
        yield from (f"{page}?format={kind}" for kind in ("csv", "json"))
        yield f"{page}?q={MARKS[1][:4]}"


def filled(route: Route, values: dict[str, str]) -> str:
    return re.sub(r"<(?:[^>]*:)?(\w+)>", lambda found: values.get(found[1], "x"), route.rule)


def shown(client: FlaskClient, where: str) -> str:
    """What an address answers, with its headers; not what the address itself says back."""
    answer = client.get(where, buffered=True)
    assert answer.status_code < 500, where
    return f"{answer.headers}{answer.text}".replace(where, "")


def leaks(client: FlaskClient, where: list[str]) -> dict[str, list[str]]:
    """The marks that each address shows; empty when none shows any."""
    pages = {one: shown(client, one) for one in where}
    found = {one: [mark for mark in MARKS if mark in page] for one, page in pages.items()}
    return {one: marks for one, marks in found.items() if marks}


def test_the_marks_can_be_found_at_all(client: FlaskClient, ran: dict[str, Job], sign_in: SignIn) -> None:
    sign_in(client, "ada")
    job = ran["make"]
    at = f"/asthma/{job.job_request_id}/{job.identifier}/"
    assert MARKS[1] in client.get(at).text
    log = client.get(f"{at}log/").text
    assert MARKS[0] in log and MARKS[3] in log
    assert MARKS[2] in client.get(f"/asthma/level-4/local/output/moderate_{MARKS[1]}.csv").text


def test_who_may_not_look_finds_nothing_of_level_4_anywhere(
    app: Flask, ran: dict[str, Job], sign_in: SignIn
) -> None:
    where = [one for one in addresses(app, ran) if MARKS[1] not in one]
    named = [one for one in addresses(app, ran) if MARKS[1] in one]
    assert len(where) > 30
    for person in (None, "ben", "dan"):
        client = app.test_client()
        if person:
            sign_in(client, person)
        assert leaks(client, where) == {}, person
        assert all(client.get(one).status_code in (302, 403, 404) for one in named), person


def test_the_public_side_shows_nothing_of_level_4_to_anybody(
    settings: Settings, tmp_path: Path, ran: dict[str, Job], sign_in: SignIn
) -> None:
    public = create_app(public_side_of(settings))
    where = [one for one in addresses(public, ran) if MARKS[1] not in one]
    assert len(where) > 20
    job = ran["make"]
    for person in (None, "ben", "ada", "cat", "sam"):
        client = public.test_client()
        if person:
            sign_in(client, person)
        assert leaks(client, where) == {}, person
        for end in ("", "log/", "log/raw"):
            answer = client.get(f"/asthma/{job.job_request_id}/{job.identifier}/{end}")
            assert answer.status_code == (404 if end else 200), (person, end)


def test_the_database_of_the_public_side_holds_nothing_of_level_4(
    settings: Settings, tmp_path: Path, ran: dict[str, Job]
) -> None:
    public = public_side_of(settings)
    create_app(public)
    held = everything(public.instance)
    assert ran["make"].identifier.encode() in held
    assert [mark for mark in MARKS if mark.encode() in held] == []


def test_no_reader_changes_anything(
    client: FlaskClient,
    app: Flask,
    ran: dict[str, Job],
    sign_in: SignIn,
    queries: Callable[[], Any],
) -> None:
    with queries() as seen:
        sign_in(client, "ada")
    assert any(CHANGES.search(one) for one in seen), "a change would be noticed"
    others = Event.select().where(~Event.type.startswith("level4:"))
    before = others.count()
    for where in addresses(app, ran):
        with queries() as seen:
            client.get(where, buffered=True)
        writes = [one for one in seen if CHANGES.search(one)]
        assert [one for one in writes if not any(kept in one for kept in OF_THE_LOOK)] == [], where
    assert others.count() == before
