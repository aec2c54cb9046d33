"""Who may work at Level 4: the user object, and the sentence of every refusal (9.4)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts.actions import deactivate
from jobsite.accounts.backends import add_backend_member
from jobsite.accounts.models import Identity, User
from jobsite.accounts.signing_in import make_token
from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.projects.models import Project, Workspace
from jobsite.settings import Settings

from .conftest import World

BACKENDS = "User {} does not have access to any backends"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """People are made members of backends one by one."""
    return Settings(instance=tmp_path / "instance", github_client_id="x", github_client_secret="y")


@pytest.fixture
def known(world: World) -> World:
    """ada and cat are known at GitHub and members of `near`; ben is only known."""
    for name in ("ada", "cat", "ben"):
        person = getattr(world.cast, name)
        Identity.create(provider="github", uid=name, user=person, name_there=name, created_at=clock.now())
        if name != "ben":
            add_backend_member(by="system", backend=world.near, user=person)
    return world


def authenticate(world: World, user: Any, token: Any, by: str = "") -> Any:
    return world.call("POST", "releases/authenticate", by or world.near_token, {"user": user, "token": token})


def test_a_token_is_used_up_and_gives_the_user_object(known: World) -> None:
    words = make_token(by="system", user=known.cast.ada)
    Project.update(copilot=known.cast.ada).execute()
    shown = {
        "project_details": {
            "name": "Asthma and air quality",
            "ongoing": True,
            "orgs": ["University of Northfield"],
        },
        "archived": False,
    }
    wanted = {
        "username": "ada", "fullname": "Ada Adewale", "workspaces": {"asthma": shown},
        "copiloted_workspaces": {"asthma": shown}, "output_checker": False, "readonly_access": False,
    }  # fmt: skip
    answer = authenticate(known, "ADA@example.org", words.upper().replace(" ", "-"))
    assert (answer.status_code, answer.json) == (200, wanted)
    assert known.call("POST", "releases/authorise", known.near_token, {"user": "ada"}).json == wanted
    again = authenticate(known, "ada", words)
    assert (again.status_code, again.json) == (403, {"detail": "No login token set for ada"})
    assert Event.select().where(Event.type == "token:used").count() == 1


def test_a_checker_a_collaborator_and_what_is_not_ongoing(known: World) -> None:
    authorise = lambda name: known.call("POST", "releases/authorise", known.near_token, {"user": name}).json
    assert authorise("cat")["output_checker"] and authorise("cat")["workspaces"] == {}
    add_backend_member(by="system", backend=known.near, user=known.cast.ben)
    assert authorise("ben")["workspaces"] == {}  # collaborators see what was released only
    Project.update(status="retired").execute()
    Workspace.update(is_archived=True).execute()
    User.update(roles=["DeploymentAdministrator"]).where(User.username == "ada").execute()
    ada = authorise("ada")
    assert (
        not ada["workspaces"]["asthma"]["project_details"]["ongoing"]
        and ada["workspaces"]["asthma"]["archived"]
    )
    assert ada["readonly_access"]


def test_each_refusal_has_its_sentence_and_wrong_tries_use_nothing_up(known: World) -> None:
    words = make_token(by="system", user=known.cast.ada)
    add_backend_member(by="system", backend=known.near, user=known.cast.dan)
    cases = [
        ("ada", "wrong word here", "Token for ada was invalid"),
        ("nobody", "a b c", "User matching query does not exist."),
        ("ben", "a b c", BACKENDS.format("ben")),
        ("cat", "a b c", "No login token set for cat"),
        ("dan", "a b c", "User dan is not a github user"),
    ]
    for user, token, sentence in cases:
        answer = authenticate(known, user, token)
        assert (answer.status_code, answer.json) == (403, {"detail": sentence})
    assert authenticate(known, "ada", words, known.far_token).json == {"detail": BACKENDS.format("ada")}
    with clock.at(clock.now() + Settings.token_lifetime):
        assert authenticate(known, "ada", words).json == {"detail": "Token for ada has expired"}
    assert authenticate(known, "ada", words).status_code == 200
    for body in (
        {},
        {"user": "ada"},
        {"user": 5, "token": []},
        {"user": "", "token": ""},
        [],
        {"user": "a" * 999, "token": "x"},
    ):
        assert known.call("POST", "releases/authenticate", known.near_token, body).status_code == 400


def test_after_ten_wrong_tries_nothing_is_checked_any_more(known: World) -> None:
    words = make_token(by="system", user=known.cast.ada)
    for _ in range(10):
        authenticate(known, "ada", "wrong word here")
    assert authenticate(known, "ada", words).json == {"detail": "Too many attempts for ada"}


def test_who_lost_access_is_refused_from_the_next_call_on(known: World) -> None:
    authorise = lambda name, by=known.near_token: known.call("POST", "releases/authorise", by, {"user": name})
    assert authorise("ada").status_code == 200 and authorise("ada", known.far_token).status_code == 403
    assert authorise("ben").json == {"detail": BACKENDS.format("ben")}
    unknown = authorise("ada@example.org")
    assert (unknown.status_code, unknown.json) == (404, {"detail": "No User matches the given query."})
    deactivate(by="system", user=known.cast.ada)
    assert authorise("ada").json == {"detail": BACKENDS.format("ada")}


def test_the_user_object_costs_the_same_whatever_there_is(known: World, queries: Callable[[], Any]) -> None:
    counts = []
    for number in (0, 20):
        first = known.made.workspace
        for n in range(number):
            Workspace.create(
                name=f"w{n}",
                project=first.project,
                repo=first.repo,
                branch="b",
                created_by="ada",
                updated_by="ada",
            )
        with queries() as seen:
            found = known.call("POST", "releases/authorise", known.near_token, {"user": "ada"}).json
        counts.append(len(seen))
        assert len(found["workspaces"]) == number + 1
    assert counts[0] == counts[1] <= 8


def test_a_backend_is_told_which_it_is(known: World) -> None:
    assert known.call("GET", "backend/", known.far_token).json == {"slug": "far", "name": "Far"}
