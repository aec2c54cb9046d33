"""Why a job waits: exact place, what is before it, how full its pool is, how long such jobs run."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobsite.accounts.models import Backend
from jobsite.jobs.actions import Wish, submit
from jobsite.jobs.definitions import newest_definition
from jobsite.jobs.engine import Engine
from jobsite.jobs.execution import attempt_dir, executor
from jobsite.jobs.history import spread
from jobsite.jobs.models import Attempt, Job, JobRequest
from jobsite.jobs.waiting_reasons import why
from jobsite.jobs.weights import weights_path
from jobsite.projects.actions import add_member, add_organisation, add_project
from jobsite.projects.workspaces import create_workspace

from .conftest import Study, project_yaml

HIGH = "highly_sensitive"
NAMES = ("one", "two", "three", "four", "five")
SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def queue(study: Study, ask: Callable[..., JobRequest], engine: Engine) -> object:
    """Five jobs of one workspace, of which two run and three wait."""
    steps = {name: (f"python:v2 s.py {name}", [], {HIGH: {"x": f"{name}.csv"}}) for name in NAMES}
    last = {"last": ("python:v2 s.py last", ["four", "five"], {HIGH: {"x": "last.csv"}})}
    study.commit(project__yaml=project_yaml(**steps, **last), s__py=SLEEP)
    ask("run_all")
    engine.turn()
    yield
    for attempt in Attempt.select(Attempt, Job).join(Job):
        executor().kill_now(attempt_dir(attempt.job, attempt))


def job(action: str) -> Job:
    return Job.get(Job.action == action)


def test_each_waiting_job_has_its_exact_place_and_what_is_before_it(queue: object) -> None:
    waits = [why(job(name)) for name in ("three", "four", "five")]
    assert [one and one.place for one in waits] == [1, 2, 3]
    assert [one and one.ahead for one in waits] == [(), ("three",), ("three", "four")]
    assert waits[0] and waits[0].words == "It is the next to start. 2 of 2 workers are taken."
    assert waits[2] and waits[2].words == "2 jobs before it. 2 of 2 workers are taken."


def test_the_first_in_the_queue_is_the_next_to_start(queue: object, engine: Engine) -> None:
    Job.update(state="succeeded", status_code="succeeded").where(Job.action == "one").execute()
    engine.turn()
    assert {one.action for one in Job.select().where(Job.state == "running")} == {"two", "three"}


def test_jobs_of_other_projects_are_counted_and_not_named(
    queue: object, cast: SimpleNamespace, study: Study, local: Backend, engine: Engine
) -> None:
    project = add_project(by="system", name="Sea", orgs=[add_organisation(by="system", name="South")])
    add_member(by="system", project=project, user=cast.ada, roles=["ProjectDeveloper"])
    other = create_workspace(by=cast.ada, project=project, name="coast", repo=str(study.path), branch="main")
    submit(by=cast.ada, wish=Wish(other, local, newest_definition(other), ("one", "two")))
    engine.turn()
    found = why(job("three"))
    assert found is not None
    assert (found.place, found.ahead, found.others) == (3, (), 2)
    assert found.ahead_words == "2 of other projects"


def test_a_job_that_waits_for_others_has_no_place_and_names_them(queue: object) -> None:
    found = why(job("last"))
    assert found is not None
    assert (found.place, found.words, found.waits_for) == (0, "", ("four", "five"))
    assert found.sentence == "Waiting on dependencies: four, five"


def test_the_weight_of_a_job_and_of_what_runs_is_told(queue: object, instance: Path) -> None:
    weights_path(instance, "local").parent.mkdir()
    weights_path(instance, "local").write_text('[asthma]\n"one" = 0.5\n"three" = 1.5\n')
    found = why(job("three"))
    assert found is not None
    assert found.room == "1.5 of 2 workers are taken; it takes 1.5."


def test_a_job_that_runs_does_not_wait(queue: object) -> None:
    assert why(job("one")) is None


def test_the_history_of_the_action_gives_a_range_of_time(queue: object) -> None:
    found = why(job("three"))
    assert found is not None and found.run_time is None
    template = job("one").__data__
    for minutes in range(1, 11):
        begun = template["created_at"]
        past = {**template, "identifier": f"past{minutes:012}", "action": "three", "state": "succeeded"}
        past |= {"started_at": begun, "completed_at": begun + timedelta(minutes=minutes)}
        del past["id"]
        Job.create(**past)
    found = why(Job.get((Job.action == "three") & (Job.state == "pending")))
    assert found is not None and found.run_time is not None
    assert (found.run_time.runs, found.run_time.median, found.run_time.slow) == (10, 300, 540)


def test_the_number_of_queries_does_not_grow_with_the_queue(
    queue: object, queries: Callable[..., object]
) -> None:
    waiting = job("five")
    with queries() as seen:
        why(waiting)
    assert len(seen) <= 5, seen


def test_without_runs_there_is_no_range() -> None:
    assert spread([]) is None
    one = spread([7.0])
    assert one is not None and (one.median, one.slow) == (7.0, 7.0)
