"""The first page of the staff area with its search, the health of the installation, and the ways in."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from jobsite.accounts.actions import set_roles
from jobsite.core.clock import now
from jobsite.notifications.models import Delivery, Heartbeat
from jobsite.notifications.rules import GIVEN_UP, WAITING
from jobsite.staff.searching import found

Send = Callable[..., Any]


def kinds(text: str, people: bool = True) -> dict[str, tuple[int, list[str]]]:
    return {
        kind.title: (kind.total, [hit.address for hit in kind.hits]) for kind in found(text, people=people)
    }


def test_one_box_finds_every_kind_of_thing(site: SimpleNamespace) -> None:
    assert kinds("far") == {"Backends": (1, ["/staff/backends/far/"])}
    assert kinds("northfield") == {"Organisations": (1, ["/staff/organisations/northfield/"])}
    assert kinds("asthma") == {"Workspaces": (1, ["/staff/workspaces/asthma/"])}
    assert kinds("brandt") == {"Users": (1, ["/staff/users/ben/"])}
    assert kinds(site.request.identifier[:10]) == {"Job requests": (1, [f"/asthma/{site.request.id}/"])}
    assert kinds("7")["Projects"] == (1, ["/staff/projects/air/"])
    assert kinds("") == {} and kinds("nothing-like-it") == {}


def test_exact_names_come_first_and_all_are_counted(site: SimpleNamespace) -> None:
    assert kinds("a")["Users"][0] > 5
    total, addresses = kinds("ada")["Users"]
    assert (total, addresses[0]) == (1, "/staff/users/ada/")


def test_people_are_found_only_by_who_manages_them(site: SimpleNamespace) -> None:
    assert "Users" not in kinds("ada", people=False)


def test_the_way_in_is_shown_to_staff_only(
    app: Flask, sam: FlaskClient, site: SimpleNamespace, sign_in: Callable[..., FlaskClient]
) -> None:
    ada = sign_in(app.test_client(), "ada")
    for where, staff_page in (
        ("/", "/staff/"),
        ("/projects/air/", "/staff/projects/air/"),
        ("/asthma/", "/staff/workspaces/asthma/"),
        ("/users/ada/", "/staff/users/ada/"),
        ("/orgs/northfield/", "/staff/organisations/northfield/"),
    ):
        assert f'href="{staff_page}"' in sam.get(where).text, where
        assert "/staff/" not in ada.get(where).text, where


def test_health_shows_beats_and_given_up_deliveries_which_can_be_tried_again(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    Heartbeat.create(name="deliver", at=now(), seconds=0.5, failed_at=now(), failure="No route <b>")
    lost = Delivery.create(
        channel="mail",
        kind="token-made",
        user=site.ada,
        state=GIVEN_UP,
        attempts=9,
        last_error="550 no such box",
    )
    page = sam.get("/staff/health/").text
    assert "550 no such box" in page and "No route &lt;b&gt;" in page and "Room enough" in page
    send(sam, f"/staff/health/deliveries/{lost.identifier}/retry/")
    assert Delivery.get_by_id(lost.id).state == WAITING
    assert send(sam, f"/staff/health/deliveries/{lost.identifier}/retry/").status_code in (403, 409)
    assert send(sam, "/staff/health/deliveries/none/retry/").status_code == 404


def test_staff_without_the_right_to_manage_people_find_the_rest(
    app: Flask, site: SimpleNamespace, sign_in: Callable[..., FlaskClient]
) -> None:
    set_roles(by="system", user=site.dan, roles=["StaffAreaAdministrator"])
    dan = sign_in(app.test_client(), "dan")
    assert "/staff/projects/air/" in dan.get("/staff/?q=air").text
