"""What is asked of the review of outputs beyond its models is numbered OC1 to OC50: each number is named by a test that holds it."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
NUMBERS = {f"OC{number}" for number in range(1, 51)}


def test_every_requirement_is_named_by_a_test() -> None:
    assert NUMBERS - named_by_tests() == set()


def named_by_tests() -> set[str]:
    """The numbers in the docstrings of test functions, their classes and their modules."""
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                found.update(re.findall(r"\bOC\d+\b", ast.get_docstring(node) or ""))
    return found
