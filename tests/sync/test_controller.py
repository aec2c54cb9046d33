"""A site elsewhere drives the runner here: every endpoint, its statuses and sentences, and whose token may do what."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend, pause, start_maintenance
from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core.errors import Denied, Invalid
from jobsite.core.events import Event
from jobsite.jobs.models import Job, JobRequest
from jobsite.settings import Settings, use
from jobsite.sync.controller.models import ControllerToken
from jobsite.sync.controller.tokens import OF_ITSELF, add_controller_token

from ..jobs.conftest import Study, project_yaml

RAP, OTHER = "a" * 16, "b" * 16
SCOPED = "from ehrql import create_dataset\nfrom ehrql.tables.tpp import appointments\n"
YAML = project_yaml(
    clean=("python:v2 a.py", [], {"highly_sensitive": {"data": "output/secret_rows.csv"}}),
    table=("python:v2 b.py", ["clean"], {"moderately_sensitive": {"table": "output/secret_table.csv"}}),
    visits=(
        "ehrql:v1 generate-dataset analysis/visits.py --output output/v.csv", [],
        {"highly_sensitive": {"data": "output/v.csv"}},
    ),
)  # fmt: skip
Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A secure side that no public side of ours stands beside."""
    runtimes = {"python": (sys.executable,), "ehrql": (sys.executable,)}
    repos = (f"{tmp_path}/repositories/",)
    return Settings(
        instance=tmp_path / "instance", side="secure", backend="tpp", allowed_repos=repos, runtimes=runtimes
    )


@pytest.fixture
def tpp(instance: Path) -> Backend:
    """The backend of this side."""
    return add_backend(by="system", slug="tpp", name="TPP")


@pytest.fixture
def token(tpp: Backend) -> str:
    """The token of a site that may use it."""
    return add_controller_token(by="system", name="site", backends=[tpp])


@pytest.fixture
def call(client: FlaskClient, token: str) -> Call:
    """`call("rap/status/", {...})`: status and JSON of a call with the token, or with another one, or none."""

    def asked(path: str, sent: Any = None, with_token: str | None = token) -> tuple[int, Any]:
        headers = {} if with_token is None else {"Authorization": with_token}
        address, method = f"/controller/v1/{path}", "GET" if sent is None else "POST"
        data = sent if isinstance(sent, bytes) else None if sent is None else json.dumps(sent).encode()
        answer = client.open(address, method=method, data=data, headers=headers)
        return answer.status_code, answer.json

    return asked


