"""Why can't I? Each rule that refuses is named in its own words, with the way to what would allow it."""

from collections.abc import Callable
from dataclasses import replace
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite import settings as all_settings
from jobsite.accounts.actions import deactivate
from jobsite.accounts.backends import add_backend_member, edit_backend, pause
from jobsite.accounts.models import User
from jobsite.accounts.queries import user_or_stop
from jobsite.core.limits import Limits
from jobsite.projects.actions import add_member, add_org_member
from jobsite.projects.workspaces import set_archived
from jobsite.staff.why import LOG_IN, TOKEN, WISHES, Case, Step, Thing, explained, thing_named


@pytest.fixture
def outside(app: Flask, site: SimpleNamespace) -> None:
    """People log in from outside: memberships of backends and organisations count."""
    all_settings.use(replace(all_settings.current(), oidc_issuer="https://id.example.org"))


def ask(app: Flask, who: str, wish: str, where: str = "", limits: Limits | None = None) -> Case:
    with app.test_request_context():
        thing = thing_named(where)
        assert thing is not None
        return explained(user_or_stop(who), wish, thing, limits or Limits())


def refusal(case: Case) -> Step:
    assert len(case.refusals) == 1, case.steps
    return case.refusals[0]


def test_who_may_is_refused_by_nothing(app: Flask, site: SimpleNamespace) -> None:
    case = ask(app, "ada", "job_run", "asthma")
    assert case.refusals == []
    assert [step.title for step in case.steps] == [
        "Account",
        "Roles",
        "Workspace",
        "Backends",
        "Data",
        "Limit",
    ]


def test_a_deactivated_account(app: Flask, site: SimpleNamespace) -> None:
    deactivate(by="system", user=site.ada)
    step = ask(app, "ada", "job_run", "asthma").refusals[0]
    assert step.sentence == "This account has been deactivated. Ask staff."
    assert step.way and step.way[1] == "/staff/users/ada/reactivate/"


def test_no_member_of_the_project(app: Flask, site: SimpleNamespace) -> None:
    step = refusal(ask(app, "dan", "job_run", "workspace:asthma"))
    assert step.sentence == "You do not have permission to run jobs on this workspace"
    assert step.way == ("Add them to Air as Project Developer", "/staff/projects/air/members/?users=dan")


def test_a_member_without_the_role(app: Flask, site: SimpleNamespace) -> None:
    step = refusal(ask(app, "ben", "project_manage", "air"))
    assert step.sentence.startswith("To edit the project, you need the role Project Developer")
    assert step.way and step.way[1] == "/staff/projects/air/members/ben/"


def test_the_links_lead_to_pages_that_are_there(sam: FlaskClient, site: SimpleNamespace) -> None:
    for query in ("dan&permission=job_run&object=asthma", "ben&permission=project_manage&object=air"):
        page = sam.get(f"/staff/why/?user={query}").text
        link = page.split('<ol class="todo">')[1].split('<a href="')[1].split('"')[0]
        assert sam.get(link.replace("&amp;", "&")).status_code == 200, link


def test_an_archived_workspace(app: Flask, site: SimpleNamespace) -> None:
    set_archived(by="system", workspace=site.asthma, is_archived=True)
    step = refusal(ask(app, "ada", "job_run", "asthma"))
    assert step.sentence == "Jobs cannot be run on an archived workspace"
    assert step.way == ("Bring it back", "/staff/workspaces/asthma/")


def test_no_backend(app: Flask, site: SimpleNamespace, outside: None) -> None:
    step = refusal(ask(app, "ada", "job_run", "asthma"))
    assert step.sentence == "You do not have permission to run jobs on any backend"
    assert step.way == ("Give them a backend", "/staff/users/ada/#backends")
    add_backend_member(by="system", backend=site.local, user=site.ada)
    assert ask(app, "ada", "job_run", "asthma").refusals == []


def test_a_backend_that_takes_no_requests_refuses_and_a_paused_one_only_waits(
    app: Flask, site: SimpleNamespace
) -> None:
    facts = {"name": "Local", "is_active": True, "accepts_jobs": False, "alert_timeout": 300}
    edit_backend(by="system", backend=site.local, **facts)
    pause(by="system", backend=site.far)
    case = ask(app, "ada", "job_run", "asthma")
    assert refusal(case).sentence == "Local does not accept jobs at the moment."
    assert [step.sentence for step in case.steps if step.verdict == "wait"] == [
        "Far is paused: jobs can be asked for and wait."
    ]


