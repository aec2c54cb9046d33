"""Every call of an agent: statuses, sentences, whose token may do what, and what is in a task."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from jobsite.accounts.backends import add_backend, edit_backend, rotate_token
from jobsite.accounts.models import Backend
from jobsite.cli import main
from jobsite.core.errors import Conflict, Denied, Invalid
from jobsite.core.events import Event
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.models import Job
from jobsite.jobs.weights import weights_path
from jobsite.projects import data_permissions
from jobsite.projects.models import Workspace
from jobsite.settings import Settings, current, use
from jobsite.status.doctor import examination
from jobsite.sync.tasks.actions import set_agent
from jobsite.sync.tasks.models import AgentToken
from jobsite.sync.tasks.tokens import add_agent_token

from ...jobs.conftest import Study
from .conftest import YAML, Agent
from .registry import DIGEST, Registry

Ask = Callable[..., dict[str, Job]]
Handed = Callable[[str], Job]
FAILED = (500, {"error": "Error updating task"})
DONE = (200, {"response": "Update successful"})


def test_whoever_asks_learns_that_there_is_somebody_and_a_wrong_method_is_refused(agent: Agent) -> None:
    answer = agent.client.get("/agent/")
    assert (answer.status_code, answer.json) == (200, {"method": "GET"})
    for path, method in (("tasks/", "POST"), ("task/update/", "GET")):
        status, told = agent.call(path, method=method)
        assert (status, told["error"]) == (405, "Method not allowed")
    assert agent.client.post("/agent/").status_code == 405
    assert agent.client.head("/agent/").status_code == 200
    assert agent.client.head("/agent/far/task/update/").status_code == 405


def test_a_backend_without_an_agent_is_not_found(agent: Agent, far: Backend) -> None:
    add_backend(by="system", slug="near", name="Near")
    for slug in ("near", "nowhere", "FAR", "%C3%A9"):
        agent.backend = slug
        status, told = agent.call("tasks/")
        assert (status, told["error"], set(told)) == (404, "Not found", {"error", "details"}), slug
        assert agent.tell("x")[0] == 404
    agent.backend = "far"
    edit_backend(by="system", backend=far, name="Far", is_active=False, accepts_jobs=True, alert_timeout=300)
    assert agent.call("tasks/")[0] == 404


def test_a_token_is_of_one_backend_and_no_other_token_does(agent: Agent, client: FlaskClient) -> None:
    other = add_backend(by="system", slug="other", name="Other")
    set_agent(by="system", backend=other, to=True)
    foreign = add_agent_token(by="system", backend=other, name="first")
    right = agent.token
    invalid = {"error": "Unauthorized", "details": "Invalid token for backend 'far'"}
    wrong = (right[:-1], right + "0", right.upper(), f"Bearer {right}", foreign, "0" * 64)
    for token in ("", *wrong):
        agent.token = token
        said = invalid if token else {"error": "Unauthorized", "details": "No token provided"}
        assert agent.call("tasks/") == (401, said), token
        assert agent.tell("x") == (401, said), token
    assert Agent(client, "other", foreign).fetch() == []


def test_who_tries_many_tokens_is_made_to_wait(agent: Agent) -> None:
    agent.token = "guessed"
    answers = [agent.call("tasks/")[0] for _ in range(60)]
    assert answers[0] == 401 and answers[-1] == 429


UNUSABLE = (
    "", "{", "[]", "5", "null", '"x"', "[" * 50_000, '{"task_id": "\\ud800", "complete": true}',
    json.dumps({"complete": True}), json.dumps({"task_id": 5, "complete": True}),
    json.dumps({"task_id": "x" * 500, "complete": True}), json.dumps({"task_id": "x" * 16, "complete": True}),
    json.dumps({"task_id": "../../etc/passwd", "complete": True}),
)  # fmt: skip


def test_an_update_that_cannot_be_used_changes_nothing(agent: Agent, handed: Handed) -> None:
    job = handed("other")
    task = f"{job.identifier}-001"
    bad = [
        {"stage": "done"}, {"stage": 5}, {"stage": None}, {"results": []}, {"results": "x"}, {"complete": "yes"},
        {"complete": None}, {"complete": 1},
    ]  # fmt: skip
    sent = [json.dumps({"task_id": task, "stage": "", "results": {}, "complete": True} | one) for one in bad]
    for payload in (*UNUSABLE, *sent):
        assert agent.send(payload) == FAILED, payload[:80]
    assert agent.call("task/update/", {"other": "field"}) == FAILED
    assert agent.send("x" * 500_001)[0] == 413
    assert agent.tell(f"{task}-cancel", "finalized", {}) == FAILED, "nobody has asked for its end"
    assert agent.tell(f"{job.identifier}-002", "executing") == FAILED
    assert agent.types() == [("runjob", "other")]


def test_an_agent_tells_nothing_of_tasks_of_another_backend(agent: Agent, handed: Handed) -> None:
    job = handed("other")
    other = add_backend(by="system", slug="other", name="Other")
    set_agent(by="system", backend=other, to=True)
    stranger = Agent(agent.client, "other", add_agent_token(by="system", backend=other, name="first"))
    assert stranger.fetch() == []
    assert stranger.tell(f"{job.identifier}-001", "finalized", {"exit_code": "0"}) == FAILED
    assert Job.get_by_id(job.id).state == "running" and len(agent.fetch()) == 1


def test_that_an_agent_asked_is_noted(agent: Agent, far: Backend) -> None:
    assert Backend.get_by_id(far.id).last_seen_at is None
    agent.fetch()
    assert Backend.get_by_id(far.id).last_seen_at is not None


def test_a_task_says_all_that_an_agent_needs_and_stays_the_same(
    agent: Agent, ask: Ask, run_until: Any, registry: Registry, settings: Settings
) -> None:
    jobs = ask("table")
    run_until(lambda: agent.types() == [("runjob", "clean")])
    clean, table = jobs["clean"], jobs["table"]
    (task,) = agent.fetch()
    definition = task.pop("definition")
    url, commit = definition["repo_url"], definition["commit"]
    assert task == {
        "id": f"{clean.identifier}-001", "backend": "far", "type": "runjob", "created_at": task["created_at"],
        "attributes": {"user": "ada", "project": "air", "orgs": "northfield"},
    }  # fmt: skip
    assert definition == {
        "id": clean.identifier, "rap_id": clean.job_request.identifier, "task_id": task["id"],
        "repo_url": clean.workspace.repo.url, "commit": clean.job_request.commit,
        "study": {"git_repo_url": url, "commit": commit, "branch": "main"},
        "workspace": "asthma", "action": "clean", "created_at": definition["created_at"],
        "image": f"{registry.prefix}/python:v2", "image_sha": DIGEST, "args": ["a.py", "--rows", "10"],
        "env": {"OPENSAFELY_BACKEND": "far"}, "inputs": [], "input_job_ids": [],
        "output_spec": {"output/secret_rows.csv": "highly_sensitive"},
        "allow_database_access": False, "database_name": None, "user": "ada", "cpu_count": 2, "memory_limit": "4G",
        "level4_max_filesize": 16 * 2**20, "level4_max_csv_rows": 5000,
        "level4_file_types": list(settings.level4_file_types),
    }  # fmt: skip
    assert isinstance(task["created_at"], int) and isinstance(definition["created_at"], int)
    asked = len(registry.asked)
    registry.images = ()
    assert agent.fetch()[0]["definition"] == definition and len(registry.asked) == asked
    registry.images = ("python:v2",)
    assert agent.tell(task["id"], "finalized", {"exit_code": "0"}) == DONE
    run_until(lambda: agent.types() == [("runjob", "table")])
    assert agent.fetch()[0]["definition"]["input_job_ids"] == [clean.identifier]
    assert Job.get_by_id(table.id).state == "running"


def test_a_reusable_action_is_told_with_its_own_code_beside_the_studys(
    agent: Agent, workspace: Workspace, study: Study, far: Backend, cast: SimpleNamespace, run_until: Any
) -> None:
    study.commit(project__yaml=YAML)
    request = submit(by=cast.ada, wish=Wish(workspace, far, newest_definition(workspace), ("other",)))[0]
    its = {"code_repo": "https://git.example/actions/plot", "code_commit": "e" * 40, "code_tag": "v2"}
    Job.update(its).where(Job.job_request == request).execute()
    run_until(lambda: agent.types() == [("runjob", "other")])
    definition = agent.fetch()[0]["definition"]
    assert (definition["repo_url"], definition["commit"]) == (its["code_repo"], its["code_commit"])
    study_of = {"git_repo_url": workspace.repo.url, "commit": request.commit, "branch": "main"}
    assert definition["study"] == study_of


def test_limits_and_weights_of_the_backend_are_told_and_hold(
    agent: Agent, ask: Ask, run_until: Any, settings: Settings, engine: Engine
) -> None:
    path = weights_path(settings.instance, "far")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[default]\n'.*c.py' = 2\n'.*' = {memory = '1500 MiB', cpus = 1.5}\n")
    ask("clean", "other")
    run_until(lambda: agent.types() == [("runjob", "clean")])
    told = agent.fetch()[0]["definition"]
    assert (told["memory_limit"], told["cpu_count"]) == ("1500M", 1.5)
    waiting = Job.get(Job.action == "other")
    assert waiting.status_message == "Waiting on available workers for resource intensive job"


def test_a_database_job_is_told_what_its_project_may_use_and_no_way_to_the_database(
    agent: Agent, workspace: Workspace, settings: Settings, ask: Ask, run_until: Any
) -> None:
    add = data_permissions.add
    add(by="system", project=workspace.project, kind="dataset", value="icnarc", reason="It is needed.")
    add(by="system", project=workspace.project, kind="component", value="sqlrunner", reason="It is needed.")
    ask("visits")
    run_until(lambda: agent.types() == [("runjob", "visits")])
    definition = agent.fetch()[0]["definition"]
    assert (definition["allow_database_access"], definition["database_name"]) == (True, "default")
    assert definition["env"] == {"OPENSAFELY_BACKEND": "far", "EHRQL_PERMISSIONS": '["icnarc"]'}


def test_a_token_made_beside_the_first_replaces_it_without_a_stop(agent: Agent, settings: Settings) -> None:
    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, [*words, "--instance", str(settings.instance)])
        use(settings)
        return done

    first = agent.token
    agent.token = run("agent-token", "add", "far", "second").stdout.strip()
    assert len(agent.token) == 64 and agent.call("tasks/")[0] == 200
    listed = json.loads(run("agent-token", "list", "--json").stdout)
    assert [(one["backend"], one["name"]) for one in listed] == [("far", "first"), ("far", "second")]
    assert run("agent-token", "list").stdout == "far  first\nfar  second\n"
    kept = str(list(AgentToken.select().tuples())) + str(list(Event.select().tuples()))
    assert agent.token not in kept and first not in kept
    assert run("agent-token", "revoke", "far", "first").exit_code == 0
    assert agent.call("tasks/")[0] == 200
    agent.token = first
    assert agent.call("tasks/")[0] == 401
    assert "The name of a token has 1 to 50" in run("agent-token", "add", "far", "Not A Slug").stderr
    for words in (
        ("add", "far", "second"),
        ("add", "moon", "x"),
        ("revoke", "far", "first"),
    ):
        assert run("agent-token", *words).exit_code == 1, words


def test_a_backend_is_given_to_an_agent_and_taken_back_by_command(
    agent: Agent, far: Backend, settings: Settings
) -> None:
    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, ["backend", *words, "--instance", str(settings.instance)])
        use(settings)
        return done

    assert run("list").stdout == "far  Far  running, with an agent\n"
    assert json.loads(run("list", "--json").stdout)[0]["has_agent"] is True
    assert run("agent", "far", "off").exit_code == 0 and agent.call("tasks/")[0] == 404
    assert "this server" in run("agent", "far", "off").stdout, "asked for twice is no mistake"
    assert run("agent", "far", "on").exit_code == 0 and agent.call("tasks/")[0] == 200
    with pytest.raises(Conflict):
        set_agent(by="system", backend=far, to=True)
    Backend.update(is_remote=True).where(Backend.id == far.id).execute()
    with pytest.raises(Denied):
        set_agent(by="system", backend=Backend.get_by_id(far.id), to=False)
    assert agent.call("tasks/")[0] == 404


def test_a_token_for_the_backend_itself_leaves_its_jobs_to_the_agent(
    agent: Agent, far: Backend, client: FlaskClient, cast: SimpleNamespace, sign_in: Any, csrf: Any
) -> None:
    assert "no program but its agent" in sign_in(client, "sam").get("/staff/backends/far/").text
    rotate = "/staff/backends/far/rotate/"
    assert "runs_here" not in client.get(rotate).text
    assert client.post(rotate, data={"overlap": "0", "csrf_token": csrf(client, rotate)}).status_code == 200
    rotate_token(by="system", backend=far)
    with pytest.raises(Invalid, match="An agent carries out its jobs"):
        rotate_token(by="system", backend=far, runs_here=False)
    assert Backend.get_by_id(far.id).auth_token_hash and agent.call("tasks/")[0] == 200


def test_staff_are_told_why_what_an_agent_has_cannot_be_sent_to_the_controller(
    agent: Agent, client: FlaskClient, cast: SimpleNamespace, sign_in: Any
) -> None:
    use(replace(current(), controller_url="http://127.0.0.1:1", controller_token="t" * 40))
    page = sign_in(client, "sam").get("/staff/backends/far/").text
    assert "they cannot be sent to a controller as well" in page
    assert "/staff/backends/far/dispatch/" not in page


def test_operators_see_whether_an_agent_can_fetch_its_jobs(
    far: Backend, settings: Settings, client: FlaskClient, sign_in: Any, cast: SimpleNamespace
) -> None:
    def said() -> tuple[bool, str]:
        return next((one.ok, one.sentence) for one in examination(settings) if one.name == "backend far")

    assert said() == (False, "Its agent has no token: `jobsite agent-token add far NAME` makes one.")
    agent = Agent(client, "far", add_agent_token(by="system", backend=far, name="first"))
    assert said() == (False, "It was never in contact.")
    agent.fetch()
    assert said()[0]
    object.__setattr__(current(), "agent_images", "")
    assert "AGENT_IMAGES" in said()[1]
    page = sign_in(client, "sam").get("/staff/backends/far/").text
    assert "Are carried out by an agent" in page and "Never yet" not in page
    assert "<strong>first</strong>" in page and agent.token not in page
