"""Which data an action uses that a project needs a permission of its own for, as far as its code says so. Pure.

This is for people, before they wait for a job that would be refused: the database has the last word. Only what a
dataset definition takes from `ehrql.tables` by name counts, so a variable that happens to be called `appointments`
does not.
"""

import ast
import re
from collections.abc import Iterator

from jobsite.pipelines.report import Action

SQL_RUNNER = ("component", "sqlrunner")
EVENT_LEVEL = ("component", "event_level_data")

PACKAGES = ("ehrql.tables", "ehrql.tables.raw", "ehrql.tables.beta")
"""What is imported from these are modules with tables in them."""

# Tables of ehrQL and the dataset (specification 3) that they belong to.
TABLES = {
    "appointments": "appointments",
    "covid_therapeutics": "covid_therapeutics",
    "covid_therapeutics_raw": "covid_therapeutics",
    "icnarc": "icnarc",
    "isaric": "isaric",
    "isaric_new": "isaric",
    "occupation_on_covid_vaccine_record": "occupation_on_covid_vaccine_record",
    "open_prompt": "open_prompt",
    "sgss_covid_all_tests": "sgss_covid_all_tests",
    "ukrr": "ukrr",
    "wl_clockstops": "waiting_list",
    "wl_clockstops_raw": "waiting_list",
    "wl_openpathways": "waiting_list",
    "wl_openpathways_raw": "waiting_list",
}


def definition_of(action: Action) -> str | None:
    """The path of the dataset definition that a database action of ehrQL reads, None for any other action."""
    if not action.is_database_action or action.image != "ehrql":
        return None
    return next((word for word in action.words[2:] if re.fullmatch(r"[^-/][^\\]*\.py", word)), None)


def restricted(action: Action, definition: bytes | None = None) -> frozenset[tuple[str, str]]:
    """What an action uses, as pairs of kind and value; `definition` is the text of its dataset definition.

    A text that is no Python says nothing: the run will say that.
    """
    found = {SQL_RUNNER} if action.image == "sqlrunner" else set()
    try:
        tree = ast.parse(definition or b"")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(found)
    found |= {("dataset", TABLES[name]) for name in _tables(tree) if name in TABLES}
    if any(isinstance(node, ast.Attribute) and node.attr == "add_event_table" for node in ast.walk(tree)):
        found.add(EVENT_LEVEL)
    return frozenset(found)


def _tables(tree: ast.AST) -> Iterator[str]:
    """The names that code takes from `ehrql.tables` and the modules in it."""
    modules, is_starred = set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ehrql.tables"):
            yield from (alias.name for alias in node.names)
            is_starred |= any(alias.name == "*" for alias in node.names)
            if node.module in PACKAGES:
                modules |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {
                alias.asname for alias in node.names if alias.asname and alias.name.startswith("ehrql.tables")
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield node.attr
        elif isinstance(node, ast.Name) and is_starred:
            yield node.id
