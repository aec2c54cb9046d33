"""Who may be here, and what they may do, is what the public side says: at sign-in, each minute, before every change."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_login import current_user

from jobsite.accounts.models import Session, User
from jobsite.accounts.queries import backends_of, user_or_stop
from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.projects.models import Organisation, Project, ProjectMembership, Workspace
from jobsite.settings import Settings
from jobsite.sync.gate import CANNOT_VIEW, LET_OUT
from jobsite.sync.link_models import Confirmation
from jobsite.sync.people import NO_ANSWER, REFUSED, confirm, follow_people, refresh
from jobsite.sync.user_object import person_there

from ..conftest import csrf_of
from .apart import knows, make_workspace, person, seen
from .peer import TOKEN, Peer

LogIn = Callable[..., FlaskClient]


@pytest.fixture
def settings(tmp_path: Path, peer: Peer) -> Settings:
    return Settings(
        instance=tmp_path / "instance", side="secure", public_url=peer.url, backend_token=TOKEN, backend="tpp"
    )


@pytest.fixture
def workspace(instance: Path) -> Workspace:
    return make_workspace()


@pytest.fixture
def log_in(app: Flask) -> LogIn:
    """`log_in("ada")`: through the form; the answer's status is 303 unless said."""

    def through_the_form(user: str, status: int = 303, words: str = "one two three") -> FlaskClient:
        client = app.test_client()
        page = client.get("/login/").text
        form = {"user": user, "token": words, "csrf_token": csrf_of(page)}
        answer = client.post("/login-with-token/", data=form)
        assert answer.status_code == status, answer.text
        client.said = answer.text
        return client

    return through_the_form


def types(prefix: str = "") -> list[str]:
    return [event.type for event in Event.select().order_by(Event.id) if event.type.startswith(prefix)]


def press(client: FlaskClient) -> tuple[int, str]:
    """The status of a change that somebody asks for, and what the page says."""
    form = {"csrf_token": csrf_of(client.get("/settings/").text), "cursor": "0"}
    answer = client.post("/seen/", data=form)
    return answer.status_code, answer.text


