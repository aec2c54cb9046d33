"""Approved, stopped, recalled: T10, T11 and T13 (specification 2.2, 2.7). The upload between them has its own module."""

from collections.abc import Sequence
from datetime import timedelta

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, refuse, require
from jobsite.core.wording import counted
from jobsite.releases.requests import missing
from jobsite.releases.requests.checking import Found, found_in_request, judged_by, keep, reviews_of
from jobsite.releases.requests.copies import DAMAGED, is_sound
from jobsite.releases.requests.models import ReleaseRequest, RequestFile
from jobsite.releases.requests.rechecking import with_news
from jobsite.releases.requests.reopening import reopen
from jobsite.releases.requests.rules import OUTPUT, PRIVATE, PUBLIC, why_not_reason
from jobsite.releases.requests.sealing import seal, succeed, void
from jobsite.releases.requests.second_login import why_not_login
from jobsite.releases.requests.standing import Acting, acting, change, refuse_changed, standing, tell
from jobsite.releases.requests.steps import move, say
from jobsite.releases.requests.whole import Whole
from jobsite.store.journal import fail_point

FOUND_NEW = "The checks found something new in {files}: the votes there are open again. Vote again, or return the request."


def approve(*, by: User, request_id: str) -> ReleaseRequest:
    """Release the files of a reviewed request once the undo window has ended (T10).

    Everything is looked at again at this moment: roles, decisions, objections, checks and the bytes (OC1, OC10, OC35).
    Raises `Denied` with what is missing or where the login is too old, `Conflict` when the checks found something new, a
    copy is damaged or somebody was faster, `NotFound`.
    """
    seen = standing(by, request_id)
    if _is_approved_by(seen):
        return seen.request
    seen.require("approve")
    require(why_not_login(by))
    state = seen.whole()
    _refuse_unready(state)
    found = found_in_request(state, seen.policy)
    sound = all(is_sound(sha256) for sha256 in set(found.contents.values()))
    with writing():
        current = standing(by, request_id)
        if _is_approved_by(current):
            return current.request
        current.require("approve")
        refuse_changed(current.request, seen.request)
        state = current.whole()
        keep(state, found)
        news = with_news(state)
        if news or not sound:
            _open_again(current, news, sound)
        else:
            _refuse_unready(state)
            _approved(current, found)
            fail_point("requests.before_approve_commits")
    if not sound:
        raise Conflict(DAMAGED)
    if news:
        raise Conflict(FOUND_NEW.format(files=counted(len(news), "file")))
    fail_point("requests.after_approve")
    return current.request


def _is_approved_by(seen: Acting) -> bool:
    return seen.request.status == "APPROVED" and seen.request.approved_by == seen.person.username


def _refuse_unready(state: Whole) -> None:
    require(missing.as_sentence(missing.before_approve(state)))


def _open_again(found: Acting, files: Sequence[RequestFile], sound: bool) -> None:
    reopened = reopen(found.request, files, "checks")
    change(found.request)
    facts = {"files": len(files), "reopened": reopened, "sound": sound}
    tell(found.request, "recheck-failed", by=found.person, audience=PRIVATE, **facts)


def _approved(found: Acting, checked: Found) -> None:
    request, by, moment = found.request, found.person, now()
    undo_until = moment + timedelta(seconds=reviews_of(checked.policy).undo_seconds)
    outputs = (RequestFile.request == request) & (RequestFile.kind == OUTPUT)
    released = RequestFile.update(released_at=moment, released_by=by.username).where(outputs).execute()
    facts = {"approved_at": moment, "approved_by": by.username, "undo_until": undo_until}
    move(request, "APPROVED", by=by, **facts, **judged_by(checked.policy))
    tell(request, "approved", by=by, files=released)
    sealed = seal(request, by=by.username, policy=checked.policy.document)
    change(request, record=sealed.sha256, upload_state="held")


def stop_release(*, by: User, request_id: str, reason: str) -> ReleaseRequest:
    """Take an approval back inside the undo window (T11): the record is voided and kept, nothing is uploaded.

    Raises `Denied`, `Invalid`, `Conflict` when the upload has begun.
    """
    with writing():
        found = acting(by, request_id, "stop_release")
        refuse(reason=why_not_reason(reason))
        request = found.request
        take_approval_back(request)
        say(found, reason, "stop_release", audience=PRIVATE)
        facts = {"approved_at": None, "approved_by": "", "undo_until": None, "record": "", "upload_state": ""}
        move(request, "REVIEWED", by=by, **facts)
        tell(request, "stopped", by=by)
    return request


def take_approval_back(request: ReleaseRequest) -> None:
    """Nothing of the request is released: the record is void, the upload cancelled. Only inside a transaction.

    Raises `Conflict` when the upload has begun.
    """
    void(request)
    its = RequestFile.request == request
    RequestFile.update(released_at=None, released_by="").where(its).execute()


def recall(
    *,
    by: User,
    request_id: str,
    public_reason: str,
    private_reason: str,
    paths: Sequence[str] | None = None,
) -> ReleaseRequest:
    """Call released files back, all of them or those at `paths` (T13). Where they were the public reads `public_reason`.

    When only some are recalled the request stays RELEASED. Raises `Denied`, `Invalid`, `NotFound`.
    """
    refuse(
        public_reason=why_not_reason(public_reason),
        private_reason=why_not_reason(private_reason),
        paths="Choose at least one file." if paths is not None and not paths else None,
    )
    with writing():
        found = acting(by, request_id, "recall")
        request = found.request
        outputs = [file.path for file in request.files.where(RequestFile.kind == OUTPUT)]
        refuse(paths=None if set(paths or ()) <= set(outputs) else "Choose files that were released.")
        some = None if paths is None or set(paths) == set(outputs) else list(paths)
        say(found, public_reason, "recall", audience=PUBLIC)
        say(found, private_reason, "recall", audience=PRIVATE)
        if some is None:
            move(request, "REVOKED", by=by)
        tell(request, "revoked", by=by, files=len(some or outputs), whole=some is None)
        sealed = succeed(request, by=by.username, public_reason=public_reason.strip(), paths=some)
        change(request, record=sealed.sha256)
        fail_point("requests.before_recall_commits")
    return request
