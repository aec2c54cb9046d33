"""Results of the disclosure checks, kept by content: what is found once is found for everybody who looks at those bytes.

A result depends on the content, its name, its kind, the dictionary of its columns, the rules and the policy, and on nothing
else; these make its key. What cannot be checked is held back, never passed (output checking, 5.1).
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from jobsite.checks import (
    OUTPUT,
    RULES,
    RULES_VERSION,
    SEVERITIES,
    STOP,
    Earlier,
    Finding,
    Place,
    Policy,
    Report,
    Statement,
    Subject,
    check_file,
    check_group,
    in_order,
)
from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.outputs.models import Checked, CheckedTogether, PolicyVersion
from jobsite.outputs.policies import loaded, stored

MOST_KEYS = 10_000
"""Results that one query asks for: SQLite takes so many values and more."""

log = logging.getLogger("jobsite.checking")


@dataclass(frozen=True)
class Wanted:
    """A content to be checked: its path, SHA-256, kind (OUTPUT or SUPPORTING) and the author's dictionary of columns.

    `open` gives the bytes, only where nothing is kept yet; whoever gives it vouches that they have that SHA-256.
    """

    path: str
    sha256: str
    kind: str = OUTPUT
    roles: Mapping[str, str] = field(default_factory=dict)
    open: Callable[[], BinaryIO] | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The last part of its path: all that a rule may go by."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Verdict:
    """What was found in a content: findings with the gravest first, their number by severity, and (rule, why) for the
    rules that did not apply. `rows` and `columns` are None for what is no table."""

    path: str
    sha256: str
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    skipped: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    columns: int | None = None

    @property
    def worst(self) -> str:
        """The gravest severity, "" where nothing was found."""
        return next((severity for severity in SEVERITIES if self.counts.get(severity)), "")

    @property
    def total(self) -> int:
        """How many findings there are."""
        return sum(self.counts.values())

    def of_rules(self, initials: str) -> "Verdict":
        """The same with the findings of these rules alone: "I" for those of identifiers."""
        kept = tuple(one for one in self.findings if one.rule[0] in initials)
        counts = {severity: sum(one.severity == severity for one in kept) for severity in SEVERITIES}
        return replace(self, findings=kept, counts=counts)


def findings_for(wanted: Wanted, policy: PolicyVersion) -> Verdict | None:
    """What is kept on a content under these rules and this policy; None when it has not been checked. One query."""
    return findings_of([wanted], policy).get((wanted.sha256, wanted.path))


def findings_of(wanted: Iterable[Wanted], policy: PolicyVersion) -> dict[tuple[str, str], Verdict]:
    """What is kept on many contents, by (SHA-256, path); those not checked yet are missing. A query for each 10,000."""
    by_key: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_key.setdefault(_key(one, policy), []).append(one)
    keys = list(by_key)
    rows: list[Checked] = []
    for start in range(0, len(keys), MOST_KEYS):
        rows += list(Checked.select().where(Checked.key.in_(keys[start : start + MOST_KEYS])))
    return {(one.sha256, one.path): _verdict(row, one.path) for row in rows for one in by_key[row.key]}


def counts_of(wanted: Iterable[Wanted], policy: PolicyVersion) -> dict[tuple[str, str], Mapping[str, int]]:
    """How many findings of which severity are kept on many contents, by (SHA-256, path). A query for each 10,000."""
    by_key: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_key.setdefault(_key(one, policy), []).append(one)
    keys = list(by_key)
    found: dict[tuple[str, str], Mapping[str, int]] = {}
    columns = (Checked.key, *(getattr(Checked, severity) for severity in SEVERITIES))
    for start in range(0, len(keys), MOST_KEYS):
        rows = Checked.select(*columns).where(Checked.key.in_(keys[start : start + MOST_KEYS])).tuples()
        for key, *numbers in rows:
            counts = dict(zip(SEVERITIES, numbers, strict=True))
            found |= {(one.sha256, one.path): counts for one in by_key[key]}
    return found


def check_now(wanted: Wanted, policy: PolicyVersion) -> Verdict:
    """What is found in a content: what is kept, else the rules are run now and their result is kept.

    `wanted.open` has to be given. Raises OSError when the file cannot be read.
    """
    kept = findings_for(wanted, policy)
    if kept is not None:
        return kept
    report = _report(wanted, loaded(policy))
    counts = {severity: sum(one.severity == severity for one in report.findings) for severity in SEVERITIES}
    with writing():
        version = stored(policy)
        Checked.insert(
            key=_key(wanted, policy),
            sha256=wanted.sha256,
            rules=RULES_VERSION,
            policy=version.policy,
            policy_version=version.version,
            findings=[one.as_json() for one in report.findings],
            skipped=[[one.rule, one.why] for one in report.skipped],
            rows=report.rows,
            columns=report.columns,
            checked_at=now(),
            **counts,
        ).on_conflict_ignore().execute()
    return Verdict(
        wanted.path,
        wanted.sha256,
        tuple(replace(one, file=wanted.path) for one in report.findings),
        counts,
        tuple((one.rule, one.why) for one in report.skipped),
        report.rows,
        report.columns,
    )


@dataclass(frozen=True)
class Together:
    """The files of one group with what was stated of it, for the rules of several files.

    `related` are the files of the request's other groups, `earlier` released ones with when ("on 3 May"). `open` of each
    has to be given.
    """

    files: Sequence[Wanted]
    statement: Statement | None = None
    related: Sequence[Wanted] = ()
    earlier: Sequence[tuple[Wanted, str]] = ()


def check_together(groups: Sequence[Together], policy: PolicyVersion) -> list[tuple[Finding, ...]]:
    """What is found in the files of each group together. Kept by all that was given, so that asking again costs one
    query, however many groups. Raises OSError.
    """
    keys = [_key_of_group(group, policy) for group in groups]
    rows = CheckedTogether.select().where(CheckedTogether.key.in_(keys))
    kept = {row.key: tuple(_finding(one) for one in row.findings) for row in rows}
    return [
        kept[key] if key in kept else _kept(key, group, policy)
        for key, group in zip(keys, groups, strict=True)
    ]


def _kept(key: str, group: Together, policy: PolicyVersion) -> tuple[Finding, ...]:
    found = _together(group, loaded(policy))
    facts = {"key": key, "findings": [one.as_json() for one in found], "checked_at": now()}
    with writing():
        stored(policy)
        CheckedTogether.insert(facts).on_conflict_ignore().execute()
    return found


def _together(group: Together, policy: Policy) -> tuple[Finding, ...]:
    reports = [_named(one, policy) for one in group.files]
    others = [_named(one, policy) for one in group.related]
    before = [Earlier(_named(one, policy), when) for one, when in group.earlier]
    try:
        return in_order(
            check_group(reports, policy, statement=group.statement, related=others, earlier=before)
        )
    except Exception:
        log.exception("the rules of a group failed")
        sentence = "The files could not be checked together, so that nothing can be told."
        return (_not_applied("", "", policy, sentence),)


def _report(wanted: Wanted, policy: Policy) -> Report:
    """The report under the name alone: the same bytes elsewhere have the same findings."""
    return _run(wanted, wanted.name, policy)


def _named(wanted: Wanted, policy: Policy) -> Report:
    return _run(wanted, wanted.path, policy)


def _run(wanted: Wanted, name: str, policy: Policy) -> Report:
    if wanted.open is None:
        raise LookupError(f"the content of {wanted.sha256} was not given")
    with wanted.open() as file:
        try:
            report = check_file(Subject(name, file, wanted.kind, wanted.roles), policy)
            if report.sha256 != wanted.sha256:
                raise OSError("the content is not the one that was to be checked")
            return report
        except OSError:
            raise
        except Exception:
            log.exception("the rules failed on %s", wanted.sha256)
            held = _not_applied(
                name, wanted.sha256, policy, "This file could not be checked, so that it is held back."
            )
            return Report(name, wanted.kind, wanted.sha256, 0, (held,))


def _not_applied(name: str, sha256: str, policy: Policy, sentence: str) -> Finding:
    """E1 as a stop: what could not be checked at all may hold anything."""
    version = RULES["E1"].version
    return Finding("E1", version, policy.name, policy.version, STOP, name, sha256, Place(), sentence)


def _key(wanted: Wanted, policy: PolicyVersion) -> str:
    parts = [
        wanted.sha256,
        wanted.name,
        wanted.kind,
        sorted(wanted.roles.items()),
        RULES_VERSION,
        policy.sha256,
    ]
    return _digest(parts)


def _key_of_group(group: Together, policy: PolicyVersion) -> str:
    earlier = [[_key(one, policy), one.path, when] for one, when in group.earlier]
    files, related = ([_key(one, policy) for one in these] for these in (group.files, group.related))
    return _digest([files, _said(group.statement), related, earlier, [one.path for one in group.files]])


def _said(statement: Statement | None) -> list[Any]:
    if statement is None:
        return []
    texts = [statement.group, statement.context, statement.controls, statement.template, statement.differs]
    return [*texts, sorted(statement.described)]


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def _verdict(row: Checked, path: str) -> Verdict:
    return Verdict(
        path,
        row.sha256,
        tuple(replace(_finding(one), file=path) for one in row.findings),
        {severity: getattr(row, severity) for severity in SEVERITIES},
        tuple((rule, why) for rule, why in row.skipped),
        row.rows,
        row.columns,
    )


def _finding(kept: Mapping[str, Any]) -> Finding:
    given = {name: value for name, value in kept.items() if name not in ("place", "fingerprint")}
    return Finding(**given, place=Place(**kept["place"]))
