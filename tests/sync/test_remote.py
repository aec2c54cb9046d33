"""`jobsite remote` and what it asks: a person with a token works on a site elsewhere as on an instance of their own."""

# ruff: noqa: F811 - fixtures of the tests of jobs, asked for by name

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.serving import make_server

from jobsite.accounts.actions import deactivate
from jobsite.accounts.api_tokens import make_api_token
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import User
from jobsite.cli import main
from jobsite.core.events import Event
from jobsite.core.limits import Limits
from jobsite.jobs.documents import request_json
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.moving import move
from jobsite.projects.models import Workspace
from jobsite.settings import load
from jobsite.sync import remote_commands
from jobsite.sync.remote import sentence_in

from ..jobs.conftest import Study, project_yaml, settings, study, workspace  # noqa: F401
from .peer import Peer, Received

YAML = project_yaml(
    first=("python:v2 a.py", [], {"moderately_sensitive": {"out": "a.csv"}}),
    second=("python:v2 b.py", ["first"], {"moderately_sensitive": {"out": "b.csv"}}),
)
Remote = Callable[..., Result]


@pytest.fixture
def asthma(workspace: Workspace, study: Study) -> Workspace:
    """ada's workspace with two actions in it."""
    study.commit(project__yaml=YAML)
    return workspace


def token_of(username: str) -> str:
    return make_api_token(by="system", user=User.get(username=username), name=secrets.token_hex(8))


@pytest.fixture
def call(app: Flask, asthma: Workspace) -> Callable[..., tuple[int, Any]]:
    """`call("POST", "requests/1/cancel", "ben", {})`: status and JSON that a program of a person gets."""

    def asked(method: str, path: str, who: str | None = "ada", sent: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token_of(who)}"} if who else {}
        answer = app.test_client().open(f"/api/v2/{path}", method=method, json=sent, headers=headers)
        return answer.status_code, answer.json

    return asked


