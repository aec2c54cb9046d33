"""Where the manual speaks of something, and the place that explains a word."""

import re
from dataclasses import dataclass
from functools import cache

from jobsite.accounts.rules import ROLES
from jobsite.jobs.rules import CODES
from jobsite.manual.reading import ManualPage, Section, pages

MOST_HITS = 30
LONGEST = 200  # characters of a question
AROUND = 90  # characters of text before and behind the first hit


@dataclass(frozen=True)
class Hit:
    """A place that answers: the page, the section, and the words around the first hit in three parts."""

    page: ManualPage
    section: Section
    before: str
    match: str
    behind: str


def search(question: str) -> list[Hit]:
    """The sections in which every word of the question stands, those with a word in the heading first; at most 30."""
    words = question[:LONGEST].lower().split()
    if not words:
        return []
    found = [
        (_rank(words, page, section), _hit(words, page, section))
        for page in pages().values()
        for section in page.sections
        if all(word in f"{page.title} {section.title} {section.text}".lower() for word in words)
    ]
    return [hit for _, hit in sorted(found, key=lambda one: one[0])][:MOST_HITS]


def explained(word: str) -> str | None:
    """The address that explains a word, if one does: a state as people read it, `code:⟨name⟩`, `role:⟨name or label⟩`."""
    return _places().get(word) or _places().get(word.partition(",")[0].lower())


@cache
def _places() -> dict[str, str]:
    places = {
        row.anchor: f"/manual/{page.slug}/#{row.anchor}"
        for page in pages().values()
        for piece in page.pieces
        if piece.listing
        for row in piece.listing.rows
    }
    states = {
        row.cells[0].lower(): places[row.anchor]
        for page in reversed(pages().values())
        for piece in reversed(page.pieces)
        if piece.listing
        for row in reversed(piece.listing.rows)
        if row.state
    }
    roles = {
        f"role:{name}": places[f"role-{role.name}"]
        for role in ROLES.values()
        for name in (role.name, role.label)
    }
    return states | {f"code:{name}": places[f"code-{name}"] for name in CODES} | roles


def _rank(words: list[str], page: ManualPage, section: Section) -> tuple[bool, bool, bool]:
    title = section.title.lower()
    return (
        title != " ".join(words),
        not any(word in title for word in words),
        not any(word in page.title.lower() for word in words),
    )


def _hit(words: list[str], page: ManualPage, section: Section) -> Hit:
    found = re.search(re.escape(max(words, key=len)), section.text, re.IGNORECASE)
    start, end = found.span() if found else (0, 0)
    first = max(0, start - AROUND)
    before = ("… " if first else "") + section.text[first:start]
    behind = section.text[end : end + AROUND] + (" …" if len(section.text) > end + AROUND else "")
    return Hit(page, section, before, section.text[start:end], behind)
