"""Releases over HTTP: everything arrives whole and once, whatever fails on the way, and nothing else leaves."""

# ruff: noqa: F811 - fixtures of the tests of releases, asked for by name

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.core import clock
from jobsite.core.events import Event
from jobsite.releases.announced import announcement_of
from jobsite.releases.requests.copies import folder
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.releasing import recall
from jobsite.releases.requests.retrying import MOST_ATTEMPTS
from jobsite.releases.requests.upload_models import SealedRecord, UploadStep
from jobsite.releases.requests.upload_progress import progress
from jobsite.releases.requests.uploading import continue_upload, run_due, try_again, wake_unanswered
from jobsite.settings import Settings
from jobsite.sync.contact import Absence, note_success
from jobsite.sync.link_models import ReleaseThere
from jobsite.sync.uploads import disposition, send

from ..releases.conftest import first_world, world  # noqa: F401
from ..releases.world import CONTEXT, CONTROLS, OTHER, REASON, TABLE, World
from .peer import TOKEN, Peer, Received

PATHS = ["output/a.csv", "output/b.csv", "metadata/release-audit.json", "metadata/release-record.json"]
ID_THERE = "01THERE0000000000000000001"


@pytest.fixture
def settings(tmp_path: Path, peer: Peer) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="secure",
        public_url=peer.url,
        backend_token=TOKEN,
        backend="local",
    )


def takes(peer: Peer, release_id: str) -> dict[str, bytes]:
    """From now on the public side takes a release under this id; gives its files by name, as they arrive."""
    arrived: dict[str, bytes] = {}
    announced: dict[str, str] = {}

    def create(request: Received) -> Any:
        announced.update({file["name"]: file["sha256"] for file in request.json["files"]})
        return 201, {"release_id": release_id, "release_url": "x"}, {"Release-Id": release_id}

    def take(request: Received) -> Any:
        name = request.headers["content-disposition"].partition('filename="')[2].rstrip('"')
        if hashlib.sha256(request.body).hexdigest() != announced[name]:
            return 400, {
                "detail": "Contents of uploaded file does not match the file which a review was requested for"
            }
        if name in arrived:
            return 400, {"detail": f"This version of '{name}' has already been uploaded from backend 'local'"}
        arrived[name] = request.body
        return 201, None, {"File-Id": "01M8"}

    peer.answers["POST releases/workspace/asthma"] = create
    peer.answers[f"POST releases/release/{release_id}"] = take
    return arrived


def after(request: ReleaseRequest, seconds: float = 1) -> Any:
    """Within the block the undo window has been over for so long."""
    return clock.at(request.undo_until + timedelta(seconds=seconds))


def types(request: ReleaseRequest) -> list[str]:
    rows = Event.select().where(Event.subject == f"release-request:{request.id}").order_by(Event.id)
    return [event.type for event in rows]


def test_a_release_leaves_in_order_under_the_id_that_the_public_side_chose(peer: Peer, world: World) -> None:
    request, arrived = world.approved(), takes(peer, ID_THERE)
    with clock.at(request.undo_until - timedelta(seconds=1)):
        assert run_due(send) == request.undo_until and peer.received == []
    with after(request):
        assert run_due(send) is None
    assert world.again(request).status == "RELEASED" and types(request)[-1] == "release:released"
    assert list(arrived) == PATHS
    assert (arrived[PATHS[0]].decode(), arrived[PATHS[1]].decode()) == (TABLE, OTHER)
    assert arrived[PATHS[3]].decode() == SealedRecord.get().text
    create, *files = peer.received
    told = announcement_of(create.json)
    assert told.release_id == request.id and [file.name for file in told.files] == PATHS
    assert {one.headers["os-user"] for one in peer.received} == {"cyd"}
    for name, one in zip(PATHS, files, strict=True):
        assert one.headers["content-length"] == str(len(arrived[name]))
        assert one.headers["content-type"] == "application/octet-stream"
        assert one.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert ReleaseThere.get().release_id == ID_THERE