def test_a_token_of_the_public_side_logs_in_and_brings_what_its_person_may_do(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    knows(peer, person("ada", workspaces={"asthma": seen()}), "TechSupport", air=["ProjectDeveloper"])
    client = log_in("Ada@Example.org", words="One  two-THREE")
    assert peer.received[0].json == {"user": "Ada@Example.org", "token": "One  two-THREE"}
    assert peer.paths() == ["POST releases/authenticate", "GET users/ada/"]
    ada = user_or_stop("ada")
    assert (ada.fullname, ada.roles, ada.email) == ("Ada There", ["TechSupport"], None)
    assert [backend.slug for backend in backends_of(ada)] == ["tpp"]
    assert ProjectMembership.get(user=ada).roles == ["ProjectDeveloper"]
    assert (Project.get().name, Organisation.get().name) == ("Air", "University of Northfield")
    assert Session.get().way == "a single-use token" and types()[-1] == "session:started"
    assert "Ada There" in client.get("/settings/").text


def test_every_refusal_is_one_sentence_and_no_answer_another(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    """OC21: one sentence whatever was wrong, another where nobody answered."""
    for status in (400, 403, 404):
        peer.answers["POST releases/authenticate"] = (status, {"detail": "Token for ada has expired"})
        assert REFUSED in log_in("ada", 422).said
    for fault in ("500", "html", "redirect", "429"):
        peer.faults = [fault]
        assert NO_ANSWER in log_in("ada", 503).said
    peer.answers["POST releases/authenticate"] = (403, {"detail": "Invalid token"})
    assert NO_ANSWER in log_in("ada", 503).said
    assert Session.select().count() == 0 and User.select().where(User.last_login.is_null(False)).count() == 0


def test_tries_are_limited_here_as_well(peer: Peer, workspace: Workspace, log_in: LogIn) -> None:
    """OC21."""
    peer.answers["POST releases/authenticate"] = (403, {"detail": "Token for ada was invalid"})
    for _ in range(10):
        log_in("ada", 422)
    asked = len(peer.received)
    assert "Too many attempts" in log_in("ADA ", 429).said
    assert len(peer.received) == asked


def test_a_site_that_does_not_name_roles_is_understood_by_what_it_says_of_workspaces(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    make_workspace("eczema", "skin")
    who = person(
        "cat",
        workspaces={"asthma": seen(), "elsewhere": seen()},
        copiloted_workspaces={"eczema": seen("Skin", ongoing=False, archived=True)},
        output_checker=True,
        readonly_access=True,
    )
    knows(peer, who)
    peer.answers["GET users/cat/"] = (404, {"detail": "Not found."})
    log_in("cat")
    cat = user_or_stop("cat")
    assert cat.roles == ["OutputChecker", "DeploymentAdministrator"]
    assert [(row.project.slug, row.roles) for row in ProjectMembership.select()] == [
        ("air", ["ProjectDeveloper"])
    ]
    skin = Project.get(slug="skin")
    assert (skin.copilot, skin.name, skin.status) == (cat, "Skin", "postponed")
    assert Workspace.get(name="eczema").is_archived and not Workspace.get(name="asthma").is_archived
    assert Workspace.select().count() == 2, "of a workspace that no job request brought there is nothing"


def test_what_is_missing_or_odd_in_an_answer_grants_nothing() -> None:
    odd = {"username": "eve", "workspaces": {"a": {}, "b": 3}, "output_checker": "yes", "readonly_access": 1}
    found = person_there(odd, None)
    assert found is not None and not (found.is_checker or found.is_observer or found.copiloted)
    assert (found.workspaces["a"].is_ongoing, found.workspaces["a"].is_archived) == (False, True)
    assert found.everywhere(["OutputChecker", "StaffAreaAdministrator", "NoSuchRole"]) == [
        "StaffAreaAdministrator"
    ]
    assert found.in_project("air", ["ProjectDeveloper", "ProjectCollaborator"], develops=False) == [
        "ProjectCollaborator"
    ]
    for nothing in (None, [], {}, {"username": 3, "workspaces": {}}, {"username": "eve"}):
        assert person_there(nothing, None) is None


def test_the_answer_replaces_what_was_known_and_an_event_is_written_only_for_a_change(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    knows(peer, person("ada", workspaces={"asthma": seen()}, output_checker=True), air=["ProjectDeveloper"])
    log_in("ada")
    ada, before = user_or_stop("ada"), len(types())
    assert confirm(ada) is not None and len(types()) == before
    knows(peer, person("ada", copiloted_workspaces={"asthma": seen("Clean air")}), air=["ProjectDeveloper"])
    assert confirm(ada).roles == []
    assert ProjectMembership.select().count() == 0, "developers are who may look at the outputs"
    assert (Project.get().copilot, Project.get().name) == (ada, "Clean air")
    assert types()[before:] == ["project:mirrored", "user:mirrored", "member:mirrored", "project:mirrored"]
    knows(peer, person("ada"))
    confirm(ada)
    assert Project.get().copilot is None


def test_roles_stand_while_the_public_side_cannot_name_them_and_nobody_is_confirmed_without_an_answer(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    knows(peer, person("ada"), "StaffAreaAdministrator", air=["ProjectCollaborator"])
    log_in("ada")
    ada, confirmed_at = user_or_stop("ada"), Confirmation.get().confirmed_at
    with clock.at(confirmed_at + timedelta(seconds=46)):
        peer.faults = ["redirect"]
        assert not refresh() and Confirmation.get().confirmed_at == confirmed_at
        for fault in ("503", "html", "redirect"):
            peer.faults = ["", fault]
            assert confirm(ada).roles == ["StaffAreaAdministrator"]
            assert ProjectMembership.get().roles == ["ProjectCollaborator"]
        assert Confirmation.get().confirmed_at == clock.now()
    peer.answers["GET users/ada/"] = (404, {"detail": "Not found."})
    assert confirm(ada).roles == [] and ProjectMembership.select().count() == 0


@pytest.mark.parametrize("status", [403, 404])
def test_who_is_refused_is_out_at_once_on_every_device(
    peer: Peer, workspace: Workspace, log_in: LogIn, status: int
) -> None:
    """OC17."""
    knows(peer, person("ada", workspaces={"asthma": seen()}, output_checker=True), "StaffAreaAdministrator")
    first, second = log_in("ada"), log_in("ada")
    peer.answers["POST releases/authorise"] = (status, {"detail": "No User matches the given query."})
    with clock.at(clock.now() + timedelta(seconds=50)):
        assert refresh()
        for client in (first, second):
            assert client.get("/settings/").status_code == 302
    ada = user_or_stop("ada")
    assert (ada.roles, ada.is_active, ProjectMembership.select().count()) == ([], False, 0)
    assert Confirmation.select().count() == 0 and "user:refused" in types()
    log_in("ada")
    assert user_or_stop("ada").is_active, "whom the public side lets in again is in again"


def test_a_token_of_the_backend_that_is_refused_throws_nobody_out(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    knows(peer, person("ada"))
    client = log_in("ada")
    peer.answers["POST releases/authorise"] = (403, {"detail": "Invalid token"})
    with clock.at(clock.now() + timedelta(seconds=50)):
        assert not refresh()
        assert client.get("/settings/").status_code == 200


def test_each_minute_it_is_asked_about_whoever_is_logged_in_and_each_hour_about_the_others(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    for name in ("ada", "ben"):
        knows(peer, person(name))
        log_in(name)
    Session.update(ended_at=clock.now()).where(Session.user == user_or_stop("ben")).execute()
    knows(peer, person("ada"))
    peer.clear()
    assert refresh() and peer.received == [], "they were confirmed a moment ago"
    with clock.at(clock.now() + timedelta(seconds=46)):
        assert refresh()
        assert [one.json for one in peer.received if one.body] == [{"user": "ada"}]
        assert Confirmation.get(user=user_or_stop("ada")).confirmed_at == clock.now()
    peer.clear()
    with clock.at(clock.now() + timedelta(minutes=61)):
        refresh()
    asked = {one.json["user"] for one in peer.received if one.body}
    assert asked == {"ada", "ben"}, (
        "who is away is asked about each hour: their reviews count while they may review"
    )


def test_the_thread_asks_by_itself_and_survives_what_it_cannot_use(
    peer: Peer, workspace: Workspace, log_in: LogIn
) -> None:
    knows(peer, person("ada"))
    log_in("ada")
    peer.clear()
    asked = threading.Event()

    def said(request: object) -> tuple[int, object]:
        asked.set()
        return 200, person("x" * 500)

    peer.answers["POST releases/authorise"] = said
    stop = threading.Event()
    with clock.at(clock.now() + timedelta(seconds=100)):
        thread = threading.Thread(target=follow_people, args=(stop,))
        thread.start()
        assert asked.wait(60)
        stop.set()
        thread.join(60)
    assert not thread.is_alive() and User.select().where(User.username.startswith("xx")).count() == 0


class TestGate:
    """From the last confirmation on: 60 seconds for commands, 15 minutes for looking, then nothing."""

    @pytest.fixture
    def client(self, peer: Peer, workspace: Workspace, log_in: LogIn) -> FlaskClient:
        knows(peer, person("ada", workspaces={"asthma": seen()}), "StaffAreaAdministrator")
        client = log_in("ada")
        peer.clear()
        return client

    def later(self, seconds: float) -> object:
        confirmed = Confirmation.get().confirmed_at
        return clock.at(confirmed + timedelta(seconds=seconds))

    def test_within_a_minute_a_command_asks_nobody(self, peer: Peer, client: FlaskClient) -> None:
        with self.later(59):
            assert press(client)[0] == 303
        assert peer.received == []

    def test_after_a_minute_a_command_asks_first_by_one_call(self, peer: Peer, client: FlaskClient) -> None:
        with self.later(61):
            assert press(client)[0] == 303
            assert peer.paths() == ["POST releases/authorise"]
            assert press(client)[0] == 303
        assert len(peer.received) == 1, "it is confirmed for another minute"
        assert user_or_stop("ada").roles == ["StaffAreaAdministrator"]

    def test_a_command_without_an_answer_is_refused_and_changes_nothing(
        self, peer: Peer, client: FlaskClient
    ) -> None:
        """OC19."""
        before = Event.select().count()
        peer.faults = ["500"]
        with self.later(61):
            status, said = press(client)
        assert status == 503 and "cannot confirm your permissions" in said and "13 more minutes" in said
        assert Event.select().count() == before

    def test_a_command_of_who_is_refused_ends_their_logins(self, peer: Peer, client: FlaskClient) -> None:
        """OC17."""
        peer.answers["POST releases/authorise"] = (403, {"detail": "User ada does not have access"})
        with self.later(61):
            status, said = press(client)
            assert status == 403 and LET_OUT in said
            assert client.get("/settings/").status_code == 302

    def test_pages_are_shown_for_15_minutes_without_asking_and_then_no_more(
        self, peer: Peer, client: FlaskClient
    ) -> None:
        """OC19."""
        with self.later(100):
            assert "has not answered" not in client.get("/settings/").text
        with self.later(14 * 60 + 59):
            told = client.get("/settings/")
            assert told.status_code == 200 and "has not answered for 14 minutes" in told.text
            assert "for 1 more minute." in told.text
            assert client.get("/projects/").status_code == 200
        with self.later(15 * 60):
            for path in ("/settings/", "/projects/", "/"):
                answer = client.get(path)
                assert answer.status_code == 503 and CANNOT_VIEW in answer.text
                assert answer.headers["Retry-After"] == "15"
            assert client.get("/health-check/").status_code == 200
            assert client.get("/login/").status_code == 200
        assert peer.received == [], "no page waits for the network"

    def test_it_goes_on_by_itself_when_the_public_side_answers_again(
        self, peer: Peer, client: FlaskClient
    ) -> None:
        with self.later(3600):
            assert client.get("/settings/").status_code == 503
            assert refresh()
            assert client.get("/settings/").status_code == 200

    def test_a_role_taken_away_counts_in_the_very_command_that_asks(
        self, peer: Peer, client: FlaskClient
    ) -> None:
        knows(peer, person("ada", workspaces={"asthma": seen()}, output_checker=True))
        with self.later(46):
            refresh()
        assert user_or_stop("ada").roles == ["OutputChecker"]
        knows(peer, person("ada", workspaces={"asthma": seen()}))
        with self.later(61):
            assert press(client)[0] == 303
        assert user_or_stop("ada").roles == []

    def test_a_log_that_is_followed_ends_when_pages_do(self, app: Flask, client: FlaskClient) -> None:
        cookie = f"{app.config['SESSION_COOKIE_NAME']}={client.get_cookie(app.config['SESSION_COOKIE_NAME']).value}"
        for seconds, may in ((14 * 60, True), (15 * 60, False)):
            with self.later(seconds), app.test_request_context("/", headers={"Cookie": cookie}):
                assert current_user.is_authenticated == may, "what a stream asks again and again"

    def test_a_clock_that_was_set_back_makes_nothing_younger(self, client: FlaskClient) -> None:
        with self.later(-3600):
            assert client.get("/settings/").status_code == 503
