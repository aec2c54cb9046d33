"""Markdown that people write, as safe HTML."""

import html as entities
from functools import lru_cache

import markdown
import nh3

_TAGS = {
    *(
        "a",
        "abbr",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h3",
        "h4",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
    ),
    *("sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_HEADINGS = {"h1": "h3", "h2": "h3", "h5": "h4", "h6": "h4"}


@lru_cache(maxsize=256)
def rendered(text: str) -> str:
    """Markdown as HTML of a few harmless elements: no images, styles, ids or scripts; links leave no referrer.

    For texts that `rules.why_not_markdown` lets pass. The result is safe in a page as it is. Headings begin below those of the page.
    """
    html = markdown.markdown(text, extensions=["tables", "sane_lists", "nl2br", "fenced_code"])
    for given, shown in _HEADINGS.items():
        html = html.replace(f"<{given}>", f"<{shown}>").replace(f"</{given}>", f"</{shown}>")
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )


def plain(text: str) -> str:
    """Markdown as the words a reader sees, on one line and without any marks. It is text: a page escapes it."""
    return " ".join(entities.unescape(nh3.clean(rendered(text), tags=set())).split())