@pytest.fixture
def remote(app: Flask, asthma: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """`remote("jobs", "--json")`: run a command with ada's token against this site, which is asked over the network."""
    server = make_server("127.0.0.1", 0, app)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("JOBSITE_REMOTE_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("JOBSITE_REMOTE_TOKEN", token_of("ada"))
    monkeypatch.setattr(remote_commands, "PAUSE", 0.02)
    yield lambda *words: CliRunner().invoke(main, ["remote", *words])
    server.shutdown()
    server.server_close()


ASK = "workspaces/asthma/requests/"
WISH = {"requested_actions": ["second"]}


def test_who_asks_over_the_network_gets_the_document_of_the_command(call: Callable[..., Any]) -> None:
    status, told = call("POST", ASK, sent=WISH)
    assert (status, told["status"], len(told["jobs"])) == (201, "pending", 2)
    assert [(one["action"], one["verdict"]) for one in told["plan"]] == [("first", "run"), ("second", "wait")]
    made = JobRequest.get()
    assert told == {**request_json(made), "plan": told["plan"]} and made.created_by.username == "ada"
    assert call("GET", f"requests/{made.id}/", "dan") == (200, request_json(made))
    assert call("GET", f"requests/{made.identifier[:8]}/") == (200, request_json(made))
    status, listed = call("GET", "newest-jobs/?active=true&workspace=asthma", "dan")
    assert status == 200 and [one["action"] for one in listed] == ["second", "first"]
    assert {one["workspace"] for one in listed} == {"asthma"}
    assert call("GET", "newest-jobs/?workspace=other") == (200, [])


def test_a_dry_run_stores_nothing_and_the_same_key_makes_one_request(call: Callable[..., Any]) -> None:
    status, told = call("POST", ASK, sent={**WISH, "dry_run": True})
    assert (status, told["id"], told["jobs"]) == (200, None, []) and len(told["plan"]) == 2
    assert JobRequest.select().count() == 0
    first, second = (call("POST", ASK, sent={**WISH, "key": "once"}) for _ in range(2))
    assert first[1]["identifier"] == second[1]["identifier"] and JobRequest.select().count() == 1


def test_a_request_is_cancelled_job_by_job_or_whole_by_who_may(call: Callable[..., Any]) -> None:
    number = call("POST", ASK, sent=WISH)[1]["id"]
    told = (403, {"detail": "You do not have permission to cancel this job request."})
    refused = call("POST", f"requests/{number}/cancel", "dan", {})
    assert refused[0] == told[0] and set(refused[1]) == {"detail"}
    assert call("POST", f"requests/{number}/cancel", "ada", {"jobs": ["third"]})[0] == 404
    status, done = call("POST", f"requests/{number}/cancel", "ada", {"jobs": ["second"]})
    assert (status, done["cancelled"]) == (200, 1)
    assert [job["status_code"] for job in done["jobs"]] == ["created", "cancelled_by_user"]
    assert call("POST", f"requests/{number}/cancel", "ada", {})[1]["cancelled"] == 1
    assert Event.select().where(Event.type == "request:cancel", Event.by == "ada").count() == 2
    assert call("POST", f"requests/{number}/cancel", "ada", {})[0] == 403


UNUSABLE: list[tuple[Any, int, str]] = [
    ({}, 400, "requested_actions"), ({"requested_actions": []}, 400, "requested_actions"),
    ({"requested_actions": ["nothing"]}, 400, "requested_actions"), ([], 400, "non_field_errors"),
    ({**WISH, "ref": "nowhere"}, 400, "ref"), ({**WISH, "ref": "--upload-pack=x"}, 400, "ref"),
    ({**WISH, "backend": "moon"}, 404, "detail"), ({**WISH, "key": "x" * 65}, 400, "key"),
    ({**WISH, "force_run_dependencies": "x"}, 400, "force_run_dependencies"),
]  # fmt: skip


def test_an_order_that_cannot_be_used_is_refused_at_its_field(call: Callable[..., Any]) -> None:
    for sent, status, where in UNUSABLE:
        found, told = call("POST", ASK, sent=sent)
        assert (found, list(told)) == (status, [where]), sent
    assert JobRequest.select().count() == 0


def test_only_who_may_run_jobs_there_may_ask_and_nobody_without_a_token(
    call: Callable[..., Any], app: Flask
) -> None:
    add_backend(by="system", slug="far", name="Far")
    assert call("POST", ASK, "ada", WISH)[1] == {"backend": ["Choose a backend: far, local."]}
    for who in ("dan", "cat", "pat"):
        told = (403, {"detail": f"{who} does not have permission to run jobs on this workspace"})
        assert call("POST", ASK, who, WISH) == told
    assert call("POST", "workspaces/none/requests/", "ada", WISH)[0] == call("GET", "requests/99/")[0] == 404
    nobody = (403, {"detail": "You do not have permission to perform this action."})
    for method, path in (("POST", ASK), ("GET", "newest-jobs/")):
        assert call(method, path, None, WISH) == nobody
    leaving = token_of("ada")
    deactivate(by="system", user=User.get(username="ada"))
    answer = app.test_client().get("/api/v2/newest-jobs/", headers={"Authorization": f"ada:{leaving}"})
    assert (answer.status_code, answer.json) == nobody
    assert JobRequest.select().count() == 0


def test_a_program_asks_no_more_often_than_a_person_may(call: Callable[..., Any], app: Flask) -> None:
    app.extensions["jobsite.limits"] = Limits({"requests per person": "1 per hour"})
    assert call("POST", ASK, sent={**WISH, "dry_run": True})[0] == 200
    assert call("POST", ASK, sent=WISH)[0] == 429 and JobRequest.select().count() == 0


def test_jobs_are_asked_for_listed_and_cancelled_from_a_command_line(remote: Remote) -> None:
    dry = remote("request", "asthma", "run_all", "--dry-run")
    assert dry.exit_code == 0 and "Nothing was asked for (dry run)." in dry.output
    asked = remote("request", "asthma", "second", "--backend", "local", "--json")
    made = JobRequest.get()
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)["identifier"] == made.identifier and made.form_key
    listed = json.loads(remote("jobs", "--active", "--json").stdout)
    assert [one["action"] for one in listed] == ["second", "first"]
    assert f"asthma/{made.id}" in remote("jobs", "--workspace", "asthma").stdout
    done = remote("cancel", str(made.id), "second", "--json")
    assert json.loads(done.stdout)["cancelled"] == 1
    assert (
        remote("cancel", made.identifier).stdout
        == f"1 job of request {made.id} cancelled, or being cancelled.\n"
    )


def test_following_tells_each_change_and_ends_with_the_request(remote: Remote) -> None:
    made = json.loads(remote("request", "asthma", "second", "--json").stdout)
    for action, end in (("first", "succeeded"), ("second", "nonzero_exit")):
        for code in ("initiated", end):
            move(Job.get(action=action), code)
    ended = remote("follow", made["identifier"])
    assert ended.exit_code == 1 and ended.stdout.count("first:") == 1, ended.output
    assert ended.stdout.endswith(f"Request {made['id']}: failed\n")
    told = json.loads(remote("follow", str(made["id"]), "--json").stdout)
    assert [job["status"] for job in told["jobs"]] == ["succeeded", "failed"]


def test_a_refusal_is_the_sentence_of_the_site_and_exit_status_1(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: str) -> str:
        found = remote(*words)
        assert (found.exit_code, found.stdout) == (1, ""), found.output
        return found.stderr.strip()

    assert refused("request", "nowhere", "x") == "No Workspace matches the given query."
    assert refused("request", "asthma", "third").startswith("requested_actions: ")
    assert refused("follow", "99") == "There is no job request 99."
    assert refused("jobs", "--url", "http://example.org").startswith("The address has to begin with https://")
    for token, sentence in (
        ("", "A personal token is needed"),
        ("x\ny", "JOBSITE_REMOTE_TOKEN is not"),
        ("nobody:x", "Invalid user"),
    ):
        monkeypatch.setenv("JOBSITE_REMOTE_TOKEN", token)
        assert refused("jobs").startswith(sentence)


def test_a_site_that_fails_for_a_while_is_asked_again_and_one_that_is_none_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_commands, "PAUSE", 0.0)
    monkeypatch.setenv("JOBSITE_REMOTE_TOKEN", "secret")
    document = {
        "id": 1,
        "identifier": "x",
        "status": "succeeded",
        "status_message": "",
        "jobs": [],
        "plan": [],
    }
    keys = []

    def ask(received: Received) -> tuple[int, Any]:
        keys.append((received.headers["authorization"], received.json["key"]))
        return 201, document

    answers: Any = {
        "GET requests/1/": (200, document),
        "GET newest-jobs/": (200, {"a": 1}),
        f"POST {ASK}": ask,
    }
    with Peer(answers, faults=["drop", "503", "html", "half", "429"], token="Bearer secret") as peer:
        call = lambda *words: CliRunner().invoke(main, ["remote", *words, "--url", peer.url])
        ended = call("follow", "1")
        assert ended.exit_code == 0, ended.output
        assert "not the programming interface" in call("jobs").stderr
        peer.faults.append("drop")
        assert call("request", "asthma", "a").exit_code == 0
        peer.faults.append("redirect")
        assert call("jobs").stderr == "The site answered with a redirect, which is not followed.\n"
    assert keys[0][0] == "Bearer secret" and keys[0][1]


def test_the_names_of_the_command_are_no_settings(tmp_path: Any) -> None:
    environ = {"JOBSITE_REMOTE_URL": "https://example.org", "JOBSITE_REMOTE_TOKEN": "x"}
    assert load(tmp_path, environ).instance == tmp_path


def test_the_sentences_of_a_refusal_stand_under_their_fields() -> None:
    assert sentence_in({"detail": "No."}) == "No."
    assert (
        sentence_in({"ref": ["Not there."], "files": {"0": ["Too large."]}})
        == "ref: Not there.\nfiles: 0: Too large."
    )
    assert sentence_in(None) == sentence_in(5) == sentence_in({"a": []}) == ""
