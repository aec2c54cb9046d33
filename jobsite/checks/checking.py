"""Checking one file: what it is, what is in it, and every rule that needs nothing else (specification 5.4). Pure."""

import errno
import io
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from jobsite.checks import content, markup, texts
from jobsite.checks.acro import records_of
from jobsite.checks.findings import Place, in_order
from jobsite.checks.identifiers import identifying, identifying_lines
from jobsite.checks.images import image
from jobsite.checks.json_content import json_remarks, parsed
from jobsite.checks.policy import Policy
from jobsite.checks.reading import Facts, NotReadable, facts_of, lines_of, opened, rows_of, tables_of
from jobsite.checks.ruling import Clock, Remark, Ruling
from jobsite.checks.subjects import Report, Subject
from jobsite.checks.table_rules import TABLE_RULES, apply_to_table
from jobsite.checks.tables import Table, table_from
from jobsite.checks.values import Reader
from jobsite.store.decoding import NotAsItsSuffix
from jobsite.store.suffix_checks import checked_svg, unpacked

_TABULAR = "F4 F9 I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 " + TABLE_RULES
_LARGEST = 32 * 1024 * 1024  # bytes of a file that is read whole; of JSON, which takes the more memory, half
_WINDOWS = 40.0  # seconds of processor time for all windows of a large table
_SMALL = 64 * 1024  # characters of a JSON file that may be the settings of a tool beside its records


class _Examination:
    """One file under check: what was read of it, and what the rules said."""

    def __init__(self, subject: Subject, policy: Policy, facts: Facts) -> None:
        self.subject, self.policy, self.facts = subject, policy, facts
        self.ruling = Ruling(policy, subject.name, facts.sha256, subject.kind)
        self.reader = Reader(policy)
        self.rows: int | None = None
        self.columns: int | None = None
        self.marks: int | None = None
        self.points: int | None = None
        self.tables: list[Table] = []
        self.content: Any = None

    def report(self) -> Report:
        """The verdict."""
        return Report(
            name=self.subject.name,
            kind=self.subject.kind,
            sha256=self.facts.sha256,
            size=self.facts.size,
            findings=in_order(self.ruling.findings()),
            skipped=tuple(self.ruling.skipped.values()),
            rows=self.rows,
            columns=self.columns,
            marks=self.marks,
            points=self.points,
            tables=tuple(self.tables),
            content=self.content,
        )


def check_file(subject: Subject, policy: Policy) -> Report:
    """The report on one file by every rule that needs no other file. Any bytes end in one; a file that cannot be read has F5."""
    try:
        with opened(subject.source) as stream:
            return _examined(subject, policy, stream)
    except OSError as error:
        why = "links are not followed" if error.errno == errno.ELOOP else error.strerror or str(error)
        examination = _Examination(subject, policy, Facts("", 0, b"", None, 0))
        examination.ruling.add(_not_readable(why[:1].lower() + why[1:]))
        return examination.report()


