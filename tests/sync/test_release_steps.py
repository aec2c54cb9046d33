"""What the public side is told of release requests: every step, in order, once, in numbers and counts alone."""

# ruff: noqa: F811 - fixtures of the tests of releases, asked for by name

import base64
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobsite.core import clock, hub
from jobsite.core.events import Event
from jobsite.releases.bundles.verifying import verify_ed25519
from jobsite.releases.record import canonical
from jobsite.releases.requests.comments import comment
from jobsite.releases.requests.forcing import force
from jobsite.releases.requests.releasing import approve, recall, stop_release
from jobsite.releases.requests.rules import PUBLIC
from jobsite.releases.requests.steps import submit, withdraw
from jobsite.releases.requests.uploading import run_due
from jobsite.releases.signing import public_key
from jobsite.settings import Settings
from jobsite.sync.events import checkpoint_when_due, follow_steps, read_steps, send_due
from jobsite.sync.link_models import ReleaseMessage
from jobsite.sync.uploads import send

from ..releases.conftest import first_world, world  # noqa: F401
from ..releases.world import CONTEXT, CONTROLS, EVERYTHING, REASON, World
from .peer import TOKEN, Peer

EVENTS, CHECKPOINTS = "POST airlock/events/", "POST level4/checkpoints/"


@pytest.fixture
def peer(server: Peer) -> Peer:
    server.answers = {EVENTS: (201, {"status": "ok"}), CHECKPOINTS: (201, None)}
    server.faults = []
    server.clear()
    return server


@pytest.fixture
def settings(tmp_path: Path, peer: Peer) -> Settings:
    return Settings(
        instance=tmp_path / "instance",
        side="secure",
        public_url=peer.url,
        backend_token=TOKEN,
        backend="local",
    )


def told(peer: Peer) -> list[dict[str, Any]]:
    """What arrived of release requests, in order."""
    return [one.json for one in peer.received if one.path == "airlock/events/"]


def kinds(peer: Peer) -> list[str]:
    return [one["event_type"].removeprefix("request_") for one in told(peer)]


def tell() -> None:
    read_steps()
    send_due()


def test_the_whole_life_of_a_request_is_told_in_order_and_in_counts(peer: Peer, world: World) -> None:
    request = world.returned()
    group = request.groups.get()
    comment(by=world.cast.ada, request_id=request.id, group=group.slug, text="Rounded.", audience=PUBLIC)
    tell()
    assert kinds(peer) == ["submitted", "partially_reviewed", "reviewed", "returned"]
    facts = {"workspace": "asthma", "request": request.id, "request_author": "ada", "org": None, "repo": None}
    for one in told(peer):
        assert facts.items() <= one.items() and isinstance(one["turn"], int)
    submitted, partly, reviewed, returned = told(peer)
    assert submitted["updates"] == [{"update": "2 files"}]
    assert [partly["updates"], reviewed["updates"]] == [
        [{"update": "1 of 2 reviews are in"}],
        [{"update": "2 of 2 reviews are in"}],
    ]
    assert (partly["user"], reviewed["user"]) == ("ada", "ada"), "nobody is told who gave a review"
    assert (returned["user"], returned["updates"]) == ("cat", [{"update": "changes requested in 1 group"}])
    assert {one.headers["os-user"] for one in peer.received} == {"ada", "cat"}
    world.publish({"output/b.csv": "sex,n\nfemale,20\nmale,15\n"})
    withdraw(by=world.cast.ada, request_id=request.id)
    tell()
    assert kinds(peer)[4:] == ["withdrawn"]


def test_an_approval_is_told_when_its_undo_window_ends_and_not_when_it_is_taken_back(
    peer: Peer, world: World
) -> None:
    request = world.approved()
    tell()
    assert kinds(peer) == ["submitted", "partially_reviewed", "reviewed"]
    assert send_due() == request.undo_until
    stop_release(by=world.cast.cat, request_id=request.id, reason=REASON)
    with clock.at(request.undo_until + timedelta(hours=1)):
        tell()
        assert kinds(peer)[3:] == []
        approve(by=world.cast.cat, request_id=request.id)
        request = world.again(request)
        tell()
        assert kinds(peer)[3:] == []
    with clock.at(request.undo_until + timedelta(seconds=1)):
        peer.answers["POST releases/workspace/asthma"] = (201, None)
        peer.answers[f"POST releases/release/{request.id}"] = (201, None)
        peer.answers[f"POST releases/release/{request.id}/revoke"] = (200, None)
        run_due(send)
        tell()
        recall(by=world.cast.cyd, request_id=request.id, public_reason=REASON, private_reason=REASON)
        tell()
    assert kinds(peer)[3:] == ["approved", "released", "revoked"]
    approved, released, revoked = told(peer)[3:]
    assert (approved["user"], approved["updates"]) == ("cat", [{"update": "2 files will be uploaded"}])
    assert (released["user"], revoked["user"], revoked["updates"]) == (
        "cat",
        "cyd",
        [{"update": "2 files recalled"}],
    )


