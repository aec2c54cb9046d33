"""The catalogue: every rule has a test that it finds something, and none is unknown to it."""

import ast
import re
from pathlib import Path

from bench.labelled import cases
from jobsite.checks import RULES, SEVERITIES

ROOM = Path(__file__).parents[2] / "jobsite" / "checks"
HERE = Path(__file__).parent


def test_every_rule_finds_something_in_a_test() -> None:
    labelled = {word for case in cases() for line in case.expected for word in line.split() if word in RULES}
    tested = {
        rule
        for path in HERE.glob("test_*.py")
        for rule in re.findall(r'"([A-Z]\d+)"', path.read_text("utf-8"))
    }
    assert set(RULES) - labelled - tested == set()


def test_every_rule_of_the_code_is_in_the_catalogue_and_the_other_way_round() -> None:
    used = set()
    for path in ROOM.glob("*.py"):
        if path.name != "catalogue.py":
            constants = (
                node.value
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Constant)
            )
            used |= {
                text
                for text in constants
                if isinstance(text, str) and re.fullmatch(r"(?:[FICSDGLXA](?:[1-9]|1[0-2])|E1)", text)
            }
    assert used == set(RULES)


def test_rules_have_a_severity_and_stages() -> None:
    for rule in RULES.values():
        assert rule.severity in SEVERITIES
        assert rule.stages in ("JAS", "AS", "S")
        assert rule.version >= 1
