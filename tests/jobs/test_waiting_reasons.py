"""Why a job waits: exact place, what is before it, how full its pool is, how long such jobs run."""

import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.models import Backend
from jobsite.core import clock
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


def past_runs(action: str, *minutes: float) -> None:
    """Runs of an action that succeeded, so long ago that they count for nothing but their length."""
    template = job("one").__data__
    for number, length in enumerate(minutes):
        begun = template["created_at"]
        past = {**template, "identifier": f"{action}{number:010}", "action": action, "state": "succeeded"}
        past |= {"started_at": begun, "completed_at": begun + timedelta(minutes=length)}
        del past["id"]
        Job.create(**past)


def waiting(action: str) -> Job:
    return Job.get((Job.action == action) & (Job.state == "pending"))


def test_the_history_of_what_is_before_it_gives_when_it_starts(queue: object) -> None:
    found = why(waiting("three"))
    assert found is not None and found.expected is None, "nothing at all has run so far"
    past_runs("one", 5, 10)
    past_runs("two", 20, 30)
    found = why(waiting("three"))
    assert found is not None and found.expected is not None
    assert (math.ceil(found.expected.best / 60), math.ceil(found.expected.worst / 60)) == (5, 10)
    assert found.expected.words == "It usually starts in 4 to 10 min."
    found = why(waiting("five"))
    assert found is not None and found.expected is not None
    assert math.isinf(found.expected.worst), "nobody knows how long three and four run"
    past_runs("three", 7)
    found = why(waiting("four"))
    assert found is not None and found.expected is not None
    assert (math.ceil(found.expected.best / 60), math.ceil(found.expected.worst / 60)) == (12, 17)


def test_one_that_runs_longer_than_ever_makes_it_unknown(queue: object) -> None:
    past_runs("one", 0.001)
    past_runs("two", 0.001)
    with clock.at(clock.now() + timedelta(minutes=1)):
        found = why(waiting("three"))
    assert found is not None and found.expected is not None
    assert found.expected.words.startswith("When it starts is not known")


def test_the_job_page_tells_why_it_waits(queue: object, client: FlaskClient) -> None:
    past_runs("one", 5, 10)
    past_runs("two", 20, 30)
    past_runs("three", 3, 3, 5)
    there = waiting("three")
    page = client.get(f"/asthma/{there.job_request_id}/{there.identifier}/").text
    told = " ".join(page[page.index('id="why"') :].split("</section>")[0].split())
    assert "Waiting on available workers: every worker of Local is busy." in told
    assert "It is the next to start. 2 of 2 workers are taken." in told
    assert "It usually starts in 4 to 10 min." in told
    assert "It ran 3 to 5 min the last 3 times." in told
    assert ">one</a> of this request" in told
    last = waiting("last")
    page = client.get(f"/asthma/{last.job_request_id}/{last.identifier}/").text
    assert "It starts when these have succeeded" in page and ">four</a> (pending)" in page
    runs = job("one")
    assert 'id="why"' not in client.get(f"/asthma/{runs.job_request_id}/{runs.identifier}/").text


def many(count: int) -> None:
    """So many jobs that wait for room, beside those that are there."""
    template = waiting("five").__data__
    rows = [
        {**template, "identifier": f"m{number:015}", "action": f"many_{number:04}", "position": number + 100}
        for number in range(count)
    ]
    for row in rows:
        del row["id"]
    for start in range(0, count, 100):
        Job.insert_many(rows[start : start + 100]).execute()


def test_beyond_five_hundred_jobs_places_are_exact_and_the_queue_is_paged(
    queue: object, client: FlaskClient, queries: Callable[..., object]
) -> None:
    many(1200)
    last = Job.get(Job.action == "many_1199")
    found = why(last)
    assert found is not None and found.place == 1203
    names: list[str] = []
    for number in range(1, 26):
        page = client.get(f"/status/?waiting={number}").text
        names += [str(int(found)) for found in re.findall(r'id="job-m(\d+)"', page)]
    assert names == [str(number) for number in range(1200)]
    assert "1,202 jobs before it" in client.get("/status/?waiting=25").text
    assert client.get("/status/?waiting=9999").text.count('id="job-m') > 0, "the last page there is"
    with queries() as seen:
        client.get("/status/?waiting=7")
        client.get(f"/asthma/{last.job_request_id}/{last.identifier}/")
    assert len(seen) <= 15, seen


def test_an_address_of_a_page_that_is_none_shows_the_first(queue: object, client: FlaskClient) -> None:
    for number in ("0", "-1", "x", "²", "9" * 40):
        assert client.get("/status/", query_string={"waiting": number, "running": number}).status_code == 200
