"""The command `jobsite disclosure`: the checks on files or a folder, for people or as JSON, without an instance."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from jobsite.checks.acro import Recorded, recorded_in
from jobsite.checks.checking import check_file
from jobsite.checks.findings import FIX, LOOK, NOTE, STOP, Finding, in_order
from jobsite.checks.grouping import check_group
from jobsite.checks.policy import BadPolicy, Policy, default_policy, load_policy
from jobsite.checks.reading import opened
from jobsite.checks.subjects import Earlier, Report, Subject
from jobsite.core.wording import counted, joined

MOST_FILES = 10_000
_COLOURS = {STOP: "red", FIX: "red", LOOK: "yellow", NOTE: "cyan"}
_MOST_ALIKE = 10


@click.command("disclosure")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(path_type=Path))
@click.option(
    "--policy", "policy_file", metavar="FILE", type=click.Path(path_type=Path), help="A policy as JSON."
)
@click.option(
    "--earlier",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="What was released before; tables are compared with it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--instance", metavar="DIR", expose_value=False, help="Taken by every command; this one needs none."
)
def disclosure(
    paths: tuple[Path, ...], policy_file: Path | None, earlier: Path | None, as_json: bool
) -> None:
    """Check files or a folder, taken as one group, for what could tell something about a few people.

    Exit status: 0 when nothing has to be mended, 1 when something has to (stop, fix) or cannot be read.
    """
    try:
        policy = load_policy(policy_file) if policy_file else default_policy()
    except BadPolicy as error:
        raise click.ClickException(str(error)) from None
    reports = _reports(paths, policy)
    before = [Earlier(report) for report in (_reports([earlier], policy) if earlier else ())]
    found = [finding for report in reports for finding in report.findings]
    findings = in_order([*found, *check_group(reports, policy, earlier=before)])
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2, ensure_ascii=True))
    else:
        _show(findings, reports, policy)
    raise SystemExit(int(any(finding.severity in (STOP, FIX) for finding in findings)))


def _reports(paths: Sequence[Path], policy: Policy) -> list[Report]:
    """Each file by itself, its columns read as an ACRO record beside it says."""
    subjects = list(_subjects(paths))
    known: dict[str, Recorded] = {}
    for subject in subjects:
        with suppress(OSError):  # the check says of it that it cannot be read
            known |= recorded_in([(subject.name, partial(opened, subject.source))])
    told = (replace(one, roles=known[one.name].roles) if one.name in known else one for one in subjects)
    return [check_file(subject, policy) for subject in told]


def _subjects(paths: Sequence[Path]) -> Iterator[Subject]:
    """Each file once, those of a folder named from there; more than one path keeps the folder in the names."""
    seen: set[str] = set()
    for path in paths:
        if not os.path.lexists(path):
            raise click.ClickException(f"There is nothing at {path}.")
        for file in _files(path):
            if (place := os.path.abspath(file)) in seen:
                continue
            seen.add(place)
            if len(seen) > MOST_FILES:
                raise click.ClickException(f"There are more than {MOST_FILES:,} files.")
            inside = file.relative_to(path) if path.is_dir() and len(paths) == 1 else file
            yield Subject(inside.as_posix().encode("utf-8", "replace").decode(), file)


def _files(path: Path) -> Iterator[Path]:
    """The files below a path in order of name; links and folders that begin with a dot are left out."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (file for name in sorted(names) if not (file := Path(folder, name)).is_symlink())


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed may hold anything."""
    raise click.ClickException(f"{error.filename} cannot be read: {error.strerror}.")


def _show(findings: Sequence[Finding], reports: Sequence[Report], policy: Policy) -> None:
    shown: dict[tuple[str, str], int] = {}
    for finding in findings:
        alike = shown[finding.file, finding.rule] = shown.get((finding.file, finding.rule), 0) + 1
        if alike <= _MOST_ALIKE:
            _show_one(finding)
    for (file, rule), alike in shown.items():
        if alike > _MOST_ALIKE:
            click.echo(f"{_plain(file)}: and {alike - _MOST_ALIKE:,} more of {rule}; --json lists all")
    click.secho(_summary(findings, reports, policy), bold=True)


def _show_one(finding: Finding) -> None:
    severity = click.style(f"{finding.severity:<4}", fg=_COLOURS[finding.severity], bold=True)
    click.echo(
        f"{severity}  {click.style(_plain(finding.file), bold=True)}: {_plain(finding.sentence)} [{finding.rule}]"
    )


def _summary(findings: Sequence[Finding], reports: Sequence[Report], policy: Policy) -> str:
    """One line: what was found in how much, by which policy."""
    files = f"{counted(len(reports), 'file')} by policy {policy.name} {policy.version}"
    numbers = [(severity, sum(one.severity == severity for one in findings)) for severity in _COLOURS]
    found = [f"{number:,} {severity}" for severity, number in numbers if number]
    return f"{files}: {joined(found)}." if found else f"{files}: no problem found by these rules."


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)


COMMANDS = (disclosure,)
