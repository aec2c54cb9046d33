"""What the address of a file page asks of its viewer: window, search, conditions, order, columns. Pure.

Whatever cannot be understood is left out and told of in `ignored`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

OPERATORS: Mapping[str, str] = {
    "eq": "=",
    "ne": "≠",
    "lt": "<",
    "le": "≤",
    "gt": ">",
    "ge": "≥",
    "has": "contains",
    "like": "fits the pattern",
    "empty": "is empty",
    "filled": "is not empty",
}
"""What a condition on a column may say, by its name in an address."""

VIEWS = ("table", "source", "rendered", "diff")
ZOOMS = ("100", "200")
WITHOUT_VALUE = ("empty", "filled")
NAMES = (
    "row", "line", "q", "sort", "hide", "column", "cell", "view", "table", "zoom", "where",
    "add_column", "add_op", "add_value",
)  # fmt: skip
"""What an address may ask with."""
MOST_CONDITIONS = 20
LONGEST_VALUE = 200
LARGEST = 2**53

Query = MultiDict[str, str]
"""The query of an address."""

_CELL = re.compile(r"(\d{1,9}),(\d{1,6})")
_SORT = re.compile(r"-?[1-9]\d{0,5}")


@dataclass(frozen=True)
class Condition:
    """What the values of a column have to be. `column` counts from 1."""

    column: int
    operator: str
    value: str = ""

    @property
    def as_asked(self) -> str:
        """Its form in an address: `3:le:7`."""
        return f"{self.column}:{self.operator}:{self.value}"

    @property
    def words(self) -> str:
        """Its operator and value for people: "≤ 7"."""
        return f"{OPERATORS[self.operator]} {self.value}".strip()


@dataclass(frozen=True)
class Asked:
    """What a person wants to see. `row` and `line` count from 1; `sort` is a column from 1, negative from large to small.

    `cell` is a row and a column, 0 the header. `view` is "", table, source, rendered or diff; `table` which of several.
    """

    row: int = 1
    line: int = 1
    q: str = ""
    sort: int = 0
    hidden: frozenset[int] = frozenset()
    column: int = 0
    cell: tuple[int, int] | None = None
    view: str = ""
    table: str = ""
    zoom: int = 0
    conditions: tuple[Condition, ...] = ()
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: Query) -> "Asked":
        """What a query asks for. A cell that is asked for moves the window to its row."""
        ignored: list[str] = []
        sort = query.get("sort", "")
        cell = _CELL.fullmatch(query.get("cell", ""))
        wanted = cls(
            row=_number(query.get("row", "1")),
            line=_number(query.get("line", "1")),
            q=query.get("q", "").strip()[:LONGEST_VALUE],
            sort=int(sort) if _SORT.fullmatch(sort) else 0,
            hidden=frozenset(
                int(name) for name in query.getlist("hide") if name.isdecimal() and len(name) < 7
            ),
            column=_number(query.get("column", "0"), least=0),
            cell=(int(cell[1]), int(cell[2])) if cell else None,
            view=view if (view := query.get("view", "")) in VIEWS else "",
            table=query.get("table", "")[:LONGEST_VALUE],
            zoom=int(zoom) if (zoom := query.get("zoom", "")) in ZOOMS else 0,
            conditions=_conditions(query, ignored),
        )
        if sort and not wanted.sort:
            ignored.append("The order in this address is not known, so the rows stand as in the file.")
        return replace(wanted, ignored=tuple(ignored))

    @property
    def narrows(self) -> bool:
        """Whether not all rows are asked for."""
        return bool(self.q or self.conditions)

    def without(self, condition: Condition) -> list[str]:
        """The conditions as in an address, but for one."""
        return [one.as_asked for one in self.conditions if one != condition]


def _number(text: str, least: int = 1) -> int:
    return max(least, min(int(text), LARGEST)) if text.isdecimal() and len(text) < 17 else least


def _conditions(query: Query, ignored: list[str]) -> tuple[Condition, ...]:
    """Those in the address, and the one that the form adds."""
    asked = list(query.getlist("where"))[:MOST_CONDITIONS]
    if query.get("add_column", ""):
        asked.append(f"{query.get('add_column', '')}:{query.get('add_op', '')}:{query.get('add_value', '')}")
    found: dict[Condition, None] = {}
    for text in asked:
        condition = _condition(text)
        if condition is None:
            ignored.append("A condition in this address is not known and was left out.")
        else:
            found[condition] = None
    return tuple(found)


def _condition(text: str) -> Condition | None:
    column, _, rest = text.partition(":")
    operator, _, value = rest.partition(":")
    value = value.strip()[:LONGEST_VALUE]
    if not column.isdecimal() or not 0 < len(column) < 7 or column == "0" or operator not in OPERATORS:
        return None
    if operator in WITHOUT_VALUE:
        return Condition(int(column), operator)
    return Condition(int(column), operator, value) if value or operator in ("eq", "ne") else None
