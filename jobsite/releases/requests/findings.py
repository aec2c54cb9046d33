"""What is said to findings: authors explain them; checkers waive, confirm and pin them (specification 5.6)."""

import json
from collections.abc import Mapping
from typing import Any

from jobsite.accounts.models import User
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.errors import NotFound, refuse
from jobsite.releases.record import sha256_of
from jobsite.releases.requests.answering import pinned, unexplained
from jobsite.releases.requests.models import Explanation, Pin, ReleaseRequest, RequestFile, Waiver
from jobsite.releases.requests.places import place_of
from jobsite.releases.requests.reopening import reopen
from jobsite.releases.requests.rules import (
    APPROVE,
    AUTHOR,
    CONFIRMED,
    PRIVATE,
    REMOVED,
    WAIVED,
    WAIVER_CODES,
    why_not_reason,
)
from jobsite.releases.requests.seeing import item_of_pin
from jobsite.releases.requests.standing import Acting, acting, change, file_of, tell
from jobsite.releases.requests.visibility import visible
from jobsite.releases.requests.whole import Whole

PIN_SEVERITIES = ("fix", "look")


def explain(
    *, by: User, request_id: str, path: str, text: str, fingerprint: str = "", rule: str = ""
) -> None:
    """The author's case for leaving a finding, or all findings of `rule` in the file; it replaces an earlier one.

    Raises `Denied`, `NotFound` where there is no such finding, `Invalid`.
    """
    with writing():
        found = acting(by, request_id, "explain")
        file = file_of(found.request, path)
        refuse(text=why_not_reason(text))
        finding = _finding(found, file, fingerprint, rule)
        same = (Explanation.file == file) & Explanation.superseded_at.is_null()
        same &= (Explanation.rule == finding["rule"]) & (Explanation.fingerprint == fingerprint)
        Explanation.update(superseded_at=now()).where(same).execute()
        _explained(found, file, finding, fingerprint, text.strip())
        change(found.request)


def explain_exceptions(found: Acting, state: Whole, exceptions: Mapping[int, str]) -> bool:
    """What the author wrote to ACRO for an exception, by id of the file, explains that ACRO failed the file (5.7, rule A1),
    where they have not said something else. Only inside a transaction. Gives whether something is explained now.

    A text that would not do as an explanation in the form is none here.
    """
    if not found.facts.is_author or found.request.phase != AUTHOR:
        return False
    news = [
        (file, finding, exceptions[file.id])
        for file in state.files
        if file.id in exceptions and why_not_reason(exceptions[file.id]) is None
        for finding in unexplained(state.findings(file), state.marks_on(file, "explanation"))
        if finding["rule"] == "A1"
    ]
    for file, finding, text in news:
        _explained(found, file, finding, finding["fingerprint"], text)
    return bool(news)


def waive(
    *,
    by: User,
    request_id: str,
    path: str,
    code: str,
    text: str,
    fingerprint: str = "",
    rule: str = "",
) -> None:
    """This checker accepts a finding, or all findings of `rule` in the file, with a reason (OC3). It replaces their earlier word.

    `code` is one of `rules.WAIVER_CODES`. Raises `Denied`, `NotFound`, `Invalid`.
    """
    refuse(code=None if code in WAIVER_CODES else "Choose a reason from the list.", text=why_not_reason(text))
    with writing():
        found = acting(by, request_id, "waive")
        file, finding = _of(found, path, fingerprint, rule)
        stop = finding["severity"] == "stop"
        refuse(fingerprint="This finding stops the release: nobody can waive it." if stop else None)
        _say(found, file, finding, fingerprint, WAIVED, code, text.strip())
        tell(found.request, "waived", by=by, audience=PRIVATE, rule=finding["rule"], code=code)


def unwaive(*, by: User, request_id: str, path: str, fingerprint: str = "", rule: str = "") -> None:
    """This checker takes back what they said to a finding; an approval that rested on it is opened again.

    Raises `Denied`, `NotFound` where they said nothing.
    """
    with writing():
        found = acting(by, request_id, "unwaive")
        file, finding = _of(found, path, fingerprint, rule)
        if not _supersede(by, file, finding["rule"], fingerprint):
            raise NotFound("You have said nothing to this finding.")
        _reopen_own(found, file, finding)
        change(found.request)
        tell(found.request, "unwaived", by=by, audience=PRIVATE, rule=finding["rule"])


def confirm(
    *, by: User, request_id: str, path: str, text: str = "", fingerprint: str = "", rule: str = ""
) -> None:
    """This checker says that a finding, or all findings of `rule` in the file, has to be mended. It replaces their earlier word.

    Raises `Denied`, `NotFound`, `Invalid`.
    """
    refuse(text=why_not_reason(text) if text.strip() else None)
    with writing():
        found = acting(by, request_id, "confirm")
        file, finding = _of(found, path, fingerprint, rule)
        _say(found, file, finding, fingerprint, CONFIRMED, "", text.strip())
        _reopen_own(found, file, finding)
        tell(found.request, "confirmed", by=by, audience=PRIVATE, rule=finding["rule"])


