"""A checker's opinion on each file: opened, voted on, flipped, cleared; objections overruled and restored (2.3)."""

from typing import Any

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import Denied, NotFound, refuse, require
from jobsite.releases.requests.answering import why_not_approve
from jobsite.releases.requests.decisions import why_not_overruled
from jobsite.releases.requests.findings import pinned_on
from jobsite.releases.requests.models import Opened, Overrule, RequestFile, Vote, Waiver
from jobsite.releases.requests.rules import APPROVE, CHANGES, OUTPUT, PRIVATE, UNDECIDED, why_not_reason
from jobsite.releases.requests.standing import Acting, acting, change, file_of, group_of, tell
from jobsite.store.journal import fail_point


def mark_opened(*, by: User, request_id: str, path: str) -> None:
    """Note that this checker opened the present content of a file in this turn (OC14). Repeating it changes nothing.

    Raises `Denied` for who does not review this request now, `NotFound`.
    """
    with writing():
        request = acting(by, request_id, "mark_opened").request
        file = file_of(request, path)
        key = {"file": file, "person": by.username, "turn": request.turn, "sha256": file.sha256}
        if Opened.get_or_none(**key) is None:
            Opened.create(**key, at=now())
            tell(request, "opened", by=by, audience=PRIVATE, digest=file.sha256)


def vote(*, by: User, request_id: str, path: str, value: str) -> None:
    """This checker approves a file, or asks for changes: `value` is APPROVED or CHANGES_REQUESTED.

    The same vote again changes nothing. Raises `Denied` with the sentence, `NotFound`, `Invalid`.
    """
    refuse(value=None if value in (APPROVE, CHANGES) else "Approve the file, or ask for changes.")
    with writing():
        found = acting(by, request_id, "vote")
        file = file_of(found.request, path)
        if _cast(found, file, value):
            change(found.request)
            tell(found.request, "voted", by=by, audience=PRIVATE, digest=file.sha256)
        fail_point("requests.before_vote_commits")


def clear_vote(*, by: User, request_id: str, path: str) -> None:
    """This checker takes their vote on a file back, before their review is in. Without a vote nothing changes."""
    with writing():
        found = acting(by, request_id, "clear_vote")
        if _clear(found, file_of(found.request, path)):
            change(found.request)
            tell(found.request, "vote-cleared", by=by, audience=PRIVATE)


def changes_all(*, by: User, request_id: str, group: str) -> int:
    """Ask for changes on every output of the group that this checker has not voted on; how many. There is no bulk approval."""
    with writing():
        found = acting(by, request_id, "changes_all")
        left = [file for file, value in _votes(found, group).items() if not value]
        if left:
            _supersede(found, left)
            Vote.insert_many([_ballot(found, file, CHANGES) for file in left]).execute()
            change(found.request)
            tell(found.request, "voted", by=by, audience=PRIVATE, files=len(left))
    return len(left)


def clear_all(*, by: User, request_id: str, group: str) -> int:
    """Take back all votes of this checker in the group; how many there were."""
    with writing():
        found = acting(by, request_id, "clear_all")
        given = [file for file, value in _votes(found, group).items() if value]
        if given:
            _supersede(found, given)
            change(found.request)
            tell(found.request, "vote-cleared", by=by, audience=PRIVATE, files=len(given))
    return len(given)


def overrule(*, by: User, request_id: str, path: str, objector: str, reason: str) -> None:
    """Set another checker's objection to a file aside, with a reason (2.3, OC1).

    Only who submitted a review in this turn and approved the file may. Raises `Denied`, `NotFound`, `Invalid`.
    """
    with writing():
        found = acting(by, request_id, "overrule")
        request = found.request
        file = file_of(request, path)
        objection = _current(file, objector)
        if objection is None or objection.value != CHANGES:
            raise NotFound("There is no open objection of this checker to the file.")
        overruled = (Overrule.vote == objection) & Overrule.superseded_at.is_null()
        require(
            why_not_overruled(
                is_own=objector == by.username,
                has_reviewed=by.username in found.reviewers,
                has_approved=_voted(found, file) == APPROVE,
                is_overruled=Overrule.get_or_none(overruled) is not None,
            )
        )
        refuse(reason=why_not_reason(reason))
        facts = {"request": request, "file": file, "vote": objection, "objector": objector}
        Overrule.create(**facts, checker=by.username, reason=reason.strip(), turn=request.turn, at=now())
        change(request)
        tell(request, "overruled", by=by, audience=PRIVATE, digest=file.sha256, objector=objector)


