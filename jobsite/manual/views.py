"""The pages of the manual."""

import mimetypes
from typing import Any

from flask import request

from jobsite.core.errors import NotFound
from jobsite.core.web import ANYONE, Routes, page
from jobsite.manual.finding import search
from jobsite.manual.reading import groups, pages

routes = Routes("manual")
mimetypes.add_type(
    "image/webp", ".webp"
)  # not every system's list has it, and the pictures of the manual are that


@routes("/manual/", needs=ANYONE)
def contents() -> Any:
    """The list of contents, or what answers the question `q`."""
    question = request.args.get("q", "").strip()
    return page(
        "manual/contents.html",
        fragments=("found",),
        groups=groups(),
        question=question,
        hits=search(question),
    )


@routes("/manual/<slug>/", needs=ANYONE)
def show(slug: str) -> Any:
    """One page."""
    known = pages()
    if slug not in known:
        raise NotFound
    order = list(known)
    place = order.index(slug)
    return page(
        "manual/page.html",
        shown=known[slug],
        groups=groups(),
        earlier=known[order[place - 1]] if place else None,
        later=known[order[place + 1]] if place + 1 < len(order) else None,
    )
