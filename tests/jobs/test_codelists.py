"""Codelists at submit, and the codelist service: what it says counts, what it does not say is named, nobody waits."""

import hashlib
import html
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobsite.accounts.models import Backend
from jobsite.core import clock
from jobsite.core.consumer import open_queue
from jobsite.core.db import close_database
from jobsite.core.errors import Invalid
from jobsite.core.outgoing import MOST_BYTES
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.codelist_checks import try_check
from jobsite.jobs.codelist_service import ServiceFailed, ask
from jobsite.jobs.codelists import Codelists, codelists_at
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.models import CodelistsCheck, JobRequest
from jobsite.jobs.request_command import request as request_jobs
from jobsite.jobs.tasks import check_codelists, check_codelists_again
from jobsite.projects.models import Workspace
from jobsite.settings import Settings

from .conftest import Study, project_yaml

PAGE = "/asthma/run-jobs/"
READS = "ehrql:v1 generate-dataset analysis/cohort.py --output cohort.csv.gz"
PROJECT = project_yaml(
    cohort=(READS, [], {"highly_sensitive": {"cohort": "cohort.csv.gz"}}),
    table=("python:v2 table.py", ["cohort"], {"moderately_sensitive": {"table": "table.csv"}}),
    other=("python:v2 other.py", [], {"moderately_sensitive": {"other": "other.csv"}}),
)
OK, ERROR = b'{"status": "ok"}', b'{"status": "error", "data": {"changed": ["opensafely-asthma.csv"]}}'
LISTED = "opensafely/asthma/2020-01-01\n"


class Service(ThreadingHTTPServer):
    """A codelist service; `answer` is what it does with a request, `forms` what it was sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[BaseHTTPRequestHandler], None] = says(OK)
        self.forms: list[dict[str, list[str]]] = []
        self.asked = threading.Event()
        self.over = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.forms.append(parse_qs(form) | {"path": [self.path]})
        self.server.asked.set()
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def says(data: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer of a service."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def says_nothing(handler: BaseHTTPRequestHandler) -> None:
    """Take the request and never answer."""
    handler.server.over.wait(60)


def drips(start: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Begin an answer and go on with a byte at a time: each read succeeds, and the answer never ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        while not handler.server.over.wait(0.02):
            handler.wfile.write(b"x")

    return answer


@contextmanager
def serving(server: Service) -> Iterator[Service]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    """A codelist service that is content with everything, until told otherwise."""
    with serving(Service()) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Database actions run by this Python; the codelist service is asked in tests that have one."""
    online = "service" in request.fixturenames
    return Settings(
        instance=tmp_path / "instance",
        allowed_repos=(f"{tmp_path}/repositories/",),
        runtimes={"python": (sys.executable,), "ehrql": (sys.executable,)},
        codelists_url=request.getfixturevalue("service").address if online else "",
        codelists_timeout=timedelta(seconds=5),
    )


@pytest.fixture
def codelists(study: Study, workspace: Workspace) -> str:
    """The commit of a study whose codelists are as they were downloaded."""
    return download(study)


def download(study: Study, codes: str = "code\n1\n", *, changed: bool = False) -> str:
    """Commit a codelist as the download command leaves it, or changed by hand after that."""
    folder = study.path / "codelists"
    folder.mkdir(exist_ok=True)
    sha1 = hashlib.sha1(codes.encode(), usedforsecurity=False).hexdigest()
    (folder / "codelists.txt").write_text(LISTED)
    (folder / "codelists.json").write_text(json.dumps({"files": {"opensafely-asthma.csv": {"sha": sha1}}}))
    (folder / "opensafely-asthma.csv").write_text(codes + ("2\n" if changed else ""))
    return study.commit(project__yaml=PROJECT)


def known(workspace: Workspace, commit: str) -> Codelists:
    return codelists_at(workspace.repo.url, commit)


def check(workspace: Workspace, commit: str) -> Codelists:
    """Let the background ask the service, then say what is known."""
    check_codelists(workspace.repo_id, commit)
    return known(workspace, commit)


def refusal_of(ask_for: Callable[[], object]) -> str:
    with pytest.raises(Invalid) as refused:
        ask_for()
    assert list(refused.value.fields) == ["codelists"]
    assert JobRequest.select().count() == 0
    return refused.value.fields["codelists"]


# At submit


def test_a_request_with_a_new_database_job_is_refused_as_a_whole(
    study: Study, workspace: Workspace, ask: Callable[..., JobRequest]
) -> None:
    download(study, changed=True)
    sentence = refusal_of(lambda: ask("cohort", "other"))
    assert sentence.startswith("Codelists are out of date (required by action cohort)")
    assert "changed since the download: opensafely-asthma.csv" in sentence
    assert "required by action cohort" in refusal_of(lambda: ask("table"))


