"""Real git repositories, a real https server for them, and a project with people in it."""

import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.models import Organisation, Project, Workspace
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

# A key and certificate for 127.0.0.1 that nothing else trusts: git insists on https.
CERTIFICATE = Path(__file__).parent / "loopback.pem"


class Study:
    """A git repository whose files and branches a test writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("First", {"project.yaml": "version: 5\nactions: {}\n"})

    @property
    def url(self) -> str:
        """The address under which a workspace uses it: its path."""
        return str(self.path)

    def git(self, *words: str, stdin: str | None = None) -> str:
        """What git prints in this repository."""
        identity = ("-c", "user.name=Ada Adewale", "-c", "user.email=ada@example.org")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        ran = subprocess.run(
            ["git", *identity, *words],
            cwd=self.path,
            env=environment,
            input=stdin,
            check=True,
            capture_output=True,
            text=True,
        )
        return ran.stdout.strip()

    def commit(self, subject: str = "Change", files: dict[str, str] | None = None) -> str:
        """Write files and commit; the new commit's id."""
        for name, text in (files or {}).items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study with one commit on `main`, at a path that the settings allow."""
    return Study(tmp_path / "allowed" / "study")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that allow local repositories below `allowed/`."""
    return Settings(instance=tmp_path / "instance", allowed_repos=(f"{tmp_path}/allowed/",))


@pytest.fixture
def org(instance: Path) -> Organisation:
    """The organisation of all projects of the tests."""
    return add_organisation(by="system", name="University of Northfield")


@pytest.fixture
def project(cast: SimpleNamespace, org: Organisation) -> Project:
    """The project Air: ada develops it, ben collaborates."""
    made = add_project(by="system", name="Air", orgs=[org], number="POS-2026-2014")
    add_member(by="system", project=made, user=cast.ada, roles=["ProjectDeveloper"])
    add_member(by="system", project=made, user=cast.ben, roles=["ProjectCollaborator"])
    return made


@pytest.fixture
def workspace(cast: SimpleNamespace, project: Project, study: Study) -> Workspace:
    """ada's workspace `asthma` in the project Air."""
    return create_workspace(by=cast.ada, project=project, name="asthma", repo=study.url, branch="main")


class Host:
    """An https server on this machine that serves files, and remembers what it was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.answer: tuple[int, dict[str, str]] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, directory=str(root)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens, with a final slash."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/"

    def publish(self, study: Study, name: str = "northfield/air") -> str:
        """Serve a bare copy of the study as it is now; its address."""
        target = self.root / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            study.git("clone", "--quiet", "--bare", ".", str(target))
        study.git("push", "--quiet", "--mirror", str(target))
        study.git(f"--git-dir={target}", "update-server-info")
        return self.address + name

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, host: Host, *args: object, **kwargs: object) -> None:
        self.host = host
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed through

    def do_GET(self) -> None:
        self.host.asked.append(self.path)
        if self.host.answer is None:
            return super().do_GET()
        status, headers = self.host.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A git host whose certificate git trusts."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(CERTIFICATE))
    root = tmp_path / "host"
    root.mkdir()
    serving = Host(root)
    yield serving
    serving.close()


@pytest.fixture
def allow(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`allow(prefix)`: repositories at these addresses may be used as well, as if the settings had it."""

    def also(prefix: str) -> None:
        monkeypatch.setitem(settings.__dict__, "allowed_repos", (*settings.allowed_repos, prefix))

    return also
