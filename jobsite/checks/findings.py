"""What a check finds: a rule, a place, how grave it is, and a sentence. It holds no identifying value. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

STOP, FIX, LOOK, NOTE = "stop", "fix", "look", "note"
SEVERITIES = (STOP, FIX, LOOK, NOTE)
"""The gravest first. `stop` cannot be released; `fix` needs mending, or an explanation and a waiver."""

PLACES = ("file", "column", "cell", "line", "region", "group", "pair")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: `row` and `col` count from 1 (the header is row 0), `line` to `last_line` from 1.

    `header` is the raw text of the column's head. `table` counts the tables of an HTML page from 1. `other` is the second
    file of a pair. What does not apply is None.
    """

    kind: str = "file"
    row: int | None = None
    col: int | None = None
    header: str | None = None
    line: int | None = None
    last_line: int | None = None
    table: int | None = None
    other: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The kind and what applies."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of one rule on one file (specification 5.6). `file` is its name as given, "" for a remark on a group."""

    rule: str
    rule_version: int
    policy: str
    policy_version: int
    severity: str
    file: str
    file_sha256: str
    place: Place
    sentence: str

    @property
    def key(self) -> str:
        """The fingerprint: SHA-256 of rule, content and place. The same after every recheck of the same bytes, so that
        explanations and waivers follow it; they end where `rule_version` or the bytes change."""
        parts: list[Any] = [self.rule, self.file_sha256, self.place.as_json()]
        if self.rule == "E1":  # several rules may fail on one file
            parts.append(self.sentence)
        return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    @property
    def row(self) -> int | None:
        """Row of the cell, from 1; 0 is the header."""
        return self.place.row

    @property
    def column(self) -> int | None:
        """Column of the cell or column, from 1."""
        return self.place.col

    @property
    def line(self) -> int | None:
        """First line of a text, from 1."""
        return self.place.line

    def as_json(self) -> dict[str, Any]:
        """As section 5.6 of the specification has it, with `file`; `id` and `at` belong to who stores it."""
        return {
            "rule": self.rule,
            "rule_version": self.rule_version,
            "policy": self.policy,
            "policy_version": self.policy_version,
            "severity": self.severity,
            "file": self.file,
            "file_sha256": self.file_sha256,
            "place": self.place.as_json(),
            "sentence": self.sentence,
            "fingerprint": self.key,
        }


def worst(findings: Iterable[Finding]) -> str | None:
    """The gravest severity among them, None where there is none."""
    return min((one.severity for one in findings), key=SEVERITIES.index, default=None)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The gravest first; then by file, rule and place."""
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[Any, ...]:
    place = finding.place
    where = (place.table or 0, place.row or 0, place.col or 0, place.line or 0)
    return (SEVERITIES.index(finding.severity), finding.file, _number(finding.rule), where, finding.sentence)


def _number(rule: str) -> tuple[str, int]:
    return rule[:1], int(rule[1:] or 0)