def test_actions_that_do_not_read_the_database_run_and_the_request_says_how_the_codelists_are(
    study: Study, workspace: Workspace, ask: Callable[..., JobRequest]
) -> None:
    download(study, changed=True)
    assert JobRequest.get_by_id(ask("other").id).codelists_ok is False
    download(study)
    assert JobRequest.get_by_id(ask("cohort").id).codelists_ok is True


def test_a_database_job_that_is_there_already_is_no_new_one(
    study: Study, workspace: Workspace, ask: Callable[..., JobRequest]
) -> None:
    download(study)
    ask("cohort")
    download(study, changed=True)
    assert ask("table").jobs_total == 1


def test_a_study_without_codelists_is_fine_and_nobody_is_asked(
    study: Study, workspace: Workspace, service: Service, ask: Callable[..., JobRequest]
) -> None:
    commit = study.commit(project__yaml=PROJECT)
    assert check(workspace, commit).ok
    assert ask("cohort").codelists_ok
    assert service.forms == []


def test_the_same_form_again_gives_the_request_it_made_however_the_codelists_are_now(
    study: Study, workspace: Workspace, local: Backend, cast: SimpleNamespace, codelists: str
) -> None:
    made, _ = submit(
        by=cast.ada,
        wish=Wish(workspace, local, newest_definition(workspace), ("cohort",), form_key="k"),
    )
    download(study, changed=True)
    wish = Wish(workspace, local, newest_definition(workspace), ("cohort",), force=True, form_key="k")
    assert submit(by=cast.ada, wish=wish)[0] == made


# The command


