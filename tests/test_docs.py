"""The documents say what the code does: settings, commands, codes and events are all there."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "api.md",
        "settings.md",
        "commands.md",
        "disclosure.md",
        "jobs.md",
        "permissions.md",
        "release-requests.md",
        "sides.md",
    ],
)
def test_the_tables_are_those_of_the_code(name: str) -> None:
    assert tables().filled(name) == (DOCS / name).read_text("utf-8"), "run: python docs/tables.py"


def test_every_event_is_in_the_list() -> None:
    documented = set(
        re.findall(r"^\| `([a-z-]+:[a-z_-]+)`", (DOCS / "events.md").read_text("utf-8"), re.MULTILINE)
    )
    assert recorded_types() - documented - {"user:email"} == set()  # that one is a scope of GitHub's


def recorded_types() -> set[str]:
    """The literal types given to `record`, to the functions that pass one on, and the codes of jobs."""
    found = set()
    for path in (ROOT / "jobsite").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):  # noqa: SIM102
                if re.fullmatch(
                    r"(user|token|session|backend|org|project|member|workspace|request):[a-z-]+", node.value
                ):
                    found.add(node.value)
    return found


def test_documents_lean_on_nothing_a_user_does_not_have() -> None:
    for path in [*DOCS.rglob("*.md"), ROOT / "README.md"]:
        text = path.read_text("utf-8")
        assert "shared/" not in text, path
        for link in re.findall(r"\]\(([^)#]+)", text):
            if not link.startswith(("http:", "https:", "mailto:")):
                assert (path.parent / link).exists(), f"{path.name}: {link}"
