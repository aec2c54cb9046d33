"""The records of ACRO (`results.json`): what it failed, asks for, flagged; and whether the files are those it saw (A1 to A5). Pure.

A `pass` of ACRO never switches a rule of ours off."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from jobsite.checks.findings import LOOK, NOTE, Place
from jobsite.checks.json_content import parsed
from jobsite.checks.policy import Policy
from jobsite.checks.roles import COUNT, LABEL, MODEL, STATISTIC, named_role
from jobsite.checks.ruling import Remark
from jobsite.checks.subjects import Report
from jobsite.checks.tables import Table
from jobsite.checks.values import HIDDEN, MISSING

_LONGEST = 200  # characters of a name or check that a sentence repeats
_LARGEST = 16 * 1024 * 1024  # bytes of a results.json
_MODEL_HEADS = ("coef", "std err", "t", "z", "P>|t|", "P>|z|", "[0.025", "0.975]")  # of its regressions


class Recorded(NamedTuple):
    """What an ACRO record says of one file: the `roles` of its columns by header, as an author's dictionary says them, and
    the reason for an `exception` that its author gave, "" without one."""

    roles: Mapping[str, str]
    exception: str


def recorded_in(
    files: Iterable[tuple[str, Callable[[], AbstractContextManager[BinaryIO]]]],
) -> dict[str, Recorded]:
    """What the ACRO records among these files, given by name and how each is opened, say of the files beside them, by name.

    Another JSON file says nothing, nor does one of more than 16 MiB. Raises OSError when a file cannot be read.
    """
    found: dict[str, Recorded] = {}
    for name, opening in files:
        if name.casefold().endswith(".json"):
            with opening() as stream:
                found |= _recorded(name, stream.read(_LARGEST + 1))
    return found


def acro_remarks(reports: Sequence[Report], policy: Policy) -> Iterator[tuple[Report, Remark]]:
    """What every ACRO record among the files says, each remark with the file it stands on."""
    for results in reports:
        records = records_of(results.content)
        beside = _beside(results, reports) if records else {}
        yield from ((results, remark) for remark in _limits(beside.get("config.json"), policy) if records)
        for record in records:
            for file, sdc in _files(record):
                report = beside.get(file)
                on = report or results
                cells = list(_flagged(sdc))
                places = [_place(report, record, cell) for _, cell in cells]
                there = Place() if report else Place(other=file)
                yield from ((on, remark._replace(place=there)) for remark in _verdict(record, file, places))
                yield from ((on, remark) for remark in _cells(cells, places))
                if report:
                    yield from (
                        (on, remark) for remark in _checksum(report, beside.get(f"checksums/{file}.txt"))
                    )


def records_of(content: Any) -> list[Mapping[str, Any]]:
    """The records of a parsed results.json, of any version; none where it is something else."""
    if not isinstance(content, dict) or "version" not in content:
        return []
    results = content.get("results")
    records = results.values() if isinstance(results, dict) else ()
    return [record for record in records if isinstance(record, dict)]


def _recorded(name: str, data: bytes) -> dict[str, Recorded]:
    if len(data) > _LARGEST or b'"results"' not in data or b'"version"' not in data:
        return {}
    try:
        content = parsed(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    folder = PurePosixPath(name).parent
    found: dict[str, Recorded] = {}
    for record in records_of(content):
        reason = record.get("exception")
        said = Recorded(_roles(record), reason.strip() if isinstance(reason, str) else "")
        found |= {str(folder / file): said for file, _ in _files(record)}
    return found


def _roles(record: Mapping[str, Any]) -> dict[str, str]:
    """By header: a table of frequencies holds counts, another statistics unless its head says what; then come the labels."""
    if record.get("type") == "regression":
        return dict.fromkeys(_MODEL_HEADS, MODEL)
    outcome, fair = record.get("outcome"), record.get("fair")
    if record.get("type") != "table" or not isinstance(outcome, dict):
        return {}
    fair = fair if isinstance(fair, dict) else {}
    rest = _rest_of(fair.get("statbarn"), str(record.get("command")))
    heads = [_levels(str(head)) for head in outcome]
    known = {
        levels[0]: role for levels in heads if (role := rest if rest == COUNT else _named(levels) or rest)
    }
    variables = fair.get("independent")
    labels = [one for one in variables if isinstance(one, str)] if isinstance(variables, list) else []
    return {**dict.fromkeys(labels, LABEL), **known}


def _rest_of(kind: object, command: str) -> str | None:
    """What the columns of a table are whose head says nothing; records before 1.0 do not tell the kind of the table."""
    if isinstance(kind, str):
        return COUNT if kind == "Frequencies" else STATISTIC
    return None if "values" in command or "aggfunc" in command else COUNT


def _levels(head: str) -> Sequence[str]:
    """The rows of a header: ACRO writes those of several as the text of a tuple."""
    try:
        levels = ast.literal_eval(head) if head.startswith("(") else ()
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        levels = ()
    return [str(level) for level in levels] if isinstance(levels, tuple) and levels else [head]


def _named(levels: Iterable[str]) -> str | None:
    return next((role for level in levels if (role := named_role(level))), None)


def _beside(results: Report, reports: Sequence[Report]) -> dict[str, Report]:
    """The files in the folder of the results and below, by their path from there."""
    folder = PurePosixPath(results.name).parent
    found = {}
    for report in reports:
        path = PurePosixPath(report.name)
        if path.is_relative_to(folder):
            found[str(path.relative_to(folder))] = report
    return found


def _files(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    files = record.get("files")
    for file in files if isinstance(files, list) else ():
        if isinstance(file, dict) and isinstance(name := file.get("name"), str):
            yield PurePosixPath(name.replace("\\", "/")).name[:_LONGEST], file.get("sdc")


def _flagged(sdc: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    """The checks that flagged cells, with row and column from 0 inside the table."""
    cells = sdc.get("cells") if isinstance(sdc, dict) else None
    for check, places in cells.items() if isinstance(cells, dict) else ():
        for place in places if isinstance(places, list) else ():
            if (
                isinstance(place, list)
                and len(place) == 2
                and all(type(one) is int and one >= 0 for one in place)
            ):
                yield str(check)[:_LONGEST], (place[0], place[1])


def _place(report: Report | None, record: Mapping[str, Any], cell: tuple[int, int]) -> tuple[Place, bool]:
    """Where a flagged cell is in the CSV, and whether it is empty or hidden there; the file where the shapes do not fit."""
    table = report.tables[0] if report and len(report.tables) == 1 else None
    heads = _heads(table, record.get("outcome")) if table else None
    if table is None or heads is None:
        return Place(), False
    row, column = heads[0] + cell[0], heads[1] + cell[1]
    if not (1 <= row <= table.height and column < len(table.columns)):
        return Place(), False
    found = table.columns[column]
    return table.cell(row - 1, found), found.cells[row - 1].kind in (HIDDEN, MISSING)


def _heads(table: Table, outcome: Any) -> tuple[int, int] | None:
    """Header rows and index columns: the shape of the CSV less that of the outcome."""
    if not isinstance(outcome, dict) or not outcome:
        return None
    first = next(iter(outcome.values()))
    rows = table.height + 1 - (len(first) if isinstance(first, dict) else 0)
    columns = len(table.columns) - len(outcome)
    return (rows, columns) if rows >= 1 and columns >= 0 and isinstance(first, dict) else None


def _verdict(record: Mapping[str, Any], file: str, places: Sequence[tuple[Place, bool]]) -> Iterator[Remark]:
    """A1 and A2: the status of the record as a whole."""
    status = record.get("status")
    exception = record.get("exception")
    if status == "fail":
        mended = bool(places) and all(is_hidden for _, is_hidden in places)
        if isinstance(exception, str) and exception.strip():
            reason = " ".join(exception.split())[:_LONGEST]
            sentence = f"ACRO failed {file}; its author asks for an exception there: {reason}"
        elif mended:
            sentence = f"ACRO failed {file}; every cell it flagged is empty or hidden now."
        else:
            sentence = f"ACRO failed {file}."
        yield Remark("A1", Place(), sentence, LOOK if mended else None)
    elif status == "review":
        yield Remark("A2", Place(), f"ACRO asks for a review of {file}.")


def _cells(
    cells: Sequence[tuple[str, tuple[int, int]]], places: Sequence[tuple[Place, bool]]
) -> Iterator[Remark]:
    """A5: one remark for each flagged cell, with the names of all checks that flagged it."""
    checks: dict[Place, list[str]] = {}
    mended = dict(places)
    for (check, _), (place, _) in zip(cells, places, strict=True):
        checks.setdefault(place, []).append(check)
    for place, names in checks.items():
        named = ", ".join(dict.fromkeys(names))
        if place.kind == "file":
            yield Remark("A5", place, f"ACRO flagged cells ({named}); where they are cannot be told.")
        elif mended[place]:
            yield Remark(
                "A5", place, f"ACRO flagged row {place.row} '{place.header}' ({named}); mended.", NOTE
            )
        else:
            yield Remark("A5", place, f"ACRO flagged row {place.row} '{place.header}' ({named}).")


def _checksum(report: Report, recorded: Report | None) -> Iterator[Remark]:
    """A3: the file is not the one that ACRO wrote."""
    said = recorded.content if recorded else None
    if isinstance(said, str) and said.strip() and said.split()[0].casefold() != report.sha256:
        yield Remark("A3", Place(), f"{PurePosixPath(report.name).name} was changed after ACRO wrote it.")


def _limits(config: Report | None, policy: Policy) -> Iterator[Remark]:
    """A4: ACRO fails counts below its threshold, so its equal of a threshold of 7 is 8."""
    values = config.content if config and isinstance(config.content, dict) else {}
    for name, least, what in (
        ("safe_threshold", policy.counts.threshold + 1, "threshold"),
        ("safe_dof_threshold", policy.min_dof, "degrees of freedom"),
    ):
        value = values.get(name)
        if isinstance(value, int | float) and value < least:
            place = Place("file", header=name)
            yield Remark("A4", place, f"ACRO ran with {name} = {value:g}; the policy needs {least} ({what}).")
