"""The command `jobsite check`: the report on a project file for people, or as JSON for programs."""

import json
from collections import Counter
from pathlib import Path

import click

from jobsite.core.wording import counted
from jobsite.pipelines.limits import Limits
from jobsite.pipelines.parsing import parse
from jobsite.pipelines.report import Problem, Report
from jobsite.pipelines.wording import quote

FILE_NAME = "project.yaml"
_MOST_ALIKE = 5
_WIDEST = 160


@click.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--instance", metavar="DIR", expose_value=False, help="Taken by every command; this one needs none."
)
def check(path: Path, as_json: bool) -> None:
    """Check a project.yaml: every problem at once, with its place and how to mend it.

    PATH is the file, or a folder that has a project.yaml. Exit status: 0 valid, 1 invalid or not readable.
    """
    file = path / FILE_NAME if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            data = stream.read(Limits().size + 1)
    except OSError as error:
        reason = f"No {FILE_NAME} file found in {path}." if path.is_dir() else f"{file}: {error.strerror}."
        raise click.ClickException(reason) from None
    report = parse(data)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=True))
    else:
        _show(report, str(file))
    raise SystemExit(0 if report.valid else 1)


def _show(report: Report, file: str) -> None:
    shown: Counter[str] = Counter()
    noted = [(problem, "red", "problem") for problem in report.problems]
    noted += [(warning, "yellow", "warning") for warning in report.warnings]
    for problem, colour, word in noted:
        shown[problem.code] += 1
        if word == "problem" or shown[problem.code] <= _MOST_ALIKE:
            _show_one(report, problem, colour, word, file)
    for code in dict.fromkeys(warning.code for warning in report.warnings):
        if shown[code] > _MOST_ALIKE:
            click.secho(
                f"and {shown[code] - _MOST_ALIKE} more warnings {code}; --json lists all\n", fg="yellow"
            )
    click.secho(summary(report, file), fg="green" if report.valid else "red", bold=True)


def _show_one(report: Report, problem: Problem, colour: str, word: str, file: str) -> None:
    place = click.style(f"{file}:{problem.line}:{problem.column}", bold=True)
    click.echo(f"{place}: {click.style(word, fg=colour, bold=True)}: {problem.message} [{problem.code}]")
    for number, text in report.excerpt(problem, 1):
        click.echo(click.style(f"  {number:>6} | ", dim=True) + _printable(text))
        if number == problem.line:
            click.echo(" " * 9 + "| " + _caret(text, problem.column, colour))
    if problem.hint:
        click.echo("         " + click.style("→ ", fg="cyan") + problem.hint)
    click.echo()


def _printable(text: str) -> str:
    return quote(text[:_WIDEST].replace("\t", " ")) + ("…" if len(text) > _WIDEST else "")


def _caret(text: str, column: int, colour: str) -> str:
    before = len(_printable(text[: min(column - 1, _WIDEST)]))
    return " " * before + click.style("^", fg=colour, bold=True)


def summary(report: Report, file: str) -> str:
    """One line: the verdict, and how much was found."""
    warnings = counted(len(report.warnings), "warning") if report.warnings else ""
    more = f"; {report.omitted:,} more are not listed" if report.omitted else ""
    if report.pipeline is None:
        also = f" and {warnings}" if warnings else ""
        return f"{file} is not valid: {counted(len(report.problems), 'problem')}{also}{more}."
    version, actions = report.version, counted(len(report.pipeline.actions), "action")
    return f"{file} is valid: version {version}, {actions}{', ' + warnings if warnings else ''}{more}."


COMMANDS = (check,)
