"""The way out of Level 4: not before the undo window ends, whole, once, and to its end whatever is killed on the way."""

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from jobsite.accounts.models import User
from jobsite.cli import main
from jobsite.core import clock, hub
from jobsite.core.db import close_database, writing
from jobsite.core.errors import Conflict, Denied, NotFound
from jobsite.core.events import Event, record, verify
from jobsite.releases import actions
from jobsite.releases.bundles.building import Wanted, bundle
from jobsite.releases.bundles.verifying import verify as verify_bundle
from jobsite.releases.bundles.verifying import verify_ed25519
from jobsite.releases.models import Release, ReleaseFile
from jobsite.releases.queries import open_file, record_of
from jobsite.releases.record import canonical, root
from jobsite.releases.requests import uploading
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.releasing import recall, stop_release
from jobsite.releases.requests.retrying import MOST_ATTEMPTS, delay, is_retried, is_success
from jobsite.releases.requests.sealing import record_text
from jobsite.releases.requests.upload_models import SealedRecord, UploadStep
from jobsite.releases.requests.upload_progress import progress
from jobsite.releases.requests.uploading import continue_upload, follow_uploads, run_due, try_again
from jobsite.releases.signing import public_key
from jobsite.settings import current

from .world import CONTEXT, OTHER, REASON, TABLE, World

PATHS = ("output/a.csv", "output/b.csv")
PUBLIC_REASON = "Counts were rounded in the wrong order."


def later(request: ReleaseRequest, seconds: float = 1) -> Any:
    """Within the block the undo window has been over for so long."""
    assert request.undo_until is not None
    return clock.at(request.undo_until + timedelta(seconds=seconds))


def released(world: World) -> ReleaseRequest:
    request = world.approved()
    with later(request):
        run_due()
    return world.again(request)


def types(subject: str) -> list[str]:
    return [event.type for event in Event.select().where(Event.subject == subject).order_by(Event.id)]


def obstacle(world: World) -> Path:
    """Nothing can arrive as long as this is there."""
    place = world.instance / "releases" / "incoming"
    place.write_text("in the way")
    return place


def test_nothing_leaves_before_the_undo_window_ends_and_everything_after(world: World) -> None:
    request = world.approved()
    assert world.again(request).upload_state == "held"
    with clock.at(request.undo_until - timedelta(seconds=1)):
        assert run_due() == request.undo_until
    assert Release.select().count() == 0 and world.again(request).status == "APPROVED"
    with later(request):
        assert run_due() is None
    request = world.again(request)
    assert (request.status, request.upload_state) == ("RELEASED", "done")
    assert request.released_at is not None
    for path, text in zip(PATHS, (TABLE, OTHER), strict=True):
        with open_file(world.workspace, ReleaseFile.get(name=path)) as file:
            assert file.read().decode() == text
    assert types(f"release-request:{request.id}")[-2:] == ["release:approved", "release:released"]
    last = Event.select().order_by(Event.id.desc()).get()
    assert (last.type, last.by) == ("release:released", "cyd"), "in the name of who released it"
    assert verify()[1] is None


def test_the_record_is_sealed_at_approval_and_arrives_last(world: World) -> None:
    request = world.approved()
    sealed = SealedRecord.get()
    assert request.record == sealed.sha256
    with later(request):
        run_due()
    received = Event.select().where(Event.type == "release:file-received").order_by(Event.id)
    order = [ReleaseFile.get_by_id(json.loads(event.data)["file"]).name for event in received]
    assert order == [*PATHS, "metadata/release-audit.json", "metadata/release-record.json"]
    record = record_of(world.workspace, request.id)
    assert record is not None and canonical(record) == sealed.text
    assert [file["path"] for file in record["files"]] == list(PATHS)
    assert [step["by"] for step in record["reviews"]] == ["Checker 1", "Checker 2"]
    assert record["steps"][-1] == {"step": "approved", "by": "Checker 2", "at": record["steps"][-1]["at"]}
    audit = json.loads(sealed.audit)
    assert audit["head"]["record"] == root(sealed.text)
    assert (
        audit["head"]["log_head"]
        == record["audit"]["head"]
        == Event.get(Event.type == "release:approved").hash
    )
    assert verify_ed25519(audit["key"], canonical(audit["head"]).encode(), audit["signature"])


def test_the_record_holds_no_free_text_no_checker_and_no_file_that_was_not_released(world: World) -> None:
    request = world.approved(files=("output/a.csv",), supporting=("output/plot.csv",))
    text = record_text(request.id) or ""
    for private in (CONTEXT, "cat", "cyd", "Castell", "plot.csv", '"tables",', REASON):
        assert private not in text.replace('"action":"tables"', "")
    assert json.loads(text)["not_released"] == {"supporting": 1, "withdrawn": 0}


