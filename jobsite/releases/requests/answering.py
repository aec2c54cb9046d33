"""What authors and checkers say to findings: which answer belongs to which finding, and what is still open. Pure (5.3, 5.6).

A finding is a document of the specification 5.6. An answer is an explanation or a waiver: it belongs to one finding by its
fingerprint, or to all findings of a rule in a file where its fingerprint is "".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from jobsite.releases.requests.rules import CONFIRMED, OUTPUT, WAIVED

Finding = Mapping[str, Any]


class Answer(Protocol):
    """What somebody said to a finding, or to all findings of a rule in a file."""

    @property
    def sha256(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def rule_version(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...


class Word(Answer, Protocol):
    """A checker's answer: waived or confirmed."""

    @property
    def policy_version(self) -> int: ...
    @property
    def verdict(self) -> str: ...
    @property
    def checker(self) -> str: ...


class Remark(Protocol):
    """What a checker pinned to a place of a file."""

    @property
    def sha256(self) -> str: ...
    @property
    def place(self) -> Mapping[str, Any]: ...
    @property
    def severity(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


def pinned(remark: Remark, kind: str = OUTPUT) -> dict[str, Any]:
    """A remark pinned to a file of this kind as a finding: the rule M1. It belongs to no policy.

    On files that are not to be released nothing has to be mended (5.3).
    """
    facts = {name: getattr(remark, name) for name in ("place", "severity", "sentence", "fingerprint")}
    facts |= {"rule": "M1", "rule_version": 1, "policy": "", "policy_version": 0}
    facts |= {} if kind == OUTPUT else {"severity": "look"}
    return facts | {"file_sha256": remark.sha256}


def answers(answer: Answer, finding: Finding) -> bool:
    """Whether the answer is to this finding: it ends when the bytes or the version of the rule change."""
    return (
        answer.sha256 == finding["file_sha256"]
        and answer.rule == finding["rule"]
        and answer.rule_version == finding["rule_version"]
        and answer.fingerprint in ("", finding["fingerprint"])
    )


def is_explained(finding: Finding, explanations: Iterable[Answer]) -> bool:
    """Whether the author gave their case for leaving it."""
    return any(answers(explanation, finding) for explanation in explanations)


def waived_by(finding: Finding, words: Iterable[Word]) -> list[str]:
    """The checkers who waived it. A waiver ends when the policy has another version too."""
    return [
        word.checker
        for word in words
        if word.verdict == WAIVED
        and answers(word, finding)
        and word.policy_version == finding["policy_version"]
    ]


def confirmed_by(finding: Finding, words: Iterable[Word]) -> list[str]:
    """The checkers who confirmed it: it has to be mended."""
    return [word.checker for word in words if word.verdict == CONFIRMED and answers(word, finding)]


def stops(findings: Iterable[Finding]) -> list[Finding]:
    """Those that nobody can waive."""
    return [finding for finding in findings if finding["severity"] == "stop"]


def unexplained(findings: Iterable[Finding], explanations: Iterable[Answer]) -> list[Finding]:
    """Those that keep the author from submitting until they are mended or explained."""
    known = list(explanations)
    return [one for one in findings if one["severity"] == "fix" and not is_explained(one, known)]


def to_waive(findings: Iterable[Finding], words: Iterable[Word], checker: str) -> list[Finding]:
    """Those that keep this checker from approving the file until they waive them."""
    known = list(words)
    return [one for one in findings if one["severity"] == "fix" and checker not in waived_by(one, known)]


def counted_by_severity(findings: Iterable[Finding]) -> dict[str, int]:
    """How many there are of each severity that occurs."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding["severity"]] = counts.get(finding["severity"], 0) + 1
    return counts


def why_not_approve(
    kind: str, findings: Iterable[Finding], words: Iterable[Word], checker: str, *, is_opened: bool
) -> str | None:
    """Why this checker cannot approve a file with these findings, or None (2.3, OC14)."""
    found = list(findings)
    if kind != OUTPUT:
        return "Only outputs are voted on."
    if not is_opened:
        return "Open the file first: only content that you opened in this turn can be approved."
    if stops(found):
        return f"A finding stops its release: {stops(found)[0]['sentence']} Ask for changes."
    left = len(to_waive(found, words, checker))
    if left:
        which = "1 finding" if left == 1 else f"{left:,} findings"
        return f"Waive {which} with a reason first, or ask for changes."
    return None
