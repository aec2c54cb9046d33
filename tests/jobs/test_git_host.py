"""A git host that never answers, refuses, or cuts its answer off: while people submit, and while jobs are prepared."""

import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.projects import repositories
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

from ..projects.conftest import Host, host  # noqa: F401
from ..projects.conftest import Study as HostedStudy
from .conftest import project_yaml
from .stages import HIGH, job

PAGE = "/asthma/run-jobs/"
PATIENCE = 1.5


class Front:
    """A port that people know the git host by. It passes bytes on, or does what `mode` says instead."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self.mode = "serves"
        self.seen = 0
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens, with a final slash."""
        return f"https://127.0.0.1:{self.port}/"

    def become(self, mode: str) -> None:
        """`serves`, `never answers`, `cuts off` or `refuses`."""
        if self.mode == "refuses":
            self._listening = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()
        self.mode = mode
        if mode == "refuses":
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()

    def close(self) -> None:
        """End every connection."""
        self.become("refuses")
        for one in self._open:
            one.close()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                visitor, _ = listening.accept()
                self.seen += 1
                self._open.append(visitor)
                if self.mode == "never answers":
                    continue
                behind = socket.create_connection(("127.0.0.1", self._behind))
                self._open.append(behind)
                most = 1800 if self.mode == "cuts off" else None
                threading.Thread(target=_pipe, args=(visitor, behind, None), daemon=True).start()
                threading.Thread(target=_pipe, args=(behind, visitor, most), daemon=True).start()


def _pipe(source: socket.socket, target: socket.socket, most: int | None) -> None:
    """Pass bytes on, at most so many."""
    with suppress(OSError):
        while piece := source.recv(65536 if most is None else max(1, most)):
            target.sendall(piece)
            if most is not None and (most := most - len(piece)) <= 0:
                break
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front(host: Host) -> Iterator[Front]:  # noqa: F811
    """The port before the host."""
    made = Front(int(host.address.rstrip("/").rpartition(":")[2]))
    yield made
    made.close()


@pytest.fixture
def settings(settings: Settings, front: Front) -> Settings:
    """Settings that allow the repositories of the host."""
    return Settings(instance=settings.instance, allowed_repos=(front.address,), runtimes=settings.runtimes)


@pytest.fixture
def hosted(tmp_path: Path) -> HostedStudy:
    """A study with one action."""
    study = HostedStudy(tmp_path / "hosted")
    text = project_yaml(only=("python:v2 only.py", [], {HIGH: {"out": "only.csv"}}))
    study.commit("The study", {"project.yaml": text, "only.py": "open('only.csv', 'w').write('x')"})
    return study


@pytest.fixture
def workspace(
    cast: SimpleNamespace,
    local: Backend,
    host: Host,  # noqa: F811
    front: Front,
    hosted: HostedStudy,
) -> Workspace:
    """ada's workspace `asthma` on that host."""
    project = add_project(by="system", name="Air", orgs=[add_organisation(by="system", name="Northfield")])
    add_member(by="system", project=project, user=cast.ada, roles=["ProjectDeveloper"])
    url = front.address + host.publish(hosted).removeprefix(host.address)
    made = create_workspace(by=cast.ada, project=project, name="asthma", repo=url, branch="main")
    repositories.refresh(url)
    return made


@pytest.fixture
def submit(
    client: FlaskClient,
    workspace: Workspace,
    sign_in: Callable[[FlaskClient, str], FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], tuple[int, str]]:
    """`submit()`: press the button as ada; the status of the answer and its words."""
    monkeypatch.setattr(repositories, "ASK_SECONDS", PATIENCE)
    sign_in(client, "ada")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/settings/").text)
    assert token

    def press() -> tuple[int, str]:
        form = {"csrf_token": token[1], "backend": "local", "requested_actions": "only"}
        answer = client.post(PAGE, data=form)
        return answer.status_code, " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())

    return press


TROUBLES = {
    "never answers": "no answer within",
    "refuses": "its host does not answer",
    "cuts off": "could not be reached",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_submit_ends_in_a_sentence_stores_nothing_and_works_again_afterwards(
    trouble: str,
    submit: Callable[[], tuple[int, str]],
    front: Front,
    host: Host,  # noqa: F811
    hosted: HostedStudy,
    client: FlaskClient,
) -> None:
    hosted.commit("Much to fetch", {"large.txt": "".join(f"{number * 7919:x}\n" for number in range(20_000))})
    host.publish(hosted)
    front.become(trouble)
    status, words = submit()
    assert (status, JobRequest.select().count()) == (422, 0), words[:2000]
    assert TROUBLES[trouble] in words, words
    assert client.get("/asthma/").status_code == 200
    front.become("serves")
    assert submit()[0] == 303
    assert JobRequest.select().count() == 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_job_that_was_asked_for_is_prepared_without_its_host(
    trouble: str,
    submit: Callable[[], tuple[int, str]],
    front: Front,
    run_until: Callable[[Callable[[], bool]], None],
) -> None:
    assert submit()[0] == 303
    front.become(trouble)
    seen = front.seen
    run_until(lambda: not job().is_active)
    assert job().status_code == "succeeded"
    assert front.seen == seen, "no job waits for the network"


def test_a_copy_that_lost_what_a_fetch_brought_is_told_and_nothing_is_run_twice(
    submit: Callable[[], tuple[int, str]],
    workspace: Workspace,
    front: Front,
    run_until: Callable[[Callable[[], bool]], None],
) -> None:
    """The copy of the repository is cut off between the submit and the start of the job."""
    assert submit()[0] == 303
    front.become("refuses")
    objects = repositories.mirror(workspace.repo.url) / "objects"
    shutil.rmtree(objects)
    objects.mkdir()
    run_until(lambda: not job().is_active)
    assert job().status_code == "job_error"
    assert job().status_message.startswith("The job could not be run: ")
    assert (Attempt.select().count(), Job.select().count()) == (1, 1)
