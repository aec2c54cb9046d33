"""A backend with a right token, at what is another backend's: nothing of it is told, nothing of it changes."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.accounts.actions import deactivate
from jobsite.accounts.api_tokens import make_api_token, revoke_api_token
from jobsite.accounts.backends import add_backend_member
from jobsite.accounts.models import ApiToken, Identity
from jobsite.accounts.signing_in import make_token
from jobsite.core import clock
from jobsite.core.db import database
from jobsite.jobs.models import Job
from jobsite.notifications.told_models import ToldReview
from jobsite.releases.models import ReleaseFile
from jobsite.settings import Settings

from .conftest import World
from .test_releases import DATA, ID, announced, create, upload
from .test_review_steps import step

Reported = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """People are made members of backends one by one."""
    return Settings(instance=tmp_path / "instance", github_client_id="x", github_client_secret="y")


@pytest.fixture
def theirs(world: World, job: Reported) -> World:
    """At `near`: a request with a job that runs, a release with one file here and one to come, a step of its review. cat may
    release on both backends, ada works on `near` alone."""
    for name, backends in (("ada", (world.near,)), ("cat", (world.near, world.far))):
        person = getattr(world.cast, name)
        Identity.create(provider="github", uid=name, user=person, name_there=name, created_at=clock.now())
        for backend in backends:
            add_backend_member(by="system", backend=backend, user=person)
    request = world.request()
    running = job(request, "theirs", status="running", status_code="executing")
    assert world.call("POST", "jobs/", world.near_token, [running]).status_code == 200
    assert create(world, announced("output/a.csv", "output/b.csv")).status_code == upload(world).status_code
    told = world.call("POST", "airlock/events/", world.near_token, step("request_submitted", request=ID))
    assert told.json == {"status": "ok"}
    world.made.request = request
    return world


ITS_OWN = ("backend", "event", "sqlite_sequence", "level4_checkpoint", "api_token")
"""Tables in which a call leaves that it came: last contact, what was refused."""


def kept() -> dict[str, str]:
    """What is in each table but those, as a hash."""
    tables = [table for table in database.get_tables() if table not in ITS_OWN]
    rows = {table: database.execute_sql(f'select * from "{table}"').fetchall() for table in tables}  # noqa: S608
    return {table: hashlib.sha256(repr(found).encode()).hexdigest() for table, found in rows.items()}


def test_the_token_of_another_backend_changes_nothing_and_is_told_nothing(
    theirs: World, job: Reported
) -> None:
    request, token = theirs.made.request, theirs.far_token
    call = lambda method, path, data=None, **headers: theirs.call(method, path, token, data, **headers)
    before = kept()
    own = theirs.request(theirs.far)
    mine = kept()
    assert call("GET", "job-requests/").json["results"][0]["identifier"] == own.identifier
    assert call("GET", "job-requests/").json["count"] == 1
    for reports in (
        [job(request, "theirs", status="failed", status_code="job_error")],
        [job(request, "more")],
        [job(request, "none", action="__error__", status="failed", status_message="No")],
        [],
        [job(own, "theirs")],
    ):
        assert call("POST", "jobs/", reports).json == {"status": "success"}
    assert Job.get(identifier="theirs").state == "running" and Job.select().count() == 1
    file = ReleaseFile.get(name="output/a.csv")
    body, person = (
        announced("output/a.csv", review={"status": "REJECTED", "comments": {}}),
        {"OS_User": "cat"},
    )
    others = {"detail": "Release is from backend near not far"}
    for method, path, data, status, said in (
        ("POST", "releases/workspace/asthma", announced("output/a.csv", "output/b.csv"), 400, None),
        ("POST", "releases/workspace/asthma", announced("output/c.csv"), 400, None),
        ("POST", f"releases/release/{ID}/reviews", body, 400, others),
        ("POST", f"releases/release/{ID}/revoke", {"public_reason": "A small count was found in it."}, 400, others),
        ("GET", f"releases/release/{ID}", None, 403, None),
        ("GET", f"releases/file/{file.id}", None, 403, None),
        ("GET", "releases/workspace/asthma", None, 403, None),
    ):  # fmt: skip
        answer = call(method, path, data, **person)
        assert answer.status_code == status and (said is None or answer.json == said), (path, answer.json)
        assert DATA not in answer.data and file.sha256.encode() not in answer.data
    for name in ("output/a.csv", "output/b.csv"):
        assert upload(theirs, name=name, token=token).json == others
    for name in ("request_rejected", "request_released", "request_submitted"):
        answer = call("POST", "airlock/events/", step(name, request=ID))
        assert (answer.status_code, answer.json) == (
            201,
            {"status": "error", "message": f"Release request '{ID}' is of another backend"},
        )
    assert call("POST", "releases/authorise", {"user": "ada"}).status_code == 403
    after = kept()
    assert {table for table in after if after[table] != mine[table]} == set()
    assert {table for table in mine if mine[table] != before[table]} == {"job_request"}


def test_a_single_use_token_is_not_used_up_by_a_backend_its_owner_does_not_work_on(theirs: World) -> None:
    words = make_token(by="system", user=theirs.cast.ada)
    ask = lambda token: theirs.call("POST", "releases/authenticate", token, {"user": "ada", "token": words})
    assert ask(theirs.far_token).status_code == 403
    assert ask(theirs.near_token).status_code == 200
    for token in (theirs.near_token, theirs.far_token):
        assert ask(token).status_code == 403


def test_a_request_that_was_released_is_told_of_by_its_backend_alone(theirs: World) -> None:
    ToldReview.delete().execute()
    tell = lambda token: theirs.call("POST", "airlock/events/", token, step("request_released", request=ID))
    assert tell(theirs.far_token).json["status"] == "error"
    assert tell(theirs.near_token).json == {"status": "ok"}


def test_a_personal_token_that_ended_was_cut_or_is_anothers_reads_nothing(theirs: World) -> None:
    make = lambda name, who=theirs.cast.cat: make_api_token(by="system", user=who, name=name)
    right, ended, dans = make("right"), make("ended"), make("dans", theirs.cast.dan)
    revoke_api_token(by="system", user=theirs.cast.cat, number=ApiToken.get(name="ended").id)
    paths = (f"releases/release/{ID}", "releases/workspace/asthma", f"releases/file/{ReleaseFile.get().id}")
    last = right[:-1] + ("9" if right[-1] != "9" else "8")
    for header in (
        f"cat:{ended}", f"cat:{right[:-1]}", f"cat:{last}", f"cat:{right}x", f"cat:{right.upper()}", f"cat:{dans}",
        f"dan:{right}", f"dan:{dans}", f"Bearer {ended}", f"Bearer cat:{right}", f"Basic {right}", right, "cat:",
        ":", f"cat:{right}, cat:{right}", theirs.near_token, f"cat:{theirs.near_token}",
    ):  # fmt: skip
        for path in paths:
            assert theirs.call("GET", path, header).status_code == 403, header
    for header in (f"cat:{right}", f"CAT:{right}", f" cat:{right} ", f"Bearer {right}"):
        assert all(theirs.call("GET", path, header).status_code == 200 for path in paths), header
    with clock.at(clock.now() + timedelta(days=91)):
        assert {theirs.call("GET", path, f"cat:{right}").status_code for path in paths} == {403}
    deactivate(by="system", user=theirs.cast.cat)
    assert {theirs.call("GET", path, f"cat:{right}").status_code for path in paths} == {403}
