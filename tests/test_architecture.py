"""The plan of the house, held against its walls: imports point down, pure files stay pure, nothing grows fat."""

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("architecture")  # each file is read once

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

WEB_AND_DATABASE = {"flask", "peewee", "huey", "flask_login", "flask_wtf", "playhouse"}
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


@cache
def functions_of(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def functions_but(left_out: Callable[[str], bool]) -> list[tuple[str, ast.FunctionDef]]:
    """Every function with the name of its file, without the files that are left out."""
    return [(name, one) for name in NAMES if not left_out(name) for one in functions_of(tree_of(name))]


def lines_of(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_imports_point_down() -> None:
    wrong = []
    for name in NAMES:
        if room := room_of(name):
            above = set(ROOMS[ROOMS.index(room) + 1 :])
            modules = [module for module in imports_of(tree_of(name)) if module.startswith("jobsite.")]
            wrong += [
                f"{name} imports {one}, which is above it" for one in modules if one.split(".")[1] in above
            ]
    assert not wrong, "\n".join(wrong)


def test_pure_files_know_neither_web_nor_database() -> None:
    wrong = []
    for name in NAMES:
        if room_of(name) in PURE_ROOMS or name.split("/")[-1] in PURE_FILES or name.startswith(BARE):
            roots = {module.split(".")[0] for module in imports_of(tree_of(name))}
            wrong += [f"{name} imports {one}" for one in roots & WEB_AND_DATABASE]
    assert not wrong, "\n".join(wrong)


def test_no_file_grows_fat_and_none_is_a_drawer_for_everything() -> None:
    lengths = {name: len((PACKAGE / name).read_text("utf-8").splitlines()) for name in NAMES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}
    assert [name for name in NAMES if Path(name).stem in FORBIDDEN_NAMES] == []


def test_functions_are_short_and_import_nothing_of_ours() -> None:
    wrong = []
    for name, function in functions_but(lambda name: "migrations/" in name):
        wrong += [f"{name}: {function.name} has {lines_of(function)} lines"] * (lines_of(function) > 40)
        inner = imports_of(ast.Module(function.body, []))
        wrong += [f"{name}: {function.name} imports {one}" for one in inner if one.startswith("jobsite")]
    assert not wrong, "\n".join(wrong)


def test_views_read_call_and_answer() -> None:
    wrong = [
        f"{name}: {function.name} has {lines_of(function)} lines"
        for name, function in functions_but(lambda name: not name.endswith("views.py"))
        if lines_of(function) > 25
    ]
    for name in [name for name in NAMES if name.endswith("views.py")]:
        text = (PACKAGE / name).read_text("utf-8")
        if writes := re.search(
            r"\.(execute|save|create|delete_instance|insert_many)\(|\bwriting\(|Markup\(", text
        ):
            wrong.append(f"{name} has {writes[0]}")
    assert not wrong, "\n".join(wrong)


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