@pytest.fixture
def request_command(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`request_command("cohort")`: `jobsite request asthma cohort --by ada`."""
    runtimes = {name: list(words) for name, words in settings.runtimes.items()}
    monkeypatch.setenv("JOBSITE_ALLOWED_REPOS", " ".join(settings.allowed_repos))
    monkeypatch.setenv("JOBSITE_RUNTIMES", json.dumps(runtimes))
    monkeypatch.setenv("JOBSITE_CODELISTS_URL", settings.codelists_url)

    def run(*words: str) -> Result:
        close_database()
        return CliRunner().invoke(
            request_jobs, ["asthma", *words, "--by", "ada", "--instance", str(settings.instance)]
        )

    return run


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["request", "dry run"])
def test_the_command_refuses_with_the_same_sentence(
    dry: tuple[str, ...], study: Study, workspace: Workspace, request_command: Callable[..., Result]
) -> None:
    download(study, changed=True)
    refused = request_command("cohort", *dry)
    assert refused.exit_code == 1
    assert "Codelists are out of date (required by action cohort)" in refused.stderr
    assert request_command("other", *dry).exit_code == 0


def test_the_command_asks_the_service_itself(
    service: Service, codelists: str, request_command: Callable[..., Result]
) -> None:
    service.answer = says(ERROR)
    refused = request_command("cohort", "--dry-run")
    assert refused.exit_code == 1
    assert "have changed since they were downloaded" in refused.stderr
    assert len(service.forms) == 1


# What the service says


def test_the_service_gets_both_files_and_its_consent_lets_database_actions_run(
    service: Service, study: Study, workspace: Workspace, codelists: str, ask: Callable[..., JobRequest]
) -> None:
    assert check(workspace, codelists).ok
    assert service.forms == [
        {
            "path": ["/api/v1/check/"],
            "codelists": [LISTED],
            "manifest": [(study.path / "codelists/codelists.json").read_text()],
        }
    ]
    assert ask("cohort").codelists_ok


def test_what_the_service_finds_out_of_date_is_refused(
    service: Service, workspace: Workspace, codelists: str, ask: Callable[..., JobRequest]
) -> None:
    service.answer = says(ERROR)
    assert check(workspace, codelists).state == "stale"
    sentence = refusal_of(lambda: ask("cohort"))
    assert sentence.startswith("Codelists are out of date (required by action cohort)")
    assert "opensafely codelists update" in sentence
    assert ask("other").codelists_ok is False


def test_what_the_files_tell_comes_first(
    service: Service, study: Study, workspace: Workspace, codelists: str
) -> None:
    assert check(workspace, codelists).ok
    changed = download(study, changed=True)
    assert "changed since the download" in check(workspace, changed).sentence
    assert len(service.forms) == 1


def test_before_the_first_answer_database_actions_wait_and_others_run(
    service: Service, codelists: str, ask: Callable[..., JobRequest]
) -> None:
    sentence = refusal_of(lambda: ask("cohort"))
    assert "required by action cohort" in sentence
    assert "have not been checked by the codelist service yet; try again in a minute" in sentence
    assert ask("other").codelists_ok is False


def test_a_verdict_belongs_to_the_two_files_whatever_the_commit(
    service: Service, study: Study, workspace: Workspace, codelists: str
) -> None:
    assert check(workspace, codelists).ok
    assert check(workspace, study.commit(README="More.\n")).ok
    assert len(service.forms) == 1
    assert known(workspace, download(study, "code\n5\n")).state == "awaited"


def test_a_verdict_counts_for_a_day_and_is_renewed_when_somebody_looks(
    service: Service, workspace: Workspace, codelists: str
) -> None:
    start = clock.now()
    check(workspace, codelists)
    service.answer = says(b"down", 503)
    with clock.at(start + timedelta(hours=23)):
        assert check(workspace, codelists).ok
    assert len(service.forms) == 2
    with clock.at(start + timedelta(hours=25)):
        later = known(workspace, codelists)
    assert (later.ok, later.state) == (False, "unknown")
    assert "the codelist service 127.0.0.1 answered with status 503" in later.sentence


def test_two_that_ask_at_once_ask_once(service: Service, workspace: Workspace, codelists: str) -> None:
    service.answer = says_nothing
    first = threading.Thread(target=in_a_thread, args=(workspace.repo_id, codelists))
    first.start()
    assert service.asked.wait(10)
    check_codelists(workspace.repo_id, codelists)
    assert try_check(CodelistsCheck.get())
    assert len(service.forms) == 1
    service.over.set()
    first.join()


def test_a_try_that_was_killed_comes_again(service: Service, workspace: Workspace, codelists: str) -> None:
    service.answer = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    check_codelists(workspace.repo_id, codelists)
    CodelistsCheck.update(problem="").execute()  # as it stands when the process ends before the answer
    service.answer = says(OK)
    check_codelists_again()
    assert known(workspace, codelists).state == "awaited"
    with clock.at(clock.now() + timedelta(minutes=2)):
        check_codelists_again()
        assert known(workspace, codelists).ok


def in_a_thread(repo_id: int, commit: str) -> None:
    check_codelists(repo_id, commit)
    close_database()


# What it does not say

FAILURES = {
    "status 500": (says(b"oh", 500), "answered with status 500"),
    "status 404": (says(OK, 404), "answered with status 404"),
    "garbage": (says(b"<html>"), "cannot be understood"),
    "no status": (says(b"[1]"), "cannot be understood"),
    "other status": (says(b'{"status": "fine"}'), "cannot be understood"),
    "deep": (says(b"[" * 100_000), "cannot be understood"),
    "no bytes": (says(b""), "cannot be understood"),
    "huge": (says(OK + b" " * MOST_BYTES), "too long"),
    "redirect": (
        says(b"", 307, Location="http://127.0.0.1:1/api/v1/check/"),
        "redirect, which is not followed",
    ),
    "not http": (lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n\r\n"), "cannot be understood"),
    "cut off": (says(OK[:-3], **{"Content-Length": "900"}), "cannot be understood"),
    "hangs up": (lambda handler: handler.connection.shutdown(socket.SHUT_RDWR), "could not be reached"),
    "silent": (says_nothing, "did not answer within 0.3 seconds"),
    "drips": (drips(b"HTTP/1.1 200 OK\r\n\r\n"), "did not answer within 0.3 seconds"),
    "drips headers": (drips(b"HTTP/1.1 200 OK\r\nX: "), "did not answer within 0.3 seconds"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_each_failure_of_the_service_is_named_for_what_it_is(kind: str, service: Service) -> None:
    service.answer, words = FAILURES[kind]
    seconds = 0.3 if "within" in words else 20
    with pytest.raises(ServiceFailed, match=f"the codelist service 127.0.0.1 .*{words}"):
        ask(service.address, b"a", b"{}", seconds=seconds)


def test_a_closed_port_is_a_service_out_of_reach() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ServiceFailed, match="could not be reached"):
        ask(address, b"a", b"{}", seconds=20)


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999", "http://" + "a" * 70 + ".example"])
def test_an_address_that_is_none_is_a_service_out_of_reach(address: str) -> None:
    with pytest.raises(ServiceFailed, match="the codelist service .*could not be reached"):
        ask(address, b"a", b"{}", seconds=20)


def test_a_service_that_cannot_prove_who_it_is_gets_no_files(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = Service()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server), pytest.raises(ServiceFailed, match="over a secure connection"):
        ask(f"https://localhost:{server.server_port}", b"a", b"{}", seconds=20)
    assert server.forms == []


def test_a_failure_is_told_apart_from_the_study_and_tried_again_later_and_later(
    service: Service, workspace: Workspace, codelists: str, ask: Callable[..., JobRequest]
) -> None:
    service.answer = says(b"down", 503)
    told = check(workspace, codelists).sentence
    assert "the codelist service 127.0.0.1 answered with status 503" in told
    assert "Nothing is wrong with project.yaml" in told
    assert "answered with status 503" in refusal_of(lambda: ask("cohort"))
    start, asked = clock.now(), []
    for minute in range(100):
        with clock.at(start + timedelta(minutes=minute)):
            before = len(service.forms)
            check_codelists_again()
            asked += [minute] * (len(service.forms) - before)
    assert asked[0] <= 2
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 30
    service.answer = says(OK)
    with clock.at(start + timedelta(hours=5)):
        check_codelists_again()
        assert known(workspace, codelists).ok
        asked_by_then = len(service.forms)
        check_codelists_again()
    assert len(service.forms) == asked_by_then


def test_a_service_that_fails_is_not_asked_about_everything_at_once(
    service: Service, study: Study, workspace: Workspace
) -> None:
    service.answer = says(b"down", 503)
    for number in range(3):
        check(workspace, download(study, f"code\n{number}\n"))
    assert len(service.forms) == 3
    with clock.at(clock.now() + timedelta(hours=2)):
        check_codelists_again()
        assert len(service.forms) == 4
        service.answer = says(OK)
        check_codelists_again()
    assert [row.verdict for row in CodelistsCheck.select()].count("ok") == 2


def test_without_a_service_nothing_is_asked_and_nothing_waits(workspace: Workspace, codelists: str) -> None:
    assert check(workspace, codelists) == Codelists("fine")
    assert CodelistsCheck.select().count() == 0


# The page


@pytest.fixture
def ada(client: FlaskClient, sign_in: Callable[..., FlaskClient], workspace: Workspace) -> FlaskClient:
    """ada's browser."""
    return sign_in(client, "ada")


def words(response: TestResponse) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def press(browser: FlaskClient, *actions: str) -> TestResponse:
    """Submit these actions with the form that the page shows."""
    page = browser.get(PAGE).text
    fields = ("csrf_token", "sha", "form_key", "backend")
    form = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)[1] for name in fields}
    return browser.post(PAGE, data={**form, "requested_actions": list(actions)})


