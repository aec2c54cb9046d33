"""The page of a job request: what it says, what it lets people do, and that it updates itself and then stops."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.accounts.backends import pause, start_maintenance
from jobsite.application import create_app
from jobsite.core.clock import now
from jobsite.core.db import database
from jobsite.core.events import Event
from jobsite.jobs.actions import cancel, move
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects.workspaces import create_workspace
from jobsite.settings import Settings

from .conftest import Study, project_yaml

MODERATE = "moderately_sensitive"
Ask = Callable[..., JobRequest]
SignIn = Callable[[FlaskClient, str], FlaskClient]
TOGETHER = {"HX-Request": "true", "HX-Target": "live", "HX-Together": "1"}


def steps(*names: str) -> str:
    """A project file in which each action needs the one before it."""
    before = [[], *([name] for name in names)]
    return project_yaml(
        **{
            name: (f"python:v2 {name}.py", needs, {MODERATE: {"out": f"output/{name}.csv"}})
            for name, needs in zip(names, before, strict=False)
        }
    )


@pytest.fixture
def request_of_three(study: Study, ask: Ask) -> JobRequest:
    """A request for extract, clean and table, all of which wait."""
    study.commit(project__yaml=steps("extract", "clean", "table"))
    return ask("table")


def job(request: JobRequest, action: str) -> Job:
    return Job.get((Job.job_request == request) & (Job.action == action))


def to(request: JobRequest, action: str, *codes: str, message: str = "") -> Job:
    """Take a job through these codes by the real verb."""
    found = job(request, action)
    for code in codes:
        move(found, code, message if code == codes[-1] else "")
    return found


def path(request: JobRequest, *more: str) -> str:
    return "/".join((f"/asthma/{request.id}", *more)) + "/"


def test_anybody_reads_what_was_asked_for_and_how_far_it_is(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    to(request_of_three, "extract", "initiated", "succeeded")
    to(
        request_of_three,
        "clean",
        "initiated",
        "nonzero_exit",
        message="Job exited with an error: exit code 1",
    )
    page = client.get(path(request_of_three)).text
    assert f"<h1>Job request {request_of_three.id}</h1>" in page
    assert 'aria-label="2 of 3 jobs complete"' in page
    assert "Job exited with an error: exit code 1" in page
    assert "Read the end of its log, correct the code, and run it again." in page
    assert "<code>nonzero_exit</code>" in page
    assert request_of_three.identifier in page
    assert request_of_three.commit in page


def test_a_running_job_counts_on_and_a_finished_one_does_not(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    extract = to(request_of_three, "extract", "initiated")
    Job.update(started_at=extract.started_at.replace(year=2020)).where(Job.id == extract.id).execute()
    running = re.search(r'data-label="Run time">([\d:]+)<', client.get(path(request_of_three)).text)
    assert running and int(running[1].split(":")[0]) > 24 * 365
    assert client.get(path(request_of_three)).text.count('data-label="Run time">-<') == 2


def test_the_page_asks_again_each_second_until_the_request_is_final(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    assert client.get(path(request_of_three)).text.count('hx-trigger="every 1s"') == 1
    to(request_of_three, "extract", "initiated", "nonzero_exit")
    to(request_of_three, "clean", "dependency_failed")
    assert "every 1s" in client.get(path(request_of_three)).text
    to(request_of_three, "table", "dependency_failed")
    final = client.get(path(request_of_three)).text
    assert "hx-trigger" not in final and "hx-get" not in final
    assert "hx-trigger" not in client.get(path(request_of_three), headers=TOGETHER).text


def test_one_poll_brings_every_region_that_changes(client: FlaskClient, request_of_three: JobRequest) -> None:
    whole = client.get(path(request_of_three)).text
    seen = re.search(r'hx-get="[^"]*seen=(\w+)"', whole)
    assert seen and seen[1] == "ppp"
    quiet = client.get(f"{path(request_of_three)}?seen=ppp", headers=TOGETHER).text
    assert 'id="announce" hx-swap-oob="innerHTML"></p>' in quiet
    assert 'pipeline-picture">' not in quiet
    to(request_of_three, "extract", "initiated")
    changed = client.get(f"{path(request_of_three)}?seen=ppp", headers=TOGETHER).text
    assert "extract: Running. 0 of 3 complete." in changed
    assert "<html" not in changed
    for region in (
        "live",
        "status",
        "notices",
        "controls",
        "progress",
        "timeline",
        "announce",
        "pipeline-picture",
    ):
        assert changed.count(f'id="{region}"') == 1
    named = re.search(r'hx-select-oob="([^"]+)"', changed)
    assert named and all(f'id="{region[1:]}"' in changed for region in named[1].split(","))


def test_a_fragment_is_a_part_of_the_page(client: FlaskClient, request_of_three: JobRequest) -> None:
    to(request_of_three, "extract", "initiated", "nonzero_exit")
    to(request_of_three, "clean", "dependency_failed")
    to(request_of_three, "table", "dependency_failed")
    whole = client.get(path(request_of_three)).text
    for region in ("live", "status", "progress", "timeline", "pipeline-table"):
        part = client.get(path(request_of_three), headers={"HX-Request": "true", "HX-Target": region}).text
        assert part.strip() in whole


def test_who_asked_cancels_the_request(
    client: FlaskClient,
    request_of_three: JobRequest,
    sign_in: SignIn,
    csrf: Callable[[FlaskClient, str], str],
) -> None:
    sign_in(client, "ada")
    to(request_of_three, "extract", "initiated")
    token = csrf(client, path(request_of_three))
    answer = client.post(path(request_of_three, "cancel"), data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, path(request_of_three))
    page = client.get(path(request_of_three)).text
    assert "The requested actions have been cancelled" in page
    assert "Cancelling" in page and "extract runs until its processes have ended" in page
    assert [one.state for one in Job.select().order_by(Job.position)] == ["running", "cancelled", "cancelled"]
    assert Event.get(Event.type == "request:cancel").by == "ada"


def test_jobs_are_cancelled_in_the_order_in_which_they_were_planned(
    cast: SimpleNamespace, request_of_three: JobRequest
) -> None:
    for one in Job.select().order_by(Job.id.desc()):
        Job.update(reason="changed").where(Job.id == one.id).execute()
    database.execute_sql("ANALYZE job")  # PostgreSQL now finds the rows of a small table as they were changed
    cancel(by=cast.ada, request=request_of_three, may_cancel=True)
    told = Event.select(Event.subject).where(Event.type == "job:cancelled_by_user").order_by(Event.id)
    planned = Job.select(Job.identifier).order_by(Job.id)
    assert [one.subject for one in told] == [f"job:{one.identifier}" for one in planned]


def test_one_job_is_cancelled_and_the_others_stay(
    client: FlaskClient,
    request_of_three: JobRequest,
    sign_in: SignIn,
    csrf: Callable[[FlaskClient, str], str],
) -> None:
    sign_in(client, "ada")
    clean = job(request_of_three, "clean")
    token = csrf(client, path(request_of_three))
    client.post(path(request_of_three, clean.identifier, "cancel"), data={"csrf_token": token})
    page = client.get(path(request_of_three, clean.identifier)).text
    assert "Your request to cancel &#34;clean&#34; was successful" in page
    assert job(request_of_three, "extract").state == "pending"
    assert job(request_of_three, "clean").state == "cancelled"


def test_a_request_that_was_only_cancelled_is_not_said_to_have_failed(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    ended = {"status": "failed", "status_message": "Failed due to job failure", "completed_at": now()}
    JobRequest.update(ended).execute()
    assert "Failed due to job failure" in client.get(path(request_of_three)).text
    Job.update(state="cancelled", status_code="cancelled_by_user").execute()
    assert "Failed due to job failure" not in client.get(path(request_of_three)).text


def test_cancelling_what_has_finished_says_so_and_changes_nothing(
    client: FlaskClient,
    cast: SimpleNamespace,
    request_of_three: JobRequest,
    sign_in: SignIn,
    csrf: Callable[[FlaskClient, str], str],
) -> None:
    cancel(by=cast.ada, request=request_of_three, may_cancel=True)
    sign_in(client, "ada")
    token = csrf(client, path(request_of_three))
    before = Event.select().count()
    answer = client.post(path(request_of_three, "cancel"), data={"csrf_token": token}, follow_redirects=True)
    assert "It has already finished." in answer.text
    assert Event.select().count() == before


@pytest.mark.parametrize("person", ["ben", "cat", "dan", "pat"])
def test_who_may_not_cancel_is_told_why(
    client: FlaskClient,
    request_of_three: JobRequest,
    sign_in: SignIn,
    csrf: Callable[[FlaskClient, str], str],
    person: str,
) -> None:
    sign_in(client, person)
    page = client.get(path(request_of_three)).text
    assert "Only the person who asked for it, or a developer of the project, can cancel it." in page
    assert 'aria-describedby="why-cancel"' in page and 'id="cancel-' not in page
    token = csrf(client, "/settings/")
    for address in (
        path(request_of_three, "cancel"),
        path(request_of_three, job(request_of_three, "clean").identifier, "cancel"),
    ):
        assert client.get(address).status_code == 403
        refused = client.post(address, data={"csrf_token": token})
        assert refused.status_code == 403
        assert "Only the person who asked for it" in refused.text
    assert all(one.state == "pending" for one in Job.select())


def test_a_visitor_is_asked_to_log_in_before_cancelling(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    answer = client.get(path(request_of_three, "cancel"))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=/asthma/")


def test_the_confirmation_names_what_would_end(
    client: FlaskClient, request_of_three: JobRequest, sign_in: SignIn
) -> None:
    sign_in(client, "ada")
    to(request_of_three, "extract", "initiated", "succeeded")
    page = client.get(path(request_of_three, "cancel")).text
    assert (
        "<li>clean: pending</li>" in page and "<li>table: pending</li>" in page and "<li>extract" not in page
    )
    one = client.get(path(request_of_three, job(request_of_three, "clean").identifier, "cancel")).text
    assert "Cancel clean?" in one and "<li>table" not in one
    assert all(found.state != "cancelled" for found in Job.select())


def test_a_failed_action_can_be_run_again_by_those_who_run_jobs(
    client: FlaskClient, request_of_three: JobRequest, sign_in: SignIn
) -> None:
    to(request_of_three, "extract", "initiated", "nonzero_exit")
    again = "/asthma/run-jobs/?requested_actions=extract"
    assert again not in client.get(path(request_of_three)).text
    sign_in(client, "ada")
    assert again in client.get(path(request_of_three)).text


def test_a_request_with_nothing_to_do_shows_how_what_it_found_stands_until_that_has_ended(
    client: FlaskClient, request_of_three: JobRequest, ask: Ask
) -> None:
    to(request_of_three, "extract", "initiated")
    nothing = ask("run_all")
    page = client.get(path(nothing)).text
    assert "All actions have already completed successfully or were already scheduled to run" in page
    assert "No job was started for this request." in page
    assert 'aria-label="0 of 3 jobs complete"' in page and page.count('hx-trigger="every 1s"') == 1
    for action in ("extract", "clean", "table"):
        assert page.count(f'href="{path(request_of_three, job(request_of_three, action).identifier)}"') >= 1
    assert 'data-state="running"><' in page[page.index('id="found"') :]
    job_done = to(request_of_three, "extract", "nonzero_exit")
    told = client.get(f"{path(nothing)}?seen=rpp", headers=TOGETHER).text
    assert "extract: Failed. 1 of 3 complete." in told and "Read the end of its log" in told
    for action in ("clean", "table"):
        to(request_of_three, action, "dependency_failed")
    assert "hx-trigger" not in client.get(path(nothing)).text
    again = ask("extract")
    assert job(again, "extract").identifier != job_done.identifier
    assert job(again, "extract").identifier not in client.get(path(nothing)).text


def test_a_request_with_nothing_to_do_shows_only_what_was_asked_for_and_was_there(
    client: FlaskClient, request_of_three: JobRequest, ask: Ask, cast: SimpleNamespace
) -> None:
    nothing = ask("clean")
    found = client.get(path(nothing)).text.partition('id="found"')[2].partition("</table>")[0]
    assert ">clean<" in found and ">extract<" not in found and ">table<" not in found
    cancel(by=cast.ada, request=request_of_three, may_cancel=True)
    found = client.get(path(nothing)).text.partition('id="found"')[2].partition("</table>")[0]
    assert ">Cancelled<" in found, "what was cancelled later is still what the request found"


def test_a_run_that_failed_stands_beside_the_last_good_outputs(
    client: FlaskClient, request_of_three: JobRequest, ask: Ask
) -> None:
    good = to(request_of_three, "extract", "initiated", "succeeded")
    second = ask("extract")
    assert "last success" not in client.get(path(second)).text
    to(second, "extract", "initiated", "nonzero_exit")
    page = client.get(path(second)).text
    offer = f"The outputs of its last success stay as they were: request {request_of_three.id}"
    assert offer in page and f'href="/jobs/{good.identifier}/"' in page
    assert (
        f'href="/jobs/{good.identifier}/"' in client.get(path(second, job(second, "extract").identifier)).text
    )
    third = ask("extract")
    to(third, "extract", "initiated", "succeeded")
    page = client.get(path(second)).text
    assert f"It has succeeded since, in request {third.id}" in page and offer not in page


@pytest.mark.parametrize(("minutes", "told"), [(29, False), (31, True)])
def test_a_backend_elsewhere_that_is_silent_for_half_an_hour_is_told(
    settings: Settings, request_of_three: JobRequest, minutes: int, told: bool
) -> None:
    extract = to(request_of_three, "extract", "initiated")
    Job.update(updated_at=now() - timedelta(minutes=minutes)).execute()
    public = create_app(replace(settings, side="public")).test_client()
    for where in (path(request_of_three), path(request_of_three, extract.identifier)):
        assert (f"Local has sent no report for {minutes} minutes" in public.get(where).text) == told
    for name in ("extract", "clean", "table"):
        Job.update(state="succeeded", status_code="succeeded").where(Job.action == name).execute()
    assert "no report" not in public.get(path(request_of_three)).text


def test_jobs_that_run_in_this_program_are_never_out_of_sight(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    to(request_of_three, "extract", "initiated")
    Job.update(updated_at=now() - timedelta(days=1)).execute()
    assert "no report" not in client.get(path(request_of_three)).text


@pytest.mark.parametrize("where", ["request", "job", "/asthma/logs/", "/asthma/run-jobs/", "/status/"])
def test_who_is_logged_in_is_told_of_maintenance_wherever_jobs_are(
    client: FlaskClient, request_of_three: JobRequest, sign_in: SignIn, where: str
) -> None:
    banner = "The database of Local is in maintenance since"
    last = job(request_of_three, "extract").identifier
    address = {"request": path(request_of_three), "job": path(request_of_three, last)}.get(where, where)
    sign_in(client, "ada")
    assert banner not in client.get(address).text
    start_maintenance(by="system", backend=request_of_three.backend)
    assert client.get(address).text.count(banner) == 1
    assert banner not in client.application.test_client().get(address).text


def test_a_job_that_waits_for_room_says_what_is_before_it(
    client: FlaskClient, study: Study, ask: Ask, request_of_three: JobRequest
) -> None:
    study.commit(
        project__yaml=project_yaml(
            **{
                name: (f"python:v2 {name}.py", [], {MODERATE: {"out": f"{name}.csv"}})
                for name in ("one", "two", "three")
            }
        )
    )
    other = ask("one", "two", "three")
    to(other, "one", "initiated")
    for request, action in ((other, "two"), (other, "three"), (request_of_three, "extract")):
        to(request, action, "waiting_on_workers")
    page = client.get(path(other)).text
    assert "Why is two waiting?" in page and "1 job running" in page
    assert "1 job before it." in page and "2 jobs before it." in page
    assert "It is the next to start." in client.get(path(request_of_three)).text


def test_pause_and_maintenance_of_the_backend_are_told(
    client: FlaskClient, request_of_three: JobRequest
) -> None:
    backend = request_of_three.backend
    pause(by="system", backend=backend)
    start_maintenance(by="system", backend=backend)
    page = client.get(path(request_of_three)).text
    assert "Local is paused: no job starts there" in page
    assert "The database of Local is in maintenance" in page


def test_the_project_file_is_text_whatever_it_holds(client: FlaskClient, study: Study, ask: Ask) -> None:
    study.commit(project__yaml=steps("only") + "# <script>alert(1)</script>\n")
    request = ask("only")
    page = client.get(path(request)).text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    plain = client.get(f"/asthma/{request.id}/project.yaml")
    assert plain.content_type == "text/plain; charset=utf-8"
    assert plain.headers["Content-Security-Policy"].startswith("sandbox")
    assert plain.text.endswith("# <script>alert(1)</script>\n")


def test_a_long_project_file_is_a_link(client: FlaskClient, study: Study, ask: Ask) -> None:
    study.commit(project__yaml=steps("only") + "# a long remark\n" * 1000)
    page = client.get(path(ask("only"))).text
    assert "read it as plain text" in page and page.count("a long remark") == 0


def test_requests_and_jobs_are_found_only_where_they_belong(
    client: FlaskClient, study: Study, cast: SimpleNamespace, request_of_three: JobRequest
) -> None:
    project = request_of_three.workspace.project
    create_workspace(by=cast.ada, project=project, name="other", repo=str(study.path), branch="main")
    clean = job(request_of_three, "clean")
    assert client.get(f"/other/{request_of_three.id}/").status_code == 404
    assert client.get(f"/other/{request_of_three.id}/{clean.identifier}/").status_code == 404
    assert client.get(f"/asthma/{request_of_three.id + 1}/{clean.identifier}/").status_code == 404
    assert client.get("/asthma/99999999999999999999999/").status_code == 404
    assert client.get(f"/asthma/{request_of_three.id}/%25/").status_code == 404


def test_short_links_lead_to_the_full_address(client: FlaskClient, request_of_three: JobRequest) -> None:
    clean = job(request_of_three, "clean")
    number = request_of_three.id
    full = path(request_of_three, clean.identifier)
    for address, target in (
        (f"/job-requests/{number}/", path(request_of_three)),
        (f"/jobs/{clean.identifier}/", full),
        (f"/asthma/{number}/{clean.identifier[:9]}/", full),
    ):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, target)
    assert client.get("/job-requests/777/").status_code == 404
    assert client.get("/jobs/nosuchjob/").status_code == 404
    assert client.get(f"/asthma/{number}/z9/").status_code == 404


def test_only_those_who_may_read_logs_find_the_way_to_them(
    client: FlaskClient, request_of_three: JobRequest, sign_in: SignIn
) -> None:
    extract = to(request_of_three, "extract", "initiated")
    Job.update(attempts_made=1).where(Job.id == extract.id).execute()
    link = path(request_of_three, extract.identifier, "log")
    assert link not in client.get(path(request_of_three)).text
    sign_in(client, "ben")
    assert link not in client.get(path(request_of_three)).text
    other = client.application.test_client()
    sign_in(other, "ada")
    assert link in other.get(path(request_of_three)).text


def test_the_public_side_has_no_way_to_a_log(
    settings: Settings, request_of_three: JobRequest, sign_in: SignIn
) -> None:
    extract = to(request_of_three, "extract", "initiated")
    Job.update(attempts_made=1).where(Job.id == extract.id).execute()
    public = create_app(replace(settings, side="public")).test_client()
    sign_in(public, "ada")
    for address in (path(request_of_three), path(request_of_three, extract.identifier)):
        page = public.get(address)
        assert page.status_code == 200
        assert "/log/" not in page.text
    for end in ("log", "log/raw"):
        assert public.get(f"/asthma/{request_of_three.id}/{extract.identifier}/{end}").status_code in (
            404,
            308,
        )
    assert public.get(path(request_of_three, extract.identifier, "log")).status_code == 404


@pytest.mark.parametrize("actions", [2, 150])
def test_the_page_asks_the_database_ten_times_at_most_however_many_jobs(
    client: FlaskClient, study: Study, ask: Ask, sign_in: SignIn, queries: Callable[[], Any], actions: int
) -> None:
    names = [f"step{number}" for number in range(actions)]
    study.commit(project__yaml=steps(*names))
    request = ask(names[-1])
    to(request, names[0], "waiting_on_workers")
    sign_in(client, "ada")
    to(request, names[-1], "cancelled_by_user")
    with queries() as seen:
        page = client.get(path(request))
    assert page.text.count('<tr id="job-') == actions
    assert len(seen) <= 10, seen
