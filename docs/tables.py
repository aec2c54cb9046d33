"""The tables in the documents that are made from the code; `python docs/tables.py` writes them, a test compares."""

import importlib.util
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from jobsite.accounts.rules import PERMISSIONS, ROLES
from jobsite.application import ROOMS
from jobsite.checks import RULES
from jobsite.cli import main
from jobsite.core.queue import ticks
from jobsite.core.sides import PUBLIC_ONLY, SECURE_ONLY
from jobsite.jobs.refusals import REFUSALS
from jobsite.jobs.rules import CODES, JOB, steps_table
from jobsite.releases.requests.rules import ACTIONS, REQUEST, STATUSES
from jobsite.serve import WORKERS
from jobsite.setting_origins import default_text
from jobsite.settings import SETTINGS
from jobsite.sync.api.mounting import ENDPOINTS
from jobsite.sync.api.openapi import table as table_of
from jobsite.transfer.schema import REQUIRED, SCHEMA, Entry

DOCS = Path(__file__).parent


def settings_table() -> str:
    """Every setting with its default and help."""
    rows = [
        f"| `{entry.name.upper()}` | {_code(default_text(entry))} | {entry.metadata['help']} |"
        for entry in SETTINGS
    ]
    return "\n".join(["| name | default | what it is |", "|---|---|---|", *rows])


def commands_table() -> str:
    """Every command with what it does."""
    rows = [
        f"| `{name}` | {command.get_short_help_str(200)} |" for name, command in _commands(main, "jobsite")
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def codes_table() -> str:
    """Every status code of a job with its state, sentence and advice."""
    rows = [f"| `{name}` | {code.state} | {code.sentence} | {code.advice} |" for name, code in CODES.items()]
    return "\n".join(["| code | state | sentence | what to do |", "|---|---|---|---|", *rows])


def refusals_table() -> str:
    """Every reason why a fetched request becomes no jobs, with the status code that stands for it."""
    rows = [f"| {one.sentence} | `{one.code}` |" for one in REFUSALS]
    return "\n".join(["| sentence | code |", "|---|---|", *rows])


def diagram() -> str:
    """The states of a job."""
    return f"```mermaid\n{JOB.diagram()}\n```"


def matrix_table() -> str:
    """Who gets which answer at which address, as the tests have it; the tests hold the site to it."""
    spec = importlib.util.spec_from_file_location("route_matrix", DOCS.parent / "tests" / "route_matrix.py")
    if spec is None or spec.loader is None:
        raise LookupError("the tests have no matrix")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.table())


def roles_table() -> str:
    """Every permission, what it allows, and the roles that give it."""
    lines = [
        f"| `{name}` | {one.what} | {', '.join(role.label for role in ROLES.values() if name in role.permissions)} |"
        for name, one in PERMISSIONS.items()
    ]
    return "\n".join(["| permission | allows to | roles |", "|---|---|---|", *lines])


def rules_table() -> str:
    """Every rule of the disclosure checks with what it looks for, how grave it is at most, and when it runs."""
    rows = [
        f"| {name} | {rule.looks_for} | `{rule.severity}` | {rule.stages} |" for name, rule in RULES.items()
    ]
    return "\n".join(["| rule | looks for | usual severity | runs |", "|---|---|---|---|", *rows])


WHO = {
    "author": "the author",
    "author side": "the author and their colleagues",
    "checker": "eligible checkers",
    "any checker": "checkers who work on the workspace",
    "commenter": "the author's side while it is theirs, eligible checkers",
    "recaller": "eligible checkers and auditors",
}


def request_diagram() -> str:
    """The statuses of a release request."""
    return f"```mermaid\n{REQUEST.diagram()}\n```"


def request_actions() -> str:
    """Every act on a release request: who may do it, and in which statuses."""
    rows = [
        f"| {action.what} | {WHO[action.who]} | {', '.join(action.statuses)} |" for action in ACTIONS.values()
    ]
    return "\n".join(["| may … | who | while it is |", "|---|---|---|", *rows])


def request_statuses() -> str:
    """Every status of a release request with whose turn it is and its phase."""
    rows = [f"| {one.name} | {one.owner} | {one.phase} | {one.label} |" for one in STATUSES.values()]
    return "\n".join(["| status | whose turn | phase | label |", "|---|---|---|---|", *rows])


