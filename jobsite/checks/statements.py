"""Rules on what the author wrote about a group (X1 to X6). Pure."""

import re
from collections.abc import Iterator, Sequence

from jobsite.checks import roles
from jobsite.checks.findings import Place
from jobsite.checks.roles import normalised
from jobsite.checks.ruling import Remark
from jobsite.checks.subjects import Report, Statement
from jobsite.core.wording import counted

SHORTEST = 20  # characters of context or controls
_SHOWN = 8

_THRESHOLD = re.compile(
    r"threshold|suppress|redact|hidden|hide|remov|mask|fewer|less than|small (?:count|number)|[<≤]",
    re.IGNORECASE,
)
_ROUNDING = re.compile(r"round|midpoint|nearest", re.IGNORECASE)
_POPULATION = re.compile(
    r"people|patient|person|adult|child|infant|women|woman|\bmen\b|\bman\b|male|population|individual|participant|regist|cohort"
    r"|resident|pregnan|death|birth",
    re.IGNORECASE,
)
_PLAIN = frozenset(
    [
        "age",
        "sex",
        "gender",
        "region",
        "ethnicity",
        "imd",
        "year",
        "month",
        "week",
        "date",
        "day",
        "time",
        "group",
        "category",
        "variable",
        "level",
        "label",
        "name",
        "value",
        "code",
    ]
)


def stated(statement: Statement, reports: Sequence[Report], changed: Sequence[str]) -> Iterator[Remark]:
    """All X rules on a group. `changed` are the paths that an earlier release has under the same name with other numbers."""
    yield from _empty(statement)
    yield from _steps(statement)
    yield from _population(statement)
    yield from _columns(statement, reports)
    if changed and not statement.differs.strip():
        yield Remark("X5", _place(), f"{changed[0]} was released before: say what changed.")
    yield from _contradicted(statement, reports)


def _place() -> Place:
    return Place("group")


def _empty(statement: Statement) -> Iterator[Remark]:
    template = " ".join(statement.template.split())
    asked = []
    for text, what in (
        (statement.context, "what these files show"),
        (statement.controls, "what was done against disclosure"),
    ):
        plain = " ".join(text.split())
        if len(plain) < SHORTEST or (template and plain == template):
            asked.append(what)
    if asked:
        yield Remark("X1", _place(), f"Say {' and '.join(asked)}.")


def _steps(statement: Statement) -> Iterator[Remark]:
    missing = [
        what
        for what, pattern in (("the threshold", _THRESHOLD), ("the rounding", _ROUNDING))
        if not pattern.search(statement.controls)
    ]
    if missing:
        yield Remark("X2", _place(), f"State {' and '.join(missing)} used.")


def _population(statement: Statement) -> Iterator[Remark]:
    if not (_POPULATION.search(statement.context) and re.search(r"\d", statement.context)):
        yield Remark("X3", _place(), "How many people does this describe, and who are they?")


def _columns(statement: Statement, reports: Sequence[Report]) -> Iterator[Remark]:
    said = normalised(statement.context)
    described = {normalised(header) for header in statement.described}
    words = set(said.split("_"))
    missing = []
    for column in (column for report in reports for table in report.tables for column in table.columns):
        name = column.name
        plain = all(word in _PLAIN or _is_role_word(word) or word in words for word in name.split("_"))
        if name and name not in described and f"_{name}_" not in f"_{said}_" and not plain:
            missing.append(column.header)
    different = list(dict.fromkeys(missing))
    if different:
        more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
        yield Remark("X4", _place(), f"Describe: {', '.join(different[:_SHOWN])}{more}.")


def _is_role_word(word: str) -> bool:
    """Whether a word by itself says what the numbers are, to anybody who reads it."""
    return word == "n" or len(word) > 3 and roles.named_role(word) is not None


def _contradicted(statement: Statement, reports: Sequence[Report]) -> Iterator[Remark]:
    found = [finding.rule for report in reports for finding in report.findings]
    if _ROUNDING.search(statement.controls) and (loose := found.count("C2")):
        yield Remark(
            "X6",
            _place(),
            f"Controls say rounded; {counted(loose, 'column')} {'is' if loose == 1 else 'are'} not.",
        )
    elif _THRESHOLD.search(statement.controls) and (few := found.count("C1")):
        sentence = f"Controls say that small counts are hidden; {counted(few, 'cell')} {'is' if few == 1 else 'are'} small."
        yield Remark("X6", _place(), sentence)


def gives_number(context: str) -> bool:
    """Whether a context gives the number of people of a model, or its degrees of freedom."""
    return (
        re.search(
            r"\bn\s*[=:]\s*\d|degrees of freedom|\b\d[\d,]*\s+(?:people|patients|participants|adults)",
            context,
            re.IGNORECASE,
        )
        is not None
    )
