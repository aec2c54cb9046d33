"""What the public side is told of release requests, and the checkpoints of the event log that it keeps (specification 8.6, 8.7).

Steps become messages as the event log is read on, in the transaction that notes how far; they are sent in order for each request
until they are taken. They hold numbers and counts: no name of a file or group, no comment, and of a review not who gave it.
"""

import base64
import json
import logging
import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from jobsite.core import hub
from jobsite.core.clock import now, wire
from jobsite.core.db import close_database, writing
from jobsite.core.events import Event
from jobsite.core.wording import counted
from jobsite.releases.record import canonical
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.retrying import NO_ANSWER, delay
from jobsite.releases.requests.standing import with_all
from jobsite.releases.requests.uploading import wake_unanswered
from jobsite.releases.signing import fingerprint, public_key, sign
from jobsite.sync.client import Answer, Unreachable, side
from jobsite.sync.contact import Absence
from jobsite.sync.link_models import MessageReading, ReleaseMessage

CHECKPOINT = "checkpoint"
CHECKPOINT_EVERY = timedelta(days=1)
BATCH = 200
IDLE = 60.0
"""Seconds between two looks when nothing rings and nothing waits."""

REFUSED = (400, 404, 405, 413, 415, 422)
"""Answers after which a message is not sent again: this public side takes no such thing."""

log = logging.getLogger("jobsite.sync")

Facts = Mapping[str, Any]


def _files(facts: Facts) -> list[str]:
    return [counted(facts["files"], "file")] if facts.get("files") else []


def _reviews(facts: Facts) -> list[str]:
    return [f"{facts['reviews']} of {facts['needed']} reviews are in"] if facts.get("needed") else []


def _returned(facts: Facts) -> list[str]:
    groups = facts.get("groups") or 0
    changes = [f"changes requested in {counted(groups, 'group')}"] if groups else []
    return (["returned before all reviews were in"] if facts.get("early") else []) + changes


def _approved(facts: Facts) -> list[str]:
    return [f"{words} will be uploaded" for words in _files(facts)]


def _recalled(facts: Facts) -> list[str]:
    return [f"{words} recalled" for words in _files(facts)]


def _nothing(facts: Facts) -> list[str]:
    return []


STEPS: Mapping[str, tuple[str, Callable[[Facts], list[str]]]] = {
    "release:submitted": ("request_submitted", _files),
    "release:resubmitted": ("request_resubmitted", _files),
    "release:partially-reviewed": ("request_partially_reviewed", _reviews),
    "release:reviewed": ("request_reviewed", _reviews),
    "release:returned": ("request_returned", _returned),
    "release:approved": ("request_approved", _approved),
    "release:released": ("request_released", _nothing),
    "release:rejected": ("request_rejected", _nothing),
    "release:withdrawn": ("request_withdrawn", _nothing),
    "release:revoked": ("request_revoked", _recalled),
}
"""The event types of the wire by ours, with what is said of each in words."""

UNNAMED = ("release:partially-reviewed", "release:reviewed")
"""Nobody is told who gave a review (2.4): these are told in the name of who asked for it."""
ENDS_APPROVAL = ("release:stopped", "release:rejected", "release:withdrawn")


def read_steps() -> int:
    """Make messages of the steps since the last time; gives how many events were read."""
    read = 0
    while count := _read_batch():
        read += count
    return read


def checkpoint_when_due() -> None:
    """Once a day, when anything happened since: the newest row of the event log, signed."""
    last, head = _last_checkpoint(), Event.select().order_by(Event.id.desc()).first()
    if head is None or (last and now() - last.made_at < CHECKPOINT_EVERY):
        return
    with writing():
        _checkpoint(head)


def send_due() -> datetime | None:
    """Send every message that is due. Gives when the next is due, None when none waits."""
    while message := _open().where(ReleaseMessage.not_before <= now()).first():
        if not _send(message):
            break
    return _open().select(ReleaseMessage.not_before).scalar()


def wake_messages() -> None:
    """Let every message that waits after a failure be sent now."""
    failed = (ReleaseMessage.attempts > 0) & ReleaseMessage.done_at.is_null()
    with writing():
        ReleaseMessage.update(not_before=now()).where(failed, ReleaseMessage.cancelled_at.is_null()).execute()


def follow_steps(stop: threading.Event) -> None:
    """Tell the public side of every step, at each ring of the hub and when a message is due, until `stop` is set."""
    absence = Absence()
    while not stop.is_set():
        heard, due = hub.heard(), None
        try:
            if absence.is_over():
                wake_unanswered()
                wake_messages()
                hub.ring()  # the uploader sleeps
            read_steps()
            checkpoint_when_due()
            due = send_due()
        except Exception:
            log.exception("the public side cannot be told of release requests")
        close_database()
        stop.wait(1.0)
        seconds = (due - now()).total_seconds() if due else IDLE
        hub.wait(heard, min(max(seconds, 0.0), IDLE))


def _read_batch() -> int:
    cursor = MessageReading.select(MessageReading.cursor).scalar() or 0
    wanted = Event.type.in_((*STEPS, *ENDS_APPROVAL)) & (Event.id > cursor)
    events = list(Event.select().where(wanted).order_by(Event.id).limit(BATCH))
    if not events:
        return 0
    with writing():
        for event in events:
            _note(event)
        if not MessageReading.update(cursor=events[-1].id).execute():
            MessageReading.create(cursor=events[-1].id)
    return len(events)


