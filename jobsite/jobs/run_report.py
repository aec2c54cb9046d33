"""A report on project.yaml as a page shows it: every problem with its lines, marked where it is wrong. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobsite.pipelines.report import Problem, Report

SHOWN_WITH_LINES = 100
WIDEST = 160

Part = tuple[str, str]
"""The class of a piece of text ("" for none) and the text."""

_KEY = re.compile(r"(\s*(?:- +)?)((?:\"[^\"]*\"|'[^']*'|[^\s#:\"'\[{&*!|>%@`-][^#:]*?)\s*:)(?=\s|$)")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_WRONG = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s,\[\]{}#]+")


@dataclass(frozen=True)
class Line:
    """One line of an excerpt: its number as text ("" for the carets), its kind ("", "at", "caret"), its parts."""

    number: str
    kind: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Trouble:
    """A problem with the lines around it."""

    problem: Problem
    lines: tuple[Line, ...]

    @property
    def lines_words(self) -> str:
        """Which lines of the file are shown, for those who cannot see it: "lines 20 to 25"."""
        numbers = [line.number for line in self.lines if line.number]
        return f"lines {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"line {self.problem.line}"


def troubles(report: Report) -> tuple[Trouble, ...]:
    """Every problem in file order; the first hundred with their lines, the others without."""
    return _with_lines(report, report.problems)


def cautions(report: Report) -> tuple[Trouble, ...]:
    """Every warning, in the same way."""
    return _with_lines(report, report.warnings)


def _with_lines(report: Report, found: tuple[Problem, ...]) -> tuple[Trouble, ...]:
    return tuple(
        Trouble(problem, tuple(_excerpt(report, problem)) if number < SHOWN_WITH_LINES else ())
        for number, problem in enumerate(found)
    )


def _excerpt(report: Report, problem: Problem) -> Iterator[Line]:
    for number, text in report.excerpt(problem):
        wrong = number == problem.line
        start = max(0, problem.column - 1 - WIDEST // 2) if len(text) > WIDEST else 0
        shown = text[start : start + WIDEST]
        yield Line(
            str(number), "at" if wrong else "", tuple(_marked(shown, start > 0, len(text) > start + WIDEST))
        )
        if wrong:
            yield Line("", "caret", (("", _carets(shown, problem.column - 1 - start, start > 0)),))


def _marked(text: str, cut_before: bool, cut_after: bool) -> Iterator[Part]:
    """The line in parts: keys, values and comments, as far as one line tells them apart."""
    if cut_before:
        yield "c", "…"
    comment = _COMMENT.search(text)
    code = text[: comment.start()] if comment else text
    key = _KEY.match(code)
    if key:
        yield "", key[1]
        yield "k", key[2]
        code = code[key.end() :]
    if code:
        yield ("s" if code.strip() not in ("", "-") else ""), code
    if comment:
        yield "c", comment[0]
    if cut_after:
        yield "c", "…"


def _carets(text: str, column: int, cut_before: bool) -> str:
    """Blanks up to the column (tabs stay tabs, so that they are as wide), then a caret a letter of what is wrong."""
    wrong = _WRONG.match(text, column)
    before = ("…" if cut_before else "") + text[:column].ljust(column)
    return re.sub(r"[^\t]", " ", before) + "^" * max(1, len(wrong[0].rstrip(":")) if wrong else 1)