def restore(*, by: User, request_id: str, path: str) -> None:
    """The objector stands by an objection that was overruled: it blocks again. Raises `Denied`, `NotFound`."""
    with writing():
        found = acting(by, request_id, "restore")
        file = file_of(found.request, path)
        theirs = (Overrule.file == file) & (Overrule.objector == by.username)
        ended = Overrule.update(superseded_at=now()).where(theirs & Overrule.superseded_at.is_null())
        if not ended.execute():
            raise NotFound("No objection of yours to this file is overruled.")
        change(found.request)
        tell(found.request, "objection-restored", by=by, audience=PRIVATE, digest=file.sha256)


def _cast(found: Acting, file: RequestFile, value: str) -> bool:
    """Whether the vote is another than before; then it is stored, and the one before superseded."""
    if file.kind != OUTPUT:
        raise Denied("Only outputs are voted on.")
    if _voted(found, file) == value:
        return False
    if value == APPROVE:
        require(_why_not_approve(found, file))
    _supersede(found, [file])
    Vote.create(**_ballot(found, file, value))
    return True


def _ballot(found: Acting, file: RequestFile, value: str) -> dict[str, Any]:
    facts = {"request": found.request, "file": file, "checker": found.person.username, "value": value}
    return {**facts, "sha256": file.sha256, "turn": found.request.turn, "at": now()}


def _why_not_approve(found: Acting, file: RequestFile) -> str | None:
    by = found.person.username
    opened = Opened.get_or_none(file=file, person=by, turn=found.request.turn, sha256=file.sha256)
    mine = (Waiver.file == file) & (Waiver.checker == by) & Waiver.superseded_at.is_null()
    words = list(Waiver.select().where(mine & Waiver.sealed_at.is_null()))
    findings = [*file.findings, *pinned_on(file, found)]
    return why_not_approve(file.kind, findings, words, by, is_opened=opened is not None)


def _clear(found: Acting, file: RequestFile) -> bool:
    return bool(_voted(found, file)) and _supersede(found, [file])


def _supersede(found: Acting, files: list[RequestFile]) -> bool:
    mine = Vote.file.in_(files) & (Vote.checker == found.person.username) & Vote.superseded_at.is_null()
    return bool(Vote.update(superseded_at=now()).where(mine).execute())


def _voted(found: Acting, file: RequestFile) -> str:
    """This checker's vote on the present content, "" without one or where it was re-opened."""
    return _value(_current(file, found.person.username), file)


def _value(vote: Vote | None, file: RequestFile) -> str:
    return "" if vote is None or vote.value == UNDECIDED or vote.sha256 != file.sha256 else vote.value


def _current(file: RequestFile, checker: str) -> Vote | None:
    rows = Vote.select().where(Vote.file == file, Vote.checker == checker, Vote.superseded_at.is_null())
    return rows.first()


def _votes(found: Acting, slug: str) -> dict[RequestFile, str]:
    """The outputs of a group by path, with this checker's vote on their present content, "" without one."""
    group = group_of(found.request, slug)
    outputs = list(group.files.where(RequestFile.kind == OUTPUT).order_by(RequestFile.path))
    mine = (Vote.checker == found.person.username) & Vote.superseded_at.is_null()
    votes = {vote.file_id: vote for vote in Vote.select().where(Vote.file.in_(outputs), mine)}
    return {file: _value(votes.get(file.id), file) for file in outputs}
