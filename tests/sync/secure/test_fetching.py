"""Job requests of the public side become jobs here: proved, planned, once, and whatever happens in between."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import peewee
import pytest

from jobsite import settings as all_settings
from jobsite.accounts.models import Backend, User
from jobsite.core import clock
from jobsite.core.db import close_connections, database
from jobsite.core.events import Event
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.reports import reports_of
from jobsite.jobs.rules import CODES
from jobsite.jobs.taken import take
from jobsite.pipelines.planning import job_identifier
from jobsite.projects.models import Organisation, Project, ProjectCollaboration, Workspace
from jobsite.projects.queries import workspace_named
from jobsite.settings import Settings
from jobsite.sync.fetching import take_in_turn
from jobsite.sync.models import FetchedRequest
from jobsite.sync.orders import order_of

from .conftest import ASKED, LIST, SecureWorld


def counted() -> dict[str, int]:
    """How many rows the tables hold that a job request fills."""
    tables = (Event, FetchedRequest, Job, JobRequest, Organisation, Project, User, Workspace)
    return {table.__name__: table.select().count() for table in tables}


def test_a_listed_request_becomes_jobs_under_its_identifier_once(world: SecureWorld) -> None:
    item = world.lists(1, "table")
    world.poll()
    made, jobs = world.request(1), world.jobs(1)
    assert list(jobs) == ["clean", "table"]
    assert [job.identifier for job in jobs.values()] == [
        job_identifier(made.identifier, name) for name in jobs
    ]
    assert jobs["table"].needs == {"clean": jobs["clean"].identifier}
    assert (made.commit, made.created_by.username, made.created_at) == (world.commit, "ada", ASKED)
    assert (made.backend.slug, made.workspace.project.slug) == ("tpp", "air")
    leads = ProjectCollaboration.select(Organisation.slug, ProjectCollaboration.is_lead).join(Organisation)
    assert sorted(leads.tuples()) == [("northfield", True), ("southfield", False)]
    before = counted()
    world.poll()
    item["requested_actions"] = ["clean"]  # what has been stored is not planned again
    world.poll()
    world.items.clear()
    world.poll()
    assert counted() == before
    assert [job.state for job in world.jobs(1).values()] == ["pending", "pending"]


def test_what_is_asked_for_later_leans_on_what_was_asked_before_also_when_both_come_at_once(
    world: SecureWorld,
) -> None:
    world.lists(1, "clean")
    world.lists(2, "table")
    world.poll()
    assert list(world.jobs(2)) == ["table"]
    assert world.jobs(2)["table"].needs == {"clean": world.jobs(1)["clean"].identifier}


def _elsewhere(item: dict[str, Any], **facts: str) -> None:
    item["workspace"] = {**item["workspace"], **facts}


def test_what_cannot_be_turned_into_jobs_is_one_failed_job_with_a_sentence_of_the_list(
    world: SecureWorld,
) -> None:
    good = world.commit
    world.study.commit(project__yaml="version: 5\nactions:\n  secret_action: {run: 3}\n")
    invalid = world.study._git("rev-parse", "HEAD")
    world.study._git("rm", "-q", "project.yaml")
    bare = world.study.commit(README="No project file.\n")
    world.study._git("checkout", "-q", "-b", "other", good)
    stray = world.study.commit(README="Not on main.\n")
    world.study._git("checkout", "-q", "main")
    world.lists(1, "clean", sha=stray)
    _elsewhere(world.lists(2, "clean"), name="branchless", branch="gone")
    world.lists(3, "clean", sha=bare)
    world.lists(4, "clean", sha=invalid)
    world.lists(5, "secret_name")
    _elsewhere(world.lists(6, "clean"), name="strange", repo="https://elsewhere.example/secret/study")
    world.lists(7, "clean", sha="0" * 40)
    world.poll()
    said = {}
    for number in range(1, 8):
        (told,) = reports_of(world.request(number), clock.now())
        assert (told["action"], told["status"]) == ("__error__", "failed")
        assert told["completed_at"] and "secret" not in str(told)
        said[number] = (told["status_code"], told["status_message"])
    assert said == {
        1: ("job_error", "Could not find commit on branch."),
        2: ("job_error", "Could not find branch."),
        3: ("job_error", "No project.yaml file could be read at this commit."),
        4: ("job_error", "The project.yaml at this commit is not valid."),
        5: ("job_error", "The requested actions cannot be run on this backend."),
        6: ("job_error", "The repository may not be used on this backend."),
        7: ("job_error", "Could not find commit on branch."),
    }
    assert "'secret_name' not found in project.yaml" in world.request(5).status_message
    assert Job.select().count() == 0


def test_stale_codelists_stop_a_request_that_reads_the_database_and_no_other(world: SecureWorld) -> None:
    reading = world.study.path / "project.yaml"
    text = reading.read_text() + "  read:\n    run: ehrql:v1 generate-dataset a.py --output output/d.csv\n"
    text += "    outputs:\n      highly_sensitive:\n        dataset: output/d.csv\n"
    world.commit = world.study.commit(project__yaml=text, a__py="")
    world.lists(1, "clean", codelists_ok=False)
    world.lists(2, "read", codelists_ok=False)
    world.poll()
    assert list(world.jobs(1)) == ["clean"]
    (told,) = reports_of(world.request(2), clock.now())
    assert (told["status_code"], told["status_message"]) == ("stale_codelists", "Codelists are out of date.")


def test_nothing_runs_in_an_archived_workspace(world: SecureWorld) -> None:
    world.lists(1, "clean")
    world.poll()
    Workspace.update(is_archived=True).execute()
    world.lists(2, "table")
    world.poll()
    (told,) = reports_of(world.request(2), clock.now())
    assert told["status_message"] == "The workspace has been archived."


def test_nothing_to_do_is_one_succeeded_job_with_the_reason(world: SecureWorld) -> None:
    world.lists(1, "clean")
    world.poll()
    world.lists(2, "clean")
    world.poll()
    (told,) = reports_of(world.request(2), clock.now())
    assert (told["action"], told["status"]) == ("clean", "succeeded")
    assert told["status_message"] == "All requested actions were already scheduled to run"
    assert Job.select().count() == 1


def test_a_repository_that_is_away_is_tried_again_and_holds_up_no_other_workspace(world: SecureWorld) -> None:
    gone = world.study.path.rename(world.study.path.with_name("away"))
    world.lists(1, "clean")
    other = world.lists(2, "clean")
    _elsewhere(other, name="bronchitis", repo=str(gone))
    world.poll()
    assert list(world.jobs(2)) == ["clean"]
    assert world.row(1).job_request is None
    assert "There is no git repository" in world.row(1).problem
    world.poll()
    assert world.row(1).tries == 1  # not before its time
    gone.rename(world.study.path)
    with clock.at(clock.now() + timedelta(minutes=1)):
        world.poll()
    assert list(world.jobs(1)) == ["clean"]
    assert world.row(1).problem == ""


def test_a_repository_that_is_away_for_a_day_is_a_fault_of_the_platform(world: SecureWorld) -> None:
    world.study.path.rename(world.study.path.with_name("away"))
    world.lists(1, "clean")
    began = clock.now()
    for tries in range(22):
        with clock.at(began + timedelta(hours=2 * tries)):
            world.poll()
    (told,) = reports_of(world.request(1), clock.now())
    assert (told["action"], told["status_code"]) == ("__error__", "internal_error")
    assert str(world.study.path) not in str(told)


def test_actions_cancelled_there_are_cancelled_here_before_and_after_the_request_came(
    world: SecureWorld,
) -> None:
    item = world.lists(1, "table", cancelled_actions=["table", "no_such_action"])
    world.poll()
    assert {name: job.state for name, job in world.jobs(1).items()} == {
        "clean": "pending",
        "table": "cancelled",
    }
    item["cancelled_actions"] = ["clean", "table"]
    world.poll()
    before = counted()
    world.poll()
    assert counted() == before
    assert {job.state for job in world.jobs(1).values()} == {"cancelled"}
    assert world.request(1).status == "failed"


def test_the_name_of_a_workspace_never_leads_to_another_repository(world: SecureWorld) -> None:
    world.lists(1, "clean")
    world.poll()
    _elsewhere(world.lists(2, "table"), repo="https://github.com/stranger/study")
    _elsewhere(world.lists(3, "table"), branch="other")
    world.poll()
    assert JobRequest.select().count() == 1
    assert "another repository or branch" in world.row(2).problem
    assert workspace_named("asthma").repo.url == str(world.study.path)


def test_a_workspace_that_has_moved_there_belongs_to_the_other_project_here(world: SecureWorld) -> None:
    world.lists(1, "clean")
    world.poll()
    world.lists(2, "table", project="water", orgs=["southfield"])
    world.poll()
    moved = workspace_named("asthma").project
    assert moved.slug == "water"
    its = ProjectCollaboration.select(Organisation.slug).join(Organisation)
    assert [slug for (slug,) in its.where(ProjectCollaboration.project == moved).tuples()] == ["southfield"]


NO_REQUESTS: tuple[dict[str, Any], ...] = (
    {"sha": "main"},
    {"sha": None},
    {"requested_actions": []},
    {"requested_actions": ["a", 3]},
    {"created_at": "yesterday"},
    {"created_by": "../ada"},
    {"workspace": None},
    {"project": "Ä"},
    {"cancelled_actions": "all"},
    {"orgs": [None]},
)


def test_an_item_that_can_be_no_request_stands_in_the_journal_and_stops_no_other(world: SecureWorld) -> None:
    for number, changes in enumerate(NO_REQUESTS, 10):
        world.lists(number, "clean", **changes)
    _elsewhere(world.lists(20, "clean"), name="../up")
    _elsewhere(world.lists(1, "clean"), name="bronchitis")
    world.items.insert(0, None)  # type: ignore[arg-type]  # what another program may send
    world.items.insert(0, {"identifier": "short"})
    world.poll()
    assert list(world.jobs(1)) == ["clean"]
    for number in range(10, 21):
        assert world.row(number).problem, number
        assert world.row(number).job_request is None, number
    assert JobRequest.select().count() == 1


def test_an_identifier_never_stands_for_two_requests(world: SecureWorld) -> None:
    item = world.lists(1, "clean")
    world.poll()
    other = world.study.commit(README="Newer.\n")
    with pytest.raises(Exception, match="Inconsistent request data"):
        take(order_of({**item, "sha": other}), Backend.get())
    assert world.request(1).commit == world.commit


def test_a_request_that_was_stored_before_the_server_was_killed_is_not_made_again(world: SecureWorld) -> None:
    item = world.lists(1, "table")
    world.poll()
    FetchedRequest.delete().execute()  # as if it had ended between the request and the journal
    jobs, events = Job.select().count(), Event.select().count()
    world.poll()
    assert (Job.select().count(), Event.select().count()) == (jobs, events)
    assert world.row(1).job_request == world.request(1)
    assert take(order_of(item), Backend.get()) == world.request(1)


def test_every_page_of_the_list_is_read(world: SecureWorld) -> None:
    first, second = world.lists(1, "clean"), world.lists(2, "table")
    page = {"count": 2, "previous": None}
    world.peer.answers[LIST] = (200, {**page, "next": "there is more", "results": [second]})
    world.peer.answers[f"{LIST}?limit=1&offset=1"] = (200, {**page, "next": None, "results": [first]})
    world.poll()
    assert [len(world.jobs(1)), len(world.jobs(2))] == [1, 1]


def test_requests_of_another_backend_are_left_alone(world: SecureWorld) -> None:
    world.lists(1, "clean", backend="emis")
    world.poll()
    assert JobRequest.select().count() == 0 and FetchedRequest.select().count() == 0


def test_what_could_not_be_taken_is_forgotten_when_nobody_asks_for_it_any_more(world: SecureWorld) -> None:
    world.lists(1, "clean", sha="main")
    world.lists(2, "clean")
    world.poll()
    world.items.clear()
    world.poll()
    assert [row.identifier for row in FetchedRequest.select()] == [world.request(2).identifier]


@pytest.mark.parametrize("answer", [(200, {"slug": "tpp", "name": "TPP"}), (404, {"detail": "Not found."})])
def test_a_backend_that_was_not_told_its_slug_asks_or_reads_it_in_the_list(
    world: SecureWorld, settings: Settings, answer: tuple[int, Any]
) -> None:
    all_settings.use(replace(settings, backend=""))
    world.peer.answers["GET backend/"] = answer
    world.poll()
    assert Backend.select().count() == (1 if answer[0] == 200 else 0)
    world.lists(1, "clean")
    world.poll()
    world.poll()
    assert [(one.slug, one.name) for one in Backend.select()] == [("tpp", answer[1].get("name", "tpp"))]
    assert list(world.jobs(1)) == ["clean"]


def test_a_fault_of_the_platform_is_tried_again_and_then_told_without_its_details(world: SecureWorld) -> None:
    database.execute_sql(
        "CREATE TRIGGER broken BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'secret detail'); END"
    )
    world.lists(1, "clean")
    began = clock.now()
    for tries in range(3):
        with clock.at(began + timedelta(minutes=20 * tries)):
            world.poll()
    (told,) = reports_of(world.request(1), clock.now())
    assert (told["action"], told["status_code"]) == ("__error__", "internal_error")
    assert told["status_message"] == CODES["internal_error"].sentence
    assert Job.select().count() == 0


@pytest.mark.sqlite_only("its file is written by this process")
def test_while_the_disk_is_full_nothing_is_lost_and_afterwards_everything_is_taken(
    world: SecureWorld, failing_disk: Callable[[], Any]
) -> None:
    world.lists(1, "clean")
    world.study.path.rename(world.study.path.with_name("away"))
    world.poll()
    world.study.path.with_name("away").rename(world.study.path)
    order = order_of(world.items[0])
    with failing_disk():
        take_in_turn([order], Backend.get())
        with pytest.raises(peewee.OperationalError):
            world.lists(2, "table")
            world.poll()
    close_connections()
    with clock.at(clock.now() + timedelta(minutes=1)):
        world.poll()
    assert [list(world.jobs(number)) for number in (1, 2)] == [["clean"], ["table"]]


def test_a_look_that_brings_nothing_new_asks_the_database_as_often_for_many_requests_as_for_one(
    world: SecureWorld, queries: Callable[[], Any]
) -> None:
    def asked() -> int:
        with queries() as seen:
            world.poll()
        return len(seen)

    world.lists(1, "clean")
    world.poll()
    one = asked()
    for number in range(2, 8):
        _elsewhere(world.lists(number, "clean"), name=f"w{number}")
    world.poll()
    assert asked() == one <= 4
