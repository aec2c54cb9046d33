"""The event log for staff: filtered, by pages, and as files. Nothing here changes a row."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import SQL, Expression, ModelSelect
from werkzeug.datastructures import MultiDict

from jobsite.core.db import LARGEST_ID, MOST_WORDS, database
from jobsite.core.errors import Invalid
from jobsite.core.events import Event
from jobsite.settings import current

ROWS = 50
CHUNK = 1000
LONGEST_TEXT = 200
COLUMNS = ("cursor", "at", "type", "by", "subject", "data", "hash")
NAMES = ("type", "by", "subject", "q", "since", "until")
ALL = "all"
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

MEMBERSHIP = (
    "member:added", "member:roles", "member:removed", "org:member-added", "org:member-removed",
    "backend:member-added", "backend:member-removed",
)  # fmt: skip
"""Events whose subject is a place, and whose fact `user` says who was let in or out."""

_PAGES = {
    "user": "users", "org": "organisations", "project": "projects", "backend": "backends", "workspace": "workspaces",
}  # fmt: skip

_LONG = {"org": "organisation", "repo": "repository", "api": "API", "email": "e-mail"}
"""Words of event types that pages write out."""

_NOT_OF_JOBS = SQL("(type < 'job:' OR type >= 'job;')")  # as the index has it, to the letter
_DISTINCT_TYPES = """
    WITH RECURSIVE kind(name) AS (
        SELECT min(type) FROM event
        UNION ALL SELECT (SELECT min(type) FROM event WHERE type > name) FROM kind WHERE name IS NOT NULL
    ) SELECT name FROM kind WHERE name IS NOT NULL
"""


@dataclass(frozen=True)
class Filters:
    """What the log is narrowed to; empty means no limit.

    `type` is a whole type or its beginning with the colon ("project:"), `subject` likewise ("user:ada" or "user:").
    Without any of the two the steps of jobs are left out, which are many; the type `ALL` shows them too.
    `since` and `until` are days, both included. `problems` says in sentences which of them could not be read.
    """

    type: str = ""
    by: str = ""
    subject: str = ""
    q: str = ""
    since: str = ""
    until: str = ""
    problems: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.as_query)

    @property
    def as_query(self) -> dict[str, str]:
        """The filters that are set, as a query string has them."""
        return {name: value for name in NAMES if (value := getattr(self, name))}


@dataclass(frozen=True)
class Entry:
    """An event as the page shows it."""

    event: Event

    @property
    def kind(self) -> str:
        """What the subject is: "user", "project"."""
        return self.event.subject.partition(":")[0]

    @property
    def name(self) -> str:
        """Which one it is."""
        return self.event.subject.partition(":")[2]

    @property
    def words(self) -> str:
        """What happened, in words: "org-member:added" is "Organisation member added"."""
        words = " ".join(_LONG.get(word, word) for word in re.split("[-:_]", self.event.type))
        return words[:1].upper() + words[1:]

    @property
    def page(self) -> str | None:
        """Where staff of this side look after the subject, or None."""
        there = self.kind in _PAGES and (current().public or self.kind == "backend")
        return f"/staff/{_PAGES[self.kind]}/{self.name}/" if there and self.name else None

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The facts of the change as names and texts."""
        return [(name, _shown(value)) for name, value in json.loads(self.event.data).items()]


@dataclass(frozen=True)
class Log:
    """A page of the log, newest first. `older` and `newer` are the cursors of the next pages, None at the ends."""

    entries: list[Entry]
    older: int | None
    newer: int | None


def filters_in(args: "MultiDict[str, str]") -> Filters:
    """The filters of a query string. A day that cannot be read is left out and told of."""
    text = {name: args.get(name, "").strip()[:LONGEST_TEXT] for name in NAMES}
    days = ("since", "until")
    problems = tuple(
        f"“{text[day][:20]}” is not a day: give it like 2026-11-23."
        for day in days
        if text[day] and _day(text[day]) is None
    )
    return Filters(**text, problems=problems)


def types() -> dict[str, list[str]]:
    """Every type that occurs, in order, by its kind. One query that reads one row for each."""
    found: dict[str, list[str]] = {}
    for (name,) in database.execute_sql(_DISTINCT_TYPES).fetchall():
        found.setdefault(name.partition(":")[0], []).append(name)
    return found


