"""Backends: their tokens, pause, maintenance, members."""

import hashlib
import json
import re
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from jobsite.accounts import backends
from jobsite.accounts.models import Backend
from jobsite.accounts.queries import backend_or_stop
from jobsite.core import clock
from jobsite.core.db import database
from jobsite.core.errors import Conflict, Denied, Invalid, NotFound
from jobsite.core.events import Event

MONDAY = datetime(2026, 3, 2, 9)


def _last() -> tuple[str, str, str]:
    event = Event.select().order_by(Event.id.desc()).get()
    return event.type, event.by, event.subject


def test_a_new_backend_is_active_and_takes_jobs(local: Backend) -> None:
    found = backend_or_stop("local")
    assert (found.is_active, found.accepts_jobs, found.is_paused, found.is_in_maintenance_mode) == (
        True,
        True,
        False,
        False,
    )
    assert (found.auth_token_hash, found.alert_timeout) == (None, 300)
    assert _last() == ("backend:added", "system", "backend:local")


@pytest.mark.parametrize(
    ("slug", "name", "fields"),
    [
        ("local", "Again", ["slug"]),
        ("No Slug", "X", ["slug"]),
        ("north", " ", ["name"]),
        ("", "", ["slug", "name"]),
    ],
)
def test_what_cannot_be_added_names_its_fields(
    local: Backend, slug: str, name: str, fields: list[str]
) -> None:
    with pytest.raises(Invalid) as refusal:
        backends.add_backend(by="system", slug=slug, name=name)
    assert list(refusal.value.fields) == fields
    assert Backend.select().count() == 1


def test_a_token_is_forty_hexadecimal_digits_of_which_only_a_hash_is_kept(local: Backend) -> None:
    token = backends.rotate_token(by="system", backend=local)
    assert re.fullmatch("[0-9a-f]{40}", token)
    assert backend_or_stop("local").auth_token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert backends.backend_with_token(token) == local
    assert backends.backend_with_token(token[:-1]) is None
    assert backends.backend_with_token("") is None
    event = Event.select().order_by(Event.id.desc()).get()
    assert (event.type, json.loads(event.data)) == ("backend:token-made", {})


def test_a_new_token_ends_the_old_and_an_inactive_backend_has_none(local: Backend) -> None:
    old = backends.rotate_token(by="system", backend=local)
    new = backends.rotate_token(by="system", backend=local)
    assert (backends.backend_with_token(old), backends.backend_with_token(new)) == (None, local)
    Backend.update(is_active=False).execute()
    assert backends.backend_with_token(new) is None


def test_pause_and_maintenance_are_turned_once_and_say_since_when(local: Backend) -> None:
    steps = (
        (backends.pause, "is_paused", "paused_since", True, "backend:paused"),
        (backends.resume, "is_paused", "paused_since", False, "backend:resumed"),
        (
            backends.start_maintenance,
            "is_in_maintenance_mode",
            "maintenance_since",
            True,
            "backend:maintenance-started",
        ),
        (
            backends.end_maintenance,
            "is_in_maintenance_mode",
            "maintenance_since",
            False,
            "backend:maintenance-ended",
        ),
    )
    for turn, flag, since, value, event in steps:
        turn(by="system", backend=local)
        found = backend_or_stop("local")
        assert getattr(found, flag) is value
        assert getattr(found, since) is not None
        assert _last() == (event, "system", "backend:local")
        with pytest.raises(Conflict):
            turn(by="system", backend=local)


