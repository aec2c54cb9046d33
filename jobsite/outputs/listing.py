"""The list of Level 4 outputs: searched, filtered, put in order and cut into pages, all from the address. Pure but for its rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobsite.checks import SEVERITIES
from jobsite.outputs.asked import Query
from jobsite.outputs.states import STATES, FileState
from jobsite.store.reading import Entry

PAGE = 200
KINDS = ("csv", "image", "svg", "svgz", "html", "text", "json", "log", "other")
NO_FINDING = "none"
NOT_CHECKED = "unchecked"
VIEWS = ("list", "tree")


@dataclass(frozen=True)
class FileRow:
    """An output in the list. `counts` are its findings by severity, None while it has not been checked."""

    entry: Entry
    state: FileState
    counts: Mapping[str, int] | None

    @property
    def worst(self) -> str:
        """The gravest severity, "none" or "unchecked"."""
        if self.counts is None:
            return NOT_CHECKED
        return next((name for name in SEVERITIES if self.counts.get(name)), NO_FINDING)


@dataclass(frozen=True)
class Filters:
    """What the address asks for. What it asks and nobody knows is told of in `ignored`."""

    q: str = ""
    folder: str = ""
    states: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    sort: str = "path"
    page: int = 1
    view: str = "list"
    with_old: bool = False
    picked: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: Query, folder: str = "") -> "Filters":
        """The filters in a query."""
        known = {"state": STATES, "kind": KINDS, "severity": (*SEVERITIES, NO_FINDING, NOT_CHECKED)}
        chosen = {name: frozenset(query.getlist(name)) & frozenset(words) for name, words in known.items()}
        unknown = [name for name, words in known.items() if set(query.getlist(name)) - set(words) - {""}]
        sort, page, view = query.get("sort", "path"), query.get("page", "1"), query.get("view", "list")
        if sort.lstrip("-") not in _KEYS:
            sort, unknown = "path", [*unknown, "sort"]
        return cls(
            q=query.get("q", "").strip()[:200],
            folder=folder,
            states=chosen["state"],
            actions=frozenset(filter(None, query.getlist("action"))),
            kinds=chosen["kind"],
            severities=chosen["severity"],
            sort=sort,
            page=max(1, int(page)) if page.isdecimal() and len(page) < 7 else 1,
            view=view if view in VIEWS else "list",
            with_old=query.get("old", "") == "1",
            picked=tuple(dict.fromkeys(query.getlist("path")))[:1000],
            ignored=tuple(
                f"This page has no {name} of that name, so that it was left out." for name in unknown
            ),
        )

    @property
    def needs_findings(self) -> bool:
        """Whether findings of all files have to be known, not only of those shown."""
        return bool(self.states or self.severities) or self.sort.lstrip("-") in ("findings", "state")

    @property
    def narrows(self) -> bool:
        """Whether something is filtered away."""
        return bool(self.q or self.folder or self.states or self.actions or self.kinds or self.severities)


@dataclass(frozen=True)
class Page:
    """The rows of a page, how many fit in all, the numbers by state, and how many files of gone actions are left out."""

    rows: Sequence[FileRow]
    total: int
    number: int
    left_out: int
    actions: Sequence[str]
    kinds: Sequence[str]

    def with_rows(self, rows: Sequence[FileRow]) -> "Page":
        """The same page with these rows in place of its own, which stand for the same files."""
        return replace(self, rows=rows)


def _place(name: str) -> Callable[[FileRow], Any]:
    return lambda row: tuple(STATES).index(row.state.name) if name == "state" else _gravity(row)


def _gravity(row: FileRow) -> tuple[int, ...]:
    counts = row.counts
    return tuple(-counts.get(name, 0) for name in SEVERITIES) if counts is not None else (1,)


_KEYS: Mapping[str, Callable[[FileRow], Any]] = {
    "path": lambda row: row.entry.path.casefold(),
    "state": _place("state"),
    "findings": _place("findings"),
    "action": lambda row: row.entry.action.casefold(),
    "rows": lambda row: row.entry.row_count if row.entry.row_count is not None else -1,
    "size": lambda row: row.entry.size,
    "modified": lambda row: row.entry.timestamp,
    "job": lambda row: row.entry.job,
}


def chosen(entries: Sequence[Entry], filters: Filters) -> tuple[list[Entry], int]:
    """The outputs that the filters on paths, actions and kinds leave, and how many of gone actions are left out.

    What the last run of an action did not make again is not listed (section 9); what gone actions made only on demand.
    """
    found = [
        entry
        for entry in entries
        if (not filters.folder or entry.path.startswith(filters.folder))
        and (not filters.actions or entry.action in filters.actions)
        and (not filters.kinds or entry.kind.name in filters.kinds)
    ]
    if filters.with_old:
        return found, 0
    current = [entry for entry in found if entry.current]
    return current, len(found) - len(current)


def page_of(rows: Sequence[FileRow], filters: Filters, left_out: int, entries: Sequence[Entry]) -> Page:
    """The page that is asked for. Where findings decide, all rows have to know theirs."""
    fit = [
        row
        for row in rows
        if (not filters.states or row.state.name in filters.states)
        and (not filters.severities or row.worst in filters.severities)
    ]
    fit.sort(key=_KEYS["path"])
    fit.sort(key=_KEYS[filters.sort.lstrip("-")], reverse=filters.sort.startswith("-"))
    number = min(filters.page, max(1, -(-len(fit) // PAGE)))
    actions = Counter(entry.action for entry in entries)
    kinds = {entry.kind.name for entry in entries}
    return Page(
        fit[(number - 1) * PAGE : number * PAGE],
        len(fit),
        number,
        left_out,
        sorted(actions),
        [kind for kind in KINDS if kind in kinds],
    )
