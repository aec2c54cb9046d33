"""Staff and people: what they may do, where they belong, and the acts that are asked first."""

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite import settings as all_settings
from jobsite.accounts.actions import add_user, deactivate, set_roles
from jobsite.accounts.backends import add_backend_member
from jobsite.accounts.models import BackendMembership, User
from jobsite.accounts.queries import user_or_stop
from jobsite.core.errors import Denied
from jobsite.core.events import Event
from jobsite.projects.actions import add_org_member
from jobsite.projects.models import OrgMembership, ProjectMembership
from jobsite.staff import people
from jobsite.staff.actions import clear_all_roles
from jobsite.staff.people import Filters

Send = Callable[..., Any]


def names(**filters: str) -> list[str]:
    return [user.username for user in people.found(Filters(**filters))]


def test_the_list_is_narrowed_by_every_filter_alone_and_together(site: SimpleNamespace) -> None:
    add_backend_member(by="system", backend=site.far, user=site.ada)
    add_org_member(by="system", org=site.org, user=site.ben)
    deactivate(by="system", user=site.dan)
    assert names(q="ada") == ["ada"]
    assert names(q="example.org brandt") == ["ben"]
    assert names(backend="far") == ["ada"]
    assert names(org="northfield") == ["ben"]
    assert names(role="ProjectDeveloper") == ["ada"]
    assert names(role="OutputChecker") == ["cat", "cyd"]
    assert names(any_role="no") == ["dan"]
    assert "ada" in names(any_role="yes") and "dan" not in names(any_role="yes")
    assert "ada" not in names(missing="backend") and "ben" in names(missing="backend")
    assert "ben" not in names(missing="org") and "ada" in names(missing="org")
    assert {"ada", "ben"}.isdisjoint(names(missing="project"))
    assert names(active="no") == ["dan"]
    assert names(role="OutputChecker", q="castell") == ["cat"]
    assert names(role="OutputChecker", backend="far") == []


def test_the_list_is_sorted_by_the_links_of_its_head(sam: FlaskClient, site: SimpleNamespace) -> None:
    def order(sort: str) -> list[str]:
        page = sam.get(f"/staff/users/?sort={sort}").text
        return re.findall(r'<th scope="row"><a class="quiet" href="/staff/users/(\w+)/"', page)

    assert order("name") == order("nonsense") == sorted(order("name"))
    assert order("-name") == order("name")[::-1]
    assert order("-projects")[:2] == ["ada", "ben"] and order("-login")[0] == "sam"
    assert 'class="num"' in sam.get("/staff/users/").text.split("<tbody>")[0]


def test_a_percent_sign_is_a_letter_like_any_other(site: SimpleNamespace) -> None:
    assert names(q="%") == []


def test_roles_are_saved_whole_and_count_at_once(sam: FlaskClient, site: SimpleNamespace, send: Send) -> None:
    answer = send(sam, "/staff/users/dan/roles/", roles=["OutputChecker", "TechSupport"])
    assert answer.location == "/staff/users/dan/"
    assert user_or_stop("dan").roles == ["OutputChecker", "TechSupport"]
    assert "Output Checker, Tech Support" in sam.get("/staff/users/dan/").text
    send(sam, "/staff/users/dan/roles/")
    assert user_or_stop("dan").roles == []


