"""The labelled set: small tables written by hand with every finding they must give, and none beside.

A file holds cases. `== name` begins one; `-- name [SUPPORTING] [EARLIER]` begins a file of it (without: a.csv); a line
`> RULE severity place` after the content is a finding. A place is `row:head` for a cell, the head for a column, `file`,
`group`, `line 3` or `lines 3-5`, with ` ~ other` for a pair; `#2` is a column without a head. The name of the file stands
before it where a case has several.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jobsite.checks import (
    OUTPUT,
    SUPPORTING,
    Earlier,
    Finding,
    Subject,
    check_file,
    check_group,
    default_policy,
)

FOLDER = Path(__file__).parents[1] / "tests" / "checks" / "labelled"


@dataclass
class Case:
    """One case: contents by file name, what each file is, and the findings as text."""

    name: str
    source: str
    files: dict[str, str] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)

    def found(self) -> list[str]:
        """What the checks find, in the same words, sorted."""
        policy = default_policy()
        subjects = {
            name: Subject(
                name,
                io.BytesIO((text.rstrip("\n") + "\n").encode()),
                SUPPORTING if SUPPORTING in self.words[name] else OUTPUT,
            )
            for name, text in self.files.items()
        }
        reports = {name: check_file(subject, policy) for name, subject in subjects.items()}
        now = [report for name, report in reports.items() if "EARLIER" not in self.words[name]]
        before = [Earlier(report) for name, report in reports.items() if "EARLIER" in self.words[name]]
        findings = [finding for report in now for finding in report.findings]
        findings += check_group(now, policy, earlier=before)
        return sorted(self._said(finding) for finding in findings)

    def _said(self, finding: Finding) -> str:
        said = f"{finding.rule} {finding.severity} {where(finding)}"
        return said if len(self.files) == 1 else f"{finding.file} {said}"


def where(finding: Finding) -> str:
    """The place of a finding in the words of the labelled set."""
    place = finding.place
    head = place.header or (f"#{place.col}" if place.col else "")
    if place.kind == "line":
        said = f"lines {place.line}-{place.last_line}" if place.last_line else f"line {place.line}"
    elif place.kind in ("file", "group"):
        said = place.kind
    else:
        said = f"{place.row}:{head}" if place.row is not None else head
    return f"{said} ~ {place.other}" if place.other and place.kind == "pair" else said


def cases() -> Iterator[Case]:
    """All cases in the order of their files."""
    for path in sorted(FOLDER.glob("*.txt")):
        yield from _cases_in(path)


def _cases_in(path: Path) -> Iterator[Case]:
    case: Case | None = None
    name = "a.csv"
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("== "):
            if case:
                yield case
            case, name = Case(line[3:], path.stem), "a.csv"
        elif case and line.startswith("-- "):
            name, *words = line[3:].split()
            case.files[name], case.words[name] = "", words
        elif case and line.startswith("> "):
            case.expected.append(line[2:])
        elif case:
            case.words.setdefault(name, [])
            case.files[name] = case.files.get(name, "") + _unescaped(line) + "\n"
    if case:
        yield case


def _unescaped(line: str) -> str:
    return line.replace("\\t", "\t")