def test_nothing_but_create_and_upload_names_a_file_and_nothing_carries_a_text(
    peer: Peer, world: World
) -> None:
    request = world.approved(files=("output/a.csv",), supporting=("output/plot.csv",))
    takes(peer, request.id)
    with after(request):
        run_due(send)
        recall(by=world.cast.cat, request_id=request.id, public_reason=REASON, private_reason=CONTEXT)
        peer.answers[f"POST releases/release/{request.id}/revoke"] = (200, {"status": "revoked"})
        run_due(send)
    assert peer.paths()[-1] == f"POST releases/release/{request.id}/revoke"
    assert peer.received[-1].json == {"public_reason": REASON, "files": None}
    for one in peer.received:
        everything = f"{one.path} {one.headers} {one.body.decode()}"
        for private in (CONTEXT, CONTROLS, "plot.csv", "b.csv", "Castell", "Cleary"):
            assert private not in everything


def test_a_connection_that_breaks_off_costs_nothing(peer: Peer, world: World) -> None:
    request = world.approved()
    arrived = takes(peer, request.id)
    with after(request):
        peer.faults = ["drop", "", "drop", "", "", "drop"]
        run_due(send)
    assert world.again(request).status == "RELEASED" and list(arrived) == PATHS


@pytest.mark.parametrize("fault", ["503", "redirect", "html"])
def test_what_cannot_be_taken_now_is_tried_again_and_no_sooner_than_asked_for(
    peer: Peer, world: World, fault: str
) -> None:
    request = world.approved()
    arrived = takes(peer, request.id)
    peer.faults = ["", fault]
    wait = 90 if fault == "503" else 30
    with after(request):
        assert run_due(send) == clock.now() + timedelta(seconds=wait)
        assert world.again(request).upload_state == "waiting" and progress(world.again(request)).last_error
    with after(request, wait + 2):
        run_due(send)
    assert world.again(request).status == "RELEASED" and list(arrived) == PATHS


def test_a_file_that_arrived_though_its_answer_was_lost_counts_as_sent(peer: Peer, world: World) -> None:
    request = world.approved()
    arrived = takes(peer, request.id)
    taking = peer.answers[f"POST releases/release/{request.id}"]

    def lost(received: Received) -> Any:
        peer.answers[f"POST releases/release/{request.id}"] = taking
        assert taking(received)[0] == 201
        return 502, b"<html>Bad gateway</html>"

    peer.answers[f"POST releases/release/{request.id}"] = lost
    with after(request):
        run_due(send)
    assert list(arrived) == PATHS[:1] and world.again(request).status == "APPROVED"
    with after(request, 60):
        run_due(send)
    assert world.again(request).status == "RELEASED"
    assert [len(arrived), peer.paths().count(f"POST releases/release/{request.id}")] == [4, 5]


def test_a_releaser_whom_the_public_side_refuses_stops_it_at_once_and_another_checker_goes_on(
    peer: Peer, world: World
) -> None:
    request = world.approved()
    takes(peer, request.id)
    peer.faults = ["denied"]
    with after(request):
        run_due(send)
        assert len(peer.received) == 1 and progress(world.again(request)).is_stuck
        assert "Another checker can continue" in progress(world.again(request)).last_error
        continue_upload(by=world.cast.eve, request_id=request.id)
        run_due(send)
    assert world.again(request).status == "RELEASED"
    assert {one.headers["os-user"] for one in peer.received[1:]} == {"eve"}


def test_a_token_that_is_refused_is_told_as_that_and_waits_for_operators(peer: Peer, world: World) -> None:
    request = world.approved()
    peer.answers["POST releases/workspace/asthma"] = (403, {"detail": "Invalid token"})
    with after(request):
        run_due(send)
        assert "BACKEND_TOKEN" in progress(world.again(request)).last_error
        takes(peer, request.id)
        try_again(by=world.cast.cat, request_id=request.id)
        run_due(send)
    assert world.again(request).status == "RELEASED"