def test_only_staff_manage_backends(local: Backend, cast: SimpleNamespace) -> None:
    wishes = (
        lambda by: backends.add_backend(by=by, slug="north", name="North"),
        lambda by: backends.rotate_token(by=by, backend=local),
        lambda by: backends.edit_backend(
            by=by, backend=local, name="N", is_active=True, accepts_jobs=True, alert_timeout=300
        ),
        lambda by: backends.pause(by=by, backend=local),
        lambda by: backends.resume(by=by, backend=local),
        lambda by: backends.start_maintenance(by=by, backend=local),
        lambda by: backends.end_maintenance(by=by, backend=local),
        lambda by: backends.add_backend_member(by=by, backend=local, user=cast.ada),
        lambda by: backends.remove_backend_member(by=by, backend=local, user=cast.ada),
    )
    for wish in wishes:
        for person in (cast.ada, cast.cat, cast.dan):
            with pytest.raises(Denied, match="manage backends"):
                wish(person)
        wish(cast.sam)
        assert _last()[1] == "sam"


def test_membership_is_given_and_taken_once(local: Backend, cast: SimpleNamespace) -> None:
    backends.add_backend_member(by="system", backend=local, user=cast.ada)
    with pytest.raises(Conflict, match="ada is a member of local already"):
        backends.add_backend_member(by="system", backend=local, user=cast.ada)
    backends.remove_backend_member(by="system", backend=local, user=cast.ada)
    with pytest.raises(Conflict, match="ada is no member of local"):
        backends.remove_backend_member(by="system", backend=local, user=cast.ada)


def test_an_unknown_backend_is_a_sentence(instance: object) -> None:
    with pytest.raises(NotFound, match="There is no backend north"):
        backend_or_stop("north")


def test_after_a_rotation_the_token_before_works_until_its_time(local: Backend) -> None:
    with clock.at(MONDAY):
        first = backends.rotate_token(by="system", backend=local)
        second = backends.rotate_token(by="system", backend=local, overlap=timedelta(hours=24))
        assert [backends.backend_with_token(token) for token in (first, second)] == [local, local]
    with clock.at(MONDAY + timedelta(hours=24)):
        assert [backends.backend_with_token(token) for token in (first, second)] == [None, local]
    with clock.at(MONDAY + timedelta(hours=1)):
        third = backends.rotate_token(by="system", backend=local, overlap=timedelta(hours=1))
        found = [backends.backend_with_token(token) for token in (first, second, third)]
    assert found == [None, local, local], "of two rotations only the last one overlaps"
    backends.rotate_token(by="system", backend=local)
    assert backends.backend_with_token(third) is None
    everything = str(database.execute_sql("SELECT * FROM backend").fetchall()) + _everything_recorded()
    assert not any(token in everything for token in (first, second, third))


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_is_at_most_thirty_days(local: Backend, overlap: timedelta) -> None:
    with pytest.raises(Invalid, match="at most 30 days"):
        backends.rotate_token(by="system", backend=local, overlap=overlap)
    assert backend_or_stop("local").auth_token_hash is None


def test_a_backend_is_edited_and_the_event_names_what_changed(local: Backend, cast: SimpleNamespace) -> None:
    edited = backends.edit_backend(
        by=cast.sam, backend=local, name=" North ", is_active=True, accepts_jobs=False, alert_timeout=600
    )
    assert (edited.name, edited.is_active, edited.accepts_jobs, edited.alert_timeout) == (
        "North",
        True,
        False,
        600,
    )
    event = Event.select().order_by(Event.id.desc()).get()
    assert (event.type, event.by, json.loads(event.data)) == (
        "backend:edited",
        "sam",
        {"name": "North", "accepts_jobs": False, "alert_timeout": 600},
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [({"name": " "}, "name"), ({"name": "x" * 101}, "name"), ({"alert_timeout": 59}, "alert_timeout")],
)
def test_what_a_backend_cannot_be_changed_to_changes_nothing(
    local: Backend, change: dict[str, object], field: str
) -> None:
    wish = {"name": "X", "is_active": False, "accepts_jobs": False, "alert_timeout": 300} | change
    with pytest.raises(Invalid) as refusal:
        backends.edit_backend(by="system", backend=local, **wish)
    assert list(refusal.value.fields) == [field]
    assert backend_or_stop("local").is_active


def _everything_recorded() -> str:
    return "".join(event.data for event in Event.select())
