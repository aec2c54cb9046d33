"""The plan of the house, held against its walls: imports point down, pure files stay pure, nothing grows fat."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jobsite"
ROOMS = (
    "core", "accounts", "projects", "pipelines", "store", "jobs", "checks", "outputs", "releases", "publishing",
    "notifications", "sync", "status", "search", "staff", "transfer", "manual", "demo",
)  # fmt: skip
"""In order: a room may import those before it. `demo` uses them all."""

PURE_ROOMS = ("pipelines", "checks")
PURE_FILES = ("rules.py", "states.py", "scheduler.py")
BARE = (
    "jobs/supervisor.py",
    "jobs/preparing.py",
    "jobs/committed.py",
    "jobs/executors",
    "jobs/logs",
    "store",
    "core/files.py",
)
"""Started or used where neither the web nor the database may be needed."""

FORBIDDEN_NAMES = {"utils", "helpers", "manager", "common", "misc"}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "study" not in path.relative_to(PACKAGE).parts[:-1])
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]


def room_of(name: str) -> str | None:
    head = name.split("/")[0]
    return head if head in ROOMS else None


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text("utf-8"))


def imports_of(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def functions_of(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def lines_of(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_down(name: str) -> None:
    room = room_of(name)
    if room is None:
        return
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    for module in imports_of(tree_of(name)):
        parts = module.split(".")
        if parts[0] == "jobsite" and len(parts) > 1 and parts[1] in ROOMS:
            assert parts[1] in allowed, f"{name} imports {module}, which is above it"


@pytest.mark.parametrize("name", NAMES)
def test_pure_files_know_neither_web_nor_database(name: str) -> None:
    pure = room_of(name) in PURE_ROOMS or name.split("/")[-1] in PURE_FILES or name.startswith(BARE)
    if not pure:
        return
    roots = {module.split(".")[0] for module in imports_of(tree_of(name))}
    assert not roots & {"flask", "peewee", "huey", "flask_login", "flask_wtf", "playhouse"}, name


@pytest.mark.parametrize("name", NAMES)
def test_no_file_grows_fat_and_none_is_a_drawer_for_everything(name: str) -> None:
    assert len((PACKAGE / name).read_text("utf-8").splitlines()) <= 400
    assert Path(name).stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if "migrations/" not in name])
def test_functions_are_short_and_import_nothing_of_ours(name: str) -> None:
    for function in functions_of(tree_of(name)):
        assert lines_of(function) <= 40, f"{name}: {function.name} has {lines_of(function)} lines"
        inner = {
            module for module in imports_of(ast.Module(function.body, [])) if module.startswith("jobsite")
        }
        assert not inner, f"{name}: {function.name} imports {inner}"


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("views.py")])
def test_views_read_call_and_answer(name: str) -> None:
    for function in functions_of(tree_of(name)):
        assert lines_of(function) <= 25, f"{name}: {function.name} has {lines_of(function)} lines"
    text = (PACKAGE / name).read_text("utf-8")
    assert not re.search(
        r"\.(execute|save|create|delete_instance|insert_many)\(|\bwriting\(|Markup\(", text
    ), name


def test_functions_are_short_in_the_middle() -> None:
    lengths = sorted(lines_of(function) for name in NAMES for function in functions_of(tree_of(name)))
    assert lengths[len(lengths) // 2] < 10


def test_public_functions_say_what_they_give() -> None:
    missing = [
        f"{name}: {node.name}"
        for name in NAMES
        if "migrations/" not in name
        for node in tree_of(name).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_view(node)
    ]
    assert missing == []


def _is_view(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any("routes" in ast.dump(one) for one in node.decorator_list)


def test_no_html_is_built_in_python() -> None:
    for name in NAMES:
        constants = [node.value for node in ast.walk(tree_of(name)) if isinstance(node, ast.Constant)]
        tags = [
            text
            for text in constants
            if isinstance(text, str) and re.search(r"<(div|span|p|a|td|tr|li)\b[^>]*>", text)
        ]
        assert not tags, f"{name}: {tags[:1]}"