def test_a_role_that_is_no_role_any_more_is_shown_and_breaks_nothing(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    User.update(roles=["Wizard", "OutputChecker"]).where(User.id == site.dan.id).execute()
    assert "Wizard is no role any more" in sam.get("/staff/users/dan/").text
    send(sam, "/staff/users/dan/roles/", roles=["Wizard", "OutputChecker"])
    assert user_or_stop("dan").roles == ["OutputChecker"]


def test_who_takes_their_own_way_in_is_warned_first(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    warning = send(sam, "/staff/users/sam/roles/", roles=["TechSupport"])
    assert warning.status_code == 200
    assert "nobody else can use the staff area" in warning.text
    assert "StaffAreaAdministrator" in user_or_stop("sam").roles
    set_roles(by="system", user=site.dan, roles=["StaffAreaAdministrator"])
    again = send(sam, "/staff/users/sam/roles/", roles=["TechSupport"]).text
    assert "only another Staff Area Administrator can let you in again" in again
    assert '<input type="hidden" name="roles" value="TechSupport">' in again
    send(sam, "/staff/users/sam/roles/", roles=["TechSupport"], sure=True)
    assert user_or_stop("sam").roles == ["TechSupport"]
    assert sam.get("/staff/").status_code == 403


def test_clearing_all_roles_empties_those_of_projects_too_and_is_asked_first(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    set_roles(by="system", user=site.ada, roles=["OutputChecker"])
    assert "would lose every role" in send(sam, "/staff/users/ada/clear-roles/").text
    assert user_or_stop("ada").roles == ["OutputChecker"]
    send(sam, "/staff/users/ada/clear-roles/", sure=True)
    assert user_or_stop("ada").roles == []
    membership = ProjectMembership.get(user=site.ada, project=site.air)
    assert membership.roles == []
    assert Event.get_or_none(type="member:roles", subject="project:air", by="sam") is not None


def test_who_may_not_change_roles_in_projects_clears_none_at_all(site: SimpleNamespace) -> None:
    set_roles(by="system", user=site.dan, roles=["StaffAreaAdministrator"])
    set_roles(by="system", user=site.ada, roles=["OutputChecker"])
    with pytest.raises(Denied, match="Tech Support or Service Administrator"):
        clear_all_roles(by=user_or_stop("dan"), user=user_or_stop("ada"))
    assert user_or_stop("ada").roles == ["OutputChecker"]


def test_a_person_is_shut_out_and_let_in_again(
    app: Flask, sam: FlaskClient, site: SimpleNamespace, sign_in: Callable[..., FlaskClient], send: Send
) -> None:
    ada = sign_in(app.test_client(), "ada")
    assert "would be logged out everywhere" in sam.get("/staff/users/ada/deactivate/").text
    assert ada.get("/settings/").status_code == 200
    send(sam, "/staff/users/ada/deactivate/", sure=True)
    assert ada.get("/settings/").status_code == 302
    assert "Deactivated" in sam.get("/staff/users/ada/").text
    send(sam, "/staff/users/ada/reactivate/", sure=True)
    assert user_or_stop("ada").is_active


def test_nobody_shuts_themselves_out(sam: FlaskClient, send: Send) -> None:
    assert send(sam, "/staff/users/sam/deactivate/", sure=True).status_code == 403
    assert "You cannot deactivate yourself" in sam.get("/staff/users/sam/").text


def test_logging_somebody_out_ends_their_logins(
    app: Flask, sam: FlaskClient, site: SimpleNamespace, sign_in: Callable[..., FlaskClient], send: Send
) -> None:
    ada = sign_in(app.test_client(), "ada")
    assert ada.get("/settings/").status_code == 200
    send(sam, "/staff/users/ada/log-out/", sure=True)
    assert ada.get("/settings/").status_code == 302


def test_a_token_for_somebody_is_shown_once_and_lets_them_in(
    app: Flask, sam: FlaskClient, site: SimpleNamespace, send: Send, csrf: Callable[..., str]
) -> None:
    assert 'id="token"' not in sam.get("/staff/users/dan/token/").text
    shown = send(sam, "/staff/users/dan/token/", sure=True).text
    token = re.search(r'id="token"[^>]*>([^<]+)<', shown)[1]
    assert token not in sam.get("/staff/users/dan/token/").text
    assert token not in sam.get("/staff/audit/?subject=user:dan").text
    dan = app.test_client()
    form = {"user": "dan", "token": token, "csrf_token": csrf(dan, "/login/")}
    assert dan.post("/login-with-token/", data=form).status_code == 303


def test_backends_and_organisations_become_exactly_those_chosen(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    send(sam, "/staff/users/dan/backends/", backends=["local", "far"])
    send(sam, "/staff/users/dan/organisations/", organisations=["northfield"])
    assert BackendMembership.select().where(BackendMembership.user == site.dan).count() == 2
    assert OrgMembership.select().where(OrgMembership.user == site.dan).count() == 1
    send(sam, "/staff/users/dan/backends/", backends=["far"])
    send(sam, "/staff/users/dan/organisations/")
    assert [row.backend for row in BackendMembership.select().where(BackendMembership.user == site.dan)] == [
        site.far
    ]
    assert not OrgMembership.select().where(OrgMembership.user == site.dan).exists()
    assert Event.get_or_none(type="backend:member-removed", subject="backend:local", by="sam") is not None


def test_a_person_is_added_and_what_was_typed_stays(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    refused = send(sam, "/staff/users/add/", username="ada", fullname="Eve Early", email="x")
    assert refused.status_code == 422
    assert "There is already a user ada." in refused.text
    assert 'value="Eve Early"' in refused.text and "name@example.org" in refused.text
    send(sam, "/staff/users/add/", username="eve", fullname="Eve Early", email="eve@example.org")
    assert user_or_stop("eve").created_by == "sam"
    send(sam, "/staff/users/eve/edit/", fullname="Eve Late", email="")
    assert user_or_stop("eve").fullname == "Eve Late"


def test_people_to_add_are_found_by_name_and_the_chosen_stay(site: SimpleNamespace) -> None:
    for number in range(30):
        add_user(by="system", username=f"zoe{number:02}", fullname=f"Zoe {number:02}")
    there = ProjectMembership.select(ProjectMembership.user).where(ProjectMembership.project == site.air)
    choice = people.choice("zoe", ["dan", "ada", "nobody"], there)
    assert [user.username for user in choice.people[:2]] == ["dan", "zoe00"]
    assert choice.more and "ada" not in [user.username for user in choice.people]


def test_where_membership_counts_the_page_does_not_say_otherwise(
    sam: FlaskClient, site: SimpleNamespace
) -> None:
    assert "every active person may use every active backend" in sam.get("/staff/users/dan/").text
    all_settings.use(replace(all_settings.current(), oidc_issuer="https://id.example.org"))
    assert "every active person may use every active backend" not in sam.get("/staff/users/dan/").text