@pytest.mark.parametrize(
    "status, said", [(413, b"<html>too large</html>"), (400, {"detail": "Release is from backend a not b"})]
)
def test_a_refusal_is_not_repeated_and_its_words_are_shown(
    peer: Peer, world: World, status: int, said: Any
) -> None:
    request = world.approved()
    takes(peer, request.id)
    peer.answers[f"POST releases/release/{request.id}"] = (status, said)
    with after(request):
        run_due(send)
        run_due(send)
    assert len(peer.received) == 2
    told = progress(world.again(request))
    assert told.is_stuck and ("too large" if status == 413 else "from backend a not b") in told.last_error


def test_after_days_without_an_answer_everything_catches_up_once(peer: Peer, world: World) -> None:
    request = world.approved()
    peer.faults = ["redirect"] * MOST_ATTEMPTS
    with after(request):
        absence = Absence()
        for hours in range(MOST_ATTEMPTS):
            with after(request, 2 * 3600 * hours + 1):
                run_due(send)
                absence.is_over()
    assert len(peer.received) == MOST_ATTEMPTS and progress(world.again(request)).is_stuck
    arrived = takes(peer, request.id)
    with after(request, 3 * 86_400):
        run_due(send)
        assert not absence.is_over() and arrived == {}, "it is known to be away"
        note_success()
        assert absence.is_over() and not absence.is_over()
        assert wake_unanswered() == 1
        run_due(send)
    assert world.again(request).status == "RELEASED" and list(arrived) == PATHS
    assert types(request)[-3:] == ["release:upload-stuck", "release:upload-retried", "release:released"]


def test_what_was_refused_does_not_start_again_by_itself(peer: Peer, world: World) -> None:
    request = world.approved()
    peer.faults = ["denied"]
    with after(request):
        run_due(send)
    assert wake_unanswered() == 0 and progress(world.again(request)).is_stuck


def test_a_copy_that_is_not_what_was_approved_never_leaves(peer: Peer, world: World) -> None:
    request = world.approved()
    takes(peer, request.id)
    copy = folder() / UploadStep.get(UploadStep.path == PATHS[0]).sha256
    copy.chmod(0o600)
    copy.write_text("region,n\nNorth,3\n")
    with after(request):
        run_due(send)
    assert peer.paths() == ["POST releases/workspace/asthma"]
    assert "not what it was when it was added" in progress(world.again(request)).last_error


def test_a_public_side_that_knows_no_recall_is_no_failure_but_people_are_told(
    peer: Peer, world: World
) -> None:
    request = world.approved()
    takes(peer, request.id)
    with after(request):
        run_due(send)
        recall(by=world.cast.cat, request_id=request.id, public_reason=REASON, private_reason=REASON)
        assert run_due(send) is None
    assert world.again(request).upload_state == "done"
    assert types(request)[-1] == "release:recall-unknown"


def test_without_a_public_side_it_waits_and_says_what_is_missing(world: World, monkeypatch: Any) -> None:
    request = world.approved()
    monkeypatch.setattr("jobsite.sync.client.current_side", lambda: None)
    with after(request):
        run_due(send)
    assert "PUBLIC_URL" in progress(world.again(request)).last_error


@pytest.mark.parametrize(
    "name, header",
    [
        ("output/a.csv", 'attachment; filename="output/a.csv"'),
        ('a "b"\\c.csv', 'attachment; filename="a \\"b\\"\\\\c.csv"'),
        ("output/é.csv", "attachment; filename=\"output/?.csv\"; filename*=UTF-8''output%2F%C3%A9.csv"),
    ],
)
def test_a_name_of_any_signs_is_told(name: str, header: str) -> None:
    assert disposition(name) == header and json.dumps(header).isascii()
