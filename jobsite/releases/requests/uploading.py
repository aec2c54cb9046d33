"""The uploader: what was approved leaves Level 4, step by step, until all of it is confirmed on the other side.

The truth is in the outbox (`UploadStep`): a kill at any moment leaves it true, and the next run goes on from there. Sending
a step twice does no harm, since the other side knows what it has. Nothing is sent before the undo window ends.
"""

import fcntl
import io
import logging
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from peewee import fn

from jobsite.accounts.models import Backend, User
from jobsite.core import hub
from jobsite.core.clock import now
from jobsite.core.db import changed_one, close_database, writing
from jobsite.core.errors import Conflict, require
from jobsite.projects.models import Workspace
from jobsite.releases.requests.copies import open_content
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.retrying import NO_ANSWER, delay, error_words, is_retried, is_success
from jobsite.releases.requests.rules import REQUEST
from jobsite.releases.requests.sealing import sealed_texts
from jobsite.releases.requests.sending import Answer, Send, send
from jobsite.releases.requests.standing import Acting, standing, tell
from jobsite.releases.requests.upload_models import UploadStep
from jobsite.releases.rules import RECORD
from jobsite.settings import current
from jobsite.store.journal import fail_point

FAIL_POINTS = ("uploads.claimed", "uploads.sent", "uploads.noted", "uploads.all_noted")
"""Where `JOBSITE_FAIL_AT` can make the process die, in the order in which they are passed."""

IDLE = 60.0
"""Seconds between two looks at the outbox when nothing is due and nothing rings: a command in another process cannot ring."""
AFTER_A_FAULT = 30.0

NOT_YOURS = "Only an output checker who may review this request can do this."
NOT_WAITING = "This upload does not wait for anybody."

log = logging.getLogger("jobsite.uploads")


def follow_uploads(stop: threading.Event, send: Send = send) -> None:
    """Send what is due, at every ring of the hub and whenever the next step is due, until `stop` is set."""
    heard, seconds = hub.heard(), 0.0
    while not stop.is_set():
        due = _survive(lambda: run_due(send))
        seconds = (due - now()).total_seconds() if due else IDLE
        close_database()
        stop.wait(0.2)  # so that events that come one after the other are looked at together
        heard = hub.wait(heard, min(max(seconds, 0.0), IDLE))


def run_due(send: Send = send) -> datetime | None:
    """Send every step that is due by `send`, and finish what is complete. Gives when the next is due, None when nothing waits.

    While another process of this instance does the same, nothing happens here.
    """
    with _alone() as mine:
        if not mine:
            return now() + timedelta(seconds=AFTER_A_FAULT)
        while step := _due_step():
            _attempt(step, send)
        _finish_complete()
    return min((step.not_before for step in _next_steps()), default=None)


def try_again(*, by: User, request_id: str) -> None:
    """Start a stuck or waiting upload at once. Raises `NotFound`, `Denied`, `Conflict`."""
    _wake(by, request_id, "upload-retried")


def continue_upload(*, by: User, request_id: str) -> None:
    """Go on with a stuck upload in the name of another checker. Raises `NotFound`, `Denied`, `Conflict`."""
    _wake(by, request_id, "upload-continued", sender=by.username)


def wake_unanswered() -> int:
    """Try at once every step to which the other side gave no answer, those that had been given up as well: it answers again.

    Gives how many there were. What was refused waits for a person as before.
    """
    unanswered = _is_open() & (UploadStep.last_status == NO_ANSWER)
    with writing():
        stuck = ReleaseRequest.id.in_(
            UploadStep.select(UploadStep.request).where(unanswered, UploadStep.stuck_at.is_null(False))
        )
        for request in _requests().where(stuck):
            _note_state(request.id, "running")
            tell(request, "upload-retried", by="system")
        again = {"stuck_at": None, "attempts": 1, "not_before": now()}
        return UploadStep.update(again).where(unanswered).execute()


def why_not_continue(acting: Acting) -> str | None:
    """Why this person may not start a stuck upload again, or None."""
    if not acting.facts.is_eligible:
        return NOT_YOURS
    return None if acting.request.upload_state in ("stuck", "waiting") else NOT_WAITING


def _wake(by: User, request_id: str, happened: str, **changes: Any) -> None:
    found = standing(by, request_id)
    require(why_not_continue(found))
    mine = (UploadStep.request == request_id) & _is_open()
    with writing():
        again = {"stuck_at": None, "attempts": 0, "not_before": now(), **changes}
        if not UploadStep.update(again).where(mine).execute():
            raise Conflict(NOT_WAITING)
        _note_state(request_id, "running")
        tell(found.request, happened, by=by)


def _attempt(step: UploadStep, send: Send) -> None:
    """One attempt at one step: claim it, send it, note the answer."""
    if not _claimed(step):
        return
    fail_point("uploads.claimed")
    request = _request(step)
    try:
        with _content(request, step) as file:
            answer = send(request, step, file)
    except Conflict as damaged:
        answer = Answer(400, str(damaged))
    fail_point("uploads.sent")
    with writing():
        _note(request, step, answer)
    fail_point("uploads.noted")


def _claimed(step: UploadStep) -> bool:
    """Whether this attempt is ours: the step is still as it was read. From now on the release cannot be stopped."""
    as_seen = (UploadStep.id == step.id) & (UploadStep.attempts == step.attempts) & _is_open() & _is_meant()
    with writing():
        claimed = UploadStep.update(attempts=step.attempts + 1).where(as_seen).execute()
        if claimed:
            _note_state(step.request_id, "running")
    step.attempts += 1
    return bool(claimed)