def test_no_page_waits_for_a_service_that_never_answers(
    service: Service, settings: Settings, ada: FlaskClient, codelists: str
) -> None:
    service.answer = says_nothing
    consumer = open_queue(settings.queue_path).consumer(workers=1)
    consumer.start()
    page = ada.get(PAGE)
    assert service.asked.wait(10)
    refused, made = press(ada, "cohort"), press(ada, "other")
    assert not service.over.is_set()
    assert (page.status_code, refused.status_code, made.status_code) == (200, 422, 303)
    assert "The codelists are being checked by the codelist service" in words(page)
    assert "(required by action cohort) have not been checked by the codelist service yet" in words(refused)
    service.over.set()
    consumer.stop(graceful=True)
    assert len(service.forms) == 1


def test_the_page_looks_again_by_itself_until_there_is_an_answer(
    service: Service, ada: FlaskClient, workspace: Workspace, codelists: str
) -> None:
    page = ada.get(PAGE).text
    region = page.partition('id="codelists"')[2].partition(">")[0]
    assert 'hx-trigger="every 2s"' in region
    poll = html.unescape(re.search(r'hx-get="([^"]+)"', region)[1])
    fragment = {"HX-Request": "true", "HX-Target": "codelists"}
    assert "are being checked" in ada.get(poll, headers=fragment).text
    check_codelists(workspace.repo_id, codelists)
    assert 'id="codelists"' not in ada.get(poll, headers=fragment).text
    assert press(ada, "cohort").status_code == 303


def test_the_page_names_the_service_that_fails_and_offers_the_other_actions(
    service: Service, ada: FlaskClient, workspace: Workspace, codelists: str
) -> None:
    service.answer = says(b"down", 503)
    check_codelists(workspace.repo_id, codelists)
    page = ada.get(PAGE)
    assert (
        "the codelist service 127.0.0.1 answered with status 503. Nothing is wrong with project.yaml"
        in words(page)
    )
    assert 'hx-trigger="every 2s"' not in page.text
    assert "answered with status 503" in words(press(ada, "table"))
    assert press(ada, "other").status_code == 303