def pin(
    *, by: User, request_id: str, path: str, place: Mapping[str, Any], severity: str, sentence: str
) -> None:
    """This checker pins a remark of their own to a place of the file: a finding of the rule M1.

    `place` as in the specification 5.6; `severity` is fix or look. Raises `Denied`, `NotFound`, `Invalid`.
    """
    where = place_of(place)
    refuse(
        place=None if where else "Say where in the file it is.",
        severity=None if severity in PIN_SEVERITIES else "Choose whether it has to be mended.",
        sentence=why_not_reason(sentence),
    )
    with writing():
        found = acting(by, request_id, "pin")
        file = _asked_for(found.request, path)
        facts = {
            "rule": "M1",
            "file": file.sha256,
            "place": where,
            "by": by.username,
            "at": now().isoformat(),
        }
        Pin.create(
            request=found.request,
            file=file,
            sha256=file.sha256,
            place=where,
            severity=severity,
            sentence=sentence.strip(),
            fingerprint=sha256_of(json.dumps(facts, sort_keys=True)),
            checker=by.username,
            turn=found.request.turn,
            at=now(),
        )
        change(found.request)
        told = {"severity": severity, "digest": sha256_of(sentence.strip())}
        tell(found.request, "pinned", by=by, audience=PRIVATE, **told)


def _explained(
    found: Acting, file: RequestFile, finding: Mapping[str, Any], fingerprint: str, text: str
) -> None:
    facts = _about(found.request, file, finding, fingerprint)
    Explanation.create(**facts, writer=found.person.username, text=text)
    tell(found.request, "explained", by=found.person, rule=finding["rule"], digest=sha256_of(text))


def _of(found: Acting, path: str, fingerprint: str, rule: str) -> tuple[RequestFile, Mapping[str, Any]]:
    file = _asked_for(found.request, path)
    return file, _finding(found, file, fingerprint, rule)


def _asked_for(request: ReleaseRequest, path: str) -> RequestFile:
    file = file_of(request, path)
    refuse(path="This file is withdrawn." if file.kind == REMOVED else None)
    return file


def _finding(found: Acting, file: RequestFile, fingerprint: str, rule: str) -> Mapping[str, Any]:
    """The finding of that fingerprint, or where it is "" the first of that rule. Raises `NotFound`."""
    for finding in (*file.findings, *pinned_on(file, found)):
        if finding["fingerprint"] == fingerprint or (not fingerprint and finding["rule"] == rule):
            return finding
    raise NotFound("There is no such finding on this content any more.")


def pinned_on(file: RequestFile, found: Acting) -> list[dict[str, Any]]:
    """The remarks pinned to this content of the file that are not sealed and that this person may see, as findings."""
    rows = Pin.select().where(Pin.file == file, Pin.sha256 == file.sha256, Pin.sealed_at.is_null())
    seen = (row for row in rows.order_by(Pin.id) if _sees(found, row))
    return [pinned(row, file.kind) for row in seen]


def _sees(found: Acting, pin: Pin) -> bool:
    """Whether a rule may tell this person that the remark is there: what is refused for its sake would betray it."""
    return visible(item_of_pin(pin.turn, pin.checker), found.viewer, found.moment)


def _say(
    found: Acting,
    file: RequestFile,
    finding: Mapping[str, Any],
    fingerprint: str,
    verdict: str,
    code: str,
    text: str,
) -> None:
    _supersede(found.person, file, finding["rule"], fingerprint)
    facts = _about(found.request, file, finding, fingerprint)
    facts |= {"policy_version": finding["policy_version"], "verdict": verdict, "code": code}
    Waiver.create(**facts, checker=found.person.username, text=text)
    change(found.request)


def _about(
    request: ReleaseRequest, file: RequestFile, finding: Mapping[str, Any], fingerprint: str
) -> dict[str, Any]:
    facts = {"request": request, "file": file, "sha256": file.sha256, "fingerprint": fingerprint}
    return facts | {
        "rule": finding["rule"],
        "rule_version": finding["rule_version"],
        "turn": request.turn,
        "at": now(),
    }


def _supersede(by: User, file: RequestFile, rule: str, fingerprint: str) -> int:
    """How many words of this checker on it ended."""
    theirs = (Waiver.file == file) & (Waiver.checker == by.username) & Waiver.superseded_at.is_null()
    theirs &= (Waiver.rule == rule) & (Waiver.fingerprint == fingerprint)
    return Waiver.update(superseded_at=now()).where(theirs).execute()


def _reopen_own(found: Acting, file: RequestFile, finding: Mapping[str, Any]) -> None:
    """An approval of this checker cannot stand on a `fix` that they do not waive any more."""
    if finding["severity"] == "fix":
        reopen(found.request, [file], "waiver", only=APPROVE, of=found.person.username)