def test_no_organisation(app: Flask, site: SimpleNamespace, outside: None) -> None:
    step = refusal(ask(app, "ada", "workspace_create", "air"))
    assert step.sentence == "You belong to no organisation yet. Ask staff to add you to yours."
    add_org_member(by="system", org=site.org, user=site.ada)
    assert ask(app, "ada", "workspace_create", "air").refusals == []


def test_a_rate_limit(app: Flask, site: SimpleNamespace) -> None:
    limits = Limits()
    for _ in range(120):
        limits.count("requests per person", "ada")
    step = refusal(ask(app, "ada", "job_run", "asthma", limits))
    assert step.title == "Limit" and "Too many attempts" in step.sentence


def test_a_role_of_the_whole_site(app: Flask, site: SimpleNamespace) -> None:
    step = refusal(ask(app, "ada", "user_manage"))
    assert "you need the role Staff Area Administrator" in step.sentence
    assert step.way == ("Give them the role Staff Area Administrator", "/staff/users/ada/#roles")


def test_without_a_project_it_says_where_they_may(app: Flask, site: SimpleNamespace) -> None:
    case = ask(app, "ada", "job_run")
    assert case.refusals == []
    assert "They may in: air." in next(step for step in case.steps if step.title == "Roles").sentence


def test_a_token_needs_a_known_login_and_a_backend(app: Flask, site: SimpleNamespace, outside: None) -> None:
    assert refusal(ask(app, "ada", TOKEN)).sentence.startswith("Log in once without a token first")


def test_a_bot_never_logs_in(app: Flask, site: SimpleNamespace) -> None:
    User.update(is_bot=True).where(User.id == site.dan.id).execute()
    assert "This account is a bot" in refusal(ask(app, "dan", LOG_IN)).sentence


@pytest.mark.parametrize(
    ("address", "wish"),
    [
        ("/asthma/run-jobs/", "job_run"),
        ("/projects/air/edit/", "project_manage"),
        ("/staff/users/", "user_manage"),
    ],
)
def test_the_address_of_a_page_asks_for_what_the_page_asks_for(
    sam: FlaskClient, site: SimpleNamespace, address: str, wish: str
) -> None:
    page = sam.get("/staff/why/", query_string={"user": "dan", "object": address})
    assert page.status_code == 200
    assert f"May Dan Duarte (dan) {WISHES[wish]} (page {address})?" in unescape(page.text)
    assert "“" in page.text.split('<ol class="todo">')[1]


def test_a_page_for_everybody_is_open(sam: FlaskClient, site: SimpleNamespace) -> None:
    page = sam.get("/staff/why/?user=dan&object=/asthma/").text
    assert "Everybody may open this page" in page and "Nothing refuses it" in page


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("user=eve&permission=job_run", "There is no user “eve”."),
        ("user=ada&permission=job_run&object=nowhere", "There is nothing here called “nowhere”."),
        ("user=ada&permission=fly&object=asthma", "Choose what they want to do"),
        ("user=eve&permission=&object=", "There is no user “eve”."),
        ("user=ada&permission=&object=", "Choose what they want to do"),
        ("user=ada&object=asthma", "Choose what they want to do"),
        ("user=ada&object=/nowhere/at/all/", "There is nothing here called"),
    ],
)
def test_a_question_that_names_nothing_is_told_so(
    sam: FlaskClient, site: SimpleNamespace, query: str, sentence: str
) -> None:
    page = sam.get(f"/staff/why/?{query}")
    assert page.status_code == 422 and sentence in page.text


def test_what_the_page_says_is_what_the_site_does(
    app: Flask, site: SimpleNamespace, sign_in: Callable[..., FlaskClient]
) -> None:
    """For each of several people the page refuses exactly where the run page does."""
    add_member(by="system", project=site.air, user=site.cat, roles=["ProjectDeveloper"])
    for who in ("ada", "ben", "cat", "dan"):
        answer: Any = sign_in(app.test_client(), who).get("/asthma/run-jobs/")
        assert (answer.status_code == 404) == bool(ask(app, who, "job_run", "asthma").refusals), who


def test_a_thing_is_named_by_kind_or_alone(app: Flask, site: SimpleNamespace) -> None:
    with app.test_request_context():
        assert thing_named("") == Thing()
        assert thing_named("backend:far").backend == site.far
        assert thing_named("7").project == site.air
        assert thing_named("organisation:northfield").org == site.org
        assert thing_named("backend:asthma") is None
