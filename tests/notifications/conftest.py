"""A real mail server, a real web server to be called, and jobs that end without being run."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from jobsite import settings as all_settings
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.moving import move

from ..jobs.conftest import Study, ask, engine, project_yaml, run, run_until, study, workspace  # noqa: F401
from ..jobs.conftest import settings as settings_of_jobs  # noqa: F401

SITE = "https://jobs.example.org"


@dataclass(frozen=True)
class Mail:
    """A mail as the server got it."""

    sender: str
    recipients: list[str]
    raw: bytes
    secure: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        """The mail, read."""
        found = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found

    @property
    def text(self) -> str:
        """The part in plain text."""
        part = self.message.get_body(("plain",))
        assert part
        return part.get_content()

    @property
    def html(self) -> str:
        """The part in HTML."""
        part = self.message.get_body(("html",))
        assert part
        return part.get_content()


class PostOffice(Controller):
    """A mail server that keeps what it takes in `mails`. `answers` refuses: "MAIL", "RCPT" or "DATA" to a line."""

    def __init__(self, **options: Any) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        super().__init__(self, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    @property
    def url(self) -> str:
        """Its SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the sender, unless told otherwise."""
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, unless told otherwise."""
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        """Take the mail, unless told otherwise."""
        if "DATA" in self.answers:
            return self.answers["DATA"]
        raw, user = bytes(envelope.content or b""), session.auth_data and session.auth_data.login.decode()
        self.mails.append(
            Mail(envelope.mail_from or "", envelope.rcpt_tos, raw, session.ssl is not None, user)
        )
        return "250 OK"


@pytest.fixture
def settings(settings_of_jobs: all_settings.Settings) -> all_settings.Settings:  # noqa: F811
    """Settings of a site with an address and a sender of mails."""
    return replace(
        settings_of_jobs, base_url=SITE, mail_from="Jobs <jobs@example.org>", support="help@example.org"
    )


@pytest.fixture
def configure(instance: Path) -> Callable[..., None]:
    """`configure(smtp_url=…)`: go on with these settings changed."""

    def change(**changes: Any) -> None:
        all_settings.use(replace(all_settings.current(), **changes))

    return change


@pytest.fixture
def office(configure: Callable[..., None]) -> Iterator[PostOffice]:
    """A mail server on this machine that takes everything, and the site uses it."""
    office = PostOffice()
    office.start()
    configure(smtp_url=office.url)
    yield office
    office.stop()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs the certificates of these tests."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server for 127.0.0.1 whose certificate this process trusts."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return context_of(authority)


def context_of(authority: trustme.CA) -> ssl.SSLContext:
    """The context of a server for 127.0.0.1 with a certificate of this authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def accept_only(login: str, password: str) -> Callable[..., AuthResult]:
    """What tells a mail server who may send."""

    def check(server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (login.encode(), password.encode())
        return AuthResult(success=right, handled=False, auth_data=data)

    return check


class Listener:
    """A program that listens and speaks as a test wants: `talk(socket)` for each that connects."""

    def __init__(self, talk: Callable[[socket.socket], None]) -> None:
        self._talk = talk
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.calls = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            with connected:
                try:
                    self._talk(connected)
                except OSError:
                    continue

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)


@pytest.fixture
def listener() -> Iterator[Callable[[Callable[[socket.socket], None]], Listener]]:
    """`listener(talk)`: a program that listens, closed at the end."""
    made: list[Listener] = []

    def make(talk: Callable[[socket.socket], None]) -> Listener:
        made.append(Listener(talk))
        return made[-1]

    yield make
    for one in made:
        one.close()


@dataclass(frozen=True)
class Call:
    """A request as the web server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class WebServer(ThreadingHTTPServer):
    """A web server that keeps what it is asked in `calls`, and answers each with the next of `answers`, else 200.

    An answer is a status, or a status with headers and a body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[Any] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        assert isinstance(server, WebServer)
        server.calls.append(Call(self.command, self.path, dict(self.headers), body))
        answer = server.answers.pop(0) if server.answers else 200
        status, headers, content = answer if isinstance(answer, tuple) else (answer, {}, b"")
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server to be called."""
    server = WebServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


TWO = project_yaml(
    extract=("python:v2 a.py", [], {"highly_sensitive": {"x": "output/a.csv"}}),
    table=("python:v2 b.py", ["extract"], {"moderately_sensitive": {"x": "output/b.csv"}}),
)


@pytest.fixture
def request_of_two(
    study: Study,  # noqa: F811
    ask: Callable[..., JobRequest],  # noqa: F811
) -> Callable[..., JobRequest]:
    """`request_of_two(will_notify=True)`: ada asks for the jobs `extract` and `table`."""

    study.commit(project__yaml=TWO)

    def make(**options: Any) -> JobRequest:
        return ask("run_all", **{"will_notify": True, **options})

    return make


@pytest.fixture
def end() -> Callable[..., Job]:
    """`end(request, "table", "nonzero_exit")`: a job of a request ends with this code, by the verb that moves jobs."""

    def through_the_door(request: JobRequest, action: str, code: str = "succeeded", message: str = "") -> Job:
        job = Job.get(Job.job_request == request, Job.action == action)
        move(job, "initiated")
        move(job, code, message)
        return job

    return through_the_door
