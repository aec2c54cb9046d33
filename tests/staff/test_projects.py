"""Staff and projects, organisations, workspaces, redirects, repositories and requests."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.core.clock import now
from jobsite.jobs.models import Job, JobRequest
from jobsite.projects import data_permissions
from jobsite.projects.lists import orgs_of
from jobsite.projects.models import (
    Organisation,
    OrgMembership,
    Project,
    ProjectMembership,
    Redirect,
    Repo,
    Workspace,
)
from jobsite.projects.queries import project_named
from jobsite.staff.dashboards import DASHBOARDS, months_before, sorted_rows
from jobsite.status.alerts import add_alert

from .conftest import ask, make_workspace

Send = Callable[..., Any]


def test_a_project_is_created_whole_with_the_next_free_number_offered(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    assert "The next free number is 8." in sam.get("/staff/projects/add/").text
    fields = {"name": "Water", "number": "POS-2026-2014", "org": "northfield", "category": "approved"}
    refused = send(sam, "/staff/projects/add/", **fields)
    assert refused.status_code == 422
    assert "needs a co-pilot" in refused.text and 'value="Water"' in refused.text
    made = send(sam, "/staff/projects/add/", **fields, copilot="sam")
    assert made.location == "/staff/projects/water/made/"
    project = project_named("water")
    assert (project.number, project.copilot, project.created_by) == ("POS-2026-2014", site.sam, "sam")
    steps = sam.get(made.location).text
    assert all(words in steps for words in ("Add its researchers", "data permissions", "backend"))


def test_only_staff_can_be_chosen_as_copilot(sam: FlaskClient, site: SimpleNamespace, send: Send) -> None:
    refused = send(sam, "/staff/projects/add/", name="Water", org="northfield", copilot="ada")
    assert refused.status_code == 422
    assert "A co-pilot must be able to use the staff area." in refused.text


def test_a_renamed_project_leaves_a_redirect_that_can_be_deleted(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    fields = {
        "name": "Clean Air",
        "slug": "clean-air",
        "number": "7",
        "org": "northfield",
        "category": "approved",
    }
    fields |= {"copilot": "sam", "copilot_support_ends_at": "2027-01-31", "copilot_notes": "Call on Mondays."}
    assert send(sam, "/staff/projects/air/edit/", **fields).location == "/staff/projects/clean-air/"
    assert sam.get("/projects/air/").location == "/projects/clean-air/"
    project = project_named("clean-air")
    assert project.copilot_support_ends_at == datetime(2027, 1, 31)
    assert "Call on Mondays." in sam.get("/staff/projects/clean-air/").text
    assert "Call on Mondays." not in sam.get("/staff/audit/?subject=project:clean-air").text
    redirect = Redirect.get(old_url="/projects/air/")
    assert "would lead nowhere" in sam.get(f"/staff/redirects/{redirect.id}/delete/").text
    send(sam, f"/staff/redirects/{redirect.id}/delete/", sure=True)
    assert sam.get("/projects/air/").status_code == 404


def test_a_day_that_is_none_is_refused_at_its_field(
    sam: FlaskClient, send: Send, site: SimpleNamespace
) -> None:
    refused = send(
        sam,
        "/staff/projects/air/edit/",
        name="Air",
        slug="air",
        org="northfield",
        copilot_support_ends_at="soon",
    )
    assert refused.status_code == 422
    assert "Give a day like 2026-11-23" in refused.text and 'value="soon"' in refused.text


def test_several_people_join_at_once_with_the_same_roles_or_none_does(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    roles = ["ProjectDeveloper", "ProjectCollaborator"]
    refused = send(sam, "/staff/projects/air/members/", users=["dan", "ada"], roles=roles)
    assert refused.status_code == 422 and "Already a member of Air: ada." in refused.text
    assert ProjectMembership.get_or_none(project=site.air, user=site.dan) is None
    send(sam, "/staff/projects/air/members/", users=["dan", "cat"], roles=roles)
    for user in (site.dan, site.cat):
        assert ProjectMembership.get(project=site.air, user=user).roles == roles
    send(sam, "/staff/projects/air/members/dan/", roles=["ProjectCollaborator"])
    assert ProjectMembership.get(project=site.air, user=site.dan).roles == ["ProjectCollaborator"]


def test_a_form_without_people_keeps_the_roles_that_were_ticked(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    refused = send(sam, "/staff/projects/air/members/", roles=["ProjectDeveloper"])
    assert refused.status_code == 422
    assert re.search(r'value="ProjectDeveloper" checked', refused.text)


@pytest.mark.parametrize(
    "where",
    [
        "/staff/projects/air/members/",
        "/staff/organisations/northfield/members/",
        "/staff/backends/far/members/",
    ],
)
def test_people_are_found_without_a_script_and_the_address_holds_no_secret(
    sam: FlaskClient, site: SimpleNamespace, send: Send, where: str
) -> None:
    back = send(sam, where, step="find", find="duarte", users=["cat"])
    assert back.status_code == 303 and "csrf" not in back.location
    page = sam.get(back.location).text
    assert 'id="user-dan"' in page and 'id="user-pat"' not in page
    assert re.search(r'id="user-cat"[^>]* checked', page)


def test_removing_a_member_is_asked_first(sam: FlaskClient, site: SimpleNamespace, send: Send) -> None:
    asked = sam.get("/staff/projects/air/members/ada/remove/").text
    assert "would lose there: Project Developer" in asked
    send(sam, "/staff/projects/air/members/ada/remove/")
    assert ProjectMembership.get_or_none(project=site.air, user=site.ada) is not None
    send(sam, "/staff/projects/air/members/ada/remove/", sure=True)
    assert ProjectMembership.get_or_none(project=site.air, user=site.ada) is None


def test_data_permissions_are_given_with_a_reason_and_taken_away(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    where = "/staff/projects/air/data-permissions/"
    assert send(sam, where, permission="dataset:gold").status_code == 422
    send(sam, where, permission="dataset:ukrr", reason="Approval 7.3")
    assert [(one.kind, one.value, one.reason) for one in data_permissions.of(site.air)] == [
        ("dataset", "ukrr", "Approval 7.3")
    ]
    twice = send(sam, where, permission="dataset:ukrr", reason="Again, typed anew")
    assert twice.status_code == 422 and "Again, typed anew" in twice.text
    send(sam, f"{where}remove/", kind="dataset", value="ukrr")
    assert len(data_permissions.of(site.air)) == 1
    send(sam, f"{where}remove/", kind="dataset", value="ukrr", sure=True)
    assert data_permissions.of(site.air) == []


def test_an_organisation_is_added_edited_and_peopled(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    assert send(sam, "/staff/organisations/add/", name="Kent").location == "/staff/organisations/kent/"
    fields = {"name": "Kent", "slug": "unikent", "github_orgs": "kent, opensafely", "is_internal": "y"}
    send(sam, "/staff/organisations/kent/edit/", **fields)
    org = Organisation.get(slug="unikent")
    assert (org.github_orgs, org.is_internal) == (["kent", "opensafely"], True)
    assert sam.get("/orgs/kent/").location == "/orgs/unikent/"
    send(sam, "/staff/organisations/unikent/members/", users=["dan", "ben"])
    assert OrgMembership.select().where(OrgMembership.org == org).count() == 2
    send(sam, "/staff/organisations/unikent/members/dan/remove/")
    assert OrgMembership.get_or_none(org=org, user=site.dan) is None


def test_a_project_can_have_several_organisations_and_another_lead(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    send(sam, "/staff/organisations/add/", name="Kent")
    fields = {"name": "Air", "slug": "air", "number": "7", "org": "kent", "others": ["northfield", "kent"]}
    send(sam, "/staff/projects/air/edit/", **fields)
    assert [org.slug for org in orgs_of(site.air)] == ["kent", "northfield"]


def test_a_workspace_is_moved_only_after_the_question_and_with_the_rest_of_the_form(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    where = "/staff/workspaces/asthma/edit/"
    fields = {"project": "soil", "purpose": "To count.", "is_archived": "y"}
    asked = send(sam, where, **fields)
    assert "would belong to Soil" in asked.text and 'value="To count."' in asked.text
    assert Workspace.get(name="asthma").project == site.air
    send(sam, where, **fields, sure=True)
    moved = Workspace.get(name="asthma")
    assert (moved.project, moved.purpose, moved.is_archived) == (site.soil, "To count.", True)
    assert sam.get("/air/asthma/").location == "/asthma/"


def test_a_refused_purpose_leaves_the_workspace_where_it_was(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    fields = {"project": "soil", "purpose": "x" * 6000}
    refused = send(sam, "/staff/workspaces/asthma/edit/", **fields, sure=True)
    assert refused.status_code == 422 and "too long" in refused.text
    assert Workspace.get(name="asthma").project == site.air


def test_requests_are_narrowed_by_project_and_organisation_and_cancelled_after_the_question(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    other = ask(make_workspace(site.soil, "mud"), site.far, site.ben)
    mine, its = f"/asthma/{site.request.id}/", f"/mud/{other.id}/"
    for query in ("project=air", "username=ada", "backend=local", "workspace=asthma", "q=asthma"):
        page = sam.get(f"/staff/requests/?{query}").text
        assert mine in page and its not in page, query
    assert its in sam.get("/staff/requests/?org=northfield&project=soil").text
    assert its not in sam.get("/staff/requests/?org=nowhere").text
    where = f"/staff/requests/{other.id}/cancel/"
    assert "would be cancelled" in sam.get(where).text
    send(sam, where)
    assert Job.get(job_request=other).state == "pending"
    send(sam, where, sure=True)
    assert Job.get(job_request=other).state == "cancelled"
    assert JobRequest.get_by_id(site.request.id).is_active


@pytest.mark.parametrize("key", DASHBOARDS)
def test_every_dashboard_sorts_by_each_of_its_columns_both_ways(
    sam: FlaskClient, site: SimpleNamespace, key: str
) -> None:
    old(site)
    dashboard = DASHBOARDS[key]
    first = dashboard.columns[0][0]
    for name, _ in dashboard.columns:
        for sign in ("", "-"):
            page = sam.get(f"/staff/dashboards/{key}/?sort={sign}{name}")
            assert page.status_code == 200, (key, name)
            assert f'aria-sort="{"descending" if sign else "ascending"}"' in page.text
    up = [row.id for row in sorted_rows(dashboard, first)[0]]
    down = [row.id for row in sorted_rows(dashboard, f"-{first}")[0]]
    assert up == down[::-1] and len(up) >= 2


def old(site: SimpleNamespace) -> None:
    """Two projects with co-pilots, and two private repositories that both use and ran a year ago."""
    Project.update(copilot=site.sam).execute()
    for name in ("north", "south"):
        one = make_workspace(site.air, name)
        Workspace.create(
            name=f"{name}-2", project=site.soil, repo=one.repo, branch="x", created_by="x", updated_by="x"
        )
        request = ask(one, site.local, site.ada)
        moment = now() - timedelta(days=360)
        JobRequest.update(created_at=moment).where(JobRequest.id == request.id).execute()


def test_a_private_repository_is_listed_eleven_months_after_its_first_run_and_a_public_one_never(
    sam: FlaskClient, site: SimpleNamespace
) -> None:
    old(site)
    Repo.update(is_private=False).where(Repo.url.endswith("/south")).execute()
    page = sam.get("/staff/dashboards/private-repositories/").text
    assert "northfield/north" in page
    assert "northfield/south" not in page and "northfield/asthma" not in page


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        ("2026-11-23", 11, "2025-12-23"),
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-01-31", 11, "2023-02-28"),
        ("2025-01-15", -12, "2026-01-15"),
    ],
)
def test_months_are_those_of_the_calendar(day: str, months: int, before: str) -> None:
    assert months_before(datetime.fromisoformat(day), months) == datetime.fromisoformat(before)


def test_staff_sign_off_a_repository_after_its_researchers(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    repo = site.asthma.repo
    where = f"/staff/repositories/{repo.id}/"
    assert 'aria-disabled="true"' in sam.get(where).text
    assert send(sam, f"{where}sign-off/", sure=True).status_code == 403
    Repo.update(researcher_signed_off_at=now(), researcher_signed_off_by="ada").where(
        Repo.id == repo.id
    ).execute()
    assert "may become public" in sam.get(f"{where}sign-off/").text
    send(sam, f"{where}sign-off/", sure=True)
    assert Repo.get_by_id(repo.id).internal_signed_off_by == "sam"


def test_a_missing_name_is_named_once_and_the_rest_stays_typed(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    page = send(sam, "/staff/organisations/add/", name="", description="Air and lungs").text
    assert "Give the organisation a name." in page and "No address can be made" not in page
    assert "Air and lungs" in page


def test_who_adds_people_reads_what_they_can_do_without_a_role(
    sam: FlaskClient, site: SimpleNamespace
) -> None:
    page = sam.get("/staff/projects/air/members/").text
    field = page[page.index("Roles of all of them") :]
    assert "Without a role they can only read, or ask for a role." in field[:300]


def test_the_list_of_alerts_shows_words_and_no_marks(sam: FlaskClient, site: SimpleNamespace) -> None:
    alert = add_alert(
        by="system", title="", message="The **north** is [closed](https://example.org).", level="info"
    )
    for address in ("/staff/alerts/", f"/staff/alerts/{alert.id}/delete/"):
        page = sam.get(address).text
        assert "The north is closed." in page
        assert "**north**" not in page[page.index("<main") :]
