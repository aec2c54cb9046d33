"""The gallery: every part that pages are made of, with the words of the template that make it; and the error pages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app, redirect, request, url_for
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from jobsite.core.clock import now
from jobsite.core.web import ANYONE, Routes, error_page, page

routes = Routes("gallery")

SAMPLES = {
    "Actions": ("buttons", "closed", "confirmation", "copy", "menu"),
    "Ways": ("crumbs", "tabs", "steps", "pager"),
    "Forms": ("fields", "summary", "choices", "search"),
    "States": ("pills", "words", "progress", "timeline"),
    "Lists": ("table", "todo", "facts", "tiles"),
    "Notices": ("alerts", "empty", "skeleton", "times"),
}


@dataclass(frozen=True)
class Sample:
    """One part: its name, the template that shows it, and the source of that template."""

    name: str
    template: str
    source: str


class SampleForm(FlaskForm):
    """One field of each kind; it is sent nowhere."""

    class Meta:
        """No token: nothing is ever sent."""

        csrf = False

    title = StringField("Title")
    kind = SelectField("Kind", choices=[SelectChoice("a", "First"), SelectChoice("b", "Second")])
    text = TextAreaField("Description")


@routes("/ui/", needs=ANYONE)
def gallery() -> Any:
    """All parts on one page."""
    entry, refused = SampleForm(formdata=None), SampleForm(formdata=None, prefix="refused")
    refused.title.errors = ["Enter a title."]
    samples = {group: [_sample(name) for name in names] for group, names in SAMPLES.items()}
    sort = request.args.get("sort", "name")
    moment = now() - timedelta(minutes=5)
    return page("ui/gallery.html", samples=samples, entry=entry, refused=refused, moment=moment, sort=sort)


@routes("/ui-components/", needs=ANYONE)
def old_address() -> Any:
    """Where the gallery was."""
    return redirect(url_for("gallery.gallery"), 301)


def _error_shower(code: int) -> Callable[[], Any]:
    """A view of the page of an error, for a proxy in front. That of 500 comes with 200: no monitor should count it."""

    def shown() -> Any:
        answer = error_page(code)
        answer.status_code = code if code < 500 else 200
        return answer

    shown.__name__ = f"error_{code}"
    return shown


for _code in (400, 403, 404, 413, 429, 500):
    routes(f"/{_code}", needs=ANYONE)(_error_shower(_code))


@routes("/favicon.ico", needs=ANYONE)
def favicon() -> Any:
    """The sign of the site, for browsers that look for it at this address only."""
    return redirect(url_for("static", filename="mark.svg"), 301)


def _sample(name: str) -> Sample:
    template = f"ui/samples/{name}.html"
    loader = current_app.jinja_env.loader
    source = loader.get_source(current_app.jinja_env, template)[0] if loader else ""
    return Sample(name.capitalize(), template, source.strip())
