"""Checking files together: one group, the request around it, what was released before (specification 5.4). Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from jobsite.checks import roles
from jobsite.checks.acro import acro_remarks
from jobsite.checks.content import suffix_of
from jobsite.checks.counting import differ, rounding_of
from jobsite.checks.differencing import Keyed, since_release, within_request
from jobsite.checks.findings import Finding, Place, in_order
from jobsite.checks.markup import MOST_MARKS
from jobsite.checks.policy import Counts, Policy
from jobsite.checks.rates import has_parts, prints_parts
from jobsite.checks.ruling import Remark, Ruling
from jobsite.checks.statements import gives_number, stated
from jobsite.checks.subjects import OUTPUT, Earlier, Report, Statement
from jobsite.checks.tables import Column, Table
from jobsite.core.wording import counted

FIGURES = (".png", ".jpg", ".jpeg", ".svg", ".svgz")
DATA = (".csv", ".json")


def check_group(
    reports: Sequence[Report],
    policy: Policy,
    *,
    statement: Statement | None = None,
    related: Sequence[Report] = (),
    earlier: Sequence[Earlier] = (),
) -> tuple[Finding, ...]:
    """What can only be found in several files. `related` are the reports of the request's other groups: what differs from
    them stands on the file of the later name. Without a statement the rules on context and controls are left out."""
    group, tables = _Group(reports, policy), _Tables(policy.counts)
    for report in reports:
        group.apply(report, "G1 G2", _figure, report, reports, statement)
        group.apply(report, "C7 C11", _parts, report, reports, statement)
        group.apply(report, "F10", _released, report, earlier)
    for report, other in _pairs(reports, related):
        group.apply(report, "D1 D2", _against, tables.of(report), tables.of(other), other.name)
    for report in reports:
        group.apply(report, "D3", _changed, report, earlier, tables)
    for report, remark in acro_remarks(reports, policy):
        group.apply(report, "A1 A2 A3 A4 A5", list, [remark])
    for report in reports:
        group.apply(report, "C4", _mixed, report, reports, tables)
    findings = group.findings()
    if statement is not None:
        findings += _on_statement(statement, reports, policy, findings)
    return in_order(findings)


class _Group:
    """The rulings on the files of a group."""

    def __init__(self, reports: Sequence[Report], policy: Policy) -> None:
        self._rulings = {
            report.name: Ruling(policy, report.name, report.sha256, report.kind) for report in reports
        }

    def apply(
        self, report: Report, rules: str, work: Callable[..., Iterable[Remark]], *arguments: Any
    ) -> None:
        """Runs rules on one file."""
        self._rulings[report.name].apply(rules, work, *arguments)

    def findings(self) -> list[Finding]:
        """Those of all files."""
        return [finding for ruling in self._rulings.values() for finding in ruling.findings()]


def _figure(report: Report, reports: Sequence[Report], statement: Statement | None) -> Iterator[Remark]:
    """G1, and G2 where a drawing holds more than its data file."""
    path = PurePosixPath(report.name)
    if suffix_of(report.name) not in FIGURES or report.kind != OUTPUT:
        return
    data = [one for one in reports if suffix_of(one.name) in DATA]
    own = next((one for one in data if PurePosixPath(one.name).stem == path.stem), None)
    said = f"{statement.context} {statement.controls}" if statement else ""
    if own is None and not any(PurePosixPath(one.name).name in said for one in data):
        yield Remark("G1", Place(), f"No data file for {report.name}.")
    if own and own.rows and (report.marks or 0) <= MOST_MARKS and _holds_more(report, own):
        sentence = f"The drawing holds {report.marks:,} points, {PurePosixPath(own.name).name} {counted(own.rows, 'row')}."
        yield Remark("G2", Place(), sentence)


def _holds_more(drawing: Report, data: Report) -> bool:
    """Whether a drawing has more points than rows, or more vertices than its data has cells: axes have some as well."""
    rows, columns = data.rows or 0, data.columns or 1
    return (drawing.points or 0) > rows or (drawing.marks or 0) > rows * columns


def _parts(report: Report, reports: Sequence[Report], statement: Statement | None) -> Iterator[Remark]:
    """C7 and C11: rates and models whose counts are nowhere in the group."""
    elsewhere = any(prints_parts(table) for one in reports if one is not report for table in one.tables)
    for table in report.tables:
        for rate in (column for column in table.columns if column.role == roles.RATE):
            if not elsewhere and not has_parts(table, rate):
                yield Remark("C7", table.whole_column(rate), f"No counts given for '{rate.header}'.")
        if _is_model(table) and not _says_number(reports, statement):
            yield Remark("C11", Place(table=table.number), "Give N and degrees of freedom for this model.")


def _is_model(table: Table) -> bool:
    names = [column.name for column in table.columns if column.role == roles.MODEL]
    return any(map(roles.is_coefficient, names)) and any(map(roles.is_uncertainty, names))


def _says_number(reports: Sequence[Report], statement: Statement | None) -> bool:
    if statement and gives_number(statement.context):
        return True
    series = [one for report in reports for table in report.tables for one in table.series]
    return any(one.role == roles.DOF or (one.role == roles.COUNT and not one.guessed) for one in series)


def _released(report: Report, earlier: Sequence[Earlier]) -> Iterator[Remark]:
    """F10: the very same bytes."""
    same = next((one for one in earlier if one.report.sha256 == report.sha256), None)
    if same and report.kind == OUTPUT:
        yield Remark("F10", Place(other=same.report.name), f"Exactly this content was released {same.when}.")


def _pairs(reports: Sequence[Report], related: Sequence[Report]) -> Iterator[tuple[Report, Report]]:
    """Every two outputs of the request of which the first is in this group and its name the later one."""
    ordered = sorted(reports, key=lambda report: report.name, reverse=True)
    for place, report in enumerate(ordered):
        yield from ((report, other) for other in ordered[place + 1 :] if _may_differ(report, other))
    for report in ordered:
        yield from (
            (report, other) for other in related if other.name < report.name and _may_differ(report, other)
        )


def _may_differ(report: Report, other: Report) -> bool:
    return report.kind == other.kind == OUTPUT and report.sha256 != other.sha256


class _Tables:
    """The tables of reports by their keys, and the roundings of their columns, made once."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._known: dict[Table, Keyed] = {}
        self._rounded: dict[str, list[tuple[Table, Column, int]]] = {}

    def of(self, report: Report) -> list[Keyed]:
        """Those of a report, in its order."""
        return [self._known.setdefault(table, Keyed(table, self.counts)) for table in report.tables]

    def rounded(self, report: Report) -> list[tuple[Table, Column, int]]:
        """The columns of a report that are named as counts and follow a rounding, with its base."""
        if report.name not in self._rounded:
            self._rounded[report.name] = _rounded(report, self.counts)
        return self._rounded[report.name]


