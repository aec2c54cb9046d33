"""Sealing a release: its record, the signed audit rows beside it, and the outbox of what is to be sent.

Each function belongs into the transaction of the step it is part of (approve, stop, recall), after the step's event.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple

from jobsite.checks.catalogue import RULES
from jobsite.core.clock import now, wire
from jobsite.core.db import changed_one
from jobsite.core.errors import Conflict
from jobsite.core.events import Event
from jobsite.releases import record as records
from jobsite.releases.announced import RELEASE_ID
from jobsite.releases.record import (
    Approved,
    AuditRow,
    RecordedFile,
    RecordedFinding,
    RecordedGroup,
    RecordedRule,
    Step,
)
from jobsite.releases.requests.answering import (
    answers,
    confirmed_by,
    is_explained,
    pinned,
    waived_by,
)
from jobsite.releases.requests.models import (
    Explanation,
    Pin,
    ReleaseRequest,
    RequestFile,
    RequestGroup,
    Review,
    Waiver,
)
from jobsite.releases.requests.rules import OUTPUT, REMOVED, SUPPORTING, WAIVED
from jobsite.releases.requests.upload_models import SealedRecord, UploadStep
from jobsite.releases.rules import AUDIT, RECORD
from jobsite.releases.signing import public_key, sign

BEGUN = "The upload has begun, so that the release can only be recalled."


def seal(request: ReleaseRequest, *, by: str, policy: Mapping[str, Any]) -> SealedRecord:
    """Seal the record of an approved request and queue its upload, which waits for `undo_until`.

    The findings are those on the rows of its files; `policy` is the policy in full. To be stored by the caller: the SHA-256
    of the record (`.sha256`) and the upload state "held".
    """
    files, happened = _files(request), _happened(request)
    sealed = _store(request, records.record(_approved(request, files, happened, policy)), happened)
    _queue(request, by, _to_send(request, [file for file in files if file.kind == OUTPUT], sealed))
    return sealed


def void(request: ReleaseRequest) -> None:
    """Take the newest record and the upload back, inside the undo window. Raises `Conflict` when the upload has begun."""
    valid = (SealedRecord.request == request.id) & SealedRecord.voided_at.is_null()
    open_steps = (UploadStep.request == request.id) & UploadStep.cancelled_at.is_null()
    if UploadStep.select().where(open_steps, UploadStep.attempts > 0).exists():
        raise Conflict(BEGUN)
    changed_one(SealedRecord.update(voided_at=now()).where(valid), "Nothing is sealed for this request.")
    UploadStep.update(cancelled_at=now()).where(open_steps).execute()


def succeed(
    request: ReleaseRequest, *, by: str, public_reason: str, paths: Sequence[str] | None = None
) -> SealedRecord:
    """Seal the record that follows a recall, of all files or those at `paths`, and queue the recall for the other side.

    The caller stores its SHA-256 with the request.
    """
    before = _newest(request.id)
    head = _head()
    step = Step("recalled", _moment(now()), _role(request, by, _reviews(request)))
    text = records.succeeding(before.text, paths, step, head=head.hash, seq=head.id)
    sealed = _store(request, text, _happened(request))
    payload = {"public_reason": public_reason, "files": None if paths is None else list(paths)}
    _queue(request, by, [{"kind": "revoke", "payload": payload, "not_before": now()}])
    return sealed


def record_text(request_id: str) -> str | None:
    """The newest record of a request that is not void, as canonical JSON; None before it was approved."""
    found = _valid(request_id).first()
    return found.text if found else None


def sealed_texts(request_id: str) -> tuple[str, str]:
    """The record and the audit document that are sent: those of the approval that stands. Raises LookupError."""
    found = _valid(request_id).order_by(SealedRecord.sequence).first()
    if found is None:
        raise LookupError(f"nothing is sealed for {request_id}")
    return found.text, found.audit


class Happened(NamedTuple):
    """A row of the event log, but for what it says of the request."""

    id: int
    at: datetime
    type: str
    by: str
    hash: str


def _happened(request: ReleaseRequest) -> list[Happened]:
    """The rows of the event log about a request, oldest first."""
    about = Event.subject == f"release-request:{request.id}"
    columns = (Event.id, Event.at, Event.type, Event.by, Event.hash)
    return [Happened(*row) for row in Event.select(*columns).where(about).order_by(Event.id).tuples()]


def _store(request: ReleaseRequest, text: str, happened: Sequence[Happened]) -> SealedRecord:
    """Write a record with the audit rows of its request so far, signed."""
    chain = [AuditRow(row.id, _moment(row.at), row.type, row.hash) for row in happened]
    document, head = records.audit(text, request.id, chain, at=_moment(now()))
    sequence = SealedRecord.select().where(SealedRecord.request == request.id).count() + 1
    return SealedRecord.create(
        request=request.id,
        sequence=sequence,
        sha256=records.sha256_of(text),
        text=text,
        audit=records.signed(document, key=public_key(), signature=sign(head.encode())),
        sealed_at=now(),
    )


def _approved(
    request: ReleaseRequest,
    all_files: Sequence[RequestFile],
    happened: Sequence[Happened],
    policy: Mapping[str, Any],
) -> Approved:
    """What the record says, gathered from the tables."""
    files = [file for file in all_files if file.kind == OUTPUT]
    reviews, head, judged = _reviews(request), _head(), _judged(request, files)
    kinds = Counter(file.kind for file in all_files)
    return Approved(
        request=request.id,
        workspace=request.workspace.name,
        project=request.project.slug,
        backend=request.backend.slug,
        files=tuple(_recorded(file) for file in files),
        groups=_groups(request, files),
        policy=policy,
        rules=_rules(judged, policy),
        findings=tuple(finding for finding, _ in judged),
        reviewers=tuple(
            Step("reviewed", _moment(row.at), f"Checker {n}") for n, row in enumerate(reviews, 1)
        ),
        steps=_steps(request, happened, reviews),
        supporting=kinds[SUPPORTING],
        withdrawn=kinds[REMOVED],
        software=f"jobsite {version('jobsite')}",
        head=head.hash,
        seq=head.id,
    )


def _judged(request: ReleaseRequest, files: list[RequestFile]) -> list[tuple[RecordedFinding, str]]:
    """Each finding on these files as the record has it, with the code of its waiver or ""."""
    mine = Explanation.request == request.id
    explanations = list(Explanation.select().where(mine, Explanation.superseded_at.is_null()))
    counts = (Waiver.request == request.id) & Waiver.superseded_at.is_null() & Waiver.sealed_at.is_null()
    words = list(Waiver.select().where(counts).order_by(Waiver.id))
    pins = [pinned(pin) for pin in Pin.select().where(Pin.request == request.id, Pin.sealed_at.is_null())]
    return [
        _finding(file, document, explanations, words)
        for file in files
        for document in [*file.findings, *(pin for pin in pins if pin["file_sha256"] == file.sha256)]
    ]


def _finding(
    file: RequestFile, document: Mapping[str, Any], explanations: list[Explanation], words: list[Waiver]
) -> tuple[RecordedFinding, str]:
    said = [word for word in words if answers(word, document)]
    code = ""
    if waived_by(document, said):
        state, code = "waived", next(word.code for word in said if word.verdict == WAIVED)
    elif confirmed_by(document, said):
        state = "confirmed"
    else:
        state = "explained" if is_explained(document, explanations) else "open"
    rule, version, place = document["rule"], document["rule_version"], document["place"]
    return RecordedFinding(file.path, rule, version, document["severity"], place, state), code


def _rules(
    judged: Sequence[tuple[RecordedFinding, str]], policy: Mapping[str, Any]
) -> tuple[RecordedRule, ...]:
    """Every rule that the policy has not switched off: silence of a rule that ran says something too."""
    fired = Counter(finding.rule for finding, _ in judged)
    waived: dict[str, Counter[str]] = {}
    for finding, code in judged:
        if finding.state == "waived":
            waived.setdefault(finding.rule, Counter())[code] += 1
    ran = {
        **{name: rule.version for name, rule in RULES.items()},
        **{one.rule: one.version for one, _ in judged},
    }
    return tuple(
        RecordedRule(name, version, fired[name], waived.get(name, {}))
        for name, version in ran.items()
        if name not in policy.get("off", ())
    )


def _recorded(file: RequestFile) -> RecordedFile:
    return RecordedFile(
        path=file.path,
        sha256=file.sha256,
        size=file.size,
        rows=file.rows,
        cols=file.cols,
        job=file.job,
        action=file.action,
        commit=file.commit,
        repository=_repository(file.repo),
    )


def _repository(address: str) -> str:
    """The address of a repository; of a folder on this machine only its name."""
    return address.rpartition("/")[2] if address.startswith("/") else address


def _groups(request: ReleaseRequest, files: list[RequestFile]) -> tuple[RecordedGroup, ...]:
    """The groups with released files, by number."""
    used = {file.group_id for file in files}
    rows = RequestGroup.select().where(RequestGroup.request == request.id).order_by(RequestGroup.position)
    return tuple(
        RecordedGroup(number, row.context, row.controls, row.statements)
        for number, row in enumerate(rows, 1)
        if row.id in used
    )


def _steps(request: ReleaseRequest, happened: Sequence[Happened], reviews: list[Review]) -> tuple[Step, ...]:
    """What happened to the request, by kind of person: the author, a numbered checker, or the system."""
    return tuple(
        Step(row.type.removeprefix("release:"), _moment(row.at), _role(request, row.by, reviews))
        for row in happened
    )


def _role(request: ReleaseRequest, username: str, reviews: list[Review]) -> str:
    checkers = [review.checker for review in reviews]
    if username == request.author.username:
        return "author"
    if username in checkers:
        return f"Checker {checkers.index(username) + 1}"
    return "system" if username == "system" else "somebody else"


def _reviews(request: ReleaseRequest) -> list[Review]:
    """The reviews of the turn that was decided on, in the order in which they came in."""
    counts = (Review.request == request.id) & (Review.turn == request.turn) & Review.superseded_at.is_null()
    return list(Review.select().where(counts).order_by(Review.at, Review.id))


def _files(request: ReleaseRequest) -> list[RequestFile]:
    """All files of a request, of every kind, by path."""
    return list(RequestFile.select().where(RequestFile.request == request.id).order_by(RequestFile.path))


def _to_send(request: ReleaseRequest, files: list[RequestFile], sealed: SealedRecord) -> list[dict[str, Any]]:
    """The steps of an upload in order: create, each file, the audit rows, the record last (specification 2.7)."""
    texts = ((AUDIT, sealed.audit), (RECORD, sealed.text))
    told = [_told(request, file) for file in files] + [
        _told_text(request, name, text) for name, text in texts
    ]
    body = {"files": told, "metadata": _tool(request), "review": None}
    steps = [{"kind": "create", "payload": body}]
    steps += [{"kind": "file", "path": file.path, "sha256": file.sha256} for file in files]
    steps += [{"kind": "record", "path": name, "sha256": records.sha256_of(text)} for name, text in texts]
    return [{**step, "not_before": request.undo_until or now()} for step in steps]


def _told(request: ReleaseRequest, file: RequestFile) -> dict[str, Any]:
    """A file as it is announced: `metadata` holds words only."""
    known = {"job": file.job, "action": file.action, "commit": file.commit}
    known |= {"repo": _repository(file.repo)}
    known |= {"rows": file.rows, "cols": file.cols}
    words = {name: str(value) for name, value in known.items() if value not in ("", None)}
    return {
        "name": file.path,
        "url": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "date": datetime.fromtimestamp(file.mtime, UTC).isoformat(),
        "metadata": {**_tool(request), **words},
        "review": None,
    }


def _told_text(request: ReleaseRequest, name: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "url": name,
        "size": len(text.encode()),
        "sha256": records.sha256_of(text),
        "date": now().replace(tzinfo=UTC).isoformat(),
        "metadata": _tool(request),
        "review": None,
    }


def _tool(request: ReleaseRequest) -> dict[str, str]:
    return {"tool": "jobsite", RELEASE_ID: request.id}


def _queue(request: ReleaseRequest, by: str, steps: list[dict[str, Any]]) -> None:
    taken = UploadStep.select().where(UploadStep.request == request.id).count()
    common = {"request": request.id, "sender": by, "path": "", "sha256": "", "payload": {}}
    rows = [{**common, **step, "position": position} for position, step in enumerate(steps, taken + 1)]
    UploadStep.insert_many(rows).execute()


def _valid(request_id: str) -> Any:
    """The records that are not void, the newest first."""
    rows = SealedRecord.select().where(SealedRecord.request == request_id, SealedRecord.voided_at.is_null())
    return rows.order_by(SealedRecord.sequence.desc())


def _newest(request_id: str) -> SealedRecord:
    found = _valid(request_id).first()
    if found is None:
        raise LookupError(f"nothing is sealed for {request_id}")
    return found


def _head() -> Event:
    """The newest row of the event log: that of the step itself."""
    return Event.select().order_by(Event.id.desc()).get()


def _moment(moment: datetime) -> str:
    return wire(moment) or ""
