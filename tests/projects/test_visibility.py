"""Who can read a repository: asked of the host or of GitHub's API, never in a page view; unknown is private."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from jobsite.core.consumer import open_queue
from jobsite.core.events import Event
from jobsite.projects import actions, lists, tasks, visibility
from jobsite.projects import github as api
from jobsite.projects.models import Organisation, Repo, Workspace
from jobsite.settings import Settings


class GitHub:
    """A server with GitHub's interface; `answers` is what it says by path, `answer` what it says to all else."""

    def __init__(self) -> None:
        self.answer: tuple[int, object] = (200, {"private": True, "topics": ["github-releases", "study"]})
        self.answers: dict[str, tuple[int, object]] = {}
        self.asked: list[tuple[str, str | None]] = []
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                github.asked.append((self.path, self.headers.get("Authorization")))
                status, body = github.answers.get(self.path, github.answer)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Location", "https://elsewhere.invalid/")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def github(instance, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    serving = GitHub()
    monkeypatch.setitem(settings.__dict__, "github_url", serving.address)
    monkeypatch.setitem(settings.__dict__, "github_token", "secret-token")
    yield serving
    serving.close()


def test_github_tells_with_the_token_and_its_topics_are_kept(github: GitHub) -> None:
    repo = Repo.create(url=f"{github.address}/northfield/air")
    tasks.check_visibility(repo.id)
    known = Repo.get()
    assert github.asked == [("/api/v3/repos/northfield/air", "Bearer secret-token")]
    assert (known.is_private, known.is_public, known.has_github_outputs) == (True, False, True)
    assert known.visibility_checked_at is not None
    github.answer = (200, {"private": False})
    tasks.check_visibility(repo.id)
    assert (Repo.get().is_public, Repo.get().topics) == (True, [])
    assert [event.type for event in Event.select()] == ["repo:made-public"]


@pytest.mark.parametrize(
    "answer",
    [(404, {}), (301, {}), (500, b"oops"), (200, b"<html>"), (200, []), (200, {"private": "yes"})],
)
def test_what_github_does_not_tell_leaves_what_was_known(github: GitHub, answer: tuple) -> None:
    repo = Repo.create(url=f"{github.address}/northfield/air", is_private=False)
    github.answer = answer
    tasks.check_visibility(repo.id)
    known = Repo.get()
    assert known.is_public
    assert known.visibility_problem.startswith("GitHub ")
    assert "secret-token" not in known.visibility_problem
    assert len(github.asked) == 1, "a redirect was followed"


def test_github_that_does_not_answer_is_a_sentence(github: GitHub) -> None:
    repo = Repo.create(url=f"{github.address}/northfield/air")
    github.close()
    tasks.check_visibility(repo.id)
    assert Repo.get().visibility_problem == "GitHub could not be reached."
    assert not Repo.get().is_public, "unknown counts as private"


def test_a_host_without_an_interface_is_asked_as_a_stranger(
    instance, study, host, allow: Callable[[str], None]
) -> None:
    allow(host.address)
    repo = Repo.create(url=host.publish(study))
    tasks.check_visibility(repo.id)
    assert Repo.get().is_public
    host.answer = (404, {"Content-Length": "0"})
    tasks.check_visibility(repo.id)
    assert Repo.get().is_private
    host.answer = (500, {"Content-Length": "0"})
    tasks.check_visibility(repo.id)
    assert Repo.get().is_private, "what nobody can tell leaves what was known"
    assert "could not be reached" in Repo.get().visibility_problem


def test_the_hourly_round_asks_about_addresses_only(workspace: Workspace, settings: Settings) -> None:
    huey = open_queue(settings.queue_path)
    tasks.check_visibilities()
    assert len(huey) == 0
    Repo.update(url="https://github.com/northfield/air").execute()
    tasks.check_visibilities()
    assert len(huey) == 1


def test_a_repository_that_is_gone_is_no_failure(instance) -> None:
    tasks.check_visibility(99)
    visibility.note(Repo(id=99), visibility.Visibility(is_private=True))
    assert Repo.select().count() == 0


