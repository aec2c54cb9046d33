"""Every route: it declares permission and side, shows nothing private, and never answers 500.

The people of the cast and a visitor try every address with real, foreign and unknown ids, with every method.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.rules import PERMISSIONS
from jobsite.application import ROOMS, create_app
from jobsite.core.sides import SIDES
from jobsite.core.web import ANYONE, LOGIN, Route
from jobsite.jobs.models import Job, JobRequest
from jobsite.releases.models import ReleaseFile
from jobsite.settings import Settings

from . import route_matrix
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
from .releases.released import Made
from .route_world import (
    Rewound,
    address_of,
    asked,
    browsers,
    routes_of,
    things_of_ada,
    things_of_dan,
    things_that_are_not_there,
)

IN_THE_LOG = "MARKED-LINE-OF-THE-LOG"
IN_A_FILE = "marked-cell-4711"
UNRELEASED = "unreleased_name_4711"
PRIVATE = (IN_THE_LOG, IN_A_FILE, UNRELEASED)
WHO = ("ada", "ben", "dan", "cat", "pat", "sam", None)
BROKEN: tuple[dict[str, str], ...] = (
    {"name": "\0", "page": "x" * 5000, "actions": "<b>", "sha": "zz", "token": "é"},
    {},
)
MAY_LOOK = ("ada", "cat")
"""A developer of the project and an output checker; nobody else sees Level 4."""

CODE = f"""
import os
os.mkdir("output")
open("output/{UNRELEASED}.csv", "w").write("x\\n{IN_A_FILE}\\n")
print("{IN_THE_LOG}")
"""


@pytest.fixture
def world(
    study: Study,  # noqa: F811
    local: Backend,
    ask: Callable[..., JobRequest],  # noqa: F811
    run: Callable[..., object],  # noqa: F811
    app: Flask,
) -> Iterator[dict[str, str]]:
    """A finished run in ada's workspace, and a value for each name in a route."""
    text = project_yaml(
        make=("python:v2 make.py", [], {"moderately_sensitive": {"x": f"output/{UNRELEASED[:-5]}*.csv"}})
    )
    study.commit(project__yaml=text, make__py=CODE)
    request = ask("run_all")
    run(request)
    job = Job.get()
    release = Made(SimpleNamespace(cat=user_or_stop("cat")), local, request.workspace).sealed(
        {"output/released.csv": b"n\n5\n"}
    )
    yield {
        "release_id": release.id,
        "file_id": ReleaseFile.get(name="output/released.csv").id,
        "name": "asthma",
        "workspace": "asthma",
        "slug": "air",
        "project": "air",
        "org": "northfield",
        "backend": "local",
        "number": str(request.id),
        "request_id": str(request.id),
        "request": str(request.id),
        "identifier": job.identifier,
        "job": job.identifier,
        "action": "make",
        "path": f"output/{UNRELEASED}.csv",
        "ref": "main",
        "username": "ada",
        "repo": quote(quote(str(study.path), safe=""), safe=""),
        "filename": "site.css",
        "status": "404",
        "rest": "logs",
        "code": "404",
        "dashboard": "projects",
    }


def routes(app: Flask) -> list[Route]:
    return app.extensions["jobsite.routes"]


