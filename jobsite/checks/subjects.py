"""What is checked and what comes back: files with a kind, what was said of them, and the report on each. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from jobsite.checks.findings import Finding
from jobsite.checks.tables import Table

OUTPUT, SUPPORTING = "OUTPUT", "SUPPORTING"

Source = Path | BinaryIO
"""A path (not followed when it is a link), or a file open for reading bytes that can be sought in."""


@dataclass(frozen=True)
class Subject:
    """One file to check. `name` is its path with forward slashes, as findings show it; `kind` is OUTPUT or SUPPORTING.

    `roles` is the author's column dictionary: header to role (count, rate, statistic, model, label). It goes before
    everything the rules can see for themselves.
    """

    name: str
    source: Source
    kind: str = OUTPUT
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A rule that did not apply to a file, and why, as a sentence."""

    rule: str
    why: str


@dataclass(frozen=True)
class Report:
    """The verdict on one file. `rows` and `columns` are of its table (None where it has none), `marks` the marks and
    path vertices of a drawing, `points` those of its marks that are single points. `tables` are what rules over several files compare; empty for a file too large for that."""

    name: str
    kind: str
    sha256: str
    size: int
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...] = ()
    rows: int | None = None
    columns: int | None = None
    marks: int | None = None
    points: int | None = None
    tables: tuple[Table, ...] = field(default=(), repr=False, compare=False)
    content: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Earlier:
    """A file that was released before: `when` completes "released …", for instance "on 3 May"."""

    report: Report
    when: str = "earlier"


@dataclass(frozen=True)
class Statement:
    """What the author wrote about a group. `template` is the text the form began with; `differs` says what changed since
    the earlier release; `described` are the headers in the group's column dictionary."""

    group: str
    context: str = ""
    controls: str = ""
    template: str = ""
    differs: str = ""
    described: frozenset[str] = frozenset()