@pytest.fixture
def body(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`body("table", rap_id=…)`: what a site sends to have these actions run at the newest commit."""
    study = Study(tmp_path / "repositories" / "study")
    (study.path / "analysis").mkdir()
    (study.path / "analysis" / "visits.py").write_text(SCOPED)
    commit = study.commit(project__yaml=YAML)

    def of(*actions: str, **changed: Any) -> dict[str, Any]:
        return {
            "backend": "tpp", "rap_id": RAP, "workspace": "asthma", "repo_url": str(study.path), "branch": "main",
            "commit": commit, "database_name": "default", "requested_actions": list(actions), "codelists_ok": True,
            "force_run_dependencies": False, "created_by": "ada", "project": "air", "orgs": ["northfield"],
            "more": "is ignored",
        } | changed  # fmt: skip

    return of


def test_a_request_is_made_once_asked_for_and_cancelled(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    status, made = call("rap/create/", body("table", "table"))
    assert (status, made) == (
        201,
        {"result": "Success", "details": "2 jobs created", "rap_id": RAP, "count": 2},
    )
    request = JobRequest.get(identifier=RAP)
    assert (request.workspace.name, request.created_by.username, request.backend.slug) == (
        "asthma",
        "ada",
        "tpp",
    )
    status, again = call("rap/create/", body("table"))
    assert (status, again["result"], again["count"], Job.select().count()) == (200, "No change", 2, 2)
    status, told = call("rap/status/", {"rap_ids": [RAP, OTHER, RAP]})
    assert (status, told["unrecognised_rap_ids"]) == (200, [OTHER])
    assert [(job["action"], job["status"], job["rap_id"], job["backend"]) for job in told["jobs"]] == [
        ("clean", "pending", RAP, "tpp"),
        ("table", "pending", RAP, "tpp"),
    ]
    assert set(told["jobs"][0]) == {
        "identifier", "rap_id", "backend", "action", "run_command", "status", "status_code", "status_message",
        "created_at", "updated_at", "started_at", "completed_at", "trace_context", "metrics", "requires_db",
    }  # fmt: skip
    assert (told["jobs"][0]["trace_context"], told["jobs"][0]["metrics"]) == ({}, {})
    assert "secret" not in json.dumps(told)
    status, refused = call("rap/cancel/", {"rap_id": RAP, "actions": ["table", "other"]})
    assert (status, refused["error"], refused["not_found"]) == (404, "jobs not found", ["other"])
    assert not Job.select().where(Job.state == "failed").exists()
    status, done = call("rap/cancel/", {"rap_id": RAP, "actions": ["table"]})
    assert (status, done) == (200, {"result": "Success", "details": "1 action cancelled", "count": 1})
    codes = {job["action"]: job["status_code"] for job in call("rap/status/", {"rap_ids": [RAP]})[1]["jobs"]}
    assert codes == {"clean": "created", "table": "cancelled_by_user"}
    assert call("rap/cancel/", {"rap_id": RAP, "actions": ["table"]})[1]["count"] == 0


def test_what_is_under_way_already_is_nothing_to_do_and_another_request_of_an_id_is_refused(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    call("rap/create/", body("clean"))
    status, told = call("rap/create/", body("clean", rap_id=OTHER))
    assert (status, told["result"], told["count"]) == (200, "Nothing to do", 0) and told["details"]
    assert call("rap/create/", body("clean", rap_id=OTHER))[1] == told
    for changed in ({"requested_actions": ["table"]}, {"commit": "0" * 40}, {"workspace": "other"}):
        status, refused = call("rap/create/", {**body("clean"), **changed})
        assert (status, refused["error"]) == (400, "Inconsistent request data"), changed
    status, refused = call("rap/create/", body("clean", rap_id="c" * 16, branch="other"))
    assert (status, refused["error"]) == (400, "Inconsistent request data")


def test_a_request_that_can_become_no_jobs_says_why_in_a_fixed_sentence(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    cases = [
        ({"requested_actions": ["nothing"]}, "The requested actions cannot be run on this backend."),
        ({"commit": "0" * 40}, "Could not find commit on branch."),
        ({"repo_url": "https://github.com/else/where"}, "The repository may not be used on this backend."),
        ({"requested_actions": ["visits"]}, "The project does not have permission to use this data."),
    ]
    for number, (changed, sentence) in enumerate(cases):
        sent = body("clean", rap_id=f"{number:016}", workspace=f"place-{number}") | changed
        for _ in range(2):
            told = {"error": "Error creating jobs", "details": sentence}
            assert call("rap/create/", sent) == (400, told)
    assert not Job.select().exists()


def test_what_needs_a_permission_runs_where_the_scope_names_it(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    scope = {"dataset_permissions": ["appointments"], "population_permissions": None}
    assert call("rap/create/", body("visits", analysis_scope=scope))[0] == 201
    assert Job.get().action == "visits"


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"rap_id": "A" * 16}, "identifier"), ({"rap_id": "a"}, "identifier"), ({"commit": "main"}, "sha"),
    ({"requested_actions": []}, "requested_actions"), ({"codelists_ok": "yes"}, "codelists_ok"),
    ({"database_name": "full"}, "database_name"), ({"orgs": None}, "orgs"), ({"created_by": ""}, "created_by"),
    ({"analysis_scope": {"dataset_permissions": ["x"]}}, "analysis_scope"), ({"analysis_scope": 5}, "analysis_scope"),
]  # fmt: skip


def test_a_body_that_cannot_be_used_is_refused_in_words(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    for changed, word in UNUSABLE:
        status, told = call("rap/create/", body("clean") | changed)
        assert (status, told["error"]) == (400, "Validation error") and word in told["details"], changed
        assert told["details"].startswith("Invalid request body received")
    assert not JobRequest.select().exists()


PATHS = ("rap/create/", "rap/cancel/", "rap/status/")


def test_every_endpoint_refuses_what_is_no_json_another_method_and_a_missing_or_wrong_token(
    call: Call, client: FlaskClient, token: str
) -> None:
    for path in PATHS:
        for data in (b"", b"{", b"\xff", b'"\\ud800"', b"[" * 100_000):
            told = {"error": "Validation error", "details": "could not parse JSON from request body"}
            assert call(path, data) == (400, told), (path, data[:9])
        for data in ([], 5, {}, {"rap_ids": [None]}, {"rap_id": RAP, "actions": []}):
            assert call(path, data)[0] == 400, (path, data)
        answer = client.get(f"/controller/v1/{path}", headers={"Authorization": token})
        assert (answer.status_code, answer.mimetype) == (405, "application/json")
    for path in (*PATHS, "backend/status/"):
        sent = None if path == "backend/status/" else {}
        for wrong, details in (
            (None, "No token provided"),
            ("", "No token provided"),
            ("x", "Invalid token"),
        ):
            assert call(path, sent, wrong) == (401, {"error": "Unauthorized", "details": details})
        assert call(path, sent, f"Bearer {token}")[0] == call(path, sent, token[:-1])[0] == 401


def test_a_token_reaches_nothing_of_a_backend_that_it_is_not_for(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    call("rap/create/", body("clean"))
    far = add_backend(by="system", slug="far", name="Far")
    other = add_controller_token(by="system", name="other", backends=[far])
    told = {"error": "Error creating jobs", "details": "The token may not be used for this backend"}
    assert call("rap/create/", body("clean"), other) == (400, told)
    assert call("rap/create/", body("clean", backend="nowhere"), other) == (400, told)
    assert call("rap/status/", {"rap_ids": [RAP]}, other) == (
        200,
        {"jobs": [], "unrecognised_rap_ids": [RAP]},
    )
    status, refused = call("rap/cancel/", {"rap_id": RAP, "actions": ["clean"]}, other)
    assert (status, refused["rap_id"], "not_found" in refused) == (404, RAP, False)
    assert [one["slug"] for one in call("backend/status/", None, other)[1]["backends"]] == ["far"]
    assert Job.get().state == "pending"


def test_a_site_sees_pause_and_maintenance_of_its_backends(call: Call, tpp: Backend) -> None:
    (shown,) = call("backend/status/")[1]["backends"]
    off = {"status": "off", "since": None}
    assert (shown["slug"], shown["paused"], shown["db_maintenance"]) == ("tpp", off, {**off, "type": None})
    pause(by="system", backend=tpp)
    start_maintenance(by="system", backend=tpp)
    (shown,) = call("backend/status/")[1]["backends"]
    assert shown["paused"]["status"] == shown["db_maintenance"]["status"] == "on"
    assert shown["paused"]["since"].endswith("Z") and shown["db_maintenance"]["type"] == "manual"


def test_tokens_are_made_listed_and_ended_by_command_and_kept_as_hashes(
    call: Call, settings: Settings
) -> None:
    def run(*words: str) -> Any:
        environ = {"JOBSITE_SIDE": "secure", "JOBSITE_BACKEND": "tpp"}
        words = ("controller-token", *words, "--instance", str(settings.instance))
        done = CliRunner().invoke(main, words, env=environ)
        use(settings)
        return done

    made = run("add", "another").stdout.strip()
    assert len(made) == 64 and call("backend/status/", None, made)[0] == 200
    assert [one["name"] for one in json.loads(run("list", "--json").stdout)] == ["another", "site"]
    assert made not in str(list(ControllerToken.select().tuples())) + str(list(Event.select().tuples()))
    assert run("add", "another").exit_code == run("add", "x", "--backend", "moon").exit_code == 1
    assert run("revoke", "another").exit_code == 0 and run("revoke", "another").exit_code == 1
    assert call("backend/status/", None, made)[0] == 401


def test_a_site_of_both_sides_gives_no_such_token(tmp_path: Path, tpp: Backend, settings: Settings) -> None:
    use(Settings(instance=settings.instance))
    with pytest.raises(Denied, match=OF_ITSELF[:30]):
        add_controller_token(by="system", name="site", backends=[tpp])
    use(settings)
    for name, backends in (("Not A Slug", [tpp]), ("site", [])):
        with pytest.raises(Invalid):
            add_controller_token(by="system", name=name, backends=backends)


def test_every_refusal_has_details_for_the_program_that_reads_them(call: Call, client: FlaskClient) -> None:
    nothing = client.get("/controller/v2/backend/status/")
    assert (nothing.status_code, nothing.json) == (404, {"error": "Not Found", "details": "Not found."})
    refused = [
        call("rap/cancel/", {"rap_id": RAP, "actions": ["a"]}, f"{number:064x}") for number in range(61)
    ]
    assert refused[0] == (401, {"error": "Unauthorized", "details": "Invalid token"})
    status, told = refused[-1]
    assert (status, told["error"]) == (429, "Too Many Requests") and told["details"].startswith("Too many")
    status, told = call("rap/cancel/", b"[" + b" " * 9 * 2**20)
    assert (status, set(told)) == (413, {"error", "details"})


def test_all_that_is_active_is_asked_for_at_once(call: Call) -> None:
    wanted = [f"{number:016x}" for number in range(3000)]
    assert call("rap/status/", {"rap_ids": wanted}) == (200, {"jobs": [], "unrecognised_rap_ids": wanted})


def test_a_site_without_organisations_and_workspaces_names_the_project_for_all(
    call: Call, body: Callable[..., dict[str, Any]]
) -> None:
    asked = body("run_all", workspace="asthma", project="asthma", orgs=[], force_run_dependencies=True)
    status, made = call("rap/create/", {**asked, "requested_actions": ["clean", "table"]})
    assert (status, made["count"]) == (201, 2)
    request = JobRequest.get(identifier=RAP)
    assert (request.workspace.project.slug, request.force_run_dependencies) == ("asthma", True)