def address(route: Route, values: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        return values.get(name) or ("1" if found[1].startswith("int:") else values.get("slug", "x"))

    return re.sub(r"<([^>]+)>", value, route.rule)


def test_every_route_declares_a_permission_that_exists_and_a_side(app: Flask) -> None:
    declared = routes(app)
    rules = {str(rule.rule) for rule in app.url_map.iter_rules()} - {"/static/<path:filename>"}
    assert rules == {route.rule for route in declared}, "an address was added past Routes"
    for route in declared:
        assert route.needs in (ANYONE, LOGIN, *PERMISSIONS), route
        assert route.side in SIDES, route


@pytest.mark.parametrize("side", ["public", "secure"])
def test_routes_of_the_other_side_are_absent(tmp_path: Path, side: str) -> None:
    there = {route.endpoint for route in routes(create_app(Settings(instance=tmp_path / side, side=side)))}
    assert there == {route.endpoint for room in ROOMS for route in room.all if side in SIDES[route.side]}
    of_secure, of_public = {"log.show_log", "outputs.file", "desk.queue"}, {"run.run_jobs", "staff.users"}
    assert (of_secure <= there, of_public <= there) == (side == "secure", side == "public")
    assert not there & (of_public if side == "secure" else of_secure)


def test_nobody_sees_what_is_private_and_nothing_breaks(
    world: dict[str, str], app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    for person in WHO:
        client = sign_in(app.test_client(), person) if person else app.test_client()
        for route in routes(app):
            others = ({name: other for name in world} for other in ("1", "nothing-4712"))
            real = address(route, world)
            for where in dict.fromkeys((real, *(address(route, values) for values in others))):
                _try(client, person, route, where, where == real)


def test_wrong_methods_and_broken_forms_are_refused(
    world: dict[str, str], app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    there: dict[str, list[Route]] = {}
    for route in routes(app):
        if route.endpoint not in ("accounts.logout", "accounts.log_out_everywhere"):
            there.setdefault(address(route, world), []).append(route)
    for person in ("ada", "dan", None):
        client = sign_in_without_form(app, sign_in, person)
        for where, found in there.items():
            for method in ("POST", "PUT", "DELETE"):
                is_taken = any(method in route.methods for route in found)
                for data in BROKEN if is_taken else BROKEN[:1]:  # what is refused by its method is not read
                    status = client.open(where, method=method, data=data, buffered=True).status_code
                    assert status < 500, (person, method, where, status)
                    for route in found:
                        if method not in route.methods and route.needs == ANYONE:
                            refused = status in (404, 405) or "POST" in methods_of(app, route)
                            assert refused, (method, where, status)
            status = client.get(
                where, query_string={"page": "-1", "q": "\0%", "line": "9" * 30, "row": "x"}, buffered=True
            )
            assert status.status_code < 500, (person, where)


def methods_of(app: Flask, route: Route) -> set[str]:
    return {method for other in routes(app) if other.rule == route.rule for method in other.methods}


def sign_in_without_form(app: Flask, sign_in: Callable[..., FlaskClient], person: str | None) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = True
    client = sign_in(app.test_client(), person) if person else app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    return client


def _try(client: FlaskClient, person: str | None, route: Route, where: str, real: bool) -> None:
    if "GET" not in route.methods:
        return
    answer = client.get(where, buffered=True)
    assert answer.status_code < 500, (person, where)
    if person is None and route.needs != ANYONE:
        assert answer.status_code in (302, 404), (where, answer.status_code)
    if person not in MAY_LOOK:
        told = answer.text.replace(where, "") if (answer.mimetype or "").startswith("text") else ""
        leaked = [mark for mark in PRIVATE if mark in told]
        assert not leaked, (person, where, leaked)
        if route.needs == "unreleased_outputs_view" and real:
            assert answer.status_code in (302, 404), (person, where, answer.status_code)


@pytest.fixture
def both(world: dict[str, str], cast: SimpleNamespace, app: Flask) -> SimpleNamespace:
    """ada's things and dan's, a value for each name in an address; and the database, to be put back after a POST."""
    request = JobRequest.get()
    ada = things_of_ada(cast, request, Job.get(Job.job_request == request), world["path"])
    dan = things_of_dan(cast)
    return SimpleNamespace(ada=ada, dan=dan, nobody=things_that_are_not_there(ada))


def test_every_person_gets_the_answer_of_the_matrix_at_every_address(
    both: SimpleNamespace,
    app: Flask,
    settings: Settings,  # noqa: F811
    sign_in: Callable[..., FlaskClient],
) -> None:
    clients = browsers(app, sign_in, route_matrix.WHO)
    app.config["WTF_CSRF_ENABLED"] = False
    kept = Rewound(settings)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for method, rule, route in routes_of(app):
        found[method, rule] = {
            who: asked(client, route, method, both.ada, kept) for who, client in clients.items()
        }
        found[method, rule]["unknown"] = asked(clients["sam"], route, method, both.nobody, kept)
    assert found == route_matrix.rows(), wrong_rows(found, route_matrix.rows())


def test_nobody_reaches_more_in_anothers_project_than_a_stranger_does(
    both: SimpleNamespace,
    app: Flask,
    settings: Settings,  # noqa: F811
    sign_in: Callable[..., FlaskClient],
) -> None:
    clients = browsers(app, sign_in, ("ada", "ben"))
    app.config["WTF_CSRF_ENABLED"] = False
    kept = Rewound(settings)
    for method, rule, route in routes_of(app):
        stranger = route_matrix.rows()[method, rule]["dan"]
        for who, client in clients.items():
            answer = asked(client, route, method, both.dan, kept)
            assert answer == stranger, (who, method, address_of(route, both.dan), answer)


def test_a_visitor_learns_from_no_private_address_whether_a_thing_is_there(
    both: SimpleNamespace,
    app: Flask,
    settings: Settings,  # noqa: F811
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    kept = Rewound(settings)
    for method, rule, route in routes_of(app):
        if route.needs != ANYONE:
            there = asked(app.test_client(), route, method, both.ada, kept)
            assert there == asked(app.test_client(), route, method, both.nobody, kept) == "login", rule


def wrong_rows(
    found: dict[tuple[str, str], dict[str, str]], wanted: dict[tuple[str, str], dict[str, str]]
) -> str:
    """The rows that differ, as the matrix has them: what was found, to be compared with what stands there."""
    differ = [key for key in found if found[key] != wanted.get(key)]
    lines = [" ".join((*key, *found[key].values())) for key in differ]
    return "\n".join(["", *lines, *(f"no such address: {key}" for key in wanted.keys() - found.keys())])
