"""Three sides of one program: each has its own tables, addresses, ticks, threads and commands, and works without those of
the other."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from playhouse.migrations import Runner

from jobsite.accounts.models import Backend
from jobsite.accounts.queries import user_or_stop
from jobsite.accounts.sessions import start
from jobsite.cli import main
from jobsite.core.clock import now
from jobsite.core.consumer import open_queue
from jobsite.core.db import MIGRATIONS, Model, database, product_of, writing
from jobsite.core.queue import nudge, ticks
from jobsite.core.sides import PUBLIC_ONLY, SECURE_ONLY, absent_tables
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.tasks import check_codelists
from jobsite.notifications.reading import read_news
from jobsite.notifications.told_models import ToldReview
from jobsite.outputs.tasks import finish_and_check
from jobsite.projects.models import Repo, Workspace
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.groups import save_group
from jobsite.releases.requests.rules import PUBLIC
from jobsite.releases.requests.steps import return_request, submit
from jobsite.serve import Workers, warnings
from jobsite.settings import Settings, SettingsError

from . import route_matrix
from .databases import empty_out, schema
from .jobs import conftest as of_jobs
from .jobs.conftest import Study, ask, engine, project_yaml, run, run_until, study, workspace  # noqa: F401
from .releases.world import CONTEXT, CONTROLS, EVERYTHING, make_world
from .route_world import (
    Rewound,
    Values,
    address_of,
    asked,
    routes_of,
    things_of_ada,
    things_that_are_not_there,
    waiting_request,
)

SIDES = ("public", "secure")
WHO = ("visitor", "ada", "sam")
TOLD = "01HT0000000000000000000000"
LINK = re.compile(r'(?:href|hx-get|src)="(/[^"#?]*)[^"]*"')
FORM = re.compile(r'(?:hx-post|action)="(/[^"#?]*)[^"]*"')
EVERYWHERE = ("projects.moved", "projects.workspace")
"""What answers at nearly every address."""

DIFFERS = {
    ("public", "GET", "/requests/<request_id>/"): {"visitor": "login", "ada": "200", "sam": "404", "unknown": "404"},
}  # fmt: skip
"""Where a side answers otherwise than a site of both: on the public side one sees one's own release requests."""