def endpoints_table() -> str:
    """Every endpoint of the programming interface with who calls it and what it does."""
    return table_of(ENDPOINTS)


def sides_table() -> str:
    """What only one side has: tables, background work, commands and addresses."""
    commands = [(name, getattr(command, "side", "any")) for name, command in _commands(main, "jobsite")]
    addresses = [(route.rule, route.side) for room in ROOMS for route in room.all]
    rows = []
    for side, tables in (("public", PUBLIC_ONLY), ("secure", SECURE_ONLY)):
        ticks = [f"{name} (each {minutes} min)" for name, minutes in only_ticks(side).items()]
        rows += [
            _row(f"Tables of the {side} side", tables),
            _row(f"Ticks of the {side} side", ticks),
            _row(f"Threads of the {side} side", [one.name for one in WORKERS if one.side == side]),
            _row(f"Commands of the {side} side", [name for name, kind in commands if kind == side]),
            _row(f"Addresses of the {side} side", [rule for rule, kind in addresses if kind == side]),
        ]
    alone = [rule for rule, kind in addresses if kind == "public-alone"]
    rows.append(_row("Addresses of a public side that stands alone", alone))
    rows.append(
        _row("Commands of a site of both sides", [name for name, kind in commands if kind == "together"])
    )
    return "\n".join(["| what | which |", "|---|---|", *rows])


def only_ticks(side: str) -> dict[str, int]:
    """What runs by the clock on this side and not on the other."""
    other = ticks({"public": "secure", "secure": "public"}[side])
    return {name: minutes for name, minutes in ticks(side).items() if name not in other}


def _row(what: str, names: Iterable[str]) -> str:
    return f"| {what} | {', '.join(f'`{name}`' for name in sorted(set(names))) or 'none'} |"


def export_tables() -> str:
    """What each file of an export has on a line."""
    parts = []
    for kind, entries in SCHEMA.items():
        rows = [row for entry in entries for row in _entry_rows(entry)]
        parts.append(
            "\n".join([f"### {kind}.jsonl", "", "| key | value | what it is |", "|---|---|---|", *rows])
        )
    return "\n\n".join(parts)


def _entry_rows(entry: Entry, within: str = "") -> list[str]:
    value = f"list of {entry.type[0]}s" if entry.of else entry.type[0]
    if entry.may_be_null:
        value += " or null"
    elif entry.default is not REQUIRED:
        value += ", may be left out"
    row = f"| `{within}{entry.name}` | {value} | {entry.help} |"
    return [row, *(r for part in entry.of for r in _entry_rows(part, f"{within}{entry.name}[]."))]


TABLES = {
    "moving-over.md": {"lines": export_tables},
    "sides.md": {"sides": sides_table},
    "api.md": {"endpoints": endpoints_table},
    "release-requests.md": {
        "statuses": request_statuses,
        "states": request_diagram,
        "actions": request_actions,
    },
    "settings.md": {"settings": settings_table},
    "commands.md": {"commands": commands_table},
    "permissions.md": {"roles": roles_table, "matrix": matrix_table},
    "disclosure.md": {"rules": rules_table},
    "jobs.md": {"codes": codes_table, "states": diagram, "steps": steps_table, "refusals": refusals_table},
}


def filled(name: str) -> str:
    """The document with its tables as the code has them now."""
    text = (DOCS / name).read_text("utf-8")
    for mark, table in TABLES[name].items():
        pattern = rf"(<!-- {mark}: made from the code -->\n).*?(<!-- end {mark} -->)"
        made = table() + "\n"
        text, places = re.subn(
            pattern, lambda found, made=made: found[1] + made + found[2], text, flags=re.DOTALL
        )
        if places != 1:
            raise LookupError(f"{name} has no place for the table {mark}")
    return text


def _commands(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    found = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                found.append((f"{path} {name}", command))
            found += _commands(command, f"{path} {name}")
        elif command:
            arguments = [
                one.make_metavar(click.Context(command))
                for one in command.params
                if one.param_type_name == "argument"
            ]
            found.append((" ".join([path, name, *arguments]), command))
    return found


def _code(text: str) -> str:
    return f"`{text}`" if text else "(empty)"


if __name__ == "__main__":
    for document in TABLES:
        (DOCS / document).write_text(filled(document), "utf-8")
    sys.exit(0)