def test_no_message_carries_a_name_of_a_file_or_group_or_a_text(peer: Peer, world: World) -> None:
    world.returned()
    world.approved(by=world.cast.ben, files=("output/plot.csv",), group="secret-group")
    with clock.at(clock.now() + timedelta(hours=1)):
        tell()
    everything = "".join(f"{one.path}{one.headers}{one.body.decode()}" for one in peer.received)
    assert len(peer.received) == 9
    for private in (
        "output/",
        ".csv",
        "tables",
        "secret-group",
        CONTEXT,
        CONTROLS,
        REASON,
        "Not yet.",
        "Round it.",
    ):
        assert private not in everything


@pytest.mark.parametrize("fault", ["503", "redirect", "html"])
def test_what_was_not_taken_holds_back_the_rest_of_its_request_alone_until_it_is(
    peer: Peer, world: World, fault: str
) -> None:
    first = world.submitted()
    second = world.submitted(by=world.cast.ben)
    withdrawn_by_force(world, first.id)
    peer.faults = [fault]
    tell()
    if fault == "redirect":
        assert told(peer) == told(peer)[:1], "nobody else is tried while the public side is away"
    else:
        assert [one["request"] for one in told(peer)] == [first.id, second.id]
    with clock.at(clock.now() + timedelta(minutes=3)):
        tell()
        tell()
    assert [one["event_type"] for one in told(peer) if one["request"] == first.id][-2:] == [
        "request_submitted",
        "request_withdrawn",
    ]
    assert second.id in {one["request"] for one in told(peer)}
    assert ReleaseMessage.select().where(ReleaseMessage.done_at.is_null()).count() == 0


def withdrawn_by_force(world: World, request_id: str) -> None:
    force(by="system", request_id=request_id, actor=world.cast.ada, status="WITHDRAWN", reason=REASON)


def test_a_step_is_told_once_however_often_the_log_is_read(peer: Peer, world: World) -> None:
    world.submitted()
    tell()
    tell()
    ReleaseMessage.update(done_at=None).execute()  # killed after it was sent, before that was noted
    tell()
    assert kinds(peer) == ["submitted", "submitted"] and told(peer)[0] == told(peer)[1]
    assert ReleaseMessage.select().count() == 1


def test_what_the_public_side_will_never_take_is_not_repeated(peer: Peer, world: World) -> None:
    world.submitted()
    peer.answers[EVENTS] = (404, b"<html>")
    tell()
    with clock.at(clock.now() + timedelta(days=1)):
        tell()
    assert len(peer.received) == 1 and ReleaseMessage.get().is_refused
    peer.answers[EVENTS] = (201, {"status": "error", "message": "Unknown user ada"})


def test_an_approval_that_was_sealed_with_the_day_is_not_sealed_again_after_it(
    peer: Peer, world: World
) -> None:
    world.approved()
    world.draft(by=world.cast.ben, files=("output/plot.csv",))
    checkpoint_when_due()  # before the approval was read
    tell()
    (sealed,) = (one.json for one in peer.received if one.path == "level4/checkpoints/")
    assert sealed["seq"] > Event.get(Event.type == "release:approved").id


def test_the_head_of_the_log_is_given_away_signed_at_each_approval_and_once_a_day(
    peer: Peer, world: World
) -> None:
    checkpoint_when_due()
    checkpoint_when_due()
    world.approved()
    tell()
    first, second = (one.json for one in peer.received if one.path == "level4/checkpoints/")
    approved = Event.get(Event.type == "release:approved")
    assert (second["seq"], second["head"]) == (approved.id, approved.hash)
    for one in (first, second):
        stated = {name: one[name] for name in ("seq", "head", "at")}
        signature = base64.b64decode(one["signature"]).hex()
        assert verify_ed25519(public_key(), canonical(stated).encode(), signature)
    with clock.at(clock.now() + timedelta(days=1, seconds=1)):
        checkpoint_when_due()
        assert ReleaseMessage.select().where(ReleaseMessage.event_type == "checkpoint").count() == 2
        world.draft(by=world.cast.ben, files=("output/plot.csv",))
        checkpoint_when_due()
        peer.answers[CHECKPOINTS] = (404, {"detail": "Not found."})
        send_due()
    assert peer.paths().count(CHECKPOINTS) == 3
    assert ReleaseMessage.select().where(ReleaseMessage.done_at.is_null()).count() == 0


def test_a_refused_message_delays_no_command(peer: Peer, world: World) -> None:
    peer.answers[EVENTS] = (500, None)
    request = world.draft()
    submit(by=request.author, request_id=request.id, checklist=EVERYTHING)
    tell()
    assert world.again(request).status == "SUBMITTED"
    assert json.dumps(ReleaseMessage.get().payload) and ReleaseMessage.get().attempts == 1


def test_the_thread_tells_by_itself(peer: Peer, world: World) -> None:
    stop, arrived = threading.Event(), threading.Event()
    peer.answers[EVENTS] = lambda request: (arrived.set(), (201, {"status": "ok"}))[1]
    thread = threading.Thread(target=follow_steps, args=(stop,))
    world.submitted()
    thread.start()
    assert arrived.wait(60)
    stop.set()
    hub.ring()
    thread.join(60)
    assert not thread.is_alive() and kinds(peer) == ["submitted"]