def _content(request: ReleaseRequest, step: UploadStep) -> BinaryIO:
    """What a step sends. Raises `Conflict` when the copy is gone."""
    if step.kind == "file":
        return open_content(step.sha256)
    if step.kind == "record":
        record, audit = sealed_texts(request.id)
        return io.BytesIO((record if step.path == RECORD else audit).encode())
    return io.BytesIO()


def _note(request: ReleaseRequest, step: UploadStep, answer: Answer) -> None:
    """Store the answer, and what follows from it."""
    path = step.path if step.kind in ("file", "record") else ""
    if is_success(answer.status, answer.detail, path):
        return _store(step, done_at=now(), last_error="", last_status=answer.status)
    words = error_words(answer.status, answer.detail)
    if is_retried(answer.status, step.attempts):
        wait = delay(step.attempts, random.uniform(-1, 1))  # noqa: S311  no secret depends on it
        later = now() + max(wait, timedelta(seconds=answer.retry_after))
        _store(step, not_before=later, last_error=words, last_status=answer.status)
        return _note_state(request.id, "waiting")
    _store(step, stuck_at=now(), last_error=words, last_status=answer.status)
    _note_state(request.id, "stuck")
    tell(request, "upload-stuck", by="system", answer=answer.status, attempts=step.attempts)


def _store(step: UploadStep, **values: Any) -> None:
    # A step that was cancelled while it was on its way stays cancelled.
    UploadStep.update(values).where(UploadStep.id == step.id, UploadStep.done_at.is_null()).execute()


def _note_state(request_id: str, state: str) -> None:
    request = (ReleaseRequest.id == request_id) & (ReleaseRequest.upload_state != state)
    ReleaseRequest.update(upload_state=state).where(request).execute()


def _finish_complete() -> None:
    """Release every approved request of which nothing is left to send."""
    fail_point("uploads.all_noted")
    left = UploadStep.select(UploadStep.request).where(_is_open())
    sent = UploadStep.select(UploadStep.request).where(UploadStep.done_at.is_null(False))
    complete = _requests().where(ReleaseRequest.id.in_(sent), ReleaseRequest.id.not_in(left))
    for request in complete.where(ReleaseRequest.upload_state.in_(("held", "running", "waiting"))):
        with writing():
            _finish(request)


def _finish(request: ReleaseRequest) -> None:
    """All is confirmed: the request is released; of a recall only the upload is done."""
    if request.status == "APPROVED":
        sources = REQUEST.sources("RELEASED")
        facts = {
            "status": "RELEASED",
            "released_at": now(),
            "moved_at": now(),
            "moved_by": request.approved_by,
        }
        facts |= {"upload_state": "done", "version": ReleaseRequest.version + 1}
        approved = (ReleaseRequest.id == request.id) & ReleaseRequest.status.in_(sources)
        changed_one(ReleaseRequest.update(facts).where(approved), "The request is not approved any more.")
        request.status = "RELEASED"
        tell(request, "released", by=request.approved_by)
    else:
        _note_state(request.id, "done")


def _due_step() -> UploadStep | None:
    """The next step whose time has come."""
    return _next_steps().where(UploadStep.not_before <= now()).first()


def _next_steps() -> Any:
    """The first open step of each request that waits for nobody, in the order in which they are due."""
    earlier = UploadStep.alias()
    before = (earlier.request == UploadStep.request) & (earlier.position < UploadStep.position)
    undone = earlier.select(earlier.id).where(
        before, earlier.done_at.is_null(), earlier.cancelled_at.is_null()
    )
    rows = UploadStep.select().where(_is_open(), UploadStep.stuck_at.is_null(), ~fn.EXISTS(undone))
    return rows.where(_is_meant()).order_by(UploadStep.not_before, UploadStep.id)


def _is_meant() -> Any:
    """Files leave for an approved request alone, recalls for one that was released, whatever else the outbox says."""
    approved = ReleaseRequest.select(ReleaseRequest.id).where(ReleaseRequest.status == "APPROVED")
    released = ReleaseRequest.select(ReleaseRequest.id).where(
        ReleaseRequest.status.in_(("RELEASED", "REVOKED"))
    )
    is_recall = UploadStep.kind == "revoke"
    return (~is_recall & UploadStep.request.in_(approved)) | (is_recall & UploadStep.request.in_(released))


def _is_open() -> Any:
    return UploadStep.done_at.is_null() & UploadStep.cancelled_at.is_null()


def _request(step: UploadStep) -> ReleaseRequest:
    return _requests().where(ReleaseRequest.id == step.request_id).get()


def _requests() -> Any:
    rows = ReleaseRequest.select(ReleaseRequest, Workspace, Backend)
    return rows.join_from(ReleaseRequest, Workspace).join_from(ReleaseRequest, Backend)


def _survive(work: Any) -> Any:
    """What `work` gives; after a fault of it, a time soon, so that one bad step does not end the uploader."""
    try:
        return work()
    except Exception:
        log.exception("the uploader failed")
        return now() + timedelta(seconds=AFTER_A_FAULT)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other process of this instance is uploading; a kill gives the place free."""
    folder = current().instance / "releases"
    descriptor = os.open(folder / "uploads.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
