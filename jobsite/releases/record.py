"""The release record: the machine-readable account of one release, and the audit rows signed beside it. Pure.

Both are canonical JSON (UTF-8, sorted keys, no spaces, integers and strings only), so that the same facts are the same
bytes. Nothing in them is free text, names a checker or a group, or tells of a file that was not released, beyond how many
there were (specification 7).

What is signed is the root of a record (`root`), in which each file counts by the hash of its entry. So whoever may see only
some of the files gets the others as hashes (`shown_to`), and the signature still holds.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

RECORD_FORMAT = "jobsite-release-record/1"
AUDIT_FORMAT = "jobsite-release-audit/1"
START = "0" * 64
"""What stands before the first row of a chain."""

_CODED = ("threshold", "rounding")
"""Questions whose answers are chosen from a list."""
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_PLACES = ("kind", "row", "col", "header", "line")
"""What is said of the place of a finding; never a value, and never another file."""


@dataclass(frozen=True)
class RecordedFile:
    """A released file and where it comes from; `rows` and `cols` of a table, None for others."""

    path: str
    sha256: str
    size: int
    rows: int | None
    cols: int | None
    job: str
    action: str
    commit: str
    repository: str
    image: str = ""


@dataclass(frozen=True)
class RecordedGroup:
    """A group by its number: its texts, of which the record keeps hashes, and the author's coded answers."""

    number: int
    context: str
    controls: str
    statements: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedRule:
    """A rule that was run: how often it fired on the released files, and how many of that were waived, by reason code."""

    rule: str
    version: int
    fired: int
    waived: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedFinding:
    """A finding on a released file. `state` is open, explained, waived or confirmed."""

    path: str
    rule: str
    version: int
    severity: str
    place: Mapping[str, object]
    state: str


@dataclass(frozen=True)
class Step:
    """Something that was done: an event type, when (as the wire has it), by whom (`author`, `Checker 1`, `system`)."""

    kind: str
    at: str
    by: str


@dataclass(frozen=True)
class Approved:
    """All that a record holds. `policy` is the policy in full; `head` is the hash of the newest row of the event log,
    `seq` its number. `supporting` and `withdrawn` are numbers of files that were not released.
    """

    request: str
    workspace: str
    project: str
    backend: str
    files: tuple[RecordedFile, ...]
    groups: tuple[RecordedGroup, ...]
    policy: Mapping[str, Any]
    rules: tuple[RecordedRule, ...]
    findings: tuple[RecordedFinding, ...]
    reviewers: tuple[Step, ...]
    steps: tuple[Step, ...]
    supporting: int
    withdrawn: int
    software: str
    head: str
    seq: int


@dataclass(frozen=True)
class AuditRow:
    """A row of the event log: number, time as the wire has it, type, and the hash that covers all of it."""

    seq: int
    at: str
    kind: str
    hash: str


def canonical(value: Any) -> str:
    """The one way to write a value as JSON. Raises TypeError for what is neither text, whole number, list nor object."""
    _only_plain(value)
    return _written(value)


