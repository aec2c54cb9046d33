"""The macros that all pages are made of, and the frame around them."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask_wtf import FlaskForm
from jinja2 import ChoiceLoader, DictLoader
from markupsafe import Markup
from peewee import OperationalError
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from jobsite.application import create_app
from jobsite.core import clock
from jobsite.projects.parts import Part
from jobsite.settings import Settings

NOON = datetime(2026, 11, 22, 12)
Draw = Callable[..., str]


@pytest.fixture
def draw(app: Flask) -> Draw:
    """`draw("{{ state.pill('running') }}", path="/x/")`: a piece of template as a page would show it."""

    def drawn(source: str, path: str = "/login/", **data: Any) -> str:
        with app.test_request_context(path), clock.at(NOON):
            app.preprocess_request()
            return " ".join(render_template_string(source, **data).split())

    return drawn


def _words(drawn: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", drawn)).split())


# States


@pytest.mark.parametrize(
    ("name", "icon", "words"),
    [
        ("pending", "pending", "Pending"),
        ("running", "running", "Running"),
        ("succeeded", "succeeded", "Succeeded"),
        ("failed", "failed", "Failed"),
        ("cancelled", "cancelled", "Cancelled"),
        ("nothing_to_do", "skipped", "Nothing to do"),
        ("unknown", "warn", "Unknown"),
        ("unknown_error_creating_jobs", "warn", "Unknown error creating jobs"),
        ("archived", "archive", "Archived"),
    ],
)
def test_a_state_is_an_icon_and_its_words(draw: Draw, name: str, icon: str, words: str) -> None:
    pill = draw("{{ state.pill(name) }}", name=name)
    assert f'#{icon}"' in pill
    assert 'aria-hidden="true"' in pill
    assert _words(pill) == words
    assert f'data-state="{name}"' in pill


def test_only_what_moves_spins(draw: Draw) -> None:
    moving = {
        name
        for name in ("pending", "running", "cancelling", "failed")
        if "spin" in draw("{{ state.pill(n) }}", n=name)
    }
    assert moving == {"running", "cancelling"}


def test_a_state_nobody_knows_breaks_no_page_and_is_escaped(draw: Draw) -> None:
    pill = draw("{{ state.pill(name) }}", name="<b>odd_one")
    assert _words(pill) == "<b>odd one"
    assert "<b>" not in pill


def test_words_of_the_caller_come_first(draw: Draw) -> None:
    pill = draw("{{ state.pill('failed', 'Failed, 3 of 4 succeeded', bare=true) }}")
    assert _words(pill) == "Failed, 3 of 4 succeeded"
    assert 'class="pill bare pill-failed"' in pill


def test_every_icon_that_is_named_is_in_the_sprite(draw: Draw) -> None:
    root = Path(__file__).parents[2]
    drawn = set(re.findall(r'id="([a-z-]+)"', (root / "static" / "vendor" / "icons.svg").read_text()))
    looks = draw("{% for icon, tone in state.LOOKS.values() %}{{ icon }} {% endfor %}").split()
    assert set(looks) <= drawn
    tones = set(draw("{% for icon, tone in state.LOOKS.values() %}{{ tone }} {% endfor %}").split())
    styled = set(re.findall(r"\.pill-([a-z]+)", (root / "static" / "site.css").read_text()))
    assert tones <= styled


# Times


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "1 h ago"),
        (timedelta(hours=12), "12 h ago"),
        (timedelta(hours=12, seconds=1), "21 Nov 2026 at 23:59"),
        (timedelta(days=20), "2 Nov 2026 at 12:00"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(minutes=-5), "in 5 min"),
        (timedelta(days=-1), "23 Nov 2026 at 12:00"),
    ],
)
def test_a_time_is_relative_today_and_a_date_otherwise(draw: Draw, ago: timedelta, words: str) -> None:
    assert _words(draw("{{ time.relative(moment) }}", moment=NOON - ago)) == words


def test_the_exact_time_is_one_step_away(draw: Draw) -> None:
    drawn = draw("{{ time.when(moment) }}", moment=datetime(2026, 11, 22, 11, 3, 7, 5))
    assert drawn.startswith('<details class="when"><summary>56 min ago</summary>')
    assert '<time datetime="2026-11-22T11:03:07Z">2026-11-22 11:03:07 UTC</time>' in drawn
    assert draw("{{ time.when(none) }}") == "-"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (None, "-"),
        (0, "00:00:00"),
        (timedelta(hours=1, minutes=2, seconds=3, microseconds=9), "01:02:03"),
        (3723.9, "01:02:03"),
        (timedelta(days=5), "120:00:00"),
    ],
)
def test_durations(draw: Draw, length: Any, words: str) -> None:
    assert draw("{{ time.duration(length) }}", length=length) == words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=14), "2 weeks"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=1), "1 day"),
        (timedelta(seconds=61), "61 seconds"),
    ],
)
def test_rules_name_their_times_in_words(draw: Draw, length: timedelta, words: str) -> None:
    assert draw("{{ time.span(length) }}", length=length) == words


# Tables


def test_the_pager_keeps_every_filter(draw: Draw) -> None:
    drawn = draw(
        "{{ table.pager(2, 25, 61, 'requests') }}",
        path="/login/?status=running&status=failed&q=a+%26b&page=2",
    )
    assert _words(drawn) == "26 to 50 of 61 requests Newer requests Page 2 of 3 Older requests"
    newer, older = map(html.unescape, re.findall(r'href="([^"]+)"', drawn))
    assert newer == "/login/?status=running&status=failed&q=a+%26b"
    assert older == "/login/?status=running&status=failed&q=a+%26b&page=3"


def test_one_page_needs_no_links_and_none_says_so(draw: Draw) -> None:
    assert _words(draw("{{ table.pager(1, 25, 25, 'requests') }}")) == "1 to 25 of 25 requests"
    assert _words(draw("{{ table.pager(1, 25, 0, 'requests') }}")) == "No requests"
    assert "href" not in draw("{{ table.pager(1, 25, 25) }}")


def test_an_empty_list_says_so(draw: Draw) -> None:
    drawn = draw("{% call table.empty('Nothing <here> yet.') %}<a href='/x/'>Make one</a>{% endcall %}")
    assert _words(drawn) == "Nothing <here> yet. Make one"


# Ways, and why one is closed


def test_a_closed_way_stays_in_the_tab_order_and_names_its_reason(draw: Draw) -> None:
    source = "{{ nav.button('Edit', '/x/edit/', why_not=why_not, id='edit') }}{{ nav.why('edit', why_not) }}"
    shut = draw(source, why_not="Ask <ada>.")
    assert 'type="button" aria-disabled="true" aria-describedby="why-edit"' in shut
    assert 'id="why-edit"' in shut
    assert "Ask &lt;ada&gt;." in shut
    assert "/x/edit/" not in shut
    assert not re.search(r"\sdisabled", shut)
    assert draw(source, why_not=None) == '<a class="btn" href="/x/edit/">Edit</a>'


def test_crumbs_say_where_one_is(draw: Draw) -> None:
    crumbs = draw("{{ nav.crumbs([('Home', '/'), ('A <b>', '/a/')], 'Here') }}")
    assert '<a href="/a/">A &lt;b&gt;</a>' in crumbs
    assert '<li aria-current="page">Here</li>' in crumbs


# Forms


class Sample(FlaskForm):
    """One field of each kind."""

    class Meta:
        csrf = False

    name = StringField("Name")
    text = TextAreaField("Text")
    kind = SelectField("Kind", choices=[SelectChoice("a", "A")])


@pytest.fixture
def sample(app: Flask) -> Sample:
    with app.test_request_context("/login/"):
        return Sample(formdata=None, data={"name": '"><script>'})


def test_every_field_has_a_label_and_its_hint_is_tied_to_it(draw: Draw, sample: Sample) -> None:
    for name in ("name", "text", "kind"):
        drawn = draw("{{ form.field(entry[name], hint='How <so>', rows=3) }}", entry=sample, name=name)
        assert f'<label for="{name}">' in drawn
        assert f'id="{name}-hint">How &lt;so&gt;' in drawn
        assert f'aria-describedby="{name}-hint"' in drawn
        assert "aria-invalid" not in drawn
    assert "<script>" not in draw("{{ form.field(entry.name) }}", entry=sample)


def test_a_refused_field_names_its_error_and_the_summary_links_to_it(draw: Draw, sample: Sample) -> None:
    sample.name.errors = ["Enter a <name>."]
    drawn = draw("{{ form.field(entry.name, hint='H') }}", entry=sample)
    assert 'class="field has-error"' in drawn
    assert 'aria-describedby="name-hint name-error"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert _words(drawn) == "Name H Error: Enter a <name>."
    summary = draw("{{ form.summary(entry, 'And this.') }}", entry=sample)
    assert '<a href="#name">Enter a &lt;name&gt;.</a>' in summary
    assert "<li>And this.</li>" in summary
    assert 'tabindex="-1"' in summary


def test_a_form_without_errors_has_no_summary(draw: Draw, sample: Sample) -> None:
    assert draw("{{ form.summary(entry) }}", entry=sample) == ""


# The frame


def _page(draw: Draw, **data: Any) -> str:
    return draw(
        "{% extends 'base.html' %}{% block title %}T{% endblock %}{% block content %}<h1>T</h1>{% endblock %}",
        **data,
    )


def test_the_frame_has_its_landmarks_and_a_way_past_the_menu(draw: Draw) -> None:
    frame = _page(draw)
    for part in ("<header", "<main", "<footer", '<nav class="site-nav wide-only" aria-label="Main">'):
        assert frame.count(part) == 1
    assert frame.index('class="skip" href="#main"') < frame.index("<header")
    assert "<title>T · jobsite</title>" in frame
    assert re.findall(r'<a href="(/[a-z-]+/)">(?:Event Log|Status|Projects)<', frame)[:3] == [
        "/event-log/",
        "/status/",
        "/projects/",
    ]
    assert re.search(r'<p class="vh" role="status" id="announce"[^>]*></p>', frame)


def test_the_frame_marks_the_place_one_is_at(draw: Draw) -> None:
    assert '<a href="/projects/" aria-current="page">' in _page(draw, path="/projects/")
    assert '<a href="/projects/" aria-current="true">' in _page(draw, path="/projects/x/")


def test_data_of_a_view_may_carry_the_names_of_the_macros(draw: Draw) -> None:
    frame = _page(draw, form="x", state="x", time="x", table="x", nav="x")
    assert "<h1>T</h1>" in frame


def test_nothing_in_the_frame_needs_an_inline_script_or_style(draw: Draw) -> None:
    frame = _page(draw)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", frame)
    config = html.unescape(re.search(r"name=\"htmx-config\" content='([^']+)'", frame)[1])
    for rule in (
        '"includeIndicatorStyles":false',
        '"allowEval":false',
        '"historyCacheSize":0',
        '"code":"422","swap":true',
    ):
        assert rule in config


def test_announcements_and_alerts_are_escaped(draw: Draw) -> None:
    frame = _page(draw, announce="<b>done")
    assert 'id="announce" hx-swap-oob="innerHTML">&lt;b&gt;done</p>' in frame
    assert "&lt;i&gt;" in draw("{{ nav.alert('bad', '<i>no') }}")
    assert "<i>" in draw("{{ nav.alert('bad', text) }}", text=Markup("<i>yes</i>"))


@pytest.mark.parametrize("side", ["both", "public", "secure"])
def test_level_4_looks_like_itself_and_only_where_it_is(tmp_path: Path, side: str) -> None:
    app = create_app(Settings(instance=tmp_path / side, side=side))
    with app.test_request_context("/login/"):
        shown = render_template_string("{% extends 'base.html' %}", level4=True)
        other = render_template_string("{% extends 'base.html' %}")
    assert ("Level 4: nothing leaves without review" in shown) == (side != "public")
    assert ('<body class="level-4">' in shown) == (side != "public")
    assert "level-4" not in other


def test_other_rooms_add_to_the_frame_and_are_asked_once_a_request(
    app: Flask, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def adds(*, person: object) -> list[Part]:
        asked.append(person)
        return [Part("a_part.html", place, {"words": f"in the {place}"}) for place in ("elsewhere", "alerts")]

    loader = DictLoader({"a_part.html": "{{ part.data.words }}"})
    monkeypatch.setattr(app.jinja_env, "loader", ChoiceLoader([loader, app.jinja_env.loader]))
    app.extensions["jobsite.parts"] = {"frame": (adds,)}
    frame = _page(draw)
    assert "in the elsewhere" not in frame
    assert frame.count("in the alerts") == 1
    assert len(asked) == 1


def test_a_page_that_says_the_site_fails_asks_no_room_for_its_frame(app: Flask) -> None:
    def fails(*, person: object) -> list[Part]:
        raise OperationalError("disk I/O error")

    app.extensions["jobsite.parts"] = {"frame": (fails,)}
    answer = app.test_client().get("/login/")
    assert answer.status_code == 503
    assert "The disk of this site&#39;s server fails" in answer.text