def _note(event: Event) -> None:
    """Make the message of a step, and the checkpoint of an approval; an approval taken back before it was told is not told."""
    request = with_all().where(ReleaseRequest.id == event.subject.partition(":")[2]).first()
    if request is None:
        return
    if event.type in ENDS_APPROVAL:
        untold = (ReleaseMessage.request == request) & ReleaseMessage.done_at.is_null()
        approval = ReleaseMessage.event_type == "request_approved"
        ReleaseMessage.update(cancelled_at=now()).where(untold, approval).execute()
    if event.type not in STEPS:
        return
    due = request.undo_until if event.type == "release:approved" and request.undo_until else now()
    _queue(event, request, due)
    if event.type == "release:approved":
        _checkpoint(event)


def _queue(event: Event, request: ReleaseRequest, due: datetime) -> None:
    facts = json.loads(event.data)
    kind, words = STEPS[event.type]
    turn = facts.get("turn", request.turn)
    same = (ReleaseMessage.turn == turn) & (ReleaseMessage.event_type == kind)
    told = ReleaseMessage.select().where(ReleaseMessage.request == request, same)
    if told.where(ReleaseMessage.cancelled_at.is_null()).exists():
        return
    payload = {
        "event_type": kind,
        "workspace": request.workspace.name,
        "request": request.id,
        "request_author": request.author.username,
        "user": request.author.username if event.type in UNNAMED or event.by == "system" else event.by,
        "updates": [{"update": said} for said in words(facts)] or None,
        "org": None,
        "repo": None,
        "turn": turn,
    }
    _store(kind, payload, due, request=request, turn=turn)


def _last_checkpoint() -> ReleaseMessage | None:
    rows = ReleaseMessage.select().where(ReleaseMessage.event_type == CHECKPOINT)
    found: ReleaseMessage | None = rows.order_by(ReleaseMessage.id.desc()).first()
    return found


def _checkpoint(head: Event) -> None:
    """The log up to a row, signed, unless the last checkpoint covers that row already: it was made while this one was read."""
    last = _last_checkpoint()
    if last and last.payload["seq"] >= head.id:
        return
    stated = {"seq": head.id, "head": head.hash, "at": wire(now())}
    signature = base64.b64encode(bytes.fromhex(sign(canonical(stated).encode()))).decode()
    _store(CHECKPOINT, {**stated, "key": fingerprint(public_key()), "signature": signature}, now())


def _store(kind: str, payload: dict[str, Any], due: datetime, **of: Any) -> None:
    ReleaseMessage.create(event_type=kind, payload=payload, made_at=now(), not_before=due, **of)


def _open() -> Any:
    """The first open message of each request and all checkpoints, in the order in which they are due."""
    earlier = ReleaseMessage.alias()
    before = (earlier.request == ReleaseMessage.request) & (earlier.id < ReleaseMessage.id)
    undone = earlier.select(earlier.id).where(
        before, earlier.done_at.is_null(), earlier.cancelled_at.is_null()
    )
    mine = ReleaseMessage.done_at.is_null() & ReleaseMessage.cancelled_at.is_null()
    return (
        ReleaseMessage.select()
        .where(mine, ~fn.EXISTS(undone))
        .order_by(ReleaseMessage.not_before, ReleaseMessage.id)
    )


def _send(message: ReleaseMessage) -> bool:
    """One attempt at one message; gives whether the others are worth a try now."""
    try:
        answer = side().post(_path(message), json=message.payload, headers=_as(message))
    except Unreachable as cause:
        answer = Answer(NO_ANSWER, None, text=str(cause))
    attempts = message.attempts + 1
    if answer.status == 201:
        _close(message, attempts, _problem(answer))
    elif answer.status in REFUSED:
        log.warning("the public side takes no %s: status %s", message.event_type, answer.status)
        _close(message, attempts, f"status {answer.status}", is_refused=True)
    else:
        wait = delay(attempts, random.uniform(-1, 1))  # noqa: S311  no secret depends on it
        later = now() + max(wait, timedelta(seconds=answer.retry_after))
        _change(message, attempts=attempts, not_before=later, last_error=answer.detail or str(answer.status))
    return answer.status != NO_ANSWER


def _path(message: ReleaseMessage) -> str:
    return "level4/checkpoints/" if message.event_type == CHECKPOINT else "airlock/events/"


def _as(message: ReleaseMessage) -> dict[str, str]:
    user = message.payload.get("user")
    return {"OS-User": user} if user else {}


def _problem(answer: Answer) -> str:
    """What a public side that took a message could not do with it."""
    said = answer.data if isinstance(answer.data, dict) else {}
    problem = str(said.get("message", "")) if said.get("status") == "error" else ""
    if problem:
        log.warning("the public side took a message and said: %r", problem[:200])
    return problem[:200]


def _close(message: ReleaseMessage, attempts: int, said: str, *, is_refused: bool = False) -> None:
    _change(message, attempts=attempts, done_at=now(), last_error=said, is_refused=is_refused)


def _change(message: ReleaseMessage, **values: Any) -> None:
    with writing():
        ReleaseMessage.update(values).where(ReleaseMessage.id == message.id).execute()