def _against(tables: list[Keyed], others: list[Keyed], other_name: str) -> Iterator[Remark]:
    """D1 and D2 for every two tables of two files."""
    for table in tables:
        for counterpart in others:
            yield from within_request(table, counterpart, other_name)


def _changed(report: Report, earlier: Sequence[Earlier], tables: _Tables) -> Iterator[Remark]:
    """D3 against everything that was released before."""
    if report.kind != OUTPUT or any(one.report.sha256 == report.sha256 for one in earlier):
        return
    for table in tables.of(report):
        for one in earlier:
            for counterpart in tables.of(one.report):
                name = one.report.name
                yield from since_release(table, counterpart, name, one.when, tables.counts.threshold)


def _mixed(report: Report, reports: Sequence[Report], tables: _Tables) -> Iterator[Remark]:
    """C4 between the tables of a group: one remark on each later file that follows another rounding."""
    for other in reports:
        if other.name >= report.name or other.kind != OUTPUT or report.kind != OUTPUT:
            continue
        for table, column, base in tables.rounded(report):
            for _, counterpart, its in tables.rounded(other):
                if differ(counterpart, its, column, base, tables.counts):
                    place = table.whole_column(column)
                    sentence = f"'{column.header}' is rounded in another way than '{counterpart.header}' in {other.name}."
                    yield Remark(
                        "C4", Place("pair", col=place.col, header=place.header, other=other.name), sentence
                    )
                    return


def _rounded(report: Report, counts: Counts) -> list[tuple[Table, Column, int]]:
    columns = [(table, column) for table in report.tables for column in table.counts() if not column.guessed]
    return [
        (table, column, base)
        for table, column in columns
        if (base := rounding_of(table, column, counts)) is not None
    ]


def _on_statement(
    statement: Statement, reports: Sequence[Report], policy: Policy, found: Sequence[Finding]
) -> list[Finding]:
    """The X rules. Their content, for the key of a finding, is the text of the statement."""
    text = json.dumps([statement.group, statement.context, statement.controls, statement.differs])
    ruling = Ruling(policy, "", hashlib.sha256(text.encode()).hexdigest())
    changed = sorted({finding.file for finding in found if finding.rule == "D3"})
    ruling.apply("X1 X2 X3 X4 X5 X6", stated, statement, reports, changed)
    return ruling.findings()
