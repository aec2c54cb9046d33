"""One case of the fresh set: its files, and the labels of what must be found in them.

A label is "RULE SEVERITY FILE PLACE". Places are written as the JSON has them: `cell 3 2` (row, column), `column 2`,
`line 4`, `file`, `pair OTHER`; `any` where the specification leaves the place open (there may then be several findings)."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobsite.checks import (
    Earlier,
    Finding,
    Policy,
    Report,
    Statement,
    Subject,
    check_file,
    check_group,
    default_policy,
    policy_from,
)


@dataclass(frozen=True)
class Case:
    name: str
    files: Mapping[str, bytes]
    expected: tuple[str, ...]
    earlier: Mapping[str, bytes] = field(default_factory=dict)
    policy: Mapping[str, object] = field(default_factory=dict)
    words: Mapping[str, object] = field(default_factory=dict)

    def disagreements(self) -> list[str]:
        """Give what was expected and not found, and what was found and not expected."""
        found = self.found()
        wanting = [label for label in self.expected if not any(_fits(label, one) for one in found)]
        excess = [one for one in found if not any(_fits(label, one) for label in self.expected)]
        return [f"not found: {label}" for label in wanting] + [
            f"found: {said(one)} ({one.sentence})" for one in excess
        ]

    def found(self) -> list[Finding]:
        """Give what the rules say of the files as one group."""
        policy = (
            policy_from({"policy": "own", "version": 1, **self.policy}) if self.policy else default_policy()
        )
        reports = [_report(name, data, policy) for name, data in self.files.items()]
        earlier = [Earlier(_report(name, data, policy)) for name, data in self.earlier.items()]
        statement = Statement("g", **self.words) if self.words else None
        alone = [finding for report in reports for finding in report.findings]
        return [*alone, *check_group(reports, policy, earlier=earlier, statement=statement)]


def said(finding: Finding) -> str:
    place = finding.place
    where = [place.kind, *(str(n) for n in (place.row, place.col, place.line, place.other) if n is not None)]
    return " ".join((finding.rule, finding.severity, finding.file or "-", *where))


def case(
    name: str,
    files: Mapping[str, str | bytes],
    *expected: str,
    earlier: Mapping[str, str | bytes] | None = None,
    policy: Mapping[str, object] | None = None,
    words: Mapping[str, object] | None = None,
) -> Case:
    """Give a case; texts become UTF-8. Each of `expected` is "RULE SEVERITY FILE PLACE"."""
    return Case(name, _bytes(files), expected, _bytes(earlier or {}), policy or {}, words or {})


def table(text: str) -> str:
    """Give a CSV from a line per row, cells parted by a blank (a written `~` stands for a blank in a cell)."""
    return (
        "\n".join(",".join(c.replace("~", " ") for c in line.split()) for line in text.strip().splitlines())
        + "\n"
    )


def one(
    name: str,
    text: str | bytes,
    *expected: str,
    file: str = "t.csv",
    policy: Mapping[str, object] | None = None,
) -> Case:
    """Give a case of one file; each of `expected` is "RULE SEVERITY PLACE"."""
    whole = (" ".join((*e.split(" ", 2)[:2], file, e.split(" ", 2)[2])) for e in expected)
    return case(name, {file: text}, *whole, policy=policy)


def _bytes(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    return {name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()}


def _report(name: str, data: bytes, policy: Policy) -> Report:
    return check_file(Subject(name, io.BytesIO(data)), policy)


def _fits(label: str, finding: Finding) -> bool:
    rule, severity, file, place = (
        (*label.split(" ", 3), "any")[:4] if label.count(" ") > 2 else (*label.split()[:2], "any", "any")
    )
    if (rule, severity) != (finding.rule, finding.severity) or file not in ("any", finding.file):
        return False
    at = finding.place
    if place == "any":
        return True
    kind, *numbers = place.split()
    if kind == "pair":
        return at.other == numbers[0]
    here = {"cell": (at.row, at.col), "column": (at.col,), "line": (at.line,), "file": ()}[kind]
    return at.kind == kind and [str(n) for n in here] == numbers
