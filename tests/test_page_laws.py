"""What holds for every page, whoever looks at it: names, labels, ids, guarded forms, nothing inline."""

from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient

from .jobs.conftest import ask, engine, project_yaml, run, run_until, settings, study, workspace  # noqa: F401
from .test_routes import address, routes, world  # noqa: F401

VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
    "use",
}
BLOCKS = {
    "details",
    "div",
    "dl",
    "fieldset",
    "form",
    "h1",
    "h2",
    "h3",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
}
REFERENCES = ("aria-describedby", "aria-labelledby", "aria-controls", "for")


class Reader(HTMLParser):
    """Reads a page and notes what breaks a law, as sentences in `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[str] = []
        self.ids: Counter[str] = Counter()
        self.wanted: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str]] = []
        self.headings = 0
        self.title = ""
        self._open: list[str] = []
        self._form: dict[str, str] | None = None
        self._guarded = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element, and what it breaks by itself."""
        given = {name: value or "" for name, value in attrs}
        self._note(tag, given)
        if tag in BLOCKS and "p" in self._open:
            self.broken.append(f"<{tag}> stands inside <p>")
        if tag == "form":
            self._form, self._guarded = given, False
        if tag == "input" and given.get("name") == "csrf_token":
            self._guarded = True
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of a picture that is closed at once."""
        self._note(tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        """Close the element; a form that posts must have been guarded by then."""
        if tag == "form":
            if self._form and self._form.get("method", "").lower() == "post" and not self._guarded:
                self.broken.append(f"the form to {self._form.get('action')!r} has no CSRF field")
            self._form = None
        if tag in VOID:
            return
        if tag not in self._open:
            self.broken.append(f"</{tag}> closes nothing")
            return
        while (closed := self._open.pop()) != tag:
            self.broken.append(f"<{closed}> is not closed before </{tag}>")

    def handle_data(self, data: str) -> None:
        """Collect the title."""
        if self._open and self._open[-1] == "title" and "svg" not in self._open:
            self.title += data

    def _note(self, tag: str, given: dict[str, str]) -> None:
        self.headings += tag == "h1"
        self.ids.update([given["id"]] if "id" in given else [])
        self.wanted += [one for name in REFERENCES for one in given.get(name, "").split()]
        if tag == "a" and given.get("href", "").startswith("#") and len(given["href"]) > 1:
            self.wanted.append(given["href"][1:])
        if tag == "label" and given.get("for"):
            self.labelled.add(given["for"])
        if tag in ("input", "select", "textarea") and given.get("type") not in ("hidden", "submit"):
            self.controls.append({**given, "wrapped": "label" if "label" in self._open else ""})
        inline = [name for name in given if name == "style" or (name.startswith("on") and name != "one")]
        self.broken += [f"<{tag}> has an inline {name}" for name in inline]
        is_data = given.get("type") == "application/ld+json"  # read by machines, never run
        if tag == "style" or (
            tag == "script" and not is_data and not given.get("src", "").startswith("/static/")
        ):
            self.broken.append(f"an inline or foreign <{tag}>")
        if tag == "img" and "alt" not in given:
            self.broken.append("a picture without words")
        shut = given.get("aria-disabled") == "true" or ("disabled" in given and tag != "option")
        if shut and not given.get("aria-describedby"):
            self.broken.append("a control that is shut without its reason")

    def verdict(self) -> list[str]:
        """All that is broken, once the whole page has been read."""
        found = [*self.broken, *(f"<{tag}> is never closed" for tag in self._open)]
        found += [f"the id {name!r} is given {count} times" for name, count in self.ids.items() if count > 1]
        found += [f"{name!r} is referred to and is not there" for name in set(self.wanted) - set(self.ids)]
        found += [] if self.headings == 1 else [f"{self.headings} headings of the page"]
        found += [] if self.title.replace("· jobsite", "").strip() else ["no title"]
        for control in self.controls:
            named = control["wrapped"] or control.get("aria-label") or control.get("aria-labelledby")
            if not named and control.get("id") not in self.labelled:
                found.append(f"the field {control.get('name')!r} has no label")
        return found


def broken_laws(page: str) -> list[str]:
    """What is wrong with a page; empty when nothing is."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader.verdict()


@pytest.mark.parametrize("who", ["ada", "sam", None])
def test_every_page_keeps_the_laws(
    world: dict[str, str],  # noqa: F811
    app: Flask,
    sign_in: Callable[..., FlaskClient],
    who: str | None,
) -> None:
    client = sign_in(app.test_client(), who) if who else app.test_client()
    pages = {}
    for route in routes(app):
        where = address(route, world)
        answer = client.get(where, buffered=True) if "GET" in route.methods else None
        assert answer is None or answer.status_code < 500, where
        if answer and answer.location is None and answer.data.startswith(b"<!doctype html>"):
            pages[where] = broken_laws(answer.text)
            shut_in = (
                who and 'action="/logout/"' not in answer.text and where != "/500"
            )  # which asks nobody who it is
            pages[where] += ["no way to log out"] if shut_in else []
    assert {where: broken for where, broken in pages.items() if broken} == {}
    assert len(pages) >= 10


@pytest.mark.parametrize(
    ("body", "law"),
    [
        ("<h1>A</h1><h1>B</h1>", "2 headings of the page"),
        ("<h1>A</h1><p id='x'></p><p id='x'></p>", "the id 'x' is given 2 times"),
        ("<h1>A</h1><input name='q'>", "the field 'q' has no label"),
        ("<h1>A</h1><form method='post' action='/x/'></form>", "the form to '/x/' has no CSRF field"),
        ("<h1 style='color:red'>A</h1>", "<h1> has an inline style"),
        ("<h1 onclick='x()'>A</h1>", "<h1> has an inline onclick"),
        ("<h1>A</h1><script>x</script>", "an inline or foreign <script>"),
        ("<h1>A</h1><a href='#gone'>x</a>", "'gone' is referred to and is not there"),
        ("<h1>A</h1><p><details></details></p>", "<details> stands inside <p>"),
        ("<h1>A</h1><button aria-disabled='true'>x</button>", "a control that is shut without its reason"),
        ("<h1>A</h1><button disabled>x</button>", "a control that is shut without its reason"),
        ("<h1>A</h1><div><span></div>", "<span> is not closed before </div>"),
        ("<h1>A</h1><img src='/x'>", "a picture without words"),
    ],
)
def test_the_reader_sees_each_broken_law(body: str, law: str) -> None:
    assert broken_laws(f"<!doctype html><html><title>T</title><body>{body}</body></html>") == [law]