def _examined(subject: Subject, policy: Policy, stream: BinaryIO) -> Report:
    facts = facts_of(stream)
    one = _Examination(subject, policy, facts)
    one.ruling.apply("F1 F6", content.check_name, subject.name, policy)
    one.ruling.apply("F3", content.check_size, facts.size, policy)
    foreign = list(content.check_signature(subject.name, facts.start, policy))
    for remark in foreign:
        one.ruling.add(remark)
    suffix = content.suffix_of(subject.name)
    if not foreign and facts.size and suffix in _BY_SUFFIX:
        try:
            _BY_SUFFIX[suffix](one, stream)
        except NotReadable as error:
            one.ruling.add(_not_readable(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever the content does to a parser, it ends in a verdict
            one.ruling.not_run("F5", f"it failed on this content ({type(error).__name__})")
    elif not facts.size and suffix in _NEVER_EMPTY:
        one.ruling.add(Remark("F2", Place(), f"{PurePosixPath(subject.name).name} is empty."))
    return one.report()


def _not_readable(why: str) -> Remark:
    return Remark("F5", Place(), f"This file could not be checked: {why}.")


def _csv(one: _Examination, stream: BinaryIO) -> None:
    rows = columns = windows = 0
    every_row, clock = rows_of(stream, one.facts), Clock(_WINDOWS)
    for table in tables_of(every_row, one.reader, one.subject.roles):
        windows += 1
        rows += table.height
        columns = max(columns, len(table.columns))
        _check_table(one, table)
        if clock.is_over and not table.whole:
            for rule in _TABULAR.replace("F4 ", "").split():
                one.ruling.not_run(rule, f"only the first {rows:,} rows could be read in time")
            rows += 1 + sum(1 for _ in every_row)  # the first of the next window is read already
            break
    one.rows, one.columns = rows, columns
    one.ruling.apply("F4", content.check_shape, rows, columns, one.policy)
    if windows > 1:
        one.ruling.not_run("S3", f"the table is too large, so its rows were checked in {windows} parts")
    one.ruling.skip("F7 F8 G2 L1", "The file is a table.")


def _check_table(one: _Examination, table: Table) -> None:
    ruling = one.ruling
    ruling.apply("F9", content.formulas, table)
    ruling.apply("I1 I2 I3 I4 I5 I6 I7 I8 I9 I10", identifying, table, one.policy)
    apply_to_table(ruling, table, one.policy)
    if table.whole:
        one.tables.append(table)


def _text(one: _Examination, stream: BinaryIO) -> None:
    lines = texts.Lines()
    numbered = enumerate(lines_of(stream, one.facts), 1)
    one.ruling.apply("I2 I3 I6 I8 L1", identifying_lines, lines.noted(numbered), one.policy.areas_allowed)
    one.ruling.apply("L1", texts.printed, lines.runs, one.reader, one.policy)
    for table in texts.tables(lines.runs, one.reader):
        one.ruling.apply("I1 I4 I5 I9", _on_lines, table, identifying(table, one.policy))
    one.content = lines.start
    one.ruling.skip(_TABULAR, "The file is a text; tables printed in it are judged by L1.")
    one.ruling.skip("F7 F8 G2", "The file is a text.")


def _on_lines(table: Table, remarks: Iterable[Remark]) -> Iterator[Remark]:
    """What the rules say of a table printed in a text, on its first line; what goes line by line is said already."""
    for remark in remarks:
        if remark.rule not in ("I2", "I3", "I6", "I7", "I8", "I10"):
            yield remark._replace(place=Place("line", line=table.first_line))


def _json(one: _Examination, stream: BinaryIO) -> None:
    text = _bounded_text(one, stream, shares=2)
    try:
        value = parsed(text)
    except NotReadable:
        raise
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        name = PurePosixPath(one.subject.name).name
        one.ruling.add(Remark("F2", Place(), f"{name} is not valid JSON ({why})."))
        lines = enumerate(text.splitlines(), 1)
        one.ruling.apply("I2 I3 I6 I8", identifying_lines, lines, one.policy.areas_allowed)
        return
    one.content = value if records_of(value) or len(text) <= _SMALL else None
    one.ruling.apply("I1 I2 I3 I4 I5 I6 I7 I8 I9 I10", json_remarks, value, one.reader, one.policy)
    one.ruling.skip(TABLE_RULES + " F4 F9", "Counting rules read tables, not JSON.")
    one.ruling.skip("F7 F8 G2 L1", "The file is JSON.")


def _html(one: _Examination, stream: BinaryIO) -> None:
    _markup(one, _bounded_text(one, stream), is_svg=False)


def _svg(one: _Examination, stream: BinaryIO) -> None:
    _bounded(one)
    stream.seek(0)
    _drawing(one, stream.read())


def _svgz(one: _Examination, stream: BinaryIO) -> None:
    _bounded(one)
    stream.seek(0)
    try:
        data = unpacked(stream.read())
    except NotAsItsSuffix as error:
        one.ruling.add(
            Remark("F2", Place(), f"{PurePosixPath(one.subject.name).name} cannot be unpacked: {error}.")
        )
        return
    _drawing(one, data)


def _drawing(one: _Examination, data: bytes) -> None:
    name = PurePosixPath(one.subject.name).name
    try:
        checked_svg(data)
    except NotAsItsSuffix as error:
        one.ruling.add(Remark("F2", Place(), f"{name} is not sound SVG: {error}."))
    plain = io.BytesIO(data)
    facts = facts_of(plain)
    if facts.encoding is None:
        raise NotReadable(facts.problem)
    _markup(one, data[facts.mark :].decode(facts.encoding), is_svg=True)


def _markup(one: _Examination, text: str, *, is_svg: bool) -> None:
    found = markup.read_markup(text, is_svg)
    one.ruling.apply("F7", markup.active, found)
    one.ruling.apply("F8", markup.hidden, found)
    one.ruling.apply("I2 I3 I6 I8", identifying_lines, found.lines, one.policy.areas_allowed)
    if is_svg:
        one.marks, one.points = found.vertices, found.points
        one.ruling.apply("G2", markup.marks, found)
        one.ruling.skip(_TABULAR + " L1", "The file is a drawing.")
        return
    one.ruling.skip("G2 L1", "The file is a page.")
    for number, rows in enumerate((rows for rows in found.tables if len(rows) > 1), 1):
        table = table_from(rows[0], rows[1:], one.reader, one.subject.roles)
        table.number = number
        _check_table(one, table)


def _image(one: _Examination, stream: BinaryIO) -> None:
    _bounded(one)
    stream.seek(0)
    data = stream.read()
    one.ruling.apply("F2 F8", image, one.subject.name, data)
    one.ruling.skip(_TABULAR + " F7 G2 L1", "Nothing that stands in an image of dots can be read.")


def _bounded(one: _Examination, shares: int = 1) -> None:
    """What has to be read whole is read up to a size that rules can hold in memory, whatever the policy allows."""
    if one.facts.size > _LARGEST // shares:
        raise NotReadable("it is too large to be read whole")


def _bounded_text(one: _Examination, stream: BinaryIO, shares: int = 1) -> str:
    _bounded(one, shares)
    return "".join(lines_of(stream, one.facts))


_BY_SUFFIX = {
    ".csv": _csv,
    ".txt": _text,
    ".md": _text,
    ".log": _text,
    ".json": _json,
    ".html": _html,
    ".svg": _svg,
    ".svgz": _svgz,
    ".png": _image,
    ".jpg": _image,
    ".jpeg": _image,
}
_NEVER_EMPTY = (".json", ".svg", ".svgz", ".png", ".jpg", ".jpeg")