_written = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def sha256_of(text: str) -> str:
    """The SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def record(approved: Approved) -> str:
    """The record of a release."""
    policy = _written(approved.policy)
    return canonical(
        {
            "format": RECORD_FORMAT,
            "request": approved.request,
            "workspace": approved.workspace,
            "project": approved.project,
            "backend": approved.backend,
            "files": [
                _file(file, approved.findings) for file in sorted(approved.files, key=lambda one: one.path)
            ],
            "groups": [_group(group) for group in sorted(approved.groups, key=lambda group: group.number)],
            "policy": {"text": policy, "sha256": sha256_of(policy)},
            "rules": [_rule(rule) for rule in sorted(approved.rules, key=lambda rule: rule.rule)],
            "reviews": [_step(step) for step in approved.reviewers],
            "steps": [_step(step) for step in approved.steps],
            "not_released": {"supporting": approved.supporting, "withdrawn": approved.withdrawn},
            "software": approved.software,
            "audit": {"head": approved.head, "seq": approved.seq},
            "previous": "",
            "recalled": [],
        }
    )


def succeeding(text: str, recalled: Iterable[str] | None, step: Step, *, head: str, seq: int) -> str:
    """The record that follows another after a recall: without the files at these paths (None: all), which it names with
    their hashes, and with the root of the record before it.
    """
    before = json.loads(text)
    gone = {file["path"] for file in before["files"]} if recalled is None else set(recalled)
    leaving = [
        {"path": one["path"], "sha256": one["sha256"]} for one in before["files"] if one["path"] in gone
    ]
    changed = {
        "files": [file for file in before["files"] if file["path"] not in gone],
        "steps": [*before["steps"], _step(step)],
        "audit": {"head": head, "seq": seq},
        "previous": root(text),
        "recalled": sorted([*before["recalled"], *leaving], key=lambda one: one["path"]),
    }
    return canonical({**before, **changed})


def root(text: str) -> str:
    """What stands for a record in signatures: the SHA-256 of it with the hash of its entry in place of each file."""
    whole = json.loads(text)
    hashes = [entry if isinstance(entry, str) else sha256_of(canonical(entry)) for entry in whole["files"]]
    return sha256_of(canonical({**whole, "files": hashes}))


def shown_to(text: str, paths: Iterable[str]) -> str:
    """The record for somebody who may know only of the files at these paths: the others are hashes. Its root is the same."""
    whole, known = json.loads(text), set(paths)
    files = [entry if entry["path"] in known else sha256_of(canonical(entry)) for entry in whole["files"]]
    return canonical({**whole, "files": files})


def audit(record_text: str, request: str, rows: Iterable[AuditRow], *, at: str) -> tuple[dict[str, Any], str]:
    """The audit rows of a request as a chain of their hashes, and the head that is to be signed (canonical JSON).

    The chain starts at `START`; each link is the SHA-256 of the link before it, a line end and the canonical row.
    """
    chained, link = [], START
    for row in rows:
        content = {"seq": row.seq, "at": row.at, "type": row.kind, "hash": row.hash}
        link = sha256_of(f"{link}\n{canonical(content)}")
        chained.append({**content, "link": link})
    last = chained[-1] if chained else {"seq": 0, "hash": START}
    head = {
        "request": request,
        "record": root(record_text),
        "link": link,
        "log_head": last["hash"],
        "log_seq": last["seq"],
        "at": at,
    }
    return {"format": AUDIT_FORMAT, "rows": chained, "head": head}, canonical(head)


def signed(document: Mapping[str, Any], *, key: str, signature: str) -> str:
    """The audit document with its public key and signature, both in hex, as it is stored and sent."""
    return canonical({**document, "key": key, "signature": signature})


def _only_plain(value: Any) -> None:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key that is no text")
        _all_plain(value.values())
    elif isinstance(value, list | tuple):
        _all_plain(value)
    elif not isinstance(value, str | int) or isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} in canonical JSON")


def _all_plain(values: Iterable[Any]) -> None:
    """Nearly all are texts and numbers, which need no further look."""
    for one in values:
        if type(one) is not str and type(one) is not int:
            _only_plain(one)


def _file(file: RecordedFile, findings: Iterable[RecordedFinding]) -> dict[str, Any]:
    its = _in_order(finding for finding in findings if finding.path == file.path)
    facts: dict[str, Any] = {
        "findings": [_finding(finding) for finding in its],
        "path": file.path,
        "sha256": file.sha256,
        "size": file.size,
        "job": file.job,
        "action": file.action,
        "commit": file.commit,
        "repository": file.repository,
    }
    if file.rows is not None and file.cols is not None:
        facts |= {"rows": file.rows, "cols": file.cols}
    return facts | ({"image": file.image} if file.image else {})


def _group(group: RecordedGroup) -> dict[str, Any]:
    return {
        "number": group.number,
        "context_sha256": sha256_of(group.context),
        "controls_sha256": sha256_of(group.controls),
        "statements": {name: _coded(name, value) for name, value in group.statements.items()},
    }


def _coded(name: str, value: object) -> str | int:
    """An answer as it is where it is a number, or a code of a question that has codes; the hash of anything else."""
    if isinstance(value, int):
        return int(value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    if text.isdecimal() or not text or (name in _CODED and _CODE.fullmatch(text)):
        return text
    return f"sha256:{sha256_of(text)}"


def _rule(rule: RecordedRule) -> dict[str, Any]:
    return {"rule": rule.rule, "version": rule.version, "fired": rule.fired, "waived": dict(rule.waived)}


def _in_order(findings: Iterable[RecordedFinding]) -> list[RecordedFinding]:
    return sorted(findings, key=lambda one: (one.rule, canonical(_place(one.place)), one.state))


def _finding(finding: RecordedFinding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "version": finding.version,
        "severity": finding.severity,
        "place": _place(finding.place),
        "state": finding.state,
    }


def _place(place: Mapping[str, object]) -> dict[str, str | int]:
    told = {name: place[name] for name in _PLACES if place.get(name) is not None}
    return {name: value if isinstance(value, int) else str(value) for name, value in told.items()}


def _step(step: Step) -> dict[str, str]:
    return {"step": step.kind, "at": step.at, "by": step.by}
