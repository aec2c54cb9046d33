"""Survival tables: columns over time that derive from each other. Pure."""

import re

from jobsite.checks.tables import Column, Table
from jobsite.checks.values import NUMBER

_TIME = re.compile(r"t|times?|(?:.+_)?(?:time|days?|weeks?|months?|years?)(?:_.+)?|tstart|tstop|interval")
_CUMULATIVE = {
    "risk": re.compile(r"(?:.+_)?(?:at_)?risk(?:_.+)?"),
    "events": re.compile(r"(?:.+_)?(?:events?|deaths?|failures?)(?:_.+)?"),
    "censored": re.compile(r"(?:.+_)?censor(?:ed|ings?)?(?:_.+)?"),
    "survival": re.compile(r"(?:.+_)?(?:surv|survival|cuminc|cml|cum|cumulative|km)(?:_.+)?"),
}


def survival_columns(table: Table) -> list[Column]:
    """The columns that derive from each other, if there is a time, and those at risk or surviving are among them."""
    if not any(_TIME.fullmatch(column.name) for column in table.columns):
        return []
    found: dict[str, list[Column]] = {}
    for column in table.columns:
        kind = next((kind for kind, name in _CUMULATIVE.items() if name.fullmatch(column.name)), None)
        if kind and any(cell.kind == NUMBER for cell in column.cells):
            found.setdefault(kind, []).append(column)
    derived = [column for columns in found.values() for column in columns]
    cumulative = "risk" in found or "survival" in found
    return derived if cumulative and len(derived) > 1 else []
