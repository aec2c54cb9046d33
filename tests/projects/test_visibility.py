"""Who can read a repository: asked of the host or of GitHub's API, never in a page view; unknown is private."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jobsite.core.events import Event
from jobsite.core.queue import open_queue
from jobsite.projects import tasks, visibility
from jobsite.projects.models import Repo, Workspace
from jobsite.settings import Settings


class GitHub:
    """A server with GitHub's interface for one repository; `answer` is what it says."""

    def __init__(self) -> None:
        self.answer: tuple[int, object] = (200, {"private": True, "topics": ["github-releases", "study"]})
        self.asked: list[tuple[str, str | None]] = []
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                github.asked.append((self.path, self.headers.get("Authorization")))
                status, body = github.answer
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
