"""Project files with the expected problems written into them, as marks «code» where each is to be reported."""

import re

from jobsite.pipelines import Report

_MARK = re.compile("«([a-z0-9-]+)»")

Place = tuple[int, int, str]


def unmark(marked: str) -> tuple[str, list[Place]]:
    """The text without its marks, and (line, column, code) of each mark in file order."""
    places: list[Place] = []
    lines = []
    for number, line in enumerate(marked.split("\n"), 1):
        while found := _MARK.search(line):
            places.append((number, found.start() + 1, found[1]))
            line = line[: found.start()] + line[found.end() :]
        lines.append(line)
    return "\n".join(lines), sorted(places)


def places_of(report: Report) -> list[Place]:
    """(line, column, code) of every problem and warning of a report, in file order."""
    return sorted((found.line, found.column, found.code) for found in (*report.problems, *report.warnings))


def project(actions: str, version: str = "5.0") -> str:
    """A project file with the given `actions`, which are indented by two."""
    return f'version: "{version}"\nactions:\n{actions}'


def action(name: str = "table", needs: str = "", outputs: str = "", run: str = "") -> str:
    """One sound action as text, with the given lines instead of the usual ones."""
    file = _MARK.sub("", name)
    lines = [f"  {name}:", f"    run: {run or f'python:v2 analysis/{file}.py'}"]
    lines += [f"    needs: {needs}"] if needs else []
    lines += ["    outputs:", outputs or f"      highly_sensitive:\n        out: output/{file}.csv"]
    return "\n".join(lines) + "\n"
