"""Backends are switched to the controller and back, and people see how it stands; no page waits for it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.accounts.queries import runs_here
from jobsite.cli import main
from jobsite.core.db import close_database
from jobsite.core.errors import Conflict, Invalid
from jobsite.core.events import Event
from jobsite.jobs.storing import awaited
from jobsite.settings import Settings, use
from jobsite.status.doctor import examination
from jobsite.status.metrics import metrics
from jobsite.sync.client import Unreachable
from jobsite.sync.pushing.client import Controller
from jobsite.sync.pushing.following import Pushing
from jobsite.sync.pushing.switching import set_dispatch

from ..peer import TOKEN, Received, Reply
from .conftest import CREATE, PublicWorld

SignIn = Callable[[FlaskClient, str], FlaskClient]
PAGE = "/staff/backends/tpp/"


@pytest.fixture
def sam(client: FlaskClient, sign_in: SignIn) -> FlaskClient:
    return sign_in(client, "sam")


def send(client: FlaskClient, csrf: Any, to: str) -> int:
    data = {"to": to, "csrf_token": csrf(client, PAGE)}
    return client.post(f"{PAGE}dispatch/", data=data).status_code


def test_staff_switch_a_backend_and_an_event_says_so(world: PublicWorld, sam: FlaskClient, csrf: Any) -> None:
    assert "They are sent to the controller." in sam.get(PAGE).text
    assert send(sam, csrf, "poll") == 303 and Backend.get(slug="tpp").dispatch == "poll"
    assert "Send them to the controller" in sam.get(PAGE).text
    assert send(sam, csrf, "poll") == 409
    assert send(sam, csrf, "else") == 422
    assert send(sam, csrf, "push") == 303 and Backend.get(slug="tpp").dispatch == "push"
    told = [event.data for event in Event.select().where(Event.type == "backend:dispatch", Event.by == "sam")]
    assert [json.loads(one)["to"] for one in told] == ["poll", "push"]


def test_a_backend_of_which_jobs_are_under_way_is_not_switched(world: PublicWorld) -> None:
    request = world.asks("clean")
    set_dispatch(by="system", backend=world.tpp, to="poll")
    set_dispatch(by="system", backend=world.tpp, to="push")
    world.at_once()
    with pytest.raises(Conflict, match="1 job request of tpp is under way"):
        set_dispatch(by="system", backend=world.tpp, to="poll")
    assert world.now(request).backend.dispatch == "push"


def test_a_backend_is_not_switched_while_the_controller_may_have_a_request_of_it(world: PublicWorld) -> None:
    request = world.asks("clean")
    world.peer.faults = ["half"] * 2
    with pytest.raises(Unreachable):
        world.at_once()
    assert world.states(request) == {}
    with pytest.raises(Conflict, match="1 job request of tpp is under way"):
        set_dispatch(by="system", backend=world.tpp, to="poll")


def test_what_is_switched_away_while_others_are_sent_is_not_sent(world: PublicWorld) -> None:
    emis = backends.add_backend(by="system", slug="emis", name="EMIS")
    set_dispatch(by="system", backend=emis, to="push")
    world.asks("clean")
    waits = world.asks("table", backend=emis)
    create = world.peer.answers[CREATE]

    def switched_meanwhile(received: Received) -> Reply:
        set_dispatch(by="system", backend=emis, to="poll")
        close_database()  # of the thread of the peer
        return create(received)

    world.peer.answers[CREATE] = switched_meanwhile
    world.at_once()
    assert [one["requested_actions"] for one in world.sent(CREATE)] == [["clean"]]
    assert world.now(waits).is_active


def test_what_the_command_has_sent_meanwhile_is_not_sent_again(world: PublicWorld) -> None:
    world.asks("clean")
    second = world.asks("table")
    create, rounds = world.peer.answers[CREATE], [world.at_once]

    def beside(received: Received) -> Reply:
        if rounds:
            rounds.pop()()  # another process has its turn while this one waits for the answer
            close_database()
        return create(received)

    world.peer.answers[CREATE] = beside
    world.at_once()
    assert [one["rap_id"] for one in world.sent(CREATE)].count(second.identifier) == 1
    assert world.states(second) == {"table": "pending"} and len(world.jobs) == 2


def test_without_a_controller_nothing_is_switched_to_one_and_an_agent_keeps_its_jobs(
    world: PublicWorld, settings: Settings
) -> None:
    set_dispatch(by="system", backend=world.tpp, to="poll")
    use(replace(settings, controller_url=""))
    with pytest.raises(Invalid, match="No controller is set"):
        set_dispatch(by="system", backend=world.tpp, to="push")
    use(settings)
    world.tpp.has_agent = True
    with pytest.raises(Invalid, match="agent"):
        set_dispatch(by="system", backend=world.tpp, to="push")


def test_on_a_site_of_both_sides_what_is_sent_is_not_run_here_and_comes_back_where_nobody_fetches(
    world: PublicWorld, settings: Settings
) -> None:
    use(replace(settings, side="both"))
    assert not runs_here(world.tpp) and awaited(world.tpp) == {"status": "unknown"}
    with pytest.raises(Invalid, match="sent to the controller"):
        backends.rotate_token(by="system", backend=world.tpp, runs_here=True)
    set_dispatch(by="system", backend=world.tpp, to="poll")
    assert runs_here(world.tpp) and awaited(world.tpp) == {}
    set_dispatch(by="system", backend=world.tpp, to="push")
    backends.rotate_token(by="system", backend=world.tpp)
    set_dispatch(by="system", backend=world.tpp, to="poll")
    assert not runs_here(Backend.get(slug="tpp")), "the program with its token fetches them"


def test_a_program_with_the_token_of_the_backend_fetches_nothing_that_is_sent(
    world: PublicWorld, client: FlaskClient
) -> None:
    world.asks("clean")
    token = backends.rotate_token(by="system", backend=world.tpp)

    def listed() -> int:
        return int(client.get("/api/v2/job-requests/", headers={"Authorization": token}).json["count"])

    assert listed() == 0
    set_dispatch(by="system", backend=world.tpp, to="poll")
    assert listed() == 1


def test_people_read_how_it_stands_and_no_page_asks_the_controller(
    world: PublicWorld, app: Flask, sam: FlaskClient, sign_in: SignIn, settings: Settings
) -> None:
    request = world.asks("clean")
    page = f"/{world.workspace.name}/{request.id}/"
    assert "It is sent to the controller of TPP" in sam.get(page).text
    assert "Never yet" in sam.get("/staff/health/").text
    with pytest.raises(Unreachable):
        Pushing(Controller("http://127.0.0.1:1/controller/v1", TOKEN)).round()
    shown = sam.get(page).text
    assert "Unknown error creating jobs" in shown and "The controller could not be reached." in shown
    assert "The controller of TPP is told" in sign_in(app.test_client(), "ada").get(f"{page}cancel/").text
    for path in ("/staff/health/", PAGE, "/status/", "/event-log/", page):
        assert sam.get(path).status_code == 200
    health = sam.get("/staff/health/").text
    assert "Does not answer" in health and "1 waiting for an answer" in health
    assert world.peer.received == []
    assert ("controller", False) in [(one.name, one.ok) for one in examination(settings)]
    assert b"jobsite_controller_waiting 1.0" in metrics()
    world.at_once()
    assert "Answers" in sam.get("/staff/health/").text
    assert ("controller", True) in [(one.name, one.ok) for one in examination(settings)]
    assert b"jobsite_controller_waiting 0.0" in metrics()


def test_the_same_by_command(world: PublicWorld, settings: Settings) -> None:
    environ = {
        "JOBSITE_SIDE": "public", "JOBSITE_CONTROLLER_URL": settings.controller_url, "JOBSITE_CONTROLLER_TOKEN": TOKEN,
    }  # fmt: skip

    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, (*words, "--instance", str(settings.instance)), env=environ)
        use(settings)
        return done

    assert "running, sent to the controller" in run("backend", "list").stdout
    request = world.asks("clean")
    facts = json.loads(run("controller", "status", "--json").stdout)
    assert (facts["waiting"], facts["is_well"], facts["backends"]) == (1, False, ["tpp"])
    assert run("controller", "poll").exit_code == 0
    assert world.states(request) == {"clean": "pending"}
    assert "last answered" in run("controller", "status").stdout
    assert run("backend", "dispatch", "tpp", "poll").exit_code == 1
    world.jobs[request.identifier] = []
    type(request).update(status="succeeded").execute()
    assert json.loads(run("backend", "dispatch", "tpp", "poll", "--json").stdout)["dispatch"] == "poll"
    again = run("backend", "dispatch", "tpp", "poll")
    assert again.exit_code == 0 and "already" in again.stderr
    assert run("controller", "status").exit_code == 1
