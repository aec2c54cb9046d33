"""A file as its page shows it, by its kind: a grid, a window of lines, a tree, a picture with what travels inside it.

It works on any open file: an output of a workspace, or the copy that a release request has taken.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from jobsite.checks import Finding, Policy
from jobsite.jobs.logs.ansi import show
from jobsite.outputs.asked import Asked
from jobsite.outputs.drawings import LARGEST_SHOWN, Drawing, drawing
from jobsite.outputs.grid import Grid, grid
from jobsite.outputs.json_tree import LARGEST as LARGEST_TREE
from jobsite.outputs.json_tree import Node, NoTree, tables, tree, value_in
from jobsite.outputs.pages import TablesFound, has_tables, tables_in
from jobsite.outputs.pictures import Picture, picture
from jobsite.outputs.reading import LARGEST, whole_text
from jobsite.projects.prose import rendered
from jobsite.projects.rules import MOST_BRACKETS
from jobsite.store.kinds import kind_of
from jobsite.store.logs import SUMMARY_LINE
from jobsite.store.windows import TextWindow, text_window

LINES = 500
"""Lines of a page."""
LOG_CHARACTERS = 10_000
"""Of a log, its last ones in whole lines; the summary of the job comes whole besides."""
MOST_SUMMARY = 5_000
LARGEST_TEXT = 100 * 2**20
LARGEST_RENDERED = 64 * 2**10
"""Bytes of Markdown that is shown as a page: the time for one grows faster than its size."""
TOO_LARGE = "This file is larger than is shown here."

View = tuple[str, str]
"""A way to look at a file: its name in the address ("" the first), and its words."""

Spans = Sequence[tuple[str, str]]
"""A line in pieces: (classes, text)."""


@dataclass(frozen=True)
class Viewed:
    """A file for its page. `template` shows it and takes what it needs from here; `views` are the ways to look at it.

    `why_not` is a sentence where it is not shown at all. `rows` and `columns` are None for what is no table.
    """

    kind: str
    path: str
    sha256: str
    size: int
    template: str
    asked: Asked
    findings: Sequence[Finding] = ()
    policy: Policy | None = None
    views: Sequence[View] = ()
    why_not: str = ""
    grid: Grid | None = None
    lines: TextWindow | None = None
    spans: Sequence[Spans] = ()
    marked: Mapping[int, Finding] | None = None
    tree: Node | None = None
    tables: Sequence[tuple[str, str]] = ()
    picture: Picture | None = None
    drawing: Drawing | None = None
    html: str = ""
    notices: Sequence[str] = ()

    @property
    def view(self) -> str:
        """Which of `views` this is."""
        names = [name for name, _ in self.views]
        return self.asked.view if self.asked.view in names else names[0] if names else ""


def viewed(
    file: BinaryIO,
    *,
    path: str,
    sha256: str,
    asked: Asked,
    findings: Sequence[Finding] = (),
    policy: Policy | None = None,
) -> Viewed:
    """A file for its page, as far as `asked` wants it. `file` is open and stays so. Never raises for what is in it.

    The figures of a column go by the policy, that of the settings where none is given.
    """
    size = file.seek(0, io.SEEK_END)
    kind = kind_of(path).name
    plain = Viewed(kind, path, sha256, size, "", asked, findings, policy)
    show_it = _BY_KIND.get(kind)
    if show_it is None:
        return replace(plain, why_not="Files of this type are not shown here, and they are never sent.")
    return show_it(file, plain)


def _table(file: BinaryIO, plain: Viewed) -> Viewed:
    asked = replace(plain.asked, view="table" if plain.asked.view != "source" else "source")
    plain = replace(plain, views=(("table", "Table"), ("source", "Text")), asked=asked)
    if asked.view == "source":
        return _text(file, plain)
    page = grid(file, plain.sha256, plain.size, asked, plain.findings, plain.policy)
    return replace(plain, template="outputs/_grid.html", grid=page)


def _text(file: BinaryIO, plain: Viewed) -> Viewed:
    if plain.size > LARGEST_TEXT:
        return replace(plain, why_not=TOO_LARGE)
    window = text_window(file, plain.asked.line, LINES)
    return replace(plain, template="outputs/_text.html", lines=window, marked=_marked(plain.findings))


def _marked(findings: Sequence[Finding]) -> Mapping[int, Finding]:
    """The findings by the lines they stand on, the gravest of each."""
    found: dict[int, Finding] = {}
    for one in reversed(findings):
        first = one.place.line
        if first is not None:
            last = min(one.place.last_line or first, first + LINES)
            found |= dict.fromkeys(range(first, last + 1), one)
    return found


def _prose(file: BinaryIO, plain: Viewed) -> Viewed:
    """Text; a page of Markdown can also be read as one, without pictures and foreign elements."""
    if not plain.path.casefold().endswith(".md"):
        return _text(file, plain)
    plain = replace(plain, views=(("source", "Text"), ("rendered", "As a page")))
    if plain.view == "source":
        return _text(file, plain)
    html = _rendered(file, plain.size)
    if html is None:
        notice = "This file is too large or has too many brackets to be shown as a page, so that it is shown as text."
        return replace(_text(file, plain), notices=(notice,))
    return replace(plain, template="outputs/_prose.html", html=html)


def _rendered(file: BinaryIO, size: int) -> str | None:
    """Markdown as HTML, None for what would take long."""
    if size > LARGEST_RENDERED:
        return None
    text = whole_text(file)
    if any(text.count(bracket) > MOST_BRACKETS for bracket in "[<!"):
        return None
    try:
        return rendered(text)
    except RecursionError:
        return None


def _json(file: BinaryIO, plain: Viewed) -> Viewed:
    if plain.size > LARGEST_TREE:
        notice = "This file is larger than 1 MiB, so that it is shown as text."
        return replace(_text(file, plain), notices=(notice,))
    try:
        value = value_in(whole_text(file))
    except NoTree as reason:
        return replace(_text(file, plain), notices=(str(reason),))
    found = tables(value)
    views: tuple[View, ...] = (("tree", "Tree"), ("source", "Text"))
    plain = replace(plain, views=(*views, ("table", "Table")) if found else views)
    if plain.view == "source":
        return _text(file, plain)
    if plain.view == "table":
        return _one_of(plain, {name: (name or "The whole file", rows) for name, rows in found.items()})
    return replace(plain, template="outputs/_tree.html", tree=tree(value))


def _one_of(plain: Viewed, found: Mapping[str, tuple[str, list[list[str]]]]) -> Viewed:
    """One of the tables inside a file as a grid; findings name the tables of a page by their number."""
    name = plain.asked.table if plain.asked.table in found else next(iter(found))
    buffer = io.StringIO()
    csv.writer(buffer).writerows(row for row in found[name][1] if row)
    data = buffer.getvalue().encode("utf-8", "replace")
    number = list(found).index(name) + 1
    here = [
        replace(one, place=replace(one.place, table=None))
        for one in plain.findings
        if one.place.table == number
    ]
    page = grid(io.BytesIO(data), f"{plain.sha256}-{number}", len(data), plain.asked, here, plain.policy)
    chosen = replace(plain.asked, table=name)
    named = tuple((key, words) for key, (words, _) in found.items())
    return replace(plain, template="outputs/_grid.html", grid=page, tables=named, asked=chosen)


def _page(file: BinaryIO, plain: Viewed) -> Viewed:
    """A page of HTML: as it looks without scripts, its text, and its tables."""
    views: tuple[View, ...] = (("", "As it looks"), ("source", "Text"))
    if plain.size > LARGEST_SHOWN:
        notice = "This page is larger than 5 MiB, so that it is shown as text."
        return replace(_text(file, plain), notices=(notice,))
    text = whole_text(file)
    plain = replace(plain, views=(*views, ("table", "Tables")) if has_tables(text) else views)
    if plain.view == "source":
        return _text(file, plain)
    if plain.view == "table":
        return _tables_of(file, plain, text)
    return replace(plain, template="outputs/_page.html")


def _tables_of(file: BinaryIO, plain: Viewed, text: str) -> Viewed:
    try:
        found = tables_in(text)
    except AssertionError:
        found = TablesFound([], False)
    if found.is_cut:
        plain = replace(plain, notices=("This page is long: only the tables of its beginning are shown.",))
    if not found.tables:
        notice = "No table of this page could be read, so that it is shown as text."
        return replace(_text(file, plain), notices=(*plain.notices, notice))
    numbered = {str(n): (one.caption or f"Table {n}", one.rows) for n, one in enumerate(found.tables, 1)}
    return _one_of(plain, numbered)


def _image(file: BinaryIO, plain: Viewed) -> Viewed:
    said = picture(file)
    if said.is_too_large:
        size = (
            f"{said.width:,} × {said.height:,} pixels"
            if said.width and said.height
            else "an unknown number of pixels"
        )
        return replace(
            plain, picture=said, why_not=f"This image has {size}; images of up to 25 million are shown."
        )
    return replace(plain, template="outputs/_image.html", picture=said)


def _drawing(file: BinaryIO, plain: Viewed) -> Viewed:
    said = drawing(file, is_packed=plain.kind == "svgz")
    views: tuple[View, ...] = (("", "As it looks"), ("source", "Text"))
    plain = replace(plain, drawing=said, views=views if plain.kind == "svg" else ())
    if plain.view == "source":
        return _text(file, plain)
    if plain.size > LARGEST_SHOWN:
        return replace(plain, why_not="This drawing is larger than 5 MiB, so that it is not drawn.")
    return replace(plain, template="outputs/_image.html")


def _log(file: BinaryIO, plain: Viewed) -> Viewed:
    """The end of a log in whole lines, its summary whole; from `line` on when that is asked for."""
    if plain.size > LARGEST:
        return replace(_text(file, plain), template="outputs/_log.html")
    asked = plain.asked.line
    window = text_window(file, asked, LINES) if asked > 1 or plain.asked.view == "source" else _end(file)
    spans = [[(" ".join(classes), text) for classes, text in show(line).spans] for line in window.lines]
    return replace(
        plain, template="outputs/_log.html", lines=window, spans=spans, marked=_marked(plain.findings)
    )


def _end(file: BinaryIO) -> TextWindow:
    total = text_window(file, 1, 0).total_lines
    first = max(1, total - MOST_SUMMARY + 1)
    tail = text_window(file, first, MOST_SUMMARY)
    summary = next(
        (at for at, line in enumerate(tail.lines) if line.strip() == SUMMARY_LINE), len(tail.lines)
    )
    start, room = summary, LOG_CHARACTERS - sum(len(line) + 1 for line in tail.lines[summary:])
    while start and (room := room - len(tail.lines[start - 1]) - 1) >= 0:
        start -= 1
    return TextWindow(tail.lines[start:], first + start, total, tail.notices)


_BY_KIND: Mapping[str, Any] = {
    "csv": _table,
    "text": _prose,
    "json": _json,
    "html": _page,
    "image": _image,
    "svg": _drawing,
    "svgz": _drawing,
    "log": _log,
}