def test_a_sealed_record_cannot_be_changed_or_deleted(world: World) -> None:
    world.approved()
    for change in (SealedRecord.update(text="{}"), SealedRecord.update(audit="{}"), SealedRecord.delete()):
        with pytest.raises(Exception, match="sealed release record"):
            change.execute()


def test_an_approval_that_is_stopped_sends_nothing_ever_and_can_be_given_again(world: World) -> None:
    request = world.approved()
    stop_release(by=world.cast.cat, request_id=request.id, reason=REASON)
    with later(request, 3600):
        assert run_due() is None
    assert Release.select().count() == 0 and world.again(request).status == "REVIEWED"
    assert SealedRecord.get().voided_at is not None
    assert record_text(request.id) is None


@pytest.mark.parametrize("status", ["REVIEWED", "WITHDRAWN", "REJECTED", "REVOKED"])
def test_nothing_leaves_for_a_request_that_is_not_approved_whatever_the_outbox_says(
    world: World, status: str
) -> None:
    request = world.approved()
    ReleaseRequest.update(status=status).execute()
    with later(request):
        assert run_due() is None
    assert Release.select().count() == 0 and UploadStep.select().where(UploadStep.attempts > 0).count() == 0


def test_what_was_approved_leaves_as_a_bundle_that_verifies(world: World, app: Flask, tmp_path: Path) -> None:
    """OC46."""
    request = released(world)
    files = list(ReleaseFile.select().where(~ReleaseFile.is_record))
    wanted = Wanted(request.id, "A release", f"/asthma/releases/{request.id}/", world.workspace, files)
    with app.test_request_context():
        (tmp_path / "bundle.zip").write_bytes(b"".join(bundle(wanted)))
    lines = list(verify_bundle(tmp_path / "bundle.zip", [public_key()]))
    assert [line for line in lines if not line.holds] == []
    (tmp_path / "bundle.zip").write_bytes(
        (tmp_path / "bundle.zip").read_bytes().replace(b"North,120", b"North,121")
    )
    wrong = [line.words for line in verify_bundle(tmp_path / "bundle.zip") if not line.holds]
    assert any(words.startswith("outputs/output/a.csv has been changed") for words in wrong)


def test_commands_list_uploads_and_start_them_again(world: World) -> None:
    request, place = world.approved(), obstacle(world)
    with later(request):
        run_due()
    told = invoke("uploads", "--json")
    assert [(row["request"], row["state"], row["done"], row["total"]) for row in json.loads(told)] == [
        (request.id, "waiting", 0, 4)
    ]
    assert f"{request.id}  waiting  0 of 4: The other side cannot take it now" in invoke("uploads")
    place.unlink()
    invoke("retry-upload", request.id, "--by", "cat")
    with later(request):
        run_due()
    assert world.again(request).status == "RELEASED" and json.loads(invoke("uploads", "--json")) == []
    assert json.loads(invoke("signing-key", "--json"))["key"] == public_key()