TICKS = {
    "any": {"clear_old_notices"},
    "public": {
        "check_codelists_again", "refresh_repositories", "check_visibilities", "list_all_repositories",
        "look_for_missing_backends", "sweep_releases", "look_for_ending_support",
    },
    "secure": {"ask_database", "end_alerts", "release_content_hourly", "check_what_is_unchecked", "tidy_up_requests", "ask_agents", "end_overdue"},
}  # fmt: skip


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Those of a side that runs jobs of a study, where a test asks for a side."""
    side = getattr(request, "param", "both")
    return replace(of_jobs.settings.__wrapped__(tmp_path), side=side)


on_each_side = pytest.mark.parametrize("settings", SIDES, indirect=True)


@pytest.fixture
def things(
    request: pytest.FixtureRequest, settings: Settings, cast: SimpleNamespace, local: Backend, app: Flask
) -> Values:
    """What an address can name on this side: a public one knows of a job what was told, a secure one has run it."""
    made = request.getfixturevalue("ran" if settings.secure else "told")
    job = Job.get(Job.job_request == made)
    found = {**things_of_ada(cast, made, job, "output/x.csv")}
    if settings.public:
        found["told.show"] = {"request_id": TOLD}
    return found


@pytest.fixture
def ran(study: Study, ask: Callable[..., JobRequest], run: Callable[..., object]) -> JobRequest:  # noqa: F811
    """A request whose job has run here and left a file at Level 4."""
    text = project_yaml(make=("python:v2 make.py", [], {"moderately_sensitive": {"x": "output/x.csv"}}))
    code = 'import os\nos.mkdir("output")\nopen("output/x.csv", "w").write("x\\n25\\n")\n'
    study.commit(project__yaml=text, make__py=code)
    request = ask("make")
    run(request)
    return request


@pytest.fixture
def told(study: Study, workspace: Workspace, local: Backend, cast: SimpleNamespace) -> JobRequest:  # noqa: F811
    """A request whose job runs elsewhere, as was told; and a step of a release request of which that was told."""
    study.commit(
        project__yaml=project_yaml(make=("python:v2 m.py", [], {"moderately_sensitive": {"x": "x.csv"}}))
    )
    soil = Repo.create(url="https://github.com/southfield/soil")
    Workspace.create(
        name="acidity",
        project=workspace.project,
        repo=soil,
        branch="main",
        created_by="ada",
        updated_by="ada",
    )
    request = waiting_request(workspace, local, cast.ada)
    ended = {"state": "failed", "status_code": "nonzero_exit", "started_at": now(), "completed_at": now()}
    Job.update(**ended).where(Job.job_request == request).execute()
    ToldReview.create(
        backend=local, workspace=workspace, author=cast.ada, request=TOLD, step="request_submitted", by="ada",
        updates=["MARKED-LINE-4711"], digest="0" * 64,
    )  # fmt: skip
    return request


def logged_in(app: Flask, username: str) -> FlaskClient:
    """A browser of this person, whatever lets people in on this side; of nobody for `visitor`."""
    client = app.test_client()
    if username != "visitor":
        with writing():
            token = start(person=user_or_stop(username), way="token", user_agent="")
        with client.session_transaction() as kept:
            kept.update(_user_id=token, _fresh=True, _permanent=True)
    return client


@on_each_side
def test_every_address_answers_as_on_a_site_of_both(things: Values, app: Flask, settings: Settings) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    app.config["PROPAGATE_EXCEPTIONS"] = True
    clients, kept = {who: logged_in(app, who) for who in WHO}, Rewound(settings)
    nobody, differ = things_that_are_not_there(things), {}
    for method, rule, route in routes_of(app):
        found = {
            who: asked(client, route, method, things, kept)
            for who, client in clients.items()
            if method == "GET" or who == "ada"
        }
        found["unknown"] = asked(clients["sam"], route, method, nobody, kept)
        row = DIFFERS.get((settings.side, method, rule)) or route_matrix.rows()[method, rule]
        wanted = {who: row[who] for who in found}
        if found != wanted:
            differ[method, rule] = (found, wanted)
    assert differ == {}


@on_each_side
def test_no_page_leads_to_what_only_the_other_side_has(things: Values, app: Flask) -> None:
    for who in ("visitor", "ada", "cat", "sam"):
        client, known = logged_in(app, who), {}
        pages = dict(pages_of(app, client, things))
        assert len(pages) > 20
        for where, text in pages.items():
            for path in {unescape(one) for one in LINK.findall(text) if not one.startswith("/static/")}:
                known[path] = known.get(path) or client.get(path, buffered=True).status_code
                assert known[path] != 404, (who, where, path)
            for path in {unescape(one) for one in FORM.findall(text)}:
                assert takes(app, path), (who, where, path)


def pages_of(app: Flask, client: FlaskClient, things: Values) -> Iterator[tuple[str, str]]:
    """The address and the text of each page that this browser gets."""
    for method, _, route in routes_of(app):
        if method == "GET" and not route.endpoint.startswith("gallery.error"):
            answer = client.get(address_of(route, things), buffered=True)
            if answer.mimetype == "text/html" and answer.status_code == 200:
                yield address_of(route, things), answer.text


def takes(app: Flask, path: str) -> bool:
    """Whether a form may be sent to this address on this side."""
    addresses = app.url_map.bind("localhost")
    found = [addresses.match(path, method=one)[0] for one in ("GET", "POST") if addresses.test(path, one)]
    return any(endpoint not in EVERYWHERE for endpoint in found)


@pytest.mark.parametrize("settings", ["public"], indirect=True)
def test_one_reads_on_the_public_side_how_ones_own_release_request_stands_and_nothing_else_of_it(
    things: Values, app: Flask
) -> None:
    page = logged_in(app, "ada").get(f"/requests/{TOLD}/").text
    assert "Submitted, waiting for reviews" in page and "Log in on that secure server" in page
    assert "MARKED-LINE-4711" not in page
    assert TOLD in logged_in(app, "ada").get("/requests/").text
    assert TOLD not in logged_in(app, "ben").get("/requests/").text


def opened_as(side: str, folder: Path) -> Settings:
    """The instance in this folder, opened as this side."""
    close_instance()
    settings = Settings(instance=folder, side=side)
    open_instance(settings)
    return settings


@pytest.mark.parametrize("side", SIDES)
def test_the_tables_of_the_other_side_are_absent_and_nothing_that_is_there_needs_them(
    tmp_path: Path, side: str
) -> None:
    made = schema(opened_as(side, tmp_path))
    absent = absent_tables(side)
    everything = {model._meta.table_name for model in Model.__subclasses__()}
    assert everything - absent == {name for name in everything if name in made}
    needed = {
        (name, table) for name, sql in made.items() for table in absent if re.search(rf'\b{table}"? ?\(', sql)
    }
    assert needed == set(), "a key or trigger leads to a table that is not there"
    close_instance()


def test_each_table_belongs_to_one_side_or_to_both() -> None:
    everything = {model._meta.table_name for model in Model.__subclasses__()}
    assert not PUBLIC_ONLY & SECURE_ONLY
    assert everything >= PUBLIC_ONLY | SECURE_ONLY, "a list names a table that nobody has"
    foreign = {
        (model._meta.table_name, field.rel_model._meta.table_name)
        for model in Model.__subclasses__()
        for field in model._meta.refs
    }
    for table, other in foreign:
        for side in (PUBLIC_ONLY, SECURE_ONLY):
            assert table in side or other not in side, f"{table} refers to {other}, which is not always there"


@pytest.mark.parametrize("side", SIDES)
def test_an_instance_in_which_nothing_is_lost_changes_its_side_and_back(tmp_path: Path, side: str) -> None:
    whole = schema(opened_as("both", tmp_path / "whole"))
    opened_as("both", tmp_path / "moved")
    assert set(schema(opened_as(side, tmp_path / "moved"))) < set(whole)
    assert schema(opened_as("both", tmp_path / "moved")) == whole
    close_instance()


@pytest.mark.parametrize("side", SIDES)
def test_a_side_made_by_an_older_version_is_brought_up_to_date(tmp_path: Path, side: str) -> None:
    fresh = schema(opened_as(side, tmp_path / "fresh"))
    settings = Settings(instance=tmp_path / "old", side=side)
    settings.instance.mkdir()
    empty_out(settings)
    old = product_of(settings.database)
    Runner(old, directory=str(MIGRATIONS)).up("0021_publishing")
    old.remove_tables(sorted(absent_tables(side).intersection(old.get_tables())))
    old.close()
    old.close_spare()
    assert schema(opened_as(side, tmp_path / "old")) == fresh
    close_instance()


def test_an_instance_is_not_opened_as_a_side_that_would_lose_what_it_holds(
    settings: Settings, told: JobRequest
) -> None:
    Attempt.create(job=Job.get(), number=1, identifier="a-001", created_at=now())
    for side, held in (("public", "attempt"), ("secure", "told review")):
        with pytest.raises(SettingsError, match=f"made with SIDE=both and holds .*{held}.*SIDE=both again"):
            opened_as(side, settings.instance)
    open_instance(settings)
    assert Attempt.select().count() == ToldReview.select().count() == 1


def test_files_of_level_4_never_lie_on_a_public_side(tmp_path: Path) -> None:
    settings = opened_as("secure", tmp_path)
    (settings.instance / "workspaces/level4/asthma").mkdir()
    with pytest.raises(SettingsError, match="There are files of Level 4 in .*this cannot be the public side"):
        opened_as("public", tmp_path)
    new = opened_as("public", tmp_path / "new").instance
    assert sorted(one.name for one in new.iterdir() if one.is_dir()) == ["releases", "repos"]
    close_instance()


@pytest.mark.parametrize("settings", ["secure"], indirect=True)
def test_what_is_secret_at_level_4_is_written_only_to_tables_that_a_public_side_has_not(
    instance: Path,
) -> None:
    world, mark = make_world(instance), "mark-4711"
    path = f"output/{mark}.csv"
    world.publish({path: f"region,n\n{mark},120\nSouth,85\n"})
    request = world.draft(files=[path], group=f"{mark} group")
    slug = request.groups.get().slug
    texts = {
        "name": f"{mark} group",
        "context": f"{CONTEXT} {mark}",
        "controls": CONTROLS + mark,
    }
    save_group(by=world.cast.ada, request_id=request.id, group=slug, columns={"region": "label"}, **texts)
    submit(by=world.cast.ada, request_id=request.id, checklist=EVERYTHING)
    for checker in (world.cast.cat, world.cast.cyd):
        world.review(checker, request, asks_for=[path])
    comment(by=world.cast.cat, request_id=request.id, group=slug, text=f"Why {mark}?", audience=PUBLIC)
    return_request(by=world.cast.cat, request_id=request.id, reason=f"The file {mark} is not round.")
    read_news()
    marked = {table for table in database.get_tables() if mark in str(rows_of(table))}
    assert {"request_group", "request_file", "comment"} <= marked, "a mark would be found"
    assert marked <= SECURE_ONLY


def rows_of(table: str) -> list[tuple[object, ...]]:
    """Every row of a table."""
    found: list[tuple[object, ...]] = database.execute_sql(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608
    return found


def test_every_tick_belongs_to_one_side_or_to_both() -> None:
    assert set(ticks("both")) == TICKS["any"] | TICKS["public"] | TICKS["secure"]
    assert set(ticks("public")) == TICKS["any"] | TICKS["public"]
    assert set(ticks("secure")) == TICKS["any"] | TICKS["secure"]


@pytest.mark.parametrize("side", SIDES)
def test_a_server_has_only_the_tasks_and_threads_of_its_side(tmp_path: Path, side: str) -> None:
    settings = opened_as(side, tmp_path)
    queue = open_queue(settings.queue_path, side)
    names = {thread.name for thread in Workers(settings, queue)._threads}
    said = "".join(warnings(settings, None))
    nudge(finish_and_check, 1)
    assert queue.pending_count() == (side == "secure")
    nudge(check_codelists, 1, "0" * 40)
    assert queue.pending_count() == 1, "one of the two belongs to this side"
    of_secure = {"scheduler", "checks", "uploads"}
    assert names == {"notifications"} | (of_secure if side == "secure" else set())
    assert ("No job requests are fetched" in said) == (side == "secure")
    apart = replace(settings, side="secure", public_url="https://jobs.example.org")
    elsewhere = {thread.name for thread in Workers(apart, queue)._threads}
    driving = replace(settings, controller_url="https://controller.example.org")
    more = {thread.name for thread in Workers(driving, queue)._threads} - names
    assert more == ({"controller"} if side != "secure" else set())
    assert ("CONTROLLER_TOKEN is not set" in "".join(warnings(driving, None))) == bool(more)
    assert elsewhere > of_secure | {"job requests", "reports", "people"}
    assert "BACKEND_TOKEN is not set" in "".join(warnings(apart, None))
    close_instance()


@pytest.mark.parametrize(
    ("side", "words", "where"),
    [
        ("public", "log abc", "the secure side"),
        ("public", "requests list", "the secure side"),
        ("secure", "request asthma make --by ada", "the public side"),
        ("secure", "user token ada", "the public side"),
        ("secure", "demo", "a site of both sides"),
    ],
)
def test_a_command_of_another_side_says_so(tmp_path: Path, side: str, words: str, where: str) -> None:
    found = CliRunner().invoke(
        main, [*words.split(), "--instance", str(tmp_path / "i")], env={"JOBSITE_SIDE": side}
    )
    assert found.exit_code == 1, found.output
    assert f"This is done on {where}; this instance is the {side} side" in found.stderr
    assert not (tmp_path / "i").exists()
