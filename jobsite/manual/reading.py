"""The pages of the manual: Markdown files beside this one, read once, with tables from `listings` in their places.

A line `[[codes]]` on its own is the place of that table. Only this program's own files are read, and still only harmless
elements are let through.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import markdown
import nh3

from jobsite.manual.listings import LISTINGS, Listing

FOLDER = Path(__file__).parent / "pages"
CONTENTS = {
    "For everybody": ("getting-started", "signing-in", "roles", "words", "keys"),
    "For researchers": (
        "projects",
        "running-jobs",
        "logs",
        "states",
        "level-4",
        "release-requests",
        "released-outputs",
    ),
    "For output checkers and publishers": ("checking", "publishing"),
    "For staff and hosts": ("staff", "hosting", "settings"),
}
"""The pages, in groups, in the order of the list of contents."""

TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "dd",
        "dl",
        "dt",
        "em",
        "h2",
        "h3",
        "hr",
        "img",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
    ),
    *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {"a": {"href"}, "h2": {"id"}, "h3": {"id"}, "img": {"src", "alt", "width", "height"}}


@dataclass(frozen=True)
class Piece:
    """A stretch of a page: HTML that is safe as it is, or a table."""

    html: str = ""
    listing: Listing | None = None


@dataclass(frozen=True)
class Section:
    """What stands under one heading, or (`is_row`) further down: its anchor, its words, and its text without marks."""

    anchor: str
    title: str
    text: str
    is_row: bool = False


@dataclass(frozen=True)
class ManualPage:
    """One page: its name in the address, title, first sentences, pieces in order, and sections for list and search."""

    slug: str
    title: str
    lede: str
    pieces: tuple[Piece, ...]
    sections: tuple[Section, ...]


def pages() -> dict[str, ManualPage]:
    """All pages by their names, in the order of the contents."""
    return {slug: _read(slug, _text(slug)) for group in CONTENTS.values() for slug in group}


def groups() -> dict[str, list[ManualPage]]:
    """The contents: for whom, and the pages for them."""
    known = pages()
    return {title: [known[slug] for slug in slugs] for title, slugs in CONTENTS.items()}


def _text(slug: str) -> str:
    return (FOLDER / f"{slug}.md").read_text("utf-8")


@lru_cache(maxsize=64)
def _read(slug: str, text: str) -> ManualPage:
    """The page of a file whose first line is `# Title` and whose second paragraph is the lede."""
    title, lede, body = text.split("\n\n", 2)
    parts = re.split(r"^\[\[([a-z-]+)\]\]$", body, flags=re.MULTILINE)
    pieces = [_piece(part, is_listing=bool(number % 2)) for number, part in enumerate(parts) if part.strip()]
    return ManualPage(slug, title.removeprefix("# "), _plain(_html(lede)), tuple(pieces), _sections(pieces))


def _piece(part: str, *, is_listing: bool) -> Piece:
    return Piece(listing=LISTINGS[part]()) if is_listing else Piece(html=_html(part))


def _html(text: str) -> str:
    made = markdown.markdown(text, extensions=["tables", "sane_lists", "fenced_code", "toc", "attr_list"])
    return nh3.clean(made, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"https", "mailto"}, link_rel=None)


def _sections(pieces: list[Piece]) -> tuple[Section, ...]:
    """The text under each heading; the rows of a table are sections of their own, found by their own anchors."""
    found: list[Section] = []
    for piece in pieces:
        if piece.listing:
            found += [Section(row.anchor, row.cells[0], row.text, is_row=True) for row in piece.listing.rows]
            continue
        start, *rest = re.split(r'<h2 id="([^"]+)">(.*?)</h2>', piece.html)
        under = next((one for one in reversed(found) if not one.is_row), Section("main", "", ""))
        found += [replace(under, text=_plain(start), is_row=True)] if start.strip() else []
        found += map(Section, rest[::3], map(_plain, rest[1::3]), map(_plain, rest[2::3]))
    return tuple(found)


def _plain(html: str) -> str:
    text = nh3.clean(re.sub(r"</(p|li|td|th|dd|dt|h3)>", r"</\1> ", html), tags=set())
    for name, sign in (("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&")):
        text = text.replace(name, sign)
    return " ".join(text.split())
