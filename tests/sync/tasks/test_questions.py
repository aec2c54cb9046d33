"""What agents ask the databases of their backends: when, and what becomes of the answers."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jobsite.accounts.backends import add_backend, end_maintenance, set_checks, start_maintenance
from jobsite.accounts.models import Backend
from jobsite.core.clock import now
from jobsite.jobs.backend_alerts import clear_quiet_alerts
from jobsite.jobs.database_status import check_database
from jobsite.jobs.models import BackendAlert, Job
from jobsite.settings import current
from jobsite.sync.tasks.actions import set_agent
from jobsite.sync.tasks.database import KEPT, ask_agents, expected_month
from jobsite.sync.tasks.models import AgentTask

from .conftest import Agent
from .registry import DIGEST, Registry

DONE = (200, {"response": "Update successful"})


@pytest.fixture(autouse=True)
def database_image(instance: Any) -> None:
    """The image of the tools of the database is set."""
    object.__setattr__(current(), "agent_database_image", "tools:v1")


def answer(agent: Agent, status: Any, **results: Any) -> str:
    """Ask what is due and tell this status; the id of the task."""
    ask_agents()
    task = next(one for one in agent.fetch() if one["type"] == "dbstatus")
    told = {"results": {"status": status}, "error": None} | results
    assert agent.tell(task["id"], "", told) == DONE
    return task["id"]


def test_the_database_is_asked_before_all_else_and_once_until_it_answers(
    agent: Agent, ask: Callable[..., dict[str, Job]], run_until: Any, registry: Registry
) -> None:
    ask("other")
    run_until(lambda: agent.types() == [("runjob", "other")])
    for _ in range(3):
        ask_agents()
    assert agent.types() == [("dbstatus", ""), ("runjob", "other")]
    task = agent.fetch()[0]
    kind, day, number = task["id"].partition("-")[0], f"{now():%Y-%m-%d}", task["id"][-20:]
    assert (kind, task["id"]) == ("dbstatus", f"dbstatus-{day}-{number}") and int(number, 16)
    image = {"image": f"{registry.prefix}/tools:v1", "image_sha": DIGEST}
    assert (task["definition"], task["attributes"]) == ({"database_name": "default", **image}, {})


def test_an_answer_of_the_fixed_list_turns_maintenance_and_no_other_does(agent: Agent, far: Backend) -> None:
    def is_on() -> bool:
        return Backend.get_by_id(far.id).is_in_maintenance_mode

    for status, on in (("db-maintenance", True), ("none;1", False), ("db-maintenance;2", True), ("", False)):
        answer(agent, status)
        assert is_on() == on, status
    assert not BackendAlert.select().exists()
    answer(agent, "db-maintenance")
    for status in ("up", "DB-MAINTENANCE", "none;9", None, 5, ["none"], {"x": 1}, "x" * 10_000):
        answer(agent, status)
        assert is_on(), status
    answer(agent, "none", results=None, error={"type": "Odd", "message": "output/secret.csv"})
    answer(agent, "none", error={"type": "Odd", "message": "output/secret.csv"})
    answer(agent, "none", results="none")
    assert is_on()
    (alert,) = BackendAlert.select()
    assert alert.failures == {"unknown_answer": 4, "failed": 7} and alert.raised_at


def test_a_second_answer_changes_nothing(agent: Agent, far: Backend) -> None:
    task = answer(agent, "db-maintenance")
    assert agent.tell(task, "", {"results": {"status": "none"}, "error": None}) == DONE
    assert agent.tell(task, "executing") == DONE
    assert Backend.get_by_id(far.id).is_in_maintenance_mode and agent.fetch() == []


def test_an_agent_answers_for_its_own_backend_alone(agent: Agent) -> None:
    other = add_backend(by="system", slug="other", name="Other")
    set_agent(by="system", backend=other, to=True)
    ask_agents()
    foreign = AgentTask.get(AgentTask.backend == other)
    assert (
        agent.tell(foreign.identifier, "", {"results": {"status": "db-maintenance"}, "error": None})[0] == 500
    )
    assert AgentTask.get_by_id(foreign.id).is_active


def test_nobody_is_asked_where_checks_are_off_and_the_servers_own_program_leaves_agents_alone(
    agent: Agent, far: Backend
) -> None:
    set_checks(by="system", backend=far, disabled=True)
    ask_agents()
    assert agent.fetch() == []
    set_checks(by="system", backend=Backend.get_by_id(far.id), disabled=False)
    object.__setattr__(current(), "database_status_command", ("/bin/echo", "db-maintenance"))
    check_database()
    assert not Backend.get_by_id(far.id).is_in_maintenance_mode


def test_an_image_that_cannot_be_had_is_an_alert_and_asks_nobody(agent: Agent, registry: Registry) -> None:
    for mode, images in (("broken", ("tools:v1",)), ("open", ())):
        registry.mode, registry.images = mode, images
        ask_agents()
        assert agent.fetch() == []
    object.__setattr__(current(), "agent_database_image", "Not an image")
    ask_agents()
    (alert,) = BackendAlert.select()
    assert alert.failures == {"no_image": 3}


def test_once_a_day_outside_maintenance_the_data_are_checked(
    agent: Agent, far: Backend, cast: SimpleNamespace, sign_in: Any
) -> None:
    object.__setattr__(current(), "agent_data_months", 2)
    start_maintenance(by="system", backend=far)
    ask_agents()
    assert [kind for kind, _ in agent.types()] == ["dbstatus"]
    end_maintenance(by="system", backend=Backend.get_by_id(far.id))
    ask_agents()
    task = next(one for one in agent.fetch() if one["type"] == "dbdatacheck")
    assert task["definition"]["hes_expected_activity_month"] == expected_month(now(), 2)
    assert agent.tell(task["id"], "", {"results": {"status": "FAILED"}, "error": None}) == DONE
    (alert,) = BackendAlert.select()
    assert (alert.kind, alert.failures) == ("data", {"behind": 1}) and alert.raised_at
    page = sign_in(agent.client, "sam").get("/status/").text
    assert "end earlier than expected" in page and "as old as that" in page
    ask_agents()
    assert [kind for kind, _ in agent.types()] == ["dbstatus"], "it was asked today"
    AgentTask.update(created_at=now() - timedelta(days=1)).execute()
    ask_agents()
    task = next(one for one in agent.fetch() if one["type"] == "dbdatacheck")
    assert agent.tell(task["id"], "", {"results": {"status": "OK"}, "error": None}) == DONE
    clear_quiet_alerts(timedelta(0))
    assert BackendAlert.get().cleared_at is not None


def test_questions_that_were_answered_are_forgotten_after_a_week(agent: Agent) -> None:
    answer(agent, "none")
    AgentTask.update(created_at=now() - KEPT - timedelta(hours=1)).execute()
    ask_agents()
    assert [row.is_active for row in AgentTask.select()] == [True]
    AgentTask.update(created_at=now() - KEPT - timedelta(hours=1)).execute()
    ask_agents()
    assert AgentTask.select().count() == 1, "one that is open stays"
