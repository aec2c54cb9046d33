"""Site alerts: who sees them, when, and as what."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobsite.core import clock
from jobsite.core.errors import Denied, Invalid
from jobsite.core.events import Event
from jobsite.status.alerts import SiteAlert, add_alert, alerts_now, delete_alert, edit_alert

NOON = datetime(2026, 11, 23, 12)
HOUR = timedelta(hours=1)


def add(by: Any = "system", **facts: Any) -> SiteAlert:
    return add_alert(by=by, **{"title": "Moving house", "message": "On *Friday*.", "level": "info", **facts})


def test_an_alert_is_shown_to_people_who_are_logged_in_and_to_nobody_else(
    app: Flask, cast: SimpleNamespace, client: FlaskClient, sign_in: Callable[..., FlaskClient]
) -> None:
    add()
    ada = sign_in(app.test_client(), "ada")
    for where in ("/", "/projects/", "/settings/", "/nowhere-at-all/"):
        assert "Moving house" in ada.get(where).text, where
        assert "Moving house" not in client.get(where).text, where


def test_an_alert_lasts_from_its_beginning_to_its_end(instance: Path) -> None:
    add(title="all day")
    add(title="an hour", starts_at=NOON, ends_at=NOON + HOUR)

    def shown(moment: datetime) -> list[str]:
        with clock.at(moment):
            return [alert.title for alert in alerts_now()]

    assert shown(NOON - HOUR) == ["all day"]
    assert shown(NOON) == ["an hour", "all day"]
    assert shown(NOON + HOUR) == ["all day"]


def test_hostile_markdown_is_made_harmless(
    app: Flask, cast: SimpleNamespace, sign_in: Callable[..., FlaskClient]
) -> None:
    add(title="<b>x</b>", message="<script>x</script> [a](javascript:x) <img src=x onerror=y> **fat**")
    page = sign_in(app.test_client(), "ada").get("/").text
    assert "<strong>fat</strong>" in page and "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<script>x" not in page and "javascript:x" not in page and "<img src=x" not in page


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"message": "  "}, "message"),
        ({"message": "[" * 500}, "message"),
        ({"level": "loud"}, "level"),
        ({"title": "x" * 101}, "title"),
        ({"starts_at": NOON, "ends_at": NOON}, "ends_at"),
    ],
)
def test_an_alert_that_cannot_be_is_refused_at_its_field(
    instance: Path, facts: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        add(**facts)
    assert list(refused.value.fields) == [field]


def test_only_staff_tell_everybody_something(cast: SimpleNamespace) -> None:
    alert = add(by=cast.sam)
    for act in (
        lambda: add(by=cast.ada),
        lambda: edit_alert(by=cast.ada, alert=alert, title="", message="x", level="info"),
        lambda: delete_alert(by=cast.ada, alert=alert),
    ):
        with pytest.raises(Denied):
            act()


def test_each_change_is_written_down_once(cast: SimpleNamespace) -> None:
    alert = add(by=cast.sam)
    edit_alert(by=cast.sam, alert=alert, title="Moved", message="Done.", level="success")
    delete_alert(by=cast.sam, alert=alert)
    types = [
        event.type for event in Event.select().where(Event.subject == f"alert:{alert.id}").order_by(Event.id)
    ]
    assert types == ["alert:added", "alert:edited", "alert:deleted"]
    assert SiteAlert.select().count() == 0


def test_staff_preview_add_edit_and_delete_in_the_pages(
    app: Flask, cast: SimpleNamespace, sign_in: Callable[..., FlaskClient], csrf: Callable[..., str]
) -> None:
    sam = sign_in(app.test_client(), "sam")
    token = csrf(sam, "/staff/alerts/add/")

    def send(where: str, **fields: str) -> Any:
        return sam.post(where, data={"csrf_token": token, **fields})

    typed = {"title": "Soon", "message": "It is **so**.", "level": "danger", "ends_at": "2026-12-24 18:00"}
    preview = send("/staff/alerts/add/", **typed, preview="1").text
    assert "<strong>so</strong>" in preview and 'value="2026-12-24 18:00"' in preview
    assert SiteAlert.select().count() == 0
    refused = send("/staff/alerts/add/", **{**typed, "ends_at": "at six"})
    assert refused.status_code == 422 and 'value="at six"' in refused.text and "It is **so**." in refused.text
    send("/staff/alerts/add/", **typed)
    alert = SiteAlert.get()
    assert (alert.level, alert.ends_at, alert.created_by) == ("danger", datetime(2026, 12, 24, 18), "sam")
    send(f"/staff/alerts/{alert.id}/", **{**typed, "title": "Sooner", "ends_at": ""})
    assert SiteAlert.get().title == "Sooner" and SiteAlert.get().ends_at is None
    send(f"/staff/alerts/{alert.id}/delete/")
    assert SiteAlert.select().count() == 1
    send(f"/staff/alerts/{alert.id}/delete/", sure="yes")
    assert SiteAlert.select().count() == 0
