"""`make docs`: the Markdown pages of docs/ as HTML files, readable from a disk."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import jinja2
import markdown

DOCS = Path(__file__).resolve().parent
STYLE = DOCS.parent / "static" / "site.css"
PAGE = jinja2.Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }} – jobsite</title><link rel="stylesheet" href="site.css"></head>
<body class="reading"><main class="page paper"><article class="prose">
<nav aria-label="Pages">{% for name, words in pages %}<a href="{{ name }}">{{ words }}</a>{% if not loop.last %} · {% endif %}{% endfor %}</nav>
{{ body | safe }}
</article></main></body>
</html>
""")


def title_of(page: Path) -> str:
    """Give the page's first heading, or its file name when it has none."""
    heading = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    return heading[1].replace("`", "") if heading else page.stem


def render(target: Path) -> list[Path]:
    """Write one HTML file per page of docs/ into `target`, with the site's stylesheet, and give their paths.

    Links from page to page go to the HTML files.
    """
    target.mkdir(parents=True, exist_ok=True)
    sources = sorted(DOCS.glob("*.md"))
    pages = [(source.with_suffix(".html").name, title_of(source)) for source in sources]
    written = []
    for source, (name, title) in zip(sources, pages, strict=True):
        text = re.sub(r"\]\(([\w-]+)\.md(#[\w-]+)?\)", r"](\1.html\2)", source.read_text())
        body = markdown.markdown(text, extensions=["tables", "toc", "fenced_code", "sane_lists"])
        body = body.replace("<table>", '<table class="table">')
        (target / name).write_text(PAGE.render(title=title, pages=pages, body=body))
        written.append(target / name)
    if STYLE.is_file():
        shutil.copyfile(STYLE, target / "site.css")
    return written


if __name__ == "__main__":
    for page in render(Path(sys.argv[1])):
        print(page)