def log_page(
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    withheld: Expression | None = None,
) -> Log:
    """The newest events that pass the filters and are not `withheld`, or those before or after a cursor. One query."""
    rows = _found(filters, withheld)
    if after is not None:
        rows = rows.where(Event.id > after).order_by(Event.id)
    else:
        rows = rows.order_by(Event.id.desc())
        rows = rows.where(Event.id < before) if before is not None else rows
    found = list(rows.limit(ROWS + 1))
    more, found = len(found) > ROWS, found[:ROWS]
    if after is not None:
        found.reverse()
    older = found[-1].id if found and (more or after is not None) else None
    newer = found[0].id if found and (more if after is not None else before is not None) else None
    return Log([Entry(event) for event in found], older, newer)


def newest(subject: str, count: int = 8) -> list[Entry]:
    """The last things that happened to one subject, newest first. One query."""
    rows = _found(Filters(subject=subject)).order_by(Event.id.desc()).limit(count)
    return [Entry(event) for event in rows]


def cursor_in(args: "MultiDict[str, str]", name: str) -> int | None:
    """A cursor of a query string, or None for anything that is none."""
    text = args.get(name, "")
    if not (text.isdecimal() and text.isascii() and len(text) < 16):
        return None
    return min(int(text), LARGEST_ID)


def exported(kind: str, filters: Filters, *, withheld: Expression | None = None) -> Iterator[bytes]:
    """All events that pass the filters and are not `withheld` as a file, "csv" or "jsonl", newest first, made while it is sent.

    Raises `Invalid` for another kind.
    """
    if kind not in CONTENT_TYPES:
        raise Invalid({"format": f"The log can be had as csv or jsonl, not as {kind[:40]!r}."})
    events = _all(_found(filters, withheld))
    lines = _as_csv(events) if kind == "csv" else _as_lines(events)
    return (line.encode() for line in lines)


def _all(rows: ModelSelect) -> Iterator[Mapping[str, Any]]:
    last = LARGEST_ID
    while chunk := list(rows.where(Event.id < last).order_by(Event.id.desc()).limit(CHUNK)):
        yield from (event.as_json() for event in chunk)
        last = chunk[-1].id


def _as_lines(events: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    for event in events:
        yield json.dumps(event, ensure_ascii=False) + "\n"


def _as_csv(events: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    yield _line(COLUMNS)
    for event in events:
        data = json.dumps(event["data"], ensure_ascii=False)
        yield _line(_cell({**event, "data": data}[name]) for name in COLUMNS)


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    """A value as a cell; a spreadsheet would run one that begins like a formula, so it gets a quote."""
    text = str(value)
    return f"'{text}" if text.startswith(_STARTS_FORMULA) else text


def _found(filters: Filters, withheld: Expression | None = None) -> ModelSelect:
    rows = Event.select()
    if withheld is not None:
        rows = rows.where(~withheld)
    if not (filters.type or filters.subject):
        rows = rows.where(_NOT_OF_JOBS)
    if filters.type not in ("", ALL):
        rows = rows.where(_named(Event.type, filters.type))
    if filters.by:
        rows = rows.where(Event.by.in_({filters.by, filters.by.lower()}))
    if filters.subject:
        rows = rows.where(_about(filters.subject))
    if since := _day(filters.since):
        rows = rows.where(Event.at >= since)
    if until := _day(filters.until):
        rows = rows.where(Event.at < until + timedelta(days=1))
    for word in filters.q.split()[:MOST_WORDS]:
        texts = (Event.type, Event.by, Event.subject, Event.data)
        rows = rows.where(
            texts[0].contains(word)
            | texts[1].contains(word)
            | texts[2].contains(word)
            | texts[3].contains(_in_json(word))
        )
    return rows


def _about(subject: str) -> Expression:
    """Events of a subject; of a person also what others did to their memberships, which name them as `user`."""
    kind, _, name = subject.partition(":")
    if kind != "user" or not name:
        return _named(Event.subject, subject)
    named = Event.data.contains(f'"user":{json.dumps(name)}')
    return (Event.subject == subject) | (Event.type.in_(MEMBERSHIP) & named)


def _named(column: Any, text: str) -> Expression:
    """A column that is this text, or begins with it when it ends with a colon: both by the index."""
    return (column >= text) & (column < f"{text[:-1]};") if text.endswith(":") else column == text


def _in_json(word: str) -> str:
    """A word as it stands in stored JSON, without the quotes."""
    return json.dumps(word, ensure_ascii=False)[1:-1]


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d") if text else None
    except ValueError:
        return None


def _shown(value: Any) -> str:
    """A fact of an event in words."""
    if isinstance(value, dict):
        if value.keys() == {"before", "after"}:
            return f"{_shown(value['before'])} → {_shown(value['after'])}"
        return ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in ("", None) else str(value)