def listed(*names: str, **more: object) -> tuple[int, object]:
    return 200, [{"full_name": name, "private": True, "topics": [], **more} for name in names]


@pytest.fixture
def northfield(github: GitHub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """An organisation whose repositories at GitHub are `air` and `sea`."""
    monkeypatch.setitem(settings.__dict__, "allowed_repos", ("https://github.com/",))
    monkeypatch.setitem(settings.__dict__, "github_url", "https://github.com")
    monkeypatch.setattr(api, "API", github.address)
    github.answers["/orgs/northfield/repos?per_page=100&page=1"] = listed("northfield/air", "Northfield/sea")
    org = actions.add_organisation(by="system", name="Northfield")
    return actions.edit_organisation(
        by="system", org=org, name=org.name, slug=org.slug, github_orgs=["northfield"]
    )


def addresses() -> list[str]:
    return [repo.url.rpartition("/")[2] for repo in Repo.select().order_by(Repo.url)]


def test_the_repositories_of_an_organisation_are_known_before_anybody_uses_them(
    northfield: Organisation, github: GitHub
) -> None:
    tasks.list_repositories(northfield.id)
    assert sorted(addresses()) == ["air", "sea"]
    assert all(repo.is_private and repo.visibility_checked_at for repo in Repo.select())
    github.answers["/orgs/northfield/repos?per_page=100&page=1"] = listed("northfield/air", private=False)
    tasks.list_repositories(northfield.id)
    assert Repo.get(Repo.url.endswith("air")).is_public
    assert [event.type for event in Event.select().where(Event.type.startswith("repo:"))] == [
        "repo:made-public"
    ]


def test_long_lists_come_in_pages_and_a_person_has_repositories_as_well(
    northfield: Organisation, github: GitHub
) -> None:
    first, second = (
        "/users/northfield/repos?per_page=100&page=1",
        "/users/northfield/repos?per_page=100&page=2",
    )
    github.answers["/orgs/northfield/repos?per_page=100&page=1"] = (404, {})
    github.answers[first] = listed(*(f"northfield/r{number}" for number in range(100)))
    github.answers[second] = listed("northfield/last")
    tasks.list_repositories(northfield.id)
    assert len(addresses()) == 101


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}), (200, {}), (200, b"x"), (200, [1, None, {}]), listed("../x"), listed("elsewhere/air"),
        listed("northfield/a b"), listed("northfield/air", private="no"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_repositories_of_that_owner_adds_nothing(
    northfield: Organisation, github: GitHub, answer: tuple
) -> None:
    github.answers["/orgs/northfield/repos?per_page=100&page=1"] = answer
    tasks.list_repositories(northfield.id)
    assert addresses() == []


def test_people_are_offered_the_repositories_of_their_organisations(
    northfield: Organisation, github: GitHub, cast: SimpleNamespace
) -> None:
    github.answers["/orgs/northfield/repos?per_page=100&page=1"] = (200, [
        {"full_name": "northfield/air", "private": True, "topics": []},
        {"full_name": "northfield/website", "private": True, "topics": ["non-research"]},
    ])  # fmt: skip
    tasks.list_repositories(northfield.id)
    project = actions.add_project(by="system", name="Air", orgs=[northfield])
    offered = [repo.name for repo in lists.repositories_offered(cast.ada, project)]
    assert offered == []
    actions.add_org_member(by="system", org=northfield, user=cast.ada)
    assert [repo.name for repo in lists.repositories_offered(cast.ada, project)] == ["northfield/air"]


def test_nobody_is_asked_for_lists_without_a_token(
    northfield: Organisation, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    huey = open_queue(settings.queue_path)
    tasks.list_all_repositories()
    assert len(huey) == 1
    monkeypatch.setitem(settings.__dict__, "github_token", "")
    huey.flush()
    tasks.list_all_repositories()
    assert len(huey) == 0
