"""Staff and backends: facts, tokens, switches, people."""

import re
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask.testing import FlaskClient

from jobsite.accounts.backends import backend_with_token
from jobsite.accounts.models import Backend, BackendMembership

Send = Callable[..., Any]


def shown_token(page: str) -> str:
    found = re.search(r'id="token"[^>]*>([0-9a-f]{40})<', page)
    assert found, page
    return found[1]


def test_a_backend_is_added_and_edited(sam: FlaskClient, site: SimpleNamespace, send: Send) -> None:
    assert send(sam, "/staff/backends/add/", slug="Bad Slug", name="New").status_code == 422
    assert send(sam, "/staff/backends/add/", slug="new", name="New").location == "/staff/backends/new/"
    refused = send(sam, "/staff/backends/new/edit/", name="New", alert_timeout="5", is_active="y")
    assert refused.status_code == 422 and 'value="5"' in refused.text
    send(sam, "/staff/backends/new/edit/", name="Newer", alert_timeout="600", is_active="y")
    made = Backend.get(slug="new")
    assert (made.name, made.alert_timeout, made.is_active, made.accepts_jobs) == ("Newer", 600, True, False)


def test_a_token_is_shown_once_and_the_old_one_works_on_for_the_time_chosen(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    where = "/staff/backends/local/rotate/"
    first = shown_token(send(sam, where, overlap="0").text)
    assert first not in sam.get(where).text + sam.get("/staff/backends/local/").text
    second = shown_token(send(sam, where, overlap="24").text)
    assert backend_with_token(first) == backend_with_token(second) == site.local
    assert "The one before works until" in sam.get("/staff/backends/local/").text
    third = shown_token(send(sam, where, overlap="0").text)
    assert backend_with_token(third) == site.local
    assert backend_with_token(first) is None and backend_with_token(second) is None
    assert first not in sam.get("/staff/audit/?subject=backend:local").text


def test_no_token_is_made_for_a_length_that_is_not_offered(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    assert send(sam, "/staff/backends/local/rotate/", overlap="9999").status_code == 422
    assert Backend.get(slug="local").auth_token_hash is None


def test_the_buttons_of_a_backend_do_what_they_say_and_stopping_jobs_is_asked_first(
    sam: FlaskClient, site: SimpleNamespace, send: Send
) -> None:
    where = "/staff/backends/local/turn/"
    send(sam, where, turn="pause")
    assert Backend.get(slug="local").is_paused
    assert send(sam, where, turn="pause").status_code == 409
    send(sam, where, turn="resume")
    assert not Backend.get(slug="local").is_paused
    assert "would be stopped now" in send(sam, where, turn="start-maintenance").text
    assert not Backend.get(slug="local").is_in_maintenance_mode
    send(sam, where, turn="start-maintenance", sure=True)
    assert Backend.get(slug="local").is_maintenance_manual
    send(sam, where, turn="end-maintenance")
    assert not Backend.get(slug="local").is_in_maintenance_mode
    send(sam, where, turn="prepare-for-reboot", sure=True)
    assert Backend.get(slug="local").is_rebooting
    assert send(sam, where, turn="explode", sure=True).status_code == 422


def test_a_maintenance_is_planned_and_taken_back(sam: FlaskClient, site: SimpleNamespace, send: Send) -> None:
    where = "/staff/backends/local/maintenance/"
    refused = send(sam, where, starts_at="2099-01-02 10:00", ends_at="2099-01-01")
    assert refused.status_code == 422 and 'value="2099-01-02 10:00"' in refused.text
    send(sam, where, starts_at="2099-01-01 10:00", ends_at="2099-01-01 12:30")
    assert Backend.get(slug="local").maintenance_until == datetime(2099, 1, 1, 12, 30)
    assert 'value="2099-01-01 12:30"' in sam.get(where).text
    send(sam, where, starts_at="", ends_at="")
    assert Backend.get(slug="local").maintenance_from is None


def test_people_are_let_in_and_out(sam: FlaskClient, site: SimpleNamespace, send: Send) -> None:
    where = "/staff/backends/far/members/"
    assert send(sam, where).status_code == 422
    send(sam, where, users=["ada", "ben"])
    assert BackendMembership.select().where(BackendMembership.backend == site.far).count() == 2
    assert send(sam, where, users=["dan", "ada"]).status_code == 409
    assert BackendMembership.get_or_none(backend=site.far, user=site.dan) is None
    send(sam, f"{where}ada/remove/")
    assert BackendMembership.get_or_none(backend=site.far, user=site.ada) is None


def test_the_list_shows_what_runs_and_waits(sam: FlaskClient, site: SimpleNamespace) -> None:
    page = sam.get("/staff/backends/?q=loc").text
    assert "/staff/backends/local/" in page and "/staff/backends/far/" not in page
    assert re.search(r'data-label="Waiting">1<', page)