def invoke(*words: str) -> str:
    """What a command of jobsite prints on the open instance."""
    done = CliRunner().invoke(main, [*words, "--instance", str(current().instance)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("verb", ["delete", "recall"])
def test_a_removal_that_is_killed_shows_no_byte_and_the_sweep_ends_it(world: World, verb: str) -> None:
    request = released(world)
    file = ReleaseFile.get(name=PATHS[0])
    close_database()
    child = os.fork()
    if not child:
        os.environ["JOBSITE_FAIL_AT"] = "releases.deleted"
        try:
            cat, local = world.cast.cat, world.backend
            if verb == "delete":
                actions.delete_file(
                    by=cat, release_id=request.id, file_id=file.id, reason="A small count is in it."
                )
            actions.revoke(by=cat, backend=local, release_id=request.id, public_reason=PUBLIC_REASON)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137
    with pytest.raises(NotFound):
        open_file(world.workspace, ReleaseFile.get_by_id(file.id))
    actions.sweep_releases()
    kept = {path.name for path in (world.instance / "releases" / "files").rglob("*") if path.is_file()}
    assert file.sha256 not in kept
    assert kept == {row.sha256 for row in ReleaseFile.select() if row.is_here}


def test_a_release_under_way_cannot_be_stopped(world: World) -> None:
    request = world.approved()
    UploadStep.update(attempts=1).where(UploadStep.kind == "create").execute()
    with pytest.raises(Conflict, match="only be recalled"):
        stop_release(by=world.cast.cat, request_id=request.id, reason=REASON)
    assert world.again(request).status == "APPROVED"


@pytest.mark.parametrize("point", [*uploading.FAIL_POINTS, *actions.FAIL_POINTS[:2]])
@pytest.mark.parametrize("times", [2])
def test_an_upload_killed_at_any_point_finishes_by_itself_and_sends_nothing_twice(
    world: World, point: str, times: int
) -> None:
    request = world.approved()
    for _ in range(times):
        with later(request):
            assert killed(point) == 137
    with later(request):
        run_due()
    assert world.again(request).status == "RELEASED"
    assert types(f"release:{request.id}") == ["release:announced", *["release:file-received"] * 4]
    assert types(f"release-request:{request.id}").count("release:released") == 1
    assert Release.select().count() == 1 and ReleaseFile.select().count() == 4
    for path, text in zip(PATHS, (TABLE, OTHER), strict=True):
        with open_file(world.workspace, ReleaseFile.get(name=path)) as file:
            assert file.read().decode() == text
    assert verify()[1] is None


def killed(point: str) -> int:
    """The exit status of a process that uploads until it dies at this point."""
    close_database()
    child = os.fork()
    if not child:
        os.environ["JOBSITE_FAIL_AT"] = point
        try:
            run_due()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_what_cannot_be_taken_now_is_tried_again_after_the_named_delay(world: World) -> None:
    """OC9, OC34."""
    request, place = world.approved(), obstacle(world)
    with later(request):
        due = run_due()
    assert due == request.undo_until + timedelta(seconds=31)
    assert world.again(request).upload_state == "waiting"
    told = progress(world.again(request))
    assert (told.done, told.total, told.every) == (0, 4, 30)
    assert "cannot take it now (503)" in told.last_error
    assert [file.state for file in told.files] == ["waiting", "queued", "queued", "queued"]
    place.unlink()
    with later(request, 20):
        run_due()
    assert world.again(request).status == "APPROVED", "not before its time"
    with later(request, 40):
        run_due()
    assert world.again(request).status == "RELEASED"


def test_delays_grow_to_an_hour_with_jitter_and_end_after_24_attempts() -> None:
    """OC34."""
    assert [delay(n, 1.0).total_seconds() for n in (1, 2, 3, 4)] == [30, 120, 600, 1800]
    assert {delay(n, 0.0).total_seconds() for n in range(5, 24)} == {3600}
    assert (delay(9, -1.0).total_seconds(), delay(9, 1.0).total_seconds()) == (2880, 4320)
    assert [status for status in (0, 400, 403, 404, 408, 409, 413, 425, 429, 500, 503) if is_retried(status, 1)] == [
        0, 408, 425, 429, 500, 503,
    ]  # fmt: skip
    assert is_retried(503, MOST_ATTEMPTS - 1) and not is_retried(503, MOST_ATTEMPTS)


def test_already_uploaded_is_success_for_exactly_that_file() -> None:
    said = "This version of 'a.csv' has already been uploaded from backend 'tpp'"
    assert is_success(400, said, "a.csv") and is_success(201, "", "a.csv")
    assert (
        not is_success(400, said, "b.csv")
        and not is_success(400, said, "")
        and not is_success(403, said, "a.csv")
    )


def test_after_24_attempts_an_upload_is_stuck_and_told_of_until_somebody_starts_it_again(
    world: World,
) -> None:
    """OC9, OC34."""
    request, place = world.approved(), obstacle(world)
    UploadStep.update(attempts=MOST_ATTEMPTS - 1).where(UploadStep.path == PATHS[0]).execute()
    with later(request):
        assert run_due() is None, "the steps behind it wait for it, and it for a person"
        assert world.again(request).upload_state == "stuck"
        assert types(f"release-request:{request.id}")[-1] == "release:upload-stuck"
        run_due()
        assert types(f"release-request:{request.id}").count("release:upload-stuck") == 1
        place.unlink()
        with pytest.raises(Denied):
            try_again(by=world.cast.ada, request_id=request.id)
        try_again(by=world.cast.cat, request_id=request.id)
        run_due()
        assert world.again(request).status == "RELEASED"
        with pytest.raises(Denied, match="does not wait"):
            try_again(by=world.cast.cat, request_id=request.id)


def test_a_releaser_who_lost_the_role_stops_the_upload_and_another_checker_continues_it(world: World) -> None:
    """OC20."""
    request = world.approved()
    User.update(roles=[]).where(User.username == "cyd").execute()
    with later(request):
        run_due()
        assert world.again(request).upload_state == "stuck"
        assert Release.select().count() == 0
        told = progress(world.again(request))
        assert told.is_stuck and "Another checker can continue" in told.last_error
        continue_upload(by=world.cast.eve, request_id=request.id)
        run_due()
    assert world.again(request).status == "RELEASED"
    assert Release.get().created_by == "eve"
    assert types(f"release-request:{request.id}")[-2:] == ["release:upload-continued", "release:released"]


def test_a_file_deleted_before_it_arrived_does_not_keep_the_others_from_being_released(world: World) -> None:
    request = world.approved()
    with later(request):
        UploadStep.update(not_before=clock.now() + timedelta(hours=1)).where(
            UploadStep.kind == "file"
        ).execute()
        run_due()
        file = ReleaseFile.get(name=PATHS[0])
        actions.delete_file(
            by=world.cast.cat, release_id=request.id, file_id=file.id, reason="Not needed any more."
        )
    with later(request, 7200):
        run_due()
    assert world.again(request).status == "RELEASED"
    assert [ReleaseFile.get(name=path).is_here for path in PATHS] == [False, True]


def test_a_copy_that_was_changed_after_approval_is_not_released(world: World) -> None:
    request = world.approved()
    copies = world.instance / "releases" / "copies"
    copy = copies / world.file(request, PATHS[0]).sha256
    copy.chmod(0o600)
    copy.write_text("region,n\nNorth,3\n")
    with later(request):
        run_due()
    assert world.again(request).upload_state == "stuck" and world.again(request).status == "APPROVED"
    assert not ReleaseFile.get(name=PATHS[0]).is_here
    copy.unlink()
    with later(request):
        try_again(by=world.cast.cat, request_id=request.id)
        run_due()
    assert "not what it was" in progress(world.again(request)).last_error


@pytest.mark.parametrize("who", ["eve", "sam"])
def test_a_recall_removes_the_files_and_seals_a_record_that_succeeds_the_first(
    world: World, who: str
) -> None:
    """A checker's and an auditor's alike."""
    request, person = released(world), getattr(world.cast, who)
    first = SealedRecord.get()
    recall(by=person, request_id=request.id, public_reason=PUBLIC_REASON, private_reason=REASON)
    run_due()
    assert world.again(request).status == "REVOKED" and world.again(request).upload_state == "done"
    assert not any(ReleaseFile.get(name=path).is_here for path in PATHS)
    release = Release.get()
    assert (release.recalled_by, release.recalled_reason) == (who, PUBLIC_REASON)
    after = json.loads(record_text(request.id) or "")
    assert after["previous"] == root(first.text) and after["files"] == []
    assert [file["path"] for file in after["recalled"]] == list(PATHS)
    assert after["steps"][-1]["step"] == "recalled"
    with open_file(world.workspace, ReleaseFile.get(name="metadata/release-record.json")) as file:
        assert file.read().decode() == first.text, "what was sealed is never replaced"


def test_a_recall_of_one_file_keeps_the_release(world: World) -> None:
    request = released(world)
    recall(
        by=world.cast.cat,
        request_id=request.id,
        public_reason=PUBLIC_REASON,
        private_reason=REASON,
        paths=[PATHS[0]],
    )
    run_due()
    assert world.again(request).status == "RELEASED" and world.again(request).upload_state == "done"
    assert [ReleaseFile.get(name=path).is_here for path in PATHS] == [False, True]
    after = json.loads(record_text(request.id) or "")
    assert [file["path"] for file in after["files"]] == [PATHS[1]]


def test_only_one_process_uploads_at_a_time(world: World) -> None:
    request = world.approved()
    with later(request):
        with uploading._alone() as mine:
            assert mine
            assert run_due() > clock.now()
            assert Release.select().count() == 0
        run_due()
    assert world.again(request).status == "RELEASED"


def test_an_idle_uploader_asks_two_questions_and_writes_nothing(
    world: World, queries: Callable[[], Any]
) -> None:
    """OC34."""
    released(world)
    with queries() as seen:
        assert run_due() is None
    assert len(seen) <= 3 and not [sql for sql in seen if "SELECT" not in sql]


def test_the_uploader_wakes_for_an_approval_and_ends_when_it_is_told_to(world: World) -> None:
    stop, request = threading.Event(), world.approved()
    with later(request):
        uploader = threading.Thread(target=follow_uploads, args=(stop,))
        uploader.start()
        give_up = time.monotonic() + 60
        while world.again(request).status != "RELEASED" and time.monotonic() < give_up:
            with writing():
                record("test:ring", by="system", subject="test:1")
            time.sleep(0.05)
        stop.set()
        hub.ring()
        uploader.join(timeout=60)
    assert world.again(request).status == "RELEASED" and not uploader.is_alive()
